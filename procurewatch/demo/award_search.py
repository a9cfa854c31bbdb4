"""Award search: POST search/spending_by_award/ (usaspending_api/search/v2/views/spending_by_award.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from procurewatch.demo import checks
from procurewatch.demo.answers import Refusal, refuse, unhandled
from procurewatch.demo.corpus import CorpusAward
from procurewatch.demo.filters import award_found

Content = dict[str, Any]
Body = Mapping[str, Any]
SortValue = str | int | Decimal


def iso(day: date | None) -> str | None:
    """Return the day as the search index has it, YYYY-MM-DD."""
    return day.isoformat()[:10] if day else None


def slug(name: str | None) -> str | None:
    """Return the agency's name as it stands in USAspending's page addresses."""
    return name.lower().replace(" ", "-") if name else None


def coded(code: str | None, description: str | None) -> Content | None:
    """Return a code with its description, `None` when neither is known."""
    return {"code": code, "description": description} if code or description else None


def no_value(_award: CorpusAward) -> None:
    """Return nothing: a field that exists upstream and that no corpus award has."""


SHARED_FIELDS: dict[str, Callable[[CorpusAward], Any]] = {
    "Award ID": lambda a: a.piid,
    "Recipient Name": lambda a: a.recipient_name,
    "Recipient DUNS Number": no_value,
    "recipient_id": no_value,
    "Recipient UEI": lambda a: a.recipient_uei,
    "Awarding Agency": lambda a: a.awarding_toptier_name,
    "Awarding Agency Code": lambda a: a.awarding_toptier_code,
    "Awarding Sub Agency": lambda a: a.awarding_sub_name,
    "Awarding Sub Agency Code": lambda a: a.awarding_sub_code,
    "Funding Agency": lambda a: a.funding_toptier_name,
    "Funding Agency Code": lambda a: a.funding_toptier_code,
    "Funding Sub Agency": lambda a: a.funding_sub_name,
    "Funding Sub Agency Code": lambda a: a.funding_sub_code,
    "Description": lambda a: a.shown_description,
    "Last Modified Date": lambda a: iso(a.last_modified_date),
    "Base Obligation Date": lambda a: iso(a.date_signed),
    "Start Date": lambda a: iso(a.starts),
    "Award Amount": lambda a: None if a.total is None else float(a.total),
    "Total Outlays": no_value,
    "Contract Award Type": lambda a: a.type_description,
    "NAICS": lambda a: coded(a.naics_code, a.naics_description),
    "PSC": lambda a: coded(a.psc_code, a.psc_description),
    "Recipient Location": lambda a: {"state_code": a.recipient_state} if a.recipient_state else None,
    "Primary Place of Performance": no_value,
    "Place of Performance City Code": no_value,
    "Place of Performance State Code": lambda a: a.place_state,
    "Place of Performance Country Code": lambda a: a.place_country,
    "Place of Performance Zip5": no_value,
    "def_codes": no_value,
    "COVID-19 Obligations": no_value,
    "COVID-19 Outlays": no_value,
    "Infrastructure Obligations": no_value,
    "Infrastructure Outlays": no_value,
    "generated_internal_id": lambda a: a.key,
    "prime_award_recipient_id": no_value,
}
AWARD_FIELDS = {
    "contracts": SHARED_FIELDS | {"End Date": lambda a: iso(a.ends)},
    "idvs": SHARED_FIELDS | {"Last Date to Order": lambda a: iso(a.ends)},
    "assistance": {name: tell for name, tell in SHARED_FIELDS.items() if name != "Contract Award Type"}
    | {
        "End Date": lambda a: iso(a.ends),
        "Award Type": lambda a: a.type_description,
        "SAI Number": no_value,
        "CFDA Number": no_value,
        "Assistance Listings": no_value,
    },
}
DATE_FIELDS = {"Last Modified Date", "Base Obligation Date", "Start Date", "End Date", "Last Date to Order"}
# Sorts with more than two keys upstream, where the two values of a cursor cannot be enough.
MANY_KEY_SORTS = {"NAICS", "PSC", "Recipient Location", "Primary Place of Performance"}


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page an award search asks for: by number, or after the last record of the one before."""

    number: int
    limit: int
    sort: str
    descending: bool
    after_id: int | None
    after_value: str | None


