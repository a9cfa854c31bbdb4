"""The health of each source: incidents, failed steps, the usual number of rows, the newest record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import GOOD_STATUSES, POLL
from storage.rows import view_of
from storage.tables import IncidentRow, QuarantineRow, RecordRow, RunRow, SourceRecordRow, UnfinishedStepRow

MAX_RUNS = 20  # good runs that give the usual number of rows
MIN_RUNS = 5  # good runs before there is a usual number
MIN_ROWS = 20  # sources with fewer rows are not checked
MIN_SHARE = 0.25  # of the smallest of those runs
MAX_DOUBTED_RUNS = 3  # after so many runs with few rows in a row, the number is accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedPart:
    """A part of a source's polls that has failed since a time (UTC): its number of failed steps and the reason."""

    part: str
    steps: int
    since: datetime
    reason: str

    def __str__(self) -> str:
        return f"{self.part} have not been checked since {self.since:%Y-%m-%d %H:%M} UTC ({self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A period in which a source could not be read (UTC). `ended` is `None` while it lasts."""

    source: str
    began: datetime
    ended: datetime | None
    failures: int
    status: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """The health of a source. Times are UTC.

    `rows` is the number of the latest good poll, `usual_rows` the median of good polls. `newest` is the latest date in
    the source's records. `unfinished` are the parts of its polls that failed and have not succeeded since.
    """

    source: str
    last_run: datetime | None
    last_status: str
    last_message: str
    last_good: datetime | None
    rows: int | None
    usual_rows: float | None
    newest: date | None
    quarantined: int
    incident: Incident | None
    unfinished: tuple[UnfinishedPart, ...] = ()


def row_count_warning(session: Session, source: str, found: int) -> str:
    """Return a warning if a poll found far fewer rows than usual, else "".

    After several such polls in a row the number is accepted, because a watchlist can shrink.
    """
    healthy = _healthy_runs(session, source)
    if len(healthy) < MIN_RUNS:
        return ""
    least = min(run.rows_found for run in healthy)
    if least < MIN_ROWS or found >= least * MIN_SHARE:
        return ""
    failed = consecutive_failures(session, source)
    if len([run for run in failed if run.message.startswith("only ")]) >= MAX_DOUBTED_RUNS - 1:
        return ""
    return f"only {found} rows where its last {len(healthy)} good runs found {least} or more; the next poll tries again"


def unfinished_steps(session: Session, source: str) -> list[UnfinishedStepRow]:
    """Return the steps of a source that failed and have not succeeded since, oldest failure first."""
    query = select(UnfinishedStepRow).where(col(UnfinishedStepRow.source) == source)
    return list(session.scalars(query.order_by(col(UnfinishedStepRow.failed), col(UnfinishedStepRow.key))))


def unfinished_parts(session: Session, source: str) -> tuple[UnfinishedPart, ...]:
    """Return the failed steps of a source grouped by part, with the time and reason of the first failure."""
    parts: dict[str, list[UnfinishedStepRow]] = {}
    for row in unfinished_steps(session, source):
        parts.setdefault(row.part, []).append(row)
    return tuple(
        UnfinishedPart(part=part, steps=len(rows), since=rows[0].failed, reason=rows[0].reason)
        for part, rows in parts.items()
    )


def load_health(session: Session, source: str) -> SourceHealth:
    """Return the health of a source, from its polls."""
    latest = session.scalars(_runs(source).limit(1)).first()
    healthy = _healthy_runs(session, source)
    incidents = list_incidents(session, source)
    quarantined = select(func.count()).select_from(QuarantineRow)
    quarantined = quarantined.where(col(QuarantineRow.source) == source, col(QuarantineRow.resolved_at).is_(None))
    return SourceHealth(
        source=source,
        last_run=latest.started if latest else None,
        last_status=latest.status if latest else "",
        last_message=latest.message if latest else "",
        last_good=_last_good(session, source),
        rows=healthy[0].rows_found if healthy else None,
        usual_rows=median(run.rows_found for run in healthy) if len(healthy) >= MIN_RUNS else None,
        newest=_newest(session, source),
        quarantined=session.scalar(quarantined) or 0,
        incident=next((incident for incident in incidents if incident.ended is None), None),
        unfinished=unfinished_parts(session, source),
    )


def list_incidents(session: Session, source: str = "", limit: int = 100) -> list[Incident]:
    """Return the incidents of a source, or of all, newest first."""
    query = select(IncidentRow).order_by(col(IncidentRow.began).desc(), col(IncidentRow.source)).limit(limit)
    if source:
        query = query.where(col(IncidentRow.source) == source)
    return [view_of(Incident, row) for row in session.scalars(query)]


def _last_good(session: Session, source: str) -> datetime | None:
    """Return when the latest good poll began, including polls that found the data unchanged."""
    row = session.scalars(_runs(source).where(col(RunRow.status).in_(GOOD_STATUSES)).limit(1)).first()
    return row.started if row else None


def _newest(session: Session, source: str) -> date | None:
    modified = select(func.max(col(SourceRecordRow.modified))).where(col(SourceRecordRow.source) == source)
    published = select(func.max(col(RecordRow.published))).where(col(RecordRow.source) == source)
    days = [day for day in (session.scalar(modified), session.scalar(published)) if day]
    return max(days, default=None)


def consecutive_failures(session: Session, source: str) -> list[RunRow]:
    """Return the polls that failed since the last good one, newest first."""
    failed = []
    for run in session.scalars(_runs(source).limit(1000)):
        if run.status in GOOD_STATUSES:
            break
        if run.status:
            failed.append(run)
    return failed


def _healthy_runs(session: Session, source: str) -> list[RunRow]:
    """Return the latest good polls that fetched data, newest first."""
    good = _runs(source).where(col(RunRow.status).in_(GOOD_STATUSES), col(RunRow.skipped).is_(False))
    return list(session.scalars(good.limit(MAX_RUNS)))


def _runs(source: str) -> Select[RunRow]:
    query = select(RunRow).where(col(RunRow.source) == source, col(RunRow.purpose) == POLL)
    return query.order_by(col(RunRow.id).desc())  # not by time, because a clock may have been wrong
