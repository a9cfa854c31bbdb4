"""Reading a subaward: every field of a row, what doubts its amount, and what becomes of rows in another shape."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from sources.records import (
    InvalidRecord,
    Problem,
    Publication,
    SourceFact,
)
from sources.usaspending.subaward_parser import parse, subaward_key
from tests.sources.payloads import payload
from tests.sources.usaspending.helpers import CONTRACT, IDV

# The row that a user of the API has met: the subaward's number reported as its dollars, for a machine shop. The parts
# that he does not show (locations, codes) are made up.
ROW: dict[str, Any] = {
    "internal_id": "5000653817",
    "prime_award_internal_id": 292026551,
    "Sub-Award ID": "5000653817",
    "Sub-Award Type": "sub-contract",
    "Sub-Awardee Name": "DESIGN/OL, INC.",
    "Sub-Recipient UEI": "YDMQMHPLCBW4",
    "Sub-Award Date": "2025-09-30",
    "Sub-Award Amount": 5000653817.0,
    "Sub-Award Description": "MACHINE SHOPS",
    "Sub-Recipient Location": {"city_name": "PITTSBURGH", "state_code": "PA", "country_name": "UNITED STATES"},
    "Sub-Award Primary Place of Performance": {
        "city_name": "FORT WORTH",
        "state_code": "TX",
        "state_name": "TEXAS",
        "country_name": "UNITED STATES",
    },
    "Prime Award ID": "N0001923F0220",
    "Prime Recipient Name": "NORTHROP GRUMMAN SYSTEMS CORPORATION",
    "Prime Award Recipient UEI": "DYA5JMXLD4L8",
    "Awarding Agency": "Department of Defense",
    "Awarding Sub Agency": "Department of the Navy",
    "NAICS": {"code": "336411", "description": "AIRCRAFT MANUFACTURING"},
    "PSC": {"code": "1510", "description": "AIRCRAFT, FIXED WING"},
    "Assistance Listing": {"cfda_number": None, "cfda_program_title": None},
    "prime_award_generated_internal_id": "CONT_AWD_N0001923F0220_9700_N0001920G0005_9700",
}
PRIME_KEY = ROW["prime_award_generated_internal_id"]
KEY = subaward_key(ROW)
PRIME = {
    **CONTRACT,
    "generated_unique_award_id": PRIME_KEY,
    "total_obligation": 1000.0,
    "base_and_all_options": 2500.0,
    "funding_agency": None,
}


def page(*rows: object) -> dict[str, Any]:
    return {"spending_level": "subawards", "results": list(rows)}


def read(*contents: object, key: str = KEY) -> Publication:
    record = parse(payload("subawards", key, *contents))
    assert isinstance(record, Publication), record
    return record


def test_a_subgrant_names_its_listing() -> None:
    listing = {"cfda_number": "97.067", "cfda_program_title": "HOMELAND SECURITY GRANT PROGRAM"}
    record = read(page({**ROW, "Sub-Award Type": "sub-grant", "Assistance Listing": listing}))
    assert SourceFact(label="Assistance listing", value="97.067 HOMELAND SECURITY GRANT PROGRAM") in record.facts


OVER = "The amount is larger than"
SCHEDULE = {**IDV, "generated_unique_award_id": PRIME_KEY}
OPEN = {**PRIME, "base_and_all_options": None, "total_obligation": None}
LARGE = {**PRIME, "total_obligation": 1e13}


@pytest.mark.parametrize(
    ("amount", "prime", "doubt"),
    [
        (999.99, PRIME, ""),
        (1000, PRIME, ""),
        (-50, PRIME, ""),
        (0, PRIME, ""),
        (None, PRIME, ""),
        (1000.01, PRIME, f"{OVER} what the prime award has obligated, $1,000.00."),
        (2500.01, PRIME, f"{OVER} the whole prime award, $2,500.00."),
        ("2500.01", PRIME, f"{OVER} the whole prime award, $2,500.00."),
        (4000, {**PRIME, "total_obligation": 5000.0}, ""),
        (5001, {**PRIME, "total_obligation": 5000.0}, f"{OVER} the whole prime award, $5,000.00."),
        (1, {**OPEN, "total_obligation": 0.5}, f"{OVER} what the prime award has obligated, $0.50."),
        (1, OPEN, ""),
        (9_000, SCHEDULE, ""),
        (9_000, {**SCHEDULE, "base_and_all_options": 8000.0}, f"{OVER} the whole prime award, $8,000.00."),
        (5000653817, PRIME, "The amount has the digits of the subaward's number, 5000653817."),
        (5000653817.5, PRIME, f"{OVER} the whole prime award, $2,500.00."),
        (105919, LARGE, ""),
        (105919864, LARGE, "The amount has the digits of the prime recipient's DUNS number, 105919864."),
        (1923220, LARGE, ""),
        (19230220, LARGE, "The amount has the digits of the prime award's number, N0001923F0220."),
        (99_999_999_999, LARGE, ""),
        (100_000_000_000, LARGE, "The amount is a hundred billion dollars or more."),
    ],
)
def test_an_implausible_amount_has_a_warning(amount: object, prime: Any, doubt: str) -> None:
    record = read(page({**ROW, "Sub-Award Amount": amount}), prime)
    assert record.amount_warning == doubt


@pytest.mark.parametrize(
    ("amount", "number"),
    [(123456, "PO-123456"), (123456, "00123456"), (123456, "WO#123456-7"), (1234567, "WO#123456-7")],
)
def test_the_digits_of_a_number_as_amount_have_a_warning(amount: int, number: str) -> None:
    row = {**ROW, "Sub-Award ID": number, "Sub-Award Amount": amount}
    assert "the subaward's number" in read(page(row), key=subaward_key(row)).amount_warning


@pytest.mark.parametrize(
    ("amount", "number"), [(12345, "12345"), (123456, "1234567"), (1234567, "123456"), (0, "000000")]
)
def test_other_digits_have_no_warning(amount: int, number: str) -> None:
    row = {**ROW, "Sub-Award ID": number, "Sub-Award Amount": amount}
    assert read(page(row), key=subaward_key(row)).amount_warning == ""


def test_reports_with_different_amounts_are_one_subaward() -> None:
    rows = [{**ROW, "Sub-Award Amount": amount} for amount in (300, 20.5, 300, None)]
    record = read(page(*rows))
    assert [amount.dollars for amount in record.amounts] == [Decimal("20.50"), Decimal("300.00")]


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"Sub-Award Amount": 1}, True),
        ({"Sub-Awardee Name": "DESIGN/OL INCORPORATED"}, True),
        ({"Prime Recipient Name": "OTHER"}, True),
        ({"prime_award_generated_internal_id": PRIME_KEY.lower(), "Sub-Award Description": "Machine shops"}, True),
        ({"Sub-Award Date": "2025-09-29"}, False),
        ({"Sub-Award Description": "MACHINE SHOP"}, False),
        ({"Sub-Recipient UEI": "YDMQMHPLCBW5"}, False),
        ({"Sub-Award ID": "5000653818"}, False),
        ({"prime_award_generated_internal_id": "CONT_AWD_X_9700_-NONE-_-NONE-"}, False),
    ],
)
def test_the_key_does_not_depend_on_names_and_amounts(change: dict[str, Any], same: bool) -> None:
    assert (subaward_key({**ROW, **change}) == KEY) is same


def test_without_a_uei_the_name_is_part_of_the_key() -> None:
    one, other = ({**ROW, "Sub-Recipient UEI": None, "Sub-Awardee Name": name} for name in ("A INC", "B INC"))
    assert subaward_key(one) != subaward_key(other)


def test_without_a_prime_key_its_number_and_agency_are_used() -> None:
    row = {**ROW, "prime_award_generated_internal_id": None}
    other, unnamed = {**row, "Awarding Sub Agency": "Army"}, {**row, "Prime Award ID": " "}
    assert subaward_key(row).startswith("SUBAWARD_UNLINKED_N0001923F0220_DEPARTMENT-OF-THE-NAVY_5000653817_")
    assert subaward_key(other).startswith("SUBAWARD_UNLINKED_N0001923F0220_ARMY_5000653817_")
    with pytest.raises(InvalidRecord, match="does not name its prime award"):
        subaward_key(unnamed)
    record = read(page(ROW, row, unnamed), key=subaward_key(row))
    assert (record.award_key, record.piid, record.title) == (
        "",
        "N0001923F0220",
        "Subaward to DESIGN/OL, INC. under N0001923F0220",
    )


@pytest.mark.parametrize("number", ["WO#1-EEA", "a/b?c=d", "é\x00'\"<x>", "9" * 5000, None, ""])
def test_a_key_holds_only_letters_digits_and_dashes(number: str | None) -> None:
    row = {**ROW, "Sub-Award ID": number}
    key = subaward_key(row)
    shown = key.removeprefix(f"SUBAWARD_{PRIME_KEY}_")
    assert len(shown) <= 53
    assert set(shown) <= set("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_")
    assert read(page(row), key=key).key == key


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ([], "no row of the search is this subaward"),
        ([page()], "no row of the search is this subaward"),
        ([page({**ROW, "Sub-Award Date": "2025-01-01"})], "no row of the search is this subaward"),
        ([b"<html>"], "not JSON"),
        ([page({**ROW, "Sub-Awardee Name": " "})], "Sub-Awardee Name is missing"),
        ([page({**ROW, "Sub-Award Amount": "5,000"})], "not an amount in dollars"),
        ([page({**ROW, "Sub-Award Amount": 0.005})], "not an amount in whole cents"),
        ([page({**ROW, "PSC": "1510"})], "PSC is not an object"),
        ([page(ROW), {**PRIME, "generated_unique_award_id": "CONT_AWD_OTHER"}], "but the detail is another's"),
        ([page(ROW), {**PRIME, "total_obligation": "lots"}], "not an amount in dollars"),
    ],
)
def test_an_invalid_row_is_a_problem(contents: list[object], told: str) -> None:
    record = parse(payload("subawards", KEY, *contents))
    assert isinstance(record, Problem)
    assert told in record.reason
    assert len(record.documents) == len(contents)


@pytest.mark.parametrize("day", [None, "", "09/30/2025", "2025-02-30"])
def test_a_subaward_without_a_date_is_a_problem(day: str | None) -> None:
    row = {**ROW, "Sub-Award Date": day}
    assert isinstance(parse(payload("subawards", subaward_key(row), page(row))), Problem)
