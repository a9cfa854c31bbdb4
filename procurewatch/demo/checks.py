"""What USAspending refuses in a search request, with the status and the shape of body it answers.

`spending_by_award` is checked twice upstream (search/v2/views/spending_by_award.py: a pydantic model, then
TinyShield), `spending_by_transaction` by TinyShield alone, so the same mistake may be a 422 here and a 500 there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

from procurewatch.demo.answers import Refusal, refuse, unhandled

UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY
BAD = HTTPStatus.BAD_REQUEST
EARLIEST = date(2007, 10, 1)
WINDOW = 50_000
Body = Mapping[str, Any]

GROUPS: dict[str, dict[str, str]] = {
    "contracts": {"A": "BPA Call", "B": "Purchase Order", "C": "Delivery Order", "D": "Definitive Contract"},
    "loans": {"07": "Direct Loan", "08": "Guaranteed/Insured Loan", "F003": "Loan", "F004": "Loan"},
    "idvs": {
        "IDV_A": "GWAC Government Wide Acquisition Contract",
        "IDV_B": "IDC Multi-Agency Contract, Other Indefinite Delivery Contract",
        "IDV_B_A": "IDC Indefinite Delivery Contract / Requirements",
        "IDV_B_B": "IDC Indefinite Delivery Contract / Indefinite Quantity",
        "IDV_B_C": "IDC Indefinite Delivery Contract / Definite Quantity",
        "IDV_C": "FSS Federal Supply Schedule",
        "IDV_D": "BOA Basic Ordering Agreement",
        "IDV_E": "BPA Blanket Purchase Agreement",
    },
    "grants": dict.fromkeys(("02", "03", "04", "05", "F001", "F002"), "Grant"),
    "other_financial_assistance": dict.fromkeys(("06", "10", "F006", "F007"), "Direct Payment"),
    "direct_payments": dict.fromkeys(("09", "11", "-1", "F005", "F008", "F009", "F010"), "Other"),
}
ALL_CODES = {code for group in GROUPS.values() for code in group}

SERVED_FILTERS = frozenset(
    {
        "award_type_codes",
        "keywords",
        "description",
        "recipient_search_text",
        "award_ids",
        "award_unique_id",
        "time_period",
        "agencies",
        "award_amounts",
        "naics_codes",
        "psc_codes",
    }
)
# Filters USAspending knows and this stand-in does not serve: asked for, it says so (501) instead of ignoring them.
UNSERVED_FILTERS = frozenset(
    {
        "recipient_locations",
        "place_of_performance_locations",
        "recipient_scope",
        "place_of_performance_scope",
        "contract_pricing_type_codes",
        "set_aside_type_codes",
        "extent_competed_type_codes",
        "recipient_type_names",
        "program_numbers",
        "program_activities",
        "def_codes",
        "tas_codes",
        "treasury_account_components",
    }
)
DATE_TYPES = frozenset({"action_date", "date_signed", "last_modified_date", "new_awards_only"})


def missing(name: str) -> Refusal:
    """Return the refusal for a required value that is not there."""
    return refuse(UNPROCESSABLE, f"Missing value: '{name}' is a required field")


def invalid(name: str, value: object, kind: str, status: int = UNPROCESSABLE) -> Refusal:
    """Return the refusal for a value of the wrong type."""
    return refuse(status, f"Invalid value in '{name}'. '{value}' is not a valid type ({kind}).")


def known_filters(body: Body) -> dict[str, Any]:
    """Return the request's filters, the legacy `keyword` rewritten as USAspending does (common/api_versioning.py)."""
    filters = body.get("filters")
    if not isinstance(filters, dict):
        raise missing("filters")
    kept = dict(filters)
    if isinstance(kept.get("keyword"), str):
        kept["keywords"] = [kept.pop("keyword")]
    if unserved := sorted(UNSERVED_FILTERS & set(kept)):
        raise refuse(HTTPStatus.NOT_IMPLEMENTED, f"This stand-in does not serve the filters {unserved}")
    return kept


def messages(filters: Mapping[str, Any], also_used: Iterable[str] = ()) -> list[str]:
    """Return the messages of an answer: the only sign that a misspelt filter was ignored."""
    told = [
        "For searches, time period start and end dates are currently limited to an earliest date of 2007-10-01.  For "
        "data going back to 2000-10-01, use either the Custom Award Download feature on the website or one of our "
        "download or bulk_download API endpoints as listed on https://api.usaspending.gov/docs/endpoints. "
    ]
    if unused := set(filters) - SERVED_FILTERS - UNSERVED_FILTERS - set(also_used):
        told.append(
            f"The following filters from the request were not used: {unused}. See "
            "https://api.usaspending.gov/docs/endpoints for a list of appropriate filters"
        )
    return told


