"""The demo's corpus holds what the public extract holds, and nothing else."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from decimal import Decimal

import pytest

from tests.shared_data import FOLDER, needs
from tests.upstreams.usaspending.corpus import CorpusAward, load_corpus, read_corpus

EXTRACT = "usaspending/cbp_ice_transactions_fy2021_2024.csv.gz"


@pytest.fixture(scope="module")
def corpus() -> list[CorpusAward]:
    return load_corpus()


def test_awards_are_numbered_and_have_their_keys_and_actions(corpus: list[CorpusAward]) -> None:
    assert 280 <= len(corpus) <= 340
    assert [award.internal_id for award in corpus] == list(range(1, len(corpus) + 1))
    assert [award.key for award in corpus] == [row["generated_unique_award_id"] for row in read_corpus()["awards"]]
    actions = [award.action_key(action) for award in corpus for action in award.actions]
    assert len({award.key for award in corpus}) == len(corpus)
    assert len(set(actions)) == len(actions)
    assert all(award.actions for award in corpus)


def test_every_load_gives_fresh_awards(corpus: list[CorpusAward]) -> None:
    load_corpus()[0].recipient_name = "SOMEBODY ELSE"
    assert load_corpus()[0].recipient_name == corpus[0].recipient_name != "SOMEBODY ELSE"


def test_totals_are_exact_sums_in_cents(corpus: list[CorpusAward]) -> None:
    for award in corpus:
        amounts = [action.obligation for action in award.actions if action.obligation is not None]
        assert len(amounts) == len(award.actions)
        has_base = any(action.modification == "0" for action in award.actions)
        assert award.total == (sum(amounts) if has_base else None), "a part of the history is no total"
        assert all(amount.as_tuple().exponent == -2 for amount in amounts)


def test_it_has_negative_and_zero_amounts_and_special_characters(corpus: list[CorpusAward]) -> None:
    amounts = [action.obligation or Decimal(0) for award in corpus for action in award.actions]
    text = " ".join(f"{award.recipient_name} {award.shown_description}" for award in corpus)
    assert min(amounts) < 0
    assert 0 in amounts
    assert {"&", "<", '"', "'"} <= set(text)


def test_what_the_extract_lacks_is_unknown(corpus: list[CorpusAward]) -> None:
    for award in corpus:
        names = (award.recipient_uei, award.recipient_parent_name, award.type, award.psc_code, award.naics_code)
        others = (award.last_modified_date, award.ceiling, award.ends, award.awarding_office)
        base = [action.action_date for action in award.actions if action.modification == "0"]
        assert {*names, *others} == {None}
        assert award.date_signed == (base[0] if base else None)


@pytest.mark.parametrize(
    ("recipient", "words"),
    [
        ("CLEARVIEW AI, INC.", "CLEARVIEW FACIAL RECOGNITION"),
        ("PANAMERICA COMPUTERS, INC.", "BABEL STREET SOFTWARE"),
        ("THUNDERCAT TECHNOLOGY, LLC", "FIVECAST ONYX"),
        ("CARAHSOFT TECHNOLOGY CORP", "CELLEBRITE"),
        ("SNAP, INC", "GRAYKEY"),
        ("ATLANTIC DIVING SUPPLY, INC.", "SKYDIO"),
        ("FS PARTNERS, LLP", "DATAMINR"),
        ("PARAGON SOLUTIONS (US) INC", "PROPRIETARY SOLUTION"),
        ("1NTEGER LLC", "CLEARVIEW"),
        ("PARAGON SYSTEMS INC", ""),
        ("EVIGILANT.COM, LLC", ""),
        ("COGNITECH LLC", ""),
    ],
)
def test_vendors_resellers_and_traps_are_there(corpus: list[CorpusAward], recipient: str, words: str) -> None:
    held = [award for award in corpus if award.recipient_name == recipient]
    assert any(words in (action.description or "") for award in held for action in award.actions)


@needs(EXTRACT)
def test_every_action_stands_in_the_public_extract_and_none_is_left_out(corpus: list[CorpusAward]) -> None:
    public: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    with gzip.open(FOLDER / EXTRACT, "rt", newline="") as text:
        for row in csv.DictReader(text):
            facts = (row["Modification"], row["Action Date"], row["Transaction Description"])
            public[row["Generated Award ID"]].add((*facts, f"{Decimal(row['Federal Action Obligation']):.2f}"))
    for award in corpus:
        held = [
            (action.modification, action.action_date.isoformat(), action.description or "", f"{action.obligation:.2f}")
            for action in award.actions
        ]
        assert len(set(held)) == len(held)
        assert set(held) == public[award.key]


@needs(EXTRACT)
def test_names_and_categories_are_those_of_the_latest_action(corpus: list[CorpusAward]) -> None:
    by_action: dict[tuple[str, str], dict[str, str]] = {}
    with gzip.open(FOLDER / EXTRACT, "rt", newline="") as text:
        for row in csv.DictReader(text):
            by_action[row["Generated Award ID"], row["Modification"]] = row
    for award in corpus:
        row = by_action[award.key, award.latest.modification]
        assert award.recipient_name == row["Recipient Name"]
        assert (award.psc_description or "") == row["Product/Service Description"]
        assert (award.naics_description or "") == row["NAICS Description"]
        assert award.awarding_sub_code == {"ICE": "7012", "CBP": "7014"}[row["Agency"]]
        assert award.piid == row["Award ID"]
