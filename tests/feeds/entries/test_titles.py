"""What a title says, kind by kind, on real actions: vendor, amount, buyer, what happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from feeds.entries.matches import buyer_name, record_label
from feeds.entries.names import company_name
from feeds.entries.titles import title_for
from sources.records import Amount, AmountMeaning
from storage.models import EventKind, StoredEvent, StoredRecord
from tests.feeds.records import (
    BABEL,
    BABEL_ACTIONS,
    CBP,
    CLEARVIEW,
    CLEARVIEW_ACTIONS,
    GREYKEY,
    GREYKEY_ACTIONS,
    PALANTIR,
    PALANTIR_ACTIONS,
    SEEN,
    action,
    award,
    event,
    match,
    signal,
)

NEW = event(CLEARVIEW, CLEARVIEW_ACTIONS[0], EventKind.NEW_AWARD)
OPTION = event(BABEL, BABEL_ACTIONS[1], EventKind.OPTION_EXERCISED)
NUMBER = "70CMSD21P00000127"
DAYS = timedelta(days=10)
CEILING = Amount(meaning=AmountMeaning.CEILING, dollars=Decimal("618900000"))
SUBAWARDED = Amount(meaning=AmountMeaning.SUBAWARDED, dollars=Decimal("25000"))
AMOUNT_WITHIN = 60  # characters


def ended(why: str) -> StoredEvent:
    return event(PALANTIR, replace(PALANTIR_ACTIONS[0], action_type_text=why), EventKind.TERMINATED)


def published(category: str, **facts: Any) -> StoredRecord:
    return replace(PALANTIR, category=category, **{"piid": "W52P1J24D0001", **facts})


@pytest.mark.parametrize(
    ("of", "title"),
    [
        (NEW, "Clearview AI · $500,000 · ICE · new contract"),
        (
            replace(NEW, earlier_actions=4),
            "Clearview AI · $500,000 · ICE · new contract, first seen with 4 modifications",
        ),
        (
            event(BABEL, BABEL_ACTIONS[0], EventKind.NEW_AWARD),
            "Babel Street · $2,259,173 · CBP via Panamerica Computers · new order",
        ),
        (
            event(GREYKEY, GREYKEY_ACTIONS[0], EventKind.NEW_AWARD),
            "Grayshift (Magnet Forensics) · $145,185 · CBP via Panamerica Computers · new order",
        ),
        (event(CLEARVIEW, CLEARVIEW_ACTIONS[3]), "Clearview AI · $500,000 · ICE · modified P00003"),
        (event(CLEARVIEW, CLEARVIEW_ACTIONS[1]), f"Clearview AI · $0 · ICE · modified P00001 · {NUMBER}"),
        (
            event(CLEARVIEW, replace(CLEARVIEW_ACTIONS[1], action_type_text="CHANGE ORDER")),
            f"Clearview AI · $0 · ICE · modified P00001: change order · {NUMBER}",
        ),
        (
            event(CLEARVIEW, replace(CLEARVIEW_ACTIONS[3], action_type_text="FUNDING ONLY ACTION")),
            "Clearview AI · $500,000 · ICE · modified P00003",
        ),
        (
            event(CLEARVIEW, replace(CLEARVIEW_ACTIONS[3], obligation=Decimal("-0.17")), EventKind.DEOBLIGATED),
            f"Clearview AI · \N{MINUS SIGN}$0.17 · ICE · de-obligated P00003 · {NUMBER}",
        ),
        (
            event(PALANTIR, PALANTIR_ACTIONS[0], EventKind.DEOBLIGATED),
            "Palantir · \N{MINUS SIGN}$1,402,838 · ICE · de-obligated P00007",
        ),
        (OPTION, "Babel Street · $3,646,827 · CBP via Panamerica Computers · option exercised P00001"),
        (
            ended("TERMINATE FOR CONVENIENCE (COMPLETE OR PARTIAL)"),
            "Palantir · \N{MINUS SIGN}$1,402,838 · ICE · terminated for convenience P00007",
        ),
        (
            event(CLEARVIEW, None, EventKind.EXTENDED, before="2024-09-30", after="2025-09-30"),
            f"Clearview AI · ICE · extended to 2025-09-30, was 2024-09-30 · {NUMBER}",
        ),
        (
            event(CLEARVIEW, None, EventKind.CEILING_RAISED, before="$9,200,000.00", after="$12,000,000.00"),
            f"Clearview AI · $12,000,000 · ICE · ceiling raised from $9,200,000 · {NUMBER}",
        ),
        (
            event(CLEARVIEW, None, EventKind.RECIPIENT_CHANGED, before="A, INC.", after="B LLC"),
            f"Clearview AI · ICE · recipient changed from A, INC. to B LLC · {NUMBER}",
        ),
        (
            event(CLEARVIEW, None, EventKind.RENUMBERED, before="CONT_AWD_A", after="CONT_AWD_B"),
            f"Clearview AI · ICE · award key changed · {NUMBER}",
        ),
        (
            event(CLEARVIEW, None, EventKind.DESCRIPTION_CHANGED, before="X", after="Y"),
            f"Clearview AI · ICE · description changed 2026-11-20 · {NUMBER}",
        ),
        (
            event(CLEARVIEW, CLEARVIEW_ACTIONS[2], EventKind.CORRECTED, before="$5.00", after="-$6.40"),
            "Clearview AI · \N{MINUS SIGN}$6 · ICE · corrected P00002, was $5",
        ),
        (
            event(
                CLEARVIEW,
                CLEARVIEW_ACTIONS[2],
                EventKind.CORRECTED,
                before="signed 2022-06-29",
                after="signed 2022-08-29",
            ),
            "Clearview AI · $500,000 · ICE · corrected P00002: signed 2022-08-29, was 2022-06-29",
        ),
        (
            replace(event(CLEARVIEW, CLEARVIEW_ACTIONS[3]), is_first_sight=True),
            "Clearview AI · $500,000 · ICE · modified P00003, award of 2021 seen for the first time",
        ),
        (
            event(CLEARVIEW, CLEARVIEW_ACTIONS[2], EventKind.DELETED),
            "Clearview AI · $500,000 · ICE · modification P00002 deleted by the source",
        ),
        (
            event(
                BABEL,
                None,
                EventKind.FIRST_PURCHASE_WITHDRAWN,
                before="Babel Street",
                after="70B03C21F00000700, signed 2021-05-01",
            ),
            "Babel Street · CBP via Panamerica Computers · not the first purchase: an earlier one is 70B03C21F00000700,"
            " signed 2021-05-01 · 70B03C23F00001053",
        ),
        (
            event(BABEL, None, EventKind.WITHDRAWN, before="Babel Street"),
            "Babel Street · CBP via Panamerica Computers · match withdrawn by a reviewer · 70B03C23F00001053",
        ),
        (
            event(
                published("announcement", sub_agency_code="", sub_agency_name="ARMY", amounts=(CEILING,)),
                None,
                EventKind.ANNOUNCED,
            ),
            "Palantir · $618,900,000 ceiling · Army · announced · W52P1J24D0001",
        ),
        (
            event(
                published("notice", type_text="Sources Sought", title="FACE MATCHING", deadline=SEEN + DAYS),
                None,
                EventKind.NEW_NOTICE,
            ),
            "Palantir · ICE · Sources Sought: FACE MATCHING, due 2026-11-30 (10 days left) · W52P1J24D0001",
        ),
        (
            event(
                published("subaward", amounts=(SUBAWARDED,), facts=(("Prime recipient", "LEIDOS, INC."),)),
                None,
                EventKind.SUBAWARDED,
            ),
            "Palantir · $25,000 · ICE · subaward under LEIDOS, INC.'s award · W52P1J24D0001",
        ),
        (
            event(
                published("use-case", title="Video search", piid="", facts=(("Use case ID", "DHS-172"),)),
                None,
                EventKind.USE_CASE,
            ),
            "Palantir · ICE · AI use case: Video search · DHS-172",
        ),
        (
            event(
                published(
                    "document", type_text="Notice", title="Privacy Act", piid="", key="FEDERAL_REGISTER_2026-19895"
                ),
                None,
                EventKind.DOCUMENT,
                after="on public inspection",
            ),
            "Palantir · ICE · Notice: Privacy Act (on public inspection) · 2026-19895",
        ),
    ],
)
def test_title(of: StoredEvent, title: str) -> None:
    assert title_for(of) == title


def test_the_title_of_a_topic_names_the_technology_and_who_is_paid() -> None:
    words = "BODY WORN CAMERAS"
    cameras = match(
        "topic-body-worn-cameras", "Body-worn cameras", "body-cameras", signal(words, words, "description", "topic")
    )
    axon = award("CONT_AWD_70B02C23F00000628_7014_-NONE-_-NONE-", "AXON ENTERPRISE, INC.", words, cameras, agency=CBP)
    about = action(axon, "0", "26600.00", date(2023, 8, 25), words)
    of = event(axon, about, EventKind.NEW_AWARD)
    assert title_for(of) == "Body-worn cameras · $26,600 · CBP from Axon Enterprise · new contract"
    assert record_label(axon) == "Body-worn cameras from AXON ENTERPRISE, INC."
    named = signal("AXON ENTERPRISE, INC.", "AXON ENTERPRISE, INC.", "recipient_name")
    vendor = match("axon-enterprise", "Axon Enterprise", "body-cameras", named)
    both = replace(of, record=replace(axon, matches=(vendor, cameras)))
    assert title_for(both) == "Axon Enterprise · $26,600 · CBP · new contract"


def test_a_subsidiary_is_named_beside_the_buyer() -> None:
    of = replace(NEW, record=replace(CLEARVIEW, recipient_name="INSIGHT CAMERA HOLDINGS LLC"))
    assert title_for(of) == "Clearview AI · $500,000 · ICE from Insight Camera Holdings · new contract"


def test_the_amount_stands_early_however_many_vendors_match() -> None:
    other = replace(CLEARVIEW.matches[0], vendor_id="b", vendor_name="Northrop Grumman Systems Corporation")
    third = replace(other, vendor_id="c", vendor_name="General Atomics Aeronautical Systems of America")
    for matches in ((other,), (third,), (other, third), (CLEARVIEW.matches[0], other, third)):
        title = title_for(replace(NEW, record=replace(CLEARVIEW, matches=matches)))
        assert title.index("$500,000") + len("$500,000") <= AMOUNT_WITHIN
    assert title.startswith("Clearview AI +2 · $500,000")


def test_a_title_like_an_earlier_one_has_the_award_number() -> None:
    assert title_for(replace(NEW, has_twin=True)) == f"Clearview AI · $500,000 · ICE · new contract · {NUMBER}"


def test_the_title_of_an_event_includes_its_milestones() -> None:
    first = replace(NEW, kind=EventKind.FIRST_PURCHASE, amount=None, old_value="Clearview AI", new_value="2007-10-01")
    total = replace(first, kind=EventKind.ROUND_SUM, total=Decimal("1012345.67"), new_value="1000000")
    title = "Clearview AI · $500,000 · ICE · new contract"
    both = f"{title} · first purchase on record · total passed $1 million"
    assert title_for(replace(NEW, milestones=(first, total))) == both
    other = replace(CLEARVIEW.matches[0], vendor_id="palantir", vendor_name="Palantir")
    of = replace(NEW, record=replace(CLEARVIEW, matches=(*CLEARVIEW.matches, other)), milestones=(first, total))
    assert title_for(of) == (
        "Clearview AI, Palantir · $500,000 · ICE · new contract"
        " · first purchase of Clearview AI on record · total for Clearview AI passed $1 million"
    )
    assert title_for(total) == f"Clearview AI · $1,012,345 in all · ICE · total passed $1 million · {NUMBER}"


def test_an_amount_that_cannot_be_true_is_marked() -> None:
    doubtful = replace(CLEARVIEW, amount_warning="the digits of its number")
    assert title_for(replace(NEW, record=doubtful)).startswith("Clearview AI · $500,000 (amount warning) · ICE")


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("TERMINATE FOR DEFAULT (COMPLETE OR PARTIAL)", "terminated for default"),
        ("TERMINATE FOR CAUSE", "terminated for cause"),
        ("LEGAL CONTRACT CANCELLATION", "canceled"),
        ("", "terminated"),
    ],
)
def test_reasons_of_termination(why: str, words: str) -> None:
    assert title_for(ended(why)).endswith(f" · {words} P00007")


def test_every_kind_has_a_title_without_an_action_or_an_amount() -> None:
    for kind in EventKind:
        title = title_for(event(CLEARVIEW, None, kind))
        assert title.startswith("Clearview AI · ")
        assert title.endswith(f" · {NUMBER}")


def test_amounts_are_never_mixed_up() -> None:
    unknown = replace(NEW, action=None, amount=None)
    assert " · $2,287,500 obligated to date · " in title_for(unknown)
    assert " · amount not stated · " in title_for(replace(unknown, record=replace(CLEARVIEW, obligated=None)))
    vehicle = replace(CLEARVIEW, category="idv", ceiling=Decimal("9200000"))
    empty = replace(NEW, record=vehicle, amount=Decimal(0))
    assert title_for(empty) == f"Clearview AI · ceiling $9,200,000 · ICE · new ordering contract · {NUMBER}"


def test_a_match_nobody_has_looked_at_is_not_told() -> None:
    doubtful = replace(BABEL.matches[0], band="review")
    title = title_for(replace(OPTION, record=replace(BABEL, matches=(doubtful,))))
    assert title == "Panamerica Computers · $3,646,827 · CBP · option exercised P00001"


def test_a_parent_that_matches_is_no_reseller() -> None:
    concern = replace(BABEL.matches[0], signals=(replace(BABEL.matches[0].signals[0], field="recipient_parent_name"),))
    of = event(replace(BABEL, matches=(concern,)), BABEL_ACTIONS[0], EventKind.NEW_AWARD)
    assert title_for(of) == "Babel Street · $2,259,173 · CBP from Panamerica Computers · new order"


@pytest.mark.parametrize(
    ("code", "name", "department", "buyer"),
    [
        ("7012", "U.S. Immigration and Customs Enforcement", "Department of Homeland Security", "ICE"),
        ("", "U.S. Customs and Border Protection", "Homeland Security Department", "CBP"),
        ("", "AIR FORCE", "Department of Defense", "Air Force"),
        ("97ZS", "USSOCOM", "Department of Defense", "SOCOM"),
        ("", "U.S. SPECIAL OPERATIONS COMMAND", "Department of Defense", "SOCOM"),
        ("", "Federal Bureau of Investigation", "Department of Justice", "FBI"),
        ("1900", "Department of State", "Department of State", "State"),
        ("", "Bureau of Alcohol, Tobacco, Firearms, and Explosives", "Department of Justice", "ATF"),
        ("", "Housing and Urban Development Department", "", "HUD"),
        ("7001", "Office of Procurement Operations", "Department of Homeland Security",
         "DHS Office of Procurement Operations"),
        ("", "", "Department of Justice", "DOJ"),
        ("", "SMALL BUREAU OF THE MINT", "", "Small Bureau of the Mint"),
        ("", "", "", "a federal agency"),
    ],
)  # fmt: skip
def test_agencies_have_the_names_that_readers_know(code: str, name: str, department: str, buyer: str) -> None:
    of = replace(CLEARVIEW, sub_agency_code=code, sub_agency_name=name, agency_code="", agency_name=department)
    assert buyer_name(of) == buyer


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("PANAMERICA COMPUTERS, INC.", "Panamerica Computers"),
        ("CDW GOVERNMENT LLC", "CDW Government"),
        ("AT&T MOBILITY L.L.C.", "AT&T Mobility"),
        ("BANK OF THE WEST CO., LTD", "Bank of the West"),
        ("L3HARRIS TECHNOLOGIES, INC.", "L3HARRIS Technologies"),
        ("B.I. INCORPORATED", "B.I."),
        ("Axon Enterprise, Inc.", "Axon Enterprise"),
        ("AIR-TEC LIMITED LIABILITY COMPANY", "Air-TEC"),
        ("LLC", "LLC"),
        ("", ""),
    ],
)
def test_companies_have_readable_names(name: str, plain: str) -> None:
    assert company_name(name) == plain
