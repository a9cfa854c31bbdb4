"""Looking many words up at once, with and without NumPy."""

from __future__ import annotations

import os
from importlib.util import find_spec
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.scan import ArrayScan, SplitScan, scan_for

pytestmark = pytest.mark.skipif(
    find_spec("numpy") is None and "CI" not in os.environ, reason="NumPy, the extra `backfill`, is not installed"
)

WORD = st.text(alphabet="ABZ09", min_size=1, max_size=4)
LINES = st.lists(st.lists(WORD, max_size=5), max_size=8)
PAIRS = st.dictionaries(st.tuples(WORD, WORD), st.booleans(), max_size=3)


def lines_with(words: set[str], pairs: set[tuple[str, str]], lines: list[list[str]]) -> list[int]:
    """Return the numbers of the lines with one of the words or pairs, the obvious way."""
    return [
        number for number, line in enumerate(lines) if words.intersection(line) or pairs.intersection(pairwise(line))
    ]


@given(st.sets(WORD), PAIRS, LINES, st.sampled_from([" ", "   "]))
def test_no_line_is_passed_over(
    words: set[str], first: dict[tuple[str, str], bool], lines: list[list[str]], gap: str
) -> None:
    pairs = {pair: pair[0] if rarer else pair[1] for pair, rarer in first.items()}
    wanted = set(lines_with(words, set(pairs), lines))
    folded = "\n".join(f" {gap.join(line)}" for line in lines)
    for scan in (SplitScan(words, pairs), ArrayScan(words, pairs)):
        found = scan.lines(folded)
        assert wanted <= set(found)
        assert found == sorted(set(found))


@given(st.sets(WORD), LINES)
def test_lines_without_a_word_are_left_out(words: set[str], lines: list[list[str]]) -> None:
    folded = "\n".join(map(" ".join, lines))
    assert SplitScan(words, {}).lines(folded) == lines_with(words, set(), lines)
    assert ArrayScan(words, {}).lines(folded) == lines_with(words, set(), lines)  # no two words so short share a hash


def test_numpy_is_used_where_it_is_installed() -> None:
    assert isinstance(scan_for(["A"]), ArrayScan)
    assert isinstance(scan_for(["A"], arrays=False), SplitScan)
    assert scan_for([]).lines("A B") == []
