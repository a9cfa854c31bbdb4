"""Whether a contract was competed, by the codes of the FPDS data dictionary (elements 10A and 10R).

An order under a multiple-award contract states the extent competed of that contract. The order itself was competed only
if the holders of the contract had a fair opportunity (FPDS, "Competition Report FAQ"). A follow-on to a competed action
(E) was itself awarded without competition.
"""

from __future__ import annotations

from enum import StrEnum

# A full and open, D full and open after exclusion of sources, F simplified procedures, CDO competitive delivery order.
COMPETED_EXTENTS = ("A", "CDO", "D", "F")
# B not available for competition, C not competed, E follow-on, G simplified procedures, NDO non-competitive order.
NOT_COMPETED_EXTENTS = ("B", "C", "E", "G", "NDO")
FAIR_OPPORTUNITY = ("CSA", "FAIR")  # competitive set-aside, fair opportunity given; every other code is an exception
PROCURED = frozenset({"contract", "idv", "other-transaction", "other-transaction-idv"})


class Competition(StrEnum):
    """Whether a contract was competed; unknown if the source states no code."""

    COMPETED = "competed"
    NOT_COMPETED = "not-competed"
    UNKNOWN = "unknown"


def is_exception(fair_opportunity_code: str) -> bool:
    """Whether an order was placed under an exception to fair opportunity."""
    return bool(fair_opportunity_code) and fair_opportunity_code not in FAIR_OPPORTUNITY


def competition_of(category: str, extent_code: str, fair_opportunity_code: str) -> str:
    """Return a value of `Competition`, or "" for grants and publications, which are not procured."""
    if category not in PROCURED:
        return ""
    if is_exception(fair_opportunity_code) or extent_code in NOT_COMPETED_EXTENTS:
        return Competition.NOT_COMPETED
    return Competition.COMPETED if extent_code in COMPETED_EXTENTS or fair_opportunity_code else Competition.UNKNOWN
