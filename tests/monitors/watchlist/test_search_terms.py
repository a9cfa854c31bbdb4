"""Whatever the matcher matches is asked for: both are compared for every entry that is shipped."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from monitors.matching.matcher import Matcher
from monitors.matching.name_index import NameIndex
from monitors.matching.scoring import PUBLISH_FROM
from monitors.normalize import normalize_text
from monitors.runs.jobs import search_terms
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Kind, KnownName, Portfolio, Product, Strength, Vendor
from monitors.watchlist.search_terms import query_error, search_names, search_phrases, search_short_names
from sources.words import GENERIC_WORDS, LEGAL_FORMS
from tests.awards import award
from tests.searches import description_found, parent_found, recipient_found

WATCHLIST = load_watchlist()
VENDORS = [entry for entry in WATCHLIST.vendors if entry.kind is Kind.VENDOR]
MATCHER = Matcher(WATCHLIST)
NAMES = NameIndex(WATCHLIST.vendors)
ASKED = search_terms(WATCHLIST.vendors)
TRANSACTIONS = Path(__file__).parents[4] / "shared/data/usaspending/cbp_ice_transactions_fy2021_2024.csv.gz"

FORMS = ["", *LEGAL_FORMS, "INC.", "CORP.", "CO., LTD.", "LTD.", "L.L.C.", "L.P.", *sorted(GENERIC_WORDS), "USA, LLC"]
FORM = re.compile(rf",? (?:{'|'.join(sorted(LEGAL_FORMS, key=len, reverse=True))})\.?$")


def names_of(vendor: Vendor) -> list[KnownName]:
    """Every name by which the matcher finds an entry, but for those of a broad portfolio, which are never asked for."""
    names = (*vendor.known_names, *vendor.subsidiaries, *vendor.parents)
    return [known for known in names if vendor.portfolio_of(known) is not Portfolio.BROAD]


def spellings(text: str) -> set[str]:
    """A text as it is listed, and as others would write it."""
    with_and = text.replace("&", " AND ")
    spelled = {text, re.sub(r"[^\w\s]", "", with_and), re.sub(r"\W+", " ", with_and)}
    return {" ".join(each.split()) for each in spelled | {each.replace(" AND ", " & ") for each in spelled}}


@cache
def written(vendor: Vendor) -> frozenset[str]:
    """The names of an entry as sources may write them: with every legal form, every word of a branch, or neither."""
    bases = set()
    for known in names_of(vendor):
        whole = known.name.upper()
        bases |= spellings(whole) | spellings(FORM.sub("", whole)) | spellings(FORM.sub("", FORM.sub("", whole)))
    bases |= {base.removeprefix("THE ") for base in bases}
    names = {f"{base}{comma}{form}".strip(" ,") for base in bases for form in FORMS for comma in (" ", ", ", ",")}
    names |= {f"THE {base} COMPANY" for base in bases} | {f"ANY RESELLER LLC DBA {base}" for base in bases}
    return frozenset(names)


def is_matched(vendor: Vendor, recipient: str, description: str = "", parent: str = "") -> bool:
    matches = MATCHER.matches(award(recipient, description, parent_name=parent))
    return vendor.id in {match.vendor_id for match in matches}


def test_every_name_that_matches_is_asked_for() -> None:
    lost = set()
    for vendor in VENDORS:
        alone = search_terms([vendor])
        for name in written(vendor):
            if not recipient_found(name, alone) and is_matched(vendor, name):
                lost.add(name)
    assert not lost


def test_the_whole_watchlist_asks_for_what_each_entry_asks_for() -> None:
    for entry in WATCHLIST.vendors:
        alone = search_terms([entry])
        assert all(any(text in name for text in ASKED.names) for name in alone.names)
        assert set(alone.short_names) <= set(ASKED.short_names)
        assert all(description_found(phrase, ASKED.phrases) for phrase in alone.phrases)


@pytest.mark.parametrize("vendor", ["leidos-bio", "att-hemisphere", "peraton", "sierra-nevada"])
def test_the_thousands_of_awards_of_a_broad_company_are_not_searched_for(vendor: str) -> None:
    assert search_names(WATCHLIST.by_id[vendor]) == ()


def test_every_parent_that_matches_is_asked_for() -> None:
    """A short name of a parent is found where the recipient's own name does not hold it."""
    lost = set()
    for vendor in VENDORS:
        short = search_short_names(vendor)
        for name in {each for known in names_of(vendor) for each in spellings(known.name.upper())}:
            found = parent_found(name, ASKED) or name.startswith(short)
            if not found and is_matched(vendor, "A SUBSIDIARY LLC", parent=name):
                lost.add(name)
    assert not lost


