"""The check digit of a UEI, held against real ones."""

from __future__ import annotations

import pytest

from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.uei import check_digit, has_form

# From GSA's own examples of answers of the SAM.gov APIs, USAspending's API contracts, and org-id.guide's list US-SAM.
REAL = (
    "YNDUZMUZF8H8",
    "T53MCMLTWK59",
    "UYDJJ1S8DR85",
    "C47BNA8GM833",
    "JTAPCFM4NSL4",
    "Y928UVG75CT6",
    "XZA8EKDMTFA4",
    "E5BEYXDQYJS6",
    "MSSQQ551LG41",
    "QDLLBKCGL851",
    "DPQEDJ6CXZM5",
    "VF1VWJSM8TW5",
)
SHIPPED = tuple(uei for vendor in load_watchlist().vendors for uei in vendor.ueis)


@pytest.mark.parametrize("uei", sorted({*REAL, *SHIPPED}))
def test_a_real_one_has_its_check_digit(uei: str) -> None:
    assert has_form(uei)
    assert check_digit(uei) == uei[-1]


def test_most_swapped_and_most_wrong_characters_are_found() -> None:
    swapped = {uei[:at] + uei[at + 1] + uei[at] + uei[at + 2 :] for uei in REAL for at in range(10)} - {*REAL}
    mistyped = {uei[:at] + wrong + uei[at + 1 :] for uei in REAL for at in range(11) for wrong in "ABX7"} - {*REAL}
    for wrong_ones in (swapped, mistyped):
        found = sum(check_digit(wrong) != wrong[-1] for wrong in wrong_ones)
        assert found > 0.6 * len(wrong_ones)
