"""Find products and vendors misspelled by one letter in text: NEXUSXPLORE for NEXISXPLORE. Pure.

Only long, rare, single words are compared, and a finding goes to review, because a shorter word differs by one letter
from other words, and COGNITECH is not COGNITEC. From ten letters on no English word differs by one letter from a strong
phrase (320,000 were tried), so such a typo counts like the phrase itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from rapidfuzz.distance import OSA

from monitors.matching.name_index import one_letter_less
from monitors.matching.phrase_index import MAX_TEXT_LENGTH, PhraseFinding, Term
from monitors.normalize import map_text, normalize_text
from monitors.watchlist.model import Kind, Strength, Vendor
from sources.words import COMMON_WORDS, NEAR_PHRASES

MIN_TYPO_LENGTH = 8  # letters of a phrase in which one typo is recognized
MIN_SURE_TYPO_LENGTH = 10  # letters from which a typo can mean nothing else
WORD_CACHE_SIZE = 262_144


class TypoIndex:
    """Finds words that are one letter away from a single-word phrase of the watchlist."""

    def __init__(self, vendors: Iterable[Vendor], terms: Iterable[Term]) -> None:
        terms = tuple(terms)
        self._known = {word for term in terms for word in normalize_text(term.phrase).split()}
        for vendor in vendors:
            if vendor.kind is Kind.VENDOR:
                self._known.update(word for name in vendor.names for word in normalize_text(name).split())
        self._deletions: dict[str, dict[str, Term]] = defaultdict(dict)
        for term in terms:
            word = normalize_text(term.phrase)
            if term.kind is None or term.strength is Strength.WEAK or not _is_long_word(word):
                continue
            for key in one_letter_less(word):
                self._deletions[key].setdefault(f"{term.vendor_id} {word}", term)
        self._typos = lru_cache(maxsize=WORD_CACHE_SIZE)(self._find_typos_of)

    def find(self, raw: str) -> tuple[PhraseFinding, ...]:
        """Return the misspelled words of a text, in order of position."""
        folded = normalize_text(raw[:MAX_TEXT_LENGTH])
        hits: list[tuple[int, int, Term]] = []
        start = 0
        for word in folded.split(" "):
            if len(word) >= MIN_TYPO_LENGTH - 1:
                hits += [(start, start + len(word), term) for term in self._typos(word)]
            start += len(word) + 1
        if not hits:
            return ()
        text = map_text(raw[:MAX_TEXT_LENGTH])
        return tuple(PhraseFinding(term, *text.place(begin, end)) for begin, end, term in hits)

    def _find_typos_of(self, word: str) -> tuple[Term, ...]:
        """Return the phrases that a word may be a typo of; none if it is a known word, or the plural of one."""
        if (
            len(word) > 40
            or word in COMMON_WORDS
            or word in NEAR_PHRASES
            or self._known.intersection((word, word.removesuffix("S")))
        ):
            return ()
        near = {name: term for key in one_letter_less(word) for name, term in self._deletions.get(key, {}).items()}
        return tuple(term for _, term in sorted(near.items()) if _is_typo(word, normalize_text(term.phrase)))


def typo_strength(phrase: Term) -> Strength:
    """Return the strength of a typo: that of a very long phrase, medium for any other."""
    sure = phrase.strength is Strength.STRONG and len(normalize_text(phrase.phrase)) >= MIN_SURE_TYPO_LENGTH
    return Strength.STRONG if sure else Strength.MEDIUM


def _is_typo(word: str, phrase: str) -> bool:
    """Return whether one letter differs, other than one more or less at an end: ACQUISITION is not MACQUISITION."""
    return word not in phrase and phrase not in word and OSA.distance(word, phrase) == 1


def _is_long_word(word: str) -> bool:
    return len(word) >= MIN_TYPO_LENGTH and word.isalpha() and word not in COMMON_WORDS
