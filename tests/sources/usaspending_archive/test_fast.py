"""Compiled code finds what the standard library finds, whatever a file has in it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.candidates import TextWords
from sources.usaspending_archive.row_filter import RowFilter
from sources.usaspending_archive.scan import Found, KnownAwards, MemberScan, Scan, SlowScan
from tests.sources.usaspending_archive.archives import HEADERS, contract, csv_bytes
from tests.sources.usaspending_archive.test_scan import Words

pytest.importorskip("numba")

from sources.usaspending_archive.compiled import fast

WANTED = Words(
    ueis=frozenset({"U1"}),
    cages=frozenset({"C1"}),
    award_keys=frozenset({"CONT_AWD_P1_7012_-NONE-_-NONE-"}),
    parent_keys=frozenset({"CONT_IDV_I1_7012"}),
    solicitations=frozenset({"S1"}),
)


def scanned(way: Scan, content: bytes, block: int) -> MemberScan:
    found = Found("a.csv", lambda _rows: None)
    blocks = (content[at : at + block] for at in range(0, len(content), block))
    way.scan(blocks, found, "a.csv")
    return found.result("a.csv", b"", way.count_others)


def both(header: list[str], content: bytes, block: int = 1 << 16, wanted: Words | KnownAwards = WANTED) -> MemberScan:
    """Scan rows in both ways, which must agree."""
    slow, quick = (scanned(way(RowFilter(wanted, header)), content, block) for way in (SlowScan, fast.FastScan))
    assert quick == slow
    return quick


values = st.text(st.sampled_from(list('ab ",\n\r&AND\0éFACE')), max_size=12) | st.sampled_from(
    ["", "CLEARVIEW", "FACE", "SURFACE", "FACE BOOK", "U1", "u1 ", "C1", "S1", "I1", "7012", "1550"]
)
keys = st.sampled_from(["", "K1", "K2", " K2", "CONT_AWD_P1_7012_-NONE-_-NONE-"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(values, keys, values, values, values), max_size=12),
    st.integers(1, 200),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_any_values_in_any_blocks(rows: list[tuple[str, ...]], block: int, end: str, quote_all: bool) -> None:
    header = [
        "x",
        "contract_award_unique_key",
        "transaction_description",
        "recipient_name",
        "contract_transaction_unique_key",
    ]
    text = io.StringIO(newline="")
    if quote_all:
        csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    else:  # a carriage return is not quoted by the csv module
        csv.writer(text, lineterminator=end).writerows([[value.replace("\r", "") for value in row] for row in rows])
    both(header, text.getvalue().encode(), block)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=300) | st.text(st.sampled_from(list('a,"\n')), max_size=300).map(str.encode), st.integers(1, 100)
)
def test_anything_at_all_in_one_part(content: bytes, block: int) -> None:
    header = ["contract_award_unique_key", "contract_transaction_unique_key"]
    balanced = content.count(b'"') % 2 == 0 and b"\r" not in content and not re.search(rb'[^,\n"]"', content)
    if balanced:
        both(header, content, block)
    else:
        scanned(fast.FastScan(RowFilter(WANTED, header)), content, block)


@pytest.mark.parametrize(
    "column", ["recipient_uei", "cage_code", "solicitation_identifier", "contract_award_unique_key"]
)
@pytest.mark.parametrize("form", ["{}", " {} ", "{}\0"])
@pytest.mark.parametrize("lower", [False, True])
def test_a_code_is_found_however_it_is_written(column: str, form: str, lower: bool) -> None:
    code = {
        "recipient_uei": "U1",
        "cage_code": "C1",
        "solicitation_identifier": "S1",
        "contract_award_unique_key": "CONT_AWD_P1_7012_-NONE-_-NONE-",
    }[column]
    header = list(HEADERS["contracts"])
    content = csv_bytes(
        header, [contract("P2", **{column: form.format(code.lower() if lower else code)}), contract("P3")]
    ).partition(b"\n")[2]
    assert [award.lines for award in both(header, content).awards] == [(2,)]


def test_a_missing_column_has_no_value_of_another_file() -> None:
    header = ["contract_award_unique_key", "contract_transaction_unique_key", "recipient_name"]
    way = fast.FastScan(RowFilter(WANTED, header))
    way._fields[:] = [2, 11]  # what memory may hold
    assert not scanned(way, b"A,CLEARVIEW,B\n", 100).awards


def test_many_rows_and_values() -> None:
    header = list(HEADERS["contracts"])
    rows = [
        contract(
            f"P{number}",
            recipient_name=f"NAME {number}, INC.",
            transaction_description=f"{'FACE' if number % 97 == 0 else 'LACE'} {number}\nSECOND LINE",
            contract_award_unique_key=f"K{number % 5000}",
        )
        for number in range(12_000)
    ]
    found = both(header, csv_bytes(header, rows).partition(b"\n")[2], 1 << 20)
    assert (found.rows, len(found.awards)) == (12_000, 124)
    assert found.left_out > 0


def test_awards_that_are_known_are_found_by_their_keys_alone() -> None:
    header = list(HEADERS["contracts"])
    rows = [
        contract("P1"),
        contract("P2", transaction_description="FACE", recipient_name="CLEARVIEW"),
        contract("P3", parent_award_id_piid="i1", parent_award_agency_id="7012"),
    ]
    known = KnownAwards(
        award_keys=frozenset({"CONT_AWD_P1_7012_-NONE-_-NONE-"}), parent_keys=frozenset({"CONT_IDV_I1_7012"})
    )
    found = both(header, csv_bytes(header, rows).partition(b"\n")[2], wanted=known)
    assert [award.lines for award in found.awards] == [(2,), (4,)]


def test_a_row_that_never_ends_does_not_stop_the_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fast, "LONGEST_ROW", 1000)
    header = ["contract_award_unique_key", "contract_transaction_unique_key"]
    content = b'A,"' + b"x" * 3000 + b"\n" + b"CONT_AWD_P1_7012_-NONE-_-NONE-,T\n" * 3
    found = scanned(fast.FastScan(RowFilter(WANTED, header)), content, 100)
    assert [len(award.rows) for award in found.awards] == [3]


def test_blocks_come_in_order_and_errors_reach_the_caller() -> None:
    def blocks() -> Iterator[bytes]:
        yield from (b"a", b"b")
        raise ValueError("damaged")

    coming = fast.ahead(blocks())
    assert [next(coming), next(coming)] == [b"a", b"b"]
    with pytest.raises(ValueError, match="damaged"):
        next(coming)


def test_the_words_of_texts() -> None:
    words = TextWords(
        singles=frozenset({"FACE"}),
        pairs=frozenset({("AT", "AND"), ("GRAY", "KEY")}),
        misspelled=frozenset({"RECOGNITION"}),
        known=frozenset({"PRECOGNITION"}),
        shortest=8,
    )

    def has(text: str) -> bool:
        return fast.has_word(words, text)

    assert all(map(has, ["face", "x FACE.", "AT&T", "gray - key", "ERECOGNITION", "RECOGNITTION", "é", "FA\0CE"]))
    assert not any(map(has, ["", "SURFACE", "GRAYKEY", "GRAY A KEY", "PRECOGNITION", "KEY GRAY", "RECOG"]))
