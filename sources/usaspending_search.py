"""Walking USAspending's searches to a provable end.

The award search has a cursor with a unique tie-breaker: walked to `hasNext: false` it is complete, and its count
endpoint confirms it. The transaction search has neither, and the cursor of the subaward search breaks ties by the prime
award, so that it passes over the other subawards of one prime: between two pages rows of equal sort value are lost and
repeated. Both are therefore cut into slices until one page holds a slice whole (one page cannot lose what its own count
says it holds); what cannot be cut that small is read in several orders and reported if still short.

Facts: usaspending_api/search/v2/views/spending_by_award.py and spending_by_transaction.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import NamedTuple, TypeVar

from sources.contract import Shortfall
from sources.errors import SourceChanged
from sources.http import Client
from sources.reading import read_json
from sources.records import Document
from sources.usaspending_queries import (
    AWARD_COUNT,
    AWARD_FIELDS,
    AWARD_SEARCH,
    AWARD_TYPES,
    LAST_DAY_FIELD,
    MOST_ROWS,
    PAGE,
    REORDERINGS,
    SUBAWARD_DATES,
    SUBAWARD_FIELDS,
    SUBAWARD_REORDERINGS,
    TRANSACTION_COUNT,
    TRANSACTION_DATES,
    TRANSACTION_FIELDS,
    TRANSACTION_SEARCH,
    TYPES_BY_GROUP,
    Row,
    time_filter,
)

DEPARTMENTS = "/api/v2/references/toptier_agencies/"

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
    return _asked(client, path, body)[1]


def _asked(client: Client, path: str, body: Mapping[str, object]) -> tuple[Document, Mapping[str, object]]:
    document = client.post(path, body)
    answer = read_json(document, client.source)
    messages = answer.get("messages") or []
    for message in messages if isinstance(messages, list) else [messages]:
        if "not used" in str(message).lower():
            raise SourceChanged(client.source, f"POST {path}", f"a filter was ignored: {message}")
    return document, answer


def rows_of(
    answer: Mapping[str, object], client: Client, path: str, key: str = "generated_internal_id", *, null: bool = False
) -> list[Row]:
    """Return the rows of an answer, each sure to have its award key, or `null` there if allowed.

    Raises:
        SourceChanged: a row has no such field.
    """
    rows = taken(answer, "results", list, client, path)
    for row in rows:
        if not isinstance(row, dict):
            raise SourceChanged(client.source, f"POST {path}", f"a row that is no object: {str(row)[:200]}")
        if not (null and row.get(key, "") is None):
            taken(row, key, str, client, path)
    return rows


def counts(
    client: Client, path: str, filters: Mapping[str, object], groups: Iterable[str], level: Mapping[str, object]
) -> dict[str, int]:
    """Return how many rows a search holds in each group. `level` is what else the body says. Raises `SourceError`."""
    results = taken(ask(client, path, {"filters": filters, **level}), "results", dict, client, path)
    return {group: taken(results, group, int, client, path) for group in groups}


def award_counts(client: Client, filters: Mapping[str, object], groups: Iterable[str]) -> dict[str, int]:
    """Return how many awards of each group a search holds, all in one request. Raises `SourceError`."""
    return counts(client, AWARD_COUNT, filters, groups, {})


def knows_homeland_security(client: Client) -> bool:
    """Whether the list of departments, which is never empty, names Homeland Security (code 070)."""
    rows = taken(read_json(client.get(DEPARTMENTS), client.source), "results", list, client, DEPARTMENTS)
    return any(isinstance(row, dict) and row.get("toptier_code") == "070" for row in rows)


def award_rows(client: Client, step: str, group: str, filters: Mapping[str, object]) -> Iterator[Row | Shortfall]:
    """Walk the award search of one type group to its end, then check against its count if it took several pages.

    Sorted by `Award ID`, which is never null: a null sort value breaks the cursor. Raises `SourceError`.
    """
    filters = {**filters, "award_type_codes": list(TYPES_BY_GROUP[group])}
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
    if pages > 1 and (expected := award_counts(client, filters, [group])[group]) > len(seen):
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
class Listing:
    """A search whose pages cannot be trusted: where it is asked and counted, and what it must be told.

    `key` is the field that names the award of a row, `level` what the body says besides. All `fields` together, with
    the key, tell a row apart, since it carries no key of its own.
    """

    path: str
    count_path: str
    key: str
    fields: tuple[str, ...]
    date_types: tuple[str, ...]
    sort: str
    reorderings: tuple[str, ...]
    level: Mapping[str, object] = field(default_factory=dict)

    def identity(self, row: Row) -> tuple[str, ...]:
        """Return what tells a row from all others."""
        return tuple(str(row.get(name)) for name in (self.key, *self.fields))


TRANSACTIONS = Listing(
    path=TRANSACTION_SEARCH,
    count_path=TRANSACTION_COUNT,
    key="generated_internal_id",
    fields=TRANSACTION_FIELDS,
    date_types=TRANSACTION_DATES,
    sort="Action Date",
    reorderings=REORDERINGS,
)
SUBAWARDS = Listing(
    path=AWARD_SEARCH,
    count_path=AWARD_COUNT,
    key="prime_award_generated_internal_id",
    fields=SUBAWARD_FIELDS,
    date_types=SUBAWARD_DATES,
    sort="Sub-Award Date",
    reorderings=SUBAWARD_REORDERINGS,
    level={"subawards": True, "spending_level": "subawards"},
)


class Found(NamedTuple):
    """A row, and the answer it stood in."""

    row: Row
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a search without a cursor: a filter, inclusive days by one kind of date, and award type codes.

    `groups` are the names under which the count tells rows of these types.
    """

    step: str
    filters: Mapping[str, object]
    start: date
    end: date
    date_type: str
    types: tuple[str, ...]
    groups: tuple[str, ...] = tuple(AWARD_TYPES)
    listing: Listing = TRANSACTIONS

    def asked(self) -> dict[str, object]:
        """Return the filters to send."""
        period = time_filter(self.start, self.end, self.date_type, self.listing.date_types)
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
    """Read a slice of the transaction search whole.

    A row may come more than once; a `Shortfall` follows the rows of a slice that stayed short. Raises `SourceError`.
    """
    for leaf in leaves(client, part):
        if isinstance(leaf, Shortfall):
            yield leaf
        else:
            yield from (found.row for found in leaf)


