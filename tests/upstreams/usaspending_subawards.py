"""USAspending's search for subawards: POST search/spending_by_award/ and its count, asked for `subawards`.

Facts: usaspending_api/search/v2/views/spending_by_award.py and spending_by_award_count.py, the fields of
awards/v2/lookups/lookups.py (`subaward_mapping`), what finds a subaward in common/query_with_filters.py, its dates in
search/filters/time_period/query_types.py, its group error in common/helpers/api_helper.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from procurewatch.demo import checks
from procurewatch.demo.answers import Refusal, refuse, unhandled
from procurewatch.demo.award_search import check_sort, checked_award_search
from procurewatch.demo.corpus import CorpusAward
from procurewatch.demo.filters import has_phrase, period_of, type_fits, within, words
from procurewatch.demo.transaction_search import check_transaction_filters
from tests.upstreams.faults import Faulty
from tests.upstreams.usaspending_assistance import AssistanceStandIn, CorpusGrant

Content = dict[str, Any]
Body = Mapping[str, Any]
PROCUREMENT = checks.GROUPS["contracts"] | checks.GROUPS["idvs"]
ASSISTANCE = {code: name for codes in checks.GROUPS.values() for code, name in codes.items() if code not in PROCUREMENT}
SERVED = {"award_type_codes", "keywords", "recipient_search_text", "time_period"}


@dataclass(kw_only=True)
class CorpusSubaward:
    """One report of a subaward under `prime`. `extra` replaces fields of its row."""

    prime: CorpusAward
    number: str | None
    name: str | None
    day: date | None
    amount: Decimal | None
    description: str | None = None
    uei: str | None = None
    state: str | None = None
    city: str | None = None
    extra: Content = field(default_factory=dict)

    @property
    def is_grant(self) -> bool:
        """Whether it is under assistance."""
        return isinstance(self.prime, CorpusGrant)


def location(city: str | None, state: str | None) -> Content:
    """Return a place as the search tells it."""
    none = dict.fromkeys(("location_country_code", "country_name", "state_name", "county_code", "county_name"))
    return none | {"state_code": state, "city_name": city, "congressional_code": None, "zip4": None, "zip5": None}


def listing(subaward: CorpusSubaward) -> Content:
    """Return the assistance listing of the prime award."""
    number, title = subaward.prime.listings[0] if isinstance(subaward.prime, CorpusGrant) else (None, None)
    return {"cfda_number": number, "cfda_program_title": title}


FIELDS: dict[str, Callable[[CorpusSubaward], Any]] = {
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
# These can be asked for, and are made of several fields: sorted by them, a cursor of two values cannot be enough.
OBJECTS: dict[str, Callable[[CorpusSubaward], Any]] = {
    "NAICS": lambda s: {"code": s.prime.naics_code, "description": s.prime.naics_description},
    "PSC": lambda s: {"code": s.prime.psc_code, "description": s.prime.psc_description},
    "Assistance Listing": listing,
    "Sub-Recipient Location": lambda s: location(s.city, s.state),
    "Sub-Award Primary Place of Performance": lambda s: location(s.city, s.state),
}


def is_asked_for_subawards(body: Body) -> bool:
    """Whether a request is for subawards; the older way to say so wins."""
    return bool(body.get("subawards") or body.get("spending_level") == "subawards")


def subaward_search(body: Body, subawards: Sequence[CorpusSubaward], turn: int) -> Content:
    """Answer POST search/spending_by_award/ for subawards.

    Ties are broken by the prime award; what is left of them comes in an order that depends on `turn`, the number of
    the request. A cursor has the sort value and the prime award of the last row, so it passes over the rest of both.
    """
    filters, page = checked_award_search({**body, "subawards": False, "spending_level": "awards"})
    check_filters(filters)
    if "no intersection" in filters["award_type_codes"]:
        return answer(body, [], {"page": page.number, "hasNext": False})
    if not any(set(filters["award_type_codes"]) <= set(group) for group in (PROCUREMENT, ASSISTANCE)):
        text = "'award_type_codes' must only contain types from one group."
        groups = {"procurement": PROCUREMENT, "assistance": ASSISTANCE}
        raise Refusal(checks.UNPROCESSABLE, {"message": text, "award_type_groups": groups})
    if page.sort in OBJECTS:
        raise refuse(HTTPStatus.NOT_IMPLEMENTED, f"This stand-in does not sort by {page.sort}")
    check_sort(page.sort, body["fields"], FIELDS)
    if (page.after_id is None) != (page.after_value is None):
        raise unhandled()
    if page.after_id is None and (page.number - 1) * page.limit >= checks.WINDOW:
        raise refuse(checks.UNPROCESSABLE, f"Page #{page.number} with limit {page.limit} is over the maximum")
    found = ordered([s for s in subawards if is_found(s, filters)], page.sort, turn, descending=page.descending)
    begin = (page.number - 1) * page.limit
    if page.after_id is not None:
        mark = (page.after_value, page.after_id)
        begin = next((n for n, s in enumerate(found) if place(s, page.sort) > mark), len(found))
    shown, has_next = found[begin : begin + page.limit], len(found) - begin > page.limit
    last = shown[-1] if shown and has_next else None
    metadata = {
        "page": page.number,
        "hasNext": has_next,
        "last_record_unique_id": last.prime.internal_id if last else None,
        "last_record_sort_value": place(last, page.sort)[0] if last else "None",
    }
    return answer(body, [row(s, body["fields"]) for s in shown], metadata)


def subaward_count(body: Body, subawards: Sequence[CorpusSubaward]) -> Content:
    """Answer POST search/spending_by_award_count/ for subawards. The type codes are optional, and may be mixed."""
    if not body.get("filters"):
        raise refuse(checks.BAD, "Missing required request parameters: 'filters'")
    filters = checks.known_filters(body)
    check_transaction_filters(filters)
    check_filters(filters)
    found = [s for s in subawards if is_found(s, filters)]
    grants = sum(s.is_grant for s in found)
    told = {"subgrants": grants, "subcontracts": len(found) - grants}
    return {"results": told, "spending_level": "subawards", "messages": checks.messages(filters)}


def check_filters(filters: Content) -> None:
    """Refuse new_awards_only (400), and what USAspending serves and this stand-in does not (501)."""
    if any(period.get("date_type") == "new_awards_only" for period in filters.get("time_period", [])):
        raise refuse(checks.BAD, "Field 'filters|time_period' is outside valid values")
    if any(period.get("date_type") == "date_signed" for period in filters.get("time_period", [])):
        raise refuse(HTTPStatus.NOT_IMPLEMENTED, "This stand-in does not serve date_signed for subawards")
    if unserved := sorted(set(filters) & checks.SERVED_FILTERS - SERVED):
        raise refuse(HTTPStatus.NOT_IMPLEMENTED, f"This stand-in does not serve {unserved} for subawards")


def is_found(subaward: CorpusSubaward, filters: Content) -> bool:
    """Whether all filters find the subaward."""
    tests: dict[str, Callable[[CorpusSubaward, Any], bool]] = {
        "award_type_codes": lambda s, codes: type_fits(s.prime, codes),
        "keywords": keywords_find,
        "recipient_search_text": recipient_finds,
        "time_period": lambda s, periods: any(in_period(s, period) for period in periods),
    }
    return all(test(subaward, filters[name]) for name, test in tests.items() if name in filters)


def keywords_find(subaward: CorpusSubaward, keywords: Sequence[str]) -> bool:
    """Whether a keyword is in name, number, description or PSC, or is the prime award's number or the UEI."""
    texts = (subaward.name, subaward.prime.psc_description, subaward.description, subaward.number)
    exact = {str(value).upper() for value in (subaward.prime.piid, subaward.uei) if value}
    return has_phrase(texts, keywords) or any(keyword.upper() in exact for keyword in keywords)