def award_search(body: Body, awards: Sequence[CorpusAward]) -> Content:
    """Answer POST search/spending_by_award/ for prime awards."""
    filters, page = checked_award_search(body)
    if "no intersection" in filters["award_type_codes"]:
        return award_page([], page, [], body, has_next=False)
    checks.check_one_group(filters["award_type_codes"])
    known = fields_of(filters["award_type_codes"])
    check_sort(page.sort, body["fields"], known)
    check_cursor(page)
    found = ordered([award for award in awards if award_found(award, filters)], page)
    if page.after_id is not None:
        found = found[after_cursor(found, page) :]
        shown, has_next = found[: page.limit], len(found) > page.limit
    else:
        begin = (page.number - 1) * page.limit
        shown, has_next = found[begin : begin + page.limit], len(found) - begin > page.limit
    rows = [award_row(award, body["fields"], known) for award in shown]
    return award_page(rows, page, shown, body, has_next=has_next)


def fields_of(codes: Sequence[str]) -> Mapping[str, Callable[[CorpusAward], Any]]:
    """Return the fields that awards of these types have."""
    if set(codes) <= set(checks.GROUPS["loans"]):
        raise refuse(HTTPStatus.NOT_IMPLEMENTED, "This stand-in does not serve loans")
    groups = (group for group in ("contracts", "idvs") if set(codes) <= set(checks.GROUPS[group]))
    return AWARD_FIELDS[next(groups, "assistance")]


def checked_award_search(body: Body) -> tuple[Content, Page]:
    """Return filters and page of the request; raise `Refusal` where the pydantic model or TinyShield would."""
    filters = checks.known_filters(body)
    if not isinstance(body.get("fields"), list) or not body["fields"]:
        raise checks.missing("fields")
    checks.check_codes(filters)
    checks.check_texts(filters)
    checks.check_award_dates(filters)
    checks.check_amounts(filters, whole=True)
    checks.check_codes_of_goods(filters)
    level = body.get("spending_level", "awards")
    number, order = body.get("page", 1), body.get("order", "desc")
    if (
        level not in {"awards", "subawards"}
        or order not in {"asc", "desc"}
        or not isinstance(number, int)
        or number < 1
    ):
        raise unhandled()
    if body.get("subawards") or level == "subawards":
        raise refuse(HTTPStatus.NOT_IMPLEMENTED, "This stand-in does not serve subawards")
    after_id, after_value = body.get("last_record_unique_id"), body.get("last_record_sort_value")
    if after_value is not None and not isinstance(after_value, str):
        raise checks.invalid("last_record_sort_value", after_value, "string")
    if after_id is not None and not isinstance(after_id, int):
        raise checks.invalid("last_record_unique_id", after_id, "int")
    return filters, Page(
        number=number,
        limit=checks.whole_number(body, "limit", 10, 100),
        sort=body.get("sort") or body["fields"][0],
        descending=order == "desc",
        after_id=after_id,
        after_value=after_value,
    )


def check_sort(sort: str, fields: Sequence[str], known: Mapping[str, object]) -> None:
    """Refuse a sort that is not among the fields asked for, or that this group of awards does not have."""
    if sort not in fields:
        raise refuse(checks.BAD, f"Sort value not found in requested fields: {sort}")
    if sort not in known:
        raise refuse(checks.BAD, f"Sort value not found in award mappings: {sort}")


