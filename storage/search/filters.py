"""From the shape of a query to what the database is to check of each record, and of each event.

The values come in by name when a statement is executed (`storage.search.query_template`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    SQLColumnExpression,
    String,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage.models import EventKind
from storage.search.full_text import holds, in_vector, places_with
from storage.search.query import BandFilter
from storage.search.query_template import Forms, Shape, nth
from storage.tables import ActionRow, EventRow, MatchRow, SearchRow, SightingRow, VerdictRow

Column = SQLColumnExpression[Any]


def of_match(shape: Shape) -> list[ColumnElement[bool]]:
    """Return what a record's match must be; empty if the record need not match anybody."""
    found: list[ColumnElement[bool]] = []
    if shape.band not in (BandFilter.ANY, BandFilter.ALL):
        found.append(col(MatchRow.band) == shape.band.value)
    if shape.vendor:
        found.append(any_of(col(MatchRow.vendor_id), "vendor", shape.vendor))
    if shape.category:
        found.append(any_of(col(MatchRow.vendor_category), "category", shape.category))
    if shape.resold is not None:
        found.append(col(MatchRow.resold).is_(shape.resold))
    if shape.verdict:
        found.append(_verdict())
    return found or ([] if shape.band is BandFilter.ALL else [col(MatchRow.record_key) != ""])


def is_of_match(shape: Shape) -> bool:
    """Whether a query asks more of a record's match than that it is published, which the record's own row says too."""
    parts = (shape.vendor, shape.category, shape.resold is not None, shape.verdict)
    return shape.band not in (BandFilter.PUBLISHED, BandFilter.ALL) or any(parts)


def _verdict() -> ColumnElement[bool]:
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
    return decision == bindparam("verdict", type_=decision.type)


def of_record(shape: Shape) -> Iterator[ColumnElement[bool]]:
    """Give what must hold of a record's own row, but for its dates and its matches."""
    yield from of_words(shape, by_index=False)
    yield from of_facets(shape)


def of_words(shape: Shape, *, by_index: bool) -> Iterator[ColumnElement[bool]]:
    """Give that a record's words hold every term in one of its forms.

    `by_index`: the index of words is to find the records; otherwise each that is come by is checked.
    """
    is_postgresql = shape.dialect == "postgresql"
    if shape.terms and by_index:
        yield col(SearchRow.place).in_(places_with(shape.dialect))
    elif shape.terms and is_postgresql:
        yield in_vector()
    for number, forms in enumerate(shape.terms):
        # PostgreSQL's vectors, as they are used here, know no order of words; SQLite's index does.
        if forms.in_a_row if is_postgresql else not by_index:
            yield _holds_any("term", number, forms)


def _holds_any(name: str, number: int, forms: Forms) -> ColumnElement[bool]:
    return or_(*(holds(nth(f"{nth(name, number)}form", form)) for form in range(forms.number)))


def of_facets(shape: Shape) -> Iterator[ColumnElement[bool]]:
    """Give what must hold of a record's own row, but for the words that it must have, its dates and its matches."""
    for number, forms in enumerate(shape.without):
        yield not_(_holds_any("without", number, forms))
    yield from _codes(shape)
    if shape.min_amount:
        yield col(SearchRow.amount) >= bindparam("min_amount")
    if shape.max_amount:
        yield col(SearchRow.amount) <= bindparam("max_amount")


def _codes(shape: Shape) -> Iterator[ColumnElement[bool]]:
    if shape.agency:
        yield or_(*(_agency(number, column) for number, columns in enumerate(shape.agency) for column in columns))
    if shape.kind:
        yield any_of(col(SearchRow.category), "kind", shape.kind)
    if shape.state:
        yield any_of(col(SearchRow.recipient_state), "state", shape.state)
    if shape.competition:
        yield any_of(col(SearchRow.competition), "competition", shape.competition)
    for name, lengths in (("psc", shape.psc), ("naics", shape.naics)):
        if lengths:
            codes = ((nth(name, number), length) for number, length in enumerate(lengths))
            yield or_(*(_code(_column(name), given, length) for given, length in codes))
    if shape.source:
        told = exists().where(
            col(SightingRow.record_key) == col(SearchRow.record_key),
            any_of(col(SightingRow.source), "source", shape.source),
        )
        yield or_(any_of(col(SearchRow.source), "source", shape.source), told)


