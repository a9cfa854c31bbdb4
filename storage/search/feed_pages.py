"""The pages of a query's feed: the newest events, and the whole history by the month of first sight (RFC 5005).

An archive page is complete when it is full or when its month is over. New events never change a complete page; a
review decision, a changed watchlist or a changed amount changes pages of its own month only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import StoredEvent
from storage.reading.events import load_events
from storage.schema.tables import EventRow
from storage.search.full_text import Dialect
from storage.search.ordering import bytewise
from storage.search.query import Query
from storage.search.search import (
    dialect_of,
    event_conditions,
    event_signed,
    find_events,
    finds_many,
    newest_events_of,
)

ENTRIES_PER_PAGE = 100
MAX_ENTRIES = 10_000  # in a feed
# Most feed readers do not read archive pages: lemon24/reader, newsboat and FreshRSS take what is in the feed only.
KEPT_IN_FEED = timedelta(days=7)
ARCHIVE_GRACE = timedelta(hours=1)  # a long transaction may store an event later than it was first seen

_NAME = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])\.([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True, order=True)
class ArchivePage:
    """A page of a feed's history: a month, and the page within the month, from 1."""

    year: int
    month: int
    number: int

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}.{self.number}"

    @property
    def month_began(self) -> datetime:
        """The first moment of the month, UTC."""
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def month_ends(self) -> datetime:
        """The first moment after the month, UTC."""
        return datetime(self.year + self.month // 12, self.month % 12 + 1, 1, tzinfo=UTC)


def read_archive_page(name: str) -> ArchivePage | None:
    """Return the page with this name (2026-11.3), `None` if it is not a page's name."""
    found = _NAME.fullmatch(name)
    if not found or found[1] in ("0000", "9999"):  # `datetime` has no year before or after them
        return None
    return ArchivePage(int(found[1]), int(found[2]), int(found[3]))


def feed_events(session: Session, query: Query, limit: int, now: datetime, on_no_page: int = 0) -> list[StoredEvent]:
    """Return the events of a feed, newest first: at most `MAX_ENTRIES`.

    Args:
        limit: how many of the newest events the feed has. It has more if more were first seen in the last seven days.
        now: the present time (UTC).
        on_no_page: how many of the newest events are on no archive page, and therefore in the feed.
    """
    recent = _count(session, query, now - KEPT_IN_FEED)
    return find_events(session, query, min(max(limit, recent, on_no_page), MAX_ENTRIES))


def count_recent_events(session: Session, now: datetime) -> dict[str, int]:
    """Return how many events of each record were first seen in the time for which feeds have all, by record key."""
    query = select(col(EventRow.record_key), func.count())
    query = query.where(col(EventRow.is_published).is_(True), col(EventRow.first_seen) >= now - KEPT_IN_FEED)
    return {row[0]: row[1] for row in session.execute(query.group_by(col(EventRow.record_key)))}


def newest_events(
    session: Session, query: Query, limit: int, now: datetime
) -> tuple[ArchivePage | None, list[StoredEvent]]:
    """Return the newest complete archive page (`None` if there is none), and the events of the feed itself.

    `limit` and `now` are those of `feed_events`. Events first seen in the last hour are on no archive page yet.
    """
    page, newer = _newest_page(session, query, now)
    return page, feed_events(session, query, limit, now, on_no_page=newer)


def archived_events(session: Session, query: Query, page: ArchivePage) -> list[StoredEvent]:
    """Return the events of a complete archive page, newest first as in a feed."""
    dialect = dialect_of(session)
    in_month = (col(EventRow.first_seen) >= page.month_began, col(EventRow.first_seen) < page.month_ends)
    found = event_conditions(query, dialect, in_period=finds_many(session, query))
    rows = select(EventRow).where(*found, *in_month)
    rows = rows.order_by(col(EventRow.first_seen), event_signed, bytewise(dialect, col(EventRow.id)).desc())
    return load_events(session, rows.offset((page.number - 1) * ENTRIES_PER_PAGE).limit(ENTRIES_PER_PAGE))[::-1]


def is_complete(session: Session, query: Query, page: ArchivePage, now: datetime) -> bool:
    """Whether a query's history has this page, and no new event can change it."""
    settled = now.astimezone(UTC) - ARCHIVE_GRACE
    full, rest = divmod(_count(session, query, page.month_began, min(page.month_ends, settled)), ENTRIES_PER_PAGE)
    return page.number <= full + (settled >= page.month_ends and rest > 0)


def page_before(session: Session, query: Query, page: ArchivePage) -> ArchivePage | None:
    """Return the page before a complete one, `None` if it is the oldest."""
    if page.number > 1:
        return ArchivePage(page.year, page.month, page.number - 1)
    return _last_page_before(session, query, page.month_began)


def page_after(session: Session, query: Query, page: ArchivePage, now: datetime) -> ArchivePage | None:
    """Return the complete page after one, `None` while there is none."""
    following = ArchivePage(page.year, page.month, page.number + 1)
    if is_complete(session, query, following, now):
        return following
    seen = _first_seen(query, dialect_of(session)).where(col(EventRow.first_seen) >= page.month_ends)
    later = session.scalar(seen.order_by(col(EventRow.first_seen)).limit(1))
    if later is None:
        return None
    following = ArchivePage(later.year, later.month, 1)
    return following if is_complete(session, query, following, now) else None


def _newest_page(session: Session, query: Query, now: datetime) -> tuple[ArchivePage | None, int]:
    """Return the newest complete page, and how many events are newer than it."""
    settled = now.astimezone(UTC) - ARCHIVE_GRACE
    month = ArchivePage(settled.year, settled.month, 1)
    unsettled = _count(session, query, settled)
    full, rest = divmod(_count(session, query, month.month_began, settled), ENTRIES_PER_PAGE)
    if full:
        return ArchivePage(month.year, month.month, full), unsettled + rest
    return _last_page_before(session, query, month.month_began), unsettled + rest


def _last_page_before(session: Session, query: Query, began: datetime) -> ArchivePage | None:
    """Return the last page before the month that begins at a moment; earlier months are complete."""
    events = newest_events_of(session, query, 1, col(EventRow.first_seen) < began)
    newest = session.scalar(events.with_only_columns(col(EventRow.first_seen)).limit(1))
    if newest is None:
        return None
    month = ArchivePage(newest.year, newest.month, 1)
    pages = -(-_count(session, query, month.month_began, began) // ENTRIES_PER_PAGE)
    return ArchivePage(month.year, month.month, pages)


def _first_seen(query: Query, dialect: Dialect) -> Select[datetime]:
    return select(col(EventRow.first_seen)).where(*event_conditions(query, dialect))


def _count(session: Session, query: Query, since: datetime, until: datetime | None = None) -> int:
    """Return how many events were first seen in a period, its end not included."""
    in_period = finds_many(session, query)
    found = event_conditions(query, dialect_of(session), in_period=in_period)
    conditions = [*found, col(EventRow.first_seen) >= since]
    counted = select(func.count()).select_from(EventRow).where(*conditions)
    return session.scalar(counted.where(col(EventRow.first_seen) < until) if until else counted) or 0
