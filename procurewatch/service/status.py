"""The state of the service: which processes run, when sources are polled, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from feeds.entries.source_health import describe_trouble, future_events_line
from feeds.text import format_time
from monitors.runs.schedule import due_at
from procurewatch.alerts.problems import alert_problems
from procurewatch.context import AppContext
from sources.base import Source
from storage.alerts.deliveries import pending_deliveries
from storage.alerts.subscriptions import list_subscriptions
from storage.database import server_time, shown_url
from storage.maintenance.admin import database_size
from storage.maintenance.processes import RunningProcess, list_processes
from storage.reading.source_health import count_future_events, load_health

NOT_RUNNING = "`procurewatch run` is not running on this database, so nothing is polled and no alerts are sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """When an enabled source was and will be polled (UTC), and its `problem`, "" if there is none.

    `next_poll` is `None` if it has nothing to poll, and in the past if it is due. `last_status` is "" while its last
    poll is under way, or if it was cut off.
    """

    source: str
    title: str
    last_good: datetime | None
    last_poll: datetime | None
    last_status: str
    next_poll: datetime | None
    quarantined: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """The state at `now` (UTC). `size` is that of the database in bytes; `problems` are lines, none if all is well."""

    now: datetime
    processes: Sequence[RunningProcess]
    sources: Sequence[SourceState]
    database: str
    size: int
    subscriptions: int
    pending_alerts: int
    problems: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values, with `ok`."""
        plain: dict[str, Any] = _json_value(asdict(self))
        return {"ok": not self.problems, **plain}


def load_service_status(app_context: AppContext) -> ServiceStatus:
    """Return the state of the service on a database, whether or not a process runs there."""
    database = app_context.database
    with database.reading() as session:
        now = server_time(session)
        processes = list_processes(session, now)
        sources = [_source_state(app_context, session, source, now) for source in app_context.sources]
        subscriptions, pending = list_subscriptions(session), pending_deliveries(session)
        problems = [*_process_problems(processes), *_source_problems(sources)]
        problems += filter(None, [future_events_line(count_future_events(session, now))])
        problems += alert_problems(session)
    return ServiceStatus(
        now=now,
        processes=processes,
        sources=sources,
        database=shown_url(database.engine.url),
        size=database_size(database),
        subscriptions=len(subscriptions),
        pending_alerts=len(pending),
        problems=problems,
    )


def _source_state(app_context: AppContext, session: Session, source: Source, now: datetime) -> SourceState:
    health = load_health(session, source.name, app_context.max_silence(source))
    has_something = app_context.has_something_to_poll(source)
    every = app_context.poll_interval(source)
    return SourceState(
        source=source.name,
        title=source.title,
        last_good=health.last_good,
        last_poll=health.last_run,
        last_status=health.last_status,
        next_poll=due_at(app_context.database, source.name, every, now) if has_something else None,
        quarantined=health.quarantined,
        problem=describe_trouble(health) if has_something else "",
    )


def _process_problems(processes: Sequence[RunningProcess]) -> Iterator[str]:
    if not any(process.is_alive for process in processes):
        yield NOT_RUNNING
    for process in processes:
        if not process.is_alive:
            where = f"process {process.pid} on {process.host}"
            yield f"{where} was killed or is cut off: it has not reported since {format_time(process.renewed)}"


def _source_problems(sources: Sequence[SourceState]) -> Iterator[str]:
    for source in sources:
        if source.problem:
            yield f"{source.title} {source.problem}"


def _json_value(value: Any) -> Any:
    match value:
        case dict():
            return {name: _json_value(each) for name, each in value.items()}
        case list() | tuple():
            return [_json_value(each) for each in value]
        case datetime():
            return value.isoformat()
        case _:
            return value
