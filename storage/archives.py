"""The whole history of a query's entries in pieces that stay: by the month in which they were first seen, oldest first.

A page of a month is complete when it is full, or when the month is over; it never gains or loses an entry to a new
event. What a reviewer's verdict, a changed watchlist or a changed amount moves, moves within its month.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import ColumnElement, collate, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.query import Query
from storage.reading import events_from
from storage.searching import event_conditions
from storage.stored import StoredEvent
from storage.tables import EventRow

ENTRIES_A_PAGE = 100
# What is stored a little later than it was first seen (a long transaction, another process) still finds its place.
SETTLED_AFTER = timedelta(hours=1)

_NAME = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])\.([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True, order=True)
class ArchivePage:
    """The place of a page in the history: a month, and the page within it, from 1."""

    year: int
    month: int
    part: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}.{self.part}"


def read_archive_page(name: str) -> ArchivePage | None:
    """Return the page that is named so (2026-11.3), `None` if it is no name of one."""
    found = _NAME.fullmatch(name)
    if not found or found[1] == "0000":
        return None
    return ArchivePage(int(found[1]), int(found[2]), int(found[3]))


def complete_pages(session: Session, query: Query, now: datetime) -> tuple[list[ArchivePage], int]:
    """Return the pages of a query's history that are complete, oldest first, and how many entries none of them holds.

    Args:
        now: the present time (UTC); what was first seen in the last hour is in no page yet.
    """
    settled = now - SETTLED_AFTER
    month = _month(session)
    counted = select(month, func.count()).where(*event_conditions(session, query)).group_by(month).order_by(month)
    late = select(func.count()).select_from(EventRow).where(*event_conditions(session, query))
    unsettled = session.scalar(late.where(col(EventRow.first_seen) >= settled)) or 0
    pages: list[ArchivePage] = []
    left = unsettled
    for name, count in session.execute(counted.where(col(EventRow.first_seen) < settled)):
        year, number = int(name[:4]), int(name[5:])
        is_over = settled >= _end(year, number)
        full, rest = divmod(count, ENTRIES_A_PAGE)
        pages += [ArchivePage(year, number, part) for part in range(1, full + 1 + (is_over and rest > 0))]
        left += 0 if is_over else rest
    return pages, left


def archived_events(session: Session, query: Query, page: ArchivePage) -> list[StoredEvent]:
    """Return the events of a complete page, newest first as feeds have them."""
    signed = func.coalesce(col(EventRow.signed), date.min)
    identifier: ColumnElement[str] = col(EventRow.id)  # type: ignore[assignment]
    if session.get_bind().dialect.name == "postgresql":
        identifier = collate(identifier, "C")
    began = datetime(page.year, page.month, 1, tzinfo=UTC)
    rows = select(EventRow).where(*event_conditions(session, query))
    rows = rows.where(col(EventRow.first_seen) >= began, col(EventRow.first_seen) < _end(page.year, page.month))
    rows = rows.order_by(col(EventRow.first_seen), signed, identifier.desc())
    rows = rows.offset((page.part - 1) * ENTRIES_A_PAGE).limit(ENTRIES_A_PAGE)
    return list(reversed(events_from(session, rows)))


def neighbours(pages: Sequence[ArchivePage], page: ArchivePage) -> tuple[ArchivePage | None, ArchivePage | None]:
    """Return the complete pages before and after a page, `None` where there is none."""
    older = max((other for other in pages if other < page), default=None)
    newer = min((other for other in pages if other > page), default=None)
    return older, newer


def _end(year: int, month: int) -> datetime:
    return datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)


def _month(session: Session) -> ColumnElement[str]:
    if session.get_bind().dialect.name == "postgresql":
        return func.to_char(func.timezone("UTC", col(EventRow.first_seen)), "YYYY-MM")
    return func.strftime("%Y-%m", col(EventRow.first_seen))
