"""The metrics for Prometheus, for whoever has the token: the process's own, and what is in the database.

What the database counts is read at each scrape. It is the same in every process on it, whoever polled.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from feeds.entries.source_health import describe_trouble
from procurewatch.context import AppContext
from procurewatch.web.context import WebContext
from procurewatch.web.responses import ErrorResponse
from procurewatch.web.security.login import SIGN_INS_PER_MINUTE
from procurewatch.web.security.rate_limit import RateLimiter
from storage.alerts.models import SubscriptionState
from storage.alerts.subscriptions import list_subscriptions
from storage.database import server_time
from storage.maintenance.admin import database_size
from storage.maintenance.processes import list_processes
from storage.reading.source_health import load_health
from storage.schema.tables import DeliveryRow, RunRow

TEXT = "text/plain; version=1.0.0; charset=utf-8"
RECORDS = ("found", "new", "changed", "matched")  # kinds of records that runs count


def router(context: WebContext) -> APIRouter:
    """Return the route of the metrics."""
    routes = APIRouter()
    token, shown = context.app.settings.metrics_token, context.app.metrics
    refused = RateLimiter(SIGN_INS_PER_MINUTE)

    @routes.api_route("/metrics", methods=["GET", "HEAD"])
    def metrics(request: Request) -> Response:
        if token is None or shown is None:
            return ErrorResponse(404, "Metrics are turned off; the operator turns them on with metrics_token.")
        given = request.headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token.get_secret_value().strip()}".encode()):
            if not refused.allow(request.state.client):
                return ErrorResponse(429, "Too many tries; wait a minute.", {"Retry-After": "60"})
            return ErrorResponse(401, "Send the token as Authorization: Bearer.", {"WWW-Authenticate": "Bearer"})
        return Response(
            shown.text() + stored_metrics(context.app), media_type=TEXT, headers={"Cache-Control": "no-store"}
        )

    return routes


def stored_metrics(app_context: AppContext) -> bytes:
    """Return what is in the database, in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Stored(app_context))
    return generate_latest(registry)


class _Stored(Collector):
    """What is in the database."""

    def __init__(self, app_context: AppContext) -> None:
        self._app_context = app_context

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering reads nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, of one state of the database."""
        database = self._app_context.database
        with database.reading() as session:
            yield from _run_metrics(session)
            yield from self._source_metrics(session)
            deliveries = GaugeMetricFamily("procurewatch_deliveries", "Messages of alerts, by state", labels=["state"])
            for state, count in session.execute(
                select(col(DeliveryRow.state), func.count()).group_by(DeliveryRow.state)
            ):
                deliveries.add_metric([state], count)
            yield deliveries
            yield _alert_metric(session)
            alive = sum(process.is_alive for process in list_processes(session, server_time(session)))
            yield GaugeMetricFamily("procurewatch_processes", "Processes of `procurewatch run` that report", alive)
        yield GaugeMetricFamily("procurewatch_database_bytes", "Size of the database", database_size(database))

    def _source_metrics(self, session: Session) -> Iterator[Metric]:
        success = GaugeMetricFamily(
            "procurewatch_source_last_success_timestamp_seconds", "Begin of the last good poll", labels=["source"]
        )
        healthy = GaugeMetricFamily(
            "procurewatch_source_healthy", "1 if the source has no problem, as at /health", labels=["source"]
        )
        quarantined = GaugeMetricFamily(
            "procurewatch_quarantined_records", "Records that could not be read or stored", labels=["source"]
        )
        for name, limit in self._app_context.silences.items():
            health = load_health(session, name, limit)
            if health.last_good:
                success.add_metric([name], health.last_good.timestamp())
            healthy.add_metric([name], not describe_trouble(health))
            quarantined.add_metric([name], health.quarantined)
        yield from (success, healthy, quarantined)


def _alert_metric(session: Session) -> Metric:
    found = GaugeMetricFamily("procurewatch_alerts", "Alerts, by state", labels=["state"])
    now = server_time(session)
    states = Counter(alert.state(now) for alert in list_subscriptions(session))
    for state in SubscriptionState:
        found.add_metric([state], states[state])
    return found


def _run_metrics(session: Session) -> Iterator[Metric]:
    """Yield the sums over all runs that have ended, of polls, backfills and imports."""
    runs = CounterMetricFamily("procurewatch_runs", "Runs that have ended, by status", labels=["source", "status"])
    records = CounterMetricFamily(
        "procurewatch_records",
        "Records that runs have counted: found, new, changed, matched",
        labels=["source", "kind"],
    )
    events = CounterMetricFamily("procurewatch_events", "Events that runs have stored", labels=["source"])
    requests = CounterMetricFamily("procurewatch_source_requests", "Requests that runs have sent", labels=["source"])
    counts = (
        RunRow.rows_found,
        RunRow.new_awards,
        RunRow.changed_awards,
        RunRow.matched,
        RunRow.events,
        RunRow.requests,
    )
    ended = select(col(RunRow.source), col(RunRow.status), func.count(), *(func.sum(col(each)) for each in counts))
    sums: dict[str, list[int]] = {}
    for source, status, number, *found in session.execute(ended.where(col(RunRow.status) != "").group_by(
        col(RunRow.source), col(RunRow.status)
    )):  # fmt: skip
        runs.add_metric([source, status], number)
        sums[source] = [total + int(value) for total, value in zip(sums.get(source, [0] * 6), found, strict=True)]
    for source, (*kinds, stored, sent) in sums.items():
        for kind, value in zip(RECORDS, kinds, strict=True):
            records.add_metric([source, kind], value)
        events.add_metric([source], stored)
        requests.add_metric([source], sent)
    yield from (runs, records, events, requests)
