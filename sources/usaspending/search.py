"""Walking USAspending's searches to a provable end.

The award search has a cursor with a unique tie-breaker: walked to `hasNext: false` it is complete, and its count
endpoint confirms it. The transaction search has neither, and the cursor of the subaward search breaks ties by the prime
award, so that it passes over the other subawards of one prime: between two pages rows of equal sort value are lost and
repeated. One page without a next one cannot lose anything, so both are cut into slices until each is one page; what
cannot be cut that small is read in several orders. A count of the whole says whether the slices hold everything.

Facts: usaspending_api/search/v2/views/spending_by_award.py, spending_by_transaction.py and
spending_by_transaction_grouped.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import product
from typing import NamedTuple, TypeVar

from sources.base import IncompleteResult
from sources.errors import Refused, SourceChanged
from sources.fields import read_json
from sources.http.client import Client
from sources.records import Document
from sources.usaspending.filters import (
    AWARD_COUNT,
    AWARD_FIELDS,
    AWARD_SEARCH,
    GROUPED_SEARCH,
    LAST_DAY_FIELD,
    LAST_UPDATED,
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
# The transaction search renames the filter `keywords` itself, uses it, and then says of the new name that it was not
# used (spending_by_transaction.py: `keyword_search`; seen in every recorded answer).
RENAMED = "not used: {'keyword_search'}"

Value = TypeVar("Value")


def taken(answer: Mapping[str, object], name: str, kind: type[Value], client: Client, path: str) -> Value:
    """Return a required part of an answer. Raises `SourceChanged` if it is missing or of another type."""
    value = answer.get(name)
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
        return value
    raise SourceChanged(client.source, f"POST {path}", f"no {name} ({kind.__name__}) in {str(dict(answer))[:200]}")


def ask(client: Client, path: str, body: Mapping[str, object]) -> Mapping[str, object]:
    """Post a search and return its answer, having made sure that it does not say a filter was ignored.

    Raises:
        SourceChanged: a filter was not used (the rows would be the whole universe), or the answer is no JSON object.
    """
    return _asked(client, path, body)[1]


def _asked(client: Client, path: str, body: Mapping[str, object]) -> tuple[Document, Mapping[str, object]]:
    document = client.post(path, body)
    answer = read_json(document, client.source)
    messages = answer.get("messages") or []
    for message in messages if isinstance(messages, list) else [messages]:
        if "not used" in str(message).lower() and not (path == TRANSACTION_SEARCH and RENAMED in str(message)):
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


def last_updated(client: Client) -> str:
    """Return the day of the newest data as the API says it, MM/DD/YYYY. Raises `SourceError`."""
    day = taken(read_json(client.get(LAST_UPDATED), client.source), "last_updated", str, client, LAST_UPDATED)
    try:
        datetime.strptime(day, "%m/%d/%Y")  # noqa: DTZ007  a day, without a time
    except ValueError as error:
        raise SourceChanged(client.source, f"GET {LAST_UPDATED}", f"not a day: {day[:40]!r}") from error
    return day


def transaction_counts(
    client: Client, filters: Mapping[str, object], types: Sequence[str]
) -> Iterator[tuple[str, int]]:
    """Give the key of each award of a search and how many transactions it has. Raises `SourceError`.

    Sorted by key, which is unique, so that no row is lost between pages.
    """
    body: dict[str, object] = {
        "filters": {**filters, "award_type_codes": list(types)},
        "sort": "award_generated_internal_id",
        "order": "asc",
        "limit": PAGE,
    }
    number, more = 1, True
    while more:
        answer = ask(client, GROUPED_SEARCH, {**body, "page": number})
        for row in rows_of(answer, client, GROUPED_SEARCH, "award_generated_internal_id"):
            yield str(row["award_generated_internal_id"]), taken(row, "transaction_count", int, client, GROUPED_SEARCH)
        page = taken(answer, "page_metadata", dict, client, GROUPED_SEARCH)
        more = taken(page, "hasNext", bool, client, GROUPED_SEARCH) and number < MOST_ROWS // PAGE - 1
        number += 1


def award_rows(
    client: Client, step: str, group: str, filters: Mapping[str, object]
) -> Iterator[Row | IncompleteResult]:
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
        yield IncompleteResult(step=step, expected=expected, received=len(seen))


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
    """A search whose pages cannot be trusted: where it is asked and counted, and what its requests hold.

    `key` is the field that names the award of a row, `level` what the body says besides. All `fields` together, with
    the key, identify a row, since it has no key of its own. `link` is the field that is null in the rows that the
    count leaves out, "" if it counts all.
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
        """Return what tells a row from all others."""
        return tuple(str(row.get(name)) for name in (self.key, *self.fields))

    def is_counted(self, row: Row) -> bool:
        """Whether the count includes a row."""
        return not self.link or row.get(self.link) is not None


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
    # Subawards without a linked prime award are found and not counted. The key of the prime award is there in either
    # case (usaspending_api/search/v2/views/spending_by_award.py).
    link="prime_award_internal_id",
    level={"subawards": True, "spending_level": "subawards"},
)


