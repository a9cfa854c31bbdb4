"""Products and vendors misspelt by one letter in running text: NEXUSXPLORE for NEXISXPLORE. Pure, no I/O.

Only long, rare, single words are looked for, and what is found is for a person: next to any shorter word stands another
one, and COGNITECH is not COGNITEC. From ten letters on no English word stands next to a strong phrase (320,000 were
tried), so that such a slip counts like the phrase itself.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

from rapidfuzz.distance import OSA

from monitors.matching.phrase_index import LONGEST_TEXT, PhraseFinding, Term
from monitors.normalize import COMMON_WORDS, fold_text, map_text
from monitors.watchlist.model import Kind, Strength, Vendor

SHORTEST = 8  # letters of a phrase in which one slip is recognised
SHORTEST_SURE = 10  # letters from which a slip can mean nothing else
CACHED_WORDS = 262_144

# Ordinary words one letter away from a phrase, or from a spelling of one.
_WORDS = "CELEBRATE CELEBRATED CELEBRATES CELEBRITY CONVERTS FINISHER FINISHERS LIVECAST SPRINKLE"
_ORDINARY = frozenset(_WORDS.split())
_LONG_WORDS = re.compile(f"[A-Z]{{{SHORTEST - 1},}}")


class SlipIndex:
    """Finds words that are one letter away from a single-word phrase of the watchlist."""

    def __init__(self, vendors: Iterable[Vendor], terms: Iterable[Term]) -> None:
        terms = tuple(terms)
        self._known = {word for term in terms for word in fold_text(term.phrase).split()}
        for vendor in vendors:
            if vendor.kind is Kind.VENDOR:
                self._known.update(word for name in vendor.names for word in fold_text(name).split())
        self._damaged: dict[str, dict[str, Term]] = defaultdict(dict)
        for term in terms:
            word = fold_text(term.phrase)
            if term.kind is None or term.strength is Strength.WEAK or not _is_long_word(word):
                continue
            for key in _keys(word):
                self._damaged[key].setdefault(f"{term.vendor_id} {word}", term)
        self._slips = lru_cache(maxsize=CACHED_WORDS)(self._slips_of)

    def find(self, raw: str) -> tuple[PhraseFinding, ...]:
        """Return the misspelt words of a text, in order of place."""
        if raw.isascii() and not any(map(self._slips, set(_LONG_WORDS.findall(raw.upper())))):
            return ()  # nearly every text: the words alone settle it
        folded = fold_text(raw[:LONGEST_TEXT])
        hits: list[tuple[int, int, Term]] = []
        start = 0
        for word in folded.split(" "):
            if len(word) >= SHORTEST - 1:
                hits += [(start, start + len(word), term) for term in self._slips(word)]
            start += len(word) + 1
        if not hits:
            return ()
        text = map_text(raw[:LONGEST_TEXT])
        return tuple(PhraseFinding(term, *text.place(begin, end)) for begin, end, term in hits)

    def _slips_of(self, word: str) -> tuple[Term, ...]:
        """Return the phrases that a word was meant to be; none if it is a word of its own, or a plural of one."""
        if (
            len(word) > 40
            or word in COMMON_WORDS
            or word in _ORDINARY
            or self._known.intersection((word, word.removesuffix("S")))
        ):
            return ()
        near = {name: term for key in _keys(word) for name, term in self._damaged.get(key, {}).items()}
        return tuple(term for _, term in sorted(near.items()) if _is_slip(word, fold_text(term.phrase)))


def slip_strength(phrase: Term) -> Strength:
    """Return how much a misspelling says: as much as the phrase if that is very long, else it is for a person."""
    sure = phrase.strength is Strength.STRONG and len(fold_text(phrase.phrase)) >= SHORTEST_SURE
    return Strength.STRONG if sure else Strength.MEDIUM


def _is_slip(word: str, phrase: str) -> bool:
    """Whether one letter differs, and not by being left out or added at an end: ACQUISITION is not MACQUISITION."""
    return word not in phrase and phrase not in word and OSA.distance(word, phrase) == 1


def _is_long_word(word: str) -> bool:
    return len(word) >= SHORTEST and word.isalpha() and word not in COMMON_WORDS


def _keys(word: str) -> Iterator[str]:
    """Yield the word and the word with each letter left out: two words one slip apart share one of these."""
    yield word
    for index in range(len(word)):
        yield word[:index] + word[index + 1 :]