def recipient_finds(subaward: CorpusSubaward, sought: Sequence[str]) -> bool:
    """Whether all words of a text are in the recipient's name, in any order, or it is its UEI. No parent is known."""
    name = set(words(subaward.name or ""))
    return any(set(words(text)) <= name or text.upper() == (subaward.uei or "").upper() for text in sought)


def in_period(subaward: CorpusSubaward, period: Mapping[str, str]) -> bool:
    """Whether the subaward's own date, or the last-modified date of its prime award, falls in the period."""
    is_prime_date = period.get("date_type") == "last_modified_date"
    return within(subaward.prime.last_modified_date if is_prime_date else subaward.day, *period_of(period))


def place(subaward: CorpusSubaward, sort: str) -> tuple[str, int]:
    """Return where a subaward stands in an order, as far as the index knows. A number is filled up with zeros."""
    value = subaward.prime.piid if sort == "Sub-Award ID" else FIELDS[sort](subaward)
    return f"{value:020.2f}" if isinstance(value, float) else str(value or "~"), subaward.prime.internal_id or 0


def ordered(found: Sequence[CorpusSubaward], sort: str, turn: int, *, descending: bool) -> list[CorpusSubaward]:
    """Return subawards in order; those of one value under one prime award as chance, that is `turn`, has it."""
    by_chance = sorted(enumerate(found), key=lambda pair: zlib.crc32(f"{turn}:{pair[0]}".encode()))
    return sorted((s for _, s in by_chance), key=lambda s: place(s, sort), reverse=descending)


def row(subaward: CorpusSubaward, fields: Sequence[str]) -> Content:
    """Return one result. Unknown fields are null, the ids are always there."""
    known = FIELDS | OBJECTS
    told: Content = {"internal_id": subaward.number, "prime_award_internal_id": subaward.prime.internal_id}
    told |= {name: known[name](subaward) if name in known else None for name in fields}
    return told | {"prime_award_generated_internal_id": subaward.prime.key} | subaward.extra


def answer(body: Body, rows: list[Content], metadata: Content) -> Content:
    """Return the whole answer."""
    messages = checks.messages(checks.known_filters(body))
    told = {"spending_level": "subawards", "limit": body.get("limit", 10), "results": rows}
    return told | {"page_metadata": metadata, "messages": messages}


class SubawardsStandIn(AssistanceStandIn):
    """Serves subawards and their prime awards until closed; `subawards` may be changed `with editing()`."""

    def __init__(self, subawards: Sequence[CorpusSubaward], *, port: int = 0) -> None:
        self.subawards = list(subawards)
        super().__init__(list({subaward.prime.key: subaward.prime for subaward in subawards}.values()), port=port)

    def _endpoint(self, path: str) -> tuple[str, Callable[[Body], object] | None]:
        method, serve = super()._endpoint(path)
        mine: dict[str, Callable[[Body], object]] = {
            "search/spending_by_award/": lambda body: subaward_search(body, self.subawards, len(self.requests)),
            "search/spending_by_award_count/": lambda body: subaward_count(body, self.subawards),
        }
        if path not in mine or serve is None:
            return method, serve
        prime = serve
        return method, lambda body: mine[path](body) if is_asked_for_subawards(body) else prime(body)


class FaultySubawards(Faulty, SubawardsStandIn):
    """USAspending with subawards, failing."""

    renaming = (b'"prime_award_generated_internal_id"', b'"prime_award_key"')
