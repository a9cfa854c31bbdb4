"""Asking what is stored: records in the order of their dates, events in the order in which feeds carry them.

Every condition of a query is checked of every row that is given. Where few records can be meant (a vendor, a rare word)
they are taken from an index and sorted; where many can, rows are read in their order until there are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    SelectBase,
    SQLColumnExpression,
    and_,
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

from storage.conditions import has_event, is_of_match, is_withdrawn, of_dates, of_event, of_facets, of_match, of_record
from storage.full_text import Either, asked_terms, holds, is_exact, places_with
from storage.query import Band, InvalidQuery, Query
from storage.reading import AT_ONCE, events_from, records_by_key
from storage.search_index import place_of
from storage.stored import StoredEvent, StoredRecord
from storage.tables import EventRow, MatchRow, SearchRow

Condition = ColumnElement[bool]

FEW = 20_000  # records that are sooner sorted than found by reading all in their order


def find_records(session: Session, query: Query, limit: int | None = None, after: str = "") -> Iterator[StoredRecord]:
    """Give the records a query asks for, newest signed (or published) first, in bounded memory.

    Args:
        limit: the most to give; `None` for all.
        after: `record_cursor` of the last one that was given before.

    Raises:
        InvalidQuery: the cursor is none.
    """
    place = _read_record_cursor(after) if after else None
    asked = select(col(SearchRow.place), col(SearchRow.record_key))
    asked = asked.where(*record_conditions(session, query, in_order=True))
    asked = asked.order_by(col(SearchRow.place).desc())
    left = limit
    while left is None or left > 0:
        page = asked if place is None else asked.where(col(SearchRow.place) < place)
        wanted = AT_ONCE if left is None else min(AT_ONCE, left)
        rows = session.execute(page.limit(wanted)).all()
        yield from records_by_key(session, [key for _, key in rows])
        if len(rows) < wanted:
            return
        place, left = rows[-1][0], None if left is None else left - len(rows)


def record_cursor(record: StoredRecord) -> str:
    """Return where a record stands, for `find_records` to go on after it."""
    return str(place_of(record.signed or record.published or date.min, record.key))


def count_records(session: Session, query: Query, most: int | None = None) -> int:
    """Return how many records a query finds; counting ends past `most`, if it is given, with one more than that."""
    found = select(literal(1)).select_from(SearchRow).where(*record_conditions(session, query, in_order=False))
    return _counted(session, found, most)


def find_events(session: Session, query: Query, limit: int, before: str = "") -> list[StoredEvent]:
    """Return the told events of the records a query asks for, newest seen first, then newest signed, then by id.

    A query's kind of event and its dates are those of the event. What was withdrawn is told under its former match.

    Args:
        limit: the most to return.
        before: `event_cursor` of the last one of the page before.

    Raises:
        InvalidQuery: the cursor is none.
    """
    rows = select(EventRow).where(*event_conditions(session, query))
    if before:
        signed = func.coalesce(col(EventRow.signed), date.min)
        rows = rows.where(_is_older(before, signed, bytewise(session, col(EventRow.id))))
    return events_from(session, rows.order_by(*feed_order(session)).limit(limit))


def feed_order(session: Session) -> tuple[ColumnElement[Any], ...]:
    """Return the order of entries in a feed, over `EventRow`: newest seen first, then newest signed, then by id."""
    signed = func.coalesce(col(EventRow.signed), date.min)
    return col(EventRow.first_seen).desc(), signed.desc(), bytewise(session, col(EventRow.id)).asc()


def event_cursor(event: StoredEvent) -> str:
    """Return where an event stands, for `find_events` to go on with what is older."""
    signed = (event.signed or date.min).isoformat()
    return f"{event.first_seen.astimezone(UTC).isoformat()}~{signed}~{event.id}"


def count_events_since(session: Session, query: Query, since: date, most: int | None = None) -> int:
    """Return how many entries a query's feed has had from a day (UTC) on; `most` as in `count_records`."""
    found = select(literal(1)).select_from(EventRow).where(*event_conditions(session, query))
    return _counted(session, found.where(col(EventRow.first_seen) >= datetime.combine(since, time.min, UTC)), most)


def _counted(session: Session, found: Select[int], most: int | None) -> int:
    limited = found.limit(most + 1) if most is not None else found
    return session.scalar(select(func.count()).select_from(limited.subquery())) or 0


def record_conditions(session: Session, query: Query, *, in_order: bool) -> list[Condition]:
    """Return what narrows a select over `SearchRow` to what a query asks for.

    `in_order`: only the first rows are wanted, in their order; otherwise all are, and the indexes find them.
    """
    return _once(session, (query, in_order), lambda: _of_records(session, query, in_order=in_order))


