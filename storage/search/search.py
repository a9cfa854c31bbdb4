"""Asking what is stored: records in the order of their dates, events in the order in which feeds carry them.

Every condition of a query is checked of every row that is given. Where few records can be meant (a vendor, a rare word)
they are taken from an index and sorted; where many can, rows are read in their order until there are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    SelectBase,
    SQLColumnExpression,
    and_,
    bindparam,
    collate,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.columns import UtcTime
from storage.models import StoredEvent, StoredRecord
from storage.reading.records import AT_ONCE, RECORD_COLUMNS, events_from, records_of
from storage.search.filters import (
    has_event,
    is_of_match,
    is_withdrawn,
    of_dates,
    of_event,
    of_facets,
    of_match,
    of_record,
    of_words,
)
from storage.search.full_text import places_with
from storage.search.index import place_of
from storage.search.query import BandFilter, InvalidQuery, Query
from storage.search.query_template import MOST_KEPT, Asked, Dialect, Shape, asked
from storage.statement_cache import run, run_for_one
from storage.tables import EventRow, MatchRow, RecordRow, SearchRow

Condition = ColumnElement[bool]
Values = Mapping[str, Any]

FEW = 20_000  # records that are sooner sorted than found by reading all in their order
MOST = bindparam("most", type_=Integer())
SIGNED = func.coalesce(col(EventRow.signed), date.min)


@dataclass(frozen=True, slots=True)
class Way:
    """How to look for a question: its shape, and which of its parts are looked up in their own index, being few."""

    shape: Shape
    by_matches: bool
    by_words: bool  # of events: by records, whichever index finds those


def find_records(session: Session, query: Query, limit: int | None = None, after: str = "") -> Iterator[StoredRecord]:
    """Give the records a query asks for, newest signed (or published) first, in bounded memory.

    Args:
        limit: the most to give; `None` for all.
        after: `record_cursor` of the last one that was given before.

    Raises:
        InvalidQuery: the cursor is none.
    """
    place = _read_record_cursor(after) if after else None
    way, values = way_to_records(session, query, in_order=True)
    left = limit
    while left is None or left > 0:
        wanted = AT_ONCE if left is None else min(AT_ONCE, left)
        rows = run(session, _newest_records(way, place is not None), values, place=place, most=wanted)
        yield from records_of(session, [row[1:] for row in rows])
        if len(rows) < wanted:
            return
        place, left = rows[-1][0], None if left is None else left - len(rows)


@lru_cache(MOST_KEPT)
def _newest_records(way: Way, is_after: bool) -> Select[Any]:
    found = select(col(SearchRow.place), col(SearchRow.record_key)).where(*record_conditions(way))
    if is_after:
        found = found.where(col(SearchRow.place) < bindparam("place"))
    # First which, and then what is stored of them: no record is read that is not given.
    these = found.order_by(col(SearchRow.place).desc()).limit(MOST).subquery()
    whole = select(these.c.place, *RECORD_COLUMNS).join(RecordRow, col(RecordRow.key) == these.c.record_key)
    return whole.order_by(these.c.place.desc())


def record_cursor(record: StoredRecord) -> str:
    """Return where a record stands, for `find_records` to go on after it."""
    return str(place_of(record.signed or record.published or date.min, record.key))


def count_records(session: Session, query: Query, most: int | None = None) -> int:
    """Return how many records a query finds; counting ends past `most`, if it is given, with one more than that."""
    way, values = way_to_records(session, query, in_order=False)
    return _counted(session, _count_records(way, most is not None), values, most)


@lru_cache(MOST_KEPT)
def _count_records(way: Way, is_limited: bool) -> Select[int]:
    return _count(select(literal(1)).select_from(SearchRow).where(*record_conditions(way)), is_limited=is_limited)


def find_events(session: Session, query: Query, limit: int, before: str = "") -> list[StoredEvent]:
    """Return the told events of the records a query asks for, newest seen first, then newest signed, then by id.

    A query's kind of event and its dates are those of the event. What was withdrawn is told under its former match.

    Args:
        limit: the most to return.
        before: `event_cursor` of the last one of the page before.

    Raises:
        InvalidQuery: the cursor is none.
    """
    cursor = _read_event_cursor(before) if before else {}
    way, values = way_to_events(session, query)
    return events_from(session, _newest_events(way, bool(before)), {**values, **cursor, "most": limit})


@lru_cache(MOST_KEPT)
def _newest_events(way: Way, is_before: bool) -> Select[EventRow]:
    rows = select(EventRow).where(*event_conditions(way))
    if is_before:
        rows = rows.where(_is_older(SIGNED, bytewise(way.shape.dialect, col(EventRow.id))))
    return rows.order_by(*feed_order(way.shape.dialect)).limit(MOST)


def feed_order(dialect: Dialect) -> tuple[ColumnElement[Any], ...]:
    """Return the order of entries in a feed, over `EventRow`: newest seen first, then newest signed, then by id."""
    return col(EventRow.first_seen).desc(), SIGNED.desc(), bytewise(dialect, col(EventRow.id)).asc()


def event_cursor(event: StoredEvent) -> str:
    """Return where an event stands, for `find_events` to go on with what is older."""
    signed = (event.signed or date.min).isoformat()
    return f"{event.first_seen.astimezone(UTC).isoformat()}~{signed}~{event.id}"


def count_events_since(session: Session, query: Query, since: date, most: int | None = None) -> int:
    """Return how many entries a query's feed has had from a day (UTC) on; `most` as in `count_records`."""
    way, values = way_to_events(session, query)
    began = datetime.combine(since, time.min, UTC)
    return _counted(session, _count_events(way, most is not None), {**values, "began": began}, most)


