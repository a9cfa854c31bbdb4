"""Readers and monitors see that nothing polls any more, although nothing that is stored has changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import feedparser
from httpx import Client

from storage.database import Database
from storage.models import RunStatus
from storage.tables import RunRow


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
    assert source["problem"] == f"has had no good poll since {since}: nothing polls it"
    assert client.get("/health").headers["cache-control"] == "no-store"
    [stated] = [each for each in client.get("/api/v1/sources").json() if each["source"] == "usaspending"]
    assert stated["incident"]["status"] == "not polled"

    poll(database, datetime.now(UTC))
    assert client.get("/health").json()["ok"]
    assert "1 source is available" in client.get("/").text
    assert feedparser.parse(client.get("/health.atom").content).entries == []
