"""A name that leaves open what is bought, beside words for the very technology its owner is listed for."""

from __future__ import annotations

import pytest

from monitors.matching.matcher import Match, Matcher
from storage.models import MatchBand
from tests.app_context import shipped
from tests.awards import award

MATCHER = Matcher(shipped())


def match_of(vendor: str, name: str, description: str, *actions: str) -> Match | None:
    matches = MATCHER.matches(award(name, description, actions=actions))
    return next((match for match in matches if match.vendor_id == vendor), None)


@pytest.mark.parametrize(
    ("name", "description", "vendor"),
    [
        ("CAPGEMINI GOVERNMENT SOLUTIONS LLC", "SKIP TRACING SERVICES", "capgemini-government"),
        ("OMNIPLEX WORLD SERVICES CORPORATION", "SKIP TRACE SERVICES FOR ERO", "omniplex"),
        ("LEIDOS, INC.", "BIOMETRIC COLLECTION EQUIPMENT", "leidos-bio"),
        ("MOTOROLA SOLUTIONS, INC.", "ALPR CAMERAS", "motorola-vigilant"),
        ("VOYAGER LABS", "SOCIAL MEDIA ANALYTICS", "voyager-labs"),  # common words, no legal form
    ],
)
def test_the_name_of_a_company_is_published_when_the_words_are_about_its_technology(
    name: str, description: str, vendor: str
) -> None:
    match = match_of(vendor, name, description)
    assert match is not None
    assert match.band is MatchBand.PUBLISHED


def test_the_words_may_stand_in_another_action() -> None:
    match = match_of("capgemini-government", "CAPGEMINI GOVERNMENT SOLUTIONS LLC", "ADD FUNDING", "SKIP TRACING")
    assert match is not None
    assert (match.band, match.rule) == (MatchBand.PUBLISHED, "broad-portfolio-name+topic")


@pytest.mark.parametrize(
    ("name", "description", "vendor"),
    [
        ("BOOZ ALLEN HAMILTON INC", "LICENSE PLATE READER PROGRAM SUPPORT", "booz-allen"),  # not what it is listed for
        ("LEIDOS, INC.", "BIOMETRIC ENTRY AND EXIT SUPPORT", "leidos-bio"),  # of an integrator only precise words
        ("MOTOROLA SOLUTIONS, INC.", "PORTABLE RADIOS", "motorola-vigilant"),
    ],
)
def test_words_about_something_else_leave_it_to_a_person(name: str, description: str, vendor: str) -> None:
    match = match_of(vendor, name, description)
    assert match is not None
    assert match.band is MatchBand.REVIEW


@pytest.mark.parametrize(
    ("description", "vendor"),
    [
        ("MOTOROLA LICENSE PLATE READERS", "motorola-vigilant"),
        ("FLASHPOINT SEATS, DARK WEB", "flashpoint"),
        ("CLEARVIEW SEATS FOR FACE RECOGNITION", "clearview-ai"),
    ],
)
def test_one_word_beside_words_for_its_technology_is_published(description: str, vendor: str) -> None:
    match = match_of(vendor, "SOME DEALER LLC", description)
    assert match is not None
    assert (match.band, match.rule) == (MatchBand.PUBLISHED, "medium-phrase-on-topic")


@pytest.mark.parametrize(
    ("description", "vendor"),
    [
        ("ALTERNATIVES TO DETENTION SUPPORT", "bi-incorporated"),  # the phrase and the topic are the same words
        ("RVSS POWER FOR A SURVEILLANCE TOWER", "gdit-obim"),  # others work on an integrator's programme
        ("AUTONOMOUS SURVEILLANCE TOWER NEAR A TETHERED AEROSTAT", "anduril"),  # a phrase of several words, no name
    ],
)
def test_words_of_a_programme_are_still_for_a_person(description: str, vendor: str) -> None:
    match = match_of(vendor, "SOME DEALER LLC", description)
    assert match is not None
    assert match.band is MatchBand.REVIEW


def test_a_weak_word_beside_words_for_its_technology_is_for_a_person() -> None:
    match = match_of("penlink", "SOME DEALER LLC", "PLX SEATS FOR TELECOMMUNICATIONS INTERCEPT")
    assert match is not None
    assert (match.band, match.rule) == (MatchBand.REVIEW, "weak-phrase-on-topic")
    assert match_of("penlink", "SOME DEALER LLC", "PLX SEATS") is None


def test_the_topic_s_own_words_are_no_name() -> None:
    assert match_of("general-atomics", "SOME DEALER LLC", "SMALL UNMANNED AIRCRAFT, UAS") is None
