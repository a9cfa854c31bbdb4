"""The way for many awards, names or texts at once must find exactly what the way for one finds."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA

from benchmarks.labelled import read_awards
from benchmarks.made_up import descriptions, mistype, names
from benchmarks.refusals import compare
from monitors.blocks import fold_names, fold_texts, one_slip_away
from monitors.bulk import BulkMatcher
from monitors.matcher import Matcher
from monitors.names import LEGAL_FORMS, fold_text, has_more_names, normalise, parse_names
from monitors.namesieve import NameSieve
from monitors.phrases import PhraseFinding
from monitors.signals import NameFinding
from monitors.textsieve import TextSieve
from monitors.vendor import KnownName, Product, Strength, Vendor, Watchlist
from tests.awards import award
from tests.desks import shipped

WATCHLIST = shipped()
MATCHER = Matcher(WATCHLIST)
BULK = BulkMatcher(MATCHER, arrays=False)
KNOWN = sorted({name for vendor in WATCHLIST.vendors for name in vendor.names})
PHRASES = sorted({product.phrase for vendor in WATCHLIST.vendors for product in vendor.products})
PHRASES += sorted({phrase for vendor in WATCHLIST.vendors for phrase in vendor.exclusions})

# NumPy is in the development group; only outside CI may it be missing.
ARRAYS = pytest.param(
    True,
    id="arrays",
    marks=pytest.mark.skipif(
        find_spec("numpy") is None and "CI" not in os.environ, reason="NumPy, the extra `backfill`, is not installed"
    ),
)
SIEVES = pytest.mark.parametrize("arrays", [pytest.param(False, id="core"), ARRAYS])

HOSTILE = [
    "",
    " ",
    "\n",
    "|",
    "| | GRAYKEY |",
    "CLEARVIEW AI\nINC",
    "\nPALANTIR",
    "PALANTIR\r\n",
    "A\n" * 500,
    "FOO FKA GRAYSHIFT",
    "GRAYSHIFT (US) INC",
    "PARAGON SOLUTIONS (US) INC",
    "(GRAYSHIFT) LLC",
    "GRAY(SHIFT)",
    "FOO F.K.A. BABEL STREET",
    "FOO N/K/A BABEL STREET",
    "FOO, FORMERLY BABEL STREET",
    "FOO (FORMERLY KNOWN AS BABEL STREET)",
    "BI FEDERAL INC",
    "GIANT OAK HOLDINGS US",
    "D/B/A " * 50 + "GRAYSHIFT",
    "X.DBA.GRAYSHIFT",
    "XD. B. AY GRAYSHIFT",
    "X D . B . A. GRAYSHIFT LLC",
    "X..DBA..GRAYSHIFT",
    "X'FKA'GRAYSHIFT",
    "A D/B/A B GRAYSHIFT",
    "D.B.A.GRAYSHIFT LLC",
    "X.TRADING AS GRAYSHIFT",
    "FOO d.b.a. babel street",
    "FOO DOING BUSINESS AS BABEL STREET",
    "DOING  BUSINESS AS BABEL STREET",
    "B I",
    "B.I.",
    "B I N C",
    "B I C O M P A N Y",
    "THE THE GEO GROUP INC",
    "THE",
    "THE INC",
    "INC INC INC",
    "COMPANY COMPANY",
    "L I M I T E D",
    "PEN_LINK",
    "GRAYKEY_X",
    "_GRAYKEY",
    "GRAY\tKEY",
    "GRAY\x00KEY\x1f",
    "GRAY&KEY",
    "AT&T",
    "GR\u00c1YKEY",
    "\ud800GRAYKEY",
    "GRAYKEY\u2028",
    "GRAYKEY\x85GRAYKEY",
    "\u202eCLEARVIEW AI",
    "PALANTIR " * 100,
    "GRAYKEY " * 20_000,
    "X" * 300_000 + " GRAYKEY",
    "x" * 120_000,
    "ﬁvecast",
    "ЖУК GRAYKEY",
    "(((.*)+)+$ [a-z]* \\b \\1",
]


@cache
def in_name(value: str, matcher: Matcher) -> tuple[NameFinding, ...]:
    """What a name gives alone; kept, for the same values are given to sieves of both kinds."""
    return matcher.indexes.names.find(value)


@cache
def in_text(value: str, matcher: Matcher) -> tuple[PhraseFinding, ...]:
    """What a text gives alone; kept as well."""
    return (*matcher.indexes.phrases.find(value), *matcher.indexes.slips.find(value))


def one_by_one_names(values: Iterable[str], matcher: Matcher = MATCHER) -> dict[str, tuple[NameFinding, ...]]:
    return {value: found for value in values if (found := in_name(value, matcher))}


def one_by_one_texts(values: Iterable[str], matcher: Matcher = MATCHER) -> dict[str, tuple[PhraseFinding, ...]]:
    return {value: found for value in values if (found := in_text(value, matcher))}


def watching(*vendors: Vendor) -> Matcher:
    return Matcher(Watchlist(vendors))


def deform(rng: random.Random, name: str) -> str:
    """Return a name of the watchlist as it may stand in a record, or worse."""
    for _ in range(rng.choice((0, 1, 1, 2, 3))):
        name = rng.choice(
            (
                lambda text: mistype(rng, text),
                lambda text: text.replace(" ", rng.choice(("", "  ", "-", ".", "&", " & ", "_"))),
                " ".join,
                lambda text: f"{text} {rng.choice(sorted(LEGAL_FORMS))}",
                lambda text: f"{rng.choice(('THE', 'A', 'U S', 'FEDERAL', 'X'))} {text}",
                lambda text: f"{text} {rng.choice(('FEDERAL', 'OF UTAH', 'CLEANING', '2', 'AND COMPANY'))}",
                lambda text: f"OTHER {rng.choice(('DBA', 'D/B/A', 'FKA', '(', 'd.b.a', 'D. B. A.'))}{text}",
                str.lower,
                str.upper,
                lambda text: text.replace("CO", "COMPANY").replace("Co", "COMPANY"),
                lambda text: text[: rng.randrange(1, len(text) + 1)],
            )
        )(name)
    return name


def test_thousands_of_names_give_what_each_gives_alone() -> None:
    rng = random.Random(1)
    values = [deform(rng, name) for name in KNOWN for _ in range(60)]
    values += [*names(20_000, WATCHLIST.vendors), *HOSTILE]
    found = BULK.names(values)
    assert found == one_by_one_names(values)
    assert len(found) > 5_000


@SIEVES
def test_thousands_of_texts_give_what_each_gives_alone(arrays: bool) -> None:
    rng = random.Random(2)
    values = [f"{deform(rng, phrase)} {deform(rng, rng.choice(PHRASES))}" for phrase in PHRASES for _ in range(20)]
    values += [*descriptions(20_000, WATCHLIST.vendors), *HOSTILE]
    found = BulkMatcher(MATCHER, arrays=arrays).texts(values)
    assert found == one_by_one_texts(values)
    assert len(found) > 5_000


@SIEVES
def test_every_slip_in_a_long_word_is_seen(arrays: bool) -> None:
    values = [f"BUY {slip}-1" for word in sorted(MATCHER.indexes.slips.words)[::5] for slip in one_slip_away(word)]
    found = BulkMatcher(MATCHER, arrays=arrays).texts(values)
    assert found == one_by_one_texts(values)
    assert len(found) > 10_000


@SIEVES
def test_real_names_and_texts(arrays: bool) -> None:
    awards = read_awards().values()
    bulk = BulkMatcher(MATCHER, arrays=arrays)
    recipients = {each.recipient.name for each in awards}
    texts = {text for each in awards for text in (each.description, *(action.description for action in each.actions))}
    assert bulk.names(recipients) == one_by_one_names(recipients)
    assert bulk.texts(texts) == one_by_one_texts(texts)


def test_real_awards_match_as_one_by_one() -> None:
    awards = list(read_awards().values())[::3]
    assert list(BULK.matches(awards)) == [(each, MATCHER.matches(each)) for each in awards]


def test_an_award_is_read_for_whatever_in_it_tells() -> None:
    matcher = watching(
        Vendor(
            id="acme",
            name="Acme Recognition",
            category="face-recognition",
            legal_names=(KnownName("ACME RECOGNITION, INC."),),
            ueis=("ABCDEFGHJKL1",),
            cages=("1A2B3",),
            products=(Product("AcmeFaces", Strength.STRONG),),
        )
    )
    awards = [
        award("NOBODY", "NOTHING"),
        award("ACME RECOGNITION"),
        award("NOBODY", parent_name="ACME RECOGNITION INC"),
        award("NOBODY", "ACMEFACES"),
        award("NOBODY", "NOTHING", actions=("MORE", "ACMEFACE LICENCES", "ACMEFACES")),
        award("NOBODY", "ACMEFACCS"),
        award("NOBODY", uei=" abcdefghjkl1"),
        award("NOBODY", parent_uei="ABCDEFGHJKL1"),
        award("NOBODY", cage="1a2b3 "),
        award("", ""),
    ]
    found = list(BulkMatcher(matcher).matches(awards))
    assert found == [(each, matcher.matches(each)) for each in awards]
    assert [bool(matches) for _, matches in found] == [False, *[True] * 8, False]


@SIEVES
def test_hostile_values_each_alone_and_all_together(arrays: bool) -> None:
    bulk = BulkMatcher(MATCHER, arrays=arrays)
    for values in (HOSTILE, *([value] for value in HOSTILE), []):
        assert bulk.names(values) == one_by_one_names(values)
        assert bulk.texts(values) == one_by_one_texts(values)


PIECES = st.lists(st.one_of(st.sampled_from(KNOWN), st.sampled_from(PHRASES), st.text(max_size=6)), max_size=5)
VALUES = st.lists(st.builds(lambda gap, pieces: gap.join(pieces), st.sampled_from([" ", "-", "", "\n", "|"]), PIECES))


@SIEVES
@settings(max_examples=50)
@given(values=VALUES)
def test_any_values_give_what_each_gives_alone(arrays: bool, values: list[str]) -> None:
    bulk = BOTH[arrays]
    assert bulk.names(values) == one_by_one_names(values)
    assert bulk.texts(values) == one_by_one_texts(values)


BOTH = {False: BULK, True: BulkMatcher(MATCHER)}


@given(VALUES)
def test_folding_many_is_folding_each(values: list[str]) -> None:
    plain = [value for value in values if value.isascii() and "\n" not in value]
    raw = "".join(f"{value}\n" for value in plain)
    assert [" ".join(row.split()) for row in fold_texts(raw).split("\n")[:-1]] == [fold_text(value) for value in plain]
    assert [normalise(row) for row in fold_names(raw).split("\n")[:-1]] == [normalise(value) for value in plain]


@SIEVES
def test_a_phrase_inside_a_word_does_not_hide_one_that_overlaps_it(arrays: bool) -> None:
    phrases = ("GOLDEN EAGLE", "EAGLE EYE", "GOLDEN", "EYE CARE")
    matcher = watching(
        *(
            Vendor(id=f"v{n}", name=f"V{n}", category="spyware", products=(Product(phrase, Strength.STRONG),))
            for n, phrase in enumerate(phrases)
        )
    )
    values = [
        "XGOLDEN EAGLE EYE",
        "GOLDEN EAGLE EYES ONLY",
        "EAGLE EYE GOLDEN EAGLE",
        "EAGLE EYED",
        "A GOLDEN EAGLEEYE",
    ]
    found = BulkMatcher(matcher, arrays=arrays).texts(values)
    assert found == one_by_one_texts(values, matcher)
    assert [item.term.phrase for item in found["XGOLDEN EAGLE EYE"]] == ["EAGLE EYE"]


@SIEVES
def test_long_words_that_begin_alike_are_told_apart(arrays: bool) -> None:
    phrases = ("INTERNATIONALIZATIONS", "BLACK INTERNATIONALIZATION", "INTERNATIONALIZERS RED")
    matcher = watching(
        *(
            Vendor(id=f"v{n}", name=f"V{n}", category="spyware", products=(Product(phrase, Strength.STRONG),))
            for n, phrase in enumerate(phrases)
        )
    )
    words = ["INTERNATIONALIZAT", "INTERNATIONALIZATIONS", "INTERNATIONALIZATION", "INTERNATIONALIZERS", "BLACK", "RED"]
    values = [*words, *(f"{one} {other}" for one in words for other in words)]
    found = BulkMatcher(matcher, arrays=arrays).texts(values)
    assert found == one_by_one_texts(values, matcher)
    assert len(found) > 10


@SIEVES
def test_an_empty_watchlist_finds_nothing(arrays: bool) -> None:
    bulk = BulkMatcher(Matcher(Watchlist(())), arrays=arrays)
    assert bulk.names(KNOWN) == {}
    assert bulk.texts(["GRAYKEY"]) == {}


@pytest.mark.parametrize(
    ("name", "recipient"),
    [
        ("W Coy Partners", "W COMPANY Y PARTNERS"),  # a legal form inside a name counts in each of its spellings
        ("Incorp Coltd", "INCORPORATEDORP COLIMITED"),
        ("The The Band", "THE BAND"),
        ("ADF Intelligence", "A D F INTELLIGENCE"),
        ("Nec", "N E C"),
        ("Digitalstakeouts Extraordinary", "DIGITALSTAKEOUT EXTRAORDINARY"),  # only long words
        ("Zebrasix Parrott", "ZEBRASIX PARROT"),  # the other word is a common one
        ("Жук Systems", "ЖУК SYSTEMS"),
        ("Oak", "OAK LLC"),
        ("Inc", "INC"),
        ("The", "THE"),
        ("X", "X . FEDERAL"),
        ("Qz", "Q Z"),
        ("Qz Ozo", "Q Z OZO"),
        ("Zebratron Quax", "ZEBRATRON Q U A X"),  # initials make the second rare word
        ("Zebratron Quax", "Z E B R A T R O N QUAXX"),
        ("Zebratron Quax", "ZEBRATRAN QUA"),
        ("Zebratron Quax", "ZEBRATRON"),
        ("Жabztron Quax", "YABZTRON QUAX"),  # a slip may replace the only letter that is not ASCII
    ],
)
@SIEVES
def test_odd_names_of_a_users_own(name: str, recipient: str, arrays: bool) -> None:
    matcher = watching(Vendor(id="x", name=name, legal_names=(KnownName(name),), category="spyware"))
    values = [recipient, name, f"{name} LLC", f"{recipient} CO", f"THE {recipient}"]
    found = BulkMatcher(matcher, arrays=arrays).names
    assert found(values) == one_by_one_names(values, matcher)
    for value in values:
        assert found([value]) == one_by_one_names([value], matcher)


@given(st.text(alphabet="DBAFKNfkna /.,'()X", max_size=12))
def test_whoever_does_business_under_another_name_is_seen(raw: str) -> None:
    if len(parse_names(raw)) > 1:
        assert has_more_names(raw)


def test_no_name_that_a_plain_comparison_finds_is_lost_but_by_a_guard() -> None:
    comparison = compare(list(names(4_000, WATCHLIST.vendors)), WATCHLIST)
    assert comparison.missed == []
    assert comparison.found > 10


def test_few_values_pass_a_sieve_in_vain() -> None:
    recipients = list(names(20_000, WATCHLIST.vendors))
    assert len(list(NameSieve(MATCHER.indexes.names).sift(recipients))) < 2 * len(BULK.names(recipients))
    texts = list(descriptions(20_000, WATCHLIST.vendors))
    sieve = TextSieve(MATCHER.indexes.phrases, MATCHER.indexes.slips)
    assert len(list(sieve.sift(texts))) < 2 * len(BULK.texts(texts))


def test_a_value_passes_as_often_as_it_is_given() -> None:
    sieve = TextSieve(MATCHER.indexes.phrases, MATCHER.indexes.slips)
    assert list(sieve.sift(["GRAYKEY", "NOTHING", "GRAYKEY"])) == ["GRAYKEY", "GRAYKEY"]


LETTERS = st.text(alphabet="ABNOZ019", min_size=1, max_size=9)


@given(LETTERS, st.randoms(use_true_random=False))
def test_every_slip_is_foreseen(word: str, rng: random.Random) -> None:
    slipped = mistype(rng, word)
    near = one_slip_away(word)
    if OSA.distance(word, slipped) <= 1:
        assert slipped in near
    assert all(OSA.distance(word, other) <= 1 for other in near)
    assert word in near
