"""What USAspending says about recipients: a search, one recipient's profile, and the children of an owner.

Facts: usaspending_api/recipient/v2/views/list_recipients.py and recipients.py.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.upstreams.server import Refusal, refuse, unhandled
from tests.upstreams.usaspending.search.search_rules import ORDER, PAGE
from tests.upstreams.usaspending.search.tiny_shield import BAD, Choice, Field, Integer, Text, checked

Content = dict[str, Any]
AWARD_TYPES = ("all", "contracts", "grants", "direct_payments", "loans", "other_financial_assistance")
SEARCH_FIELDS = (
    Field("keyword", Text()),
    Field("award_type", Choice(AWARD_TYPES), default="all"),
    PAGE,
    Field("limit", Integer(1, 1000), default=50),
    Field("sort", Choice(("name", "duns", "amount")), default="amount"),
    ORDER,
)
LEVELS = ("P", "C", "R")


@dataclass(frozen=True, kw_only=True)
class CorpusRecipient:
    """A company: its present and other names, its levels ("P", "C", "R"), and the UEIs of its owners.

    A recipient without UEI is one that old awards only name.
    """

    name: str
    uei: str | None
    levels: str = "R"
    alternate_names: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    amount: float = 0

    @property
    def hash(self) -> str:
        """The same for each level."""
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.uei or ''}{self.name}"))


def recipient_search(body: Mapping[str, Any], recipients: Sequence[CorpusRecipient]) -> Content:
    """Return a page of the profiles whose name (in capitals) or UEI contains the keyword."""
    wanted = checked(SEARCH_FIELDS, body)
    keyword = wanted.get("keyword", "")
    rows: list[Content] = [
        {
            "id": f"{each.hash}-{level}",
            "duns": None,
            "uei": each.uei,
            "name": each.name,
            "recipient_level": level,
            "amount": each.amount,
        }
        for each in recipients
        for level in each.levels
        if keyword.upper() in each.name or keyword in (each.uei or "")
    ]
    key = {"name": "name", "duns": "name", "amount": "amount"}[wanted["sort"]]
    rows.sort(key=lambda row: row[key], reverse=wanted["order"] == "desc")
    first = (wanted["page"] - 1) * wanted["limit"]
    page = rows[first : first + wanted["limit"]]
    more = len(rows) > first + wanted["limit"]
    metadata = {"page": wanted["page"], "total": len(rows), "limit": wanted["limit"], "hasNext": more}
    return {"page_metadata": metadata, "results": page}


def recipient_profile(identity: str, recipients: Sequence[CorpusRecipient]) -> Content:
    """Return a profile. Its parents are those of the level C; a P is its own parent."""
    owner_of = {each.uei: each for each in recipients if each.uei}
    found = _found(identity, recipients)
    level = identity[-1]
    parents = []
    if level != "R":
        owners = [owner_of[uei] for uei in found.parents if uei in owner_of] if level == "C" else [found]
        parents = [
            {"parent_id": f"{each.hash}-P", "parent_duns": None, "parent_uei": each.uei, "parent_name": each.name}
            for each in owners
        ]
    first = parents[0] if parents else dict.fromkeys(("parent_id", "parent_duns", "parent_uei", "parent_name"))
    return {
        "name": found.name,
        "alternate_names": sorted(found.alternate_names),
        "duns": None,
        "uei": found.uei,
        "recipient_id": identity,
        "recipient_level": level,
        **first,
        "parents": parents,
        "business_types": [],
        "location": {"country_code": "USA"},
        "total_transaction_amount": found.amount,
        "total_transactions": 1,
    }


def _found(identity: str, recipients: Sequence[CorpusRecipient]) -> CorpusRecipient:
    text, dash, level = identity.rpartition("-")
    if not dash:
        raise refuse(BAD, f"ID ('{identity}') doesn't include Recipient-Level")
    if level not in LEVELS:
        raise refuse(BAD, f"Invalid Recipient-Level: '{level}'")
    try:
        uuid.UUID(text)
    except ValueError:
        raise refuse(BAD, f"Recipient Hash not valid UUID: '{text}'.") from None
    for each in recipients:
        if each.hash == text and level in each.levels:
            return each
    raise refuse(BAD, f"Recipient ID not found: '{identity}'.")


def recipient_children(text: str, recipients: Sequence[CorpusRecipient]) -> list[Content]:
    """Return the children of a UEI. Text of another length than that of a DUNS or UEI is an error nobody handles."""
    if len(text) not in {9, 12}:
        raise unhandled()
    owner = next((each for each in recipients if each.uei == text.upper()), None)
    if owner is None:
        raise refuse(BAD, f"Recipient not found: '{text}'.")
    if "P" not in owner.levels:
        raise _no_parent(text)
    return [
        {
            "recipient_id": f"{each.hash}-C",
            "name": each.name,
            "duns": None,
            "uei": each.uei,
            "amount": each.amount,
            "state_province": None,
        }
        for each in recipients
        if owner.uei in each.parents and "C" in each.levels
    ]


def _no_parent(text: str) -> Refusal:
    return refuse(BAD, f"Recipient is not listed as a parent: '{text}'.")
