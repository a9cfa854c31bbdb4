"""Whether a contract was competed, by FPDS codes."""

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
def test_fpds_codes_decide_whether_a_contract_was_competed(extent: str, fair_opportunity: str, expected: str) -> None:
    for category in ("contract", "idv", "other-transaction", "other-transaction-idv"):
        assert competition_of(category, extent, fair_opportunity) == expected


@pytest.mark.parametrize("category", ["assistance", "notice", "announcement", "subaward"])
def test_records_that_are_no_contracts_have_no_competition(category: str) -> None:
    assert competition_of(category, "C", "ONE") == ""
