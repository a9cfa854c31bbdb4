"""The contract numbers that agencies typed into one cell of the 2024 inventory. Pure.

A cell holds one number, several between commas, slashes or words ("BPA: 70B06C20A00000036  Call Order 1: ..."), an
agreement before its order ("75N97023A00004/75N97023F00005"), numbers of agencies' own systems, prose or company names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# FAR 4.1603: six characters of an activity, two of the year, one letter, four to eight of a serial.
_MODERN = re.compile(r"[A-Z0-9]{6}\d{2}[A-Z][A-Z0-9]{4,8}")
_NUMBER = re.compile(
    r"(?<![A-Z0-9])(?:[A-Z0-9]{6}-?\d{2}-?[A-Z]-?[A-Z0-9]{4,8}"
    r"|(?:VA\d{3}|[A-Z]{5})-\d{2}-[A-Z]-\d{4,5}"  # of Veterans Affairs and the Treasury, before 2018
    r"|NN[A-Z]\d{2}[A-Z]{2}\d{2}[A-Z]"  # of NASA
    r"|HHS[A-Z]\d{12}[A-Z]"  # of Health and Human Services
    r"|GS-?\d{2}[A-Z]-?\d{3,4}[A-Z]{1,2}|GS\d{2}[A-Z]\d{2}[A-Z]{3,4}\d{3,4}|GSQ\d{4}[A-Z]{2}\d{4}"  # of GSA
    r"|AID-[A-Z0-9]{3}-[A-Z]-\d{2}-\d{5}"  # of USAID
    r")(?![A-Z0-9])"
)
_MODIFICATION = re.compile(r"\bP\d{5}\b")
_LETTER = 8  # where the kind of instrument stands in a modern number


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractNumbers:
    """The numbers in a cell, without dashes: an award, the agreement it is under, and others. "" where none."""

    piid: str = ""
    parent: str = ""
    modification: str = ""
    solicitation: str = ""
    others: tuple[str, ...] = ()


def read_contract_numbers(cell: str) -> ContractNumbers:
    """Return the contract numbers in a cell. The award is the first contract or order, else the first agreement.

    Only an order is placed under the agreement before it: not a contract (C) or a purchase order (P, V).
    """
    every = list(dict.fromkeys(hit[0].replace("-", "") for hit in _NUMBER.finditer(cell)))
    found = [number for number in every if not _has_letter(number, "RQ")]
    solicitation = next((number for number in every if _has_letter(number, "RQ")), "")
    piid = next((number for number in found if not _is_agreement(number)), found[0] if found else "")
    before = found[: found.index(piid)] if piid else []
    parent = before[-1] if before and not _has_letter(piid, "CPV") else ""
    modification = _MODIFICATION.search(cell) if len(found) - len(before) == 1 else None
    return ContractNumbers(
        piid=piid,
        parent=parent,
        modification=modification[0] if modification else "",
        solicitation=solicitation,
        others=tuple(number for number in found if number not in (piid, parent)),
    )


def _has_letter(number: str, letters: str) -> bool:
    return bool(_MODERN.fullmatch(number)) and number[_LETTER] in letters


def _is_agreement(number: str) -> bool:
    """Whether a number is that of an agreement, under which orders are placed: the schedules and the like are."""
    return not _MODERN.fullmatch(number) or number[_LETTER] in "ADG"
