"""Recipient names and descriptions are copied from real ICE and CBP contract actions, fiscal years 2021-2024
(USAspending, public record), unless a comment says that they are made up."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.matching.matcher import Match, Matcher, SignalKind
from monitors.matching.phrase_index import vendor_terms
from monitors.matching.scoring import REVIEW_FROM
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Portfolio, Strength, Vendor, Watchlist
from storage.models import MatchBand
from tests.app_context import shipped
from tests.awards import award, of_vendors

WATCHLIST = shipped()
MATCHER = Matcher(WATCHLIST)


def only(matches: tuple[Match, ...]) -> Match:
    matches = of_vendors(matches)
    assert len(matches) == 1, [(match.vendor_id, match.rule) for match in matches]
    return matches[0]


@pytest.mark.parametrize(
    ("name", "vendor", "kind"),
    [
        ("CLEARVIEW AI, INC.", "clearview-ai", SignalKind.NAME),
        ("PALANTIR TECHNOLOGIES INC.", "palantir", SignalKind.NAME),
        ("CELLEBRITE INC", "cellebrite", SignalKind.NAME),
        ("MAGNET FORENSICS USA INC", "magnet-forensics", SignalKind.NAME),
        ("PEN-LINK, LIMITED", "penlink", SignalKind.NAME),
        ("COBWEBS AMERICA INC", "penlink", SignalKind.ALIAS),
        ("B.I. INCORPORATED", "bi-incorporated", SignalKind.NAME),
        ("PARAGON SOLUTIONS (US) INC", "paragon-solutions", SignalKind.NAME),
        ("VENNTEL INC", "venntel", SignalKind.NAME),
        ("TRM LABS, INC.", "trm-labs", SignalKind.NAME),
        ("MSAB INCORPORATED", "msab", SignalKind.NAME),
        ("ANDE CORP", "ande", SignalKind.NAME),
        ("TEAL DRONES INC", "teal-drones", SignalKind.NAME),
        ("GRAYSHIFT, LLC", "magnet-forensics", SignalKind.FORMER_NAME),  # made up: not in these years
        ("SKYDIO FEDERAL LLC", "skydio", SignalKind.FUZZY_NAME),  # made up: a branch
        ("PALANTR TECHNOLOGIES INC", "palantir", SignalKind.FUZZY_NAME),  # made up: a slip
        ("ANY RESELLER LLC DBA BABEL STREET", "babel-street", SignalKind.NAME),  # made up
    ],
)
def test_a_vendor_that_is_paid_itself_is_published(name: str, vendor: str, kind: SignalKind) -> None:
    match = only(MATCHER.matches(award(name, "EXERCISE OPTION YEAR 1")))
    assert (match.vendor_id, match.band, match.signals[0].kind) == (vendor, MatchBand.PUBLISHED, kind)
    assert match.category == WATCHLIST.by_id[vendor].category


@pytest.mark.parametrize(
    ("name", "description", "vendor"),
    [
        ("PANAMERICA COMPUTERS, INC.", "BABEL STREET SOFTWARE", "babel-street"),
        ("PANAMERICA COMPUTERS, INC.", "GREYKEY SOFTWARE RENEWAL", "magnet-forensics"),
        ("PANAMERICA COMPUTERS, INC.", "GRAY KEY LICENSES", "magnet-forensics"),
        ("PANAMERICA COMPUTERS, INC.", "GRAYSHIFT LICENSES.", "magnet-forensics"),
        ("SOFTWARE INFORMATION RESOURCE CORP.", "SHADOW DRAGON OI MONITOR", "shadowdragon"),
        ("THUNDERCAT TECHNOLOGY, LLC", "GIANT OAK SEARCH TECHNOLOGY (GOST) FOR THE NTC", "giant-oak"),
        ("FS PARTNERS, LLP", "FIVECAST ONYX LICENSES FOR THE NTC", "fivecast"),
        ("FS PARTNERS, LLP", "XRY-PRO LICENSE", "msab"),
        ("CARAHSOFT TECHNOLOGY CORP", "UFED SOFTWARE LICENSE RENEWAL FOR US BORDER PATROL SAN DIEGO SEC", "cellebrite"),
        ("DELL FEDERAL SYSTEMS L.P", "TECHOPS REQUIRES PENLINK PLX REMOTE DESKTOP CLIENT ACCESS LICENSES", "penlink"),
        ("BLUE TECH INC.", "OY 1 - TRM LABS LICENSES WITH ANCILLARY TESTING AND TECHNICAL SUPPORT", "trm-labs"),
        ("GOVERNMENT ACQUISITIONS INC", "NEC NEOSCAN 45", "nec"),
        ("ATLANTIC DIVING SUPPLY, INC.", "SSKYDIO X2D AEF BUNDLE 5GHZ EO/IR DRONE", "skydio"),
        ("FS PARTNERS, LLP", "SOFTWARE LICENSE PROCUREMENT FOR SOCIALNET.", "shadowdragon"),
        ("REDACTED DUE TO PII", "CELLEBRITE TRAINING", "cellebrite"),  # made up: the name says nothing, the words do
    ],
)
def test_what_is_bought_through_a_reseller_is_published(name: str, description: str, vendor: str) -> None:
    match, *others = of_vendors(MATCHER.matches(award(name, description)))
    assert (match.vendor_id, match.band) == (vendor, MatchBand.PUBLISHED)
    assert all(other.band is MatchBand.REVIEW for other in others)
    assert all(signal.kind in (SignalKind.PRODUCT, SignalKind.MENTION) for signal in match.signals)


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("CLEARVIEW CLEANING LLC", "JANITORIAL SERVICES"),  # made up: the case every reader unsubscribes over
        ("BRIGHT FACILITIES LLC", "CLEARVIEW CLEANING SERVICES FOR THE EL PASO STATION"),  # made up
        ("1NTEGER LLC", "ACCESS KHARONS CLEARVIEW TOOL, KHARONS DYNAMIC ANALYTICS FORCED LABOR DATA"),
        ("1NTEGER LLC", "ACCESS KHARON'S CLEARVIEW TOOL"),  # made up: the same with its apostrophe
        ("PARAGON SYSTEMS INC", "PROTECTIVE SECURITY OFFICER SERVICES"),
        ("PARAGON MICRO INC", "LAPTOPS"),
        ("PARAGON PROFESSIONAL SERVICES LLC", "GUARD SERVICES"),
        ("EVIGILANT.COM, LLC", "SECURITY SYSTEM UPGRADE"),
        ("COGNITECH LLC", "VIDEO SOFTWARE"),
        ("KEYENCE CORPORATION OF AMERICA", "MICROSCOPE"),
        ("W. HARRIS, GOVERNMENT SERVICES CONTRACTOR, INC.", "JANITORIAL"),
        ("MAGNET YOUR EVENT LLC", "OFFICE SPACE RENTAL"),
        ("ANACAPA MICRO PRODUCTS, INC.", "AXONIUS ASSETS INVENTORY RENEWAL"),
        ("AEP-CALIFORNIA, LLC", "ERO SAN DIEGO RETROFITS FOR 8 CHRYSLER VOYAGERS"),
        ("PANAMERICA COMPUTERS, INC.", "TWISTLOCK LICENSE RENEWAL FOR RAVEN"),
        ("AFFIGENT, LLC", "FALCON ENDPOINT ENTERPRISE RENEWAL SOFTWARE"),
        ("NETSCOUT SYSTEMS INC", "THREE YEARS OF MAINTENANCE FOR AIRMAGNET."),
        ("WIDEPOINT INTEGRATED SOLUTIONS CORP", "CELLULAR WIRELESS DATA SERVICES FOR TECHOPS"),
        ("RECONYX, INC", "PURCHASE OF CELLULAR WIRELESS TRAIL CAMERAS."),
        ("BI LLC", "BUSINESS INTELLIGENCE (BI) DASHBOARD"),  # made up
        ("HARRIS INC", "ROOF REPAIR"),  # made up: another Harris
        ("REDACTED DUE TO PII", "REIMBURSEMENT"),
        ("MISCELLANEOUS FOREIGN AWARDEES", ""),
        ("", ""),
    ],
)
def test_what_only_looks_like_a_vendor_does_not_match(name: str, description: str) -> None:
    assert MATCHER.matches(award(name, description)) == ()


@pytest.mark.parametrize(
    ("name", "description", "vendor"),
    [
        ("MOTOROLA SOLUTIONS, INC.", "MOTOROLA RADIO EQUIPMENT AND ACCESSORIES", "motorola-vigilant"),
        ("THE GEO GROUP, INC.", "DETENTION SERVICES FOR RIO GRANDE DETENTION CENTER", "bi-incorporated"),
        ("AXON ENTERPRISE, INC.", "TASER CARTRIDGES TO SUPPORT ERO TASER INSTRUCTOR COURSES", "axon"),
        ("RELX INC.", "ONLINE LAW LIBRARY FOR DETAINEES", "lexisnexis-risk"),
        ("RELX INC.", "ACCESS TO THE LEXISNEXIS DATABASE OPTION 4", "lexisnexis-risk"),
        ("WEST PUBLISHING CORPORATION", "LEGAL PUBLICATIONS/BOOKS", "thomson-reuters"),
        ("L3HARRIS TECHNOLOGIES, INC.", "RADIO COMMUNICATION EQUIPMENT FOR U.S. BORDER PATROL.", "l3harris"),
        ("CELLCO PARTNERSHIP", "AUTONOMOUS SURVEILLANCE TOWERS (AST) PROGRAM.", "anduril"),
        ("ANY COMPANY LLC", "PURCHASE OF CLEARVIEW LICENSES", "clearview-ai"),  # made up: one word
        ("ANY COMPANY LLC", "BERLA TRAINING", "berla"),  # made up: one word, not marked strong
        ("CELEBRITE INC", "TRAINING", "cellebrite"),  # made up: one misspelt word
        ("PARAGON SOLUTIONS LLC", "CONSULTING", "paragon-solutions"),  # made up: every word is common
        ("GIANT OAK LLC", "SUPPORT", "giant-oak"),  # made up
    ],
)
def test_what_a_person_should_see_first_goes_to_review(name: str, description: str, vendor: str) -> None:
    match = only(MATCHER.matches(award(name, description)))
    assert (match.vendor_id, match.band) == (vendor, MatchBand.REVIEW)


@pytest.mark.parametrize(
    ("name", "description", "vendor"),
    [
        ("AXON ENTERPRISE, INC.", "BODY WORN CAMERAS TO SUPPORT CONGRESSIONAL MANDATE FOR PILOT PROGRAM", "axon"),
        ("RELX INC.", "ACCURINT FOR LAW ENFORCEMENT SUBSCRIPTIONS", "lexisnexis-risk"),
        ("WEST PUBLISHING CORPORATION", "ACCESS TO LICENSE PLATE READER DATABASE", "thomson-reuters"),
        ("L3HARRIS TECHNOLOGIES, INC.", "OVER THE AIR TRACKING EQUIPMENT", "l3harris"),
    ],
)
def test_a_mixed_portfolio_is_published_when_the_words_fit(name: str, description: str, vendor: str) -> None:
    match = only(MATCHER.matches(award(name, description)))
    assert (match.vendor_id, match.band) == (vendor, MatchBand.PUBLISHED)


def test_a_uei_beats_an_exclusion_and_any_name() -> None:
    match = only(MATCHER.matches(award("CLEARVIEW CLEANING LLC", uei="e5beyxdqyjs6")))
    assert (match.vendor_id, match.score, match.rule, match.band) == ("clearview-ai", 1.0, "uei", MatchBand.PUBLISHED)


def test_a_parent_is_found_by_uei_and_by_name() -> None:
    by_uei = only(MATCHER.matches(award("SOME SUBSIDIARY LLC", parent_uei="FSY4LVSBGWB7")))
    assert (by_uei.vendor_id, by_uei.rule) == ("palantir", "parent-uei")
    by_names = MATCHER.matches(award("SOME SUBSIDIARY LLC", parent_name="GRAVY ANALYTICS, INC."))
    by_name = next(match for match in by_names if match.vendor_id == "venntel")
    assert (by_name.vendor_id, by_name.rule, by_name.band) == ("venntel", "parent-name", MatchBand.PUBLISHED)
    mixed = only(MATCHER.matches(award("SOME SUBSIDIARY LLC", parent_uei="KFW6S1KJQ566")))
    assert (mixed.vendor_id, mixed.band) == ("commdex", MatchBand.REVIEW)


def test_a_parent_that_only_looks_alike_says_nothing() -> None:
    assert MATCHER.matches(award(parent_name="PALANTR TECHNOLOGIES INC")) == ()


def test_a_placeholder_is_never_a_vendor_whatever_the_list_says(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("vendors:\n  - {id: x, name: Redacted Due To PII, category: spyware}\n", encoding="utf-8")
    assert Matcher(load_watchlist(path)).matches(award("REDACTED DUE TO PII")) == ()


def test_a_modification_that_names_nothing_belongs_to_its_award() -> None:
    match = only(MATCHER.matches(award("B.I. INCORPORATED", "ADD FUNDING", actions=("ADD FUNDING", "CLOSEOUT"))))
    assert match.vendor_id == "bi-incorporated"


def test_the_words_of_one_action_are_enough_and_say_which() -> None:
    actions = ("NEW AWARD", "CHANGE COR", "EXERCISE OPTION FOR GRAYKEY LICENSE RENEWAL", "GRAYKEY AGAIN")
    match = only(MATCHER.matches(award("SNAP, INC", "NEW AWARD", actions=actions)))
    signal = match.signals[0]
    assert (signal.field, signal.action_key, signal.text) == ("action_description", "action-2", "GRAYKEY")
    assert len(match.signals) == 1


def test_name_and_words_together_score_higher() -> None:
    alone = only(MATCHER.matches(award("CELEBRITE INC", "TRAINING")))
    both = only(MATCHER.matches(award("CELEBRITE INC", "UFED LICENSES")))
    assert both.score > alone.score
    assert {signal.kind for signal in both.signals} == {SignalKind.FUZZY_NAME, SignalKind.PRODUCT}


def test_one_award_can_concern_two_vendors_best_first() -> None:
    first, second = of_vendors(
        MATCHER.matches(award("MSAB INCORPORATED", "BERLA IVE TOOLKITS, LICENSES, AND TRAINING SERVICES"))
    )
    assert (first.vendor_id, second.vendor_id) == ("msab", "berla")
    assert first.score >= second.score
    assert "is on the watchlist as MSAB" in second.reason


def test_the_reason_of_a_reseller_case_reads_well() -> None:
    match = only(MATCHER.matches(award("PANAMERICA COMPUTERS, INC.", "BABEL STREET SOFTWARE")))
    assert match.reason == (
        'Recipient "PANAMERICA COMPUTERS, INC." is not on the watchlist, but the description names Babel Street: '
        '"BABEL STREET SOFTWARE".'
    )


def test_a_longer_phrase_is_told_once() -> None:
    match = only(MATCHER.matches(award(description="CLEARVIEW AI LICENSES")))
    assert [signal.text for signal in match.signals] == ["CLEARVIEW AI"]


def test_an_exclusion_hides_only_what_it_covers() -> None:
    match = only(MATCHER.matches(award(description="KHARON CLEARVIEW TOOL AND CLEARVIEW AI LICENSES")))
    assert [signal.text for signal in match.signals] == ["CLEARVIEW AI"]
    assert match.signals[0].start == len("KHARON CLEARVIEW TOOL AND ")


@pytest.mark.parametrize(
    "spelling", ["gray key", "Gray-Key", "GRAYKEYS", "GRAYKEY,", "(GRAYKEY)", "GRAYKEY's", "GRÁYKEY"]
)
def test_spellings_of_one_phrase(spelling: str) -> None:
    raw = f"\u202eRENEWAL\x00 OF\u200b {spelling}"
    signal = only(MATCHER.matches(award(description=raw))).signals[0]
    assert signal.text == raw[signal.start : signal.end]
    assert signal.text.upper().replace("Á", "A").startswith("GRAY")


@pytest.mark.parametrize("inside", ["XGRAYKEY", "GRAYKEYHOLE", "PREUFED", "UFEDERAL"])
def test_a_phrase_inside_a_word_is_not_that_phrase(inside: str) -> None:
    assert MATCHER.matches(award(description=inside)) == ()


HOSTILE = [
    "UFED " * 200_000,
    "KHARON CLEARVIEW " * 60_000,
    "BABEL" + " " * 500_000 + "STREET",
    "A" * 1_000_000,
    "INC " * 250_000,
    "D/B/A " * 150_000,
    "(((.*)+)+$ [a-z]* \\b \\1 " * 40_000,
    "\"; DROP TABLE awards; -- <script>alert(1)</script> =cmd|' /C calc'!A0",
    "".join(map(chr, range(0x500))),
    "\ud800\udfff\x00\x1b[31m\u202e",
    "I N T E N S I V E " * 50_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_neither_breaks_nor_stalls(text: str) -> None:
    started = time.perf_counter()
    for match in MATCHER.matches(award(text, text, actions=(text,), uei=text, parent_name=text)):
        assert match.reason.isprintable()
        assert len(match.reason) < 3_000
    assert time.perf_counter() - started < 20


WORDS = sorted(
    {name for vendor in WATCHLIST.vendors for name in vendor.names}
    | {product.phrase for vendor in WATCHLIST.vendors for product in vendor.products}
    | {phrase for vendor in WATCHLIST.vendors for phrase in vendor.exclusions}
)
PIECES = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=6)


@given(PIECES, PIECES, st.sampled_from([" ", "  ", "-", "\u200b ", "/", "&", ". "]))
def test_every_signal_stands_where_it_says(name: list[str], words: list[str], between: str) -> None:
    record = award(between.join(name), between.join(words), actions=(between.join(reversed(words)),))
    fields = {
        "recipient_name": record.recipient.name,
        "description": record.description,
        "action_description": record.actions[0].description,
    }
    matches = MATCHER.matches(record)
    for match in matches:
        assert REVIEW_FROM <= match.score <= 1
        assert match.reason.isprintable()
        for signal in match.signals:
            assert signal.text
            assert fields[signal.field][signal.start : signal.end] == signal.text
    assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)
    assert MATCHER.matches(record) == matches


@pytest.mark.parametrize("vendor", WATCHLIST.vendors, ids=lambda vendor: vendor.id)
def test_every_shipped_name_and_phrase_finds_its_vendor(vendor: Vendor) -> None:
    for known in (*vendor.legal_names, *vendor.former_names, *vendor.dba_names, *vendor.subsidiaries):
        year = known.since or known.until or 2023
        named = {match.vendor_id: match for match in MATCHER.matches(award(known.name, signed=date(year, 1, 1)))}
        assert vendor.id in named, known
        assert vendor.portfolio_of(known) is not Portfolio.BROAD or named[vendor.id].band is MatchBand.REVIEW, known
    product_scores = [term for term in vendor_terms(vendor) if term.kind and term.strength is not Strength.WEAK]
    for term in vendor_terms(vendor):
        if term.kind is not None:
            ids = {match.vendor_id for match in MATCHER.matches(award(description=f"1 EA {term.phrase}; RENEWAL"))}
            expected = any(f" {other.phrase} " in f" {term.phrase} " for other in product_scores)
            assert (vendor.id in ids) == expected, term


def test_an_empty_watchlist_matches_nothing() -> None:
    assert Matcher(Watchlist(())).matches(award("CLEARVIEW AI, INC.", "CLEARVIEW AI")) == ()


def test_the_version_follows_the_watchlist() -> None:
    assert MATCHER.version.endswith(WATCHLIST.version)
    assert Matcher(Watchlist(())).version != MATCHER.version
