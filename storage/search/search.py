"""Finding records and events: records in the order of their query, events in that of feeds.

Vendors, categories and words are looked up in their own indexes first; everything else is checked row by row in the
order of the result, until there are enough rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    union,
)
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.concerned import concerns_all, concerns_event
from storage.errors import left_out
from storage.models import AWARDS, MatchBand, StoredEvent, StoredRecord
from storage.reading import coverage
from storage.reading.coverage import DEFENSE
from storage.reading.events import load_events
from storage.reading.records import BATCH_SIZE, records_by_key
from storage.schema.tables import EventRow, MatchRow, RecordRow, SearchRow
from storage.search.filters import (
    date_filter,
    event_filter,
    has_event_filter,
    match_filter,
    record_filter,
    withdrawn_filter,
)
from storage.search.full_text import Condition, Dialect, is_agency_code
from storage.search.index import department_of, first_sort_key
from storage.search.ordering import BAD_CURSOR, bytewise, order_of
from storage.search.query import BandFilter, InvalidQuery, Query

SORTED_AT_ONCE = 20_000  # keys of an order without an index: each page sorts all that a query finds
MANY = 5_000  # records of a query, above which its newest events are looked for among the newest of all
LOOKED_AT = 20_000  # of the newest events of all
event_signed = func.coalesce(col(EventRow.signed), date.min)  # to order events by


def find_records(session: Session, query: Query, limit: int | None = None, after: str = "") -> Iterator[StoredRecord]:
    """Give the records of a query in its order, in bounded memory.

    Args:
        limit: how many to give at most; `None` for all.
        after: `record_cursor` of the last record of the previous page, in the same order.

    Raises:
        InvalidQuery: the cursor cannot be read.
    """
    dialect = dialect_of(session)
    order = order_of(query, dialect)
    last = order.read_cursor(after) if after else None
    found: Select[str, int, Any] = select(
        col(SearchRow.record_key), col(SearchRow.sort_key), order.value.label("value")
    ).where(*record_conditions(query, dialect))
    left = limit
    while left is None or left > 0:
        size = BATCH_SIZE if order.read is None else SORTED_AT_ONCE
        wanted = size if left is None else min(size, left)
        page = found if last is None else found.where(order.is_after(*last))
        rows = session.execute(page.order_by(*order.columns).limit(wanted)).all()
        for first in range(0, len(rows), BATCH_SIZE):
            records = records_by_key(session, [key for key, *_ in rows[first : first + BATCH_SIZE]])
            left = None if left is None else left - len(records)
            yield from records
        if len(rows) < wanted:
            return
        last = rows[-1][1], rows[-1][2]


def count_records(session: Session, query: Query) -> int:
    """Return how many records a query finds."""
    found = select(func.count()).select_from(SearchRow).where(*record_conditions(query, dialect_of(session)))
    return session.scalar(found) or 0


def may_lack_defense_awards(session: Session, query: Query) -> bool:
    """Return whether awards of `DEFENSE` that are not public yet may be missing among a query's records.

    They may if the query names one of these departments or an agency of it, or neither agency, vendor nor technology,
    or if it finds awards of theirs, or no record at all.
    """
    if query.agency and all(map(is_agency_code, query.agency)):
        codes = [code.upper() for code in query.agency]
        return any(
            {department_of(code), department_of(coverage.department_of(session, code))} & {*DEFENSE} for code in codes
        )
    if not (query.vendor or query.category or query.agency):
        return True
    found = select(col(SearchRow.record_key)).where(*record_conditions(query, dialect_of(session))).limit(1)
    of_defense = found.where(col(SearchRow.department).in_(DEFENSE))
    return session.scalar(of_defense) is not None or session.scalar(found) is None


def largest_awards(session: Session, since: date, until: date, limit: int) -> list[StoredRecord]:
    """Return the published awards signed in a period with the most obligated to date, the largest first.

    Without awards that have an amount warning, and those of which only some actions concern the watchlist.
    """
    period = first_sort_key(since), first_sort_key(until + timedelta(days=1)) - 1
    found: Select[str, Decimal] = select(col(SearchRow.record_key), col(SearchRow.amount).label("amount")).where(
        col(SearchRow.is_published).is_(True),
        col(SearchRow.sort_key).between(*period),
        col(SearchRow.category).in_(AWARDS),
        col(SearchRow.amount) > Decimal(0),
    )
    largest = found.order_by(col(SearchRow.amount).desc()).limit(10 * limit).subquery()
    whole = exists().where(
        col(MatchRow.record_key) == largest.c.record_key, col(MatchRow.band) == MatchBand.PUBLISHED, concerns_all()
    )
    rows = select(largest.c.record_key).join(RecordRow, col(RecordRow.key) == largest.c.record_key)
    rows = rows.where(whole, col(RecordRow.amount_warning) == "")
    rows = rows.order_by(largest.c.amount.desc(), largest.c.record_key).limit(limit)
    return records_by_key(session, list(session.scalars(rows)))


def find_events(session: Session, query: Query, limit: int, before: str = "") -> list[StoredEvent]:
    """Return the published events of a query's records: newest seen first, then newest signed, then by id.

    The query's kinds and dates are those of the event; its kind may also be that of a milestone that it includes. A
    withdrawal is found under the match that it withdraws.

    Args:
        limit: how many to return at most.
        before: `event_cursor` of the last event of the previous page.

    Raises:
        InvalidQuery: the cursor cannot be read.
    """
    older = [_older_than(before, dialect_of(session))] if before else []
    rows = newest_events_of(session, query, limit, *older)
    found = load_events(session, rows.limit(limit))
    if len(found) < limit and (missing := left_out(session)):  # who gets fewer takes them for the last ones
        found = load_events(session, rows.limit(limit + len(missing)))[:limit]
    return found


def newest_events_of(session: Session, query: Query, limit: int, *conditions: Condition) -> Select[EventRow]:
    """Return the query for at least `limit` of a query's newest events, if it has so many, in the order of feeds.

    `conditions` are further ones, on `first_seen`.
    """
    dialect = dialect_of(session)
    rows = select(EventRow).where(*conditions).order_by(*feed_order(dialect))
    if finds_many(session, query):
        every = select(col(EventRow.first_seen)).where(col(EventRow.is_published).is_(True), *conditions)
        began = session.scalar(every.order_by(col(EventRow.first_seen).desc()).offset(LOOKED_AT).limit(1))
        newest = rows.where(*event_conditions(query, dialect, in_period=True))
        if began is None:
            return newest
        newest = newest.where(col(EventRow.first_seen) >= began)
        found = newest.with_only_columns(col(EventRow.id)).order_by(None).limit(limit).subquery()
        if session.scalar(select(func.count()).select_from(found)) == limit:
            return newest
    return rows.where(*event_conditions(query, dialect))


def finds_many(session: Session, query: Query) -> bool:
    """Return whether a query's vendors, technologies or other filters find more than `MANY` records.

    Then checking each event of a period takes less time than finding the events of the query's records.
    """
    known: dict[Query, bool] = session.info.setdefault("finds many", {})
    if query not in known:
        if query.vendor or query.category:
            found = select(literal(1)).select_from(MatchRow).where(*match_filter(query))
        else:
            found = select(literal(1)).select_from(SearchRow).where(*record_filter(query, dialect_of(session)))
        known[query] = session.scalar(select(func.count()).select_from(found.limit(MANY + 1).subquery())) == MANY + 1
    return known[query]


def count_events_since(session: Session, query: Query, since: date, limit: int) -> int:
    """Return how many events a query's feed has had since a day (UTC), counted up to `limit`."""
    began = datetime.combine(since, time.min, UTC)
    conditions = event_conditions(query, dialect_of(session), in_period=finds_many(session, query))
    found = select(literal(1)).select_from(EventRow).where(*conditions, col(EventRow.first_seen) >= began)
    limited = found.limit(limit).subquery()
    return session.scalar(select(func.count()).select_from(limited)) or 0