@lru_cache(MOST_KEPT)
def _count_events(way: Way, is_limited: bool) -> Select[int]:
    found = select(literal(1)).select_from(EventRow).where(*event_conditions(way))
    return _count(found.where(col(EventRow.first_seen) >= bindparam("began")), is_limited=is_limited)


def _count(found: Select[int], *, is_limited: bool) -> Select[int]:
    return select(func.count()).select_from((found.limit(MOST) if is_limited else found).subquery())


def _counted(session: Session, counting: Select[int], values: Values, most: int | None) -> int:
    return run_for_one(session, counting, values, most=None if most is None else most + 1) or 0


def way_to_records(session: Session, query: Query, *, in_order: bool) -> tuple[Way, Values]:
    """Return how to look for the records of a query, and the values that a statement made so is executed with.

    `in_order`: only the first rows are wanted, in their order; otherwise all are, and the indexes find them.
    """
    shape, values = question = asked(query, dialect_of(session))
    by_matches = bool(shape.vendor or shape.category) and (not in_order or _few(session, _count_matches, question))
    by_words = bool(shape.terms) and (not in_order or _few(session, _count_places, question))
    return Way(shape, by_matches=by_matches, by_words=by_words), values


def way_to_events(session: Session, query: Query) -> tuple[Way, Values]:
    """Return the same of the told events of a query's feed."""
    shape, values = question = asked(query, dialect_of(session))
    # What was withdrawn, which feeds have told too, is never much.
    by_matches = bool(shape.vendor or shape.category) and _few(session, _count_matches, question)
    counted = _count_places if shape.terms else _count_meant
    by_records = _asks_of_record(shape) and _few(session, counted, question)
    return Way(shape, by_matches=by_matches, by_words=by_records), values


def dialect_of(session: Session) -> Dialect:
    """Return which kind of database is asked."""
    return "postgresql" if session.get_bind().dialect.name == "postgresql" else "sqlite"


def _few(session: Session, count: Callable[[Shape], Select[int]], question: Asked) -> bool:
    """Whether few rows are found. An answer asks the same several times: it is counted once in a session."""
    counted: dict[Hashable, bool] = session.info.setdefault("few", {})
    key = (count, question.shape, tuple(question.values.values()))
    if key not in counted:
        counted[key] = run_for_one(session, count(question.shape), question.values, most=FEW + 1) <= FEW
    return counted[key]


@lru_cache(MOST_KEPT)
def _count_matches(shape: Shape) -> Select[int]:
    return _count_some(_matched(shape))


@lru_cache(MOST_KEPT)
def _count_places(shape: Shape) -> Select[int]:
    return _count_some(places_with(shape.dialect))


