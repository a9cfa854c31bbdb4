"""Find products and vendors misspelled by one letter in text: NEXUSXPLORE for NEXISXPLORE. Pure.

Only long, rare, single words are compared, and a finding goes to review, because a shorter word differs by one letter
from other words, and COGNITECH is not COGNITEC. From ten letters on no English word differs by one letter from a strong
phrase (320,000 were tried), so such a typo counts like the phrase itself.

A word of a topic's phrase is compared without its double letters, because most of its misspellings are in these, and
counts only if the rest of the phrase is there: UNMMANED AIRCRAFT.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from rapidfuzz.distance import OSA

from monitors.matching.name_index import SignalKind, one_letter_less
from monitors.matching.phrase_index import MAX_TEXT_LENGTH, PhraseFinding, PhraseIndex, Term, normalize
from monitors.normalize import map_text, normalize_text
from monitors.watchlist.model import Kind, Strength, Vendor
from sources.words import COMMON_WORDS, NEAR_PHRASES

MIN_TYPO_LENGTH = 8  # letters of a phrase in which one typo is recognized
MIN_SURE_TYPO_LENGTH = 10  # letters from which a typo can mean nothing else
WORD_CACHE_SIZE = 262_144


class TypoIndex:
    """Finds words that are one letter away from a single-word phrase, or from a word of a topic's phrase."""

    def __init__(self, vendors: Iterable[Vendor], terms: Iterable[Term]) -> None:
        terms = tuple(terms)
        self._known = {word for term in terms for word in normalize_text(term.phrase).split()}
        self._known.update(word for term in terms for word in term.near)
        for vendor in vendors:
            if vendor.kind is Kind.VENDOR:
                self._known.update(word for name in vendor.names for word in normalize_text(name).split())
        self._deletions: dict[str, dict[str, Term]] = defaultdict(dict)
        self._topic_words: dict[str, set[str]] = defaultdict(set)
        topics = {term.vendor_id for term in terms if term.kind is SignalKind.TOPIC}
        self._topics = PhraseIndex(term for term in terms if term.vendor_id in topics)
        for term in terms:
            if term.kind is SignalKind.TOPIC:
                self._add_topic_words(term)
            elif term.kind is not None and term.strength is not Strength.WEAK:
                word = normalize_text(term.phrase)
                for key in one_letter_less(word) if _is_long_word(word) else ():
                    self._deletions[key].setdefault(f"{term.vendor_id} {word}", term)
        self._typos = lru_cache(maxsize=WORD_CACHE_SIZE)(self._find_typos_of)

    @property
    def keys(self) -> frozenset[str]:
        """What a misspelled word is, or is without one of its letters, with or without its double letters."""
        return frozenset(self._deletions.keys() | self._topic_words.keys())

    @property
    def never_typos(self) -> frozenset[str]:
        """Words that are no misspelled ones."""
        return frozenset(self._known | {f"{word}S" for word in self._known} | COMMON_WORDS | NEAR_PHRASES)

    def _add_topic_words(self, term: Term) -> None:
        for word in normalize_text(term.phrase).split():
            if len(word) >= MIN_TYPO_LENGTH and word.isalpha():
                for key in one_letter_less(_without_doubles(word)):
                    self._topic_words[key].add(word)

    def find(self, raw: str, normalized: str = "") -> tuple[PhraseFinding, ...]:
        """Return the misspelled words of a text, and topics' phrases with such a word, in order of position."""
        folded = normalized or normalize(raw)
        hits: list[tuple[int, int, Term]] = []
        meant: list[tuple[int, str, str]] = []  # where a word is, as it is written, and as it was probably meant
        start = 0
        for word in folded.split(" "):
            if len(word) >= MIN_TYPO_LENGTH - 1:
                terms, right = self._typos(word)
                hits += [(start, start + len(word), term) for term in terms]
                if right:
                    meant.append((start, word, right))
            start += len(word) + 1
        hits += self._corrected(folded, meant) if meant else []
        if not hits:
            return ()
        text = map_text(raw[:MAX_TEXT_LENGTH])
        return tuple(PhraseFinding(term, *text.place(begin, end)) for begin, end, term in hits)

    def _corrected(self, folded: str, meant: Iterable[tuple[int, str, str]]) -> Iterator[tuple[int, int, Term]]:
        """Yield the topics' phrases that a text contains if its misspelled words are corrected."""
        pieces: list[str] = []
        shifts: list[tuple[int, int]] = []  # from where on a position in the corrected text is how much further
        at = shift = 0
        spans = []
        for start, word, right in meant:
            pieces += [folded[at:start], right]
            at = start + len(word)
            spans.append((start + shift, start + shift + len(right)))
            shift += len(right) - len(word)
            shifts.append((spans[-1][1], shift))
        for hit in self._topics.find_normalized("".join([*pieces, folded[at:]])):
            if any(hit.start < end and start < hit.end for start, end in spans):
                yield _shifted(hit.start, shifts), _shifted(hit.end, shifts), hit.term

    def _find_typos_of(self, word: str) -> tuple[tuple[Term, ...], str]:
        """Return the phrases, and the word of topics' phrases, that a word may be a typo of; a known word is none."""
        if (
            len(word) > 40
            or word in COMMON_WORDS
            or word in NEAR_PHRASES
            or self._known.intersection((word, word.removesuffix("S")))
        ):
            return (), ""
        keys, plain = list(one_letter_less(word)), _without_doubles(word)
        near = {name: term for key in keys if key in self._deletions for name, term in self._deletions[key].items()}
        terms = tuple(term for _, term in sorted(near.items()) if _is_typo(word, normalize_text(term.phrase)))
        keys = keys if plain == word else list(one_letter_less(plain))
        meant = {right for key in keys if key in self._topic_words for right in self._topic_words[key]}
        return terms, next((right for right in sorted(meant) if _is_misspelled(plain, _without_doubles(right))), "")


def _without_doubles(word: str) -> str:
    """Return a word with each run of a letter once: UNMMANED, UNMANNED and UNMANED are the same."""
    return "".join(letter for letter, _ in groupby(word))


def _shifted(position: int, shifts: Sequence[tuple[int, int]]) -> int:
    """Return the position in a text of a position in the corrected text. `shifts`: (end of a word, added letters)."""
    return position - max(((end, by) for end, by in shifts if end <= position), default=(0, 0))[1]


def typo_strength(phrase: Term) -> Strength:
    """Return the strength of a typo: that of a very long phrase, medium for any other, weak for a weak one."""
    if phrase.strength is Strength.WEAK:
        return Strength.WEAK
    sure = phrase.strength is Strength.STRONG and len(normalize_text(phrase.phrase)) >= MIN_SURE_TYPO_LENGTH
    return Strength.STRONG if sure else Strength.MEDIUM


def _is_typo(word: str, phrase: str) -> bool:
    """Return whether one letter differs, other than one more or less at an end: ACQUISITION is not MACQUISITION."""
    return word not in phrase and phrase not in word and OSA.distance(word, phrase) == 1


def _is_misspelled(word: str, right: str) -> bool:
    """Return the same for words without double letters, which may be equal."""
    return word == right or _is_typo(word, right)


def _is_long_word(word: str) -> bool:
    return len(word) >= MIN_TYPO_LENGTH and word.isalpha() and word not in COMMON_WORDS
