"""What an entry holds: facts, dates, reasons with their words, links."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from feeds.entries.details import amounts, competition, payments, reporting_delay_note
from feeds.entries.entry import Entry, entry_for, in_feed_order
from feeds.entries.highlight import Piece, marked_pieces, quotes
from feeds.text import ELLIPSIS
from feeds.urls import official_page, permalink
from storage.models import EventKind, StoredEvent
from tests.feeds.records import (
    BABEL,
    BABEL_ACTIONS,
    CLEARVIEW,
    CLEARVIEW_ACTIONS,
    PALANTIR,
    PALANTIR_ACTIONS,
    SEEN,
    event,
)
from tests.records import NO_FAIR_OPPORTUNITY, SOLE_SOURCE


def told(of: StoredEvent, base: str = "https://watch.example.org") -> Entry:
    return entry_for(of, lambda it: permalink(base, it))


def test_all_three_dates_and_how_late() -> None:
    late = replace(event(CLEARVIEW, CLEARVIEW_ACTIONS[0], EventKind.NEW_AWARD, seen=SEEN), days_late=1904)
    entry = told(late)
    assert (entry.signed, entry.published) == (date(2021, 9, 3), None)
    assert entry.first_seen == SEEN.replace(microsecond=0)
    assert entry.days_late == 1904
    for words in ("2021-09-03", "not stated", "2026-11-20 14:05 UTC (1,904 days after signing)"):
        assert words in entry.content_html
        assert words in entry.summary


def test_what_was_seen_first_by_the_first_poll_is_not_called_late() -> None:
    entry = told(event(CLEARVIEW, CLEARVIEW_ACTIONS[0]))
    assert entry.days_late == 0
    assert "after signing" not in entry.content_html


def test_the_words_that_matched_are_marked() -> None:
    content = told(event(BABEL, BABEL_ACTIONS[1])).content_html
    assert "<mark><b>BABEL STREET</b></mark> LICENSES IN SUPPORT OF" in content
    assert "CBP REQUIRES <mark><b>BABEL STREET</b></mark> SOFTWARE" in content
    assert "Matched because the record holds" in content


def test_amounts_stand_under_their_own_names() -> None:
    full = replace(CLEARVIEW, exercised=Decimal("2300000"), ceiling=Decimal("9200000"))
    labelled = {fact.label: fact.value for fact in told(event(full, CLEARVIEW_ACTIONS[2])).details}
    assert labelled["Obligated by this action"] == "$500,000.00"
    assert labelled["Obligated to date"] == "$2,287,500.00"
    assert labelled["Base and exercised options"] == "$2,300,000.00"
    assert labelled["Ceiling with all options"] == "$9,200,000.00"
    unknown = {fact.label for fact in told(event(PALANTIR, PALANTIR_ACTIONS[0])).details}
    assert not unknown & {"Obligated to date", "Ceiling with all options", "Period of performance", "Office"}


MILESTONES = {
    CLEARVIEW.key: (
        "ICE has no earlier award to Clearview AI in the records since 2007-10-01;"
        " this award went to CLEARVIEW AI, INC.",
        "ICE's obligations to Clearview AI passed $5 million: $5,012,345.00 in all;"
        " this award went to CLEARVIEW AI, INC.",
    ),
    BABEL.key: (
        "CBP has no earlier award for Babel Street products in the records since 2007-10-01;"
        " this award went to PANAMERICA COMPUTERS, INC.",
        "CBP's obligations for Babel Street products passed $5 million: $5,012,345.00 in all;"
        " this award went to PANAMERICA COMPUTERS, INC.",
    ),
}


@pytest.mark.parametrize("of", [event(CLEARVIEW, CLEARVIEW_ACTIONS[0]), event(BABEL, BABEL_ACTIONS[0])])
def test_one_entry_says_all_that_is_new_about_an_award(of: StoredEvent) -> None:
    vendor = of.record.matches[0]
    part = replace(of, vendor_id=vendor.vendor_id, old_value=vendor.vendor_name, amount=None, action=None)
    first = replace(part, kind=EventKind.FIRST_PURCHASE, new_value="2007-10-01")
    total = replace(part, kind=EventKind.ROUND_SUM, new_value="5000000", total=Decimal("5012345"))
    entry = told(replace(of, milestones=(first, total)))
    labelled = {fact.label: fact.value for fact in entry.details}
    sentences = (labelled["First purchase on record"], labelled["Total passed a round sum"])
    assert sentences == MILESTONES[of.record.key]
    assert all(sentence in entry.summary for sentence in sentences)
    assert labelled["Obligated by this action"] == f"${of.amount:,}"
    assert [category.term for category in entry.categories if category.scheme.endswith("kind")] == [
        "modified",
        "first-purchase",
        "round-sum",
    ]


def test_an_entry_says_how_the_award_was_competed_and_priced() -> None:
    labelled = {fact.label: fact.value for fact in told(event(replace(CLEARVIEW, **SOLE_SOURCE), None)).details}
    assert labelled["Competition"] == "Not competed"
    assert labelled["Reason not competed"] == "ONLY ONE SOURCE-OTHER (FAR 6.302-1 OTHER)"
    assert labelled["Offers received"] == "1"
    assert labelled["Solicitation procedure"] == "ONLY ONE SOURCE"
    assert labelled["Commercial procedures"] == "COMMERCIAL PRODUCTS/SERVICES"
    assert (labelled["Set-aside"], labelled["Pricing"]) == ("8(A) SOLE SOURCE", "FIRM FIXED PRICE")
    unknown = {fact.label for fact in told(event(CLEARVIEW, None)).details}
    assert not unknown & {"Competition", "Reason not competed", "Offers received", "Set-aside", "Pricing"}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"extent_competed_code": "A", "extent_competed": "FULL AND OPEN COMPETITION"},
         "Competed (FULL AND OPEN COMPETITION)"),
        ({"extent_competed_code": "G", "extent_competed": "NOT COMPETED UNDER SAP"},
         "Not competed (NOT COMPETED UNDER SAP)"),
        ({"extent_competed_code": "C"}, "Not competed"),
        ({"extent_competed_code": "H", "extent_competed": "SOMETHING NEW"}, "SOMETHING NEW"),
        ({"extent_competed": "competitively procured", "category": "announcement"}, "competitively procured"),
        (NO_FAIR_OPPORTUNITY,
         "Not competed: the order was placed under an exception to fair opportunity"
         " (parent contract: FULL AND OPEN COMPETITION)"),
    ],
)  # fmt: skip
def test_competition_is_said_in_words_beside_the_sources_own(facts: dict[str, Any], words: str) -> None:
    (fact,) = (fact for fact in competition(replace(CLEARVIEW, **facts)) if fact.label == "Competition")
    assert fact.value == words


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        (("Q",), "none"),
        (("N", "Q"), "N (COVID-19)"),
        (("1", "AAB", "Z"), "1 (infrastructure), AAB, Z (infrastructure)"),
        ((), None),
    ],
)
def test_disaster_money_is_named(codes: tuple[str, ...], words: str | None) -> None:
    labelled = {fact.label: fact.value for fact in payments(replace(CLEARVIEW, disaster_codes=codes))}
    assert labelled.get("Disaster and emergency funding (DEFC)") == words


@pytest.mark.parametrize(
    ("count", "total", "words"),
    [
        (None, None, None),
        (0, None, "none"),
        (2, None, "2"),
        (3029, "10845840904.67", "3,029 (total $10,845,840,904.67)"),
    ],
)
def test_subawards_are_counted_and_their_sum_stands_apart(
    count: int | None, total: str | None, words: str | None
) -> None:
    award = replace(CLEARVIEW, subaward_count=count, subaward_total=Decimal(total) if total else None)
    assert {fact.label: fact.value for fact in payments(award)}.get("Subawards reported") == words
    assert "10,845" not in " ".join(fact.value for fact in amounts(award))


def test_zero_and_negative_actions_say_so() -> None:
    assert "$0.00 (no funds obligated)" in told(event(CLEARVIEW, CLEARVIEW_ACTIONS[1])).content_html
    assert "\u2212$1,402,838.41 (de-obligated)" in told(event(PALANTIR, PALANTIR_ACTIONS[0])).content_html


def test_a_key_that_changed_stands_before_and_after() -> None:
    of = event(CLEARVIEW, None, EventKind.RENUMBERED, before="CONT_AWD_A", after="CONT_AWD_B")
    content = told(of).content_html.partition("<dl")[2]
    told_of = [content.index(words) for words in ("Award key before", "CONT_AWD_A", "Award key now", "CONT_AWD_B")]
    assert told_of == sorted(told_of)


def test_links() -> None:
    of = event(CLEARVIEW, CLEARVIEW_ACTIONS[0])
    official = f"https://www.usaspending.gov/award/{CLEARVIEW.key}/"
    entry = told(of)
    assert entry.link.startswith(f"https://watch.example.org/awards/{CLEARVIEW.key}.html#event-")
    assert entry.official_url == official
    assert told(of, base="").link == official


def test_an_address_that_is_none_is_never_linked() -> None:
    for url in ("", "javascript:alert(1)", "https://", "data:text/html,x"):
        assert official_page(replace(CLEARVIEW, url=url)).startswith("https://www.usaspending.gov/award/CONT_AWD_")
    assert official_page(replace(CLEARVIEW, url='https://a.gov/"x y')) == "https://a.gov/%22x%20y"


def test_categories_name_kind_vendor_technology_and_agency() -> None:
    terms = [category.term for category in told(event(CLEARVIEW, CLEARVIEW_ACTIONS[0])).categories]
    assert terms == ["modified", "clearview-ai", "face-recognition", "7012"]


def test_order_is_newest_first_then_as_given_and_nothing_twice() -> None:
    entries = [
        told(event(CLEARVIEW, action, seen=SEEN + timedelta(days=days)))
        for action, days in zip(CLEARVIEW_ACTIONS, (0, 1, 0, 1, 0), strict=True)
    ]
    order = [entry.title.partition("modified ")[2][:6] for entry in in_feed_order([*entries, entries[0]])]
    assert order == ["P00001", "P00003", "", "P00002", "P00005"]


def test_spans_that_do_not_fit_are_found_again_or_left() -> None:
    good = BABEL.matches[0].signals[0]
    text = "NOW THE BABEL STREET IS ELSEWHERE"
    marked = (Piece("NOW THE ", marked=False), Piece("BABEL STREET", marked=True), Piece(" IS ELSEWHERE", marked=False))
    for start, end in ((0, 12), (-3, 400), (30, 10), (10**9, 10**9 + 1)):
        assert marked_pieces(text, [replace(good, start=start, end=end)]) == marked
    assert marked_pieces("GONE", [good]) == (Piece("GONE", marked=False),)
    overlapping = [replace(good, text="", start=0, end=5), replace(good, text="", start=3, end=8)]
    assert marked_pieces("ABCDEFGHIJ", overlapping) == (Piece("ABCDEFGH", marked=True), Piece("IJ", marked=False))


def test_words_of_a_field_not_at_hand_are_still_quoted() -> None:
    where = [quote.field for quote in quotes(BABEL.matches[0], BABEL, {})]
    assert where == ["Award description", "Description of modification P00001"]
    where = [quote.field for quote in quotes(BABEL.matches[0], BABEL, {BABEL_ACTIONS[1].key: BABEL_ACTIONS[1]})]
    assert where[1] == "Description of modification P00001, signed 2024-03-19"
    ellipsis = Piece(ELLIPSIS, marked=False)
    assert quotes(BABEL.matches[0], BABEL, {})[1].pieces == (ellipsis, Piece("BABEL STREET", marked=True), ellipsis)


def test_a_huge_description_is_cut_and_says_so() -> None:
    entry = told(event(replace(CLEARVIEW, description="CLEARVIEW " * 100_000), CLEARVIEW_ACTIONS[0]))
    assert "[shortened: 980,000 more characters]" in entry.content_html
    assert len(entry.content_html) < 100_000


def test_what_is_not_public_yet() -> None:
    told = "DoD and Army Corps of Engineers awards signed after 2026-08-25 are not public yet."
    assert reporting_delay_note(date(2026, 11, 23)) == told


def test_an_entry_says_which_actions_a_match_concerns() -> None:
    base, option = BABEL_ACTIONS
    of = replace(BABEL, matches=(replace(BABEL.matches[0], action_keys=(option.key, "")),))
    entry = told(event(of, option))
    sentence = "Of this award, it concerns only modification P00001, signed 2024-03-19."
    assert entry.reasons[0].scope == sentence
    assert sentence in entry.content_html
    assert sentence in entry.summary
    assert "it concerns only" not in told(event(BABEL, option)).content_html
    many = tuple(f"7014_-NONE-_70B03C23F00001053_P{number:05}_HSHQDC12D00013_0" for number in range(1, 9))
    of = replace(BABEL, matches=(replace(BABEL.matches[0], action_keys=(base.key, *many)),))
    assert told(event(of, base)).reasons[0].scope == (
        "Of this award, it concerns only the base award, signed 2023-09-25; modification P00001; modification P00002;"
        " modification P00003; modification P00004; and 4 more actions."
    )
