"""Which entries a feed carries, without what they say: enough to find them again where they are kept as written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Select, SelectBase, and_, bindparam, false, func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.columns import UtcTime
from storage.models import MatchBand, StoredEvent
from storage.reading.records import events_from
from storage.search.query import Query
from storage.search.query_template import MOST_KEPT, Dialect
from storage.search.search import MOST, Way, bytewise, dialect_of, event_conditions, feed_order, way_to_events
from storage.statement_cache import run
from storage.tables import EventRow, MatchRow

COLUMNS = (col(EventRow.id), col(EventRow.record_key), col(EventRow.first_seen), col(EventRow.signed))
BETWEEN = "\n"  # ids of vendors, in which it cannot be


class Carried(NamedTuple):
    """An entry of a feed: its event's id, when that was first seen (UTC), and the ids of those it concerns now.

    These decide what the entry says, since what was told stays as it was told but for whom it concerns (and for why, of
    somebody who was found later: docs/feeds.md).
    """

    event_id: str
    first_seen: datetime
    vendors: tuple[str, ...]


def newest_carried(session: Session, query: Query, limit: int) -> list[Carried]:
    """Return what the feed of a query carries, newest first, so many at most."""
    way, values = way_to_events(session, query)
    return read_carried(session, _newest(way), {**values, "most": limit})


@lru_cache(MOST_KEPT)
def _newest(way: Way) -> Select[Any]:
    rows = select(*COLUMNS).where(*event_conditions(way)).order_by(*feed_order(way.shape.dialect)).limit(MOST)
    return with_vendors(rows, way.shape.dialect)


def carried_before(session: Session, last: Carried | None, limit: int) -> list[Carried]:
    """Return entries of the feed of everything, newest first, from the one after `last` on (`None`: the newest)."""
    place = {"last_seen": last.first_seen, "last_id": last.event_id} if last else {}
    return read_carried(session, _before(dialect_of(session), bool(last)), {**place, "most": limit})


@lru_cache(MOST_KEPT)
def _before(dialect: Dialect, is_after: bool) -> Select[Any]:
    rows = select(*COLUMNS).where(col(EventRow.told).is_(True))
    identifier, seen = bytewise(dialect, col(EventRow.id)), bindparam("last_seen", type_=UtcTime())
    if is_after:
        # By the index up to that moment; of those of the same moment, what comes later in the order of ids.
        later = or_(col(EventRow.first_seen) < seen, identifier > bindparam("last_id"))
        rows = rows.where(and_(col(EventRow.first_seen) <= seen, later))
    rows = rows.order_by(col(EventRow.first_seen).desc(), identifier).limit(MOST)
    return with_vendors(rows, dialect, by_signed=False)


def with_vendors(rows: SelectBase, dialect: Dialect, *, by_signed: bool = True) -> Select[Any]:
    """Return a select over `COLUMNS` for `read_carried`: in the order of feeds, with whom the records concern."""
    found = rows.subquery()
    joined = func.string_agg if dialect == "postgresql" else func.group_concat
    vendors = select(joined(col(MatchRow.vendor_id), BETWEEN))
    vendors = vendors.where(col(MatchRow.record_key) == found.c.record_key, col(MatchRow.band) == MatchBand.PUBLISHED)
    signed = [func.coalesce(found.c.signed, date.min).desc()] if by_signed else []
    order = (found.c.first_seen.desc(), *signed, bytewise(dialect, found.c.id))
    return select(found.c.id, found.c.first_seen, vendors.scalar_subquery()).order_by(*order)


def read_carried(session: Session, statement: Select[Any], values: Mapping[str, Any]) -> list[Carried]:
    """Return what such a select finds."""
    return [
        Carried(event_id, first_seen, _listed(vendors or ""))
        for event_id, first_seen, vendors in run(session, statement, values)
    ]


def _listed(vendors: str) -> tuple[str, ...]:
    if BETWEEN in vendors:
        return tuple(sorted(vendors.split(BETWEEN)))
    return (vendors,) if vendors else ()


def told_events(session: Session, event_ids: Sequence[str]) -> list[StoredEvent]:
    """Return events by their ids, as feeds tell them, in no order."""
    return events_from(session, select(EventRow).where(col(EventRow.id).in_(event_ids), col(EventRow.told) != false()))
