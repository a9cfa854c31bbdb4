"""The comparison of a row's recipient with a name, and that it lets through whatever the matcher could match."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from monitors.normalize import parse_names
from sources.names import is_same_name
from sources.words import GENERIC_WORDS, LEGAL_FORMS

words = some.sampled_from(
    ["THORN", "SITA", "PRO", "I", "B", "X", "DIGITAL", *LEGAL_FORMS, *sorted(GENERIC_WORDS - {"THE"})]
)
names = some.lists(words, min_size=1, max_size=5).map(" ".join)


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        ("THORN", "THORN"),
        ("Thorn, Inc.", "THORN"),
        ("THE THORN COMPANY", "THORN"),
        ("THORN FEDERAL L.L.C.", "THORN"),
        ("THORN L L C", "THORN"),
        ("ACME CLEANING LLC D/B/A THORN", "THORN"),
        ("ACME CLEANING (THORN) LLC", "THORN"),
        ("TH\u00d6RN AB", "THORN"),
        ("ANDE CORP", "ANDE CORPORATION"),
        ("ANDE - ANDE CORP", "ANDE CORPORATION"),
        ("B. I. INCORPORATED", "BI INC"),
        ("I-PRO AMERICAS INC.", "IPRO"),
        ("O'THORN & SON, LTD", "OTHORN AND SON"),
    ],
)
def test_variants_of_one_name_are_equal(found: str, asked: str) -> None:
    assert is_same_name(found, asked)


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        ("HAWTHORNE INC", "THORN"),
        ("GRANT THORNTON LLP", "THORN"),
        ("JOHN THORN LLC", "THORN"),
        ("THORN ELECTRIC", "THORN"),
        ("ONTIC ENGINEERING AND MANUFACTURING, INC.", "ONTIC"),
        ("RUBI INC", "BI INC"),
        ("SITARA LLC", "SITA"),
        ("OPTICS ACME - SITA LLC", "SITA"),
        ("", "THORN"),
        ("THORN", "..."),
    ],
)
def test_other_names_are_not_equal(found: str, asked: str) -> None:
    assert not is_same_name(found, asked)


@given(found=names, comma=some.sampled_from([" ", ", ", ". "]))
def test_names_that_the_matcher_equates_are_equal(found: str, comma: str) -> None:
    written = found.replace(" ", comma)
    for name in parse_names(written):
        assert is_same_name(written, name.core)
        assert is_same_name(written, name.full)
        assert is_same_name(written, name.core.replace(" ", ""))


@pytest.mark.parametrize("word", [*LEGAL_FORMS, *sorted(GENERIC_WORDS - {"THE"})])
def test_legal_forms_and_branches_do_not_change_a_name(word: str) -> None:
    assert is_same_name(f"THORN {word}", "THORN")
