"""How many records a question finds, and how many of them have each value of a facet: one look at the database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import CTE, CompoundSelect, Select, and_, func, literal, select, union_all
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.search.filters import of_match
from storage.search.query import Query
from storage.search.query_template import MOST_KEPT, Shape
from storage.search.search import MOST, Way, record_conditions, way_to_records
from storage.statement_cache import run
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
    "competition": "competition",
}
FACETS = (*OF_MATCHES, *OF_RECORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetCount:
    """How many records have a value. `value` is what the parameter takes, `label` a vendor's name or else the same."""

    value: str
    label: str
    records: int


def count_by_facets(
    session: Session, query: Query, newest: int | None = None
) -> tuple[int, dict[str, list[FacetCount]]]:
    """Return how many records a query finds, and of each of `FACETS` the values that they have, most records first.

    Args:
        newest: count no further than one more than so many of the newest records; `None` for all records.
    """
    way, values = way_to_records(session, query, in_order=newest is not None)
    most = {} if newest is None else {"most": newest + 1}
    counts: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    labels: dict[str, str] = {}
    total = 0
    for name, count, value, label, *more in run(session, _counting(way, bool(most)), values, **most):
        if name:
            counts[name][value], labels[value] = count, label
            continue
        total += count
        for facet, given in zip(OF_RECORDS, (value, label, *more), strict=True):
            counts[facet][given] += count
    return total, {name: _ranked(counted, labels if name == "vendor" else {}) for name, counted in counts.items()}


@lru_cache(MOST_KEPT)
def _counting(way: Way, is_limited: bool) -> CompoundSelect[Any]:
    columns = (
        col(SearchRow.place),
        col(SearchRow.record_key),
        *(col(getattr(SearchRow, n)) for n in OF_RECORDS.values()),
    )
    found = select(*columns).where(*record_conditions(way))
    if is_limited:
        found = found.order_by(col(SearchRow.place).desc()).limit(MOST)
    records = found.cte("found")
    return union_all(_of_records(records), *(_of_matches(way.shape, records, name) for name in OF_MATCHES))


def _ranked(counted: Counter[str], labels: dict[str, str]) -> list[FacetCount]:
    most = sorted(((-count, value) for value, count in counted.items() if value))
    return [FacetCount(value=value, label=labels.get(value, value), records=-count) for count, value in most]


def _of_records(found: CTE) -> Select[Any]:
    """Return the query for how many records have the same values of all facets of records."""
    values = [found.c[column] for column in OF_RECORDS.values()]
    return select(literal("").label("facet"), func.count(), *values).group_by(*values)


def _of_matches(shape: Shape, found: CTE, name: str) -> Select[Any]:
    """Return the query for how many records have each value of one facet of matches."""
    value, label = OF_MATCHES[name]
    # As many columns as `_of_records` has, of which the first two say what the others do there.
    rest = [value] * (len(OF_RECORDS) - 2)
    counted = select(literal(name), func.count(found.c.place.distinct()), value, func.max(label), *rest)
    # An outer join begins with what is found; and the empty value is not told from none in a way that undoes that.
    matched = and_(col(MatchRow.record_key) == found.c.record_key, *of_match(shape))
    counted = counted.join_from(found, MatchRow, matched, isouter=True)
    return counted.where(func.coalesce(value, "") != "").group_by(value)