def test_every_uei_that_matches_is_asked_for() -> None:
    for vendor in VENDORS:
        for uei in vendor.ueis:
            assert MATCHER.matches(award(uei=uei))
            assert uei in ASKED.ueis


def phrases_of(product: Product) -> set[str]:
    """A phrase as descriptions may have it: with each of its near words."""
    return {f"{product.phrase} {word}" for word in product.near} or {product.phrase}


def is_silent(product: Product) -> bool:
    """Whether a phrase is only recognized: no source is searched for it."""
    return not product.search or (bool(product.near) and product.strength is not Strength.STRONG)


def described(entry: Vendor) -> Iterator[str]:
    """Descriptions that hold a phrase or a name of an entry, but none that is only recognized."""
    listed = [product for product in entry.products if product.strength is not Strength.WEAK]
    silent = {
        normalize_text(each)
        for product in filter(is_silent, listed)
        for phrase in phrases_of(product)
        for each in spellings(phrase)
    }
    products = {each for product in listed for phrase in phrases_of(product) for each in spellings(phrase.upper())}
    names = {each for known in names_of(entry) for each in spellings(known.name.upper())}
    for words in products | names | {f"{phrase}S" for phrase in products if not phrase.endswith("S")}:
        text = f"ITEM: {words} (1)"
        if not any(f" {each}" in normalize_text(text) for each in silent):
            yield text


def test_every_phrase_that_matches_is_asked_for() -> None:
    lost = set()
    for entry in WATCHLIST.vendors:
        alone = search_phrases(entry)
        for text in described(entry):
            if not description_found(text, alone) and is_matched(entry, "ANY RESELLER LLC", text):
                lost.add(text)
    assert not lost


@pytest.mark.parametrize(
    ("recipient", "texts"),
    [
        ("THORN", {"THORN"}),  # $933,920 of ICE, never found by a text of seven letters
        ("ANDE CORP", {"ANDE"}),
        ("ELLIPTIC", {"ELLIPTIC"}),
        ("LIFERAFT", {"LIFERAFT"}),
        ("SITA", {"SITA"}),
        ("TCOM, L.P.", {"TCOM"}),
        ("DRT INCORPORATED", set()),  # asked for as DRT INC
        ("SST,INC.", {"SST,"}),
    ],
)
def test_short_and_common_names_are_asked_for_by_the_whole_name(recipient: str, texts: set[str]) -> None:
    assert recipient_found(recipient, ASKED)
    assert {text for text in ASKED.short_names if text in recipient} == texts


def test_a_name_that_needs_its_legal_form_is_not_asked_for_without() -> None:
    assert not {"BI", "NEC", "SST", "HARRIS", "AWARE"} & {*ASKED.names, *ASKED.short_names}
    assert {"B.I. INC", "BI INC", "NEC CORP", "HARRIS CORP"} <= set(ASKED.short_names)
    trackers = Vendor(id="x", name="X", category="dna", legal_names=(KnownName("TRX, L.L.C."),))
    assert {"TRX L.L.C", "TRX LIMITED LIABILITY COMPANY", "TRX,"} <= set(search_short_names(trackers))
    assert "TRX LLC" in search_names(trackers)


def test_phrases_that_the_index_cannot_tell_apart_are_asked_for_once() -> None:
    phrases = ("MPH-900", "MPH900", "D&B DATA", "CELL SIMULATOR", "CELL SIMULATORS", "ODD CELL SIMULATOR KIT", "A.B. X")
    entry = Vendor(id="x", name="X", category="dna", products=tuple(Product(p, Strength.STRONG) for p in phrases))
    assert search_phrases(entry) == (
        *("A B X", "A.B. X", "AB X", "CELL SIMULATOR"),
        *("D AND B DATA", "D&B DATA", "MPH 900", "MPH900"),
    )
    assert not any(
        f" {short} " in f" {phrase} " for short in ASKED.phrases for phrase in ASKED.phrases if short != phrase
    )