def event_conditions(session: Session, query: Query) -> list[Condition]:
    """Return what narrows a select over `EventRow` to the told events of a query's feed."""
    return _once(session, query, lambda: _of_events(session, query))


def _once(session: Session, asked: Hashable, make: Callable[[], list[Condition]]) -> list[Condition]:
    """Return what was made for the same question before: an answer asks it several times, and counts to choose how."""
    made: dict[Hashable, list[Condition]] = session.info.setdefault("conditions", {})
    if asked not in made:
        made[asked] = make()
    return made[asked]


def _of_records(session: Session, query: Query, *, in_order: bool) -> list[Condition]:
    keys = select(col(MatchRow.record_key)).where(*of_match(query)) if query.vendor or query.category else None
    if keys is not None and in_order and not _are_few(session, keys):
        keys = None
    terms = asked_terms(query)
    places = places_with(session, terms) if terms else None
    if places is not None and in_order and not _are_few(session, places):
        places = None
    found = [*_with_words(session, terms, places), *of_facets(query), *of_dates(query), *has_event(query)]
    if keys is not None:
        return [*found, col(SearchRow.record_key).in_(keys)]
    if query.band is Band.PUBLISH:
        found.append(col(SearchRow.is_published).is_(True))
    if is_of_match(query):
        matched = exists().where(col(MatchRow.record_key) == col(SearchRow.record_key), *of_match(query))
        found.append(matched.correlate(SearchRow))
    return found


def _with_words(session: Session, terms: Sequence[Either], places: Select[int] | None) -> Iterator[Condition]:
    """Give that a record holds these terms, by the index of words where its `places` are given."""
    if places is not None:
        yield col(SearchRow.place).in_(places)
    yield from (holds(either) for either in terms if places is None or not is_exact(session, either))


def _of_events(session: Session, query: Query) -> list[Condition]:
    about, few = list(of_record(query)), False
    found = list(_about_matches(query))
    for keys in _few_matched(session, query):
        found, few = [*found, col(EventRow.record_key).in_(keys)], True
    if about:
        meant = _few_records(session, query)
        few = few or meant is not None
        same = exists().where(col(SearchRow.record_key) == col(EventRow.record_key), *about)
        found.append(same if meant is None else col(EventRow.record_key).in_(meant))
    # Of few records the events are sorted. No index is to be taken for the told ones: they are nearly all.
    told = col(EventRow.told) != false() if few else col(EventRow.told).is_(True)
    return [told, *of_event(query, by_index=not few), *found]


def _few_records(session: Session, query: Query) -> Select[str] | None:
    """Return the query for the keys of the records that are meant, `None` where those are many."""
    terms = asked_terms(query)
    places = places_with(session, terms) if terms else None
    keys = select(col(SearchRow.record_key)).where(*_with_words(session, terms, places), *of_facets(query))
    return keys if _are_few(session, keys if places is None else places) else None


def _few_matched(session: Session, query: Query) -> Iterator[SelectBase]:
    """Give the query for the keys of all records whose matches can be meant, where those are few."""
    if query.vendor or query.category:
        keys: SelectBase = select(col(MatchRow.record_key)).where(*of_match(query))
        if query.is_public:
            keys = union(keys, select(col(EventRow.record_key)).where(is_withdrawn(query)))
        if _are_few(session, keys):
            yield keys


def _about_matches(query: Query) -> Iterator[Condition]:
    if match := of_match(query):
        matched = exists().where(col(MatchRow.record_key) == col(EventRow.record_key), *match).correlate(EventRow)
        yield or_(matched, is_withdrawn(query)) if query.is_public else matched


def _are_few(session: Session, found: SelectBase) -> bool:
    some = select(literal(1)).select_from(found.subquery()).limit(FEW + 1).subquery()
    return (session.scalar(select(func.count()).select_from(some)) or 0) <= FEW


def _is_older(cursor: str, signed: ColumnElement[date], identifier: SQLColumnExpression[str]) -> ColumnElement[bool]:
    try:
        seen_text, signed_text, last = cursor.replace("\x00", "").split("~", 2)
        seen = datetime.fromisoformat(seen_text).astimezone(UTC)
        day = date.fromisoformat(signed_text)
    except (ValueError, OverflowError):
        raise InvalidQuery("the place to go on from cannot be read; begin again without it") from None
    same_day = or_(signed < day, and_(signed == day, identifier > last))
    first_seen = col(EventRow.first_seen)
    return and_(first_seen <= seen, or_(first_seen < seen, same_day))


def _read_record_cursor(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**63):
        raise InvalidQuery("the place to go on from cannot be read; begin again without it")
    return int(text)


def bytewise(session: Session, column: SQLColumnExpression[str]) -> SQLColumnExpression[str]:
    """Return a text to order by as SQLite does, whatever language the server's cluster was made for."""
    return collate(column, "C") if session.get_bind().dialect.name == "postgresql" else column
