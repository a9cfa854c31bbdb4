"""How many records a question finds, and how many of them have each value of a facet: one look at the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, func, literal, select, union_all
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.conditions import of_match
from storage.query import Query
from storage.reading import agency_name
from storage.searching import bytewise, record_conditions
from storage.tables import MatchRow, SearchRow

OF_MATCHES: dict[str, tuple[Any, Any]] = {
    "vendor": (col(MatchRow.vendor_id), col(MatchRow.vendor_name)),
    "category": (col(MatchRow.vendor_category), col(MatchRow.vendor_category)),
}
OF_RECORDS = {
    "agency": "sub_agency_code",
    "kind": "category",
    "source": "source",
    "state": "recipient_state",
}
FACETS = (*OF_MATCHES, *OF_RECORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetCount:
    """How many records have a value. `value` is what the parameter takes; without a name of its own it is the label."""

    value: str
    label: str
    records: int


def count_by_facets(
    session: Session, query: Query, names: Sequence[str], most: int | None = None, newest: int | None = None
) -> tuple[int, dict[str, list[FacetCount]]]:
    """Return how many records a query finds, and for each facet that is named its values, most records first.

    Args:
        names: of `FACETS`.
        most: the most values of each to return; `None` for all.
        newest: count no further than one more than so many of the newest records; `None` for all records.
    """
    columns = (col(SearchRow.place), col(SearchRow.record_key), *(_column(name) for name in OF_RECORDS))
    found = select(*columns).where(*record_conditions(session, query, in_order=newest is not None))
    if newest is not None:
        found = found.order_by(col(SearchRow.place).desc()).limit(newest + 1)
    records = found.cte("found")
    nothing = literal("")
    parts = [select(nothing, nothing, nothing, func.count()).select_from(records)]
    parts += [_part(session, query, records, name, most) for name in names]
    counted: dict[str, list[FacetCount]] = {name: [] for name in names}
    total = 0
    for name, value, label, count in session.execute(union_all(*parts)):
        if name:
            counted[name].append(FacetCount(value=value, label=label or value, records=count))
        else:
            total = count
    for values in counted.values():
        values.sort(key=lambda each: (-each.records, each.value))
    return total, counted


def _column(name: str) -> Any:
    return col(getattr(SearchRow, OF_RECORDS[name]))


def _part(session: Session, query: Query, found: CTE, name: str, most: int | None) -> Select[Any]:
    """Return the query for (facet, value, label, count) of one facet's most frequent values."""
    if name in OF_MATCHES:
        value, label = OF_MATCHES[name]
        count = func.count(found.c.place.distinct())
        counted = select(value.label("value"), func.max(label).label("label"), count.label("records"))
        # An outer join begins with what is found; and the empty value is not told from none in a way that undoes that.
        counted = counted.join_from(found, MatchRow, _is_matched(found, query), isouter=True)
        given = func.coalesce(value, "") != ""
    else:
        value, count = found.c[OF_RECORDS[name]], func.count()
        counted = select(value.label("value"), func.max(found.c.place).label("label"), count.label("records"))
        given = value != ""
    counted = counted.where(given).group_by(value)
    ranked = counted.order_by(count.desc(), bytewise(session, value)).limit(most).subquery()
    label = ranked.c.label if name in OF_MATCHES else ranked.c.value
    if name == "agency":
        label = agency_name(ranked.c.value, ranked.c.label)
    return select(literal(name), ranked.c.value, label, ranked.c.records)


def _is_matched(found: CTE, query: Query) -> ColumnElement[bool]:
    return and_(col(MatchRow.record_key) == found.c.record_key, *of_match(query))
