"""Real pages of announcements, each record of them, and the announcements that were once read wrongly."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest

from sources.dod.paragraph import split_announcements
from sources.records import Amount, AmountMeaning, Publication
from tests.sources.dod.articles import DATA, PLAIN, publications, read

PAGES = ("4319114", "4344447", "4345564")
RECORDS = {
    record.key.removeprefix("DOD_"): record
    for number in PAGES
    for record in publications(read((DATA / f"article_{number}.html").read_bytes(), key=f"DOD_{number}"))
}
with (DATA / "records.tsv").open(encoding="utf-8", newline="") as _file:
    EXPECTED = {row["key"]: row for row in csv.DictReader(_file, delimiter="\t", quoting=csv.QUOTE_NONE)}
ACTIVITY = "Foo Command, Reston, Virginia, is the contracting activity (N00019-26-C-0042)."


def row_of(record: Publication) -> dict[str, str]:
    """A record as the table has it."""
    amounts = [f"{one.meaning} {one.dollars:,}{' together' if one.shared else ''}" for one in record.amounts]
    return {
        "key": record.key.removeprefix("DOD_"),
        "awardee": record.recipient.name,
        "place": fact(record, "place of the awardee"),
        "number": record.piid,
        "agreement": record.parent_piid,
        "modification": record.modification,
        "signed": str(record.signed or ""),
        "amounts": "; ".join(amounts),
        "correction": "correction" if record.corrects else "",
    }


def fact(record: Publication, label: str) -> str:
    return next((fact.value for fact in record.facts if fact.label == label), "")


def amounts_of(told: str, meaning: AmountMeaning) -> list[Decimal]:
    (record,) = publications(read(page_of(told)))
    return [one.dollars for one in record.amounts if one.meaning is meaning]


def page_of(told: str) -> bytes:
    return f'<h1>Contracts for July 2, 2026</h1><div class="body"><p>NAVY</p>{told}</div>'.encode()


def test_pages_give_the_records_that_a_person_counts() -> None:
    assert list(RECORDS) == list(EXPECTED)
    assert len(RECORDS) == 113


@pytest.mark.parametrize("key", EXPECTED)
def test_a_record_of_a_real_page_is_parsed_correctly(key: str) -> None:
    assert row_of(RECORDS[key]) == EXPECTED[key]


def test_bracketed_facts_of_one_awardee_do_not_reach_others() -> None:
    told = (
        "<p>Alpha Inc., Boise, Idaho (N00019-26-D-0001, maximum $200); and Beta LLC, Bonn, Germany, are awarded"
        " contracts worth $900 together.</p>"
    )
    first, second = publications(read(page_of(told)))
    together = Amount(meaning=AmountMeaning.ANNOUNCED, dollars=Decimal(900), shared=True)
    assert (first.piid, second.piid) == ("N0001926D0001", "")
    own = [f"{one.meaning} {one.dollars}" for one in first.amounts[:-1]]
    assert own == ["announced 200.00", "ceiling 200.00"]
    assert (first.amounts[-1], second.amounts) == (together, (together,))


def test_a_correction_and_its_next_paragraph_are_one_record() -> None:
    record = RECORDS["4319114_40_1"]
    assert record.corrects == record.description
    assert record.corrects.startswith("CORRECTION: The contract announced on Sep. 30, 2025, to Raytheon Co., Tucson")
    assert record.corrects.endswith("Robins Air Force Base, Georgia, is the contracting activity.")
    assert "following: Raytheon Co., Tucson, Arizona, was awarded a $41,681,329" in record.corrects
    assert (record.type_text, record.amounts[0].dollars) == ("firm-fixed-price modification", Decimal(41681329))
    assert not RECORDS["4319114_41_1"].corrects


@pytest.mark.parametrize(
    "told",
    [
        f"<p>CORRECTION: The contract of July 1 is corrected as follows:</p><p>{PLAIN}</p>",
        f"<p>CORRECTION: The announcement of July 1, 2026, should read:<br>{PLAIN}</p>",
        f"<p>UPDATE: The award announced on July 1 is corrected to read: {PLAIN}</p>",
    ],
)
def test_a_replacement_announcement_is_parsed(told: str) -> None:
    first, other = publications(read(page_of(f"{told}<p>{PLAIN.replace('Acme', 'Other')}</p>")))
    assert (first.recipient.name, first.piid, other.corrects) == ("Acme Drones LLC", "N0001926C0042", "")
    assert first.corrects.startswith(("CORRECTION: The", "UPDATE: The"))
    assert first.amounts[0].dollars == Decimal(9000000)


def test_a_contract_number_with_a_space_is_parsed_and_marked() -> None:
    marked = {key: mark for key, one in RECORDS.items() if (mark := fact(one, "contract number, damaged"))}
    assert marked == {"4319114_45_1": "FA8575-25-F B001"}


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("FA8575 -25-F-B001", "FA857525FB001"),
        ("SPRRA2-25- C-0014", "SPRRA225C0014"),
        ("FA8575 25-F-B001", "FA857525FB001"),
        ("FA8575 25 F B001", ""),
        ("BLOCK 25-F-B001", ""),
        ("FA8575-25-F B0012", ""),
    ],
)
def test_a_damaged_contract_number_needs_an_unambiguous_place(written: str, number: str) -> None:
    (record,) = publications(read(page_of(f"<p>{PLAIN.replace('N00019-26-C-0042', written)}</p>")))
    assert (record.piid, fact(record, "contract number, damaged")) == (number, written if number else "")


def test_only_absurd_amounts_are_flagged() -> None:
    doubted = {
        key.rpartition("_")[0]: record.amount_warning for key, record in RECORDS.items() if record.amount_warning
    }
    assert doubted == {"4319114_1": "an amount larger than the whole federal budget: $20,000,000,000,000"}


def test_an_award_can_be_announced_by_its_minimum() -> None:
    least = {key for key, record in RECORDS.items() if fact(record, "the announced amount is") == "a minimum"}
    assert least == {"4319114_52_1", "4319114_53_1"}


@pytest.mark.parametrize(
    ("words", "announced"),
    [
        ("a minimum $500", [500]),
        ("a minimum value of $500", [500]),
        ("a minimum $500 and maximum $900", [900]),
        ("a $900, minimum $500,", [900]),
        ("a minimum guarantee of $500", []),
    ],
)
def test_a_minimum_comes_first_only_without_other_amounts(words: str, announced: list[int]) -> None:
    told = f"<p>Acme Corp., Boise, Idaho, is awarded {words} contract for drones.</p>"
    assert amounts_of(told, AmountMeaning.ANNOUNCED) == announced


@pytest.mark.parametrize(
    ("words", "obligated", "ceilings"),
    [
        ("Funds of $5 are obligated, bringing the total cumulative face value of the contract to $20.", [5], [20]),
        ("The total value of funds obligated to date is $20.", [20], []),
        ("Funds in the amount of $5 will be obligated, of which $3 will expire this year.", [5], []),
        ("Funds in the amount of $5 will be obligated, $3 of which expire this year.", [5], []),
        ("Army funds of $5 and Navy funds of $5 will be obligated.", [5, 5], []),
        ("Funds of $5 were obligated. Fiscal 2026 funds of $5 were obligated.", [5], []),
        ("Options could increase the amount to $20.", [], [20]),
    ],
)
def test_an_obligation_is_distinguished_from_the_cumulative_value(
    words: str, obligated: list[int], ceilings: list[int]
) -> None:
    told = f"<p>Acme Corp., Boise, Idaho, is awarded a $100 contract. {words}</p>"
    assert amounts_of(told, AmountMeaning.ANNOUNCED) == [100]
    assert amounts_of(told, AmountMeaning.OBLIGATED) == obligated
    assert amounts_of(told, AmountMeaning.CEILING) == ceilings


def test_a_contract_announced_with_its_first_order_is_one_record() -> None:
    armtec, vertex = RECORDS["4319114_15_1"], RECORDS["4319114_35_1"]
    assert [(one.piid, fact(one, "other contract numbers")) for one in (armtec, vertex)] == [
        ("N0010425DB901", "N0010425FB901"),
        ("FA823225DB010", "FA823225FB239"),
    ]


@pytest.mark.parametrize(
    ("between", "count"),
    [(" ", 2), (" (Awarded July 1, 2026) ", 2), ("\n&nbsp;\n", 2), (" Work by ", 1), (" and ", 1)],
)
def test_two_announcements_without_a_break_are_separated(between: str, count: int) -> None:
    second = PLAIN.replace("Acme", "Other").replace("0042", "0043")
    found = publications(read(page_of(f"<p>{PLAIN} {ACTIVITY}{between}{second}</p>")))
    assert len(found) == count
    if count > 1:
        assert [one.piid for one in found] == ["N0001926C0042", "N0001926C0043"]


def test_a_last_sentence_without_a_place_is_no_new_announcement() -> None:
    told = f"<p>{PLAIN} {ACTIVITY} Acme Drones LLC was awarded the earlier contract.</p>"
    assert [one.key for one in publications(read(page_of(told)))] == ["DOD_4532515_1_1"]


def test_a_line_of_many_announcements_is_split_quickly() -> None:
    assert len(split_announcements(f"{PLAIN} {ACTIVITY} " * 2_000)) == 2_000
    assert len(split_announcements(f"{ACTIVITY} {'It was. ' * 20_000}")) == 1
