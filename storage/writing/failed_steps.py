"""Failed steps of polls, which the next poll tries again first, and incidents: times when a source cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.reading.source_health import consecutive_failures
from storage.tables import IncidentRow, UnfinishedStepRow

FAILURES = 3  # failed polls in a row that make an incident
SILENCE = timedelta(hours=24)  # or so long without a good one


def note_unfinished(
    session: Session,
    source: str,
    key: str,
    *,
    part: str,
    query: Mapping[str, Any],
    days: tuple[date | None, date | None],
    quiet_for: Collection[str],
    reason: str,
    now: datetime,
) -> None:
    """Note that a step failed. One that had failed before keeps its first day and the time of its first failure."""
    identity = (source, key, bool(quiet_for))
    since, until = days
    row = session.get(UnfinishedStepRow, identity)
    if row is None:
        row = UnfinishedStepRow(
            source=source, key=key, quiet=bool(quiet_for), part=part, query={}, failures=0, failed=now
        )
    elif row.since and since and row.until and until:
        since, until = min(row.since, since), max(row.until, until)
    row.part, row.query, row.since, row.until = part, dict(query), since, until
    row.quiet_for, row.reason, row.failures = sorted({*row.quiet_for, *quiet_for}), reason, row.failures + 1
    session.add(row)
    session.flush()


def note_finished(session: Session, source: str, key: str, *, quiet: bool) -> None:
    """Forget a step that has succeeded."""
    row = session.get(UnfinishedStepRow, (source, key, quiet))
    if row is not None:
        session.delete(row)
        session.flush()


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
    failed = consecutive_failures(session, source)
    if row is None:
        began = failed[-1].started if failed else now
        if not at_once and len(failed) < FAILURES and now - began < SILENCE:
            return
        row = IncidentRow(source=source, began=began, failures=0, status="")
    row.failures, row.status, row.message = len(failed), verdict, message
    session.add(row)
