"""What USAspending's searches accept: award types, filters, paging, and the messages of an answer.

Facts: usaspending_api/awards/v2/lookups/lookups.py, common/validator/award_filter.py and pagination.py,
common/helpers/generic_helper.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.upstreams.server import Refusal, unhandled
from tests.upstreams.usaspending.search.tiny_shield import (
    UNPROCESSABLE,
    AnyOf,
    Boolean,
    Choice,
    Day,
    Field,
    Float,
    Integer,
    ListOf,
    Object,
    Rule,
    Text,
)

EARLIEST = "2007-10-01"
OLDEST, LATEST = "2000-10-01", "2027-09-30"  # what a missing start or end of a period means; later ends are accepted
NO_INTERSECTION = "no intersection"  # the website's way to ask for nothing

# In the order in which a refusal lists them.
AWARD_TYPES = {
    "IDV_A": "GWAC Government Wide Acquisition Contract",
    "IDV_B": "IDC Multi-Agency Contract, Other Indefinite Delivery Contract",
    "IDV_B_A": "IDC Indefinite Delivery Contract / Requirements",
    "IDV_B_B": "IDC Indefinite Delivery Contract / Indefinite Quantity",
    "IDV_B_C": "IDC Indefinite Delivery Contract / Definite Quantity",
    "IDV_C": "FSS Federal Supply Schedule",
    "IDV_D": "BOA Basic Ordering Agreement",
    "IDV_E": "BPA Blanket Purchase Agreement",
    "02": "Block Grant",
    "03": "Formula Grant",
    "04": "Project Grant",
    "05": "Cooperative Agreement",
    "06": "Direct Payment for Specified Use",
    "07": "Direct Loan",
    "08": "Guaranteed/Insured Loan",
    "09": "Insurance",
    "10": "Direct Payment with Unrestricted Use",
    "11": "Other Financial Assistance",
    "A": "BPA Call",
    "B": "Purchase Order",
    "C": "Delivery Order",
    "D": "Definitive Contract",
    "-1": "Not Specified",
    "F001": "Grant",
    "F002": "Cooperative Agreement",
    "F003": "Direct Loan",
    "F004": "Loan Guarantee",
    "F005": "Indemnity / Insurance (non-loan)",
    "F006": "Direct Payment for Specified Use",
    "F007": "Direct Payment with Unrestricted Use",
    "F008": "Asset Forfeiture / Equitable Sharing",
    "F009": "Sale, Exchange, or Donation of Property and Goods",
    "F010": "Other Financial Assistance",
}
GROUPS = {
    "contracts": ("A", "B", "C", "D"),
    "idvs": ("IDV_A", "IDV_B", "IDV_B_A", "IDV_B_B", "IDV_B_C", "IDV_C", "IDV_D", "IDV_E"),
    "grants": ("02", "03", "04", "05", "F001", "F002"),
    "direct_payments": ("06", "10", "F006", "F007"),
    "loans": ("07", "08", "F003", "F004"),
    "other": ("09", "F005", "11", "-1", "F008", "F009", "F010"),
}
PROCUREMENT = GROUPS["contracts"] + GROUPS["idvs"]
ASSISTANCE = GROUPS["grants"] + GROUPS["direct_payments"] + GROUPS["loans"] + GROUPS["other"]
# The groups as the two refusals name them. Upstream swaps "other_financial_assistance" and "direct_payments".
AWARD_GROUPS = {
    "contracts": GROUPS["contracts"],
    "loans": GROUPS["loans"],
    "idvs": GROUPS["idvs"],
    "grants": GROUPS["grants"],
    "other_financial_assistance": GROUPS["direct_payments"],
    "direct_payments": GROUPS["other"],
}
SUBAWARD_GROUPS = {"procurement": PROCUREMENT, "assistance": ASSISTANCE}

DATE_TYPES = ("action_date", "last_modified_date", "date_signed", "new_awards_only")
SUBAWARD_DATE_TYPES = ("action_date", "last_modified_date", "date_signed", "sub_action_date")
PSC_GROUPS = {
    "Research and Development": ("A",),
    "Service": tuple("BCDEFGHIJKLMNOPQRSTUVWXYZ"),
    "Product": tuple("0123456789"),
}

_TEXTS = ListOf(Text())
_SCOPE = Choice(("domestic", "foreign"))
_PATHS = ListOf(AnyOf((_TEXTS,)))
_TREE = Object({"require": _PATHS, "exclude": _PATHS})
_INTEGERS = ListOf(Integer())
_DISTRICT = Text(2, 2)
_LOCATIONS = ListOf(
    Object(
        {
            "country": Text(),
            "state": Text(),
            "zip": Text(),
            "district_original": _DISTRICT,
            "district_current": _DISTRICT,
            "county": Text(),
            "city": Text(),
        },
        required=("country",),
    )
)
_AGENCIES = ListOf(
    Object(
        {
            "type": Choice(("funding", "awarding")),
            "tier": Choice(("toptier", "subtier")),
            "toptier_name": Text(),
            "name": Text(),
        },
        required=("type", "tier", "name"),
    )
)
_ACCOUNTS = ListOf(
    Object(
        {name: Text(null=name not in {"aid", "main"}) for name in ("ata", "aid", "bpoa", "epoa", "a", "main", "sub")}
    )
)


def _day(name: str) -> Day:
    text = (
        f"{name} falls before the earliest available search date of {EARLIEST}.  For data going back to 2000-10-01, "
        "use either the Custom Award Download feature on the website or one of our download or bulk_download API "
        "endpoints listed on https://api.usaspending.gov/docs/endpoints."
    )
    return Day(EARLIEST, text)


def _periods(date_types: tuple[str, ...]) -> ListOf:
    days: dict[str, Rule] = {name: _day(name) for name in ("start_date", "end_date")}
    return ListOf(Object({**days, "date_type": Choice(date_types)}))


FILTERS: dict[str, Rule] = {
    "award_ids": _TEXTS,
    "award_type_codes": ListOf(Choice((*AWARD_TYPES, NO_INTERSECTION))),
    "contract_pricing_type_codes": _TEXTS,
    "extent_competed_type_codes": _TEXTS,
    "keywords": ListOf(Text(3)),
    "legal_entities": ListOf(Integer(1)),
    "naics_codes": AnyOf((Object({"require": _INTEGERS, "exclude": _INTEGERS}), _INTEGERS)),
    "place_of_performance_scope": _SCOPE,
    "program_numbers": _TEXTS,
    "psc_codes": AnyOf((_TEXTS, _TREE)),
    "recipient_id": Text(),
    "recipient_scope": _SCOPE,
    "recipient_search_text": _TEXTS,
    "recipient_type_names": _TEXTS,
    "set_aside_type_codes": _TEXTS,
    "time_period": _periods(DATE_TYPES),
    "award_amounts": ListOf(Object({"lower_bound": Float(), "upper_bound": Float()})),
    "agencies": _AGENCIES,
    "recipient_locations": _LOCATIONS,
    "place_of_performance_locations": _LOCATIONS,
    "treasury_account_components": _ACCOUNTS,
    "tas_codes": AnyOf((_ACCOUNTS, _TREE)),
    "def_codes": _TEXTS,
    "description": Text(),
    "award_unique_id": Text(),
}
PAGE = Field("page", Integer(1), default=1)
LIMIT = Field("limit", Integer(1, 100), default=10)
ORDER = Field("order", Choice(("asc", "desc")), default="desc")
PAGING = (PAGE, LIMIT, Field("sort", Text()), ORDER)
LEVEL = (
    Field("subawards", Boolean(), default=False),
    Field("spending_level", Choice(("awards", "subawards")), default="awards"),
)
PROGRAM_ACTIVITIES = Field("filters|program_activities", ListOf(Object({"name": Text(), "code": Integer()})))


def filter_fields(
    *, required: bool = False, recipient_id: bool = True, date_types: tuple[str, ...] = DATE_TYPES
) -> tuple[Field, ...]:
    """Return all filters. `required`: whether the award types are; `recipient_id`: whether that filter is known."""
    rules = FILTERS | {"time_period": _periods(date_types)}
    return tuple(
        Field(f"filters|{name}", rule, required=required and name == "award_type_codes")
        for name, rule in rules.items()
        if recipient_id or name != "recipient_id"
    )


KNOWN_TO_AWARDS = FILTERS.keys() - {"recipient_id"}
PERIOD_NOTE = (
    f"For searches, time period start and end dates are currently limited to an earliest date of {EARLIEST}.  For "
    "data going back to 2000-10-01, use either the Custom Award Download feature on the website or one of our "
    "download or bulk_download API endpoints as listed on https://api.usaspending.gov/docs/endpoints. "
)


def messages(asked: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Return the messages of an answer: a note on dates, and the names of the filters that were not used, if any."""
    unused = set(asked) - set(allowed)
    if not unused:
        return [PERIOD_NOTE]
    text = f"The following filters from the request were not used: {unused}. See "
    return [PERIOD_NOTE, text + "https://api.usaspending.gov/docs/endpoints for a list of appropriate filters"]


def check_one_group(codes: Iterable[str], groups: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse award types of more than one group. The body of this refusal has `message`, not `detail`."""
    if any(set(codes) <= set(group) for group in groups.values()):
        return
    named = {name: {code: AWARD_TYPES[code] for code in group} for name, group in groups.items()}
    text = "'award_type_codes' must only contain types from one group."
    raise Refusal(UNPROCESSABLE, {"message": text, "award_type_groups": named})


def with_keywords(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request with the older filter `keyword` as `keywords` (awards/v2/filters/filter_helpers.py).

    An empty list of keywords becomes a list of null, which is then refused. Filters that are a number are a 500.
    """
    filters = body.get("filters")
    if not isinstance(filters, dict | list | str) and filters:
        raise unhandled()
    if not isinstance(filters, dict) or not {"keyword", "keywords"} & set(filters):
        return dict(body)
    others = {name: value for name, value in filters.items() if name != "keyword"}
    return {**body, "filters": {**others, "keywords": filters.get("keywords") or [filters.get("keyword")]}}
