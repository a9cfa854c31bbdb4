"""Reading an award: every field of the API's own samples, and what becomes of them when they are not as they were."""

from __future__ import annotations

import copy
import json
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sources.records import Award, Problem, dollars
from tests.sources.usaspending.helpers import (
    BASE,
    CONTRACT,
    PAGE,
    WRONG_VALUES,
    Place,
    changed,
    drop,
    is_problem,
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


ALL_PLACES = list(places([CONTRACT, PAGE]))


@pytest.mark.parametrize("path", [path for path in ALL_PLACES if len(path) > 1], ids=str)
def test_a_missing_field_never_raises(path: Place) -> None:
    record = read(*changed(path, drop))
    assert is_problem(record) if path in MANDATORY else isinstance(record, Award)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(path=st.sampled_from(ALL_PLACES), value=st.sampled_from(WRONG_VALUES) | JSON_VALUES)
def test_any_json_value_in_a_field_never_raises(path: Place, value: object) -> None:
    record = read(*changed(path, put(value)))
    assert isinstance(record, Award) or is_problem(record)


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
    assert is_problem(read(*changed(path, drop if value is ... else put(value))))


@pytest.mark.parametrize(
    ("value", "offers"), [(None, None), ("", None), (3, 3), ("3", 3), (3.0, 3), ("0", 0)], ids=repr
)
def test_a_number_of_offers_may_come_in_any_form(value: object, offers: int | None) -> None:
    record = read(*changed(OFFERS, put(value)))
    assert isinstance(record, Award)
    assert record.offers_received == offers


def test_disaster_codes_of_obligations_and_outlays_are_merged() -> None:
    contents = changed((0, "account_obligations_by_defc"), put([{"code": "Q", "amount": 1}, {"code": None}]))
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
    record = read(*changed((0, "total_obligation"), put(str(amount))))
    if isinstance(record, Award):
        assert record.obligated == (Decimal(str(amount)) if str(amount) else None)
    else:
        assert is_problem(record)


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
def test_hostile_text_is_cleaned(text: str) -> None:
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
def test_any_text_is_cleaned(text: str) -> None:
    for path in ((0, "description"), (0, "recipient", "recipient_uei"), (0, "parent_award", "piid")):
        record = read(*changed(path, put(text)))
        if isinstance(record, Award):
            stored = f"{record.description}{record.recipient.uei}{record.parent_piid}"
            assert "\x00" not in stored
            stored.encode("utf-8")
        else:
            assert is_problem(record)