def record_conditions(query: Query, dialect: Dialect) -> list[Condition]:
    """Return the conditions that narrow a select over `SearchRow` to a query's records."""
    conditions = [*record_filter(query, dialect), *date_filter(query), *has_event_filter(query)]
    matched = match_filter(query)
    if query.vendor or query.category:
        return [*conditions, col(SearchRow.record_key).in_(select(col(MatchRow.record_key)).where(*matched))]
    if query.band is BandFilter.PUBLISHED:
        conditions.append(col(SearchRow.is_published).is_(True))
    if query.reseller or query.decision or query.band not in (BandFilter.PUBLISHED, BandFilter.ALL):
        own = exists().where(col(MatchRow.record_key) == col(SearchRow.record_key), *matched)
        conditions.append(own.correlate(SearchRow))
    return conditions


def event_conditions(query: Query, dialect: Dialect, *, in_period: bool = False) -> list[Condition]:
    """Return the conditions that narrow a select over `EventRow` to the published events of a query's records.

    Args:
        in_period: the select has its own limits on `first_seen`. Then checking the record of each event in the period
            takes less time than finding all of the query's records.
    """
    conditions = [col(EventRow.is_published).is_(True), col(EventRow.part_of) == ""]
    withdrawn = withdrawn_filter(query)
    if matched := match_filter(query):
        of_record = col(MatchRow.record_key) == col(EventRow.record_key)
        own = exists().where(of_record, *matched, concerns_event()).correlate(EventRow)
        conditions.append(or_(own, withdrawn) if query.is_public else own)
    conditions += event_filter(query)  # after the match: what it looks up takes longer
    withdrawn_keys = select(col(EventRow.record_key)).where(withdrawn)
    if (query.vendor or query.category) and not in_period:
        keys = select(col(MatchRow.record_key)).where(*matched)
        conditions.append(col(EventRow.record_key).in_(union(keys, withdrawn_keys) if query.is_public else keys))
    filters = list(record_filter(query, dialect))
    if filters and in_period:
        conditions.append(exists().where(col(SearchRow.record_key) == col(EventRow.record_key), *filters))
    elif filters:
        found = select(col(SearchRow.record_key)).where(*filters)
        published = found.where(col(SearchRow.is_published).is_(True))
        formerly = found.where(col(SearchRow.record_key).in_(withdrawn_keys))
        conditions.append(col(EventRow.record_key).in_(union(published, formerly) if query.is_public else found))
    return conditions


