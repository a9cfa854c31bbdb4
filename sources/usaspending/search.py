"""USAspending's searches, read to a provable end.

The award search has a cursor with a unique tie-breaker: read until `hasNext` is false it is complete, and the count
confirms it. The transaction search has no cursor, and the cursor of the subaward search breaks ties by the prime award:
between two pages both lose and repeat rows of equal sort value. A single page cannot lose a row, so these two searches
are split until each part is one page. A part that cannot be split further is read in several sort orders. The count of
the whole says whether the parts are complete.

Facts: usaspending_api/search/v2/views/spending_by_award.py, spending_by_transaction.py and
spending_by_transaction_grouped.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import product
from typing import NamedTuple, TypeVar

from sources.base import IncompleteResult
from sources.errors import Refused, SourceChanged
from sources.fields import read_json
from sources.http.client import Client
from sources.paging import RowCounter, read_in_parts, read_pages, split_days
from sources.records import Document
from sources.usaspending.filters import (
    AWARD_COUNT,
    AWARD_FIELDS,
    AWARD_SEARCH,
    DEPARTMENTS,
    GROUPED_SEARCH,
    LAST_DAY_FIELD,
    LAST_UPDATED,
    MAX_ROWS,
    PAGE_SIZE,
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

# The transaction search renames the filter `keywords` itself, uses it, and then says of the new name that it was not
# used (spending_by_transaction.py: `keyword_search`; seen in every recorded response).
RENAMED = "not used: {'keyword_search'}"
# The index refuses the page after this one: it would have to look one row past the last that it gives (issue 3218).
LAST_PAGE = MAX_ROWS // PAGE_SIZE - 1
GROUPED_KEY = "award_generated_internal_id"

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Response:
    """A response as a document and as JSON. `request` names the request in errors."""

    source: str
    request: str
    document: Document
    content: Mapping[str, object]

    def require(self, name: str, kind: type[Value], within: Mapping[str, object] | None = None) -> Value:
        """Return a field of the content, or of an object in it. Raises `SourceChanged` if it is not of this type."""
        fields = self.content if within is None else within
        value = fields.get(name)
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        raise self.changed(f"no {name} ({kind.__name__}) in {str(dict(fields))[:200]}")

    def rows(self, key: str = "generated_internal_id", *, nullable: bool = False) -> list[Row]:
        """Return the rows, each with its award key, or `null` in its place if allowed. Raises `SourceChanged`."""
        rows = self.require("results", list)
        for row in rows:
            if not isinstance(row, dict):
                raise self.changed(f"a row that is no object: {str(row)[:200]}")
            if not (nullable and row.get(key, "") is None):
                self.require(key, str, row)
        return rows

    @property
    def has_next(self) -> bool:
        """Whether there is another page. Raises `SourceChanged`."""
        return self.require("hasNext", bool, self.require("page_metadata", dict))

    def changed(self, came_back: str) -> SourceChanged:
        """Return the error that the response is not of the expected form."""
        return SourceChanged(self.source, self.request, came_back)


def get(client: Client, path: str, *, allow_404: bool = False) -> Response:
    """Get a JSON object. Raises `SourceError`."""
    document = client.get(path, allow_404=allow_404)
    return Response(client.source, f"GET {path}", document, read_json(document, client.source))


def post(client: Client, path: str, body: Mapping[str, object]) -> Response:
    """Post a JSON object and get one. Raises `SourceError`."""
    document = client.post(path, body)
    return Response(client.source, f"POST {path}", document, read_json(document, client.source))


def search(client: Client, path: str, body: Mapping[str, object]) -> Response:
    """Post a search. Raises `SourceChanged` if a filter was ignored: the rows would be the whole database."""
    response = post(client, path, body)
    messages = response.content.get("messages") or []
    for message in messages if isinstance(messages, list) else [messages]:
        if "not used" in str(message).lower() and not (path == TRANSACTION_SEARCH and RENAMED in str(message)):
            raise response.changed(f"a filter was ignored: {message}")
    return response


def knows_homeland_security(client: Client) -> bool:
    """Whether the list of departments, which is never empty, names Homeland Security (code 070)."""
    rows = get(client, DEPARTMENTS).require("results", list)
    return any(isinstance(row, dict) and row.get("toptier_code") == "070" for row in rows)


def last_updated(client: Client) -> str:
    """Return the day of the newest data as the API gives it, MM/DD/YYYY. Raises `SourceError`."""
    response = get(client, LAST_UPDATED)
    day = response.require("last_updated", str)
    try:
        datetime.strptime(day, "%m/%d/%Y")  # noqa: DTZ007  a day, without a time
    except ValueError as error:
        raise response.changed(f"not a day: {day[:40]!r}") from error
    return day


def count_rows(
    client: Client, path: str, filters: Mapping[str, object], groups: Iterable[str], level: Mapping[str, object]
) -> int:
    """Return how many rows of some groups a search has. `level` is what else the body says. Raises `SourceError`."""
    response = search(client, path, {"filters": filters, **level})
    results = response.require("results", dict)
    return sum(response.require(group, int, results) for group in groups)


def count_transactions(
    client: Client, filters: Mapping[str, object], types: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """Give the key of each award of a search and its number of transactions. Raises `SourceError`.

    Sorted by key, which is unique, so that no row is lost between pages.
    """
    body = {"filters": {**filters, "award_type_codes": list(types)}, "sort": GROUPED_KEY, "order": "asc"}

    def read(number: int) -> tuple[list[tuple[str, int]], bool]:
        response = search(client, GROUPED_SEARCH, {**body, "limit": PAGE_SIZE, "page": number})
        rows = response.rows(GROUPED_KEY)
        counts = [(str(row[GROUPED_KEY]), response.require("transaction_count", int, row)) for row in rows]
        return counts, response.has_next and number < LAST_PAGE

    for page in read_pages(read):
        yield from page


def search_awards(
    client: Client, step: str, group: str, filters: Mapping[str, object]
) -> Iterator[Row | IncompleteResult]:
    """Read the award search of one group of types to its end; compare several pages with the count.

    Sorted by `Award ID`, which is never null: a null sort value breaks the cursor. Raises `SourceError`.
    """
    filters = {**filters, "award_type_codes": list(TYPES_BY_GROUP[group])}
    body: dict[str, object] = {
        "filters": filters,
        "fields": [*AWARD_FIELDS, LAST_DAY_FIELD[group]],
        "sort": "Award ID",
        "order": "asc",
        "limit": PAGE_SIZE,
    }
    counter, pages, more = RowCounter(), 0, True
    while more:
        response = search(client, AWARD_SEARCH, body)
        pages += 1
        for row in response.rows():
            counter.add(row["generated_internal_id"])
            yield row
        if pages > MAX_ROWS // PAGE_SIZE:
            raise response.changed("more rows than a watchlist can match")
        more = response.has_next
        if more:
            body = {**body, **_next_cursor(response, body)}
    if pages > 1:
        yield from counter.check(step, count_rows(client, AWARD_COUNT, filters, [group], {}))


def _next_cursor(response: Response, body: Mapping[str, object]) -> dict[str, object]:
    """Return the cursor of the next page. Raises `SourceChanged` if it is null or the same: it would never end."""
    page = response.require("page_metadata", dict)
    cursor: dict[str, object] = {
        "last_record_unique_id": response.require("last_record_unique_id", int, page),
        "last_record_sort_value": response.require("last_record_sort_value", str, page),
    }
    if cursor["last_record_sort_value"] == "None" or all(body.get(name) == value for name, value in cursor.items()):
        raise response.changed(f"a cursor that leads nowhere: {cursor}")
    return cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A search without a usable cursor: its paths, and what its requests contain.

    `key` is the field with a row's award key, `level` what else the body says. A row has no key of its own: `key` and
    all `fields` together identify it. `link` is the field that is null in the rows that the count leaves out, "" if it
    leaves out none.
    """

    path: str
    count_path: str
    key: str
    fields: tuple[str, ...]
    date_types: tuple[str, ...]
    sort: str
    reorderings: tuple[str, ...]
    level: Mapping[str, object] = field(default_factory=dict)
    link: str = ""

    def identity(self, row: Row) -> tuple[str, ...]:
        """Return what distinguishes a row from all others."""
        return tuple(str(row.get(name)) for name in (self.key, *self.fields))

    def counts(self, row: Row) -> bool:
        """Whether the count includes a row."""
        return not self.link or row.get(self.link) is not None


