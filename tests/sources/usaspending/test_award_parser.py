"""Reading an award: every field of the API's own samples, and what becomes of them when they are not as they were."""

from __future__ import annotations

import copy
import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources.records import Agency, Award, AwardCategory, ContractAction, Problem, Recipient, dollars
from sources.usaspending.award_parser import parse
from tests.sources.usaspending.samples import (
    BASE,
    CONTRACT,
    IDV,
    PAGE,
    WRONG_VALUES,
    Place,
    changed,
    drop,
    is_told,
    payload,
    places,
    put,
    read,
)

MANDATORY: list[Place] = [
    (0, "piid"),
    (0, "generated_unique_award_id"),
    (0, "category"),
    (1, "results"),
    (1, "results", 0, "id"),
    (1, "results", 1, "id"),
]


def test_the_sample_of_a_contract_is_read_field_by_field() -> None:
    asked = payload(CONTRACT, PAGE)
    agency = Agency(
        code="097",
        name="Department of Defense",
        sub_code="97AS",
        sub_name="Defense Logistics Agency",
        office="DLA TROOP SUPPORT",
    )
    assert parse(asked) == Award(
        key="CONT_AWD_H907_9700_SPE2DX16D1500_9700",
        source="usaspending",
        revision="r1",
        category=AwardCategory.CONTRACT,
        type_text="DELIVERY ORDER",
        piid="H907",
        parent_piid="SPE2DX16D1500",
        parent_key="CONT_IDV_SPE2DX16D1500_9700",
        description="4534723185!PV PHARM BRANCH, VENDOR, CAGE 0U9U0",
        recipient=Recipient(
            name="MCKESSON CORPORATION",
            uei="JTAPCFM4NSL4",
            parent_name="MCKESSON CORPORATION",
            parent_uei="S1RUKWWRYFL6",
            state="CA",
        ),
        awarding=agency,
        funding=agency,
        obligated=Decimal("61241.34"),
        exercised=Decimal("61241.34"),
        ceiling=Decimal("61241.34"),
        signed=date(2016, 6, 24),
        starts=date(2016, 6, 24),
        ends=date(2016, 6, 27),
        may_end=date(2016, 6, 27),
        modified=date(2019, 10, 27),
        psc="6505",
        psc_text="DRUGS AND BIOLOGICALS",
        naics="325411",
        naics_text="MEDICINAL AND BOTANICAL MANUFACTURING",
        solicitation="",
        extent_competed_code="A",
        extent_competed="FULL AND OPEN COMPETITION",
        offers_received=4,
        solicitation_procedure="NEGOTIATED PROPOSAL/QUOTE",
        set_aside_code="NONE",
        set_aside="NO SET ASIDE USED.",
        commercial_procedures="COMMERCIAL ITEM PROCEDURES NOT USED",
        pricing_code="J",
        pricing="FIRM FIXED PRICE",
        disaster_codes=("L", "P"),
        subaward_count=0,
        place="WEST SACRAMENTO, CALIFORNIA, UNITED STATES",
        url="https://www.usaspending.gov/award/CONT_AWD_H907_9700_SPE2DX16D1500_9700/",
        actions=(
            ContractAction(
                key="9700_9700_H907_0_SPE2DX16D1500_0",
                modification="0",
                signed=date(2016, 6, 24),
                obligation=Decimal("61241.34"),
                description="4534723185!PV PHARM BRANCH, VENDOR, CAGE 0U9U0",
            ),
            ContractAction(
                key="9700_9700_H907_P00001_SPE2DX16D1500_0",
                modification="P00001",
                signed=date(2017, 1, 2),
                obligation=Decimal("-10.50"),
                description="DEOBLIGATE",
                action_type="C",
                action_type_text="FUNDING ONLY ACTION",
            ),
        ),
        documents=asked.documents,
    )


