"""Reading announcements: every saved one to its last fact, and the forms of words that have been seen, one by one."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.dod.awardees import read_awardees
from sources.dod.paragraph import Announcement, is_continuation, read_paragraph
from sources.dod.text import last_day, read_day, sentences
from sources.records import Amount, AmountMeaning
from tests.sources.dod.articles import DATA, PARAGRAPHS

DAY = date(2026, 7, 2)
READINGS: dict[str, Any] = json.loads((DATA / "readings.json").read_text("utf-8"))


def told(paragraph: str) -> Announcement:
    """What a paragraph that must be readable says."""
    read = read_paragraph(paragraph, DAY)
    assert read is not None
    return read


def reading(paragraph: str) -> dict[str, Any]:
    """All that is read from a paragraph, without what is empty."""
    read = told(paragraph)
    numbers = read.numbers
    found = {
        "awardees": [
            [one.name, one.town, one.state, one.stars, ", ".join(one.piids), one.described] for one in read.awardees
        ],
        "amounts": [f"{one.meaning} {one.dollars}{' together' if one.shared else ''}" for one in read.amounts],
        "others": list(read.others),
        "type": read.type_text,
        "piids": list(numbers.by_awardee) if len(read.awardees) > 1 else [numbers.piid],
        "parent": numbers.parent,
        "modification": numbers.modification,
        "solicitation": numbers.solicitation,
        "other numbers": list(numbers.others),
        "signed": str(read.signed or ""),
        "ends": str(read.ends or ""),
        "completion": read.completion,
        "work": read.work,
        "activity": read.activity,
        "offers": read.offers,
        "competition": read.competition,
        "funds": read.funds,
        "corrects": bool(read.corrects),
        "doubt": read.doubt,
    }
    return {name: value for name, value in found.items() if value}


def test_every_recorded_paragraph_has_an_expected_result() -> None:
    assert [paragraph[:90] for paragraph in PARAGRAPHS] == list(READINGS)


@pytest.mark.parametrize("paragraph", PARAGRAPHS, ids=range(len(PARAGRAPHS)))
def test_a_recorded_paragraph_is_parsed_to_its_last_fact(paragraph: str) -> None:
    assert reading(paragraph) == READINGS[paragraph[:90]]


AWARDED = [
    *("is awarded", "was awarded", "are awarded", "were awarded", "has been awarded", "have been awarded", "awarded"),
    *("is being awarded", "are being awarded", "have each been awarded", "are each being awarded", "will be awarded"),
    *("was competitively awarded", "have collectively been awarded", "was issued", "has received", "received"),
    "has also been awarded",
]


@pytest.mark.parametrize("verb", AWARDED)
def test_every_wording_of_an_award_is_recognized(verb: str) -> None:
    read = told(f"Acme Corp., Reston, Virginia, {verb} a $9,000,000 firm-fixed-price contract for drones.")
    assert [(one.name, one.town, one.state) for one in read.awardees] == [("Acme Corp.", "Reston, Virginia", "VA")]
    assert read.amounts == (Amount(meaning=AmountMeaning.ANNOUNCED, dollars=Decimal("9000000.00")),)
    assert read.type_text == "firm-fixed-price contract"


@pytest.mark.parametrize(
    ("subject", "name", "town", "state"),
    [
        ("Acme, Reston, Virginia", "Acme", "Reston, Virginia", "VA"),
        ("Acme, Inc., Reston, Va.", "Acme, Inc.", "Reston, Va.", "VA"),
        ("Acme Inc., Washington, D.C.", "Acme Inc.", "Washington, D.C.", "DC"),
        ("Acme LLC, Virginia", "Acme LLC", "Virginia", "VA"),
        ("Acme Pte Ltd., Singapore", "Acme Pte Ltd.", "Singapore", ""),
        ("Acme AS, Kongsberg, Norway", "Acme AS", "Kongsberg, Norway", ""),
        ("Acme Inc., Ottawa, Ontario, Canada", "Acme Inc.", "Ottawa, Ontario, Canada", ""),
        ("Acme Inc., Radar Division, Ottawa, Canada", "Acme Inc.", "Ottawa, Canada", ""),
        ("Acme Corp., a Delaware corp., Tucson, Arizona", "Acme Corp.", "Tucson, Arizona", "AZ"),
        ("Acme, a joint venture, Guam", "Acme", "Guam", "GU"),
        ("Acme Inc., dba Best Eyes, Boise, Idaho", "Acme Inc. dba Best Eyes", "Boise, Idaho", "ID"),
        ("Acme, doing business as Eyes, LLC, Rome, Georgia", "Acme doing business as Eyes, LLC", "Rome, Georgia", "GA"),
        ("Eyes, Ears, and Noses LLC, Reston, Virginia", "Eyes, Ears, and Noses LLC", "Reston, Virginia", "VA"),
        ("Smith and Sons Inc., Troy, Michigan", "Smith and Sons Inc.", "Troy, Michigan", "MI"),
        ("Acme (UK) Ltd., London, England", "Acme (UK) Ltd.", "London, England", ""),
        ("3M Co., St. Paul, Minnesota", "3M Co.", "St. Paul, Minnesota", "MN"),
        ("Acme; Reston, Virginia", "Acme", "Reston, Virginia", "VA"),
        ("Acme JV,** Orlando, Florida", "Acme JV", "Orlando, Florida", "FL"),
        ("University of Texas at Austin, Austin, Texas", "University of Texas at Austin", "Austin, Texas", "TX"),
        ("Acme Ltd.", "Acme Ltd.", "", ""),
    ],
)  # fmt: skip
def test_a_name_is_separated_from_its_place(subject: str, name: str, town: str, state: str) -> None:
    [awardee] = read_awardees(f"{subject},")
    assert (awardee.name, awardee.town, awardee.state) == (name, town, state)


@pytest.mark.parametrize(
    "subject",
    [
        "A Inc., Reston, Virginia; B LLC, Boise, Idaho; and C JV, Bonn, Germany,",
        "A Inc., Reston, Virginia, and B LLC, Boise, Idaho; C JV, Bonn, Germany,",
        "A Inc.,* Reston, Virginia (N00019-26-D-0001), B LLC, Boise, Idaho (N00019-26-D-0002), and C JV, Bonn, Germany",
        "A Inc., Reston, Virginia; B LLC; Boise, Idaho; C JV, Bonn, Germany;",
    ],
)
def test_several_awardees_are_separated(subject: str) -> None:
    found = read_awardees(subject)
    places = [(one.name, one.town) for one in found]
    assert places == [("A Inc.", "Reston, Virginia"), ("B LLC", "Boise, Idaho"), ("C JV", "Bonn, Germany")]


@pytest.mark.parametrize(
    "words", ["", " , ", "The contract", "These two contracts", "Each awardee", "*", "$5", "a" * 400]
)
def test_text_without_a_company_is_no_awardee(words: str) -> None:
    assert read_awardees(words) == []


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("This contract includes options which, if exercised, would bring its cumulative value to $9.", "ceiling"),
        ("The ceiling of the contract is $9.", "ceiling"),
        ("The total amount of the contract if all options are exercised is $9.", "ceiling"),
        ("Fiscal 2026 funds in the amount of $9 were obligated at the time of the award.", "obligated"),
        ("Research funds of $9 are being obligated.", "obligated"),
        ("Fiscal 2027 funds in the amount of $9 will be obligated when they become available.", ""),
        ("A minimum guarantee of $9 applies.", ""),
        ("The cumulative value changes from $9.", ""),
        ("The previous contract cost $9.", ""),
    ],
)
def test_each_kind_of_amount_is_distinguished(words: str, meaning: str) -> None:
    read = told(f"Acme Corp., Reston, Virginia, is awarded a $100 contract. {words}")
    others = [(one.meaning.value, one.dollars) for one in read.amounts[1:]]
    assert others == ([(meaning, Decimal("9.00"))] if meaning else [])
    assert read.amounts[0] == Amount(meaning=AmountMeaning.ANNOUNCED, dollars=Decimal("100.00"))
    assert bool(read.others) is (not meaning)


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("$9,000,000", "9000000.00"),
        ("$ 9,000,000.50", "9000000.50"),
        ("$9 million", "9000000.00"),
        ("$1.25 billion", "1250000000.00"),
        ("$7500000", "7500000.00"),
    ],
)
def test_amounts_are_parsed_in_every_spelling(written: str, amount: str) -> None:
    read = told(f"Acme Corp., Reston, Virginia, is awarded a {written} contract.")
    assert [one.dollars for one in read.amounts] == [Decimal(amount)]
    assert read.doubt == ""


@pytest.mark.parametrize("written", ["$9,000,000.123", "$" + "9" * 40, "$1.2345678901 thousand"])
def test_an_impossible_amount_is_flagged_and_not_used(written: str) -> None:
    read = told(f"Acme Corp., Reston, Virginia, is awarded a {written} contract.")
    assert read.amounts == ()
    assert read.doubt.startswith("an amount that cannot be true: $")


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ("is expected to be completed by Sept. 27, 2031.", date(2031, 9, 27)),
        ("is expected to be complete in September 2031.", None),
        ("has an estimated completion date of March 3, 2030.", date(2030, 3, 3)),
        ("continues, with a Jan. 10, 2024, performance completion date.", date(2024, 1, 10)),
        ("is expected to be completed by July 21, 2034, if all options are exercised.", None),
        ("is expected to be completed by Feb. 30, 2031.", None),
    ],
)
def test_only_a_full_unconditional_date_is_an_end_date(words: str, ends: date | None) -> None:
    read = told(f"Acme Corp., Reston, Virginia, is awarded a $100 contract. Work {words}")
    assert read.ends == ends
    assert read.completion


@pytest.mark.parametrize(
    ("words", "number", "parent"),
    [
        ("contract (N00019-26-C-0042)", "N0001926C0042", ""),
        ("contract (N0001926C0042)", "N0001926C0042", ""),
        ("modification (P00022) to contract FA8504-22-C-0001", "FA850422C0001", ""),
        ("order (N00019-26-F-0001) under contract N00019-20-D-0002", "N0001926F0001", "N0001920D0002"),
        ("order under contract N00019-20-D-0002; the order is N00019-26-F-0001", "N0001926F0001", "N0001920D0002"),
        ("task order 0012 under contract N00019-20-D-0002", "0012", "N0001920D0002"),
        ("order (47QTCK-26-F-0001) under schedule GS-35F-0119Y", "47QTCK26F0001", "GS35F0119Y"),
        ("contract for 1,234 of the AN/SLQ-32(V)6, hull CVN-78, solicitation N00019-25-R-0001", "", ""),
    ],
)
def test_contract_numbers_are_parsed_with_their_role(words: str, number: str, parent: str) -> None:
    numbers = told(f"Acme Corp., Reston, Virginia, is awarded a $100 {words}.").numbers
    assert (numbers.piid, numbers.parent) == (number, parent)


@pytest.mark.parametrize(
    ("words", "modification"),
    [
        ("modification (P00022)", "P00022"),
        ("modification P00022", "P00022"),
        ("modification (001 CB)", "001CB"),
        ("modification (No. 15)", "15"),
        ("modification (N00019-26-C-0042)", ""),
        ("modification (firm target)", ""),
    ],
)
def test_a_modification_number_is_parsed(words: str, modification: str) -> None:
    read = told(f"Acme Corp., Reston, Virginia, is awarded a $100 {words} to a contract.")
    assert read.numbers.modification == modification


@pytest.mark.parametrize(
    "mark",
    ["CORRECTION: ", "UPDATE: ", "*CORRECTION: ", "CORRECTION - ", "Correction: ", "CORRECTION to July 1, 2026: "],
)
def test_a_marked_correction_is_recognized_in_every_wording(mark: str) -> None:
    paragraph = f"{mark}Acme Corp., Reston, Virginia, was awarded a $100 contract (N00019-26-C-0042)."
    read = told(paragraph)
    assert (read.corrects, read.awardees[0].name, read.numbers.piid) == (paragraph, "Acme Corp.", "N0001926C0042")


def test_a_correction_needs_a_name_or_a_contract_number() -> None:
    assert told("CORRECTION: The date of contract N00019-26-C-0042 was wrong.").awardees == ()
    assert read_paragraph("CORRECTION: The date was wrong.", DAY) is None


def test_an_announcement_is_a_correction_only_when_marked() -> None:
    plain = "Acme Corp., Reston, Virginia, was awarded a $100 contract."
    assert told(plain).corrects == ""
    below = read_paragraph(plain, DAY, correction=True)
    assert below is not None
    assert below.corrects == plain


@pytest.mark.parametrize(
    "line",
    [
        "(Awarded July 1, 2026)",
        "and will be done.",
        "Work will be performed in Boise.",
        "Each awardee will be awarded $5.",
        "The contract was awarded by competition.",
        "Fiscal 2026 funds in the amount of $9 were obligated.",
    ],
)
def test_a_continued_line_is_joined(line: str) -> None:
    assert is_continuation(line)


@pytest.mark.parametrize(
    "line",
    [
        "Acme Corp., Reston, Virginia, is awarded a $9 contract.",
        "UPDATE: The contract of Acme.",
        "NAVY",
        "The contract announced on July 1, 2026, for Acme Corp. was wrong.",
    ],
)
def test_a_line_with_a_new_announcement_is_not_joined(line: str) -> None:
    assert not is_continuation(line)


def test_dates_without_a_year_are_the_latest_possible() -> None:
    assert read_day("Dec. 30", near=DAY) == date(2025, 12, 30)
    assert read_day("July 2", near=DAY) == DAY
    assert read_day("July 2") is None
    assert read_day("Smarch 3, 2026") is None
    assert last_day("Contracts for Feb. 2, 2026, Through Feb. 4, 2026") == date(2026, 2, 4)


def test_abbreviations_do_not_end_sentences() -> None:
    text = "Acme Inc. of St. Louis won. Work is in Washington, D.C. Fiscal funds of the U.S. Army follow. No. 5 is odd."
    assert [one.text for one in sentences(text)] == [
        "Acme Inc. of St. Louis won.",
        "Work is in Washington, D.C.",
        "Fiscal funds of the U.S. Army follow.",
        "No. 5 is odd.",
    ]
    assert all(text[one.start :].startswith(one.text) for one in sentences(text))


WORDS = st.lists(
    st.sampled_from([*PARAGRAPHS[0].split(), "(", ")", ";", ",", ".", "*", "$", "$1", "(P00001)", "and", "Inc."])
)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=400), WORDS.map(" ".join)))
def test_parsing_never_fails_on_arbitrary_text(text: str) -> None:
    read = read_paragraph(text, DAY)
    assert read is None or all(one.name for one in read.awardees)


@pytest.mark.parametrize(
    "piece", ["(", ", Inc.", "; ", " is awarded $1", " and A, B, Ohio", "a ", ". A", "$9,", "for A "]
)
def test_long_hostile_text_is_parsed_quickly_and_shows_the_awardee(piece: str) -> None:
    read = told("Acme Corp., Reston, Virginia, is awarded a $9 contract. " + piece * 4000)
    assert (read.awardees[0].name, read.amounts[0].dollars) == ("Acme Corp.", Decimal("9.00"))
    correction = f"CORRECTION: The contract announced {piece * 4000}"
    corrected = read_paragraph(correction, DAY)
    assert corrected is None or corrected.corrects == correction