@lru_cache(MOST_KEPT)
def _count_meant(shape: Shape) -> Select[int]:
    return _count_some(_meant(shape))


def _count_some(found: SelectBase) -> Select[int]:
    return _count(select(literal(1)).select_from(found.subquery()), is_limited=True)


def record_conditions(way: Way) -> list[Condition]:
    """Return what narrows a select over `SearchRow` to what a query asks for."""
    shape = way.shape
    found = [*of_words(shape, by_index=way.by_words), *of_facets(shape), *of_dates(shape), *has_event(shape)]
    if way.by_matches:
        return [*found, col(SearchRow.record_key).in_(_matched(shape))]
    if shape.band is BandFilter.PUBLISHED:
        found.append(col(SearchRow.is_published).is_(True))
    if is_of_match(shape):
        matched = exists().where(col(MatchRow.record_key) == col(SearchRow.record_key), *of_match(shape))
        found.append(matched.correlate(SearchRow))
    return found


def event_conditions(way: Way) -> list[Condition]:
    """Return what narrows a select over `EventRow` to the told events of a query's feed."""
    shape = way.shape
    found = list(_about_matches(shape))
    if way.by_matches:
        found.append(col(EventRow.record_key).in_(_told_matched(shape)))
    if way.by_words:
        found.append(col(EventRow.record_key).in_(_meant(shape)))
    elif _asks_of_record(shape):
        found.append(exists().where(col(SearchRow.record_key) == col(EventRow.record_key), *of_record(shape)))
    # Of few records the events are sorted. No index is to be taken for the told ones: they are nearly all.
    few = way.by_matches or way.by_words
    told = col(EventRow.told) != false() if few else col(EventRow.told).is_(True)
    return [told, *of_event(shape, by_index=not few), *found]


@lru_cache(MOST_KEPT)
def _asks_of_record(shape: Shape) -> bool:
    return any(True for _ in of_record(shape))


def _matched(shape: Shape) -> Select[str]:
    """Return the query for the keys of the records whose matches are asked for."""
    return select(col(MatchRow.record_key)).where(*of_match(shape))


def _told_matched(shape: Shape) -> SelectBase:
    """Return the query for the keys of all records that feeds can have told of under such matches."""
    keys = _matched(shape)
    return union(keys, select(col(EventRow.record_key)).where(is_withdrawn(shape))) if shape.is_public else keys


def _meant(shape: Shape) -> Select[str]:
    """Return the query for the keys of the records that a query means, but for its dates and matches."""
    return select(col(SearchRow.record_key)).where(*of_words(shape, by_index=True), *of_facets(shape))


def _about_matches(shape: Shape) -> Iterator[Condition]:
    if match := of_match(shape):
        matched = exists().where(col(MatchRow.record_key) == col(EventRow.record_key), *match).correlate(EventRow)
        yield or_(matched, is_withdrawn(shape)) if shape.is_public else matched


def _is_older(signed: ColumnElement[date], identifier: SQLColumnExpression[str]) -> ColumnElement[bool]:
    day, first_seen = bindparam("last_signed", type_=signed.type), col(EventRow.first_seen)
    same_day = or_(signed < day, and_(signed == day, identifier > bindparam("last_id")))
    seen = bindparam("last_seen", type_=UtcTime())
    return and_(first_seen <= seen, or_(first_seen < seen, same_day))


def _read_event_cursor(cursor: str) -> Values:
    try:
        seen_text, signed_text, last = cursor.replace("\x00", "").split("~", 2)
        seen = datetime.fromisoformat(seen_text).astimezone(UTC)
        return {"last_seen": seen, "last_signed": date.fromisoformat(signed_text), "last_id": last}
    except (ValueError, OverflowError):
        raise InvalidQuery("the place to go on from cannot be read; begin again without it") from None


def _read_record_cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**63):
        raise InvalidQuery("the place to go on from cannot be read; begin again without it")
    return int(text)


def bytewise(dialect: Dialect, column: SQLColumnExpression[str]) -> SQLColumnExpression[str]:
    """Return a text to order by as SQLite does, whatever language the server's cluster was made for."""
    return collate(column, "C") if dialect == "postgresql" else column
