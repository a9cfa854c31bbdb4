"""Reading an award's rows into a record that agrees with what the API gives of the same award."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sources.records import Award, AwardCategory, Document, Payload, Problem, Record, SourceFact
from sources.usaspending import award_parser
from sources.usaspending_archive.rows import parse
from tests.sources.usaspending_archive.archives import HEADERS, KEY, READ_AT, contract, csv_bytes, grant

RECORDED = Path(__file__).parents[2] / "data" / "usaspending"
# What only the API, or only the archive, states of an award, and what is the source's own.
OWN = {"source", "documents", "is_partial", "has_own_text", "revision", "facts", "recipient"}
OWN |= {"subaward_count", "subaward_total"}


def payload(rows: Sequence[Mapping[str, str]], key: str = KEY, header: str = "contracts") -> Payload:
    content = csv_bytes(HEADERS[header], rows)
    first, _, rest = content.partition(b"\n")
    documents = tuple(
        Document(url="file:x.zip", request="", retrieved_at=READ_AT, content_type="text/csv", body=body)
        for body in (first, rest)
    )
    return Payload(source="archive", key=key, revision="", documents=documents)


def read(*rows: Mapping[str, str], key: str = KEY, header: str = "contracts") -> list[Record]:
    return parse(payload(rows, key, header))


def read_award(*rows: Mapping[str, str], key: str = KEY, header: str = "contracts") -> Award:
    (record,) = read(*rows, key=key, header=header)
    assert isinstance(record, Award), record
    return record


def api_award(detail: Mapping[str, Any], transactions: Sequence[Mapping[str, Any]]) -> Award:
    """Return what the adapter of the API makes of an award."""
    documents = tuple(
        Document(url="https://x/", request="", retrieved_at=READ_AT, content_type="", body=json.dumps(body).encode())
        for body in (detail, {"results": transactions})
    )
    key = detail["generated_unique_award_id"]
    record = award_parser.parse(Payload(source="usaspending", key=key, revision="", documents=documents))
    assert isinstance(record, Award), record
    return record


def text(value: object) -> str:
    return "" if value is None else str(value)


def archived(detail: Mapping[str, Any], transactions: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the rows that an archive has of an award of the API: the columns are filled from the same tables."""
    latest = detail.get("latest_transaction_contract_data") or {}
    recipient, period, place = detail["recipient"], detail["period_of_performance"], detail["place_of_performance"]
    is_idv, is_assistance = detail["category"] == "idv", "latest_transaction_contract_data" not in detail
    kind = "assistance" if is_assistance else "contract"
    listings = detail.get("cfda_info") or [{}]
    codes = sorted({each["code"] for each in detail["account_obligations_by_defc"]})
    award = {
        f"{kind}_award_unique_key": detail["generated_unique_award_id"],
        "award_id_piid": detail.get("piid"),
        "award_id_fain": detail.get("fain"),
        "award_id_uri": detail.get("uri"),
        "parent_award_id_piid": (detail.get("parent_award") or {}).get("piid"),
        "parent_award_agency_id": (detail.get("parent_award") or {}).get("agency_id"),
        "total_dollars_obligated": detail["total_obligation"],
        "total_obligated_amount": detail["total_obligation"],
        "current_total_value_of_award": detail.get("base_exercised_options"),
        "potential_total_value_of_award": detail.get("base_and_all_options"),
        "total_outlayed_amount_for_overall_award": detail.get("total_outlay"),
        "disaster_emergency_fund_codes_for_overall_award": ";".join(f"{code}: Public Law 1-1, X: Y" for code in codes),
        "period_of_performance_start_date": period["start_date"],
        "ordering_period_end_date" if is_idv else "period_of_performance_current_end_date": period["end_date"],
        "period_of_performance_potential_end_date": period.get("potential_end_date"),
        "last_modified_date": f"{period['last_modified_date']} 16:42:25.123",
        "recipient_name": recipient["recipient_name"],
        "recipient_uei": recipient["recipient_uei"],
        "recipient_parent_name": recipient["parent_recipient_name"],
        "recipient_parent_uei": recipient["parent_recipient_uei"],
        "recipient_state_code": recipient["location"]["state_code"],
        "primary_place_of_performance_city_name": place["city_name"],
        "primary_place_of_performance_state_name": place["state_name"],
        "primary_place_of_performance_country_name": place["country_name"],
        "award_type": detail["type_description"],
        "assistance_type_description": detail["type_description"],
        "idv_type_code": detail["type"].removeprefix("IDV_")[:1],
        "idv_type": latest.get("idv_type_description"),
        "type_of_idc": latest.get("type_of_idc_description"),
        "prime_award_base_transaction_description": detail["description"],
        **{column: latest.get(name) for column, name in LATEST.items()},
    }
    for role in ("awarding", "funding"):
        agency = detail[f"{role}_agency"]
        award |= {
            f"{role}_agency_code": agency["toptier_agency"]["code"],
            f"{role}_agency_name": agency["toptier_agency"]["name"],
            f"{role}_sub_agency_code": agency["subtier_agency"]["code"],
            f"{role}_sub_agency_name": agency["subtier_agency"]["name"],
            f"{role}_office_name": agency["office_agency_name"],
        }
    return [
        {name: text(value) for name, value in award.items()}
        | {
            f"{kind}_transaction_unique_key": row["id"][8:],
            "cfda_number": text(listings[number % len(listings)].get("cfda_number")),
            "cfda_title": text(listings[number % len(listings)].get("cfda_title")),
            "modification_number": text(row["modification_number"]),
            "action_date": row["action_date"],
            "federal_action_obligation": text(row["federal_action_obligation"]),
            "transaction_description": text(row["description"]),
            "action_type_code": text(row["action_type"]),
            "action_type" if not is_assistance else "action_type_description": text(row["action_type_description"]),
        }
        for number, row in enumerate(transactions)
    ]


