"""What speaks for an uncertain match: its place in the review queue, and whether it is in it at all.

Recipients and descriptions are from real ICE and CBP contract actions (USAspending, public record).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from monitors.matching.matcher import Match, Matcher
from sources.records import Agency, Award
from storage.models import MatchBand
from tests.app_context import shipped
from tests.awards import award

MATCHER = Matcher(shipped())
DALLAS = "70CMSD24FR0000001"  # ICE's office for investigations


def described(name: str, text: str, *, psc: str = "", office: str = "", piid: str = "X", dollars: int = 0) -> Award:
    return replace(
        award(name, text), psc_text=psc, awarding=Agency(office=office), piid=piid, obligated=Decimal(dollars)
    )


def match_of(record: Award, vendor: str) -> Match:
    return next(match for match in MATCHER.matches(record) if match.vendor_id == vendor)


@pytest.mark.parametrize(
    ("record", "vendor", "band"),
    [
        (described("AT&T ENTERPRISES, LLC", "ADD FUNDING"), "att-hemisphere", MatchBand.NAME_ONLY),
        (described("AT&T ENTERPRISES, LLC", "DATA ANALYST SUPPORT SERVICES"), "att-hemisphere", MatchBand.REVIEW),
        (described("AT&T ENTERPRISES, LLC", "ADD FUNDING", piid=DALLAS), "att-hemisphere", MatchBand.REVIEW),
        (described("AT&T ENTERPRISES, LLC", "ADD", office="INTELLIGENCE UNIT"), "att-hemisphere", MatchBand.REVIEW),
        (described("ATT MOBILITY LLC", "FIRSTNET SERVICES", piid=DALLAS), "att-hemisphere", MatchBand.NAME_ONLY),
        (described("ATT MOBILITY LLC", "SUPPORT", psc="SUPPORT- INTELLIGENCE"), "att-hemisphere", MatchBand.REVIEW),
        (described("CACI, INC. - FEDERAL", "BACKGROUND INVESTIGATIONS"), "caci", MatchBand.NAME_ONLY),
        (described("MOTOROLA SOLUTIONS, INC.", "ADMIN MOD TO CHANGE COR."), "motorola-vigilant", MatchBand.REVIEW),
        (described("MOTOROLA SOLUTIONS, INC.", "MOTOROLA RADIOS"), "motorola-vigilant", MatchBand.NAME_ONLY),
        (described("AXON ENTERPRISE, INC.", "TASER CARTRIDGES"), "axon", MatchBand.NAME_ONLY),
        (
            described("THE GEO GROUP, INC.", "SERVICES", psc="HOUSEKEEPING- GUARD"),
            "bi-incorporated",
            MatchBand.NAME_ONLY,
        ),
    ],
    ids=lambda value: f"{value.recipient.name} {value.description}" if isinstance(value, Award) else None,
)
def test_a_name_alone_is_not_reviewed(record: Award, vendor: str, band: MatchBand) -> None:
    assert match_of(record, vendor).band is band


def test_the_words_of_a_topic_are_more_than_a_name() -> None:
    record = described("CACI, INC. - FEDERAL", "TACCOM SUPPORT, TOWER SITE EQUIPMENT")
    assert match_of(record, "topic-border-towers").band is MatchBand.REVIEW
    assert match_of(record, "caci").band is MatchBand.NAME_ONLY


def test_the_funding_office_counts_like_the_awarding_one() -> None:
    paid = replace(described("AT&T ENTERPRISES, LLC", "ADD FUNDING"), funding=Agency(office="HSI CYBER INVESTIGATIONS"))
    found = match_of(paid, "att-hemisphere")
    assert found.band is MatchBand.REVIEW
    assert ("office: HSI CYBER INVESTIGATIONS", 1) in [(clue.text, clue.points) for clue in found.clues]


def test_an_investigative_office_buys_more_than_radios_under_their_code() -> None:
    radios = "RADIO AND TELEVISION COMMUNICATION EQUIPMENT"
    bought = [described("L3HARRIS TECHNOLOGIES, INC.", "EQUIPMENT", psc=radios, piid=piid) for piid in ("X", DALLAS)]
    bands = [match_of(record, "l3harris").band for record in bought]
    assert bands == [MatchBand.NAME_ONLY, MatchBand.REVIEW]


def test_the_most_likely_surveillance_comes_first() -> None:
    records = [
        (
            described("AT&T ENTERPRISES, LLC", "DATA ANALYTICS SERVICES TO SUPPORT HSI", dollars=2_100_000),
            "att-hemisphere",
        ),
        (described("L3HARRIS TECHNOLOGIES, INC.", "TECHNICAL INVESTIGATIVE EQUIPMENT", dollars=12_600_000), "l3harris"),
        (described("ZEROFOX, INC.", "THREAT RISK MITIGATION AND MONITORING", dollars=13_000_000), "zerofox"),
        (described("ATT MOBILITY LLC", "FIRSTNET SERVICES FOR CAMERAS", dollars=20_000), "att-hemisphere"),
        (described("RELX INC.", "COMPUTER LICENSES"), "lexisnexis-risk"),
    ]
    priorities = [(match_of(record, vendor).priority, record.description) for record, vendor in records]
    assert priorities == [
        (7, "DATA ANALYTICS SERVICES TO SUPPORT HSI"),
        (7, "TECHNICAL INVESTIGATIVE EQUIPMENT"),
        (11, "THREAT RISK MITIGATION AND MONITORING"),
        (-1, "FIRSTNET SERVICES FOR CAMERAS"),
        (2, "COMPUTER LICENSES"),
    ]


def test_each_clue_is_stated_with_its_points() -> None:
    record = described(
        "THUNDERCAT TECHNOLOGY, LLC",
        "LPR SERVERS FOR TRACKING",
        psc="MISCELLANEOUS ALARM, SIGNAL, AND SECURITY DETECTION SYSTEMS",
        piid=DALLAS,
        dollars=411_933,
    )
    clues = match_of(record, "topic-license-plate-readers").clues
    assert [(clue.text, clue.points) for clue in clues] == [
        ('topic words "LPR"', 2),
        ("TRACKING", 2),
        ("product or industry code: SECURITY DETECTION", 2),
        ("office: INVESTIGATIONS AND OPERATIONS SUPPORT DALLAS", 1),
        ("$411,933", 2),
    ]


def test_what_readers_know_already_comes_later() -> None:
    found = match_of(described("CHAINALYSIS INC.", "FORENSIC SYSTEMS"), "topic-device-forensics")
    assert ("already published for Chainalysis", -4) in [(clue.text, clue.points) for clue in found.clues]
    published = match_of(described("CHAINALYSIS INC.", "FORENSIC SYSTEMS"), "chainalysis")
    assert (published.priority, published.clues) == (0, ())
