"""Award search: POST search/spending_by_award/, for awards; `subaward_search` answers it for subawards.

Facts: usaspending_api/search/v2/views/spending_by_award.py, and for the fields
awards/v2/lookups/elasticsearch_lookups.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from tests.upstreams.server import refuse
from tests.upstreams.usaspending.corpus import CorpusAward
from tests.upstreams.usaspending.search import index, search_rules
from tests.upstreams.usaspending.search.award_query import (
    Body,
    Content,
    Entry,
    SortValue,
    milliseconds,
    ordered,
    read_query,
    shown,
)
from tests.upstreams.usaspending.search.filters import awards_found
from tests.upstreams.usaspending.search.search_rules import GROUPS, LEVEL, NO_INTERSECTION, PAGING, PROGRAM_ACTIVITIES
from tests.upstreams.usaspending.search.served import Served
from tests.upstreams.usaspending.search.subaward_search import subaward_answer, subaward_count
from tests.upstreams.usaspending.search.tiny_shield import BAD, Boolean, Field, Integer, ListOf, Text, checked, names_of

Value = Callable[[CorpusAward], Any]


def iso(day: date | None) -> str | None:
    """Return the day as the search index has it, YYYY-MM-DD."""
    return day.isoformat()[:10] if day else None


def slug(name: str | None) -> str | None:
    """Return the slug of an agency's name in USAspending's page addresses."""
    return name.lower().replace(" ", "-") if name else None


def no_value(_award: CorpusAward) -> None:
    """Return nothing: a field that exists upstream and that no corpus award has."""


# Every field that can be asked for, in the order in which a refusal lists them.
# fmt: off
BASE_NAMES = (
    "Award ID", "Recipient Name", "Recipient DUNS Number", "recipient_id", "Awarding Agency", "Awarding Agency Code",
    "Awarding Sub Agency", "Awarding Sub Agency Code", "Funding Agency", "Funding Agency Code", "Funding Sub Agency",
    "Funding Sub Agency Code", "Place of Performance City Code", "Place of Performance State Code",
    "Place of Performance Country Code", "Place of Performance Zip5", "Description", "Last Modified Date",
    "Base Obligation Date", "prime_award_recipient_id", "generated_internal_id", "def_codes", "COVID-19 Obligations",
    "COVID-19 Outlays", "Infrastructure Obligations", "Infrastructure Outlays", "Recipient UEI", "naics_code",
    "naics_description", "psc_code", "psc_description", "cfda_number", "cfda_program_title",
    "sub_cfda_program_titles", "recipient_location_city_name", "recipient_location_state_code",
    "recipient_location_country_name", "recipient_location_address_line1", "recipient_location_address_line2",
    "recipient_location_address_line3", "sub_recipient_location_city_name", "sub_recipient_location_state_code",
    "sub_recipient_location_country_name", "sub_recipient_location_address_line1", "pop_city_name", "pop_state_code",
    "pop_country_name", "sub_pop_city_name", "sub_pop_state_code", "sub_pop_country_name",
)
# fmt: on
LISTINGS = ("SAI Number", "CFDA Number", "Assistance Listings")
NAMES = {
    "Contract Award": ("Start Date", "End Date", "Award Amount", "Total Outlays", "Contract Award Type"),
    "Loan Award": ("Issued Date", "Loan Value", "Subsidy Cost", *LISTINGS),
    "IDV Award": ("Start Date", "Award Amount", "Total Outlays", "Contract Award Type", "Last Date to Order"),
    "Non-Loan Assistance Award": ("Start Date", "End Date", "Award Amount", "Total Outlays", "Award Type", *LISTINGS),
}
LABELS = {"contracts": "Contract Award", "loans": "Loan Award", "idvs": "IDV Award"}

VALUES: dict[str, Value] = {
    "Award ID": lambda a: a.piid,
    "Recipient Name": lambda a: a.recipient_name,
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
    "Last Modified Date": lambda a: iso(a.modified),
    "Base Obligation Date": lambda a: iso(a.date_signed),
    "Start Date": lambda a: iso(a.starts),
    "End Date": lambda a: iso(a.ends),
    "Last Date to Order": lambda a: iso(a.ends),
    "Award Amount": lambda a: None if a.total is None else float(a.total),
    "Contract Award Type": lambda a: a.type_description,
    "Award Type": lambda a: a.type_description,
    "CFDA Number": lambda a: a.listings[0][0] if a.listings else None,
    "Assistance Listings": lambda a: [{"cfda_number": n, "cfda_program_title": title} for n, title in a.listings],
    "Place of Performance State Code": lambda a: a.place_state,
    "Place of Performance Country Code": lambda a: a.place_country,
    "naics_code": lambda a: a.naics_code,
    "naics_description": lambda a: a.naics_description,
    "psc_code": lambda a: a.psc_code,
    "psc_description": lambda a: a.psc_description,
    "recipient_location_state_code": lambda a: a.recipient_state,
    "pop_city_name": lambda a: a.place_city,
    "pop_state_code": lambda a: a.place_state,
    "generated_internal_id": lambda a: a.key,
}
PLACE = "location_country_code country_name state_code state_name city_name county_code county_name"
ADDRESS = "address_line1 address_line2 address_line3"
# Fields made of several; they are there whatever the type of the award.
OBJECTS: dict[str, Value] = {
    "NAICS": lambda a: {"code": a.naics_code, "description": a.naics_description},
    "PSC": lambda a: {"code": a.psc_code, "description": a.psc_description},
    "Recipient Location": lambda a: (
        dict.fromkeys(f"{PLACE} {ADDRESS} congressional_code zip4 zip5 foreign_postal_code foreign_province".split())
        | {"state_code": a.recipient_state}
    ),
    "Primary Place of Performance": lambda a: (
        dict.fromkeys(f"{PLACE} congressional_code zip4 zip5".split())
        | {"city_name": a.place_city, "state_code": a.place_state, "location_country_code": a.place_country}
    ),
    "primary_assistance_listing": lambda a: (
        {"cfda_number": a.listings[0][0], "cfda_program_title": a.listings[0][1]}
        if a.listings
        else {"cfda_number": None, "cfda_program_title": None}
    ),
}
DATES = {"Last Modified Date", "Base Obligation Date", "Start Date", "End Date", "Last Date to Order"}


def award_search(body: Body, served: Served) -> Content:
    """Answer POST search/spending_by_award/. Raises `Refusal`."""
    query = read_query(body)
    if query.wants_nothing:
        return query.nothing()
    if query.level == "subawards":
        return subaward_answer(query, served)
    search_rules.check_one_group(query.codes, search_rules.AWARD_GROUPS)
    label = label_of(query.codes)
    names = [*BASE_NAMES, *NAMES[label]]
    query.check_sort(label, names)
    query.check_index(served)
    found = awards_found(served.awards, query.filters, unquoted=served.holds("unquoted-award-ids"))
    entries = ordered(
        (Entry(award, sort_value(award, query.sort), award.internal_id) for award in found),
        descending=query.descending,
    )
    page, has_next = shown(query, entries, served)
    values = {name: VALUES.get(name, no_value) for name in names} | OBJECTS
    rows = [award_row(entry.record, query.fields, values) for entry in page]
    return query.answer(rows, page[-1] if page and has_next else None)


def label_of(codes: Sequence[str]) -> str:
    """Return how a refusal calls awards of these types, which are of one group."""
    fitting = (label for group, label in LABELS.items() if set(codes) <= set(GROUPS[group]))
    return next(fitting, "Non-Loan Assistance Award")


def sort_value(award: CorpusAward, sort: str) -> SortValue:
    """Return the award's value in the index: dates in milliseconds, amounts as numbers, text as text."""
    value = (OBJECTS.get(sort) or VALUES.get(sort, no_value))(award)
    if isinstance(value, dict):
        return " ".join(str(part) for part in value.values() if part) or None
    if value is None or sort in DATES:
        return milliseconds(value)
    return Decimal(str(value)) if isinstance(value, float) else str(value)


