"""Walking USAspending's two searches to a provable end.

The award search has a cursor with a unique tie-breaker: walked to `hasNext: false` it is complete, and its count
endpoint confirms it. The transaction search has neither: between two pages rows of equal sort value change places, so
rows are lost and repeated. It is therefore cut into slices until one page holds a slice whole (one page cannot lose
what its own count says it holds); what cannot be cut that small is read in several orders and reported if still short.

Facts: usaspending_api/search/v2/views/spending_by_award.py and spending_by_transaction.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from sources.contract import Shortfall
from sources.errors import SourceChanged
from sources.http import Client
from sources.reading import read_json
from sources.usaspending_queries import (
    AWARD_COUNT,
    AWARD_FIELDS,
    AWARD_SEARCH,
    AWARD_TYPES,
    LAST_DAY_FIELD,
    MOST_ROWS,
    PAGE,
    REORDERINGS,
    TRANSACTION_COUNT,
    TRANSACTION_DATES,
    TRANSACTION_FIELDS,
    TRANSACTION_SEARCH,
    Row,
    time_filter,
)

# A transaction row carries no key of its own.
ROW_IDENTITY = ("generated_internal_id", *TRANSACTION_FIELDS)

Value = TypeVar("Value")


def taken(answer: Mapping[str, object], name: str, kind: type[Value], client: Client, path: str) -> Value:
    """Return a required part of an answer. Raises `SourceChanged` if it is missing or of another type."""
    value = answer.get(name)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise SourceChanged(client.source, f"POST {path}", f"no {name} ({kind.__name__}) in {str(dict(answer))[:200]}")


def ask(client: Client, path: str, body: Mapping[str, object]) -> Mapping[str, object]:
    """Post a search and return its answer, having made sure that every filter was used.

    Raises:
        SourceChanged: a filter was not used (the rows would be the whole universe), or the answer is no JSON object.
    """
    answer = read_json(client.post(path, body), client.source)
    messages = answer.get("messages") or []
    for message in messages if isinstance(messages, list) else [messages]:
        if "not used" in str(message).lower():
            raise SourceChanged(client.source, f"POST {path}", f"a filter was ignored: {message}")
    return answer


def rows_of(answer: Mapping[str, object], client: Client, path: str) -> list[Row]:
    """Return the rows of an answer, each sure to have its award key. Raises `SourceChanged`."""
    rows = taken(answer, "results", list, client, path)
    for row in rows:
        if not isinstance(row, dict):
            raise SourceChanged(client.source, f"POST {path}", f"a row that is no object: {str(row)[:200]}")
        taken(row, "generated_internal_id", str, client, path)
    return rows


def count(client: Client, path: str, filters: Mapping[str, object]) -> int:
    """Return how many rows a search holds, over all the groups the answer counts. Raises `SourceError`."""
    results = taken(ask(client, path, {"filters": filters}), "results", dict, client, path)
    groups = [taken(results, group, int, client, path) for group in AWARD_TYPES]
    return sum(groups)


def award_rows(client: Client, step: str, group: str, filters: Mapping[str, object]) -> Iterator[Row | Shortfall]:
    """Walk the award search of one type group to its end, then check against its count if it took several pages.

    Sorted by `Award ID`, which is never null: a null sort value breaks the cursor. Raises `SourceError`.
    """
    filters = {**filters, "award_type_codes": list(AWARD_TYPES[group])}
    body: dict[str, object] = {
        "filters": filters,
        "fields": [*AWARD_FIELDS, LAST_DAY_FIELD[group]],
        "sort": "Award ID",
        "order": "asc",
        "limit": PAGE,
    }
    seen: set[str] = set()
    pages = 0
    more = True
    while more:
        answer = ask(client, AWARD_SEARCH, body)
        pages += 1
        for row in rows_of(answer, client, AWARD_SEARCH):
            seen.add(str(row["generated_internal_id"]))
            yield row
        if pages > MOST_ROWS // PAGE:
            raise SourceChanged(client.source, f"POST {AWARD_SEARCH}", "more rows than a watchlist can mean")
        page = taken(answer, "page_metadata", dict, client, AWARD_SEARCH)
        more = taken(page, "hasNext", bool, client, AWARD_SEARCH)
        if more:
            body = {**body, **_next_cursor(page, body, client)}
    if pages > 1 and (expected := count(client, AWARD_COUNT, filters)) > len(seen):
        yield Shortfall(step=step, expected=expected, received=len(seen))


def _next_cursor(page: Mapping[str, object], body: Mapping[str, object], client: Client) -> dict[str, object]:
    """Return the cursor of the next page. Null or unmoved, it would read the same page for ever."""
    cursor: dict[str, object] = {
        "last_record_unique_id": taken(page, "last_record_unique_id", int, client, AWARD_SEARCH),
        "last_record_sort_value": taken(page, "last_record_sort_value", str, client, AWARD_SEARCH),
    }
    if cursor["last_record_sort_value"] == "None" or all(body.get(name) == value for name, value in cursor.items()):
        raise SourceChanged(client.source, f"POST {AWARD_SEARCH}", f"a cursor that leads nowhere: {cursor}")
    return cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a transaction search: a filter, inclusive days by one kind of date, and award type codes."""

    step: str
    filters: Mapping[str, object]
    start: date
    end: date
    date_type: str
    types: tuple[str, ...]

    def asked(self) -> dict[str, object]:
        """Return the filters to send."""
        period = time_filter(self.start, self.end, self.date_type, TRANSACTION_DATES)
        return {**self.filters, **period, "award_type_codes": list(self.types)}

    def halves(self) -> tuple[Slice, Slice] | None:
        """Cut by days, then by award types; `None` when it can be cut no further."""
        if self.start < self.end:
            middle = self.start + (self.end - self.start) // 2
            return replace(self, end=middle), replace(self, start=middle + timedelta(days=1))
        if len(self.types) > 1:
            middle_type = len(self.types) // 2
            return replace(self, types=self.types[:middle_type]), replace(self, types=self.types[middle_type:])
        return None


