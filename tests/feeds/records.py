"""Stored awards and events for the tests, made of public facts.

Recipients, amounts, dates, descriptions and keys are rows of USAspending's contract transactions of ICE and CBP, fiscal
years 2021-2024 (public record). What those rows do not hold (UEI, ceiling, period) is left empty here, except where a
test sets a value of its own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from storage.models import (
    EventKind,
    StoredAction,
    StoredEvent,
    StoredEvidence,
    StoredMatch,
    StoredRecord,
    StoredSignal,
)

SEEN = datetime(2026, 11, 20, 14, 5, 9, 123456, tzinfo=UTC)
ICE = ("7012", "U.S. Immigration and Customs Enforcement")
CBP = ("7014", "U.S. Customs and Border Protection")


def signal(text: str, within: str, field: str, kind: str = "name", action_key: str = "") -> StoredSignal:
    start = within.index(text)
    return StoredSignal(
        kind=kind,
        field=field,
        text=text,
        term=text.title(),
        start=start,
        end=start + len(text),
        score=1.0,
        action_key=action_key,
    )


def match(vendor_id: str, name: str, category: str, *signals: StoredSignal) -> StoredMatch:
    words = " and ".join(f'"{item.text}"' for item in signals)
    return StoredMatch(
        vendor_id=vendor_id,
        vendor_name=name,
        category=category,
        band="published",
        score=0.97,
        reason=f"Matched because the record holds {words}.",
        signals=signals,
        first_seen=SEEN,
    )


def award(
    key: str,
    recipient: str,
    description: str,
    *matches: StoredMatch,
    agency: tuple[str, str] = ICE,
    obligated: str | None = None,
    signed: date | None = None,
    psc_text: str = "",
    naics_text: str = "",
) -> StoredRecord:
    _, _, piid, _, parent, _ = key.split("_")
    return StoredRecord(
        key=key,
        source="usaspending",
        category="contract",
        type_text="DELIVERY ORDER" if parent != "-NONE-" else "PURCHASE ORDER",
        piid=piid,
        parent_piid="" if parent == "-NONE-" else parent,
        description=description,
        recipient_name=recipient,
        agency_code="070",
        agency_name="Department of Homeland Security",
        sub_agency_code=agency[0],
        sub_agency_name=agency[1],
        obligated=Decimal(obligated) if obligated else None,
        signed=signed,
        psc_text=psc_text,
        naics_text=naics_text,
        url=f"https://www.usaspending.gov/award/{key}/",
        first_seen=SEEN,
        last_changed=SEEN,
        matches=matches,
    )


def action(of: StoredRecord, modification: str, obligation: str | None, signed: date, description: str) -> StoredAction:
    parent = of.parent_piid or "-NONE-"
    return StoredAction(
        key=f"{of.sub_agency_code}_-NONE-_{of.piid}_{modification}_{parent}_0",
        award_key=of.key,
        modification=modification,
        signed=signed,
        obligation=Decimal(obligation) if obligation is not None else None,
        description=description,
        first_seen=SEEN,
    )


def event(
    of: StoredRecord,
    about: StoredAction | None,
    kind: EventKind = EventKind.MODIFIED,
    *,
    seen: datetime = SEEN,
    before: str = "",
    after: str = "",
    earlier: int = 0,
) -> StoredEvent:
    return StoredEvent(
        id=f"tag:procurewatch,2026:award/{of.key}/{about.modification if about else '-'}/{kind}",
        kind=kind,
        record=of,
        action=about,
        amount=about.obligation if about else None,
        signed=about.signed if about else None,
        published=None,
        first_seen=seen,
        old_value=before,
        new_value=after,
        earlier_actions=earlier,
    )


def evidence(of: StoredRecord) -> StoredEvidence:
    return StoredEvidence(
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        url=f"https://api.usaspending.gov/api/v2/awards/{of.key}/",
        request="",
        retrieved_at=SEEN,
        content_type="application/json",
        size=4211,
    )


_CLEARVIEW_TEXT = "CLEARVIEW FACIAL RECOGNITION ENTERPRISE LICENSES"
CLEARVIEW = award(
    "CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-",
    "CLEARVIEW AI, INC.",
    _CLEARVIEW_TEXT,
    match(
        "clearview-ai",
        "Clearview AI",
        "face-recognition",
        signal("CLEARVIEW AI, INC.", "CLEARVIEW AI, INC.", "recipient_name"),
        signal("CLEARVIEW", _CLEARVIEW_TEXT, "description", "product"),
    ),
    obligated="2287500.00",
    signed=date(2021, 9, 3),
    psc_text="IT AND TELECOM - BUSINESS APPLICATION SOFTWARE (PERPETUAL LICENSE SOFTWARE)",
    naics_text="SOFTWARE PUBLISHERS",
)
CLEARVIEW_ACTIONS = (
    action(CLEARVIEW, "0", "500000.00", date(2021, 9, 3), _CLEARVIEW_TEXT),
    action(CLEARVIEW, "P00001", "0.00", date(2021, 11, 29), _CLEARVIEW_TEXT),
    action(CLEARVIEW, "P00002", "500000.00", date(2022, 6, 29), _CLEARVIEW_TEXT),
    action(CLEARVIEW, "P00003", "500000.00", date(2022, 9, 6), _CLEARVIEW_TEXT),
    action(CLEARVIEW, "P00005", "787500.00", date(2023, 9, 12), _CLEARVIEW_TEXT),
)

_BABEL_OPTION = "OY 1 - EXERCISE FOR CBP REQUIRES BABEL STREET SOFTWARE AND MAINTENANCE."
_BABEL_TEXT = "BABEL STREET LICENSES IN SUPPORT OF CBP/NTC OPERATORS AND ANALYSTS ACROSS THE ENTERPRISE"
_BABEL_OPTION_KEY = "7014_-NONE-_70B03C23F00001053_P00001_HSHQDC12D00013_0"
BABEL = award(
    "CONT_AWD_70B03C23F00001053_7014_HSHQDC12D00013_7001",
    "PANAMERICA COMPUTERS, INC.",
    _BABEL_TEXT,
    match(
        "babel-street",
        "Babel Street",
        "social-media",
        signal("BABEL STREET", _BABEL_TEXT, "description", "product"),
        signal("BABEL STREET", _BABEL_OPTION, "action_description", "product", _BABEL_OPTION_KEY),
    ),
    agency=CBP,
    obligated="5906000.98",
    signed=date(2023, 9, 25),
    psc_text="IT AND TELECOM - BUSINESS APPLICATION SOFTWARE (PERPETUAL LICENSE SOFTWARE)",
    naics_text="OTHER COMPUTER RELATED SERVICES",
)
BABEL_ACTIONS = (
    action(BABEL, "0", "2259173.89", date(2023, 9, 25), _BABEL_TEXT),
    action(BABEL, "P00001", "3646827.09", date(2024, 3, 19), _BABEL_OPTION),
)

_GREYKEY_TEXT = "GREYKEY SOFTWARE RENEWAL"
GREYKEY = award(
    "CONT_AWD_70B06C23F00001007_7014_HSHQDC12D00013_7001",
    "PANAMERICA COMPUTERS, INC.",
    _GREYKEY_TEXT,
    match(
        "grayshift",
        "Grayshift (Magnet Forensics)",
        "device-forensics",
        signal("GREYKEY", _GREYKEY_TEXT, "description", "product"),
    ),
    agency=CBP,
    obligated="145185.00",
    signed=date(2023, 8, 30),
)
GREYKEY_ACTIONS = (action(GREYKEY, "0", "145185.00", date(2023, 8, 30), _GREYKEY_TEXT),)

_PALANTIR_TEXT = "ICM LICENSES, HOSTING, HELPDESK, AND O&M SUPPORT;"
PALANTIR = award(
    "CONT_AWD_70CTD019FR0000268_7012_GS35F0086U_4730",
    "PALANTIR TECHNOLOGIES INC.",
    _PALANTIR_TEXT,
    match(
        "palantir",
        "Palantir",
        "analytics",
        signal("PALANTIR TECHNOLOGIES INC.", "PALANTIR TECHNOLOGIES INC.", "recipient_name"),
    ),
    psc_text="IT AND TELECOM- IT STRATEGY AND ARCHITECTURE",
    naics_text="SOFTWARE PUBLISHERS",
)
PALANTIR_ACTIONS = (action(PALANTIR, "P00007", "-1402838.41", date(2021, 3, 30), _PALANTIR_TEXT),)


def hostile(text: str, *, key: str = CLEARVIEW.key) -> StoredEvent:
    """An event whose every text from outside is `text`, with signals that point anywhere."""
    signals = (
        StoredSignal(kind="product", field="description", text=text[:3], term=text, start=-4, end=10**9, score=0.5),
        StoredSignal(kind="product", field="description", text="", term=text, start=1, end=3, score=0.5),
        StoredSignal(kind="odd", field=text, text=text, term=text, start=5, end=2, score=0.5, action_key=text),
    )
    concerned = StoredMatch(
        vendor_id=text,
        vendor_name=text,
        category=text,
        band="published",
        score=0.5,
        reason=text,
        signals=signals,
        first_seen=SEEN,
    )
    of = replace(
        CLEARVIEW,
        key=key,
        description=text,
        recipient_name=text,
        recipient_uei=text,
        sub_agency_name=text,
        sub_agency_code=text,
        office=text,
        place=text,
        piid=text,
        url=text,
        matches=(concerned,),
    )
    about = replace(CLEARVIEW_ACTIONS[2], modification=text, description=text, action_type_text=text)
    return replace(event(of, about), id="tag:procurewatch,2026:award/hostile", old_value=text, new_value=text)
