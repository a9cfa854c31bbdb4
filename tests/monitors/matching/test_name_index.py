"""Years, owners, identifiers, portfolios, evidence and topics. Names and descriptions are those of real awards, unless
a comment says that they are made up."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from monitors.matching.matcher import Match, Matcher, SignalKind
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Kind, Portfolio
from storage.models import MatchBand
from tests.app_context import shipped
from tests.awards import award

WATCHLIST = shipped()
MATCHER = Matcher(WATCHLIST)


def match_of(vendor: str, matches: tuple[Match, ...]) -> Match:
    return next(match for match in matches if match.vendor_id == vendor)


def matcher_with(folder: Path, entries: str) -> Matcher:
    path = folder / "mine.yaml"
    path.write_text(f"vendors:\n{entries}", encoding="utf-8")
    return Matcher(load_watchlist(path))


def test_a_former_name_counts_less_outside_its_years_and_says_so() -> None:
    within = match_of("l3harris", MATCHER.matches(award("HARRIS CORPORATION", signed=date(2018, 5, 1))))
    after = match_of("l3harris", MATCHER.matches(award("HARRIS CORPORATION", signed=date(2023, 5, 1))))
    assert within.signals[0].kind is after.signals[0].kind is SignalKind.FORMER_NAME
    assert after.signals[0].score < within.signals[0].score
    assert "That holds until 2019; this award is of 2023." in after.reason
    assert "That holds" not in within.reason


def test_outside_its_years_a_pure_name_goes_to_review(tmp_path: Path) -> None:
    entry = (
        "  - id: acme\n    name: Acme Recognition\n    category: dna\n"
        "    former_names: [{name: ACME OPTICS LLC, from: 2012, until: 2019}]\n"
    )  # made up
    matcher = matcher_with(tmp_path, entry)
    bands = {
        year: match_of("acme", matcher.matches(award("ACME OPTICS LLC", signed=date(year, 1, 1)))).band
        for year in (2011, 2012, 2019, 2020, 2021)
    }
    assert [year for year, band in bands.items() if band is MatchBand.PUBLISHED] == [2012, 2019, 2020]
    assert bands[2011] is bands[2021] is MatchBand.REVIEW
    undated = match_of("acme", matcher.matches(award("ACME OPTICS LLC", signed=None)))
    assert undated.band is MatchBand.PUBLISHED
    assert "outside-its-years" in match_of("acme", matcher.matches(award("ACME OPTICS LLC"))).rule


def test_an_award_lasts_until_its_latest_action() -> None:
    old = award("TELEDYNE FLIR DEFENSE, INC.", signed=date(2015, 1, 1))
    assert match_of("teledyne-flir", MATCHER.matches(old)).signals[0].score > 0.9


def test_a_cage_code_beats_name_and_exclusion(tmp_path: Path) -> None:
    entry = "  - {id: acme, name: Acme Eyes, category: dna, cages: [1abc5], exclusions: [ACME CLEANING]}\n"  # made up
    matcher = matcher_with(tmp_path, entry)
    match = match_of("acme", matcher.matches(award("ACME CLEANING LLC", cage="1ABC5")))
    assert (match.rule, match.score, match.band) == ("cage", 1.0, MatchBand.PUBLISHED)
    assert "has the CAGE code 1ABC5 of Acme Eyes" in match.reason
    assert not [m for m in matcher.matches(award("ACME CLEANING LLC", cage="1ABC6")) if m.vendor_id == "acme"]


def test_a_mixed_company_s_identifier_alone_still_goes_to_review() -> None:
    match = match_of("black-marlin", MATCHER.matches(award("COMMDEX, LLC", "TCNS MANPOWER", cage="1URG6")))
    assert match.band is MatchBand.REVIEW


@pytest.mark.parametrize(
    ("name", "vendor", "band"),
    [
        ("CALLYO 2009 CORP", "motorola-vigilant", MatchBand.PUBLISHED),
        ("GRIFFEYE INC", "magnet-forensics", MatchBand.PUBLISHED),
        ("CROSS MATCH TECHNOLOGIES, INC.", "hid-crossmatch", MatchBand.PUBLISHED),
        ("PAE AVIATION AND TECHNICAL SERVICES LLC", "amentum-basc", MatchBand.REVIEW),
        ("AVANTUS FEDERAL LLC", "qinetiq", MatchBand.REVIEW),
    ],
)
def test_a_subsidiary_is_its_owner_s(name: str, vendor: str, band: MatchBand) -> None:
    match = match_of(vendor, MATCHER.matches(award(name, "EXERCISE OPTION YEAR 1")))
    assert (match.signals[0].kind, match.band) == (SignalKind.SUBSIDIARY, band)
    assert "a subsidiary of" in match.reason


def test_a_subsidiary_with_an_entry_of_its_own_is_both() -> None:
    both = MATCHER.matches(award("DEDRONE DEFENSE INC.", signed=date(2025, 2, 1)))
    assert match_of("dedrone", both).band is MatchBand.PUBLISHED
    assert match_of("axon", both).band is MatchBand.REVIEW


def test_a_dba_name_is_a_name() -> None:
    match = match_of("flock-safety", MATCHER.matches(award("FLOCK GROUP INC DBA FLOCK SAFETY")))
    assert (match.band, match.signals[0].kind) == (MatchBand.PUBLISHED, SignalKind.NAME)
    alone = match_of("flock-safety", MATCHER.matches(award("FLOCK SAFETY")))
    assert (alone.band, alone.signals[0].kind) == (MatchBand.PUBLISHED, SignalKind.DBA_NAME)


@pytest.mark.parametrize(
    ("name", "description", "vendor", "band"),
    [
        ("NORTHROP GRUMMAN SYSTEMS CORPORATION", "P-3 AIRCRAFT MAINTENANCE", "northrop-hart", MatchBand.REVIEW),
        ("BOOZ ALLEN HAMILTON INC", "DATA ANALYTICS FOR DHS ICE HSI RAVEN PROGRAM", "booz-allen", MatchBand.PUBLISHED),
        ("THE GEO GROUP, INC.", "DETENTION SERVICES", "bi-incorporated", MatchBand.REVIEW),
        ("THE BOEING COMPANY", "AIRCRAFT PARTS", "digital-receiver-technology", None),
        ("THOMSON REUTERS SPECIAL SERVICES LLC", "INTELLIGENCE ANALYSIS", "thomson-reuters", MatchBand.PUBLISHED),
        ("WEST PUBLISHING CORPORATION", "LEGAL PUBLICATIONS/BOOKS", "thomson-reuters", MatchBand.REVIEW),
    ],
)
def test_what_a_name_says_depends_on_the_business(
    name: str, description: str, vendor: str, band: MatchBand | None
) -> None:
    found = {match.vendor_id: match.band for match in MATCHER.matches(award(name, description))}
    assert found.get(vendor) is band


def test_two_phrases_of_an_integrator_are_still_for_a_person() -> None:
    words = "SERVICES SUPPORTING THE NORTHERN BORDER REMOTE VIDEO SURVEILLANCE SYSTEM (NB-RVSS)"
    match = match_of("gdit-obim", MATCHER.matches(award("CELLCO PARTNERSHIP", words)))
    assert match.band is MatchBand.REVIEW


@pytest.mark.parametrize("name", ["BELKASOFT FEDERAL LLC", "BELCASOFT LLC", "OXYGEN FORENSIC INC"])  # made up
def test_an_unverified_entry_never_publishes_on_a_likeness(name: str) -> None:
    for match in MATCHER.matches(award(name, "SOFTWARE")):
        assert match.signals[0].kind is SignalKind.FUZZY_NAME
        assert match.band is MatchBand.REVIEW
        assert "has not been verified" in match.reason


def test_an_unverified_entry_publishes_its_exact_name() -> None:
    match = match_of("oxygen-forensics", MATCHER.matches(award("OXYGEN FORENSICS INC", "SOFTWARE")))
    assert match.band is MatchBand.PUBLISHED
    assert "has not been verified" in match.reason


@pytest.mark.parametrize(
    ("description", "topic"),
    [
        ("LICENSE PLATE READERS FOR SAC DETROIT", "topic-license-plate-readers"),
        ("CELL PHONE EXTRACTION DEVICE LICENCES.", "topic-device-forensics"),
        ("UNATTENDED GROUND SENSOR PARTS AND ACCESSORIES", "topic-border-towers"),
        ("BLOCKCHAIN FORENSIC AND ANALYTICAL SUPPORT", "topic-cryptocurrency-tracing"),
        ("BODY WORN CAMERA PROGRAM SUPPORT SERVICES TO SUPPORT OFTP", "topic-body-worn-cameras"),
        ("CLEARVIEW FACIAL RECOGNITION ENTERPRISE LICENSES", "topic-face-recognition"),
    ],
)
def test_precise_words_publish_as_their_topic(description: str, topic: str) -> None:
    match = match_of(topic, MATCHER.matches(award("SOME RECIPIENT LLC", description)))
    assert (match.band, match.rule, match.signals[0].kind) == (MatchBand.PUBLISHED, "topic", SignalKind.TOPIC)
    assert match.category == WATCHLIST.by_id[topic].category
    assert match.reason.startswith("The description has words for the topic ")


@pytest.mark.parametrize(
    ("description", "topic", "band"),
    [
        ("LPR CAMERAS", "topic-license-plate-readers", MatchBand.REVIEW),
        ("LPR TRAILER AND EQUIPMENT", "topic-license-plate-readers", MatchBand.REVIEW),
        ("LAWFUL PERMANENT RESIDENT (LPR) CARD PRODUCTION", "topic-license-plate-readers", None),  # made up
        ("OUTREACH TO LPRS AND LPR APPLICANTS", "topic-license-plate-readers", None),  # made up
        ("SUAS BPA DRONE KIT", "topic-drones", MatchBand.REVIEW),
        ("COUNTER-UAS AND SUAS STUDY", "topic-drones", None),  # made up
        ("TITLE III MONITORING, GENERAL TRANSLATION AND TRANSCRIPTION (T&T) SERVICES", "topic-wiretaps", None),
        ("HAILSTORM DAMAGE TO ROOF", "topic-cell-site-simulators", None),  # made up
    ],
)
def test_ambiguous_words_are_for_a_person_and_false_friends_silence_them(
    description: str, topic: str, band: MatchBand | None
) -> None:
    found = {match.vendor_id: match.band for match in MATCHER.matches(award("SOME RECIPIENT LLC", description))}
    assert found.get(topic) is band


def test_two_ambiguous_words_of_a_topic_say_more_than_one() -> None:
    topic = "topic-open-source-intelligence"
    one = match_of(topic, MATCHER.matches(award(description="OSINT TRAINING")))  # made up
    two = match_of(topic, MATCHER.matches(award(description="OSINT AND DARK WEB TRAINING")))  # made up
    assert (two.band, two.rule) == (MatchBand.REVIEW, "topic-two-phrases")
    assert two.score > one.score


def test_an_exclusion_does_not_silence_precise_words_elsewhere() -> None:
    words = "LICENSE PLATE READERS TO CHECK LAWFUL PERMANENT RESIDENT TRAFFIC"  # made up
    assert (
        match_of("topic-license-plate-readers", MATCHER.matches(award(description=words))).band is MatchBand.PUBLISHED
    )


def test_a_topic_does_not_disturb_a_vendor() -> None:
    words = "LICENSE PLATE CAMERAS FOR HSI SAC DALLAS/ HIDTA"
    first, second = MATCHER.matches(award("LEONARDO US CYBER AND SECURITY SOLUTIONS LLC", words))
    assert (first.vendor_id, second.vendor_id) == ("leonardo-elsag", "topic-license-plate-readers")
    assert first.signals[0].kind is SignalKind.NAME


def test_no_topic_outranks_a_published_vendor() -> None:
    topics = [vendor for vendor in WATCHLIST.vendors if vendor.kind is Kind.TOPIC]
    everything = "; ".join(product.phrase for topic in topics for product in topic.products)
    scores = [
        match.score for match in MATCHER.matches(award(description=everything)) if match.vendor_id[:6] == "topic-"
    ]
    assert len(scores) > 10
    assert max(scores) == 0.8


def test_a_topic_s_name_is_nobody_s() -> None:
    assert MATCHER.matches(award("LICENSE PLATE READERS")) == ()
    assert all(
        not topic.ueis and not tuple(topic.known_names) for topic in WATCHLIST.vendors if topic.kind is Kind.TOPIC
    )


def test_broad_names_are_not_asked_for_and_still_have_telling_words() -> None:
    for vendor in WATCHLIST.vendors:
        if vendor.portfolio is Portfolio.BROAD:
            assert vendor.note or vendor.products, vendor.id
