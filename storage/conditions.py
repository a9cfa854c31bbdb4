"""From a query to what the database is to check of each record, and of each event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, exists, false, func, literal, not_, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage.full_text import agency_named, asked_terms, excluded_terms, holds, is_agency_code
from storage.query import Band, Query
from storage.search_index import department_of, first_place
from storage.stored import AWARDS, PUBLICATIONS, EventKind
from storage.tables import ActionRow, EventRow, MatchRow, SearchRow, SightingRow, VerdictRow

Column = SQLColumnExpression[Any]

WHOLE_CODE = {"psc": 4, "naics": 6}
KIND_GROUPS = {"award": sorted(AWARDS), "publication": sorted(PUBLICATIONS)}


def of_match(query: Query) -> list[ColumnElement[bool]]:
    """Return what a record's match must be; empty if the record need not match anybody."""
    found: list[ColumnElement[bool]] = []
    if query.band not in (Band.ANY, Band.ALL):
        found.append(col(MatchRow.band) == query.band.value)
    if query.vendor:
        found.append(any_of(col(MatchRow.vendor_id), query.vendor))
    if query.category:
        found.append(any_of(col(MatchRow.vendor_category), query.category))
    if query.reseller:
        found.append(col(MatchRow.resold).is_(query.reseller != "no"))
    if query.verdict:
        found.append(_verdict(query.verdict))
    return found or ([] if query.band is Band.ALL else [col(MatchRow.record_key) != ""])


def is_of_match(query: Query) -> bool:
    """Whether a query asks more of a record's match than that it is published, which the record's own row says too."""
    parts = (query.vendor, query.category, query.reseller, query.verdict)
    return query.band not in (Band.PUBLISH, Band.ALL) or any(parts)


def _verdict(asked: str) -> ColumnElement[bool]:
    """What a reviewer said of the match: of the record itself, or else of its recipient."""
    about = aliased(SearchRow)
    said = [
        select(col(VerdictRow.decision))
        .where(
            col(VerdictRow.vendor_id) == col(MatchRow.vendor_id),
            col(about.record_key) == col(MatchRow.record_key),
            col(VerdictRow.subject) == subject,
        )
        .correlate(MatchRow)
        .scalar_subquery()
        for subject in (literal("record:") + col(about.record_key), col(about.uei_subject), col(about.name_subject))
    ]
    decision = func.coalesce(*said, "unreviewed")
    return decision == asked


def of_record(query: Query) -> Iterator[ColumnElement[bool]]:
    """Give what must hold of a record's own row, but for its dates and its matches."""
    for either in asked_terms(query):
        yield holds(either)
    yield from of_facets(query)


def of_facets(query: Query) -> Iterator[ColumnElement[bool]]:
    """Give what must hold of a record's own row, but for the words that it must have, its dates and its matches."""
    for either in excluded_terms(query):
        yield not_(holds(either))
    yield from _codes(query)
    if query.min_amount is not None:
        yield col(SearchRow.amount) >= query.min_amount
    if query.max_amount is not None:
        yield col(SearchRow.amount) <= query.max_amount


def _codes(query: Query) -> Iterator[ColumnElement[bool]]:
    if any(is_agency_code(agency) for agency in query.agency):
        yield or_(*(part for agency in query.agency for part in _agency(agency)))
    if query.kind:
        kinds = {kind for asked in query.kind for kind in KIND_GROUPS.get(asked, [asked])}
        yield any_of(col(SearchRow.category), sorted(kinds))
    if query.state:
        yield any_of(col(SearchRow.recipient_state), query.state)
    for name, codes in (("psc", query.psc), ("naics", query.naics)):
        if codes:
            column = col(getattr(SearchRow, name))
            yield or_(*(_code(column, code, WHOLE_CODE[name]) for code in codes))
    if query.source:
        told = exists().where(
            col(SightingRow.record_key) == col(SearchRow.record_key), any_of(col(SightingRow.source), query.source)
        )
        yield or_(any_of(col(SearchRow.source), query.source), told)


def _agency(agency: str) -> Iterator[ColumnElement[bool]]:
    if not is_agency_code(agency):
        yield agency_named(agency)
        return
    code = agency.upper()
    if len(code) == 4:
        yield col(SearchRow.sub_agency_code) == code
    if len(department_of(code)) == 3:
        yield col(SearchRow.department) == department_of(code)


def _code(column: Column, code: str, whole: int) -> ColumnElement[bool]:
    return column == code if len(code) >= whole else func.substr(column, 1, len(code)) == code


def of_dates(query: Query) -> Iterator[ColumnElement[bool]]:
    """Give what must hold of the dates of a record: signed, itself or one of its actions, and first seen."""
    if query.since or query.until:
        own = [col(SearchRow.place) >= first_place(query.since or date(1, 1, 2))]
        acted = [col(ActionRow.award_key) == col(SearchRow.record_key)]
        if query.since:
            acted.append(col(ActionRow.signed) >= query.since)
        if query.until:
            own.append(col(SearchRow.dated) <= query.until)
            acted.append(col(ActionRow.signed) <= query.until)
        yield or_(and_(*own), exists().where(*acted))
    yield from _seen(query, col(SearchRow.first_seen))


def of_event(query: Query, *, by_index: bool) -> Iterator[ColumnElement[bool]]:
    """Give what must hold of an event itself: its kind (`by_index`, or checked of those found) and its dates."""
    dated = func.coalesce(col(EventRow.signed), col(EventRow.published))
    if query.event:
        kind = col(EventRow.kind) if by_index else func.lower(col(EventRow.kind))
        yield any_of(kind, [kind.value for kind in query.event])
    if query.since:
        yield dated >= query.since
    if query.until:
        yield dated <= query.until
    yield from _seen(query, col(EventRow.first_seen))


def has_event(query: Query) -> Iterator[ColumnElement[bool]]:
    """Give that a record has a told event of a kind that is asked for."""
    if query.event:
        # Not by the index of kinds: a record has few events, a kind has many.
        kinds = any_of(func.lower(col(EventRow.kind)), [kind.value for kind in query.event])
        told = col(EventRow.told) != false()
        yield exists().where(col(EventRow.record_key) == col(SearchRow.record_key), told, kinds)


def is_withdrawn(query: Query) -> ColumnElement[bool]:
    """Whether an event takes back what feeds have told of the vendors that are asked for."""
    found = [col(EventRow.kind) == EventKind.WITHDRAWN.value]
    if query.vendor:
        found.append(any_of(col(EventRow.vendor_id), query.vendor))
    if query.category:
        vendors = select(col(MatchRow.vendor_id)).where(any_of(col(MatchRow.vendor_category), query.category))
        found.append(col(EventRow.vendor_id).in_(vendors))
    return and_(*found)


def _seen(query: Query, column: Column) -> Iterator[ColumnElement[bool]]:
    if query.seen_since:
        yield column >= datetime.combine(query.seen_since, time.min, UTC)
    if query.seen_until and query.seen_until < date.max:
        yield column < datetime.combine(query.seen_until + timedelta(days=1), time.min, UTC)


def any_of(column: Column, values: Sequence[str]) -> ColumnElement[bool]:
    """Whether a column has one of these values: an equality if there is but one, which an index can keep in order."""
    return column == values[0] if len(values) == 1 else column.in_(values)