LATEST = {
    "product_or_service_code": "product_or_service_code",
    "product_or_service_code_description": "product_or_service_description",
    "naics_code": "naics",
    "naics_description": "naics_description",
    "solicitation_identifier": "solicitation_identifier",
    "extent_competed_code": "extent_competed",
    "extent_competed": "extent_competed_description",
    "other_than_full_and_open_competition": "other_than_full_and_open_description",
    "fair_opportunity_limited_sources_code": "fair_opportunity_limited",
    "fair_opportunity_limited_sources": "fair_opportunity_limited_description",
    "number_of_offers_received": "number_of_offers_received",
    "solicitation_procedures": "solicitation_procedures_description",
    "type_of_set_aside_code": "type_set_aside",
    "type_of_set_aside": "type_set_aside_description",
    "commercial_item_acquisition_procedures": "commercial_item_acquisition_description",
    "type_of_contract_pricing_code": "type_of_contract_pricing",
    "type_of_contract_pricing": "type_of_contract_pricing_description",
}


def transactions_of(detail: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the transactions of an award, its base among them."""
    recorded = json.loads((RECORDED / "recorded_transactions.json").read_text("utf-8"))["results"]
    prefix = "ASST_TX_1550_X" if detail["category"] not in ("contract", "idv") else "CONT_TX_8000_X"
    base = {
        **recorded[0],
        "id": f"{prefix}_0",
        "modification_number": "0",
        "action_date": detail["date_signed"],
        "description": detail["description"],
    }
    return [base, *({**row, "id": f"{prefix}_{row['modification_number']}"} for row in recorded)]


@pytest.mark.parametrize("name", ["recorded_contract", "recorded_idv", "recorded_grant"])
def test_an_award_is_what_the_api_gives(name: str) -> None:
    detail = json.loads((RECORDED / f"{name}.json").read_text("utf-8"))
    transactions = transactions_of(detail)
    expected = api_award(detail, transactions)
    header = "assistance" if expected.category is AwardCategory.ASSISTANCE else "contracts"
    found = read_award(*archived(detail, transactions), key=expected.key, header=header)
    for field in fields(Award):
        if field.name not in OWN:
            assert getattr(found, field.name) == getattr(expected, field.name), field.name
    assert found.recipient == expected.recipient
    assert found.is_partial
    if header == "assistance":
        assert found.facts == expected.facts


def test_the_latest_action_states_the_award() -> None:
    award = read_award(
        contract(modification="P00002", action_date="2022-05-01", recipient_name="NEW NAME INC"),
        contract(period_of_performance_start_date="2021-10-01"),
        contract(
            modification="P00001",
            action_date="2022-05-01",
            recipient_name="OLD NAME INC",
            period_of_performance_start_date="2022-05-01",
        ),
    )
    assert [action.modification for action in award.actions] == ["0", "P00001", "P00002"]
    assert award.recipient.name == "NEW NAME INC"
    assert (award.signed, award.starts) == (date(2021, 9, 13), date(2021, 10, 1))


def test_without_its_base_an_award_is_not_dated() -> None:
    award = read_award(contract(modification="P00001", period_of_performance_start_date="2022-05-01"))
    assert (award.signed, award.starts) == (None, None)
    assert award.description == "PAPER"


def test_the_text_of_a_modification_is_not_the_awards() -> None:
    award = read_award(contract(modification="P00001", prime_award_base_transaction_description=""))
    assert award.description == ""
    assert award.actions[0].description == "PAPER"


def test_a_text_is_decoded_once_as_that_of_the_api_is() -> None:
    award = read_award(
        contract(
            recipient_name=" AT&amp;amp;T ",
            recipient_parent_name="AT&amp;T",
            transaction_description="&amp;lt;",
            federal_action_obligation=" 5 ",
        )
    )
    assert (award.recipient.name, award.recipient.parent_name) == ("AT&amp;T", "AT&T")
    assert (award.actions[0].description, award.actions[0].obligation) == ("&lt;", Decimal(5))


@pytest.mark.parametrize(
    "written", ["2021-09-14 16:42:25+00", "2021-09-14 00:00:00.123", "2021-09-14T16:42:25Z", "2021-09-14"]
)
def test_a_time_may_be_in_either_form(written: str) -> None:
    assert read_award(contract(last_modified_date=written)).modified == date(2021, 9, 14)


def test_other_names_of_the_recipient_are_facts() -> None:
    award = read_award(
        contract(
            recipient_name="PENLINK LTD",
            recipient_name_raw="COBWEBS AMERICA INC",
            recipient_doing_business_as_name="COBWEBS",
        )
    )
    assert award.facts == (
        SourceFact(label="Doing business as", value="COBWEBS"),
        SourceFact(label="Name on the contract", value="COBWEBS AMERICA INC"),
    )
    assert read_award(contract(recipient_name_raw="Acme Paper Inc")).facts == ()


def test_an_idv_ends_with_its_ordering_period() -> None:
    key = "CONT_IDV_I1_7012"
    row = contract("I1", contract_award_unique_key=key, ordering_period_end_date="2030-09-30", idv_type_code="B")
    award = read_award(row, key=key)
    assert (award.category, award.type_text) == (AwardCategory.IDV, "INDEFINITE DELIVERY CONTRACT")
    assert award.ends == date(2030, 9, 30)


def test_an_order_names_its_agreement() -> None:
    award = read_award(contract(parent_award_id_piid="70cdcr18a00000001", parent_award_agency_id="7012"))
    assert (award.parent_piid, award.parent_key) == ("70CDCR18A00000001", "CONT_IDV_70CDCR18A00000001_7012")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"action_date": ""}, "action_date is missing"),
        ({"action_date": "13/09/2021"}, "action_date is not a date"),
        ({"federal_action_obligation": "many"}, "not an amount"),
        ({"contract_transaction_unique_key": ""}, "contract_transaction_unique_key is missing"),
        ({"contract_award_unique_key": "CONT_AWD_P2_7012_-NONE-_-NONE-"}, "expected a row of"),
    ],
)
def test_a_row_that_cannot_be_read_does_not_keep_the_others_from_it(values: dict[str, str], reason: str) -> None:
    award, problem = read(contract(), contract(modification="P00001", **values))
    assert isinstance(award, Award)
    assert [action.obligation for action in award.actions] == [Decimal(1000)]
    assert isinstance(problem, Problem)
    assert reason in problem.reason


@pytest.mark.parametrize(
    "values", [{"total_dollars_obligated": "x"}, {"award_id_piid": ""}, {"number_of_offers_received": "-1"}]
)
def test_an_award_that_cannot_be_read_is_one_problem(values: dict[str, str]) -> None:
    (problem,) = read(contract(**values))
    assert isinstance(problem, Problem)
    assert problem.documents


@pytest.mark.parametrize(
    ("header", "rows"),
    [(b"", b"x"), (b"a,b", b"1,2"), (b"contract_award_unique_key,contract_transaction_unique_key", b"1")],
)
def test_another_file_is_a_problem(header: bytes, rows: bytes) -> None:
    documents = tuple(
        Document(url="file:x", request="", retrieved_at=READ_AT, content_type="text/csv", body=body)
        for body in (header, rows)
    )
    (problem,) = parse(Payload(source="archive", key=KEY, revision="", documents=documents))
    assert isinstance(problem, Problem)


def test_assistance_added_up_goes_by_its_uri() -> None:
    key = "ASST_AGG_U-1_015"
    award = read_award(grant("", assistance_award_unique_key=key, award_id_uri="u-1"), key=key, header="assistance")
    assert (award.category, award.piid) == (AwardCategory.ASSISTANCE, "U-1")