def test_the_sample_of_an_idv_is_read_field_by_field() -> None:
    base = {**BASE, "id": "CONT_TX_9700_-NONE-_FA304715A0037_0_-NONE-_-NONE-", "federal_action_obligation": 0.0}
    asked = payload(IDV, {"results": [base]}, key="CONT_IDV_FA304715A0037_9700")
    defence = {"code": "097", "name": "Department of Defense", "sub_code": "5700"}
    assert parse(asked) == Award(
        key="CONT_IDV_FA304715A0037_9700",
        source="usaspending",
        revision="r1",
        category=AwardCategory.IDV,
        type_text="BPA",
        piid="FA304715A0037",
        parent_piid="",
        parent_key="",
        description="IGF::CT::IGF TRANSPORTATION OF MILITARY WORKING DOGS",
        recipient=Recipient(
            name="GRADLYN - G.K. AIRFREIGHT SERVICE GMBH",
            uei="EBUHL3LJ3JE9",
            parent_name="GK AIRFREIGHT-SERVICE GRADLYN KENNELS GMBH",
            parent_uei="EBUHL3LJ3JE9",
        ),
        awarding=Agency(**defence, sub_name="Department of the Air Force", office="FA3016  502 CONS CL"),
        funding=Agency(**defence, sub_name="Department of the Air Force", office="341 TRS DORR"),
        obligated=Decimal(0),
        exercised=Decimal(0),
        ceiling=Decimal(0),
        signed=date(2015, 7, 21),
        starts=date(2015, 7, 17),
        ends=date(2020, 7, 16),
        may_end=None,
        modified=date(2018, 6, 11),
        psc="V111",
        psc_text="TRANSPORTATION/TRAVEL/RELOCATION- TRANSPORTATION: AIR FREIGHT",
        naics="488510",
        naics_text="FREIGHT TRANSPORTATION ARRANGEMENT",
        commercial_procedures="COMMERCIAL ITEM",
        solicitation="",
        extent_competed="",
        pricing_code="1",
        pricing="ORDER DEPENDENT (IDV ALLOWS PRICING ARRANGEMENT TO BE DETERMINED SEPARATELY FOR EACH ORDER)",
        disaster_codes=("L", "P"),
        subaward_count=0,
        place="",
        url="https://www.usaspending.gov/award/CONT_IDV_FA304715A0037_9700/",
        actions=(
            ContractAction(
                key="9700_-NONE-_FA304715A0037_0_-NONE-_-NONE-",
                modification="0",
                signed=date(2016, 6, 24),
                obligation=Decimal(0),
                description=BASE["description"],
            ),
        ),
        documents=asked.documents,
    )


ALL_PLACES = list(places([CONTRACT, PAGE]))


@pytest.mark.parametrize("path", MANDATORY, ids=str)
@pytest.mark.parametrize("value", [..., None, "", " ", 7, [], {}, True], ids=repr)
def test_a_mandatory_field_that_is_missing_or_wrong_is_told(path: Place, value: object) -> None:
    assert is_told(read(*changed(path, drop if value is ... else put(value))))


@pytest.mark.parametrize("path", [path for path in ALL_PLACES if len(path) > 1], ids=str)
def test_a_field_that_is_gone_is_an_award_or_a_problem_and_never_an_exception(path: Place) -> None:
    record = read(*changed(path, drop))
    assert is_told(record) if path in MANDATORY else isinstance(record, Award)


@given(path=st.sampled_from(ALL_PLACES), value=st.sampled_from(WRONG_VALUES))
def test_a_value_of_another_kind_is_an_award_or_a_problem_and_never_an_exception(path: Place, value: object) -> None:
    record = read(*changed(path, put(value)))
    assert isinstance(record, Award) or is_told(record)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(path=st.sampled_from(ALL_PLACES), value=JSON_VALUES)
def test_whatever_stands_in_a_field_never_raises(path: Place, value: object) -> None:
    record = read(*changed(path, put(value)))
    assert isinstance(record, Award) or is_told(record)


DATES: list[Place] = [
    (0, "date_signed"),
    (0, "period_of_performance", "start_date"),
    (0, "period_of_performance", "end_date"),
    (0, "period_of_performance", "potential_end_date"),
    (0, "period_of_performance", "last_modified_date"),
    (1, "results", 0, "action_date"),
]
AMOUNTS: list[Place] = [
    (0, "total_obligation"),
    (0, "base_exercised_options"),
    (0, "base_and_all_options"),
    (0, "total_outlay"),
    (0, "total_subaward_amount"),
    (1, "results", 1, "federal_action_obligation"),
]


