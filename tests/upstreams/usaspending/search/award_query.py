"""What an award search asks for, of awards and of subawards alike, and the order and cursor of its rows.

Facts: usaspending_api/search/v2/views/spending_by_award.py. A request is checked twice, by a model and by TinyShield;
the filters that search are the model's, the fields and pages are TinyShield's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Generic, TypeVar

from tests.upstreams.server import refuse, unhandled
from tests.upstreams.usaspending.search import index, search_rules
from tests.upstreams.usaspending.search.award_request import Level, read_request
from tests.upstreams.usaspending.search.search_rules import LEVEL, NO_INTERSECTION, PAGING, PROGRAM_ACTIVITIES
from tests.upstreams.usaspending.search.served import Served
from tests.upstreams.usaspending.search.tiny_shield import (
    BAD,
    UNPROCESSABLE,
    Field,
    Integer,
    ListOf,
    Text,
    checked,
    names_of,
)

Content = dict[str, Any]
Body = Mapping[str, Any]
Record = TypeVar("Record")
SortValue = str | int | Decimal | None

# Sorts that are never refused, whether asked for among the fields or not. Those of `MANY_KEYS` compare several values,
# for which the two values of a cursor are not enough.
MANY_KEYS = frozenset(
    {
        "NAICS",
        "PSC",
        "Recipient Location",
        "Primary Place of Performance",
        "Assistance Listing",
        "Sub-Recipient Location",
        "Sub-Award Primary Place of Performance",
    }
)
ALWAYS_ACCEPTED = MANY_KEYS | {"Recipient UEI", "Contract Award Type"}


@dataclass(frozen=True, kw_only=True)
class AwardQuery:
    """One checked request. `asked` holds the names of its filters, `known` the names that no message mentions."""

    level: Level
    filters: Content
    fields: list[str]
    number: int
    limit: int
    sort: str
    descending: bool
    after_id: int | None
    after_value: str | None
    asked: frozenset[str]
    known: frozenset[str]

    @property
    def codes(self) -> list[str]:
        """The award types that are searched."""
        codes: list[str] = self.filters["award_type_codes"]
        return codes

    @property
    def wants_nothing(self) -> bool:
        """Whether the request is the website's way to ask for nothing."""
        return NO_INTERSECTION in self.codes

    def check_sort(self, label: str, names: Sequence[str]) -> None:
        """Refuse a sort that these records do not have, or that is not among the fields asked for."""
        if self.sort in ALWAYS_ACCEPTED:
            return
        if self.sort not in names:
            raise refuse(BAD, f"Sort value '{self.sort}' not found in {label} mappings: {list(names)}")
        if self.sort not in self.fields:
            raise refuse(BAD, f"Sort value '{self.sort}' not found in requested fields: {self.fields}")

    def check_index(self, served: Served) -> None:
        """Refuse what no query can be made of, half a cursor (500), a page too far (422), what the index fails on."""
        index.check_codes(self.filters)
        if (self.after_id is None) != (self.after_value is None):
            raise unhandled()
        if self.after_id is None and (self.number - 1) * self.limit >= index.WINDOW:
            text = f"Page #{self.number} with limit {self.limit} is over the maximum result limit {index.WINDOW}. "
            text += "Please provide the 'last_record_sort_value' and 'last_record_unique_id' to paginate sequentially."
            raise refuse(UNPROCESSABLE, text)
        index.check_query(self.level, self.filters, served)
        index.check_sort(self.level, self.sort, served)
        if self.after_id is not None and self.sort in MANY_KEYS and not served.is_empty:
            raise index.failed()

    def nothing(self) -> Content:
        """Return the answer to a request for nothing: it names no level and has no cursor."""
        metadata = {"page": self.number, "hasNext": False}
        notes = search_rules.messages(self.asked, self.known)
        return {"limit": self.limit, "results": [], "page_metadata": metadata, "messages": notes}

    def answer(self, rows: Sequence[Content], last: Entry[Any] | None) -> Content:
        """Return the whole answer. `last` is the last row if more follow; without it the cursor is null and "None"."""
        metadata = {
            "page": self.number,
            "hasNext": last is not None,
            "last_record_unique_id": last.identity if last else None,
            "last_record_sort_value": cursor_text(last.value if last else None),
        }
        return {
            "spending_level": self.level,
            "limit": self.limit,
            "results": list(rows),
            "page_metadata": metadata,
            "messages": search_rules.messages(self.asked, search_rules.KNOWN_TO_AWARDS),
        }


