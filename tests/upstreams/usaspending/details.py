"""What USAspending says about one award: its page, its transactions, how many; and when its data changed.

Facts: usaspending_api/awards/v2/views/awards.py, transactions.py and count/transaction_count.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from http import HTTPStatus
from typing import Any

from tests.upstreams.server import Refusal, refuse
from tests.upstreams.usaspending.corpus import TOPTIER_CODE, TOPTIER_NAME, CorpusAction, CorpusAward
from tests.upstreams.usaspending.search.search_rules import ORDER, PAGE
from tests.upstreams.usaspending.search.served import Served
from tests.upstreams.usaspending.search.tiny_shield import AnyOf, Boolean, Choice, Field, Integer, Text, checked
from tests.upstreams.usaspending.search.transaction_search import page_metadata

Content = dict[str, Any]
AWARD_ID = re.compile(r"[0-9]+|(CONT|ASST)_(AWD|IDV|NON|AGG)_.+")

# Every name in "latest_transaction_contract_data" of the contract's sample, v2/awards/award_id.md.
CONTRACT_DATA_NAMES = """
idv_type_description type_of_idc_description referenced_idv_agency_iden referenced_idv_agency_desc
solicitation_identifier solicitation_procedures number_of_offers_received extent_competed type_set_aside
type_set_aside_description evaluated_preference fed_biz_opps fed_biz_opps_description small_business_competitive
product_or_service_code naics naics_description sea_transportation clinger_cohen_act_planning labor_standards
cost_or_pricing_data domestic_or_foreign_entity foreign_funding major_program program_acronym subcontracting_plan
multi_year_contract consolidated_contract type_of_contract_pricing national_interest_action
national_interest_action_description multiple_or_single_award_description solicitation_procedures_description
extent_competed_description other_than_full_and_open other_than_full_and_open_description
commercial_item_acquisition commercial_item_acquisition_description commercial_item_test_program
commercial_item_test_program_description evaluated_preference_description fair_opportunity_limited
fair_opportunity_limited_description product_or_service_description dod_claimant_program
dod_claimant_program_description dod_acquisition_program dod_acquisition_program_description
information_technology_commercial_item_category information_technology_commercial_item_category_description
sea_transportation_description clinger_cohen_act_planning_description construction_wage_rate
construction_wage_rate_description labor_standards_description materials_supplies materials_supplies_description
cost_or_pricing_data_description domestic_or_foreign_entity_description foreign_funding_description
interagency_contracting_authority interagency_contracting_authority_description price_evaluation_adjustment
subcontracting_plan_description multi_year_contract_description purchase_card_as_payment_method
purchase_card_as_payment_method_description consolidated_contract_description type_of_contract_pricing_description
"""
LOCATION_NAMES = (
    "location_country_code country_name state_code state_name city_name county_code county_name address_line1 "
    "address_line2 address_line3 congressional_code zip4 zip5 foreign_postal_code foreign_province"
)
SORT_NAMES = (
    "id type type_description action_date action_type action_type_description modification_number description "
    "federal_action_obligation face_value_loan_guarantee original_loan_subsidy_cost is_fpds cfda_number"
)
CONTRACT_DATA = CONTRACT_DATA_NAMES.split()
LOCATION = LOCATION_NAMES.split()
TRANSACTION_SORTS = tuple(SORT_NAMES.split())
TRANSACTION_FIELDS = (
    PAGE,
    Field("sort", Choice(TRANSACTION_SORTS), default="action_date"),
    ORDER,
    Field("award_id", AnyOf((Integer(), Text())), required=True),
    Field("idv", Boolean(), default=True),
    Field("limit", Integer(1, 5000), default=10),
)


def find(text: str, awards: Sequence[CorpusAward]) -> CorpusAward | None:
    """Return the award of an internal id or a generated key, which is case-sensitive; `None` if it is not there.

    Raises:
        Refusal: it is neither an id nor a key, so the address leads nowhere.
    """
    if not AWARD_ID.fullmatch(text):
        raise Refusal(HTTPStatus.NOT_FOUND)
    return next((award for award in awards if text in {award.key, str(award.internal_id)}), None)


def found(text: str, awards: Sequence[CorpusAward]) -> CorpusAward:
    """Return the award of an address awards/{id}/. Raises `Refusal`: it is not there."""
    if award := find(text, awards):
        return award
    # The older key is tried last, so it is the one that the refusal names.
    named = {"award_id": int(text)} if text.isdigit() else {"generated_unique_award_id_legacy": text}
    raise refuse(HTTPStatus.NOT_FOUND, f"No Award found with: {named}")


def award_detail(award: CorpusAward) -> Content:
    """Answer GET awards/{id}/: the shape of the contract's sample, null where nothing is known."""
    total = None if award.total is None else float(award.total)
    detail: Content = {
        "id": award.internal_id,
        "generated_unique_award_id": award.key,
        "piid": award.piid,
        "category": award.category,
        "type": award.type,
        "type_description": award.type_description,
        "description": award.shown_description,
        "total_obligation": total,
        "subaward_count": None,
        "total_subaward_amount": None,
        "date_signed": day(award.date_signed),
        "base_exercised_options": None if award.exercised is None else float(award.exercised),
        "base_and_all_options": None if award.ceiling is None else float(award.ceiling),
        "parent_award": parent_of(award),
        "latest_transaction_contract_data": contract_data(award),
        "funding_agency": agency(award, "funding"),
        "awarding_agency": agency(award, "awarding"),
        "period_of_performance": {
            "start_date": day(award.starts),
            "end_date": day(award.ends),
            "last_modified_date": moment(award.modified),
            "potential_end_date": moment(award.may_end),
        },
        "recipient": recipient(award),
        "executive_details": {"officers": [{"name": None, "amount": None} for _ in range(5)]},
        "place_of_performance": place(state_code=award.place_state, city_name=award.place_city)
        | {"location_country_code": award.place_country},
        "psc_hierarchy": hierarchy(award.psc_code, award.psc_description, "toptier_code midtier_code subtier_code"),
        "naics_hierarchy": hierarchy(award.naics_code, award.naics_description, "toptier_code midtier_code"),
        "total_account_outlay": None,
        "total_account_obligation": None,
        "account_outlays_by_defc": [],
        "account_obligations_by_defc": [],
    }
    return detail | award.extra_detail