class Found(NamedTuple):
    """A row, and the answer it stood in."""

    row: Row
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A part of a search without a cursor: a filter, inclusive days by one kind of date, and award type codes.

    `or_signed` are days of signing: what was signed then is found, too, whatever its other date. `groups` are the names
    under which the count tells rows of these types.
    """

    step: str
    filters: Mapping[str, object]
    start: date
    end: date
    date_type: str
    types: tuple[str, ...]
    groups: tuple[str, ...]
    or_signed: tuple[date, date] | None = None
    listing: Listing = TRANSACTIONS

    def asked(self) -> dict[str, object]:
        """Return the filters to send."""
        known = self.listing.date_types
        periods = [time_filter(self.start, self.end, self.date_type, known)]
        if self.or_signed:
            periods.append(time_filter(*self.or_signed, "action_date", known))
        return {**self.filters, "time_period": periods, "award_type_codes": list(self.types)}

    def parts(self) -> tuple[Slice, ...]:
        """Cut by kind of date, then by days, then by award types; nothing when it can be cut no further."""
        if self.or_signed:
            start, end = self.or_signed
            signed = replace(self, start=start, end=end, date_type="action_date", or_signed=None)
            return replace(self, or_signed=None), signed
        if self.start < self.end:
            middle = self.start + (self.end - self.start) // 2
            return replace(self, end=middle), replace(self, start=middle + timedelta(days=1))
        if len(self.types) > 1:
            half = len(self.types) // 2
            return replace(self, types=self.types[:half]), replace(self, types=self.types[half:])
        return ()


def transaction_rows(client: Client, part: Slice) -> Iterator[Row | IncompleteResult]:
    """Read a slice of the transaction search whole.

    A row may come more than once. An `IncompleteResult` follows the rows of a slice that stayed short.
    Raises `SourceError`.
    """
    for leaf in leaves(client, part):
        if isinstance(leaf, IncompleteResult):
            yield leaf
        else:
            yield from (found.row for found in leaf)


def leaves(client: Client, part: Slice) -> Iterator[list[Found] | IncompleteResult]:
    """Read a slice whole, cutting it as small as completeness needs; give the rows of each piece together.

    Raises `SourceError`.
    """
    try:
        found, more = _page(client, part, 1, part.listing.sort, "asc")
    except Refused as error:
        # The transaction search takes types of several groups at once. Should it stop to, each group is asked for.
        if error.status != 422 or len(part.groups) < 2:
            raise
        for group in part.groups:
            yield from leaves(client, replace(part, types=TYPES_BY_GROUP[group], groups=(group,)))
        return
    if not more:
        yield found
    elif part.or_signed:  # the two overlap, so that no count of both says anything
        for half in part.parts():
            yield from leaves(client, half)
    else:
        yield from _counted(client, part)


def _counted(client: Client, part: Slice) -> Iterator[list[Found] | IncompleteResult]:
    """Read a slice of several pages in pieces, and compare their rows with its count."""
    expected = _count(client, part)
    if expected > MOST_ROWS:
        raise SourceChanged(client.source, f"POST {part.listing.count_path}", "more rows than a watchlist can mean")
    received = others = 0
    example: tuple[Slice, int] | None = None  # a piece with rows that the count leaves out, and how many rows it has
    for piece, leaf in _pieces(client, part):
        counted = sum(part.listing.is_counted(found.row) for found in leaf)
        received, others = received + counted, others + len(leaf) - counted
        if counted < len(leaf):
            example = piece, len(leaf)
        yield leaf
    if received < expected and example and _count(client, example[0]) == example[1]:
        received += others  # it does not leave them out after all
    if received < expected:
        yield IncompleteResult(step=part.step, expected=expected, received=received)


def _count(client: Client, part: Slice) -> int:
    listing = part.listing
    return sum(counts(client, listing.count_path, part.asked(), part.groups, listing.level).values())


def _pieces(client: Client, part: Slice) -> Iterator[tuple[Slice, list[Found]]]:
    """Read a slice that has more than one page: its parts, each as one page if that holds it."""
    parts = part.parts()
    if not parts:
        yield part, _reordered(client, part)
        return
    for half in parts:
        found, more = _page(client, half, 1, half.listing.sort, "asc")
        if more:
            yield from _pieces(client, half)
        else:
            yield half, found


def _reordered(client: Client, part: Slice) -> list[Found]:
    """Read a slice that cannot be cut in one order after another, until as many rows were seen as an order has.

    Of rows that say the same there are as many as one page has shown.
    """
    seen: dict[tuple[str, ...], list[Found]] = {}
    for sort, order in product(part.listing.reorderings, ("asc", "desc")):
        number, more, walked = 1, True, 0
        while more:
            page, more = _page(client, part, number, sort, order)
            number, walked = number + 1, walked + len(page)
            for identity, same in _alike(page, part.listing).items():
                seen[identity] = max(seen.get(identity, []), same, key=len)
        if sum(map(len, seen.values())) >= walked:
            break
    return [found for same in seen.values() for found in same]


def _alike(page: Iterable[Found], listing: Listing) -> dict[tuple[str, ...], list[Found]]:
    """Return the rows of a page, those that say the same together."""
    alike: dict[tuple[str, ...], list[Found]] = {}
    for found in page:
        alike.setdefault(listing.identity(found.row), []).append(found)
    return alike


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
    rows = rows_of(answer, client, listing.path, listing.key, null=listing.key == SUBAWARDS.key)
    return [Found(row, document) for row in rows], more
