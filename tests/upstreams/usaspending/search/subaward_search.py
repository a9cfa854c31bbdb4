"""The search for subawards and its count: POST search/spending_by_award/ and spending_by_award_count/.

Facts: usaspending_api/search/v2/views/spending_by_award.py and spending_by_award_count.py, the fields of
awards/v2/lookups/lookups.py (`subaward_mapping`), what finds a subaward in common/query_with_filters.py, its dates in
search/filters/time_period/query_types.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.upstreams.server import unhandled
from tests.upstreams.usaspending.corpus import CorpusSubaward
from tests.upstreams.usaspending.search import search_rules
from tests.upstreams.usaspending.search.award_query import (
    AwardQuery,
    Content,
    Entry,
    SortValue,
    milliseconds,
    ordered,
    shown,
)
from tests.upstreams.usaspending.search.filters import (
    SAME_FOR_BOTH,
    award_ids,
    ends,
    in_ranges,
    names_and_ueis,
    phrases,
    within,
)
from tests.upstreams.usaspending.search.index import check_codes, check_query
from tests.upstreams.usaspending.search.search_rules import NO_INTERSECTION
from tests.upstreams.usaspending.search.served import Served

Filters = Mapping[str, Any]
Value = Callable[[CorpusSubaward], Any]
Test = Callable[[CorpusSubaward], bool]


def location(city: str | None, state: str | None) -> Content:
    """Return a place as the search shows it."""
    none = dict.fromkeys(("location_country_code", "country_name", "state_name", "county_code", "county_name"))
    return none | {"state_code": state, "city_name": city, "congressional_code": None, "zip4": None, "zip5": None}


def listing(subaward: CorpusSubaward) -> Content:
    """Return the assistance listing of the prime award."""
    number, title = subaward.prime.listings[0] if subaward.prime.listings else (None, None)
    return {"cfda_number": number, "cfda_program_title": title}


VALUES: dict[str, Value] = {
    "Sub-Award ID": lambda s: s.number,
    "Sub-Award Type": lambda s: "sub-grant" if s.is_grant else "sub-contract",
    "Sub-Awardee Name": lambda s: s.name,
    "Sub-Award Date": lambda s: s.day.isoformat() if s.day else None,
    "Sub-Award Amount": lambda s: None if s.amount is None else float(s.amount),
    "Awarding Agency": lambda s: s.prime.awarding_toptier_name,
    "Awarding Sub Agency": lambda s: s.prime.awarding_sub_name,
    "Prime Award ID": lambda s: s.prime.piid,
    "Prime Recipient Name": lambda s: s.prime.recipient_name,
    "prime_award_recipient_id": lambda _s: None,
    "Sub-Award Description": lambda s: s.description,
    "subaward_description_sorted": lambda s: s.description,
    "Sub-Recipient UEI": lambda s: s.uei,
    "Prime Award Recipient UEI": lambda s: s.prime.recipient_uei,
}
OBJECTS: dict[str, Value] = {
    "NAICS": lambda s: {"code": s.prime.naics_code, "description": s.prime.naics_description},
    "PSC": lambda s: {"code": s.prime.psc_code, "description": s.prime.psc_description},
    "Assistance Listing": listing,
    "Sub-Recipient Location": lambda s: location(s.city, s.state),
    "Sub-Award Primary Place of Performance": lambda s: location(s.city, s.state),
}


def subaward_answer(query: AwardQuery, served: Served) -> Content:
    """Answer a search for subawards.

    Ties are broken by the prime award, as text; what is left of them comes in an order that differs from request to
    request. A cursor has the sort value and the prime award of the last row, so it passes over the rest of both.
    """
    search_rules.check_one_group(query.codes, search_rules.SUBAWARD_GROUPS)
    query.check_sort("Sub-Award", list(VALUES))
    query.check_index(served)
    found = subawards_found(query.filters, served)
    shuffled = sorted(enumerate(found), key=lambda pair: zlib.crc32(f"{served.turn}:{pair[0]}".encode()))
    entries = ordered(
        (Entry(subaward, sort_value(subaward, query.sort), subaward.linked_id) for _, subaward in shuffled),
        descending=query.descending,
    )
    page, has_next = shown(query, entries, served)
    return query.answer([row(e.record, query.fields) for e in page], page[-1] if page and has_next else None)


def subaward_count(filters: Filters, served: Served) -> dict[str, int]:
    """Return how many subawards with a linked prime award there are under grants and under contracts."""
    if NO_INTERSECTION in filters.get("award_type_codes", ()):
        return {"subcontracts": 0, "subgrants": 0}
    if any(period.get("date_type") == "new_awards_only" for period in filters.get("time_period", ())):
        raise unhandled()
    check_codes(filters)
    check_query("subawards", filters, served)
    found = [s for s in subawards_found(filters, served) if s.is_linked or not served.holds("subaward-count-linked")]
    grants = sum(subaward.is_grant for subaward in found)
    return {"subgrants": grants, "subcontracts": len(found) - grants}


def subawards_found(filters: Filters, served: Served) -> list[CorpusSubaward]:
    """Return the subawards that all filters find."""
    tests = [TESTS[name](value) for name, value in filters.items() if name in TESTS]
    if "award_ids" in filters:
        has_id = award_ids(filters["award_ids"], unquoted=served.holds("unquoted-award-ids"))
        tests.append(lambda subaward: has_id(subaward.prime.piid) or has_id(subaward.number or ""))
    return [subaward for subaward in served.subawards if all(test(subaward) for test in tests)]


def keywords(sought: Sequence[str]) -> Test:
    """Subawards by words of name, number, description or PSC, or by the whole UEI or number of the prime award."""
    has_phrase, exact = phrases(sought), frozenset(text.upper() for text in sought)
    return lambda s: (
        has_phrase((s.name, s.prime.psc_description, s.description, s.number))
        or s.prime.piid in sought
        or (s.uei or "").upper() in exact
    )


def recipient_search_text(sought: Sequence[str]) -> Test:
    """Subawards by the recipient's own name or UEI. Its parent is not looked at."""
    test = names_and_ueis(sought)
    return lambda subaward: test([subaward.name], [subaward.uei])