def day(value: date | None) -> str | None:
    """Return a date as the award page writes it, YYYY-MM-DD."""
    return value.isoformat()[:10] if value else None


def moment(value: date | None) -> str | None:
    """Return a date or time as the award page writes times, "2019-10-27 20:06:44"; a bare date is midnight."""
    if value is None:
        return None
    text = value.isoformat().replace("T", " ")[:19]
    return text if " " in text else f"{text} 00:00:00"


def parent_of(award: CorpusAward) -> Content | None:
    """Return the award that this one is an order under, as far as the key says."""
    if award.parent_key is None:
        return None
    unknown = dict.fromkeys(("agency_id", "agency_name", "agency_slug", "sub_agency_name", "award_id"))
    unknown |= dict.fromkeys(("idv_type_description", "multiple_or_single_aw_desc", "type_of_idc_description"))
    return unknown | {
        "sub_agency_id": award.parent_agency,
        "generated_unique_award_id": award.parent_key,
        "piid": award.parent_piid,
    }


def contract_data(award: CorpusAward) -> Content:
    """Return the fields of the latest contract action, null but for what is known."""
    return dict.fromkeys(CONTRACT_DATA) | {
        "referenced_idv_agency_iden": award.parent_agency,
        "solicitation_identifier": award.solicitation,
        "extent_competed": award.extent_competed,
        "extent_competed_description": award.extent_competed_description,
        "product_or_service_code": award.psc_code,
        "product_or_service_description": award.psc_description,
        "naics": award.naics_code,
        "naics_description": award.naics_description,
    }


def agency(award: CorpusAward, role: str) -> Content | None:
    """Return the awarding or funding agency with its sub-agency and office; `None` when nothing of it is known."""
    name: str | None = getattr(award, f"{role}_toptier_name")
    if name is None:
        return None
    return {
        "id": None,
        "has_agency_page": False,
        "toptier_agency": {
            "name": name,
            "code": getattr(award, f"{role}_toptier_code"),
            "abbreviation": None,
            "slug": name.lower().replace(" ", "-"),
        },
        "subtier_agency": {
            "name": getattr(award, f"{role}_sub_name"),
            "code": getattr(award, f"{role}_sub_code"),
            "abbreviation": None,
        },
        "office_agency_name": getattr(award, f"{role}_office"),
    }


