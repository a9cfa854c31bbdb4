"""Quotations are the source's own words: each run of text between ellipses stands in the source."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.entries.highlight import quotes
from feeds.text import ELLIPSIS, clean
from monitors.matching.matcher import Matcher
from monitors.watchlist.loader import load_watchlist
from storage.models import StoredSignal
from tests.feeds.records import BABEL, BABEL_ACTIONS, match
from tests.records import CLEARVIEW, with_actions

LETTERS = "AB C-, .\n\t&<\u00e9\u202e"
FIELDS = st.sampled_from(["description", "action_description"])
MATCHER = Matcher(load_watchlist())


@st.composite
def found(draw: st.DrawFn) -> tuple[str, list[StoredSignal]]:
    """Draw a text and signals at places of it."""
    text = draw(st.text(LETTERS, min_size=1, max_size=60)) * draw(st.integers(1, 20))
    spans = st.tuples(st.integers(0, len(text) - 1), st.integers(1, 25))
    places = draw(st.lists(spans, min_size=1, max_size=4))
    signals = [
        StoredSignal(
            kind="topic",
            field="action_description",
            text=text[start : start + length],
            term="LISTED",
            start=start,
            end=min(start + length, len(text)),
            score=0.5,
            action_key="KEY",
        )
        for start, length in places
    ]
    return text, signals


@given(found(), st.booleans())
def test_a_quotation_is_the_sources_text(drawn: tuple[str, list[StoredSignal]], is_at_hand: bool) -> None:
    text, signals = drawn
    actions = {"KEY": replace(BABEL_ACTIONS[0], description=text)} if is_at_hand else {}
    for quote in quotes(match("v", "V", "c", *signals), BABEL, actions):
        assert_quoted("".join(piece.text for piece in quote.pieces), text)


WORDS = (
    "BODY WORN CAMERA",
    "FACIAL RECOGNITION",
    "CELLEBRITE",
    "HSI RAVEN",
    "DRONE",
    "SUPPORT",
    "OPTION",
    "(ICM)",
    "\u202e",
)


@given(st.lists(st.sampled_from(WORDS), max_size=40), st.integers(0, 200), st.sampled_from([" ", "\n", "  ", " - "]))
def test_a_reason_quotes_the_sources_text(words: list[str], filler: int, between: str) -> None:
    text = between.join(["X" * filler, *words])
    award = with_actions(replace(CLEARVIEW, description=text), ())
    for each in MATCHER.matches(award):
        for quoted in re.findall(r': "([^"]*)"\.', each.reason):
            assert_quoted(quoted, text)


def assert_quoted(quotation: str, text: str) -> None:
    source = _folded(text)
    for part in quotation.split(ELLIPSIS):
        assert _folded(part) in source


def _folded(text: str) -> str:
    return " ".join(clean(text).replace("\u202e", " ").split())


@pytest.mark.parametrize(
    ("words", "quotation"),
    [
        (["INTENSIVE SUPERVISION APPEARANCE PROGRAM", "ISAP"], "…INTENSIVE SUPERVISION APPEARANCE PROGRAM … ISAP…"),
        (["TITLE III DIGITAL COLLECTION", "DIGITAL COLLECTION SYSTEMS"], "…TITLE III DIGITAL COLLECTION SYSTEMS…"),
        (["O&M"], "O&M…"),
    ],
)
def test_words_of_a_text_not_at_hand_are_never_glued(words: list[str], quotation: str) -> None:
    text = "O&M FOR TITLE III DIGITAL COLLECTION SYSTEMS, INTENSIVE SUPERVISION APPEARANCE PROGRAM (ISAP) IV"
    signals = [
        StoredSignal(
            kind="product",
            field="action_description",
            text=word,
            term=word,
            start=text.index(word),
            end=text.index(word) + len(word),
            score=1.0,
            action_key="KEY",
        )
        for word in words
    ]
    [quote] = quotes(match("v", "V", "c", *signals), BABEL, {})
    assert "".join(piece.text for piece in quote.pieces) == quotation
    assert all(piece.marked for piece in quote.pieces if ELLIPSIS not in piece.text)


def test_a_signal_without_words_is_not_quoted() -> None:
    signal = StoredSignal(
        kind="uei", field="recipient_uei", text="", term="XD4CRB8GFKZ5", start=0, end=0, score=1.0, action_key=""
    )
    assert quotes(match("v", "V", "c", signal), BABEL, {}) == ()
