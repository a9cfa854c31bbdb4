"""SQL conditions of a query: on a record's matches, on the record itself (its row in `search`) and on its events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import SQLColumnExpression, and_, exists, func, not_, or_, select
from sqlalchemy.orm import aliased
from sqlmodel import col

from storage.models import AWARDS, MILESTONES, ON_REQUEST, PUBLICATIONS, EventKind
from storage.possible_days import fiscal_year_days
from storage.reading.events import is_small_change
from storage.schema.tables import ActionRow, EventRow, MatchRow, RecordRow, SearchRow, SourceRecordRow, SpendingRow
from storage.search.full_text import Condition, Dialect, agency_name_filter, is_agency_code, text_filter
from storage.search.index import department_of, first_sort_key
from storage.search.query import BandFilter, Query

FULL_CODE = {"psc": 4, "naics": 6}  # characters; a shorter code is a prefix
KIND_GROUPS = {"award": sorted(AWARDS), "publication": sorted(PUBLICATIONS)}


def match_filter(query: Query) -> list[Condition]:
    """Return the conditions on one of a record's matches; empty if the record needs no match."""
    conditions: list[Condition] = []
    if query.band not in (BandFilter.ANY, BandFilter.ALL):
        conditions.append(col(MatchRow.band) == query.band.value)
    if query.vendor:
        conditions.append(_any_of(col(MatchRow.vendor_id), query.vendor))
    if query.category:
        conditions.append(_any_of(col(MatchRow.vendor_category), query.category))
    if query.reseller:
        conditions += [col(MatchRow.via_reseller).is_(query.reseller != "no"), col(MatchRow.is_topic).is_(False)]
    if query.decision:
        conditions.append(col(MatchRow.decision) == ("" if query.decision == "unreviewed" else query.decision))
    return conditions or ([] if query.band is BandFilter.ALL else [col(MatchRow.record_key) != ""])


def record_filter(query: Query, dialect: Dialect) -> Iterator[Condition]:
    """Give the conditions on a record's row in `search`, except for dates and matches."""
    yield from text_filter(query, dialect)
    if any(is_agency_code(agency) for agency in query.agency):  # names alone are in the text filter
        yield or_(*(condition for agency in query.agency for condition in _agency_filter(agency)))
    kinds = sorted({kind for given in query.kind for kind in KIND_GROUPS.get(given, [given])})
    columns = {
        SearchRow.category: kinds,
        SearchRow.recipient_state: query.state,
        SearchRow.competition: query.competition,
    }
    yield from (_any_of(col(column), values) for column, values in columns.items() if values)
    for column, name in ((col(SearchRow.psc), "psc"), (col(SearchRow.naics), "naics")):
        if codes := getattr(query, name):
            yield or_(*(_has_code(column, code, FULL_CODE[name]) for code in codes))
    if query.source:
        yield _source_filter(query)
    if query.ends_since or query.ends_until:
        yield _end_filter(query)
    if query.min_amount is not None:
        yield col(SearchRow.amount) >= query.min_amount
    if query.max_amount is not None:
        yield col(SearchRow.amount) <= query.max_amount


def _end_filter(query: Query) -> Condition:
    ends = [col(RecordRow.key) == col(SearchRow.record_key)]
    if query.ends_since:
        ends.append(col(RecordRow.ends) >= query.ends_since)
    if query.ends_until:
        ends.append(col(RecordRow.ends) <= query.ends_until)
    return exists().where(*ends).correlate(SearchRow)


def _source_filter(query: Query) -> Condition:
    reported = exists().where(
        col(SourceRecordRow.record_key) == col(SearchRow.record_key), _any_of(col(SourceRecordRow.source), query.source)
    )
    return or_(_any_of(col(SearchRow.source), query.source), reported)


def _agency_filter(agency: str) -> Iterator[Condition]:
    if is_agency_code(agency):
        yield from agency_code_filter(agency, SearchRow)
    else:
        yield agency_name_filter(agency)


def agency_code_filter(agency: str, row: type[SearchRow | SpendingRow]) -> Iterator[Condition]:
    """Give the conditions, of which one must hold, that a row is of the agency or the department with a code."""
    code = agency.upper()
    if len(code) == 4:
        yield col(row.sub_agency_code) == code
    if len(department_of(code)) == 3:
        yield col(row.department) == department_of(code)


def _has_code(column: SQLColumnExpression[str], code: str, full_length: int) -> Condition:
    return column == code if len(code) >= full_length else func.substr(column, 1, len(code)) == code


