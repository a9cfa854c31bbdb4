"""Recipient names and descriptions are copied from real ICE and CBP contract actions, fiscal years 2021-2024
(USAspending, public record), unless a comment says that they are made up."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.matching.matcher import Match, Matcher, SignalKind
from monitors.matching.phrase_index import Term, vendor_terms
from monitors.matching.scoring import REVIEW_FROM
from monitors.normalize import normalize_text
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


def test_a_uei_beats_an_exclusion_and_any_name() -> None:
    match = only(MATCHER.matches(award("CLEARVIEW CLEANING LLC", uei="e5beyxdqyjs6")))
    assert (match.vendor_id, match.score, match.rule, match.band) == ("clearview-ai", 1.0, "uei", MatchBand.PUBLISHED)
    assert (match.signals[0].start, match.signals[0].end) == (0, 12)


def test_a_parent_is_found_by_uei_and_by_name() -> None:
    by_uei = only(MATCHER.matches(award("SOME SUBSIDIARY LLC", parent_uei="FSY4LVSBGWB7")))
    assert (by_uei.vendor_id, by_uei.rule) == ("palantir", "parent-uei")
    by_names = MATCHER.matches(award("SOME SUBSIDIARY LLC", parent_name="GRAVY ANALYTICS, INC."))
    by_name = next(match for match in by_names if match.vendor_id == "venntel")
    assert (by_name.vendor_id, by_name.rule, by_name.band) == ("venntel", "parent-name", MatchBand.PUBLISHED)
    mixed = only(MATCHER.matches(award("SOME SUBSIDIARY LLC", parent_uei="KFW6S1KJQ566")))
    assert (mixed.vendor_id, mixed.band) == ("commdex", MatchBand.REVIEW)


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


def test_an_exclusion_that_begins_within_a_phrase_hides_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    entry = "{id: x, name: Quaxim, category: spyware, products: [{phrase: ZEBRA KEY, strength: strong}], "
    path.write_text(f"vendors:\n  - {entry} exclusions: [KEY WEST]}}\n", encoding="utf-8")
    matcher = Matcher(load_watchlist(path))
    assert only(matcher.matches(award("ACME LLC", "ZEBRA KEY FOR THE FIELD OFFICE"))).vendor_id == "x"
    assert of_vendors(matcher.matches(award("ACME LLC", "ZEBRA KEY WEST FIELD OFFICE"))) == ()


def test_signals_are_ordered_best_first() -> None:
    signals = only(MATCHER.matches(award("CLEARVIEW AI, INC.", "CLEARVIEW AI LICENSES", uei="E5BEYXDQYJS6"))).signals
    scores = [signal.score for signal in signals]
    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)


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
def test_hostile_text_breaks_nothing(text: str) -> None:
    for match in MATCHER.matches(award(text, text, actions=(text,), uei=text, parent_name=text)):
        assert match.reason.isprintable()
        assert len(match.reason) < 3_000


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


def is_in(term: Term, words: str) -> bool:
    """Whether a phrase, and one of its near words if it needs one, is among words."""
    near = not term.near or any(f" {word} " in f" {words} " for word in term.near)
    return near and f" {normalize_text(term.phrase)} " in f" {normalize_text(words)} "


@pytest.mark.parametrize("vendor", WATCHLIST.vendors, ids=lambda vendor: vendor.id)
def test_every_shipped_name_and_phrase_finds_its_vendor(vendor: Vendor) -> None:
    for known in (*vendor.legal_names, *vendor.former_names, *vendor.dba_names, *vendor.subsidiaries):
        year = known.since or known.until or 2023
        named = {match.vendor_id: match for match in MATCHER.matches(award(known.name, signed=date(year, 1, 1)))}
        assert vendor.id in named, known
        assert vendor.portfolio_of(known) is not Portfolio.BROAD or named[vendor.id].band is MatchBand.NAME_ONLY, known
    product_scores = [term for term in vendor_terms(vendor) if term.kind and term.strength is not Strength.WEAK]
    for term in vendor_terms(vendor):
        if term.kind is not None:
            words = " ".join((term.phrase, *sorted(term.near)[:1]))
            record = award(description=f"1 EA {words}; RENEWAL", signed=date(term.since or 2023, 1, 1))
            ids = {match.vendor_id for match in MATCHER.matches(record)}
            expected = any(is_in(other, words) for other in product_scores)
            assert (vendor.id in ids) == expected, term


def test_an_empty_watchlist_matches_nothing() -> None:
    assert Matcher(Watchlist(())).matches(award("CLEARVIEW AI, INC.", "CLEARVIEW AI")) == ()


def test_the_version_follows_the_watchlist() -> None:
    assert MATCHER.version.endswith(WATCHLIST.version)
    assert Matcher(Watchlist(())).version != MATCHER.version