def test_a_name_that_contains_another_is_not_asked_for() -> None:
    assert not any(short in name for short in ASKED.names for name in ASKED.names if short != name)
    assert {"PLACER.AI", "PLACER AI", "BIGBEAR.AI", "PALANTIR", "GEO GROUP"} <= set(ASKED.names)


@pytest.mark.parametrize(
    ("phrase", "reason"),
    [
        ("and then", "begins with AND, which searches take for an operator: leave the word out"),
        ("OR ELSE", "begins with OR"),
        ("NOT A DRONE", "begins with NOT"),
        ("FACE OR", "ends with OR"),
        ("FACE AND", "ends with AND"),
        ("FACE &", "ends with AND"),
        ("FACE AND OR VOICE", "has two words side by side"),
        ("FACE (ID", "has ( without its counterpart: add that, or leave both out"),
        ("FACE ID]", "has ] without its counterpart"),
        ("FACE {ID) X}", "has ) without its counterpart"),
        ('17" FACE', 'has " without its counterpart'),
        ("FACE AND NOT VOICE", ""),
        ("FACE (ID)", ""),
        ('"FACE" ID', ""),
        ("ORACLE NOTES", ""),
        ("TRAP AND TRACE", ""),
    ],
)
def test_phrases_that_no_search_can_read(phrase: str, reason: str) -> None:
    product = Product(phrase, Strength.MEDIUM)
    assert query_error(product).startswith(reason)
    assert bool(query_error(product)) == bool(reason)
    assert not query_error(replace(product, search=False))
    assert not query_error(replace(product, strength=Strength.WEAK))
    asked = search_phrases(Vendor(id="x", name="Z", category="dna", products=(product,)))
    assert bool(asked) != bool(reason)


def test_whatever_is_sent_can_be_read() -> None:
    names = ("OR LOGIC (US), INC.", "AND SO FORTH OR", 'ACME "EYES" LLC')
    entry = Vendor(id="x", name="Not Only", category="dna", legal_names=tuple(map(KnownName, names)))
    phrases = search_phrases(entry)
    assert {"or LOGIC US", "and SO FORTH or", "ACME EYES", "not ONLY"} <= set(phrases)
    for phrase in (*phrases, *ASKED.phrases):
        assert not query_error(Product(phrase, Strength.STRONG)) or phrase[:3].islower() or phrase[:2].islower()
        assert not re.search(r'[()\[\]{}"/\\:^~*?!+|]', phrase), phrase


def test_the_recipients_of_real_transactions_that_match_are_found() -> None:
    """Origin: USAspending's contract transactions of ICE and CBP, fiscal years 2021-2024."""
    for name in {row["Recipient Name"] for row in transactions()}:
        for match in MATCHER.matches(award(name)):
            if NAMES.find(name)[0].portfolio is not Portfolio.BROAD:
                assert recipient_found(name, ASKED), (name, match.vendor_id)


def test_the_descriptions_of_real_transactions_that_are_published_are_found() -> None:
    silent = {product.phrase for entry in WATCHLIST.vendors for product in entry.products if is_silent(product)}
    lost = set()
    for text in {row["Transaction Description"] for row in transactions()}:
        matches = [match for match in MATCHER.matches(award("ANY RESELLER LLC", text)) if match.score >= PUBLISH_FROM]
        words = [[signal.text for signal in match.signals if signal.term in silent] for match in matches]
        if not all(words) and not description_found(text, ASKED.phrases):
            lost.add(text)
    unlisted_spellings = {"BODYWIRE EQUIPMENT", "SURVEILLENCE EQUIPMENT", "SUVEILLANCE EQUIPMENT"}
    assert lost == unlisted_spellings


def transactions() -> list[dict[str, str]]:
    if not TRANSACTIONS.exists():
        pytest.skip(f"{TRANSACTIONS} is not there: no comparison with real transactions")
    with gzip.open(TRANSACTIONS, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))
