"""Years, owners, identifiers, portfolios, evidence and topics. Names and descriptions are those of real awards, unless
a comment says that they are made up."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from monitors.matching.matcher import Match, Matcher, SignalKind
from monitors.matching.name_index import NameIndex
from monitors.matching.phrase_index import Term, vendor_terms
from monitors.matching.typos import TypoIndex
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Kind, KnownName, Portfolio, Strength, Vendor
from storage.models import MatchBand
from tests.app_context import shipped
from tests.awards import award, of_vendors

WATCHLIST = shipped()
MATCHER = Matcher(WATCHLIST)
TYPOS = TypoIndex(WATCHLIST.vendors, [term for vendor in WATCHLIST.vendors for term in vendor_terms(vendor)])


def match_of(vendor: str, matches: tuple[Match, ...]) -> Match:
    return next(match for match in matches if match.vendor_id == vendor)


def vendor_named(name: str) -> Vendor:
    return Vendor(id="zebratron", name=name, legal_names=(KnownName(name),), category="spyware")


def matcher_with(folder: Path, entries: str) -> Matcher:
    path = folder / "mine.yaml"
    path.write_text(f"vendors:\n{entries}", encoding="utf-8")
    return Matcher(load_watchlist(path))


def test_a_former_name_counts_less_outside_its_years_and_says_so() -> None:
    within = match_of("l3harris", MATCHER.matches(award("HARRIS CORPORATION", signed=date(2018, 5, 1))))
    after = match_of("l3harris", MATCHER.matches(award("HARRIS CORPORATION", signed=date(2023, 5, 1))))
    assert within.signals[0].kind is after.signals[0].kind is SignalKind.FORMER_NAME
    assert after.signals[0].score < within.signals[0].score
    assert "It stands for L3Harris Technologies until 2019; this award is of 2023." in after.reason
    assert "It stands for" not in within.reason


@pytest.mark.parametrize(
    ("words", "year", "expected"),
    [
        ("FUSUS LICENSES", 2022, "review medium-phrase"),  # Axon bought Fusus in 2024
        ("FUSUS LICENSES", 2024, "published strong-phrase"),
        ("SHOTSPOTTER SUBSCRIPTION", 2025, "published strong-phrase"),  # the maker has another name since 2023
    ],
)
def test_the_words_of_a_name_count_less_before_its_years(words: str, year: int, expected: str) -> None:
    [match] = of_vendors(MATCHER.matches(award("SOME DEALER LLC", words, signed=date(year, 5, 1))))
    assert f"{match.band} {match.rule}" == expected
    assert ("It stands for Axon Enterprise from 2024; this award is of 2022." in match.reason) == (year == 2022)


def test_words_that_only_hint_at_a_vendor_say_nothing_before_its_years() -> None:
    radio = award("SOME DEALER LLC", "SILVUS MESH RADIO", signed=date(2023, 5, 1))
    assert of_vendors(MATCHER.matches(radio)) == ()
    assert of_vendors(MATCHER.matches(replace(radio, signed=date(2025, 5, 1))))


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


def test_a_subsidiary_with_an_entry_of_its_own_is_both() -> None:
    both = MATCHER.matches(award("DEDRONE DEFENSE INC.", signed=date(2025, 2, 1)))
    assert match_of("dedrone", both).band is MatchBand.PUBLISHED
    assert match_of("axon", both).band is MatchBand.REVIEW


def test_a_dba_name_is_a_name() -> None:
    match = match_of("flock-safety", MATCHER.matches(award("FLOCK GROUP INC DBA FLOCK SAFETY")))
    assert (match.band, match.signals[0].kind) == (MatchBand.PUBLISHED, SignalKind.NAME)
    alone = match_of("flock-safety", MATCHER.matches(award("FLOCK SAFETY")))
    assert (alone.band, alone.signals[0].kind) == (MatchBand.PUBLISHED, SignalKind.DBA_NAME)


def test_no_topic_outranks_a_published_vendor() -> None:
    topics = [vendor for vendor in WATCHLIST.vendors if vendor.kind is Kind.TOPIC]
    everything = "; ".join(product.phrase for topic in topics for product in topic.products)
    scores = [
        match.score for match in MATCHER.matches(award(description=everything)) if match.vendor_id[:6] == "topic-"
    ]
    assert len(scores) > 10
    assert max(scores) == 0.8


def test_broad_names_are_not_asked_for_and_still_have_telling_words() -> None:
    for vendor in WATCHLIST.vendors:
        if vendor.portfolio is Portfolio.BROAD:
            assert vendor.note or vendor.products, vendor.id


def test_a_topic_names_no_company() -> None:
    topics = [vendor for vendor in WATCHLIST.vendors if vendor.kind is Kind.TOPIC]
    assert not [topic for topic in topics if topic.ueis or any(topic.known_names)]


def test_the_caveats_of_an_unverified_entry_are_stated() -> None:
    match = match_of("oxygen-forensics", MATCHER.matches(award("OXYGEN FORENSICS INC", "SOFTWARE")))
    assert "has not been verified" in match.reason


@pytest.mark.parametrize(
    ("known", "misspelt", "another"),  # made up
    [
        ("Zebratron 12", "ZEBRATRAN 12", "ZEBRATRON 13"),  # another number
        ("Zebratronical Quaxim", "ZEBRATRONICAL QUAXAM", "ZEBRATRONICAL QUAPAM"),  # two letters differ in one word
        ("Zebratron", "ZEBRATRAN", "ZEBRATRONS"),  # a single word with a letter more at its end
        ("Zebratronical", "ZEBRATRANICAL", "ZBRATERONICAL"),  # a letter elsewhere, which is two typos
    ],
)
def test_a_misspelt_name_is_known_and_a_name_like_it_is_another_company(
    known: str, misspelt: str, another: str
) -> None:
    names = NameIndex([vendor_named(known)])
    assert [finding.kind for finding in names.find(misspelt)] == [SignalKind.FUZZY_NAME]
    assert names.find(another) == ()


@pytest.mark.parametrize(
    ("known", "recipient", "scores"),  # made up
    [
        ("Zebratron", "ZEBRATRON FEDERAL", [0.85]),
        ("Zebratron", "QUAXIM ZEBRATRON", [0.65]),
        ("Zebratro", "QUAXIM ZEBRATRO", [0.65]),
        ("Zebratr", "QUAXIM ZEBRATR", []),
        ("Zebratr", "ZEBRATR QUAXIM", [0.65]),
    ],
)
def test_a_name_within_a_longer_name(known: str, recipient: str, scores: list[float]) -> None:
    assert [finding.score for finding in NameIndex([vendor_named(known)]).find(recipient)] == scores


def test_a_name_that_is_listed_twice_is_of_the_first_kind() -> None:
    vendor = replace(vendor_named("Quaxim"), name="Zebratron", dba_names=(KnownName("Zebratron"),))
    [finding] = NameIndex([vendor]).find("ZEBRATRON")
    assert (finding.kind, finding.score) == (SignalKind.DBA_NAME, 0.95)


def test_the_branch_of_a_parent_says_nothing() -> None:
    vendor = replace(vendor_named("Quaxim"), parents=(KnownName("Zebra"),))
    assert NameIndex([vendor]).find("ZEBRA FEDERAL") == ()
    assert NameIndex([vendor_named("Zebra")]).find("ZEBRA FEDERAL")


def test_more_than_400_characters_are_no_name() -> None:
    names = NameIndex([vendor_named("Zebratron")])
    assert names.find("ZEBRATRON".ljust(400))
    assert names.find("ZEBRATRON".ljust(401)) == ()


def test_a_typo_stands_where_it_says() -> None:
    term = Term("zebratron", SignalKind.PRODUCT, "Zebratronical", Strength.STRONG)
    [found] = TypoIndex([], [term]).find("RENEWAL, OF ZEBRATRANICAL LICENSES")
    assert (found.term, found.start, found.end) == (term, 12, 25)
    assert TypoIndex([vendor_named("Zebratranical")], [term]).find("ZEBRATRANICAL") == (), "a vendor's name is no typo"


@pytest.mark.parametrize(
    "description",
    [
        "ACQUISITION SUPPORT SERVICES",  # MACQUISITION, a letter less at its beginning
        "TELEPHONIC INTERPRETATION",  # TELEPHONICS
        "SPRINKLER INSPECTION",  # SPRINKLR: an exclusion
        "IMMIGRATIONS BOND SOFTWARE",  # IMMIGRATIONOS: an exclusion
        "CELEBRITY SPEAKER",  # CELEBRITE, itself a misspelling that is listed
        "GEOLOGY SURVEY",  # NEOLOGY: too short
        "CELLEBRITE",  # as it should be
        "CELLEBRITES",
        "",
        " ",
        "A" * 5_000,
    ],
)
def test_ordinary_words_are_no_typos(description: str) -> None:
    assert TYPOS.find(description) == ()


@pytest.mark.parametrize(
    ("written", "vendor", "band"),
    [
        ("GEO GROUP, INC., THE", "bi-incorporated", MatchBand.REVIEW),
        ("BABEL STREET LLC, THE", "babel-street", MatchBand.PUBLISHED),
        ("STREET, BABEL INC.", "babel-street", MatchBand.PUBLISHED),
        ("TECHNOLOGIES, PALANTIR INC", "palantir", MatchBand.PUBLISHED),
        ("OAK GIANT INC", "giant-oak", MatchBand.REVIEW),  # ordinary words, in an order that another company may have
    ],
)
def test_the_words_of_a_name_may_come_in_any_order_and_with_an_article(
    written: str, vendor: str, band: MatchBand
) -> None:
    assert match_of(vendor, MATCHER.matches(award(written))).band == band
