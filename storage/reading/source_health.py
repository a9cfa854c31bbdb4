"""The health of each source: incidents, failed steps, the usual number of rows, the newest record.

That a source is not polled any more is not stored, since nothing runs that could: it is found when somebody looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.database import server_time
from storage.models import GOOD_STATUSES, POLL, RunStatus
from storage.rows import view_of
from storage.schema.tables import (
    CheckpointRow,
    EventRow,
    IncidentRow,
    QuarantineRow,
    RecordRow,
    RunRow,
    SourceRecordRow,
    UnfinishedStepRow,
)

MAX_RUNS = 20  # good runs that give the usual number of rows
MIN_RUNS = 5  # good runs before there is a usual number
MIN_ROWS = 20  # sources with fewer rows are not checked
MIN_SHARE = 0.25  # of the smallest of those runs
MAX_SILENCE = timedelta(hours=24)  # without a good poll
NOT_POLLED = "not polled"  # the status of an incident without a failed poll
MAX_DOUBTED_RUNS = 3  # after so many runs with few rows in a row, the number is accepted
NOT_BEFORE = "not-before"  # the checkpoint with the time until which a source has asked for no request
CLOCK_ERROR = timedelta(days=1)  # a time further ahead was recorded under a wrong clock
MAX_AHEAD = timedelta(minutes=10)  # of a poll, by another machine's clock
MAX_WAIT = timedelta(days=1)  # the longest that a source may ask for: until its quota is renewed


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
    `waits_until`: the source has asked for no request before this time; `None` if it has not, or the time has passed.
    `is_ahead`: the latest poll is dated in the future.
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
    waits_until: datetime | None = None
    is_ahead: bool = False


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


def max_silence(interval: timedelta) -> timedelta:
    """Return how long a source that is polled every `interval` may be without a good poll."""
    return interval + MAX_SILENCE if interval > MAX_SILENCE else MAX_SILENCE


def silent_since(session: Session, source: str, limit: timedelta, now: datetime) -> datetime | None:
    """Return when the last good poll of a source began, or its first one, if that is longer ago than `limit`.

    `None` if there was a good poll since, or none at all. Polls under a clock that was ahead do not count.
    """
    polls = _runs(source).where(col(RunRow.started) <= now)
    good = session.scalars(polls.where(col(RunRow.status).in_(GOOD_STATUSES)).limit(1)).first()
    if good is None:
        good = session.scalars(polls.order_by(None).order_by(col(RunRow.id)).limit(1)).first()
    return good.started if good and now - (good.ended or good.started) > limit else None


def find_silences(session: Session, limits: Mapping[str, timedelta], now: datetime | None = None) -> list[Incident]:
    """Return an incident for each source that has had no good poll for too long, unless one is stored.

    `limits` is how long each source may be without one (`max_silence`), by name. Only sources that have been polled
    are looked at.
    """
    now = now or server_time(session)
    found = []
    for source, limit in limits.items():
        latest = session.scalars(_runs(source).limit(1)).first()
        stored = session.scalars(_incidents(source).where(col(IncidentRow.ended).is_(None)).limit(1)).first()
        began = silent_since(session, source, limit, now)
        if stored is not None:
            is_known = stored.status != RunStatus.INCOMPLETE or latest is None or now - latest.started <= limit
            began = None if is_known or latest is None else latest.started
        if began is not None and latest is not None:
            found.append(_silence(source, began, latest))
    return found


def _silence(source: str, began: datetime, latest: RunRow) -> Incident:
    is_failed = latest.status and latest.status not in GOOD_STATUSES
    reason = f"the last poll ended with: {latest.message or latest.status}" if is_failed else "nothing polls it"
    return Incident(source=source, began=began, ended=None, failures=0, status=NOT_POLLED, message=reason)


def last_good_polls(session: Session) -> dict[str, datetime]:
    """Return when the last good poll of each source began (UTC)."""
    good = select(col(RunRow.source), func.max(col(RunRow.started))).where(
        col(RunRow.purpose) == POLL, col(RunRow.status).in_(GOOD_STATUSES)
    )
    return {row[0]: row[1] for row in session.execute(good.group_by(col(RunRow.source)))}


def load_health(session: Session, source: str, limit: timedelta = MAX_SILENCE) -> SourceHealth:
    """Return the health of a source, from its polls. `limit`: how long it may be without a good one (`max_silence`)."""
    now = server_time(session)
    latest = session.scalars(_runs(source).limit(1)).first()
    healthy = _healthy_runs(session, source)
    silences = find_silences(session, {source: limit}, now)
    incidents = [*silences, *list_incidents(session, source)]
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
        waits_until=load_wait(session, source, now),
        is_ahead=latest is not None and latest.started > now + MAX_AHEAD,
    )


def count_future_events(session: Session, now: datetime) -> int:
    """Return how many events a wrong clock has dated in the future."""
    ahead = (col(EventRow.is_published).in_((True, False)), col(EventRow.first_seen) > now + CLOCK_ERROR)
    return session.scalar(select(func.count()).select_from(EventRow).where(*ahead)) or 0


def load_wait(session: Session, source: str, now: datetime) -> datetime | None:
    """Return until when a source has asked to be left alone, `None` if it has not, or the time has passed.

    A time more than a day ahead was recorded by a wrong clock and is ignored.
    """
    row = session.get(CheckpointRow, (source, NOT_BEFORE))
    until = datetime.fromisoformat(row.value) if row else now
    return until if now < until <= now + MAX_WAIT else None


def list_incidents(session: Session, source: str = "", limit: int = 100) -> list[Incident]:
    """Return the incidents of a source, or of all, newest first."""
    return [view_of(Incident, row) for row in session.scalars(_incidents(source).limit(limit))]


def _incidents(source: str) -> Select[IncidentRow]:
    query = select(IncidentRow).order_by(col(IncidentRow.began).desc(), col(IncidentRow.source))
    return query.where(col(IncidentRow.source) == source) if source else query


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


def first_good_poll(session: Session, source: str) -> datetime | None:
    """Return when the first good poll of a source began (UTC), `None` if none was good."""
    first = select(func.min(col(RunRow.started))).where(col(RunRow.source) == source, col(RunRow.purpose) == POLL)
    return session.scalar(first.where(col(RunRow.status).in_(GOOD_STATUSES)))


def _healthy_runs(session: Session, source: str) -> list[RunRow]:
    """Return the latest good polls that fetched data, newest first."""
    good = _runs(source).where(col(RunRow.status).in_(GOOD_STATUSES), col(RunRow.skipped).is_(False))
    return list(session.scalars(good.limit(MAX_RUNS)))


def _runs(source: str) -> Select[RunRow]:
    query = select(RunRow).where(col(RunRow.source) == source, col(RunRow.purpose) == POLL)
    return query.order_by(col(RunRow.id).desc())  # not by time, because a clock may have been wrong
