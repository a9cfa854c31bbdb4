"""Which rows may match: whatever the matcher finds in a record, the prefilter finds in one of its values."""

from __future__ import annotations

import pickle
import random
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.archives.prefilter import Material, count_lost, made_up, may_match, records
from benchmarks.labelled import read_awards
from monitors.matching.prefilter import WatchlistCandidates
from monitors.watchlist.loader import load_watchlist
from sources.usaspending_archive.compiled.fast import has_word
from storage.models import MatchBand
from tests.shared_data import FOLDER, needs

EXTRACT = "usaspending/cbp_ice_transactions_fy2021_2024.csv.gz"


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


@pytest.fixture(scope="module")
def material(candidates: WatchlistCandidates) -> Material:
    words = [word for each in read_awards().values() for word in each.description.split()]
    return Material.of(candidates.watchlist, sorted(set(words))[::7])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_nothing_that_matches_is_left_out(candidates: WatchlistCandidates, material: Material, seed: int) -> None:
    record = made_up(material, random.Random(seed))
    if candidates.matcher.matches(record):
        assert may_match(candidates, record)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_a_text_that_may_concern_has_a_word_that_is_looked_for(
    candidates: WatchlistCandidates, material: Material, seed: int
) -> None:
    record = made_up(material, random.Random(seed))
    for text in (record.description, record.recipient.name):
        if candidates.may_concern_text(text):
            assert has_word(candidates.text_words, text)


def test_many_records_match_in_the_tests_above(candidates: WatchlistCandidates, material: Material) -> None:
    chance = random.Random(1)
    matched = [match.band for _ in range(300) for match in candidates.matcher.matches(made_up(material, chance))]
    assert set(matched) == {MatchBand.PUBLISHED, MatchBand.REVIEW, MatchBand.NAME_ONLY}
    assert len(matched) > 100


@needs(EXTRACT)
def test_no_action_of_an_extract_is_left_out(candidates: WatchlistCandidates) -> None:
    bands, lost = count_lost(islice(records(FOLDER / EXTRACT, candidates, seed=2), 60_000), candidates)
    assert not lost
    assert min(bands[band] for band in ("published", "review", "name-only")) > 500
