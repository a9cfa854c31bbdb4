"""Real answers of USAspending, recorded in March 2026, field by field (tests/data/usaspending/README.md)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from sources.base import IncompleteResult
from sources.records import (
    Agency,
    Amount,
    AmountMeaning,
    Award,
    AwardCategory,
    ContractAction,
    Document,
    Publication,
    PublicationKind,
    Recipient,
    SourceFact,
)
from sources.usaspending.award_parser import parse
from sources.usaspending.filters import AWARD_FIELDS, LAST_DAY_FIELD
from sources.usaspending.search import search_awards
from sources.usaspending.subaward_parser import parse as parse_subaward
from sources.usaspending.subaward_parser import subaward_key
from tests.sources.scripted_server import Script, ScriptedServer
from tests.sources.usaspending.helpers import client_of
from tests.sources.usaspending.samples import BASE, DATA, Json, payload

NASA = Agency(
    code="080",
    name="National Aeronautics and Space Administration",
    sub_code="8000",
    sub_name="National Aeronautics and Space Administration",
)
PAGES = "https://www.usaspending.gov/award/"


def body_of(name: str) -> bytes:
    return (DATA / f"recorded_{name}.json").read_bytes()


def content_of(name: str) -> Json:
    content: Json = json.loads(body_of(name))
    return content


def read(name: str, transactions: object) -> tuple[Award, tuple[Document, ...]]:
    """Return a recorded detail read with a page of transactions, and the documents that were read."""
    asked = payload(body_of(name), transactions, key=content_of(name)["generated_unique_award_id"])
    award = parse(asked)
    assert isinstance(award, Award), award
    return award, asked.documents


def base_of(name: str, key: str) -> tuple[Json, tuple[ContractAction, ...]]:
    """Return a page with a base action of a recorded award, of which none was recorded, and what is read from it."""
    signed = content_of(name)["date_signed"]
    row = {**BASE, "id": key, "action_date": signed, "federal_action_obligation": 1.0, "description": None}
    action = ContractAction(
        key=key.partition("_TX_")[2],
        modification="0",
        signed=date.fromisoformat(signed),
        obligation=Decimal(1),
        description="",
    )
    return {"results": [row]}, (action,)


def modification(number: str, day: str, dollars: str, kind: str, kind_text: str) -> ContractAction:
    return ContractAction(
        key=f"8000_-NONE-_80GSFC18C0008_{number}_-NONE-_0",
        modification=number,
        signed=date.fromisoformat(day),
        obligation=Decimal(dollars),
        description="THE TANDEM RECONNECTION....",
        action_type=kind,
        action_type_text=kind_text,
    )


def test_a_contract_and_its_transactions() -> None:
    award, documents = read("contract", body_of("transactions"))
    goddard = replace(NASA, office="NASA GODDARD SPACE FLIGHT CENTER")
    assert award == Award(
        key="CONT_AWD_80GSFC18C0008_8000_-NONE-_-NONE-",
        source="usaspending",
        revision="r1",
        category=AwardCategory.CONTRACT,
        type_text="DEFINITIVE CONTRACT",
        piid="80GSFC18C0008",
        parent_piid="",
        parent_key="",
        description=content_of("contract")["description"],
        recipient=Recipient(
            name="THE UNIVERSITY OF IOWA",
            uei="Z1H9VJS8NG16",
            parent_name="THE UNIVERSITY OF IOWA",
            parent_uei="Z1H9VJS8NG16",
            state="IA",
        ),
        awarding=goddard,
        funding=goddard,
        obligated=Decimal("172213419.67"),
        exercised=Decimal("172272419.67"),
        ceiling=Decimal("172272419.67"),
        signed=date(2018, 3, 5),
        starts=date(2018, 3, 5),
        ends=date(2025, 8, 19),
        may_end=date(2025, 8, 23),
        modified=date(2025, 8, 19),
        psc="AR11",
        psc_text="SPACE R&D SERVICES; SPACE FLIGHT, RESEARCH AND SUPPORTING ACTIVITIES; BASIC RESEARCH",
        naics="541713",
        naics_text="RESEARCH AND DEVELOPMENT IN NANOTECHNOLOGY",
        solicitation="NNH16ZDA005O",
        extent_competed_code="A",
        extent_competed="FULL AND OPEN COMPETITION",
        not_competed_reason="",
        fair_opportunity_code="",
        fair_opportunity="",
        offers_received=2,
        solicitation_procedure="NEGOTIATED PROPOSAL/QUOTE",
        set_aside_code="NONE",
        set_aside="NO SET ASIDE USED.",
        commercial_procedures="COMMERCIAL PRODUCTS/SERVICES PROCEDURES NOT USED",
        pricing_code="S",
        pricing="COST NO FEE",
        outlays=Decimal("154805291.75"),
        disaster_codes=("Q",),
        subaward_count=100,
        subaward_total=Decimal("90674097.94"),
        place="IOWA CITY, IOWA, UNITED STATES",
        url=f"{PAGES}CONT_AWD_80GSFC18C0008_8000_-NONE-_-NONE-/",
        actions=(
            modification("P00063", "2025-06-05", "282046.29", "C", "FUNDING ONLY ACTION"),
            modification("P00064", "2025-06-13", "1200000", "B", "SUPPLEMENTAL AGREEMENT FOR WORK WITHIN SCOPE"),
            modification("P00065", "2025-06-23", "1600000", "C", "FUNDING ONLY ACTION"),
        ),
        documents=documents,
    )


def test_an_idv_that_was_not_competed() -> None:
    page, actions = base_of("idv", "CONT_TX_8000_-NONE-_80JSC019C0012_0_-NONE-_-NONE-")
    award, documents = read("idv", page)
    johnson = replace(NASA, office="NASA JOHNSON SPACE CENTER")
    assert award == Award(
        key="CONT_IDV_80JSC019C0012_8000",
        source="usaspending",
        revision="r1",
        category=AwardCategory.IDV,
        type_text="INDEFINITE DELIVERY / INDEFINITE QUANTITY",
        piid="80JSC019C0012",
        parent_piid="",
        parent_key="",
        description="ORION PRODUCTION AND OPERATIONS CONTRACT",
        recipient=Recipient(
            name="LOCKHEED MARTIN CORP",
            uei="FYHNA5WC8XD7",
            parent_name="LOCKHEED MARTIN CORP",
            parent_uei="ZFN2JJXBLZT3",
            state="CO",
        ),
        awarding=johnson,
        funding=johnson,
        obligated=Decimal("2770845719.63"),
        exercised=None,
        ceiling=Decimal(10489314619),
        signed=date(2019, 6, 5),
        starts=date(2019, 6, 5),
        ends=date(2030, 9, 30),
        may_end=None,
        modified=date(2025, 7, 3),
        psc="1555",
        psc_text="SPACE VEHICLES",
        naics="541715",
        naics_text="RESEARCH AND DEVELOPMENT IN THE PHYSICAL, ENGINEERING, AND LIFE SCIENCES (EXCEPT NANOTECHNOLOGY"
        " AND BIOTECHNOLOGY)",
        solicitation="80JSC018R0014",
        extent_competed_code="C",
        extent_competed="NOT COMPETED",
        not_competed_reason="ONLY ONE SOURCE-OTHER (FAR 6.302-1 OTHER)",
        offers_received=1,
        solicitation_procedure="ONLY ONE SOURCE",
        set_aside_code="NONE",
        set_aside="NO SET ASIDE USED.",
        commercial_procedures="COMMERCIAL PRODUCTS/SERVICES PROCEDURES NOT USED",
        pricing_code="V",
        pricing="COST PLUS INCENTIVE FEE",
        outlays=Decimal("2442918291.79"),
        disaster_codes=("Q",),
        subaward_count=3029,
        subaward_total=Decimal("10845840904.67"),
        place="",
        url=f"{PAGES}CONT_IDV_80JSC019C0012_8000/",
        actions=actions,
        documents=documents,
    )


def test_a_grant() -> None:
    page, actions = base_of("grant", "ASST_TX_8000_NNM11AA01A_0_43.008_-NONE-")
    award, documents = read("grant", page)
    marshall = replace(NASA, office="NASA MARSHALL SPACE FLIGHT CENTER")
    assert award == Award(
        key="ASST_NON_NNM11AA01A_080",
        source="usaspending",
        revision="r1",
        category=AwardCategory.ASSISTANCE,
        type_text="COOPERATIVE AGREEMENT (B)",
        piid="NNM11AA01A",
        parent_piid="",
        parent_key="",
        description="THE NATIONAL SPACE SCIENCE AND TECHNOLOGY CENTER (NSSTC) IS A RESEARCH FACILITY LOCATED IN CRAMER"
        " HALL ON THE CAMPUS OF THE UNIVERSITY OF ALABAMA IN",
        recipient=Recipient(name="THE UNIVERSITY OF ALABAMA IN HUNTSVILLE", uei="HB6KNGVNJRU1", state="AL"),
        awarding=marshall,
        funding=marshall,
        obligated=Decimal("156725919.62"),
        exercised=None,
        ceiling=None,
        signed=date(2011, 4, 8),
        starts=date(2011, 4, 1),
        ends=None,
        may_end=None,
        modified=date(2024, 2, 20),
        psc="",
        psc_text="",
        naics="",
        naics_text="",
        solicitation="",
        extent_competed="",
        outlays=Decimal("52414684.72"),
        disaster_codes=("Q",),
        subaward_count=99,
        subaward_total=Decimal("11231619.45"),
        place="HUNTSVILLE, ALABAMA, UNITED STATES",
        url=f"{PAGES}ASST_NON_NNM11AA01A_080/",
        actions=actions,
        documents=documents,
        facts=(
            SourceFact(label="Assistance listing", value="43.008 Office of Stem Engagement (OSTEM)"),
            SourceFact(label="Assistance listing", value="43.001 Science"),
            SourceFact(label="Assistance type", value="COOPERATIVE AGREEMENT (B)"),
        ),
    )


def test_a_loan_for_which_nothing_is_reported() -> None:
    page, actions = base_of("loan", "ASST_TX_9100_P268K115150_0_84.268_-NONE-")
    award, documents = read("loan", page)
    assert award == Award(
        key="ASST_NON_P268K115150_091",
        source="usaspending",
        revision="r1",
        category=AwardCategory.ASSISTANCE,
        type_text="",
        piid="P268K115150",
        parent_piid="",
        parent_key="",
        description="2010-2011 DL BASE RECORD",
        recipient=Recipient(name="IOWA COLLEGE ACQUISITION CORP.", uei="UVB3GENU4W45", state="IA"),
        awarding=Agency(
            code="091", name="Department of Education", sub_code="9100", sub_name="Department of Education"
        ),
        funding=Agency(),
        obligated=Decimal(0),
        exercised=None,
        ceiling=None,
        signed=date(2010, 4, 7),
        starts=date(2010, 1, 1),
        ends=date(2015, 12, 31),
        may_end=None,
        modified=date(2013, 2, 6),
        psc="",
        psc_text="",
        naics="",
        naics_text="",
        solicitation="",
        extent_competed="",
        outlays=None,
        disaster_codes=(),
        subaward_count=0,
        subaward_total=None,
        place="DAVENPORT, IOWA, UNITED STATES",
        url=f"{PAGES}ASST_NON_P268K115150_091/",
        actions=actions,
        documents=documents,
        facts=(SourceFact(label="Assistance listing", value="84.268 Federal Direct Student Loans"),),
    )


def test_subawards_of_a_search() -> None:
    rows = content_of("search_subawards")["results"]
    earlier, later, other = (
        parse_subaward(payload(body_of("search_subawards"), body_of("contract"), key=subaward_key(row))) for row in rows
    )
    assert isinstance(earlier, Publication)
    assert isinstance(later, Publication)
    assert isinstance(other, Publication)
    assert earlier == Publication(
        key=subaward_key(rows[0]),
        source="usaspending",
        kind=PublicationKind.SUBAWARD,
        type_text="sub-contract",
        title="Subaward to REGENTS OF THE UNIVERSITY OF CALIFORNIA, THE under 80GSFC18C0008",
        description=rows[0]["Sub-Award Description"],
        recipient=Recipient(name="REGENTS OF THE UNIVERSITY OF CALIFORNIA, THE", uei="GS3YEVSS12N6", state="CA"),
        awarding=replace(NASA, office="NASA GODDARD SPACE FLIGHT CENTER"),
        funding=replace(NASA, office="NASA GODDARD SPACE FLIGHT CENTER"),
        published=None,
        url=f"{PAGES}CONT_AWD_80GSFC18C0008_8000_-NONE-_-NONE-/",
        revision="r1",
        amounts=(Amount(meaning=AmountMeaning.SUBAWARDED, dollars=Decimal(495216)),),
        award_key="CONT_AWD_80GSFC18C0008_8000_-NONE-_-NONE-",
        piid="80GSFC18C0008",
        signed=date(2021, 4, 20),
        psc="AR11",
        psc_text="SPACE R&D SERVICES; SPACE FLIGHT, RESEARCH AND SUPPORTING ACTIVITIES; BASIC RESEARCH",
        naics="541713",
        naics_text="RESEARCH AND DEVELOPMENT IN NANOTECHNOLOGY",
        place="BERKELEY, California, UNITED STATES",
        facts=(
            SourceFact(label="Prime recipient", value="UNIVERSITY OF IOWA, THE"),
            SourceFact(label="Prime recipient's UEI", value="Z1H9VJS8NG16"),
            SourceFact(label="Prime award", value="80GSFC18C0008"),
            SourceFact(label="Prime award's amount", value="$172,213,419.67"),
            SourceFact(label="Prime award's ceiling", value="$172,272,419.67"),
            SourceFact(label="Subaward number", value="1002081198"),
        ),
        documents=earlier.documents,
    )
    # The same subaward, reported again with all that it has grown to: two records, and not a sum.
    assert later.key != earlier.key
    assert [(amount.dollars, later.signed) for amount in later.amounts] == [(Decimal(2030214), date(2022, 10, 4))]
    assert (other.recipient.name, other.recipient.uei) == ("LOCKHEED MARTIN CORPORATION", "HDHVQ4EF8A89")
    assert (other.signed, other.amount_warning) == (date(2021, 2, 19), "")


FOUND = {
    "contracts": (
        ["80GSFC18C0008", "NAS1510000", "NNJ06TA25C", "NNM07AB03C", "80GSFC18C0008"],
        {
            "generated_internal_id": "CONT_AWD_NNM07AB03C_8000_-NONE-_-NONE-",
            "Award ID": "NNM07AB03C",
            "Recipient Name": "THE BOEING COMPANY",
            "Recipient UEI": "SML4NN2CT556",
            "Award Amount": Decimal("10167075939.0"),
            "Base Obligation Date": "2007-08-28",
            "Last Modified Date": "2025-07-08",
            "Start Date": "2007-09-01",
            "End Date": "2026-12-31",
            "Awarding Sub Agency": NASA.sub_name,
        },
    ),
    "idvs": (
        ["NNJ09GA02B", "80JSC019C0012", "NNK10LB00B"],
        {
            "generated_internal_id": "CONT_IDV_80JSC019C0012_8000",
            "Award ID": "80JSC019C0012",
            "Recipient Name": "LOCKHEED MARTIN CORP",
            "Recipient UEI": "FYHNA5WC8XD7",
            "Award Amount": Decimal("2770845719.63"),
            "Description": "ORION PRODUCTION AND OPERATIONS CONTRACT",
            "Base Obligation Date": "2019-06-05",
            "Last Modified Date": "2025-07-03",
            "Start Date": "2019-06-05",
            "Last Date to Order": "2030-09-30",
            "Awarding Sub Agency": NASA.sub_name,
        },
    ),
    "grants": (
        ["NNM11AA01A", "NNX12AD05A", "NNX16AO69A"],
        {
            "generated_internal_id": "ASST_NON_NNX16AO69A_080",
            "Award ID": "NNX16AO69A",
            "Recipient Name": "BAYLOR COLLEGE OF MEDICINE",
            "Recipient UEI": "FXKMA43NTV21",
            "Award Amount": Decimal("124838979.94"),
            "Base Obligation Date": "2016-09-29",
            "Last Modified Date": "2025-06-20",
            "Start Date": "2016-10-01",
            "End Date": "2028-09-30",
            "Awarding Sub Agency": NASA.sub_name,
        },
    ),
}
LAST_PAGE = {"results": [], "page_metadata": {"page": 3, "hasNext": False}}


@pytest.mark.parametrize("group", FOUND)
def test_a_search_and_the_cursor_to_its_next_page(group: str) -> None:
    numbers, expected = FOUND[group]
    answers = (body_of(f"search_{group}"), LAST_PAGE, {"results": {group: len(set(numbers))}})
    scripts = [Script(body=each if isinstance(each, bytes) else json.dumps(each).encode()) for each in answers]
    with ScriptedServer(*scripts) as server, client_of(server.base_url) as client:
        rows = list(search_awards(client, "step", group, {"keywords": ["SPACE"]}))
        _, second, _ = [json.loads(request.body) for request in server.requests]
    assert [row["Award ID"] for row in rows if not isinstance(row, IncompleteResult)] == numbers
    (row,) = [row for row in rows if not isinstance(row, IncompleteResult) and row["Award ID"] == expected["Award ID"]]
    assert {name: row[name] for name in expected} == expected
    assert {*AWARD_FIELDS, LAST_DAY_FIELD[group]} <= set(row)
    page = content_of(f"search_{group}")["page_metadata"]
    cursor = ("last_record_unique_id", "last_record_sort_value")
    assert [second[name] for name in cursor] == [page[name] for name in cursor]
