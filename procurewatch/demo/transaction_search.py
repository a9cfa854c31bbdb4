"""Transaction search and the two counts (usaspending_api/search/v2/views/).

The transaction search has no cursor and no tie-breaker: whoever pages through it must find out what was lost.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from procurewatch.demo import checks
from procurewatch.demo.answers import Refusal, refuse, unhandled
from procurewatch.demo.award_search import iso, slug
from procurewatch.demo.corpus import CorpusAction, CorpusAward
from procurewatch.demo.filters import action_found, award_found

Content = dict[str, Any]
Body = Mapping[str, Any]


def action_row(award: CorpusAward, action: CorpusAction) -> Content:
    """Return every field of a transaction result; amounts are text, as in the contract's sample."""
    return {
        "Action Date": action.action_date.isoformat(),
        "Action Type": action.action_type,
        "Award ID": award.piid,
        "Mod": action.modification,
        "Award Type": award.type_description,
        "Transaction Amount": None if action.obligation is None else f"{action.obligation:.2f}",
        "Transaction Description": action.description,
        "Recipient Name": award.recipient_name,
        "Recipient UEI": award.recipient_uei,
        "recipient_id": None,
        "Awarding Agency": award.awarding_toptier_name,
        "Awarding Sub Agency": award.awarding_sub_name,
        "Funding Agency": award.funding_toptier_name,
        "Funding Sub Agency": award.funding_sub_name,
        "awarding_agency_id": None,
        "funding_agency_id": None,
        "awarding_agency_slug": slug(award.awarding_toptier_name),
        "funding_agency_slug": slug(award.funding_toptier_name),
        "naics_code": award.naics_code,
        "naics_description": award.naics_description,
        "product_or_service_code": award.psc_code,
        "product_or_service_description": award.psc_description,
        "NAICS": {"code": award.naics_code, "description": award.naics_description},
        "PSC": {"code": award.psc_code, "description": award.psc_description},
        "Primary Place of Performance": {"city_name": award.place_city, "state_code": award.place_state},
        "Recipient Location": {"state_code": award.recipient_state},
        "Assistance Listing": {"cfda_number": None, "cfda_title": None},
        "def_codes": None,
        "Issued Date": iso(award.starts),
        "Last Date to Order": iso(award.ends) if award.category == "idv" else None,
        "Loan Value": None,
        "Subsidy Cost": None,
    }


TRANSACTION_FIELDS = tuple(
    action_row(
        CorpusAward(piid="", agency="", recipient_name=None, actions=[]),
        CorpusAction(modification="0", action_date=date.min, obligation=None, description=None),
    )
)


def transaction_search(body: Body, awards: Sequence[CorpusAward], turn: int) -> Content:
    """Answer POST search/spending_by_transaction/.

    Its sort has no tie-breaker: rows of equal value come in an order that depends on `turn`, the number of the request.
    """
    filters = checked_transaction_search(body)
    limit, number = checks.whole_number(body, "limit", 10, 100), checks.whole_number(body, "page", 1)
    check_transaction_window(number, limit)
    if body["sort"] not in body["fields"]:
        raise refuse(checks.BAD, f"Sort value not found in fields: {body['sort']}")
    found = [(a, t) for a in awards for t in a.actions if action_found(a, t, filters)]
    rows = [{**action_row(a, t), "generated_internal_id": a.key, "internal_id": str(a.internal_id)} for a, t in found]
    keys = [f"{turn}:{a.action_key(t)}" for a, t in found]
    rows = shuffled_ties(rows, keys, body["sort"], descending=checks.sort_order(body))
    shown = rows[(number - 1) * limit : number * limit]
    wanted = (*body["fields"], "generated_internal_id", "internal_id")
    return {
        "limit": limit,
        "results": [{name: row[name] for name in wanted} for row in shown],
        "page_metadata": page_metadata(number, has_next=len(rows) > number * limit),
        "messages": checks.messages(checks.known_filters(body), {"recipient_id"}),
    }


