"""The rules of scoring for each portfolio and evidence, with made-up vendors and phrases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monitors.matching.name_index import Signal, SignalKind
from monitors.matching.scoring import ScoredSignal, explain, score_match
from monitors.watchlist.model import Evidence, Portfolio, Strength, Vendor
from sources.records import Recipient

PURE, MIXED, BROAD = Portfolio
VENDOR = Vendor(id="quaxim", name="Quaxim", category="spyware")
TOPIC = ScoredSignal(
    Signal(kind=SignalKind.TOPIC, field="description", text="SPYWARE", term="SPYWARE", start=90, end=97, score=0.8),
    strength=Strength.STRONG,
)


def phrase(term: str = "ZEBRA", kind: SignalKind = SignalKind.PRODUCT, portfolio: Portfolio = PURE) -> ScoredSignal:
    signal = Signal(kind=kind, field="description", text=term, term=term, start=0, end=len(term), score=0.65)
    return ScoredSignal(signal, portfolio, strength=Strength.MEDIUM, source=term)


def name(kind: SignalKind, portfolio: Portfolio = PURE, score: float = 0.9, *, is_parent: bool = False) -> ScoredSignal:
    signal = Signal(kind=kind, field="recipient_name", text="QUAXIM", term="Quaxim", start=0, end=6, score=score)
    return ScoredSignal(signal, portfolio, is_parent=is_parent)


@pytest.mark.parametrize(
    ("portfolio", "on_topic", "two", "resold"),
    [
        (PURE, "medium-phrase-on-topic", "two-phrases", 0.82),
        (MIXED, "medium-phrase-on-topic", "two-phrases", 0.65),
        (BROAD, "medium-phrase", "medium-phrase", 0.65),
    ],
)
def test_phrases_count_less_for_a_vendor_that_sells_other_things(
    portfolio: Portfolio, on_topic: str, two: str, resold: float
) -> None:
    vendor = replace(VENDOR, portfolio=portfolio)
    assert score_match(vendor, [phrase()], resold=False, topics=[TOPIC])[1] == on_topic
    assert score_match(vendor, [phrase(), phrase("YAK")], resold=False)[1] == two
    assert score_match(vendor, [phrase()], resold=True)[0] == resold


@pytest.mark.parametrize(
    ("portfolio", "result"),
    [
        (PURE, (0.75, "mixed-portfolio-name")),
        (MIXED, (0.75, "mixed-portfolio-name")),
        (BROAD, (0.65, "medium-phrase")),
    ],
)
def test_a_name_beside_words_for_other_products_is_at_most_mixed(
    portfolio: Portfolio, result: tuple[float, str]
) -> None:
    found = [name(SignalKind.NAME, portfolio), phrase(kind=SignalKind.MENTION, portfolio=MIXED)]
    assert score_match(VENDOR, found, resold=False) == result


@pytest.mark.parametrize(
    ("item", "evidence", "is_on_topic"),
    [
        (name(SignalKind.FUZZY_NAME, score=0.7), Evidence.PRIMARY, True),
        (name(SignalKind.FUZZY_NAME, score=0.7), Evidence.BACKGROUND, False),
        (name(SignalKind.FUZZY_NAME, MIXED), Evidence.PRIMARY, False),
        (name(SignalKind.NAME, MIXED), Evidence.BACKGROUND, True),
        (name(SignalKind.NAME, BROAD), Evidence.PRIMARY, True),
        (name(SignalKind.PARENT_NAME, score=0.7, is_parent=True), Evidence.PRIMARY, True),
        (name(SignalKind.PARENT_NAME, MIXED, is_parent=True), Evidence.PRIMARY, False),
    ],
)
def test_which_names_a_topic_phrase_confirms(item: ScoredSignal, evidence: Evidence, is_on_topic: bool) -> None:
    score, rule = score_match(replace(VENDOR, evidence=evidence), [item], resold=False, topics=[TOPIC])
    assert (score == 0.81, rule.endswith("+topic")) == (is_on_topic, is_on_topic)


@pytest.mark.parametrize(
    ("item", "score"),
    [
        (name(SignalKind.NAME, BROAD), 0.62),
        (name(SignalKind.NAME, BROAD, 0.7), 0.62),
        (name(SignalKind.FUZZY_NAME, BROAD, 0.85), 0.62),  # a branch
        (name(SignalKind.FUZZY_NAME, BROAD, 0.84), 0.5),
        (name(SignalKind.PARENT_NAME, BROAD, is_parent=True), 0.5),
    ],
)
def test_the_most_that_a_broad_name_scores(item: ScoredSignal, score: float) -> None:
    assert score_match(VENDOR, [item], resold=False)[0] == score


@pytest.mark.parametrize(("portfolio", "is_stated"), [(PURE, False), (MIXED, True), (BROAD, True)])
def test_a_reason_says_that_the_vendor_also_sells_other_things(portfolio: Portfolio, is_stated: bool) -> None:
    identity, recipient = name(SignalKind.NAME, portfolio), Recipient(name="QUAXIM")
    caveat = " Quaxim also sells other things, so a person should look."
    assert explain(VENDOR, [identity], recipient, ()).endswith(caveat) is is_stated
    for product in (phrase(), phrase(kind=SignalKind.MENTION)):
        assert not explain(VENDOR, [identity, product], recipient, ()).endswith(caveat)
    other = phrase(kind=SignalKind.MENTION, portfolio=MIXED)
    assert explain(VENDOR, [identity, other], recipient, ()).endswith(caveat) is is_stated


def test_two_spellings_of_a_name_count_once() -> None:
    spellings = [phrase(term, SignalKind.MENTION) for term in ("QUAXIM", "QUAX IM")]
    assert score_match(VENDOR, spellings, resold=False)[1] == "medium-phrase"
    assert score_match(VENDOR, [phrase("QUAXIM"), phrase("QUAX IM")], resold=False)[1] == "two-phrases"


def test_a_reason_tells_a_parent_from_what_it_owns() -> None:
    parent = name(SignalKind.PARENT_NAME)
    owned = replace(parent, signal=replace(parent.signal, field="recipient_parent_name"))
    assert 'is "Quaxim", the parent company of Quaxim' in explain(VENDOR, [parent], Recipient(name="QUAXIM"), ())
    assert 'has the parent company "QUAXIM"' in explain(VENDOR, [owned], Recipient(name="X"), ())