def check_cursor(page: Page) -> None:
    """Refuse half a cursor (500), a page past the window without one (422), and a sort a cursor cannot follow.

    The last is inferred: Elasticsearch refuses two values for three keys, and its errors are answered 503 with no body.
    """
    if (page.after_id is None) != (page.after_value is None):
        raise unhandled()
    if page.after_id is None and (page.number - 1) * page.limit >= checks.WINDOW:
        text = f"Page #{page.number} with limit {page.limit} is over the maximum result limit {checks.WINDOW}. Please "
        text += "provide the 'last_record_sort_value' and 'last_record_unique_id' to paginate sequentially."
        raise refuse(checks.UNPROCESSABLE, text)
    if page.after_id is not None and page.sort in MANY_KEY_SORTS:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE)


def sort_value(award: CorpusAward, sort: str) -> SortValue | None:
    """Return the award's value in the index: dates in milliseconds, amounts as numbers, text as text."""
    value = AWARD_FIELDS.get(award.group, AWARD_FIELDS["assistance"])[sort](award)
    if value is None or isinstance(value, dict):
        return str(value) if value else None
    if sort in DATE_FIELDS:
        return int(datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC).timestamp() * 1000)
    return Decimal(str(value)) if isinstance(value, float) else str(value)


def ordered(awards: Sequence[CorpusAward], page: Page) -> list[CorpusAward]:
    """Return the awards by sort value, then by internal id, both in the order asked for; unknown values come last."""
    known = [award for award in awards if sort_value(award, page.sort) is not None]
    unknown = [award for award in awards if sort_value(award, page.sort) is None]
    known.sort(key=lambda award: (sort_value(award, page.sort), award.internal_id), reverse=page.descending)
    unknown.sort(key=lambda award: award.internal_id or 0, reverse=page.descending)
    return known + unknown


def after_cursor(found: Sequence[CorpusAward], page: Page) -> int:
    """Return where in `found` the records after the cursor begin.

    A cursor taken from a record without a sort value says "None": for text it is compared like any text (rows are
    skipped or repeated), for a date or amount it cannot be read and is the 500 that echoing a last page earns.
    """
    kinds = {type(value) for award in found if (value := sort_value(award, page.sort)) is not None}
    kind = kinds.pop() if kinds else str
    try:
        mark: tuple[Any, int] = (kind(page.after_value or ""), page.after_id or 0)
    except (ValueError, InvalidOperation):
        raise unhandled() from None
    for index, award in enumerate(found):
        value = sort_value(award, page.sort)
        if value is None:
            return index
        here = (value, award.internal_id or 0)
        if (here < mark) if page.descending else (here > mark):
            return index
    return len(found)


def award_row(award: CorpusAward, fields: Sequence[str], known: Mapping[str, Callable[[CorpusAward], Any]]) -> Content:
    """Return one result; unknown fields are null, the two ids are always there."""
    row: Content = {"internal_id": award.internal_id}
    row |= {name: known.get(name, no_value)(award) for name in fields}
    if "Awarding Agency" in fields:
        row |= {"awarding_agency_id": None, "agency_slug": slug(award.awarding_toptier_name)}
    return row | {"generated_internal_id": award.key}


def award_page(rows: list[Content], page: Page, shown: Sequence[CorpusAward], body: Body, *, has_next: bool) -> Content:
    """Return the whole answer; on the last page the cursor is null and the text "None"."""
    last = shown[-1] if shown and has_next else None
    metadata: Content = {"page": page.number, "hasNext": has_next}
    if "no intersection" not in body["filters"]["award_type_codes"]:
        metadata["last_record_unique_id"] = last.internal_id if last else None
        metadata["last_record_sort_value"] = cursor_text(sort_value(last, page.sort)) if last else "None"
    return {
        "spending_level": "awards",
        "limit": page.limit,
        "results": rows,
        "page_metadata": metadata,
        "messages": checks.messages(checks.known_filters(body)),
    }


def cursor_text(value: SortValue | None) -> str:
    """Return a sort value as the answer writes it: amounts as a float would print, nothing as "None"."""
    return str(float(value)) if isinstance(value, Decimal) else str(value)
