"""Reading an award: every field of the API's own samples, and what becomes of them when they are not as they were."""

from __future__ import annotations

import copy
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.records import Award, Problem, dollars
from tests.sources.payloads import Place, altered, places
from tests.sources.usaspending.helpers import BASE, CONTRACT, PAGE, is_problem, read

MANDATORY: list[Place] = [
    (0, "piid"),
    (0, "generated_unique_award_id"),
    (0, "category"),
    (1, "results"),
    (1, "results", 0, "id"),
    (1, "results", 1, "id"),
]


ALL_PLACES = list(places([CONTRACT, PAGE]))


@pytest.mark.parametrize("path", [path for path in ALL_PLACES if len(path) > 1], ids=str)
def test_a_missing_field_never_raises(path: Place) -> None:
    record = read(*altered([CONTRACT, PAGE], path, ...))
    assert is_problem(record) if path in MANDATORY else isinstance(record, Award)


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
OFFERS: Place = (0, "latest_transaction_contract_data", "number_of_offers_received")
REFUSED: list[tuple[list[Place], list[object]]] = [
    (MANDATORY, [..., None, "", " ", 7, [], {}, True]),
    (DATES, ["06/24/2016", "24 June 2016", "2016-13-01", "1466726400000", 1466726400, "0000-00-00"]),
    (AMOUNTS, [10.005, "10.009", "1,000.00", "$5", "NaN", "Infinity", 1e17, True, [], {"a": 1}]),
    ([OFFERS, (0, "subaward_count")], [-1, "-1", 1.5, "many", "1,000", 2**31, True, [], {"a": 1}]),
    ([(0, "account_obligations_by_defc")], ["Q", {"code": "Q"}, ["Q"], [{"code": 7}], [None]]),
    ([(0, "recipient", "recipient_uei"), (0, "piid"), (1, "results", 0, "id")], ["CONT_TX_" + "X" * 200]),
]


@pytest.mark.parametrize(
    ("path", "value"),
    [(path, value) for paths, values in REFUSED for path in paths for value in values],
    ids=repr,
)
def test_a_missing_or_invalid_field_is_a_problem(path: Place, value: object) -> None:
    assert is_problem(read(*altered([CONTRACT, PAGE], path, value)))


@pytest.mark.parametrize(
    ("value", "offers"), [(None, None), ("", None), (3, 3), ("3", 3), (3.0, 3), ("0", 0)], ids=repr
)
def test_a_number_of_offers_may_come_in_any_form(value: object, offers: int | None) -> None:
    record = read(*altered([CONTRACT, PAGE], OFFERS, value))
    assert isinstance(record, Award)
    assert record.offers_received == offers


def test_disaster_codes_of_obligations_and_outlays_are_merged() -> None:
    contents = altered(
        [CONTRACT, PAGE], (0, "account_obligations_by_defc"), [{"code": "Q", "amount": 1}, {"code": None}]
    )
    contents[0]["account_outlays_by_defc"] = [{"code": "n", "amount": 0}, {"code": "Q"}]
    record = read(*contents)
    assert isinstance(record, Award)
    assert record.disaster_codes == ("N", "Q")


def test_fair_opportunity_exception_is_read() -> None:
    contents = copy.deepcopy([CONTRACT, PAGE])
    contents[0]["latest_transaction_contract_data"] |= {
        "fair_opportunity_limited": "ONE",
        "fair_opportunity_limited_description": "ONLY ONE SOURCE - OTHER",
    }
    record = read(*contents)
    assert isinstance(record, Award)
    assert (record.fair_opportunity_code, record.fair_opportunity) == ("ONE", "ONLY ONE SOURCE - OTHER")


def test_unknown_fields_are_ignored_and_stay_in_the_evidence() -> None:
    contents = copy.deepcopy([CONTRACT, PAGE])
    contents[0]["new"] = contents[0]["recipient"]["new"] = contents[1]["results"][0]["new"] = {"deep": [1]}
    record = read(*contents)
    plain = read(CONTRACT, PAGE)
    assert isinstance(record, Award)
    assert isinstance(plain, Award)
    assert (record.actions, record.recipient, record.key) == (plain.actions, plain.recipient, plain.key)
    assert record.documents[0].body == json.dumps(contents[0]).encode()


def test_an_award_other_than_requested_is_a_problem() -> None:
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
def test_invalid_documents_are_a_problem(contents: list[object]) -> None:
    record = read(*contents)
    assert isinstance(record, Problem)
    assert record.reason
    assert len(record.documents) == len(contents)


@pytest.mark.parametrize("depth", range(900, 1010, 3))
def test_deeply_nested_json_is_a_problem(depth: int) -> None:
    nested = b'{"piid": ' + b"[" * depth + b"]" * depth + b"}"
    assert isinstance(read(nested, PAGE), Problem)


@given(cents=st.integers(-9 * 10**18, 9 * 10**18))
def test_every_amount_in_whole_cents_is_read_exactly(cents: int) -> None:
    amount = Decimal(cents).scaleb(-2)
    assert dollars(str(amount)) == dollars(amount) == amount
    assert str(dollars(str(amount))).partition(".")[2] == f"{abs(cents) % 100:02}"


@given(amount=st.decimals(allow_nan=True, allow_infinity=True) | st.text())
def test_invalid_amounts_are_never_rounded(amount: object) -> None:
    record = read(*altered([CONTRACT, PAGE], (0, "total_obligation"), str(amount)))
    if isinstance(record, Award):
        assert record.obligated == (Decimal(str(amount)) if str(amount) else None)
    else:
        assert is_problem(record)
