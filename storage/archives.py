"""The whole history of a query's entries in pieces that stay: by the month in which they were first seen, oldest first.

A page of a month is complete when it is full, or when the month is over; it never gains or loses an entry to a new
event. What a reviewer's verdict, a changed watchlist or a changed amount moves, moves within its month.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, collate, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.query import Query
from storage.reading import events_from
from storage.searching import event_conditions, way_to_events
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
    if not found or found[1] in ("0000", "9999"):  # years that begin or end where there are no dates
        return None
    return ArchivePage(int(found[1]), int(found[2]), int(found[3]))


def newest_page(session: Session, query: Query, now: datetime) -> tuple[ArchivePage | None, int]:
    """Return the newest complete page of a query's history, `None` before there is one, and how many entries are newer.

    Args:
        now: the present time (UTC); what was first seen in the last hour is in no page yet.
    """
    settled = now.astimezone(UTC) - SETTLED_AFTER
    began = datetime(settled.year, settled.month, 1, tzinfo=UTC)
    unsettled = _count(session, query, settled)
    full, rest = divmod(_count(session, query, began, settled), ENTRIES_A_PAGE)
    page = ArchivePage(settled.year, settled.month, full) if full else _last_before(session, query, began)
    return page, unsettled + rest


def is_complete(session: Session, query: Query, page: ArchivePage, now: datetime) -> bool:
    """Whether a query's history has this page, and it will stay as it is."""
    settled = now.astimezone(UTC) - SETTLED_AFTER
    began, end = _begin(page), _end(page)
    full, rest = divmod(_count(session, query, began, min(end, settled)), ENTRIES_A_PAGE)
    return page.part <= full + (settled >= end and rest > 0)


def page_before(session: Session, query: Query, page: ArchivePage) -> ArchivePage | None:
    """Return the page before a complete one, `None` if it is the oldest."""
    if page.part > 1:
        return ArchivePage(page.year, page.month, page.part - 1)
    return _last_before(session, query, _begin(page))


def page_after(session: Session, query: Query, page: ArchivePage, now: datetime) -> ArchivePage | None:
    """Return the complete page that follows, `None` while there is none."""
    following = ArchivePage(page.year, page.month, page.part + 1)
    if is_complete(session, query, following, now):
        return following
    later = _told(session, query, func.min(col(EventRow.first_seen)), _end(page))
    if later is None:
        return None
    following = ArchivePage(later.year, later.month, 1)
    return following if is_complete(session, query, following, now) else None


def _last_before(session: Session, query: Query, moment: datetime) -> ArchivePage | None:
    """Return the last page of the months before the one that begins at a moment; they are all over."""
    newest = _told(session, query, func.max(col(EventRow.first_seen)), None, moment)
    if newest is None:
        return None
    began = datetime(newest.year, newest.month, 1, tzinfo=UTC)
    full, rest = divmod(_count(session, query, began, moment), ENTRIES_A_PAGE)
    return ArchivePage(newest.year, newest.month, full + (rest > 0))


def _count(session: Session, query: Query, since: datetime, until: datetime | None = None) -> int:
    return _told(session, query, func.count(), since, until) or 0


def _told(
    session: Session, query: Query, asked: ColumnElement[Any], since: datetime | None, until: datetime | None = None
) -> Any:
    """Return something about a query's events that were first seen in a time, its end not included."""
    way, values = way_to_events(session, query)
    wanted = select(asked).select_from(EventRow).where(*event_conditions(way))
    if since is not None:
        wanted = wanted.where(col(EventRow.first_seen) >= since)
    if until is not None:
        wanted = wanted.where(col(EventRow.first_seen) < until)
    return session.scalar(wanted, values)


def archived_events(session: Session, query: Query, page: ArchivePage) -> list[StoredEvent]:
    """Return the events of a complete page, newest first as feeds have them."""
    signed = func.coalesce(col(EventRow.signed), date.min)
    identifier: ColumnElement[str] = col(EventRow.id)  # type: ignore[assignment]
    if session.get_bind().dialect.name == "postgresql":
        identifier = collate(identifier, "C")
    way, values = way_to_events(session, query)
    rows = select(EventRow).where(*event_conditions(way))
    rows = rows.where(col(EventRow.first_seen) >= _begin(page), col(EventRow.first_seen) < _end(page))
    rows = rows.order_by(col(EventRow.first_seen), signed, identifier.desc())
    rows = rows.offset((page.part - 1) * ENTRIES_A_PAGE).limit(ENTRIES_A_PAGE)
    return list(reversed(events_from(session, rows, values)))


def _begin(page: ArchivePage) -> datetime:
    return datetime(page.year, page.month, 1, tzinfo=UTC)


def _end(page: ArchivePage) -> datetime:
    return datetime(page.year + page.month // 12, page.month % 12 + 1, 1, tzinfo=UTC)