def feed_order(dialect: Dialect) -> tuple[ColumnElement[Any], ...]:
    """Return the order of entries in a feed, over `EventRow`: newest seen first, then newest signed, then by id."""
    return col(EventRow.first_seen).desc(), event_signed.desc(), bytewise(dialect, col(EventRow.id)).asc()


def dialect_of(session: Session) -> Dialect:
    """Return the kind of database of a session."""
    return "postgresql" if session.get_bind().dialect.name == "postgresql" else "sqlite"


def record_cursor(session: Session, query: Query, record: StoredRecord) -> str:
    """Return the position of a record in a query's order, for `find_records` to continue after it."""
    order = order_of(query, dialect_of(session))
    place = select(col(SearchRow.sort_key), order.value).where(col(SearchRow.record_key) == record.key)
    return order.cursor(*session.execute(place).one())


def event_cursor(event: StoredEvent) -> str:
    """Return the position of an event, for `find_events` to continue with older ones."""
    signed = (event.signed or date.min).isoformat()
    return f"{event.first_seen.astimezone(UTC).isoformat()}~{signed}~{event.id}"


def _older_than(cursor: str, dialect: Dialect) -> Condition:
    try:
        seen_text, signed_text, last_id = cursor.replace("\x00", "").split("~", 2)
        seen, signed = datetime.fromisoformat(seen_text).astimezone(UTC), date.fromisoformat(signed_text)
    except (ValueError, OverflowError):
        raise InvalidQuery(BAD_CURSOR) from None
    first_seen = col(EventRow.first_seen)
    same_day = or_(event_signed < signed, and_(event_signed == signed, bytewise(dialect, col(EventRow.id)) > last_id))
    return and_(first_seen <= seen, or_(first_seen < seen, same_day))