def check_texts(filters: Mapping[str, Any]) -> None:
    """Refuse lists of texts that are not, keywords under three characters, and a list where a text belongs."""
    for name, shortest in (("keywords", 3), ("recipient_search_text", 1), ("award_ids", 1), ("award_type_codes", 1)):
        values = filters.get(name, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise invalid(f"filters|{name}", values, "lis")
        if short := [value for value in values if len(value) < shortest]:
            raise refuse(UNPROCESSABLE, f"Field 'filters|{name}' value '{short[0]}' is below min '{shortest}' items")
    for name in ("description", "award_unique_id"):
        if name in filters and not isinstance(filters[name], str):
            raise invalid(f"filters|{name}", filters[name], "string")


def check_codes(filters: Mapping[str, Any]) -> None:
    """Refuse a missing or empty `award_type_codes`."""
    if not filters.get("award_type_codes"):
        raise missing("filters|award_type_codes")


def check_one_group(codes: Iterable[str]) -> None:
    """Refuse codes of more than one award-type group; this body has `message`, not `detail`."""
    if not any(set(codes) <= set(group) for group in GROUPS.values()):
        text = "'award_type_codes' must only contain types from one group."
        raise Refusal(UNPROCESSABLE, {"message": text, "award_type_groups": GROUPS})


def check_award_dates(filters: Mapping[str, Any]) -> None:
    """Refuse time periods as `spending_by_award` does: an end missing is a misleading 422, all else a 500."""
    for period in filters.get("time_period", []):
        if not isinstance(period, dict) or "start_date" not in period or "end_date" not in period:
            raise missing("filters")
        if period.get("date_type", "action_date") not in DATE_TYPES:
            raise unhandled()
        for name in ("start_date", "end_date"):
            try:
                day = date.fromisoformat(period[name])
            except (TypeError, ValueError):
                raise unhandled() from None
            if day < EARLIEST:
                raise unhandled()


def check_transaction_dates(filters: Mapping[str, Any]) -> None:
    """Refuse time periods as TinyShield does: a missing end is accepted, a bad one is a 400, a too early one a 422."""
    for period in filters.get("time_period", []):
        if not isinstance(period, dict) or period.get("date_type", "action_date") not in DATE_TYPES:
            raise refuse(BAD, f"Field 'filters|time_period' is outside valid values {sorted(DATE_TYPES)}")
        for name in {"start_date", "end_date"} & set(period):
            try:
                day = date.fromisoformat(period[name])
            except (TypeError, ValueError):
                expected = "Expected format: (%Y-%m-%d)"
                raise refuse(
                    BAD, f"Invalid value in '{name}'. '{period[name]}' is not a valid date. {expected}"
                ) from None
            if day < EARLIEST:
                raise refuse(UNPROCESSABLE, f"Field '{name}' value '{day}' is below min '{EARLIEST}'")


def check_amounts(filters: Mapping[str, Any], *, whole: bool) -> None:
    """Refuse bounds of amounts that are not numbers; `whole` refuses fractions too (awards do, transactions do not)."""
    for bounds in filters.get("award_amounts", []):
        for value in bounds.values():
            fits = isinstance(value, int) or (not whole and isinstance(value, float))
            if isinstance(value, bool) or not (fits or value is None):
                raise invalid("filters|award_amounts", value, "int")


def check_codes_of_goods(filters: Mapping[str, Any]) -> None:
    """Refuse numbers where NAICS or PSC codes must be text."""
    for name in ("naics_codes", "psc_codes"):
        codes = filters.get(name, [])
        if isinstance(codes, dict):
            raise refuse(HTTPStatus.NOT_IMPLEMENTED, f"This stand-in serves '{name}' as a plain list only")
        if not all(isinstance(code, str) for code in codes):
            raise invalid(f"filters|{name}", codes, "string")


def whole_number(body: Body, name: str, default: int, most: int | None = None) -> int:
    """Return a paging number of the request; out of bounds is TinyShield's 422, not a number its 400."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise refuse(BAD, f"Invalid value in '{name}'. '{value}' is not a valid integer")
    if most is not None and value > most:
        raise refuse(UNPROCESSABLE, f"Field '{name}' value '{value}' is above max '{most}'")
    if value < 1:
        raise refuse(UNPROCESSABLE, f"Field '{name}' value '{value}' is below min '1'")
    return value


def sort_order(body: Body) -> bool:
    """Return whether the request wants descending order, TinyShield's 400 for anything but asc and desc."""
    order = body.get("order", "desc")
    if order not in {"asc", "desc"}:
        raise refuse(BAD, "Field 'order' is outside valid values ['asc', 'desc']")
    return bool(order == "desc")
