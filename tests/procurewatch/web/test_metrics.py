"""Metrics for Prometheus, and the id of a request in the response and in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from httpx import Client
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from procurewatch.metrics import Metrics
from storage.alerts.deliveries import queue_delivery
from storage.alerts.models import ChannelKind, Rhythm
from storage.alerts.subscriptions import add_subscription
from storage.database import Database
from storage.schema.tables import RunRow
from tests.app_context import app_context_for, poll
from tests.procurewatch.site import context_for, serve
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

TOKEN = "prometheus-reads-this"  # noqa: S105  of the tests alone
READER = {"Authorization": f"Bearer {TOKEN}"}
Values = dict[tuple[str, tuple[str, ...]], float]


def values(text: str) -> Values:
    """Return each sample by its name and the values of its labels."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@contextmanager
def measured(database: Database, folder: Path) -> Iterator[Client]:
    context = context_for(database, folder, metrics_token=SecretStr(TOKEN))
    with serve(replace(context, metrics=Metrics())) as address, Client(base_url=address, timeout=60) as client:
        yield client


def test_what_the_database_counts(database: Database, tmp_path: Path) -> None:
    started = datetime(2026, 11, 23, 12, tzinfo=UTC)
    counts: dict[str, Any] = {
        "rows_found": 10,
        "new_awards": 2,
        "changed_awards": 3,
        "matched": 4,
        "events": 5,
        "requests": 7,
    }
    with database.writing() as session:
        for status in ("new", "new", "blocked", ""):
            session.add(
                RunRow(source="usaspending", purpose="poll", started=started, ended=started, status=status, **counts)
            )
        given = add_subscription(
            session, channel=ChannelKind.WEBHOOK, address="https://example.org/", rhythm=Rhythm.DAILY, now=started
        )
        queue_delivery(session, given.id, [], since=started, until=started, now=started)
    with measured(database, tmp_path) as client:
        found = values(client.get("/metrics", headers=READER).text)
    assert found["procurewatch_runs_total", ("usaspending", "new")] == 2
    assert found["procurewatch_runs_total", ("usaspending", "blocked")] == 1
    kinds = {
        kind: found["procurewatch_records_total", (kind, "usaspending")]
        for kind in ("found", "new", "changed", "matched")
    }
    assert kinds == {"found": 30, "new": 6, "changed": 9, "matched": 12}
    assert found["procurewatch_events_total", ("usaspending",)] == 15
    assert found["procurewatch_source_requests_total", ("usaspending",)] == 21
    assert found["procurewatch_source_last_success_timestamp_seconds", ("usaspending",)] == started.timestamp()
    assert found["procurewatch_source_healthy", ("usaspending",)] == 0, "the last good poll is long ago"
    assert found["procurewatch_quarantined_records", ("usaspending",)] == 0
    assert found["procurewatch_deliveries", ("pending",)] == 1
    assert [found["procurewatch_alerts", (state,)] for state in ("active", "disabled")] == [1, 0]
    assert found["procurewatch_database_bytes", ()] > 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_requests_are_counted_by_route_template(database: Database, tmp_path: Path) -> None:
    paths = ("/", "/search?q=a", "/search?q=b", "/vendor/clearview-ai.html", "/vendor/no-such.html",
             "/nothing/1", "/nothing/2", "/api/v1/records", "/api/v1/records/x",
             "/sql/procurewatch", "/sql/x")  # fmt: skip
    with measured(database, tmp_path) as client:
        for path in paths:
            client.get(path)
        text = client.get("/metrics", headers=READER).text
    counted = {
        labels: value
        for (name, labels), value in values(text).items()
        if name == "procurewatch_http_request_seconds_count"
    }
    routes = {labels[1] for labels in counted}
    assert counted["GET", "/search", "200"] == 2
    assert counted["GET", "/{path:path}", "404"] == 2
    assert {"/", "/api/v1/records", "/api/v1/records/{key:path}", "/sql"} <= routes
    assert "nothing" not in text
    assert "clearview" not in text


def test_responses_of_sources_are_counted(tmp_path: Path) -> None:
    with FakeUsaspending(load_corpus()) as upstream, app_context_for(upstream.base_url, tmp_path) as app_context:
        metrics = Metrics()
        report = poll(replace(app_context, metrics=metrics))
        found = values(metrics.text().decode())
    assert found["procurewatch_source_response_seconds_count", ("usaspending", "200")] == report.requests


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_may_read_them(database: Database, tmp_path: Path) -> None:
    with serve(context_for(database, tmp_path)) as address, Client(base_url=address) as client:
        assert client.get("/metrics", headers=READER).status_code == 404, "turned off without a token"
    with measured(database, tmp_path) as client:
        assert client.get("/metrics").headers["www-authenticate"] == "Bearer"
        wrong = {"Authorization": f"Bearer {TOKEN}x"}
        assert [client.get("/metrics", headers=wrong).status_code for _ in range(11)] == [401] * 9 + [429] * 2
        answer = client.get("/metrics", headers=READER)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_error_is_logged_with_the_id_of_its_request(database: Database, tmp_path: Path) -> None:
    with measured(database, tmp_path) as client:
        ids = {client.get("/").headers["x-request-id"] for _ in range(3)}
        assert len(ids) == 3
        with database.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE search RENAME TO gone")
        with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
            answer = client.get("/search?q=word")
        assert answer.status_code == 500
    [line] = [line for line in lines if line["event"] == "request failed"]
    assert (line["request"], line["route"]) == (answer.headers["x-request-id"], "/search")