def recipient(award: CorpusAward) -> Content:
    """Return who is paid."""
    return {
        "recipient_hash": None,
        "recipient_name": award.recipient_name,
        "recipient_uei": award.recipient_uei,
        "recipient_unique_id": None,
        "parent_recipient_hash": None,
        "parent_recipient_name": award.recipient_parent_name,
        "parent_recipient_uei": award.recipient_parent_uei,
        "parent_recipient_unique_id": None,
        "business_categories": [],
        "location": place(state_code=award.recipient_state),
    }


def place(**known: str | None) -> Content:
    """Return a location with what is known of it."""
    return dict.fromkeys(LOCATION) | known


def hierarchy(code: str | None, description: str | None, above: str) -> Content:
    """Return a PSC or NAICS hierarchy of which only the base is known."""
    base = {"code": code, "description": description} if code or description else {}
    return {**{level: {} for level in above.split()}, "base_code": base}


def transaction_total(text: str, awards: Sequence[CorpusAward]) -> Content:
    """Answer GET awards/count/transaction/{id}/. Raises `Refusal`: the award is not there."""
    award = find(text, awards)
    if award is None:
        raise refuse(HTTPStatus.NOT_FOUND, f"No Award found with: '{text}'")
    return {"transactions": len(award.actions)}


def transaction_row(award: CorpusAward, action: CorpusAction) -> Content:
    """Return one action as POST transactions/ has it, the only route of the API to a transaction's key."""
    amount = action.obligation
    row: Content = {
        "id": award.transaction_id(action),
        "type": award.type,
        "type_description": award.type_description,
        "action_date": action.action_date.isoformat(),
        "action_type": action.action_type,
        "action_type_description": action.action_type_description,
        "modification_number": action.modification,
        "description": action.description,
        "federal_action_obligation": None if amount is None else float(amount),
        "face_value_loan_guarantee": None,
        "original_loan_subsidy_cost": None,
    }
    if award.group not in {"contracts", "idvs"}:
        row["cfda_number"] = award.listings[0][0] if award.listings else None
    return row


def award_transactions(body: Mapping[str, Any], served: Served) -> Content:
    """Answer POST transactions/: the actions of one award; none for an award that is not there.

    Unknown values come last in descending order and first in ascending order.
    """
    asked = checked(TRANSACTION_FIELDS, body)
    sought, sort, limit = asked["award_id"], asked["sort"], asked["limit"]
    awards = (award for award in served.awards if sought in {award.key, award.internal_id})
    rows = [transaction_row(award, action) for award in awards for action in award.actions]
    rows.sort(key=lambda row: sort_key(row.get(sort)))
    if asked["order"] == "desc":
        rows.reverse()
    page, has_next = served.page(rows, asked["page"], limit)
    return {"page_metadata": page_metadata(asked["page"], has_next=has_next), "results": list(page)}


def sort_key(value: float | str | None) -> tuple[bool, float, str]:
    """Return what a value is sorted by: unknown ones first, then numbers or text."""
    if isinstance(value, str):
        return True, 0, value
    return value is not None, value or 0, ""


def last_updated(day: date) -> Content:
    """Answer GET awards/last_updated/, MM/DD/YYYY."""
    return {"last_updated": day.strftime("%m/%d/%Y")}


def latest_day(awards: Sequence[CorpusAward]) -> date | None:
    """Return the latest date on which one of the awards was modified or an action was signed."""
    dates = [day for award in awards for t in award.actions for day in (t.action_date, award.modified_on(t)) if day]
    return max((date(day.year, day.month, day.day) for day in dates), default=None)


def toptier_agencies() -> Content:
    """Answer GET references/toptier_agencies/: the one department the corpus is about."""
    department = {
        "agency_id": None,
        "toptier_code": TOPTIER_CODE,
        "abbreviation": "DHS",
        "agency_name": TOPTIER_NAME,
        "agency_slug": TOPTIER_NAME.lower().replace(" ", "-"),
    }
    return {"results": [department]}