def award_row(award: CorpusAward, fields: Sequence[str], values: Mapping[str, Value]) -> Content:
    """Return one result; unknown fields are null, the two ids are always there."""
    row: Content = {"internal_id": award.internal_id}
    row |= {name: values.get(name, no_value)(award) for name in fields}
    if row.get("Awarding Agency"):
        row |= {"awarding_agency_id": None, "agency_slug": slug(award.awarding_toptier_name)}
    return row | {"generated_internal_id": award.key}


FIELDS = (
    Field("subawards", Boolean()),
    LEVEL[1],
    Field("filter|object_class", ListOf(Text())),
    Field("filter|program_activity", ListOf(Integer(1))),
    PROGRAM_ACTIVITIES,
    *search_rules.filter_fields(recipient_id=False),
    *PAGING,
)


def award_count(body: Mapping[str, Any], served: Served) -> dict[str, Any]:
    """Answer POST search/spending_by_award_count/. The award types are optional, and may be mixed. Raises `Refusal`."""
    asked = checked(FIELDS, body)
    if "filters" not in asked:
        raise refuse(BAD, "Missing required request parameters: 'filters'")
    level = "subawards" if asked.get("subawards", asked["spending_level"] == "subawards") else "awards"
    count = subaward_count if level == "subawards" else _count
    return {
        "results": count(asked["filters"], served),
        "spending_level": level,
        "messages": search_rules.messages(body["filters"], names_of(FIELDS)),
    }


def _count(filters: Mapping[str, Any], served: Served) -> dict[str, int]:
    if NO_INTERSECTION in filters.get("award_type_codes", ()):
        return dict.fromkeys(GROUPS, 0)
    index.check_codes(filters)
    index.check_query("awards", filters, served)
    found = awards_found(served.awards, filters, unquoted=served.holds("unquoted-award-ids"))
    return {group: sum(award.group == group for award in found) for group in GROUPS}
