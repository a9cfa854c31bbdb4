"""Readers and monitors see that nothing polls any more, although nothing that is stored has changed."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from threading import Thread

import feedparser
import httpx
from httpx import Client

from storage.alerts.subscriptions import disable_subscription, resume_subscription
from storage.database import MAX_CONNECTIONS, Database
from storage.models import RunStatus
from storage.schema.tables import RunRow
from tests.procurewatch.alerts.receiver import add_alert
from tests.records import CLEARVIEW, match
from tests.storage.database_helpers import save


def poll(database: Database, when: datetime) -> None:
    with database.writing() as session:
        session.add(
            RunRow(source="usaspending", purpose="poll", started=when, ended=when, status=RunStatus.NOTHING_NEW.value)
        )


def test_the_site_says_when_nothing_polls_any_more(made: tuple[Client, Database]) -> None:
    client, database = made
    never = client.get("/health")
    assert (never.status_code, never.json()["ok"]) == (200, False)
    assert never.json()["sources"][0]["problem"] == "has not been polled yet"

    long_ago = datetime.now(UTC) - timedelta(days=40)
    poll(database, long_ago)
    since = f"{long_ago:%Y-%m-%d %H:%M} UTC"
    assert f"USAspending has had no good poll since {since}: nothing polls it." in client.get("/").text
    [entry] = feedparser.parse(client.get("/health.atom").content).entries
    assert entry.title == f"USAspending: no good poll since {since}"
    [source] = client.get("/health").json()["sources"]
    one = client.get("/health/sources/usaspending")
    assert (one.status_code, one.json()) == (503, source)
    assert client.get("/health/sources/nothing").status_code == 404
    assert source["problem"] == f"has had no good poll since {since}: nothing polls it"
    assert client.get("/health").headers["cache-control"] == "no-store"
    [stated] = [each for each in client.get("/api/v1/sources").json() if each["source"] == "usaspending"]
    assert stated["incident"]["status"] == "not polled"

    poll(database, datetime.now(UTC))
    assert client.get("/health").json()["ok"]
    assert client.get("/health/sources/usaspending").status_code == 200
    assert "1 source is available" in client.get("/").text
    assert feedparser.parse(client.get("/health.atom").content).entries == []


def test_dates_in_the_future_are_a_problem(made: tuple[Client, Database]) -> None:
    client, database = made
    ahead = datetime.now(UTC) + timedelta(days=365)
    poll(database, ahead)
    answer = client.get("/health").json()
    dated = f"its last poll is dated {ahead:%Y-%m-%d %H:%M} UTC, in the future: a clock is wrong, or was"
    assert (answer["ok"], answer["sources"][0]["problem"]) == (False, dated)

    save(database, CLEARVIEW, match(CLEARVIEW), now=ahead)
    poll(database, datetime.now(UTC))
    answer = client.get("/health").json()
    assert answer["sources"][0]["problem"] == ""
    assert " events are dated in the future: a clock was wrong" in answer["problem"]
    assert not answer["ok"]


def test_a_disabled_alert_is_a_problem_and_its_address_is_not_shown(made: tuple[Client, Database]) -> None:
    client, database = made
    poll(database, datetime.now(UTC))
    alerts = [add_alert(database, "https://example.org/secret-path") for _ in range(2)]
    for count, state in ((1, "alert 1 is"), (2, "alerts 1, 2 are")):
        with database.writing() as session:
            disable_subscription(session, alerts[count - 1].id, "HTTP 404 secret-path", datetime.now(UTC))
        answer = client.get("/health")
        assert answer.json()["problem"] == f"{state} disabled, because messages could not be sent"
        assert (answer.json()["ok"], answer.json()["disabled_alerts"]) == (False, [1, 2][:count])
        assert "secret-path" not in answer.text
    with database.writing() as session:
        for alert in alerts:
            resume_subscription(session, alert.id, datetime.now(UTC))
    assert client.get("/health").json()["ok"]


def test_health_is_answered_while_all_threads_of_the_pages_wait(made: tuple[Client, Database]) -> None:
    """As when PostgreSQL does not answer: every page has a connection and waits."""
    client, database = made
    poll(database, datetime.now(UTC))
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            stack.enter_context(database.engine.connect())
        waiting = [
            Thread(target=httpx.get, args=(f"{client.base_url}/search",), kwargs={"timeout": 60}) for _ in range(45)
        ]
        for thread in waiting:
            thread.start()
        assert client.get("/health/live").json() == {"live": True}
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
    for thread in waiting:
        thread.join()
    assert client.get("/health/ready").status_code == 200
