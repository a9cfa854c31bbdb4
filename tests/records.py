"""Awards, actions and matches for the tests, made of public facts.

Recipients, keys, amounts, dates and descriptions are those of USAspending's contract transactions of ICE and CBP,
fiscal years 2021-2024 (public record). What that extract lacks (UEI, ceiling, period, type of action) is left empty; a
test that needs it sets a value of its own.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sources.records import Agency, Award, AwardCategory, ContractAction, Document, Problem, Publication, Recipient
from storage.schema.tables import MatchRow

SEEN = datetime(2026, 11, 20, 14, 5, 9, 123456, tzinfo=UTC)
LATER = SEEN + timedelta(days=1)
LATER_STILL = SEEN + timedelta(days=2)

DHS = Agency(code="070", name="Department of Homeland Security")
ICE = replace(DHS, sub_code="7012", sub_name="U.S. Immigration and Customs Enforcement")
CBP = replace(DHS, sub_code="7014", sub_name="U.S. Customs and Border Protection")

VENDORS = {
    "clearview-ai": ("Clearview AI", "face-recognition"),
    "babel-street": ("Babel Street", "social-media"),
    "nuix": ("Nuix", "device-forensics"),
    "panamerica": ("Panamerica Computers", "resellers"),
    "face-recognition": ("Face recognition", "face-recognition"),  # a topic
}

Fact = tuple[str, str, str, str]  # modification, date signed, obligation in dollars, description


def document(name: str, content: object, retrieved_at: datetime = SEEN) -> Document:
    """Return an answer of the upstream about an award."""
    return Document(
        url=f"https://api.usaspending.gov/api/v2/awards/{name}/",
        request="",
        retrieved_at=retrieved_at,
        content_type="application/json",
        body=json.dumps(content).encode(),
    )


def award(key: str, recipient: str, agency: Agency, kinds: tuple[str, str], facts: Sequence[Fact]) -> Award:
    """Return an award with the actions that these facts tell of, the oldest first.

    `kinds` says what is bought: in words of the PSC, in words of the NAICS.
    """
    _, _, piid, owner, parent_piid, parent_owner = key.split("_")
    actions = [
        ContractAction(
            key=f"{owner}_{parent_owner}_{piid}_{modification}_{parent_piid}_0",
            modification=modification,
            signed=date.fromisoformat(signed),
            obligation=Decimal(obligation),
            description=description,
        )
        for modification, signed, obligation, description in facts
    ]
    made = Award(
        key=key,
        source="usaspending",
        revision="",
        category=AwardCategory.CONTRACT,
        type_text="",
        piid=piid,
        parent_piid="" if parent_piid == "-NONE-" else parent_piid,
        parent_key="",
        description=actions[0].description,
        recipient=Recipient(name=recipient),
        awarding=agency,
        funding=Agency(),
        obligated=None,
        exercised=None,
        ceiling=None,
        signed=actions[0].signed,
        starts=None,
        ends=None,
        may_end=None,
        modified=None,
        psc="",
        psc_text=kinds[0],
        naics="",
        naics_text=kinds[1],
        solicitation="",
        extent_competed="",
        place="",
        url=f"https://www.usaspending.gov/award/{key}/",
        actions=(),
        documents=(),
    )
    return with_actions(made, actions)


def with_actions(base: Award, actions: Sequence[ContractAction]) -> Award:
    """Return the award with these actions instead, as the source would tell it: obligated to date, and the evidence."""
    ordered = tuple(sorted(actions, key=lambda item: (item.signed or date.min, item.key)))
    obligated = sum((item.obligation or Decimal(0) for item in ordered), Decimal("0.00"))
    content = {"key": base.key, "obligated": str(obligated), "actions": [item.key for item in ordered]}
    return replace(base, actions=ordered, obligated=obligated, documents=(document(base.key, content),))


def acted(base: Award, modification: str, signed: str, obligation: str, **facts: Any) -> Award:
    """Return the award with one more action, modelled on its first."""
    first = base.actions[0]
    key = first.key.replace(f"_{first.modification}_", f"_{modification}_", 1)
    more = replace(
        first,
        key=key,
        modification=modification,
        signed=date.fromisoformat(signed),
        obligation=Decimal(obligation),
        **facts,
    )
    return with_actions(base, (*base.actions, more))


def match(of: Award | Publication, vendor_id: str = "clearview-ai", band: str = "published", **facts: Any) -> MatchRow:
    """Return a new row that says the award or publication concerns a vendor."""
    name, category = VENDORS[vendor_id]
    row: dict[str, Any] = {
        "record_key": of.key,
        "vendor_id": vendor_id,
        "vendor_name": name,
        "vendor_category": category,
        "score": 0.97,
        "matcher_band": band,
        "band": band,
        "rule": "name",
        "reason": f"{name} is the recipient's name.",
        "signals": [
            {
                "kind": "name",
                "field": "recipient_name",
                "text": of.recipient.name,
                "term": name,
                "start": 0,
                "end": len(of.recipient.name),
                "score": 0.97,
                "action_key": "",
            }
        ],
        "watchlist_version": "1",
        "first_seen": SEEN,
    }
    return MatchRow(**{**row, **facts})


def problem(key: str, reason: str = "it has no transactions") -> Problem:
    """Return a record that could not be read."""
    return Problem(source="usaspending", key=key, reason=reason, documents=(document(key, {"results": []}),))


# How an award may have been bought and paid: values in the form of USAspending's own, of no award in particular.
SOLE_SOURCE: dict[str, Any] = {
    "extent_competed_code": "C",
    "extent_competed": "NOT COMPETED",
    "not_competed_reason": "ONLY ONE SOURCE-OTHER (FAR 6.302-1 OTHER)",
    "offers_received": 1,
    "solicitation_procedure": "ONLY ONE SOURCE",
    "set_aside_code": "8AN",
    "set_aside": "8(A) SOLE SOURCE",
    "commercial_procedures": "COMMERCIAL PRODUCTS/SERVICES",
    "pricing_code": "J",
    "pricing": "FIRM FIXED PRICE",
    "outlays": Decimal("1787500.00"),
    "disaster_codes": ("N", "Q"),
    "subaward_count": 2,
    "subaward_total": Decimal("250000.50"),
}
# An order under a multiple-award contract that was competed: the order itself was not.
NO_FAIR_OPPORTUNITY: dict[str, Any] = {
    "extent_competed_code": "A",
    "extent_competed": "FULL AND OPEN COMPETITION",
    "fair_opportunity_code": "ONE",
    "fair_opportunity": "ONLY ONE SOURCE - OTHER",
    "set_aside_code": "NONE",
    "set_aside": "NO SET ASIDE USED.",
}

SOFTWARE = "IT AND TELECOM - BUSINESS APPLICATION SOFTWARE (PERPETUAL LICENSE SOFTWARE)"
FACES = "CLEARVIEW FACIAL RECOGNITION ENTERPRISE LICENSES"
CLEARVIEW = award(
    "CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-",
    "CLEARVIEW AI, INC.",
    ICE,
    (SOFTWARE, "SOFTWARE PUBLISHERS"),
    [
        ("0", "2021-09-03", "500000.00", FACES),
        ("P00001", "2021-11-29", "0.00", FACES),
        ("P00002", "2022-06-29", "500000.00", FACES),
        ("P00003", "2022-09-06", "500000.00", FACES),
        ("P00005", "2023-09-12", "787500.00", FACES),
    ],
)
CLEARVIEW_AT_FIRST = with_actions(CLEARVIEW, CLEARVIEW.actions[:1])
CLEARVIEW_FORENSIC = award(
    "CONT_AWD_70CMSD24P00000119_7012_-NONE-_-NONE-",
    "CLEARVIEW AI, INC.",
    ICE,
    (SOFTWARE, "SOFTWARE PUBLISHERS"),
    [("0", "2024-09-03", "1102500.00", "FORENSIC SOFTWARE")],
)
BABEL = award(
    "CONT_AWD_70B03C23F00001053_7014_HSHQDC12D00013_7001",
    "PANAMERICA COMPUTERS, INC.",
    CBP,
    (SOFTWARE, "OTHER COMPUTER RELATED SERVICES"),
    [
        (
            "0",
            "2023-09-25",
            "2259173.89",
            "BABEL STREET LICENSES IN SUPPORT OF CBP/NTC OPERATORS AND ANALYSTS ACROSS THE ENTERPRISE",
        ),
        (
            "P00001",
            "2024-03-19",
            "3646827.09",
            "OY 1 - EXERCISE FOR CBP REQUIRES BABEL STREET SOFTWARE AND MAINTENANCE.",
        ),
    ],
)
CHAMPLAIN = "EQUIPMENT FOR CHAMPLAIN BORDER PATROL STATION IN CHAMPLAIN, NEW YORK"
EQUIPMENT = award(
    "CONT_AWD_70B04C24F00000218_7014_HSHQDC12D00013_7001",
    "PANAMERICA COMPUTERS, INC.",
    CBP,
    (
        "IT AND TELECOM - IT MANAGEMENT TOOLS/PRODUCTS (HARDWARE AND PERPETUAL LICENSE SOFTWARE)",
        "OTHER COMPUTER RELATED SERVICES",
    ),
    [
        ("0", "2024-03-18", "177494.75", "INFRASTRUCTURE EQUIPMENT AND ANCILLARY PARTS"),
        ("P00001", "2024-06-26", "-939.00", CHAMPLAIN),
        ("P00002", "2024-06-27", "-1027.10", CHAMPLAIN),
    ],
)
COURT_REPORTER = award(
    "CONT_AWD_70B06C22P00000094_7014_-NONE-_-NONE-",
    "HUSEBY INC",
    CBP,
    ("SUPPORT- PROFESSIONAL: OTHER", "COURT REPORTING AND STENOTYPE SERVICES"),
    [
        ("0", "2022-04-26", "2680.00", "COURT REPORTER SERVICES"),
        ("P00001", "2022-05-16", "-2680.00", "TERMINATE FOR GOVERNMENT'S CONVENIENCE"),
    ],
)
