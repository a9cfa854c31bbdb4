"""The transaction search, its count, and the search grouped by award (usaspending_api/search/v2/views/).

They are checked by TinyShield alone. None has a cursor or a tie-breaker: rows of equal sort value come in an order that
differs from request to request, so whoever pages through them must find out what was lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from tests.upstreams.server import Refusal, refuse, unhandled
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward
from tests.upstreams.usaspending.search import index, search_rules
from tests.upstreams.usaspending.search.award_search import iso, slug
from tests.upstreams.usaspending.search.filters import actions_found, awards_found
from tests.upstreams.usaspending.search.search_rules import (
    AWARD_GROUPS,
    GROUPS,
    KNOWN_TO_AWARDS,
    LIMIT,
    NO_INTERSECTION,
    ORDER,
    PAGE,
    PROGRAM_ACTIVITIES,
    check_one_group,
    filter_fields,
)
from tests.upstreams.usaspending.search.served import Served
from tests.upstreams.usaspending.search.tiny_shield import BAD, UNPROCESSABLE, Choice, Field, ListOf, checked, names_of

Content = dict[str, Any]
Body = Mapping[str, Any]
Value = Callable[[CorpusAward, CorpusAction], Any]

# In the order in which a refusal lists them. Amounts are text, as in the contract's sample.
VALUES: dict[str, Value] = {
    "Action Date": lambda _, t: t.action_date.isoformat(),
    "Action Type": lambda _, t: t.action_type,
    "Award ID": lambda a, _: a.piid,
    "Award Type": lambda a, _: a.type_description,
    "Awarding Agency": lambda a, _: a.awarding_toptier_name,
    "awarding_agency_id": lambda _a, _t: None,
    "awarding_agency_slug": lambda a, _: slug(a.awarding_toptier_name),
    "Awarding Sub Agency": lambda a, _: a.awarding_sub_name,
    "cfda_number": lambda a, _: a.listings[0][0] if a.listings else None,
    "cfda_title": lambda a, _: a.listings[0][1] if a.listings else None,
    "def_codes": lambda _a, _t: None,
    "Funding Agency": lambda a, _: a.funding_toptier_name,
    "funding_agency_slug": lambda a, _: slug(a.funding_toptier_name),
    "Funding Sub Agency": lambda a, _: a.funding_sub_name,
    "generated_internal_id": lambda a, _: a.key,
    "internal_id": lambda a, _: str(a.internal_id),
    "Issued Date": lambda a, _: iso(a.starts),
    "Last Date to Order": lambda a, _: iso(a.ends) if a.group == "idvs" else None,
    "Loan Value": lambda _a, _t: None,
    "Mod": lambda _, t: t.modification,
    "naics_code": lambda a, _: a.naics_code,
    "naics_description": lambda a, _: a.naics_description,
    "pop_city_name": lambda a, _: a.place_city,
    "pop_country_name": lambda _a, _t: None,
    "pop_state_code": lambda a, _: a.place_state,
    "product_or_service_code": lambda a, _: a.psc_code,
    "product_or_service_description": lambda a, _: a.psc_description,
    "recipient_id": lambda _a, _t: None,
    "recipient_location_address_line1": lambda _a, _t: None,
    "recipient_location_address_line2": lambda _a, _t: None,
    "recipient_location_address_line3": lambda _a, _t: None,
    "recipient_location_city_name": lambda _a, _t: None,
    "recipient_location_country_name": lambda _a, _t: None,
    "recipient_location_state_code": lambda a, _: a.recipient_state,
    "Recipient Name": lambda a, _: a.recipient_name,
    "Recipient UEI": lambda a, _: a.recipient_uei,
    "Subsidy Cost": lambda _a, _t: None,
    "Transaction Amount": lambda _, t: None if t.obligation is None else f"{t.obligation:.2f}",
    "Transaction Description": lambda _, t: t.description,
    "Assistance Listing": lambda a, _: {
        "cfda_number": a.listings[0][0] if a.listings else None,
        "cfda_title": a.listings[0][1] if a.listings else None,
    },
    "NAICS": lambda a, _: {"code": a.naics_code, "description": a.naics_description},
    "Primary Place of Performance": lambda a, _: {"city_name": a.place_city, "state_code": a.place_state},
    "PSC": lambda a, _: {"code": a.psc_code, "description": a.psc_description},
    "Recipient Location": lambda a, _: {"state_code": a.recipient_state},
}
NAMES = tuple(VALUES)
SEARCH_FIELDS = (
    Field("fields", ListOf(Choice(NAMES)), required=True),
    *filter_fields(required=True),
    PAGE,
    LIMIT,
    Field("sort", Choice(NAMES), required=True),
    ORDER,
    PROGRAM_ACTIVITIES,
)
GROUPED: dict[str, Callable[[CorpusAward], Any]] = {
    "award_generated_internal_id": lambda a: a.key,
    "award_id": lambda a: a.piid,
    "transaction_count": lambda a: len(a.actions),
    "transaction_obligation": lambda a: a.total,
}
GROUPED_FIELDS = (
    Field("sort", Choice(tuple(GROUPED)), default="transaction_obligation"),
    *filter_fields(required=True),
    PAGE,
    LIMIT,
    ORDER,
)
IN_DEVELOPMENT = "This endpoint is under active development and subject to change"


def transaction_search(body: Body, served: Served) -> Content:
    """Answer POST search/spending_by_transaction/. Raises `Refusal`."""
    asked = checked(SEARCH_FIELDS, body)
    check_window(asked)
    sort: str = asked["sort"]
    if sort not in asked["fields"]:
        raise refuse(BAD, f"Sort value not found in fields: {sort}")
    if NO_INTERSECTION in asked["filters"]["award_type_codes"]:
        return nothing(asked)
    filters = queried("transactions", asked, served)
    index.check_sort("transactions", sort, served)
    if asked["page"] * asked["limit"] >= index.WINDOW and not served.is_empty:
        raise index.failed()  # the search asks for one row more than it shows
    found = actions_found(served.awards, filters, unquoted=served.holds("unquoted-award-ids"))
    keys = [(t.obligation if sort == "Transaction Amount" else VALUES[sort](a, t), a.action_key(t)) for a, t in found]
    rows = in_order(found, keys, asked, served)
    wanted = (*asked["fields"], "generated_internal_id", "internal_id")
    page, has_next = served.page(rows, asked["page"], asked["limit"])
    results = [{name: VALUES[name](award, action) for name in wanted} for award, action in page]
    return answer(asked, results, has_next=has_next) | {
        "messages": messages(filters, names_of(SEARCH_FIELDS), served),
    }


def transaction_count(body: Body, served: Served) -> Content:
    """Answer POST search/spending_by_transaction_count/: how many actions of each group. No filter at all is a 500."""
    asked = checked(filter_fields(), body)
    if "filters" not in asked:
        raise unhandled()
    filters = queried("transactions", asked, served, may_mix=True)
    found = actions_found(served.awards, filters, unquoted=served.holds("unquoted-award-ids"))
    return {"results": {group: sum(award.group == group for award, _ in found) for group in GROUPS}}


def grouped_search(body: Body, served: Served) -> Content:
    """Answer POST search/spending_by_transaction_grouped/: awards with the number of their actions. Raises `Refusal`.

    It searches awards, so its dates are those of awards; amounts are text, but for a plain zero.
    """
    if not served.holds("transaction-count-grouped"):
        raise Refusal(HTTPStatus.NOT_FOUND)
    asked = checked(GROUPED_FIELDS, body)
    check_window(asked)
    if NO_INTERSECTION in asked["filters"]["award_type_codes"]:
        return nothing(asked)
    filters = queried("awards", asked, served)
    found = awards_found(served.awards, filters, unquoted=served.holds("unquoted-award-ids"))
    rows = in_order(found, [(GROUPED[asked["sort"]](award), award.key) for award in found], asked, served)
    page, has_next = served.page(rows, asked["page"], asked["limit"])
    return answer(asked, [grouped_row(award) for award in page], has_next=has_next) | {
        "messages": [IN_DEVELOPMENT, *messages(filters, KNOWN_TO_AWARDS, served)],
    }


def grouped_row(award: CorpusAward) -> Content:
    """Return one result of the grouped search."""
    return {
        "award_id": award.piid,
        "transaction_count": len(award.actions),
        "transaction_obligation": f"{award.total:.2f}" if award.total else 0.0,
        "award_generated_internal_id": award.key,
    }


def check_window(asked: Content) -> None:
    """Refuse a page past row 50,000."""
    if (asked["page"] - 1) * asked["limit"] >= index.WINDOW:
        text = f"Page #{asked['page']} of size {asked['limit']} is over the maximum result limit ({index.WINDOW}). "
        raise refuse(UNPROCESSABLE, text + "Consider using custom data downloads to obtain large data sets.")


def queried(where: index.Index, asked: Content, served: Served, *, may_mix: bool = False) -> Content:
    """Return the filters as the query has them, `keywords` as `keyword_search`. Raises `Refusal`."""
    filters = {name: value for name, value in asked["filters"].items() if name != "keywords"}
    if "keywords" in asked["filters"]:
        filters["keyword_search"] = asked["filters"]["keywords"]
    if not may_mix and not served.holds("mixed-types-in-transactions"):
        check_one_group(filters["award_type_codes"], AWARD_GROUPS)
    index.check_codes(filters)
    index.check_query(where, filters, served)
    return filters


def messages(filters: Content, known: set[str], served: Served) -> list[str]:
    """Return the messages of an answer. The API renames keywords itself, then says that it did not use them."""
    unmentioned = set() if served.holds("keyword-message") else {"keyword_search"}
    return search_rules.messages(filters, known | unmentioned)


def in_order(found: Sequence[Any], keys: Sequence[tuple[Any, str]], asked: Content, served: Served) -> list[Any]:
    """Return what was found by sort value, unknown ones last; equal ones in an order that differs by request.

    `keys` holds the sort value of each, and a text that no other one has.
    """
    values = [sort_key(value) for value, _ in keys]
    chance = [zlib.crc32(f"{served.turn}:{name}".encode()) for _, name in keys]
    places = sorted(range(len(found)), key=chance.__getitem__)
    known = [place for place in places if values[place] is not None]
    known.sort(key=values.__getitem__, reverse=asked["order"] == "desc")
    return [found[place] for place in (*known, *(place for place in places if values[place] is None))]


def sort_key(value: Any) -> Any:
    """Return a field's value as the index sorts it; what is made of several fields is sorted by them in turn."""
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values() if part) or None
    return value


def nothing(asked: Content) -> Content:
    """Return the answer to the website's way to ask for nothing: it has no messages."""
    metadata = {"page": asked["page"], "next": None, "previous": None, "hasNext": False, "hasPrevious": False}
    return {"limit": asked["limit"], "results": [], "page_metadata": metadata}


def answer(asked: Content, results: list[Content], *, has_next: bool) -> Content:
    """Return an answer but for its messages."""
    metadata = page_metadata(asked["page"], has_next=has_next)
    return {"limit": asked["limit"], "results": results, "page_metadata": metadata}


def page_metadata(number: int, *, has_next: bool) -> Content:
    """Return the page numbers before and after this one."""
    before, after = number - 1 if number > 1 else None, number + 1 if has_next else None
    return {"page": number, "next": after, "previous": before, "hasNext": has_next, "hasPrevious": number > 1}
