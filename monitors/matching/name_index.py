"""The kinds of signals, and the index that finds names that are, or resemble, a vendor's. Pure.

Candidates come first (exact keys, a shared rare word), and only candidates are compared letter by letter. Phrases in
text are in `monitors.matching.phrase_index`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import chain

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from monitors.normalize import (
    MIN_CORE_LENGTH,
    Name,
    is_common,
    join_words,
    normalize_text,
    parse_name,
    parse_names,
)
from monitors.watchlist.model import Kind, KnownName, Portfolio, Strength, Vendor
from sources.words import BRANCH_WORDS, COMMON_WORDS, GENERIC_WORDS, LEGAL_FORMS


class SignalKind(StrEnum):
    """How a record can point to an entry. `mention`: the vendor's name in a description; `topic`: no vendor at all.

    `psc` and `naics`: the code of what is bought, or of the seller's industry, fits a topic.
    """

    UEI = "uei"
    CAGE = "cage"
    PARENT_UEI = "parent-uei"
    NAME = "name"
    DBA_NAME = "dba-name"
    FORMER_NAME = "former-name"
    ALIAS = "alias"
    FUZZY_NAME = "fuzzy-name"
    SUBSIDIARY = "subsidiary"
    PARENT_NAME = "parent-name"
    PRODUCT = "product"
    MENTION = "mention"
    TOPIC = "topic"
    PSC = "psc"
    NAICS = "naics"
    PARENT_AWARD = "parent-award"
    SOLICITATION = "solicitation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One reason a record may concern a vendor.

    `field` is the part of the record (recipient_name, recipient_uei, recipient_cage, recipient_parent_name,
    recipient_parent_uei, description, action_description, psc_text, naics_text), `text` its words at `start:end`,
    `term` the watchlist's words. `score` (0 to 1) counts this signal alone. `action_key` is the action with that
    description.
    """

    kind: SignalKind
    field: str
    text: str
    term: str
    start: int
    end: int
    score: float
    action_key: str = ""


# The score of each kind of finding alone: chosen by judgment and checked against real records, not calibrated.
EXACT_SCORES = {
    SignalKind.NAME: 0.98,
    SignalKind.DBA_NAME: 0.95,
    SignalKind.FORMER_NAME: 0.95,
    SignalKind.ALIAS: 0.95,
    SignalKind.SUBSIDIARY: 0.93,
    SignalKind.PARENT_NAME: 0.9,
}
PARENT_SCORE = 0.9
OTHER_FORM_PENALTY = 0.03  # only the legal form differs, or the spaces
BRANCH_SCORE = 0.85  # a known name and words that any company adds: SKYDIO FEDERAL LLC
AMBIGUOUS_SCORE = 0.7  # all words of the name are ones that unrelated companies use
CONTAINED_SCORE = 0.65
MIN_FUZZY_SCORE, MAX_FUZZY_SCORE = 0.6, 0.9  # of a name that only resembles a known one
TEXT_SCORES = {Strength.STRONG: 0.85, Strength.MEDIUM: 0.65, Strength.WEAK: 0.3}
_WORDS_OF_MANY = COMMON_WORDS.union(LEGAL_FORMS)  # words in the names of many companies
_NUMBER = re.compile(r"\d+")
MIN_RATIO = 88.0  # percent of letters in common, words sorted
MAX_NAME_LENGTH = 400  # characters; longer text is no name and would take long to compare
WORD_CACHE_SIZE = 65_536
MIN_RARE_LENGTH = 6  # letters of a word in which a typo is recognized


@dataclass(frozen=True, slots=True)
class NameFinding:
    """A vendor's name, or a similar one, at `start:end` of a raw name field. `known` is the watchlist's name."""

    vendor_id: str
    kind: SignalKind
    known: KnownName
    portfolio: Portfolio
    start: int
    end: int
    score: float


@dataclass(frozen=True)
class IndexedName:
    """One name of one vendor, parsed."""

    vendor_id: str
    kind: SignalKind
    known: KnownName
    portfolio: Portfolio
    name: Name
    own_words: frozenset[str] = frozenset()  # the words of all names of the vendor

    @cached_property
    def is_common(self) -> bool:
        """Whether it has only words that unrelated companies use."""
        return is_common(self.name.core)

    @cached_property
    def no_spaces(self) -> str:
        """Its core without spaces."""
        return self.name.no_spaces

    @cached_property
    def rare_words(self) -> frozenset[str]:
        """The words of its core that few companies use."""
        return frozenset(self.name.core.split()) - _WORDS_OF_MANY

    @property
    def is_distinctive(self) -> bool:
        """Whether a name that resembles this one is unlikely to be another company's."""
        return not self.is_common and len(self.no_spaces) >= MIN_RARE_LENGTH and self.kind is not SignalKind.PARENT_NAME

    def exact_score(self, *, same_form: bool) -> float:
        """Return the score of a name with the same core, 0 if that says nothing."""
        if self.is_common and not same_form and " " not in self.name.core:
            return 0.0  # HARRIS LLC has nothing to do with HARRIS CORPORATION
        if self.is_common and not (same_form and self.kind is not SignalKind.ALIAS):
            return AMBIGUOUS_SCORE
        return EXACT_SCORES[self.kind] - (0 if same_form else OTHER_FORM_PENALTY)


