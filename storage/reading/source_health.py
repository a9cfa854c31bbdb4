"""The state of the sources: incidents, the usual number of rows, the date of the newest record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.tables import IncidentRow, QuarantineRow, RecordRow, RunRow, SightingRow
from storage.writing.failed_steps import UnfinishedPart, unfinished_parts

POLL = "poll"
GOOD = ("new", "nothing new", "nothing matches", "baseline seeded")  # monitors.runs.status.Verdict.is_good
INCOMPLETE = "incomplete"  # monitors.runs.status.Verdict.INCOMPLETE
FAILURES = 3  # failed polls in a row that make an incident
SILENCE = timedelta(hours=24)  # or so long without a good one
HEALTHY_RUNS = 20  # of which the usual number of rows is reckoned
FEWEST_RUNS = 5  # before that nothing is usual
FEWEST_ROWS = 20  # of a source that brings less, "far fewer" says nothing
FAR_FEWER = 0.25
BELIEVED_AFTER = 3  # runs in a row that bring so few: then it is the truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """A time in which a source could not be read (UTC); `ended` is `None` while it lasts."""

    source: str
    began: datetime
    ended: datetime | None
    failures: int
    verdict: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """The state of a source. Times are UTC; `rows` of the latest good poll, `usual_rows` the median of healthy ones.

    `newest` is the latest date in its records: how fresh the upstream itself is. `unfinished` are the parts
    of its polls that failed and have not been read since.
    """

    source: str
    last_run: datetime | None
    last_verdict: str
    last_message: str
    last_good: datetime | None
    rows: int | None
    usual_rows: float | None
    newest: date | None
    quarantined: int
    incident: Incident | None
    unfinished: tuple[UnfinishedPart, ...] = ()


def note_outcome(
    session: Session, source: str, *, good: bool, verdict: str, message: str, now: datetime, at_once: bool = False
) -> None:
    """Open, go on with or end an incident after a poll, whose own row is stored already.

    A source that is down may be up again at the next poll, so it takes several failures to make an incident. With
    `at_once` the first one does: the source answers, and a part of it was not read.
    """
    rows = session.scalars(
        select(IncidentRow).where(col(IncidentRow.source) == source, col(IncidentRow.ended).is_(None))
    )
    row = rows.first()
    if good:
        if row is not None:
            row.ended = now
            session.add(row)
        return
    failed = _failed_in_a_row(session, source)
    if row is None:
        began = failed[-1].started if failed else now
        if not at_once and len(failed) < FAILURES and now - began < SILENCE:
            return
        row = IncidentRow(source=source, began=began, failures=0, verdict="")
    row.failures, row.verdict, row.message = len(failed), verdict, message
    session.add(row)


def too_few(session: Session, source: str, found: int) -> str:
    """Return why a poll that found so few rows is not to be believed, "" if it is.

    Too few again and again is the truth: a watchlist can shrink.
    """
    healthy = _healthy(session, source)
    if len(healthy) < FEWEST_RUNS:
        return ""
    least = min(run.found for run in healthy)
    if least < FEWEST_ROWS or found >= least * FAR_FEWER:
        return ""
    failed = _failed_in_a_row(session, source)
    if len([run for run in failed if run.message.startswith("only ")]) >= BELIEVED_AFTER - 1:
        return ""
    return f"only {found} rows where its last {len(healthy)} good runs found {least} or more; asked again next time"


def health_of(session: Session, source: str) -> SourceHealth:
    """Return the state of a source, as its polls show it."""
    latest = session.scalars(_runs(source).limit(1)).first()
    healthy = _healthy(session, source)
    incidents = incidents_of(session, source)
    quarantined = select(func.count()).select_from(QuarantineRow)
    quarantined = quarantined.where(col(QuarantineRow.source) == source, col(QuarantineRow.solved_at).is_(None))
    return SourceHealth(
        source=source,
        last_run=latest.started if latest else None,
        last_verdict=latest.verdict if latest else "",
        last_message=latest.message if latest else "",
        last_good=_last_good(session, source),
        rows=healthy[0].found if healthy else None,
        usual_rows=median(run.found for run in healthy) if len(healthy) >= FEWEST_RUNS else None,
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
            verdict=row.verdict,
            message=row.message,
        )
        for row in session.scalars(query)
    ]


def _last_good(session: Session, source: str) -> datetime | None:
    """Return when the latest good poll began, be it one that found the data unchanged."""
    row = session.scalars(_runs(source).where(col(RunRow.verdict).in_(GOOD)).limit(1)).first()
    return row.started if row else None


def _newest(session: Session, source: str) -> date | None:
    told = select(func.max(col(SightingRow.modified))).where(col(SightingRow.source) == source)
    published = select(func.max(col(RecordRow.published))).where(col(RecordRow.source) == source)
    days = [day for day in (session.scalar(told), session.scalar(published)) if day]
    return max(days, default=None)


def _failed_in_a_row(session: Session, source: str) -> list[RunRow]:
    """Return the polls that failed since the last good one, newest first."""
    failed = []
    for run in session.scalars(_runs(source).limit(1000)):
        if run.verdict in GOOD:
            break
        if run.verdict:
            failed.append(run)
    return failed


def _healthy(session: Session, source: str) -> list[RunRow]:
    """Return the latest good polls that read everything, newest first."""
    good = _runs(source).where(col(RunRow.verdict).in_(GOOD), col(RunRow.skipped).is_(False))
    return list(session.scalars(good.limit(HEALTHY_RUNS)))


def _runs(source: str) -> Select[RunRow]:
    query = select(RunRow).where(col(RunRow.source) == source, col(RunRow.purpose) == POLL)
    return query.order_by(col(RunRow.id).desc())  # not by their times: a clock may have been wrong