def date_filter(query: Query) -> Iterator[Condition]:
    """Give the conditions on a record's dates: when it or one of its actions was signed, and when it was first seen."""
    if query.since or query.until or query.fiscal_year:
        own = list(_signed_filter(query, col(SearchRow.sort_date)))
        own.append(col(SearchRow.sort_key) >= first_sort_key(query.since or date(1, 1, 2)))  # the first means no date
        acted = [col(ActionRow.award_key) == col(SearchRow.record_key), *_signed_filter(query, col(ActionRow.signed))]
        yield or_(and_(*own), exists().where(*acted))
    yield from _first_seen_filter(query, col(SearchRow.first_seen))


def action_filter(query: Query) -> Iterator[Condition]:
    """Give the conditions on an action: its source has not deleted it, its dates and its obligation."""
    yield col(ActionRow.removed).is_(None)
    yield from _signed_filter(query, col(ActionRow.signed))
    yield from _first_seen_filter(query, col(ActionRow.first_seen))
    if query.min_amount is not None:
        yield col(ActionRow.obligation) >= query.min_amount
    if query.max_amount is not None:
        yield col(ActionRow.obligation) <= query.max_amount


def event_filter(query: Query) -> Iterator[Condition]:
    """Give the conditions on an event's own kind and dates."""
    dated = func.coalesce(col(EventRow.signed), col(EventRow.published))
    yield _kind_filter(query) if query.event else col(EventRow.kind).not_in(ON_REQUEST)
    yield from _signed_filter(query, dated)
    if query.min_change:
        yield not_(is_small_change(query.min_change))
    yield from _first_seen_filter(query, col(EventRow.first_seen))


def _kind_filter(query: Query) -> Condition:
    """Return the condition that an event, or a milestone that it includes, has one of the query's kinds."""
    own = _any_of(col(EventRow.kind), query.event)
    if not set(query.event) & set(MILESTONES):
        return own
    part = aliased(EventRow)
    parts = select(col(part.part_of)).where(_any_of(col(part.kind), query.event), col(part.is_published).is_(True))
    return or_(own, col(EventRow.id).in_(parts))


def has_event_filter(query: Query) -> Iterator[Condition]:
    """Give the condition that a record has a published event of one of the query's kinds."""
    if query.event:
        kinds = _any_of(col(EventRow.kind), query.event)
        yield exists().where(
            col(EventRow.record_key) == col(SearchRow.record_key), col(EventRow.is_published).is_(True), kinds
        )


def withdrawn_filter(query: Query) -> Condition:
    """Return the condition that an event withdraws an earlier one about the query's vendors."""
    conditions = [col(EventRow.kind) == EventKind.WITHDRAWN.value]
    if query.vendor:
        conditions.append(_any_of(col(EventRow.vendor_id), query.vendor))
    if query.category:
        in_category = select(col(MatchRow.vendor_id)).where(_any_of(col(MatchRow.vendor_category), query.category))
        conditions.append(col(EventRow.vendor_id).in_(in_category))
    if query.reseller:  # a rejected match stays stored
        rejected = aliased(MatchRow)
        same = (
            col(rejected.record_key) == col(EventRow.record_key),
            col(rejected.vendor_id) == col(EventRow.vendor_id),
            col(rejected.via_reseller).is_(query.reseller != "no"),
            col(rejected.is_topic).is_(False),
        )
        conditions.append(exists().where(*same).correlate(EventRow))
    return and_(*conditions)


def _signed_filter(query: Query, column: SQLColumnExpression[date | None]) -> Iterator[Condition]:
    """Give the conditions on a date signed (or published)."""
    if query.since:
        yield column >= query.since
    if query.until:
        yield column <= query.until
    if query.fiscal_year:
        yield or_(*(column.between(*fiscal_year_days(year)) for year in query.fiscal_year))


def _first_seen_filter(query: Query, column: SQLColumnExpression[datetime]) -> Iterator[Condition]:
    if query.seen_since:
        yield column >= _midnight(query.seen_since)
    if query.seen_until and query.seen_until < date.max:
        yield column < _midnight(query.seen_until + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _any_of(column: SQLColumnExpression[Any], values: Sequence[str]) -> Condition:
    """Return the condition that a column has one of these values; an index keeps its order for a single one."""
    texts = [str(value) for value in values]
    return column == texts[0] if len(texts) == 1 else column.in_(texts)
