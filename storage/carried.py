"""Which entries a feed carries, without what they say: enough to find them again where they are kept as written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Row, Select, and_, bindparam, false, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.query import Query
from storage.reading import AT_ONCE, events_from, run
from storage.reviewing import PUBLISHED
from storage.searching import MOST, Way, bytewise, dialect_of, event_conditions, feed_order, way_to_events
from storage.shapes import MOST_KEPT
from storage.stored import StoredEvent
from storage.tables import EventRow, MatchRow

COLUMNS = (col(EventRow.id), col(EventRow.record_key), col(EventRow.first_seen))
_VENDORS = select(col(MatchRow.record_key), col(MatchRow.vendor_id)).where(
    col(MatchRow.band) == PUBLISHED, col(MatchRow.record_key).in_(bindparam("keys", expanding=True))
)


@dataclass(frozen=True, slots=True)
class Carried:
    """An entry of a feed: its event's id, when that was first seen (UTC), and the ids of those it concerns now.

    These decide what the entry says, since what was told stays as it was told but for whom it concerns.
    """

    event_id: str
    first_seen: datetime
    vendors: tuple[str, ...]


def carried_rows(way: Way) -> Select[str, str, datetime]:
    """Return the select for id, record's key and first seen of the events that a query's feed carries, in no order."""
    return select(*COLUMNS).where(*event_conditions(way))


def newest_rows(session: Session, query: Query, limit: int) -> Sequence[Row[str, str, datetime]]:
    """Return the first of these rows, newest first as feeds have them."""
    way, values = way_to_events(session, query)
    return run(session, _newest(way), values, most=limit).all()


@lru_cache(MOST_KEPT)
def _newest(way: Way) -> Select[str, str, datetime]:
    return carried_rows(way).order_by(*feed_order(way.shape.dialect)).limit(MOST)


def with_vendors(session: Session, rows: Sequence[Row[str, str, datetime]]) -> list[Carried]:
    """Return such rows, in their order, with whom they concern."""
    found: dict[str, list[str]] = {}
    keys = sorted({row.record_key for row in rows})
    for first in range(0, len(keys), AT_ONCE):
        for record_key, vendor_id in run(session, _VENDORS, {"keys": keys[first : first + AT_ONCE]}):
            found.setdefault(record_key, []).append(vendor_id)
    return [Carried(row.id, row.first_seen, tuple(sorted(found.get(row.record_key, ())))) for row in rows]


def carried_before(session: Session, last: Carried | None, limit: int) -> list[Carried]:
    """Return entries of the feed of everything, newest first, from the one after `last` on (`None`: the newest)."""
    identifier = bytewise(dialect_of(session), col(EventRow.id))
    rows = select(*COLUMNS).where(col(EventRow.told).is_(True))
    if last is not None:
        # By the index up to that moment; of those of the same moment, what comes later in the order of ids.
        later = or_(col(EventRow.first_seen) < last.first_seen, identifier > last.event_id)
        rows = rows.where(and_(col(EventRow.first_seen) <= last.first_seen, later))
    rows = rows.order_by(col(EventRow.first_seen).desc(), identifier).limit(limit)
    return with_vendors(session, session.execute(rows).all())


def told_events(session: Session, event_ids: Sequence[str]) -> list[StoredEvent]:
    """Return events by their ids, as feeds tell them, in no order."""
    return events_from(session, select(EventRow).where(col(EventRow.id).in_(event_ids), col(EventRow.told) != false()))
