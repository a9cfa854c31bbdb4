"""Parsing the contract numbers of an announcement: award, parent and modification. Pure.

A PIID's ninth character is the instrument (FAR 4.1603): F an order, A a purchase agreement, D an indefinite-delivery
contract, G a basic ordering agreement; R, Q and B are solicitations. "P00022" is a modification, never a contract.
The number in brackets after the contracting activity is that of the award.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sources.dod.awardees import PIID, Awardee, normalize_piid

_MODIFICATION = re.compile(
    r"\bmodifications?\b\s*(?:\((?:(?:No\.?|number|modification)\s*)?([A-Z0-9][A-Z0-9 /-]{0,14}?)\)"
    r"|(?:No\.?\s*|number\s*)?([A-Z]{1,3}\d{4,6})\b)",
    re.IGNORECASE,
)
_OLD_ORDER = re.compile(
    r"\b(?:task|delivery|job) order\s+\(?(?:No\.?\s*|number\s*)?(\d{4}|[A-Z]{2}\d{2})\)?,?\s+(?:under"
    r"|against|on|to|issued)\b"
)
_CLOSING = re.compile(r"\bcontracting (?:activity|agency)\b", re.IGNORECASE)
_MODIFIED = re.compile(r"\bmodif(?:ication|ied|ies)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractNumbers:
    """Contract numbers without dashes. `by_awardee` has one for each awardee, "" if unknown.

    `damaged` is a number, as written, that was read without the space inside it; "" if there is none.
    """

    piid: str = ""
    parent: str = ""
    modification: str = ""
    solicitation: str = ""
    by_awardee: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    damaged: str = ""


def read_contract_numbers(text: str, awardees: Sequence[Awardee], kind: str = "") -> ContractNumbers:
    """Return the contract numbers in a paragraph. `kind` is the type of award ("contract")."""
    written = [hit[0] for hit in PIID.finditer(text)]
    every = dict.fromkeys(map(normalize_piid, written))
    found = [number for number in every if not _is_solicitation(number)]
    solicitation = next((number for number in every if _is_solicitation(number)), "")
    numbers = _of_contracts(text, found, awardees, kind)
    damaged = next((number for number in written if " " in number), "")
    return replace(numbers, solicitation=solicitation, modification=_modification(text), damaged=damaged)


def _of_contracts(text: str, found: list[str], awardees: Sequence[Awardee], kind: str) -> ContractNumbers:
    own = [tuple(number for number in map(normalize_piid, awardee.piids) if number in found) for awardee in awardees]
    if len(awardees) > 1:
        return _of_several(text, found, own)
    piid = _contract(text, found, kind) or _main(text, found, own[0] if own else ())
    parent = _parent(found, piid)
    old_order = _OLD_ORDER.search(text)
    if old_order and piid and not _is_order(piid):
        piid, parent = old_order[1], piid
    others = tuple(number for number in found if number not in (piid, parent))
    return ContractNumbers(piid=piid, parent=parent, by_awardee=(piid,) if own else (), others=others)


def _of_several(text: str, found: list[str], own: list[tuple[str, ...]]) -> ContractNumbers:
    """Give each awardee the number beside its name, else the numbers listed "respectively"."""
    each = [numbers[0] if numbers else "" for numbers in own]
    if not any(each) and len(found) == len(own) and re.search(r"\brespectively\b", text):
        each = found
    left = tuple(number for number in found if number not in each)
    parent = next((number for number in left if number[8:9] in "ADG"), "") if all(map(_is_order, each)) else ""
    others = tuple(number for number in left if number != parent)
    return ContractNumbers(parent=parent, by_awardee=tuple(each), others=others)


def _modification(text: str) -> str:
    for hit in _MODIFICATION.finditer(text):
        number = (hit[1] or hit[2]).strip().upper()
        if re.search(r"\d", number) and not PIID.fullmatch(number):
            return normalize_piid(number)
    return ""


def _contract(text: str, found: Sequence[str], kind: str) -> str:
    """Return the number of a contract that is awarded together with a first order, "" if none is."""
    closing = _CLOSING.search(text)
    if not closing or not kind.lower().endswith("contract") or "order" in kind.lower():
        return ""
    closed = [normalize_piid(hit[0]) for hit in PIID.finditer(text, closing.end())]
    return next((number for number in closed if number in found and not _is_order(number)), "")


def _main(text: str, found: Sequence[str], own: Sequence[str]) -> str:
    """Return the number of what is awarded or modified: an order's before its contract's, then the awardee's own."""
    orders = [number for number in found if _is_order(number)]
    if orders:
        return orders[0]
    if own:
        return own[0]
    modified = _MODIFIED.search(text)
    after = (normalize_piid(hit[0]) for hit in PIID.finditer(text, modified.end())) if modified else iter(())
    return next((number for number in after if number in found), found[0] if found else "")


def _parent(found: Sequence[str], piid: str) -> str:
    if not _is_order(piid):
        return ""
    return next((number for number in found if number != piid and not _is_order(number)), "")


def _is_solicitation(number: str) -> bool:
    return len(number) >= 12 and number[6:8].isdecimal() and number[8] in "RQB"


def _is_order(piid: str) -> bool:
    return len(piid) >= 12 and piid[8] == "F" and piid[6:8].isdecimal()
