"""Companies of which surveillance technology is only a part, or hardly any, of the business."""

from __future__ import annotations

import pytest

from monitors.matching.matcher import Matcher
from monitors.watchlist.search_terms import search_names
from storage.models import MatchBand
from tests.app_context import shipped
from tests.awards import award, of_vendors
from tests.monitors.matching.test_matcher import only

WATCHLIST = shipped()
MATCHER = Matcher(WATCHLIST)


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        ("AT&T ENTERPRISES, LLC", "att-hemisphere"),
        ("ATT MOBILITY LLC", "att-hemisphere"),
        ("AVANTUS FEDERAL LLC", "qinetiq"),
        ("CACI, INC. - FEDERAL", "caci"),
        ("CONSTELLATION INC", "constellation-inc"),
        ("GLOBAL TEL*LINK CORPORATION", "viapath"),
        ("LEIDOS INC", "leidos-bio"),
        ("PAE AVIATION AND TECHNICAL SERVICES LLC", "amentum-basc"),
        ("PERATON RISK DECISION INC.", "peraton"),
    ],
)
def test_the_exact_name_of_a_broad_company_goes_to_review(name: str, vendor: str) -> None:
    match = only(MATCHER.matches(award(name, "ADD FUNDING")))
    assert (match.vendor_id, match.band, match.score) == (vendor, MatchBand.REVIEW, 0.62)


@pytest.mark.parametrize(
    "name",
    [
        "THE BOEING COMPANY",  # owns Digital Receiver Technology
        "MASTERCARD INTERNATIONAL INCORPORATED",  # owns CipherTrace and Recorded Future
        "LOCKHEED MARTIN EMPLOYEES CLUB",  # holds the name of one
        "CONSTELLATION LLC",
    ],
)
def test_an_owner_or_a_likeness_says_nothing(name: str) -> None:
    assert MATCHER.matches(award(name, "ADD FUNDING")) == ()


def test_the_parent_named_in_a_record_goes_to_review() -> None:
    match = only(MATCHER.matches(award("SOME SUBSIDIARY LLC", parent_name="LEIDOS, INC.")))
    assert (match.vendor_id, match.band) == ("leidos-bio", MatchBand.REVIEW)


def test_two_programme_phrases_of_an_integrator_are_for_a_person_unless_it_is_paid() -> None:
    words = "SERVICE PLANS FOR THE NORTHERN BORDER REMOTE VIDEO SURVEILLANCE SYSTEM, RVSS UPGRADE"
    assert only(MATCHER.matches(award("CELLCO PARTNERSHIP", words))).band is MatchBand.REVIEW
    assert only(MATCHER.matches(award("GENERAL DYNAMICS ONE SOURCE LLC", words))).band is MatchBand.PUBLISHED


def test_words_for_another_part_of_the_business_ask_for_a_person() -> None:
    assert (
        only(MATCHER.matches(award("AXON ENTERPRISE, INC.", "P00001-ADDITIONAL CABLING"))).band is MatchBand.PUBLISHED
    )
    assert only(MATCHER.matches(award("AXON ENTERPRISE, INC.", "TASER CARTRIDGES"))).band is MatchBand.REVIEW
    both = only(MATCHER.matches(award("AXON ENTERPRISE, INC.", "TASERS AND BODY WORN CAMERAS")))
    assert both.band is MatchBand.PUBLISHED


@pytest.mark.parametrize(
    ("description", "vendor"),
    [
        ("MOTOROLA R7 RADIOS W/BATTERIES/CHARGING", "motorola-vigilant"),
        ("FLIR", "teledyne-flir"),
        ("OPEN TEXT NETWORK AUTOMATION LICENSES MAINTENANCE", "opentext-encase"),
        ("PROCURE ACCESS TO DOMAIN TOOLS APPLICATION PROGRAMMING ACCESS API", "domaintools"),
    ],
)
def test_the_one_word_of_a_dealer_is_for_a_person(description: str, vendor: str) -> None:
    (match,) = of_vendors(MATCHER.matches(award("AARDVARK", description)))
    assert (match.vendor_id, match.band) == (vendor, MatchBand.REVIEW)


def test_sources_are_not_asked_for_the_thousands_of_awards_of_a_broad_company() -> None:
    for vendor in ("leidos-bio", "att-hemisphere", "peraton", "sierra-nevada"):
        assert search_names(WATCHLIST.by_id[vendor]) == ()
