"""The whole history of a query's entries in pieces that stay: by the month in which they were first seen, oldest first.

A page of a month is complete when it is full, or when the month is over; it never gains or loses an entry to a new
event. What a reviewer's verdict, a changed watchlist or a changed amount moves, moves within its month.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.columns import UtcTime
from storage.search.feed_items import COLUMNS, Carried, newest_carried, read_carried, with_vendors
from storage.search.query import Query
from storage.search.query_template import MOST_KEPT
from storage.search.search import MOST, SIGNED, Way, bytewise, event_conditions, way_to_events
from storage.statement_cache import run_for_one
from storage.tables import EventRow

Asked = Literal["count", "oldest", "newest"]

ENTRIES_A_PAGE = 100
# What is stored a little later than it was first seen (a long transaction, another process) still finds its place.
SETTLED_AFTER = timedelta(hours=1)

BEGAN, END = bindparam("began", type_=UtcTime()), bindparam("end", type_=UtcTime())
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


def newest_entries(
    session: Session, query: Query, least: int, most: int, now: datetime
) -> tuple[ArchivePage | None, list[Carried]]:
    """Return the newest complete page of a query's history, `None` before there is one, and what the feed carries.

    Args:
        least: how many of the newest entries the feed carries, if there are so many; more where more are in no page.
        most: how many it never has more of.
        now: the present time (UTC); what was first seen in the last hour is in no page yet.
    """
    carried = newest_carried(session, query, least)
    past = _Past(session, query, [entry.first_seen for entry in reversed(carried)], is_all=len(carried) < least)
    page, left = _newest_page(past, now)
    limit = min(max(least, left), most)
    return page, newest_carried(session, query, limit) if limit > least else carried[:limit]


@dataclass(frozen=True, slots=True)
class _Past:
    """When a query's entries were first seen: the newest at hand, oldest first (all if `is_all`), others looked up."""

    session: Session
    query: Query
    newest: Sequence[datetime] = ()
    is_all: bool = False

    def count(self, since: datetime, until: datetime | None = None) -> int:
        """Return how many were seen in a time, its end not included."""
        if self.is_all or (self.newest and self.newest[0] < since):
            end = len(self.newest) if until is None else bisect_left(self.newest, until)
            return max(0, end - bisect_left(self.newest, since))
        return _count(self.session, self.query, since, until)

    def last_before(self, moment: datetime) -> ArchivePage | None:
        """Return the last page of the months before the one that begins at a moment; they are all over."""
        earlier = bisect_left(self.newest, moment)
        newest = self.newest[earlier - 1] if earlier else None
        if newest is None and not self.is_all:
            newest = _told(self.session, self.query, "newest", None, moment)
        if newest is None:
            return None
        month = newest.astimezone(UTC)
        full, rest = divmod(self.count(datetime(month.year, month.month, 1, tzinfo=UTC), moment), ENTRIES_A_PAGE)
        return ArchivePage(month.year, month.month, full + (rest > 0))


def _newest_page(past: _Past, now: datetime) -> tuple[ArchivePage | None, int]:
    """Return the newest complete page, and how many entries are newer."""
    settled = now.astimezone(UTC) - SETTLED_AFTER
    began = datetime(settled.year, settled.month, 1, tzinfo=UTC)
    unsettled = past.count(settled)
    full, rest = divmod(past.count(began, settled), ENTRIES_A_PAGE)
    page = ArchivePage(settled.year, settled.month, full) if full else past.last_before(began)
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
    return _Past(session, query).last_before(_begin(page))


def page_after(session: Session, query: Query, page: ArchivePage, now: datetime) -> ArchivePage | None:
    """Return the complete page that follows, `None` while there is none."""
    following = ArchivePage(page.year, page.month, page.part + 1)
    if is_complete(session, query, following, now):
        return following
    later = _told(session, query, "oldest", _end(page))
    if later is None:
        return None
    following = ArchivePage(later.year, later.month, 1)
    return following if is_complete(session, query, following, now) else None


def _count(session: Session, query: Query, since: datetime, until: datetime | None = None) -> int:
    return _told(session, query, "count", since, until) or 0


def _told(session: Session, query: Query, asked: Asked, since: datetime | None, until: datetime | None = None) -> Any:
    """Return something about a query's events that were first seen in a time, its end not included."""
    way, values = way_to_events(session, query)
    wanted = _about(way, asked, since is not None, until is not None)
    return run_for_one(session, wanted, values, began=since, end=until)


@lru_cache(MOST_KEPT)
def _about(way: Way, asked: Asked, has_begin: bool, has_end: bool) -> Select[Any]:
    first_seen = col(EventRow.first_seen)
    of: dict[Asked, ColumnElement[Any]] = {
        "count": func.count(),
        "oldest": func.min(first_seen),
        "newest": func.max(first_seen),
    }
    wanted: Select[Any] = select(of[asked]).select_from(EventRow).where(*event_conditions(way))
    if has_begin:
        wanted = wanted.where(first_seen >= BEGAN)
    return wanted.where(first_seen < END) if has_end else wanted


def archived_entries(session: Session, query: Query, page: ArchivePage) -> list[Carried]:
    """Return what a complete page carries, newest first as feeds have them."""
    way, values = way_to_events(session, query)
    times = {"began": _begin(page), "end": _end(page)}
    first, most = (page.part - 1) * ENTRIES_A_PAGE, ENTRIES_A_PAGE
    return read_carried(session, _archived(way), {**values, **times, "first": first, "most": most})


@lru_cache(MOST_KEPT)
def _archived(way: Way) -> Select[Any]:
    first_seen, dialect = col(EventRow.first_seen), way.shape.dialect
    rows = select(*COLUMNS).where(*event_conditions(way), first_seen >= BEGAN, first_seen < END)
    rows = rows.order_by(first_seen, SIGNED, bytewise(dialect, col(EventRow.id)).desc())
    return with_vendors(rows.offset(bindparam("first", type_=Integer())).limit(MOST), dialect)


def _begin(page: ArchivePage) -> datetime:
    return datetime(page.year, page.month, 1, tzinfo=UTC)


def _end(page: ArchivePage) -> datetime:
    return datetime(page.year + page.month // 12, page.month % 12 + 1, 1, tzinfo=UTC)