def _agency(number: int, column: str) -> ColumnElement[bool]:
    name = f"{nth('agency', number)}{column}"
    return holds(name) if column == "words" else _column(column) == bindparam(name)


def _column(name: str) -> Column:
    return col(getattr(SearchRow, name))


def _code(column: Column, name: str, length: int) -> ColumnElement[bool]:
    return (func.substr(column, 1, length) if length else column) == bindparam(name, type_=String())


def of_dates(shape: Shape) -> Iterator[ColumnElement[bool]]:
    """Give what must hold of the dates of a record: signed, itself or one of its actions, and first seen."""
    if shape.since or shape.until:
        own = [col(SearchRow.place) >= bindparam("first_place")]
        acted = [col(ActionRow.award_key) == col(SearchRow.record_key)]
        if shape.since:
            acted.append(col(ActionRow.signed) >= bindparam("since"))
        if shape.until:
            own.append(col(SearchRow.dated) <= bindparam("until"))
            acted.append(col(ActionRow.signed) <= bindparam("until"))
        yield or_(and_(*own), exists().where(*acted))
    yield from _seen(shape, col(SearchRow.first_seen))


def of_event(shape: Shape, *, by_index: bool) -> Iterator[ColumnElement[bool]]:
    """Give what must hold of an event itself: its kind (`by_index`, or checked of those found) and its dates."""
    dated = func.coalesce(col(EventRow.signed), col(EventRow.published))
    if shape.event:
        yield any_of(col(EventRow.kind) if by_index else func.lower(col(EventRow.kind)), "event", shape.event)
    if shape.since:
        yield dated >= bindparam("since")
    if shape.until:
        yield dated <= bindparam("until")
    yield from _seen(shape, col(EventRow.first_seen))


def has_event(shape: Shape) -> Iterator[ColumnElement[bool]]:
    """Give that a record has a told event of a kind that is asked for."""
    if shape.event:
        # Not by the index of kinds: a record has few events, a kind has many.
        kinds = any_of(func.lower(col(EventRow.kind)), "event", shape.event)
        told = col(EventRow.told) != false()
        yield exists().where(col(EventRow.record_key) == col(SearchRow.record_key), told, kinds)


def is_withdrawn(shape: Shape) -> ColumnElement[bool]:
    """Whether an event takes back what feeds have told of the vendors that are asked for."""
    found = [col(EventRow.kind) == EventKind.WITHDRAWN.value]
    if shape.vendor:
        found.append(any_of(col(EventRow.vendor_id), "vendor", shape.vendor))
    if shape.category:
        of_category = any_of(col(MatchRow.vendor_category), "category", shape.category)
        found.append(col(EventRow.vendor_id).in_(select(col(MatchRow.vendor_id)).where(of_category)))
    if shape.resold is not None:  # the match stays when it is rejected
        former = aliased(MatchRow)
        same = (col(former.record_key) == col(EventRow.record_key), col(former.vendor_id) == col(EventRow.vendor_id))
        found.append(exists().where(*same, col(former.resold).is_(shape.resold)).correlate(EventRow))
    return and_(*found)


def _seen(shape: Shape, column: Column) -> Iterator[ColumnElement[bool]]:
    if shape.seen_since:
        yield column >= bindparam("seen_since")
    if shape.seen_until:
        yield column < bindparam("seen_until")


def any_of(column: Column, name: str, count: int) -> ColumnElement[bool]:
    """Whether a column has one of so many values: an equality if there is but one, which an index can keep in order."""
    values: list[BindParameter[Any]] = [bindparam(nth(name, number), type_=String()) for number in range(count)]
    return column == values[0] if count == 1 else column.in_(values)