def leaves(client: Client, part: Slice, expected: int | None = None) -> Iterator[list[Found] | Shortfall]:
    """Read a slice whole, cutting it as small as completeness needs; give the rows of each piece together.

    `expected` spares the count where it is known. Raises `SourceError`.
    """
    listing = part.listing
    if expected is None:
        expected = sum(counts(client, listing.count_path, part.asked(), part.groups, listing.level).values())
    if expected == 0:
        return
    if expected > MOST_ROWS:
        raise SourceChanged(client.source, f"POST {listing.count_path}", "more rows than a watchlist can mean")
    if expected <= PAGE:
        found = _page(client, part, 1, listing.sort, "asc")[0]
        yield found
        if len(found) < expected:
            yield Shortfall(step=part.step, expected=expected, received=len(found))
    elif halves := part.halves():
        for half in halves:
            yield from leaves(client, half)
    else:
        yield from _reordered(client, part, expected)


def _reordered(client: Client, part: Slice, expected: int) -> Iterator[list[Found] | Shortfall]:
    """Read a slice that cannot be cut in one order after another until every row has been seen."""
    seen: dict[tuple[str, ...], Found] = {}
    for sort in part.listing.reorderings:
        for order in ("asc", "desc"):
            number, more = 1, True
            while more:
                page, more = _page(client, part, number, sort, order)
                for found in page:
                    seen.setdefault(part.listing.identity(found.row), found)
                number += 1
            if len(seen) >= expected:
                yield list(seen.values())
                return
    yield list(seen.values())
    yield Shortfall(step=part.step, expected=expected, received=len(seen))


def _page(client: Client, part: Slice, number: int, sort: str, order: str) -> tuple[list[Found], bool]:
    listing = part.listing
    body = {
        "filters": part.asked(),
        "fields": list(listing.fields),
        "sort": sort,
        "order": order,
        "limit": PAGE,
        "page": number,
        **listing.level,
    }
    document, answer = _asked(client, listing.path, body)
    page = taken(answer, "page_metadata", dict, client, listing.path)
    # The 500th page asks the index for one row more than it may give (issue 3218).
    more = taken(page, "hasNext", bool, client, listing.path) and number < MOST_ROWS // PAGE - 1
    rows = rows_of(answer, client, listing.path, listing.key, null=listing is SUBAWARDS)
    return [Found(row, document) for row in rows], more