TRANSACTIONS = Index(
    path=TRANSACTION_SEARCH,
    count_path=TRANSACTION_COUNT,
    key="generated_internal_id",
    fields=TRANSACTION_FIELDS,
    date_types=TRANSACTION_DATES,
    sort="Action Date",
    reorderings=REORDERINGS,
)
SUBAWARDS = Index(
    path=AWARD_SEARCH,
    count_path=AWARD_COUNT,
    key="prime_award_generated_internal_id",
    fields=SUBAWARD_FIELDS,
    date_types=SUBAWARD_DATES,
    sort="Sub-Award Date",
    reorderings=SUBAWARD_REORDERINGS,
    # Subawards without a linked prime award are found and not counted. The key of the prime award is there in either
    # case (usaspending_api/search/v2/views/spending_by_award.py).
    link="prime_award_internal_id",
    level={"subawards": True, "spending_level": "subawards"},
)


class SearchHit(NamedTuple):
    """A row, and the response it came in."""

    row: Row
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Part of a search without a cursor: a filter, inclusive days by one type of date, and award type codes.

    `or_signed` are days of signing: what was signed then is found as well, whatever its other date. `groups` are the
    names under which the count lists these types.
    """

    step: str
    filters: Mapping[str, object]
    start: date
    end: date
    date_type: str
    types: tuple[str, ...]
    groups: tuple[str, ...]
    or_signed: tuple[date, date] | None = None
    index: Index = TRANSACTIONS

    def request_filters(self) -> dict[str, object]:
        """Return the filters to send."""
        known = self.index.date_types
        periods = [time_filter(self.start, self.end, self.date_type, known)]
        if self.or_signed:
            periods.append(time_filter(*self.or_signed, "action_date", known))
        return {**self.filters, "time_period": periods, "award_type_codes": list(self.types)}

    def split(self) -> tuple[Slice, ...]:
        """Split by type of date, then by days, then by award types; return nothing when it cannot be split."""
        if self.or_signed:
            start, end = self.or_signed
            signed = replace(self, start=start, end=end, date_type="action_date", or_signed=None)
            return replace(self, or_signed=None), signed
        if halves := split_days(self.start, self.end):
            return tuple(replace(self, start=start, end=end) for start, end in halves)
        if len(self.types) > 1:
            half = len(self.types) // 2
            return replace(self, types=self.types[:half]), replace(self, types=self.types[half:])
        return ()


def search_slice(client: Client, part: Slice) -> Iterator[list[SearchHit] | IncompleteResult]:
    """Read a slice completely, split as far as needed; give the rows of each part together.

    A row may come more than once. An `IncompleteResult` follows the rows of a slice that stayed short.
    Raises `SourceError`.
    """
    try:
        rows, more = _page(client, part)
    except Refused as error:
        # The transaction search takes types of several groups at once. If it stops to, each group is searched alone.
        if error.status != 422 or len(part.groups) < 2:
            raise
        for group in part.groups:
            yield from search_slice(client, replace(part, types=TYPES_BY_GROUP[group], groups=(group,)))
        return
    if not more:
        yield rows
    elif part.or_signed:  # the two overlap, so that a count of both says nothing
        for half in part.split():
            yield from search_slice(client, half)
    else:
        yield from _search_parts(client, part)


def _search_parts(client: Client, part: Slice) -> Iterator[list[SearchHit] | IncompleteResult]:
    """Read a slice of several pages in parts, and compare their rows with its count."""
    expected = _count(client, part)
    if expected > MAX_ROWS:
        raise SourceChanged(client.source, f"POST {part.index.count_path}", "more rows than a watchlist can match")
    received = uncounted = 0
    example: tuple[Slice, int] | None = None  # a part with rows that the count leaves out, and its number of rows
    for piece, hits in _parts(client, part):
        counted = sum(part.index.counts(hit.row) for hit in hits)
        received, uncounted = received + counted, uncounted + len(hits) - counted
        if counted < len(hits):
            example = piece, len(hits)
        yield hits
    if received < expected and example and _count(client, example[0]) == example[1]:
        received += uncounted  # the count includes them after all
    if received < expected:
        yield IncompleteResult(step=part.step, expected=expected, received=received)


def _count(client: Client, part: Slice) -> int:
    return count_rows(client, part.index.count_path, part.request_filters(), part.groups, part.index.level)


def _parts(client: Client, part: Slice) -> Iterator[tuple[Slice, list[SearchHit]]]:
    """Read a slice of several pages in parts of one page each."""
    halves = part.split()
    if not halves:
        yield part, _read_reordered(client, part)
    for half in halves:
        for piece, hits, is_whole in read_in_parts(half, lambda one: _page(client, one), Slice.split):
            yield piece, hits if is_whole else _read_reordered(client, piece)


def _read_reordered(client: Client, part: Slice) -> list[SearchHit]:
    """Read a slice that cannot be split in one order after another, until as many rows were seen as an order has.

    Of equal rows there are as many as one page has shown.
    """
    seen: dict[tuple[str, ...], list[SearchHit]] = {}
    for sort, order in product(part.index.reorderings, ("asc", "desc")):
        total = 0
        for page in read_pages(lambda number, by=(sort, order): _page(client, part, number, *by)):  # type: ignore[misc]
            total += len(page)
            for identity, same in _equal_rows(page, part.index).items():
                seen[identity] = max(seen.get(identity, []), same, key=len)
        if sum(map(len, seen.values())) >= total:
            break
    return [hit for same in seen.values() for hit in same]


def _equal_rows(page: Iterable[SearchHit], index: Index) -> dict[tuple[str, ...], list[SearchHit]]:
    equal: dict[tuple[str, ...], list[SearchHit]] = {}
    for hit in page:
        equal.setdefault(index.identity(hit.row), []).append(hit)
    return equal


def _page(
    client: Client, part: Slice, number: int = 1, sort: str = "", order: str = "asc"
) -> tuple[list[SearchHit], bool]:
    index = part.index
    body = {
        "filters": part.request_filters(),
        "fields": list(index.fields),
        "sort": sort or index.sort,
        "order": order,
        "limit": PAGE_SIZE,
        "page": number,
        **index.level,
    }
    response = search(client, index.path, body)
    rows = response.rows(index.key, nullable=index is SUBAWARDS)
    return [SearchHit(row, response.document) for row in rows], response.has_next and number < LAST_PAGE