def in_period(subaward: CorpusSubaward, period: Mapping[str, str]) -> bool:
    """Whether the subaward's own date, or the last-modified date of its prime award, falls in the period.

    The index has no date on which the prime award was signed, so a search by it finds nothing.
    """
    match period.get("date_type"):
        case "last_modified_date":
            return within(subaward.prime.modified, *ends(period))
        case "date_signed":
            return False
        case _:
            return within(subaward.day, *ends(period))


def _description(text: str) -> Test:
    has_phrase = phrases([text])
    return lambda subaward: has_phrase([subaward.description])


def _award_amounts(ranges: Sequence[Mapping[str, Any]]) -> Test:
    test = in_ranges(ranges)
    return lambda subaward: test(subaward.amount)


def _of_prime(name: str) -> Callable[[Any], Test]:
    """Return the filter `name` as it finds a subaward by its prime award."""

    def make(value: Any) -> Test:
        test = SAME_FOR_BOTH[name](value)
        return lambda subaward: test(subaward.prime)

    return make


TESTS: dict[str, Callable[[Any], Test]] = {
    **{name: _of_prime(name) for name in SAME_FOR_BOTH},
    "award_amounts": _award_amounts,
    "keywords": keywords,
    "description": _description,
    "recipient_search_text": recipient_search_text,
    "time_period": lambda periods: lambda subaward: any(in_period(subaward, period) for period in periods),
}


def sort_value(subaward: CorpusSubaward, sort: str) -> SortValue:
    """Return the subaward's value in the index."""
    get_value = OBJECTS.get(sort) or VALUES.get(sort)
    value = get_value(subaward) if get_value else None
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values() if part) or None
    if value is None or sort == "Sub-Award Date":
        return milliseconds(value)
    return Decimal(str(value)) if isinstance(value, float) else str(value)


def row(subaward: CorpusSubaward, fields: Sequence[str]) -> Content:
    """Return one result. Unknown fields are null, the ids are always there, null where no prime award is linked."""
    known = VALUES | OBJECTS
    prime_id = subaward.prime.internal_id if subaward.is_linked else None
    content: Content = {"internal_id": subaward.number, "prime_award_internal_id": prime_id}
    content |= {name: known[name](subaward) if name in known else None for name in fields}
    return content | {"prime_award_generated_internal_id": subaward.prime.key} | subaward.extra
