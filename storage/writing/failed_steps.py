"""Steps of polls that failed: the next poll tries them again first, and readers see which parts were not read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.tables import UnfinishedStepRow


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedPart:
    """A part of a source's polls that has not been read since a time (UTC): what it is called, how many steps, why."""

    part: str
    steps: int
    since: datetime
    reason: str

    def __str__(self) -> str:
        return f"{self.part} have not been checked since {self.since:%Y-%m-%d %H:%M} UTC ({self.reason})"


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