@dataclass(frozen=True)
class Entry(Generic[Record]):
    """A record's place in the sort order: its sort value in the index, and the id that breaks ties."""

    record: Record
    value: SortValue
    identity: int | str | None


def read_query(body: Body) -> AwardQuery:
    """Return the checked request. Raises `Refusal`."""
    request = read_request(body)
    values, known = _shielded(body)
    return AwardQuery(
        level=request.level,
        filters=request.filters.model_dump(exclude_none=True),
        fields=values["fields"],
        number=values["page"],
        limit=values["limit"],
        sort=values.get("sort") or values["fields"][0],
        descending=values["order"] == "desc",
        after_id=values.get("last_record_unique_id"),
        after_value=values.get("last_record_sort_value"),
        asked=frozenset(body["filters"]),
        known=frozenset(known),
    )


def _shielded(body: Body) -> tuple[Content, set[str]]:
    """Return what TinyShield takes from the request, and the names it knows."""
    level = checked(LEVEL, body)
    is_sub = level["subawards"] or level["spending_level"] == "subawards"
    activities = body["filters"].get("program_activities", True)
    if activities is None:
        raise unhandled()
    if not activities:
        text = "The object provided has no children. If the object is used it needs at least one child."
        raise refuse(UNPROCESSABLE, text)
    fields = (
        Field("fields", ListOf(Text()), required=True),
        Field("last_record_unique_id", Integer(null=True)),
        Field("last_record_sort_value", Text(null=True)),
        PROGRAM_ACTIVITIES,
        *search_rules.filter_fields(
            required=True,
            recipient_id=False,
            date_types=search_rules.SUBAWARD_DATE_TYPES if is_sub else search_rules.DATE_TYPES,
        ),
        *PAGING,
        *LEVEL,
    )
    return checked(fields, body), names_of(fields)


def milliseconds(day: str | None) -> int | None:
    """Return a date, YYYY-MM-DD, as the index sorts it."""
    if day is None:
        return None
    return int(datetime.combine(date.fromisoformat(day[:10]), datetime.min.time(), UTC).timestamp() * 1000)


def cursor_text(value: SortValue) -> str:
    """Return a sort value as the answer writes it: amounts as a float would print, nothing as "None"."""
    return str(float(value)) if isinstance(value, Decimal) else str(value)


def ordered(entries: Iterable[Entry[Record]], *, descending: bool) -> list[Entry[Record]]:
    """Return entries by sort value, then by id, both in the order asked for; what is unknown comes last."""
    by_id = _unknown_last(list(entries), lambda entry: entry.identity, descending=descending)
    return _unknown_last(by_id, lambda entry: entry.value, descending=descending)


def _unknown_last(
    entries: list[Entry[Record]], key: Callable[[Entry[Record]], Any], *, descending: bool
) -> list[Entry[Record]]:
    known = sorted((entry for entry in entries if key(entry) is not None), key=key, reverse=descending)
    return known + [entry for entry in entries if key(entry) is None]


def shown(query: AwardQuery, found: Sequence[Entry[Record]], served: Served) -> tuple[Sequence[Entry[Record]], bool]:
    """Return the rows that a request shows, by page number or after its cursor, and whether more follow."""
    if query.after_id is None:
        return served.page(found, query.number, query.limit)
    rest = [entry for entry in found if _is_after(entry, query, found)]
    return rest[: query.limit], len(rest) > query.limit


def _is_after(entry: Entry[Record], query: AwardQuery, found: Sequence[Entry[Record]]) -> bool:
    """Whether an entry comes after the cursor.

    A cursor taken from a record without a sort value says "None": as text it is compared like any text, so that rows
    are skipped or repeated; as a number or a date the index cannot read it.
    """
    if entry.value is None:
        return True
    kind = type(next(each.value for each in found if each.value is not None))
    try:
        mark: Any = kind(query.after_value or "")
    except (ValueError, InvalidOperation):
        raise index.failed() from None
    if entry.value != mark:
        return bool(entry.value > mark) != query.descending
    if entry.identity is None:
        return True
    # An index of subawards has the id as text.
    here: Any = entry.identity
    last = query.after_id if isinstance(here, int) else str(query.after_id)
    return bool(here != last and (here > last) != query.descending)
