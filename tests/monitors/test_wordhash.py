"""Words as numbers: every word, and every slip in it, must have the number under which it is looked for."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.blocks import one_slip_away

if "CI" not in os.environ:  # NumPy is in the development group; only outside CI may it be missing
    pytest.importorskip("numpy", reason="NumPy, the extra `backfill`, is not installed")

from monitors.wordhash import Lookup, Wanted, Words

WORDS = st.text("ABCXYZ019", min_size=1, max_size=20)


@given(st.dictionaries(WORDS, st.integers(1, 2**63), min_size=1, max_size=4))
def test_all_slips_are_found_with_the_numbers_of_their_words(wanted: dict[str, int]) -> None:
    lookup = Lookup(Wanted.with_slips(wanted))
    spellings = sorted({spelling for word in wanted for spelling in one_slip_away(word) if spelling})
    places, numbers = lookup.find(Words.of(" ".join(spellings)))
    assert places.tolist() == list(range(len(spellings)))
    for spelling, number in zip(spellings, numbers.tolist(), strict=True):
        for word, said in wanted.items():
            if spelling in one_slip_away(word):
                assert number & said == said


@given(st.lists(WORDS, min_size=1, max_size=8), st.lists(WORDS, max_size=8))
def test_only_what_is_wanted_is_found(wanted: list[str], others: list[str]) -> None:
    lookup = Lookup(Wanted.exactly(dict.fromkeys(wanted, 1)))
    words = [*wanted, *others]
    places, _ = lookup.find(Words.of(" ".join(words)))
    begun = {word[:16] for word in wanted}
    assert places.tolist() == [place for place, word in enumerate(words) if word[:16] in begun]


@given(st.lists(st.lists(WORDS, max_size=3).map("  ".join), min_size=1, max_size=6))
def test_lines_and_their_first_words(rows: list[str]) -> None:
    words = Words.of("\n".join(rows))
    every = [(number, word) for number, row in enumerate(rows) for word in row.split()]
    places = words.starts.argsort()
    assert list(zip(words.lines_of(places).tolist(), words.at(places), strict=True)) == every
    assert words.lines(words.lines_of(places)) == [rows[number] for number, _ in every]
    firsts, without = words.first_of_lines()
    assert {number for number, row in enumerate(rows) if row} <= {*words.lines_of(firsts).tolist(), *without.tolist()}
