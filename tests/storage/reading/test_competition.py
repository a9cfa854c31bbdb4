"""Whether a contract was competed, by the codes of FPDS."""

from __future__ import annotations

import pytest

from storage.competition import competition_of


@pytest.mark.parametrize(
    ("extent", "fair_opportunity", "expected"),
    [
        ("A", "", "competed"),  # full and open
        ("D", "", "competed"),  # after exclusion of sources
        ("F", "", "competed"),  # under simplified acquisition procedures
        ("CDO", "", "competed"),
        ("B", "", "not-competed"),  # not available for competition
        ("C", "", "not-competed"),
        ("E", "", "not-competed"),  # follow-on to a competed action
        ("G", "", "not-competed"),
        ("NDO", "", "not-competed"),
        ("", "", "unknown"),
        ("H", "", "unknown"),
        ("A", "FAIR", "competed"),
        ("", "CSA", "competed"),
        ("C", "FAIR", "not-competed"),
        ("A", "ONE", "not-competed"),
        ("", "URG", "not-competed"),
    ],
)
def test_the_codes_say_it(extent: str, fair_opportunity: str, expected: str) -> None:
    for category in ("contract", "idv", "other-transaction", "other-transaction-idv"):
        assert competition_of(category, extent, fair_opportunity) == expected


@pytest.mark.parametrize("category", ["assistance", "notice", "announcement", "subaward"])
def test_what_is_no_contract_has_no_competition(category: str) -> None:
    assert competition_of(category, "C", "ONE") == ""
