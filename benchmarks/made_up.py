"""A million recipient names and a million descriptions, made up, always the same ones for the same seed.

The words and how often each occurs are those of 3,974 distinct recipient names and 25,007 distinct descriptions of
public contract actions (`words/recipient_words.txt`, `words/description_words.txt`: a word and its count), to which
common surnames, places and, for the long tail, coined brand names are added. One in a hundred holds a name or phrase
of the watchlist: as listed, with another legal form, mistyped, as a D/B/A, a branch, or as a false friend.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path

from monitors.vendor import Vendor

_WORDS = Path(__file__).parent / "words"
_FORMS = [", INC.", " INC", " INC.", ", LLC", " LLC", " LLC", " CORPORATION", " CORP.", " CO", " COMPANY", ", LTD", ""]
_ONSETS = "B BL BR C CH CL CR D DR F FL G GL GR H J K KL KR L M N P PL PR QU R S SH SK SL SP ST STR T TR V W X Z"
_VOWELS = "A A E E I I O O U Y AI EA IO OU"
_ENDS = " N R X S TEC TRON NET CORE LINE WARE GEN DYNE SYS LOGIC L M TH"
_PLANTED = 100  # one in so many
_JUNK = ["CLEANING", "JANITORIAL", "ROOFING", "LANDSCAPING", "DENTAL", "PLUMBING", "CATERING", "TOWING"]


@cache
def _listed(file: str) -> list[str]:
    return (_WORDS / file).read_text(encoding="utf-8").split()


@cache
def _weighted(file: str) -> tuple[list[str], list[int]]:
    """Return the words of a file and their cumulative counts, as `random.choices` takes them."""
    words = _listed(file)
    return words[::2], list(accumulate(map(int, words[1::2])))


def _coined(rng: random.Random) -> str:
    """Return a brand name nobody has: two or three syllables."""
    syllables = (rng.choice(_ONSETS.split()) + rng.choice(_VOWELS.split()) for _ in range(rng.choice((1, 2, 2, 2, 3))))
    return "".join(syllables) + rng.choice(_ENDS.split(" "))


def _company_words(rng: random.Random, count: int) -> str:
    words, weights = _weighted("recipient_words.txt")
    return " ".join(rng.choices(words, cum_weights=weights, k=count))


def _plain_name(rng: random.Random) -> str:
    """Return one recipient name as they are written: two to five words and a legal form."""
    surname, place = rng.choice(_listed("surnames.txt")), rng.choice(_listed("places.txt"))
    shape = rng.random()
    if shape < 0.45:
        name = f"{_coined(rng)} {_company_words(rng, rng.choice((1, 1, 2, 2, 3)))}"
    elif shape < 0.60:
        name = f"{surname} {_company_words(rng, rng.choice((1, 2, 2, 3)))}"
    elif shape < 0.70:
        name = f"{surname} {rng.choice('&-')} {rng.choice(_listed('surnames.txt'))} {_company_words(rng, 1)}"
    elif shape < 0.80:
        name = f"{place} {_company_words(rng, rng.choice((2, 3)))}"
    elif shape < 0.83:
        name = f"{rng.choice('ABCDEJMRSTW')}. {rng.choice('ABCDHJLMPRW')}. {surname} {_company_words(rng, 1)}"
    elif shape < 0.85:
        name = f"THE {surname} {_company_words(rng, 2)}"
    else:
        name = _company_words(rng, rng.choice((2, 3, 3, 4)))
    return name + rng.choice(_FORMS)


def mistype(rng: random.Random, text: str, slips: int = 1) -> str:
    """Return `text` with letters left out, doubled, replaced or swapped."""
    for _ in range(slips):
        at = rng.randrange(max(1, len(text) - 1))
        text = rng.choice(
            (
                text[:at] + text[at + 1 :],
                text[:at] + text[at : at + 1] + text[at:],
                text[:at] + rng.choice("AEIOURSTLN") + text[at + 1 :],
                text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
            )
        )
    return text


def _planted_name(rng: random.Random, known: Sequence[str]) -> str:
    """Return a name of the watchlist as listed or as it goes wrong, or a name that shares only its first word."""
    name = rng.choice(known).upper()
    bare = name.replace(",", "").replace(".", "").removesuffix(" INC").removesuffix(" LLC").removesuffix(" CORP")
    return rng.choice(
        (
            name,
            bare + rng.choice(_FORMS),
            mistype(rng, bare) + rng.choice(_FORMS),
            mistype(rng, bare, 2) + rng.choice(_FORMS),
            f"{_plain_name(rng)} {rng.choice(('DBA', 'D/B/A', 'D.B.A.'))} {bare}",
            f"{bare} {rng.choice(('FEDERAL', 'USA', 'GOVERNMENT SOLUTIONS'))} LLC",
            f"{bare.split()[0]} {rng.choice(_JUNK)} LLC",
            bare.replace(" ", "") + " INC",
            f"{bare} OF {rng.choice(_listed('places.txt'))}",
        )
    )


def _plain_text(rng: random.Random) -> str:
    """Return one description: 2 to 30 words as frequent as they are, and often a date, an amount or a number."""
    words, weights = _weighted("description_words.txt")
    count = min(40, 2 + int(rng.expovariate(1 / 8.5)))
    chosen = rng.choices(words, cum_weights=weights, k=count)
    if rng.random() < 0.6:
        number = rng.randrange(10**6)
        detail = rng.choice(("P{:05}", "70B03C{:06}", "${:,}.00", "PR {}", "S/N {}", "GS-35F-{:05}", "#{}", "{}-01"))
        chosen.insert(rng.randrange(count), detail.format(number))
    return " ".join(chosen)


def _planted_text(rng: random.Random, phrases: Sequence[str]) -> str:
    words, phrase = _plain_text(rng).split(" "), rng.choice(phrases).upper()
    mangled = rng.choice(
        (phrase, phrase, phrase.replace(" ", "-"), phrase.replace(" ", ""), f"({phrase})", f"X{phrase}")
    )
    words.insert(rng.randrange(len(words)), mangled)
    return " ".join(words)


def _distinct(count: int, one: Callable[[], str]) -> Iterator[str]:
    seen: set[str] = set()
    while len(seen) < count:
        value = one()
        if value not in seen:
            seen.add(value)
            yield value


def names(count: int, vendors: Sequence[Vendor], seed: int = 3) -> Iterator[str]:
    """Yield `count` distinct recipient names, one in a hundred made from a name of the watchlist."""
    rng = random.Random(seed)
    known = sorted({name for vendor in vendors for name in vendor.names})
    return _distinct(count, lambda: _planted_name(rng, known) if rng.randrange(_PLANTED) == 0 else _plain_name(rng))


def descriptions(count: int, vendors: Sequence[Vendor], seed: int = 4) -> Iterator[str]:
    """Yield `count` distinct descriptions, one in a hundred with a phrase of the watchlist in it."""
    rng = random.Random(seed)
    phrases = sorted({product.phrase for vendor in vendors for product in vendor.products})
    phrases += sorted({name for vendor in vendors for name in vendor.names})
    return _distinct(count, lambda: _planted_text(rng, phrases) if rng.randrange(_PLANTED) == 0 else _plain_text(rng))
