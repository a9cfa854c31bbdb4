"""Topics: words near each other, codes of what is bought, other goods, misspellings.

Descriptions are real (ICE and CBP) unless a comment says that they are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from monitors.matching.matcher import Match, Matcher
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.yaml_reader import WatchlistError
from storage.models import MatchBand
from tests.app_context import shipped
from tests.awards import award

MATCHER = Matcher(shipped())
PUBLISHED, REVIEW = MatchBand.PUBLISHED, MatchBand.REVIEW


def topics(description: str, *, psc: str = "", psc_text: str = "", naics_text: str = "") -> dict[str, Match]:
    record = replace(award("SOME RECIPIENT LLC", description), psc=psc, psc_text=psc_text, naics_text=naics_text)
    found = {match.vendor_id: match for match in MATCHER.matches(record)}
    return {entry_id: match for entry_id, match in found.items() if entry_id in MATCHER.topics}


def band(description: str, topic: str, **codes: str) -> MatchBand | None:
    match = topics(description, **codes).get(f"topic-{topic}")
    return match.band if match else None


@pytest.mark.parametrize(
    ("description", "topic", "expected"),
    [
        ("DRONES", "drones", REVIEW),
        ("DRONE AS FIRST RESPONDER", "drones", PUBLISHED),
        ("DRONE KITS FOR HSI SRT", "drones", PUBLISHED),
        ("BIOMETRIC GEAR", "biometrics", PUBLISHED),
        ("BIOMETRIC SOFTWARE", "biometrics", PUBLISHED),
        ("BIOMETRICS INSTALLATION", "biometrics", REVIEW),
        ("FINGERPRINT SCANNERS WITH SILICONE PACKETS FOR USBP", "biometrics", PUBLISHED),
        ("FORENSIC EXPLORER SOFTWARE", "device-forensics", PUBLISHED),
        ("CATALYST EDS EMBED FORENSIC SYSTEMS", "device-forensics", REVIEW),
        ("CONSOLIDATED TOWERS AND SURVEILLANCE EQUIPMENT", "border-towers", PUBLISHED),
        ("LICENSE RECOGNITION SYSTEM", "license-plate-readers", PUBLISHED),
        ("SOCIAL MEDIA LISTENING", "social-media-monitoring", PUBLISHED),
        ("THREAT RISK MITIGATION AND PROACTIVE MONITORING", "social-media-monitoring", REVIEW),
        ("COVERT PHONE SYSTEM", "covert-tracking", REVIEW),
        ("ACCESS TO A REGIONAL LAW ENFORCEMENT DATABASE", "investigative-databases", REVIEW),
    ],
)
def test_head_words_of_a_topic_are_found(description: str, topic: str, expected: MatchBand) -> None:
    assert band(description, topic) is expected


@pytest.mark.parametrize(
    ("description", "topic"),
    [
        ("LIGHT POLE/CAMERA INSTALLATION", "covert-tracking"),
        ("PERSONAL IDENTITY VERIFICATION CARDS (PIV), BADGES AND CREDENTIALS SERVICES", "identity-proofing"),
        ("TITLE III MONITORING, GENERAL TRANSLATION AND TRANSCRIPTION (T&T) SERVICES", "wiretaps"),
        ("LINGUIST SERVICES FOR TITLE III MONITORING", "wiretaps"),  # made up
        ("AT&T FIRSTNET MOBILE SERVICES TO SUPPORT THE REMOTE VIDEO SURVEILLANCE SYSTEM", "border-towers"),
        ("INSTALL A V1 REMOTE VIDEO SURVEILLANCE SYSTEM (RVSS) HVAC UNIT AT EL CENTRO SECTOR", "border-towers"),
        ("OFFICE FURNITURE FOR COMPUTER FORENSICS", "device-forensics"),
        ("COUNTER UNMANNED AERIAL SYSTEMS", "drones"),
        ("DRONE SHIELD PRODUCTS", "drones"),
        ("FINGERPRINT SERVICES", "biometrics"),
        ("BUSINESS DNA (BDNA)/FLEXERA DATA NORMALIZE SOFTWARE MAINTENANCE", "rapid-dna"),
        ("SURVEILLANCE SYSTEM FOR THE FLORENCE DETENTION CENTER", "covert-tracking"),
        ("KROME HVAC RTU, DAMPERS, AND COOLING TOWERS", "border-towers"),
    ],
)
def test_false_friends_of_a_topic_stay_out(description: str, topic: str) -> None:
    assert band(description, topic) is None


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("COVERT CAMERA", PUBLISHED),
        ("CAMERAS, WIRELESS AND COVERT", PUBLISHED),
        ("COVERT ONE TWO THREE FOUR CAMERAS", PUBLISHED),
        ("COVERT ONE TWO THREE FOUR FIVE CAMERAS", REVIEW),
        ("COVERT CAMERAMAN", REVIEW),
    ],
)
def test_a_near_word_may_stand_up_to_five_words_before_or_after(description: str, expected: MatchBand) -> None:
    """Made up."""
    assert band(description, "covert-tracking") is expected


def test_the_words_of_a_phrase_and_its_near_word_are_quoted_together() -> None:
    match = topics("1 EA CAMERA, WIRELESS, COVERT; RENEWAL")["topic-covert-tracking"]  # made up
    assert [signal.text for signal in match.signals] == ["CAMERA, WIRELESS, COVERT"]


def test_an_exclusion_counts_only_near_the_words() -> None:
    """Made up."""
    assert band("COVERT HOLSTER", "covert-tracking") is None
    assert band(f"COVERT KITS; {'OTHER THINGS, ' * 5} HOLSTER", "covert-tracking") is REVIEW
    assert band("COVERT CAMERA ON A VEST", "covert-tracking") is REVIEW
    assert band(f"COVERT CAMERA; {'OTHER THINGS, ' * 5} VEST", "covert-tracking") is PUBLISHED


@pytest.mark.parametrize(
    "codes", [{"psc": "1550"}, {"psc_text": "UNMANNED AIRCRAFT"}, {"psc_text": "Unmanned aircraft"}]
)
def test_a_code_that_fits_publishes_an_ambiguous_word_and_alone_asks_for_a_review(codes: dict[str, str]) -> None:
    match = topics("DRONES", **codes)["topic-drones"]
    assert (match.band, match.rule) == (PUBLISHED, "topic-medium-phrase+code")
    assert match.reason == (
        'The description has words for the topic Small drones ("DRONES"): "DRONES". '
        "The product code 1550 UNMANNED AIRCRAFT fits it."
    )
    alone = topics("MAPPING EQUIPMENT", **codes)["topic-drones"]
    assert (alone.band, alone.rule) == (REVIEW, "topic-code")
    assert alone.reason == "The product code 1550 UNMANNED AIRCRAFT fits the topic Small drones."


def test_a_weak_code_only_supports_words() -> None:
    code = {"psc_text": "VIDEO RECORDING AND REPRODUCING EQUIPMENT"}
    assert band("CAMERAS", "covert-tracking") is None
    assert band("CAMERAS", "covert-tracking", **code) is REVIEW
    assert band("TRIPODS", "covert-tracking", **code) is None
    assert band("SUPPLY OF CONCEALMENT KITS", "covert-tracking", **code) is PUBLISHED
    assert band("DRONES", "drones", naics_text="AIRCRAFT MANUFACTURING") is PUBLISHED


def test_a_vendor_of_the_same_technology_confirms_ambiguous_words() -> None:
    drone = MATCHER.matches(award("ATLANTIC DIVING SUPPLY, INC.", "PURCHASE OF SKYDIO EXTERIOR DRONE FOR OFTP"))
    found = {match.vendor_id: match for match in drone}
    assert (found["skydio"].band, found["topic-drones"].band) == (PUBLISHED, PUBLISHED)
    assert found["topic-drones"].rule == "topic-medium-phrase+vendor"
    assert found["topic-drones"].reason.endswith("The award also concerns Skydio, of the same technology.")
    assert found["topic-drones"].score < found["skydio"].score
    other = MATCHER.matches(award("CLEARVIEW AI, INC.", "DRONES"))  # made up: a vendor of another technology
    assert next(match.band for match in other if match.vendor_id == "topic-drones") is REVIEW
    # A vendor that only the topic's words confirm does not confirm the topic.
    relx = MATCHER.matches(award("RELX INC.", "LEXISNEXIS DATABASE ACCESS - LAW ENFORCEMENT AND LEGAL ONLINE SERVICES"))
    bands = {match.vendor_id: match.band for match in relx}
    assert (bands["lexisnexis-risk"], bands["topic-investigative-databases"]) == (PUBLISHED, REVIEW)


def test_a_code_for_other_goods_takes_precise_words_to_review() -> None:
    assert band("IDVRS CABLING", "body-worn-cameras") is PUBLISHED
    assert band("IDVRS CABLING", "body-worn-cameras", psc_text="WIRE AND CABLE, ELECTRICAL") is REVIEW
    installer = "SECURITY SYSTEMS SERVICES (EXCEPT LOCKSMITHS)"
    assert band("ELECTRONIC SURVEILLANCE EQUIPMENT", "covert-tracking", naics_text=installer) is REVIEW
    tested = {"psc_text": "MEDICAL- LABORATORY TESTING"}
    assert band("RAPID DNA TESTING SERVICES FOR 120 DAYS", "rapid-dna", **tested) is PUBLISHED, "the topic lists it"


@pytest.mark.parametrize(
    ("description", "topic", "text"),
    [
        ("2 UNMMANED AERIAL SYSTEMS", "drones", "UNMMANED AERIAL"),  # made up
        ("SUVEILLANCE EQUIPMENT", "covert-tracking", "SUVEILLANCE EQUIPMENT"),
        ("REMOTE VIDEO SURVEILLENCE (RVSS)", "border-towers", "REMOTE VIDEO SURVEILLENCE"),  # made up
        ("BIOMETIRC KITS", "biometrics", "BIOMETIRC KITS"),  # made up
    ],
)
def test_a_misspelled_word_of_a_phrase_is_recognized(description: str, topic: str, text: str) -> None:
    match = topics(description)[f"topic-{topic}"]
    assert text in [signal.text for signal in match.signals]


def test_a_real_word_is_no_misspelling() -> None:
    """Made up. DETENTION is one letter from DETECTION, and VALENCE two from VIOLENCE."""
    assert topics("GUNSHOT WOUND CARE AND DETENTION; ALLOCATION DATA; FOREIGN KITS") == {}


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        (
            "kind: topic\n    products: [{phrase: A B C, strength: strong, near: [TWO WORDS]}]",
            '"near" lists single words',
        ),
        (
            "products: [{phrase: ABC, strength: weak}]\n    codes: [{code: '1550', name: DRONE}]",
            'only a topic has "codes"',
        ),
        ("kind: topic\n    codes: [{code: '155', name: DRONE}]", '"155" is not a PSC'),
        ("kind: topic\n    codes: [{code: '1550', name: DRONE, strength: strong}]", "a code is medium or weak"),
    ],
)
def test_errors_in_near_words_and_codes_are_explained(tmp_path: Path, lines: str, error: str) -> None:
    name = "topic-x" if "kind: topic" in lines else "x"
    file = tmp_path / "mine.yaml"
    if "products" not in lines:
        lines += "\n    products: [{phrase: ABC, strength: weak}]"
    file.write_text(f"vendors:\n  - id: {name}\n    name: Xyz\n    category: dna\n    {lines}\n", encoding="utf-8")
    with pytest.raises(WatchlistError, match=error):
        load_watchlist(file)
