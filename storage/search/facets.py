"""Counting a query's records, and how many of them have each value of a facet, in one statement."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, Select, and_, func, literal, select, union_all
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.schema.tables import MatchRow, SearchRow
from storage.search.filters import match_filter
from storage.search.query import Query
from storage.search.search import dialect_of, record_conditions

MATCH_FACETS: dict[str, tuple[Any, Any]] = {
    "vendor": (col(MatchRow.vendor_id), col(MatchRow.vendor_name)),
    "category": (col(MatchRow.vendor_category), col(MatchRow.vendor_category)),
}
RECORD_FACETS = {
    "agency": "sub_agency_code",
    "kind": "category",
    "source": "source",
    "state": "recipient_state",
    "competition": "competition",
}
FACETS = (*MATCH_FACETS, *RECORD_FACETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetCount:
    """How many records have a value. `value` is that of the query parameter, `label` a vendor's name or the value."""

    value: str
    label: str
    records: int


def count_by_facets(
    session: Session, query: Query, newest: int | None = None
) -> tuple[int, dict[str, list[FacetCount]]]:
    """Return how many records a query finds, and for each of `FACETS` their values, those of most records first.

    Args:
        newest: count only this many of the newest records, plus one; `None` for all records.
    """
    columns = (SearchRow.sort_key, SearchRow.record_key, *(getattr(SearchRow, name) for name in RECORD_FACETS.values()))
    found = select(*map(col, columns)).where(*record_conditions(query, dialect_of(session)))
    if newest is not None:
        found = found.order_by(col(SearchRow.sort_key).desc()).limit(newest + 1)
    records = found.cte("found")
    statement = union_all(_by_records(records), *(_by_matches(query, records, name) for name in MATCH_FACETS))
    counts: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    labels: dict[str, str] = {}
    total = 0
    for name, count, value, label, *more in session.execute(statement):
        if name:
            counts[name][value], labels[value] = count, label
            continue
        total += count
        for facet, given in zip(RECORD_FACETS, (value, label, *more), strict=True):
            counts[facet][given] += count
    return total, {name: _ranked(counted, labels if name == "vendor" else {}) for name, counted in counts.items()}


def _ranked(counted: Counter[str], labels: dict[str, str]) -> list[FacetCount]:
    most = sorted(((-count, value) for value, count in counted.items() if value))
    return [FacetCount(value=value, label=labels.get(value, value), records=-count) for count, value in most]


def _by_records(found: CTE) -> Select[Any]:
    """Return the number of records for each combination of the record facets."""
    values = [found.c[column] for column in RECORD_FACETS.values()]
    return select(literal("").label("facet"), func.count(), *values).group_by(*values)


def _by_matches(query: Query, found: CTE, name: str) -> Select[Any]:
    """Return the number of records for each value of a match facet, in as many columns as `_by_records`."""
    value, label = MATCH_FACETS[name]
    padding = [value] * (len(RECORD_FACETS) - 2)
    counted = select(literal(name), func.count(found.c.sort_key.distinct()), value, func.max(label), *padding)
    # The outer join and `coalesce` keep SQLite from reading all matches first.
    matched = and_(col(MatchRow.record_key) == found.c.record_key, *match_filter(query))
    counted = counted.join_from(found, MatchRow, matched, isouter=True)
    return counted.where(func.coalesce(value, "") != "").group_by(value)