@pytest.mark.parametrize("path", DATES, ids=str)
@pytest.mark.parametrize(
    "value", ["06/24/2016", "24 June 2016", "2016-13-01", "1466726400000", 1466726400, "0000-00-00"]
)
def test_a_date_in_another_format_is_told(path: Place, value: object) -> None:
    assert is_told(read(*changed(path, put(value))))


@pytest.mark.parametrize("path", AMOUNTS, ids=str)
@pytest.mark.parametrize("value", [10.005, "10.009", "1,000.00", "$5", "NaN", "Infinity", 1e17, True, [], {"a": 1}])
def test_an_amount_that_cannot_be_one_is_told(path: Place, value: object) -> None:
    assert is_told(read(*changed(path, put(value))))


OFFERS: Place = (0, "latest_transaction_contract_data", "number_of_offers_received")


@pytest.mark.parametrize("path", [OFFERS, (0, "subaward_count")], ids=str)
@pytest.mark.parametrize("value", [-1, "-1", 1.5, "many", "1,000", 2**31, True, [], {"a": 1}], ids=repr)
def test_a_number_of_things_that_cannot_be_one_is_told(path: Place, value: object) -> None:
    assert is_told(read(*changed(path, put(value))))


@pytest.mark.parametrize(
    ("value", "offers"), [(None, None), ("", None), (3, 3), ("3", 3), (3.0, 3), ("0", 0)], ids=repr
)
def test_a_number_of_offers_may_come_in_any_form(value: object, offers: int | None) -> None:
    record = read(*changed(OFFERS, put(value)))
    assert isinstance(record, Award)
    assert record.offers_received == offers


@pytest.mark.parametrize("value", ["Q", {"code": "Q"}, ["Q"], [{"code": 7}], [None]])
def test_disaster_codes_in_another_shape_are_told(value: object) -> None:
    assert is_told(read(*changed((0, "account_obligations_by_defc"), put(value))))


def test_disaster_codes_are_those_of_obligations_and_outlays_together() -> None:
    contents = changed((0, "account_obligations_by_defc"), put([{"code": "Q", "amount": 1}, {"code": None}]))
    contents[0]["account_outlays_by_defc"] = [{"code": "n", "amount": 0}, {"code": "Q"}]
    record = read(*contents)
    assert isinstance(record, Award)
    assert record.disaster_codes == ("N", "Q")


def test_an_order_without_fair_opportunity_says_why() -> None:
    contents = copy.deepcopy([CONTRACT, PAGE])
    contents[0]["latest_transaction_contract_data"] |= {
        "fair_opportunity_limited": "ONE",
        "fair_opportunity_limited_description": "ONLY ONE SOURCE - OTHER",
    }
    record = read(*contents)
    assert isinstance(record, Award)
    assert (record.fair_opportunity_code, record.fair_opportunity) == ("ONE", "ONLY ONE SOURCE - OTHER")


def test_unknown_fields_change_nothing_and_stay_in_the_evidence() -> None:
    contents = copy.deepcopy([CONTRACT, PAGE])
    contents[0]["new"] = contents[0]["recipient"]["new"] = contents[1]["results"][0]["new"] = {"deep": [1]}
    record = read(*contents)
    plain = read(CONTRACT, PAGE)
    assert isinstance(record, Award)
    assert isinstance(plain, Award)
    assert (record.actions, record.recipient, record.key) == (plain.actions, plain.recipient, plain.key)
    assert record.documents[0].body == json.dumps(contents[0]).encode()


def test_an_award_that_is_another_than_the_one_asked_for_is_told() -> None:
    record = read(CONTRACT, PAGE, key="CONT_AWD_OTHER_9700_-NONE-_-NONE-")
    assert isinstance(record, Problem)
    assert record.reason == "requested CONT_AWD_OTHER_9700_-NONE-_-NONE-, got CONT_AWD_H907_9700_SPE2DX16D1500_9700"
    assert isinstance(read(CONTRACT, PAGE, key=str(CONTRACT["generated_unique_award_id"]).lower()), Award)