def checked_transaction_search(body: Body) -> Content:
    """Return the filters of the request; raise `Refusal` where TinyShield would."""
    if not isinstance(body.get("fields"), list) or not body["fields"]:
        raise checks.missing("fields")
    if set(body["fields"]) - set(TRANSACTION_FIELDS):
        raise refuse(checks.BAD, f"Field 'fields' is outside valid values {list(TRANSACTION_FIELDS)}")
    filters = checks.known_filters(body)
    checks.check_codes(filters)
    check_transaction_filters(filters)
    if unknown := set(filters["award_type_codes"]) - checks.ALL_CODES - {"no intersection"}:
        raise refuse(checks.BAD, f"Field 'filters|award_type_codes' is outside valid values: {sorted(unknown)}")
    if not body.get("sort"):
        raise checks.missing("sort")
    if body["sort"] not in TRANSACTION_FIELDS:
        raise refuse(checks.BAD, f"Field 'sort' is outside valid values {list(TRANSACTION_FIELDS)}")
    return filters


def check_transaction_filters(filters: Content) -> None:
    """Refuse what TinyShield refuses in the filters of a transaction search or of either count."""
    checks.check_texts(filters)
    checks.check_transaction_dates(filters)
    checks.check_amounts(filters, whole=False)
    checks.check_codes_of_goods(filters)
    if "recipient_id" in filters:
        raise refuse(HTTPStatus.NOT_IMPLEMENTED, "This stand-in does not serve recipient_id")


def check_transaction_window(number: int, limit: int) -> None:
    """Refuse a page past row 50,000 (422), and the page that ends on it: the search asks for one row more (503)."""
    if (number - 1) * limit >= checks.WINDOW:
        text = f"Page #{number} of size {limit} is over the maximum result limit ({checks.WINDOW}). "
        raise refuse(checks.UNPROCESSABLE, text + "Consider using custom data downloads to obtain large data sets.")
    if number * limit >= checks.WINDOW:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE)


def shuffled_ties(rows: Sequence[Content], keys: Sequence[str], sort: str, *, descending: bool) -> list[Content]:
    """Return `rows` sorted by one field, unknown values last, equal values in an order that only `keys` decide."""
    pairs = sorted(zip(keys, rows, strict=True), key=lambda pair: zlib.crc32(pair[0].encode()))
    known = [row for _, row in pairs if row[sort] is not None]
    numeric = sort == "Transaction Amount"
    known.sort(key=lambda row: Decimal(row[sort]) if numeric else str(row[sort]), reverse=descending)
    return known + [row for _, row in pairs if row[sort] is None]


def page_metadata(number: int, *, has_next: bool) -> Content:
    """Return the page numbers before and after this one."""
    before, after = number - 1 if number > 1 else None, number + 1 if has_next else None
    return {"page": number, "next": after, "previous": before, "hasNext": has_next, "hasPrevious": number > 1}


def award_count(body: Body, awards: Sequence[CorpusAward]) -> Content:
    """Answer POST search/spending_by_award_count/: how many awards of each group."""
    if not body.get("filters"):
        raise refuse(checks.BAD, "Missing required request parameters: 'filters'")
    filters = checks.known_filters(body)
    check_transaction_filters(filters)
    counted = counts([award for award in awards if award_found(award, filters)])
    return {"results": counted, "spending_level": "awards", "messages": checks.messages(filters)}


def transaction_count(body: Body, awards: Sequence[CorpusAward]) -> Content:
    """Answer POST search/spending_by_transaction_count/: how many actions of each group. Empty filters are a 500."""
    if "filters" not in body:
        raise refuse(checks.BAD, "Missing required request parameters: 'filters'")
    filters = checks.known_filters(body)
    if not filters:
        raise unhandled()
    check_transaction_filters(filters)
    found = [award for award in awards for action in award.actions if action_found(award, action, filters)]
    return {"results": counts(found), "messages": checks.messages(filters, {"recipient_id"})}


def counts(found: Sequence[CorpusAward]) -> dict[str, int]:
    """Return how many of `found` are of each group; the corpus has only contracts and IDVs."""
    groups = ("contracts", "idvs", "grants", "direct_payments", "loans", "other")
    return {group: sum(award.group == group for award in found) for group in groups}
