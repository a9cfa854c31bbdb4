"""The state of the sources: incidents, the usual number of rows, the date of the newest record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from statistics import median

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import GOOD_STATUSES, POLL
from storage.tables import IncidentRow, QuarantineRow, RecordRow, RunRow, SourceRecordRow, UnfinishedStepRow

HEALTHY_RUNS = 20  # of which the usual number of rows is reckoned
FEWEST_RUNS = 5  # before that nothing is usual
FEWEST_ROWS = 20  # of a source that brings less, "far fewer" says nothing
FAR_FEWER = 0.25
BELIEVED_AFTER = 3  # runs in a row that bring so few: then it is the truth


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedPart:
    """A part of a source's polls that has not been read since a time (UTC): what it is called, how many steps, why."""

    part: str
    steps: int
    since: datetime
    reason: str

    def __str__(self) -> str:
        return f"{self.part} have not been checked since {self.since:%Y-%m-%d %H:%M} UTC ({self.reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A time in which a source could not be read (UTC); `ended` is `None` while it lasts."""

    source: str
    began: datetime
    ended: datetime | None
    failures: int
    status: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """The state of a source. Times are UTC; `rows` of the latest good poll, `usual_rows` the median of healthy ones.

    `newest` is the latest date in its records: how fresh the upstream itself is. `unfinished` are the parts
    of its polls that failed and have not been read since.
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


def too_few(session: Session, source: str, found: int) -> str:
    """Return why a poll that found so few rows is not to be believed, "" if it is.

    Too few again and again is the truth: a watchlist can shrink.
    """
    healthy = _healthy(session, source)
    if len(healthy) < FEWEST_RUNS:
        return ""
    least = min(run.rows_found for run in healthy)
    if least < FEWEST_ROWS or found >= least * FAR_FEWER:
        return ""
    failed = failed_in_a_row(session, source)
    if len([run for run in failed if run.message.startswith("only ")]) >= BELIEVED_AFTER - 1:
        return ""
    return f"only {found} rows where its last {len(healthy)} good runs found {least} or more; asked again next time"


def unfinished_steps(session: Session, source: str) -> list[UnfinishedStepRow]:
    """Return the steps of a source that failed and have not succeeded since, the oldest failure first."""
    query = select(UnfinishedStepRow).where(col(UnfinishedStepRow.source) == source)
    return list(session.scalars(query.order_by(col(UnfinishedStepRow.failed), col(UnfinishedStepRow.key))))


def unfinished_parts(session: Session, source: str) -> tuple[UnfinishedPart, ...]:
    """Return the failed steps of a source by part, each with its earliest failure and that one's reason."""
    parts: dict[str, list[UnfinishedStepRow]] = {}
    for row in unfinished_steps(session, source):
        parts.setdefault(row.part, []).append(row)
    return tuple(
        UnfinishedPart(part=part, steps=len(rows), since=rows[0].failed, reason=rows[0].reason)
        for part, rows in parts.items()
    )


def health_of(session: Session, source: str) -> SourceHealth:
    """Return the state of a source, as its polls show it."""
    latest = session.scalars(_runs(source).limit(1)).first()
    healthy = _healthy(session, source)
    incidents = incidents_of(session, source)
    quarantined = select(func.count()).select_from(QuarantineRow)
    quarantined = quarantined.where(col(QuarantineRow.source) == source, col(QuarantineRow.resolved_at).is_(None))
    return SourceHealth(
        source=source,
        last_run=latest.started if latest else None,
        last_status=latest.status if latest else "",
        last_message=latest.message if latest else "",
        last_good=_last_good(session, source),
        rows=healthy[0].rows_found if healthy else None,
        usual_rows=median(run.rows_found for run in healthy) if len(healthy) >= FEWEST_RUNS else None,
        newest=_newest(session, source),
        quarantined=session.scalar(quarantined) or 0,
        incident=next((incident for incident in incidents if incident.ended is None), None),
        unfinished=unfinished_parts(session, source),
    )


def incidents_of(session: Session, source: str = "", limit: int = 100) -> list[Incident]:
    """Return the incidents of a source, or of all, newest first."""
    query = select(IncidentRow).order_by(col(IncidentRow.began).desc(), col(IncidentRow.source)).limit(limit)
    if source:
        query = query.where(col(IncidentRow.source) == source)
    return [
        Incident(
            source=row.source,
            began=row.began,
            ended=row.ended,
            failures=row.failures,
            status=row.status,
            message=row.message,
        )
        for row in session.scalars(query)
    ]


def _last_good(session: Session, source: str) -> datetime | None:
    """Return when the latest good poll began, be it one that found the data unchanged."""
    row = session.scalars(_runs(source).where(col(RunRow.status).in_(GOOD_STATUSES)).limit(1)).first()
    return row.started if row else None


def _newest(session: Session, source: str) -> date | None:
    told = select(func.max(col(SourceRecordRow.modified))).where(col(SourceRecordRow.source) == source)
    published = select(func.max(col(RecordRow.published))).where(col(RecordRow.source) == source)
    days = [day for day in (session.scalar(told), session.scalar(published)) if day]
    return max(days, default=None)


def failed_in_a_row(session: Session, source: str) -> list[RunRow]:
    """Return the polls that failed since the last good one, newest first."""
    failed = []
    for run in session.scalars(_runs(source).limit(1000)):
        if run.status in GOOD_STATUSES:
            break
        if run.status:
            failed.append(run)
    return failed


def _healthy(session: Session, source: str) -> list[RunRow]:
    """Return the latest good polls that read everything, newest first."""
    good = _runs(source).where(col(RunRow.status).in_(GOOD_STATUSES), col(RunRow.skipped).is_(False))
    return list(session.scalars(good.limit(HEALTHY_RUNS)))


def _runs(source: str) -> Select[RunRow]:
    query = select(RunRow).where(col(RunRow.source) == source, col(RunRow.purpose) == POLL)
    return query.order_by(col(RunRow.id).desc())  # not by their times: a clock may have been wrong
