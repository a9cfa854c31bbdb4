"""What in a record may point to a vendor, and the first half of it: names that are, or look like, a known one.

The index is built once from the watchlist and answers with the place of every finding in the raw text. Candidates come
first (exact keys, a shared rare word), and only candidates are compared letter by letter. Phrases in running text are
in `monitors.matching.phrase_index`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import filterfalse

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from monitors.normalize import (
    Name,
    is_common,
    join_words,
    normalize_text,
    parse_name,
    parse_names,
)
from monitors.watchlist.model import Kind, KnownName, Portfolio, Strength, Vendor
from monitors.words import BRANCH_WORDS, COMMON_WORDS, GENERIC_WORDS, LEGAL_FORMS


class SignalKind(StrEnum):
    """One way in which a record can point to an entry.

    `mention` is the vendor's own name in a description, `topic` words that name no vendor at all.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One reason a record may concern a vendor.

    `field` is the part of the record (recipient_name, recipient_uei, recipient_cage, recipient_parent_name,
    recipient_parent_uei, description, action_description); `text` its own words, which stand at `start:end` in it;
    `term` the watchlist's words; `score` what this signal is worth alone, 0 to 1; `action_key` the action whose
    description it is.
    """

    kind: SignalKind
    field: str
    text: str
    term: str
    start: int
    end: int
    score: float
    action_key: str = ""


# What each kind of finding is worth alone. Starting values by judgement, checked against real records, not calibrated.
EXACT_SCORES = {
    SignalKind.NAME: 0.98,
    SignalKind.DBA_NAME: 0.95,
    SignalKind.FORMER_NAME: 0.95,
    SignalKind.ALIAS: 0.95,
    SignalKind.SUBSIDIARY: 0.93,
    SignalKind.PARENT_NAME: 0.9,
}
PARENT_SCORE = 0.9
OTHER_FORM_PENALTY = 0.03  # taken off when only the legal form differs, or the spaces
BRANCH_SCORE = 0.85  # a known name plus words any company adds: SKYDIO FEDERAL LLC
AMBIGUOUS_SCORE = 0.7  # every word of the name is one that unrelated companies use
CONTAINED_SCORE = 0.65
MIN_FUZZY_SCORE, MAX_FUZZY_SCORE = 0.6, 0.9  # what is only like a known name never counts more
TEXT_SCORES = {Strength.STRONG: 0.85, Strength.MEDIUM: 0.65, Strength.WEAK: 0.3}
_AT_MANY = COMMON_WORDS.union(LEGAL_FORMS)  # words in the names of many companies
_NUMBER = re.compile(r"\d+")
MIN_RATIO = 88.0  # per cent of letters in common, words sorted
MAX_NAME_LENGTH = 400  # characters; what is longer is no name, and comparing letters in it would take for ever
MIN_CORE_LENGTH = 4  # shorter cores (BI, NEC, EFW) count only with their legal form, exactly
WORD_CACHE_SIZE = 65_536
MIN_RARE_LENGTH = 6  # letters a word needs for a typo in it to be recognised


@dataclass(frozen=True, slots=True)
class NameFinding:
    """A name field that is, or looks like, a vendor's name. `start:end` in the raw field.

    `known` is the watchlist's name with its years, `portfolio` what that name says of the business.
    """

    vendor_id: str
    kind: SignalKind
    known: KnownName
    portfolio: Portfolio
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class IndexedName:
    """One name of one vendor, taken apart. `rare_words`: the words of its core that few companies use."""

    vendor_id: str
    kind: SignalKind
    known: KnownName
    portfolio: Portfolio
    name: Name
    common: bool
    words: tuple[str, ...]
    rare_words: frozenset[str]
    padded: str
    no_spaces: str
    sorted_words: str
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, vendor: Vendor, kind: SignalKind, known: KnownName, name: Name) -> IndexedName:
        """Take apart, once, what comparing it needs again and again."""
        words = name.core.split()
        return cls(
            vendor_id=vendor.id,
            kind=kind,
            known=known,
            portfolio=vendor.portfolio_of(known),
            name=name,
            common=is_common(name.core),
            words=tuple(words),
            rare_words=frozenset(filterfalse(_AT_MANY.__contains__, words)),
            padded=f" {name.core} ",
            no_spaces=name.no_spaces,
            sorted_words=" ".join(sorted(words)),
            numbers=tuple(_NUMBER.findall(name.core)),
        )

    @property
    def is_distinctive(self) -> bool:
        """Whether a name that only resembles this one can be told from the names of other companies."""
        return not self.common and len(self.no_spaces) >= MIN_RARE_LENGTH and self.kind is not SignalKind.PARENT_NAME

    def exact_score(self, *, same_form: bool) -> float:
        """Return the score of a name whose core equals this one, 0 when that says nothing."""
        if self.common and not same_form and " " not in self.name.core:
            return 0.0  # HARRIS LLC has nothing to do with HARRIS CORPORATION
        if self.common and not (same_form and self.kind is not SignalKind.ALIAS):
            return AMBIGUOUS_SCORE
        return EXACT_SCORES[self.kind] - (0 if same_form else OTHER_FORM_PENALTY)


def _known_names(vendor: Vendor) -> Iterator[IndexedName]:
    # A display name of nothing but common words is no legal name: "Giant Oak" alone may be anybody.
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
    seen: set[str] = set()
    for kind, names in listed:
        for known in names:
            name = parse_name(known.name)
            if name and name.full not in seen:
                seen.add(name.full)
                yield IndexedName.of(vendor, kind, known, name)


class NameIndex:
    """Finds the vendors whose name a recipient field bears, exactly or nearly."""

    def __init__(self, vendors: Iterable[Vendor]) -> None:
        self._full: dict[str, list[IndexedName]] = defaultdict(list)
        self._no_spaces: dict[str, list[IndexedName]] = defaultdict(list)
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
        for word in known.rare_words:
            listed = self._rare[word]  # a word that is known is never taken for another one misspelt
            if known.is_distinctive:
                listed.append(known)
            if len(word) >= MIN_RARE_LENGTH:
                for deletions in one_letter_less(word):
                    self._deletions[deletions].add(word)

    def find(self, raw: str) -> tuple[NameFinding, ...]:
        """Return the best finding for each vendor, best first, for one raw name field (with its D/B/A names)."""
        if len(raw) > MAX_NAME_LENGTH:
            return ()
        best: dict[str, tuple[float, SignalKind, IndexedName, Name]] = {}
        for name in parse_names(raw):
            for known, kind, exactly in self._find_one(name):
                score = round(exactly, 3)
                if known.vendor_id not in best or score > best[known.vendor_id][0]:
                    best[known.vendor_id] = score, kind, known, name
        found = [_to_finding(*each) for each in best.values()]
        if len(found) > 1:
            found.sort(key=lambda finding: (-finding.score, finding.vendor_id))
        return tuple(found)

    def _find_one(self, name: Name) -> Iterator[tuple[IndexedName, SignalKind, float]]:
        """Yield the known names that a name is or resembles, each with what kind of finding that is and its score."""
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
        for known, score in self._branches(name.core, words):
            yield known, SignalKind.FUZZY_NAME, score
        candidates = [known for known in self._candidates(words) if known.vendor_id not in sure]
        sorted_words = " ".join(sorted(words)) if candidates else ""
        for known in candidates:
            score = fuzzy_score(known, name.core, words, sorted_words)
            if score:
                yield known, SignalKind.FUZZY_NAME, score

    def _branches(self, core: str, words: list[str]) -> Iterator[tuple[IndexedName, float]]:
        """Yield the short or common known names that, with the words of a branch after them, make a name's core.

        The others are found by their rare words. A single common word, or another's kind of business, says nothing.
        """
        size = len(words)
        while size > 1 and words[size - 1] in GENERIC_WORDS:
            size -= 1
            for known in self._no_spaces.get(join_words(words[:size]), ()):
                if known.kind is SignalKind.PARENT_NAME or known.name.core == core:
                    continue
                if not known.common and len(known.no_spaces) < MIN_RARE_LENGTH:
                    yield known, BRANCH_SCORE
                elif known.common and size > 1 and BRANCH_WORDS.issuperset(words[size:]):
                    yield known, CONTAINED_SCORE

    def _candidates(self, mine: list[str]) -> list[IndexedName]:
        """Return the known names that share a rare word with these, allowing one slip in a long word."""
        words = set[str]().union(*map(self._rare_words_near, mine))
        return [known for word in sorted(words) for known in self._rare[word]]

    def _find_rare_words(self, word: str) -> frozenset[str]:
        """Return the rare word of known names that this is, or those that it is one slip away from."""
        if word in self._rare:
            return frozenset((word,))
        if len(word) < MIN_RARE_LENGTH - 1 or word in _AT_MANY:
            return frozenset()
        near = {other for key in one_letter_less(word) for other in self._deletions.get(key, ())}
        return frozenset(other for other in near if OSA.distance(word, other) <= 1)


def one_letter_less(word: str) -> Iterator[str]:
    """Yield the word itself and the word with each letter left out: two words one slip apart share one of these."""
    yield word
    for index in range(len(word)):
        yield word[:index] + word[index + 1 :]


def _to_finding(score: float, kind: SignalKind, known: IndexedName, name: Name) -> NameFinding:
    return NameFinding(known.vendor_id, kind, known.known, known.portfolio, name.start, name.end, score)


def _has_counterpart(rare: str, words: Collection[str]) -> bool:
    """Whether one of the words of a name is a rare word, give or take a slip, or two in a very long word."""
    if rare in words:
        return True
    typos = max(1, len(rare) // 6)
    return any(OSA.distance(rare, word, score_cutoff=typos) <= typos for word in words)


def fuzzy_score(known: IndexedName, core: str, words: list[str], sorted_words: str) -> float:
    """Score a candidate that is not equal: a branch of a known name, a name that holds it, or a misspelling; else 0.

    `words`: those of the core; `sorted_words`: the same in order, as one text.
    """
    padded = f" {core} "
    if known.padded in padded:
        before, _, after = padded.partition(known.padded)
        if GENERIC_WORDS.issuperset((*before.split(), *after.split())):
            return BRANCH_SCORE
        # Leading, as in SKYDIO UNMANNED LLC, or hardly there by chance.
        return CONTAINED_SCORE if not before or len(known.no_spaces) >= 8 else 0.0
    return _misspelling(known, core, words, sorted_words)


def _misspelling(known: IndexedName, theirs: str, words: list[str], sorted_words: str) -> float:
    """Score two cores that share a rare word, nearly; 0 when they are names of different companies.

    They are when another number stands in them, when a rare word has no counterpart within a slip or two, or when a
    single word only has a letter more at an end (COGNITECH is not COGNITEC).
    """
    alike = fuzz.ratio(known.sorted_words, sorted_words, score_cutoff=MIN_RATIO)
    if alike < MIN_RATIO:
        return 0.0
    mine = known.name.core
    if known.numbers != tuple(_NUMBER.findall(theirs)):
        return 0.0
    if not all(_has_counterpart(rare, words) for rare in known.rare_words):
        return 0.0
    single = len(known.words) == 1
    if single and (mine in theirs or theirs in mine):
        return 0.0
    score = MIN_FUZZY_SCORE + (alike - MIN_RATIO) / (100 - MIN_RATIO) * (MAX_FUZZY_SCORE - MIN_FUZZY_SCORE)
    return min(score, AMBIGUOUS_SCORE) if single else score