def test_a_transaction_on_two_pages_is_one_action() -> None:
    record = read(CONTRACT, PAGE, PAGE, {"results": []})
    assert isinstance(record, Award)
    assert [action.modification for action in record.actions] == ["0", "P00001"]


@pytest.mark.parametrize(
    "contents",
    [
        [],
        [CONTRACT],
        [CONTRACT, {"results": []}],
        [CONTRACT, b"<html>"],
        [b"", PAGE],
        [b'{"piid": NaN}', PAGE],
        [[CONTRACT], PAGE],
        [{}, PAGE],
        [CONTRACT, {"results": [{**BASE, "id": "ASST_TX_7022_4337_01"}]}],
    ],
)
def test_documents_that_are_no_award_are_told(contents: list[object]) -> None:
    record = read(*contents)
    assert isinstance(record, Problem)
    assert record.reason
    assert len(record.documents) == len(contents)


@pytest.mark.parametrize("depth", range(900, 1010, 3))
def test_nesting_as_deep_as_json_allows_is_an_award_or_a_problem(depth: int) -> None:
    nested = b'{"piid": ' + b"[" * depth + b"]" * depth + b"}"
    assert isinstance(read(nested, PAGE), Problem)


@given(cents=st.integers(-9 * 10**18, 9 * 10**18))
def test_every_amount_in_whole_cents_is_read_exactly(cents: int) -> None:
    amount = Decimal(cents).scaleb(-2)
    assert dollars(str(amount)) == dollars(amount) == amount
    assert str(dollars(str(amount))).partition(".")[2] == f"{abs(cents) % 100:02}"


@given(amount=st.decimals(allow_nan=True, allow_infinity=True) | st.text())
def test_what_is_no_amount_is_refused_and_never_rounded(amount: object) -> None:
    record = read(*changed((0, "total_obligation"), put(str(amount))))
    if isinstance(record, Award):
        assert record.obligated == (Decimal(str(amount)) if str(amount) else None)
    else:
        assert is_told(record)


HOSTILE = [
    "\x00",
    "NUL\x00IN",
    "\ud800",
    "\udc00\ud800",
    "x" * 1_000_000,
    "\u202eLRO\u200f",
    "\x1b[31m",
    "\ufffe",
    "😀",
]


@pytest.mark.parametrize("text", HOSTILE, ids=[repr(text[:12]) for text in HOSTILE])
def test_hostile_text_becomes_text_that_can_be_stored(text: str) -> None:
    contents = changed((0, "description"), put(text))
    contents[0]["recipient"]["recipient_name"] = f"A {text} B"
    contents[1]["results"][0]["description"] = text
    record = read(*contents)
    assert isinstance(record, Award)
    for stored in (record.description, record.recipient.name, record.actions[1].description):
        assert "\x00" not in stored
        stored.encode("utf-8")
    expected = text.replace("\x00", "").encode("utf-8", "replace").decode()
    assert (record.description, record.recipient.name) == (expected, f"A {expected} B")


@given(text=st.text(st.characters(exclude_categories=())))
@example(text="\ud83d\ude00")
def test_any_text_at_all_becomes_text_that_can_be_stored(text: str) -> None:
    for path in ((0, "description"), (0, "recipient", "recipient_uei"), (0, "parent_award", "piid")):
        record = read(*changed(path, put(text)))
        if isinstance(record, Award):
            stored = f"{record.description}{record.recipient.uei}{record.parent_piid}"
            assert "\x00" not in stored
            stored.encode("utf-8")
        else:
            assert is_told(record)


@pytest.mark.parametrize("path", [(0, "recipient", "recipient_uei"), (0, "piid"), (1, "results", 0, "id")], ids=str)
def test_an_identifier_too_long_to_be_one_is_told(path: Place) -> None:
    assert is_told(read(*changed(path, put("CONT_TX_" + "X" * 200))))
