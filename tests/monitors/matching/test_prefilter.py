"""Which rows may match: whatever the matcher finds in a record, the prefilter finds in one of its values."""

from __future__ import annotations

import pickle

import pytest

from monitors.matching.prefilter import WatchlistCandidates
from monitors.watchlist.loader import load_watchlist


@pytest.fixture(scope="module")
def candidates() -> WatchlistCandidates:
    return WatchlistCandidates(load_watchlist(), award_keys=frozenset({"CONT_AWD_P1_7012_-NONE-_-NONE-"}))


@pytest.mark.parametrize(
    "name", ["CLEARVIEW AI, INC.", "Clear view ai", "CELLEBRITTE INC", "SKYDIO FEDERAL LLC", "PENLINK (US) INC"]
)
def test_a_name_that_the_matcher_finds_may_concern(candidates: WatchlistCandidates, name: str) -> None:
    assert candidates.may_concern_name(name)


@pytest.mark.parametrize("text", ["GRAY-KEY LICENSES", "graykeys", "FACIAL  RECOGNITION", "NEXUSXPLORE SEATS", "VIDEO"])
def test_a_text_that_the_matcher_finds_may_concern(candidates: WatchlistCandidates, text: str) -> None:
    assert candidates.may_concern_text(text)


def test_other_names_and_texts_do_not_concern(candidates: WatchlistCandidates) -> None:
    assert not candidates.may_concern_name("ACME PAPER INC")
    assert not candidates.may_concern_name("")
    assert not candidates.may_concern_text("PAPER FOR THE OFFICE")
    assert not candidates.may_concern_text("")


def test_only_codes_that_need_no_words_concern(candidates: WatchlistCandidates) -> None:
    assert candidates.may_concern_codes("1550", "", "", "")
    assert candidates.may_concern_codes("", "Unmanned Aircraft", "", "")
    assert not candidates.may_concern_codes("6720", "CAMERAS, STILL PICTURE", "336411", "AIRCRAFT MANUFACTURING")


def test_another_process_gets_the_same(candidates: WatchlistCandidates) -> None:
    assert candidates.may_concern_name("CLEARVIEW AI, INC.")
    again = pickle.loads(pickle.dumps(candidates))  # noqa: S301
    assert again == candidates
    assert again.may_concern_name("CLEARVIEW AI, INC.")
    assert (again.ueis, again.cages) == (candidates.ueis, candidates.cages)
    assert again.ueis