def _known_names(vendor: Vendor) -> Iterator[IndexedName]:
    # A display name of common words only is no legal name: "Giant Oak" may be another company.
    displayed = SignalKind.ALIAS if is_common(normalize_text(vendor.name)) else SignalKind.NAME
    listed = (
        (SignalKind.NAME, vendor.legal_names),
        (SignalKind.DBA_NAME, vendor.dba_names),
        (displayed, (KnownName(vendor.name),)),
        (SignalKind.FORMER_NAME, vendor.former_names),
        (SignalKind.ALIAS, vendor.aliases),
        (SignalKind.SUBSIDIARY, vendor.subsidiaries),
        (SignalKind.PARENT_NAME, vendor.parents),
    )
    parsed = [parse_name(known.name) for known in vendor.known_names]
    own_words = frozenset(word for name in parsed if name for word in name.core.split())
    seen: set[str] = set()
    for kind, names in listed:
        for known in names:
            name = parse_name(known.name)
            if name and name.full not in seen:
                seen.add(name.full)
                yield IndexedName(vendor.id, kind, known, vendor.portfolio_of(known), name, own_words)


class NameIndex:
    """Finds the vendors whose name is in a recipient field, exactly or nearly."""

    def __init__(self, vendors: Iterable[Vendor]) -> None:
        self._full: dict[str, list[IndexedName]] = defaultdict(list)
        self._no_spaces: dict[str, list[IndexedName]] = defaultdict(list)
        self._sorted: dict[tuple[str, ...], list[IndexedName]] = defaultdict(list)
        self._rare: dict[str, list[IndexedName]] = defaultdict(list)
        self._deletions: dict[str, set[str]] = defaultdict(set)
        self._rare_words_near = lru_cache(maxsize=WORD_CACHE_SIZE)(self._find_rare_words)
        for vendor in vendors:
            for known in _known_names(vendor) if vendor.kind is Kind.VENDOR else ():
                self._add(known)

    def _add(self, known: IndexedName) -> None:
        self._full[known.name.full].append(known)
        if len(known.no_spaces) >= MIN_CORE_LENGTH:
            self._no_spaces[known.no_spaces].append(known)
        if known.kind is SignalKind.PARENT_NAME:
            return
        if known.is_common:
            self._sorted[tuple(sorted(known.name.core.split()))].append(known)
        for word in known.rare_words:
            listed = self._rare[word]  # a known word is never a typo of another one
            if known.is_distinctive:
                listed.append(known)
            if len(word) >= MIN_RARE_LENGTH:
                for deletions in one_letter_less(word):
                    self._deletions[deletions].add(word)

    def find(self, raw: str) -> tuple[NameFinding, ...]:
        """Return the best finding for each vendor in one raw name field with its D/B/A names, best first."""
        if len(raw) > MAX_NAME_LENGTH:
            return ()
        best: dict[str, tuple[float, SignalKind, IndexedName, Name]] = {}
        for name in parse_names(raw):
            for known, kind, exactly in self._find_one(name):
                score = round(exactly, 3)
                if known.vendor_id not in best or score > best[known.vendor_id][0]:
                    best[known.vendor_id] = score, kind, known, name
        found = [
            NameFinding(known.vendor_id, kind, known.known, known.portfolio, name.start, name.end, score)
            for score, kind, known, name in best.values()
        ]
        return tuple(sorted(found, key=lambda finding: (-finding.score, finding.vendor_id)))

    def _find_one(self, name: Name) -> Iterator[tuple[IndexedName, SignalKind, float]]:
        """Yield the known names that a name equals or resembles, each with the kind of signal and its score."""
        words = name.core.split()
        sure: set[str] = set()
        exact_score = [(known, True) for known in self._full.get(name.full, ())]
        exact_score += [(known, False) for known in self._no_spaces.get(name.no_spaces, ())]
        for known, same_form in exact_score:
            score = known.exact_score(same_form=same_form)
            if score:
                yield known, known.kind, score
            if score >= MAX_FUZZY_SCORE:
                sure.add(known.vendor_id)
        for known, score in chain(self._reordered(words), self._branches(words)):
            yield known, SignalKind.FUZZY_NAME, score
        for known in self._candidates(words):
            score = 0.0 if known.vendor_id in sure else fuzzy_score(known, name.core)
            if score:
                yield known, SignalKind.FUZZY_NAME, score

    def _reordered(self, words: list[str]) -> Iterator[tuple[IndexedName, float]]:
        """Yield the common known names of these words in another order; rare words find the others."""
        for known in self._sorted.get(tuple(sorted(words)), ()):
            if known.name.core.split() != words:
                yield known, CONTAINED_SCORE

    def _branches(self, words: list[str]) -> Iterator[tuple[IndexedName, float]]:
        """Yield the short or common known names that are followed by the words of a branch; rare words find the others.

        A single common word, or a word for another kind of business, says nothing.
        """
        size = len(words)
        while size > 1 and words[size - 1] in GENERIC_WORDS:
            size -= 1
            for known in self._no_spaces.get(join_words(words[:size]), ()):
                if known.kind is SignalKind.PARENT_NAME:
                    continue
                if not known.is_common and len(known.no_spaces) < MIN_RARE_LENGTH:
                    yield known, BRANCH_SCORE
                elif known.is_common and size > 1 and BRANCH_WORDS.issuperset(words[size:]):
                    yield known, CONTAINED_SCORE

    def _candidates(self, mine: list[str]) -> list[IndexedName]:
        """Return the known names that share a rare word with these, allowing one typo in a long word."""
        words = set[str]().union(*map(self._rare_words_near, mine))
        return [known for word in sorted(words) for known in self._rare[word]]

    def _find_rare_words(self, word: str) -> frozenset[str]:
        """Return the rare word of known names that this word is, or those that it may be a typo of."""
        if word in self._rare:
            return frozenset((word,))
        if len(word) < MIN_RARE_LENGTH - 1 or word in _WORDS_OF_MANY:
            return frozenset()
        near = {other for key in one_letter_less(word) for other in self._deletions.get(key, ())}
        return frozenset(other for other in near if OSA.distance(word, other) <= 1)