def transaction_rows(client: Client, part: Slice) -> Iterator[Row | Shortfall]:
    """Read a slice of the transaction search whole, cutting it as small as completeness needs.

    A row may come more than once; a `Shortfall` follows the rows of a slice that stayed short. Raises `SourceError`.
    """
    expected = count(client, TRANSACTION_COUNT, part.asked())
    if expected == 0:
        return
    if expected > MOST_ROWS:
        raise SourceChanged(client.source, f"POST {TRANSACTION_COUNT}", "more rows than a watchlist can mean")
    if expected <= PAGE:
        rows = _page(client, part, 1, "Action Date", "asc")[0]
        yield from rows
        if len(rows) < expected:
            yield Shortfall(step=part.step, expected=expected, received=len(rows))
    elif halves := part.halves():
        for half in halves:
            yield from transaction_rows(client, half)
    else:
        yield from _reordered(client, part, expected)


def _reordered(client: Client, part: Slice, expected: int) -> Iterator[Row | Shortfall]:
    """Read a slice that cannot be cut in one order after another until every row has been seen."""
    seen: dict[tuple[str, ...], Row] = {}
    for sort in REORDERINGS:
        for order in ("asc", "desc"):
            number, more = 1, True
            while more:
                rows, more = _page(client, part, number, sort, order)
                seen.update((tuple(str(row.get(name)) for name in ROW_IDENTITY), row) for row in rows)
                number += 1
            if len(seen) >= expected:
                yield from seen.values()
                return
    yield from seen.values()
    yield Shortfall(step=part.step, expected=expected, received=len(seen))


def _page(client: Client, part: Slice, number: int, sort: str, order: str) -> tuple[list[Row], bool]:
    body = {
        "filters": part.asked(),
        "fields": list(TRANSACTION_FIELDS),
        "sort": sort,
        "order": order,
        "limit": PAGE,
        "page": number,
    }
    answer = ask(client, TRANSACTION_SEARCH, body)
    page = taken(answer, "page_metadata", dict, client, TRANSACTION_SEARCH)
    # The 500th page asks the index for one row more than it may give (issue 3218).
    more = taken(page, "hasNext", bool, client, TRANSACTION_SEARCH) and number < MOST_ROWS // PAGE - 1
    return rows_of(answer, client, TRANSACTION_SEARCH), more