def one_letter_less(word: str) -> Iterator[str]:
    """Yield a word and the word without each of its letters: two words that differ by one typo share one of these."""
    yield word
    for index in range(len(word)):
        yield word[:index] + word[index + 1 :]


def _has_counterpart(rare: str, words: Collection[str]) -> bool:
    """Return whether one of the words is a rare word, allowing one typo for each six letters."""
    if rare in words:
        return True
    typos = max(1, len(rare) // 6)
    return any(OSA.distance(rare, word, score_cutoff=typos) <= typos for word in words)


def fuzzy_score(known: IndexedName, core: str) -> float:
    """Score a core that is not equal to a known one: a branch, a name that contains it, or a misspelling; else 0."""
    padded, known_padded = f" {core} ", f" {known.name.core} "
    if known_padded in padded:
        before, _, after = padded.partition(known_padded)
        # LOCKHEED MARTIN PROCERUS TECHNOLOGIES: the owner's words say nothing else, either.
        if (GENERIC_WORDS | known.own_words).issuperset((*before.split(), *after.split())):
            return BRANCH_SCORE
        # A name at the beginning (SKYDIO UNMANNED LLC) or a long one is unlikely to be chance.
        return CONTAINED_SCORE if not before or len(known.no_spaces) >= 8 else 0.0
    return _misspelling_score(known, core)


def _misspelling_score(known: IndexedName, theirs: str) -> float:
    """Score two cores that nearly share a rare word; 0 if they are names of different companies.

    They are if their numbers differ, if a rare word has no counterpart within a typo or two, or if a single word only
    has one letter more at an end (COGNITECH is not COGNITEC).
    """
    mine, words = known.name.core, theirs.split()
    ratio = fuzz.ratio(" ".join(sorted(mine.split())), " ".join(sorted(words)), score_cutoff=MIN_RATIO)
    if ratio < MIN_RATIO:
        return 0.0
    if _NUMBER.findall(mine) != _NUMBER.findall(theirs):
        return 0.0
    if not all(_has_counterpart(rare, words) for rare in known.rare_words):
        return 0.0
    single = " " not in mine
    if single and (mine in theirs or theirs in mine):
        return 0.0
    score = MIN_FUZZY_SCORE + (ratio - MIN_RATIO) / (100 - MIN_RATIO) * (MAX_FUZZY_SCORE - MIN_FUZZY_SCORE)
    return min(score, AMBIGUOUS_SCORE) if single else score
