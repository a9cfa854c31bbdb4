"""Find phrases in text: products, topics, vendors' names and exclusions, all in one pass. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from monitors.matching.name_index import MIN_RARE_LENGTH, TEXT_SCORES, SignalKind
from monitors.normalize import map_text, normalize_text, parse_name
from monitors.watchlist.model import Kind, Portfolio, Strength, Vendor
from monitors.watchlist.search_terms import lower_strength, mentions

MAX_TEXT_LENGTH = 100_000  # characters; no real description is nearly as long, and the rest is not read
MIN_PLURAL_LENGTH = 5  # letters of a phrase that may have a plural: TASERS
MAX_NEIGHBORS = 200  # findings compared on either side of one: more than a phrase can overlap


@dataclass(frozen=True, slots=True)
class Term:
    """A phrase to find in text: a product, a vendor's name (`mention`), a topic, or, with kind None, an exclusion.

    `portfolio` is that of the name of a mention, `pure` for any other phrase.
    """

    vendor_id: str
    kind: SignalKind | None
    phrase: str
    strength: Strength
    portfolio: Portfolio = Portfolio.PURE

    def is_excluded_by(self, excluded: Collection[str]) -> bool:
        """Return whether an exclusion anywhere in the text rules it out, as it does an ambiguous word of a topic."""
        return self.kind is SignalKind.TOPIC and self.strength is not Strength.STRONG and self.vendor_id in excluded


@dataclass(frozen=True, slots=True)
class PhraseFinding:
    """A phrase found in a text at `start:end`."""

    term: Term
    start: int
    end: int

    def overrides(self, other: PhraseFinding) -> bool:
        """Return whether the other finding does not count because of this one.

        An exclusion overrides what it overlaps, and a longer phrase a shorter one inside it that is not stronger.
        """
        if self.term.vendor_id != other.term.vendor_id or other.end <= self.start or self.end <= other.start:
            return False
        if self.term.kind is None:
            return True
        holds = self.start <= other.start and other.end <= self.end and self.end - self.start > other.end - other.start
        return holds and TEXT_SCORES[self.term.strength] >= TEXT_SCORES[other.term.strength]


def vendor_terms(vendor: Vendor) -> Iterator[Term]:
    """Yield all phrases of an entry, exclusions too."""
    own = {name.no_spaces: known for known in vendor.known_names if (name := parse_name(known.name))}
    for product in vendor.products:
        known = own.get(normalize_text(product.phrase).replace(" ", ""))
        if vendor.kind is Kind.TOPIC:
            yield Term(vendor.id, SignalKind.TOPIC, product.phrase, product.strength)
        elif known is None:
            yield Term(vendor.id, SignalKind.PRODUCT, product.phrase, product.strength)
        else:
            portfolio = vendor.portfolio_of(known)
            strength = lower_strength(product.strength, portfolio)
            yield Term(vendor.id, SignalKind.MENTION, product.phrase, strength, portfolio)
    for mention, portfolio in mentions(vendor):
        yield Term(vendor.id, SignalKind.MENTION, mention.phrase, mention.strength, portfolio)
    for phrase in vendor.exclusions:
        yield Term(vendor.id, None, phrase, Strength.STRONG)


class PhraseIndex:
    """Finds phrases at word boundaries in linear time; case, punctuation, spacing and plural do not matter."""

    def __init__(self, terms: Iterable[Term]) -> None:
        self._terms: dict[str, list[Term]] = defaultdict(list)
        listed = [(normalize_text(term.phrase), term) for term in terms]
        # A listed spelling comes before a derived one: each vendor has a spelling only once.
        for derived in (False, True):
            for phrase, term in listed:
                for spelling in _spellings(phrase) if derived else (phrase,):
                    if all(_owner(term) != _owner(other) for other in self._terms[spelling]):
                        self._terms[spelling].append(term)
        # First word -> spellings, the longest first.
        self._by_first_word: dict[str, list[str]] = defaultdict(list)
        for spelling in sorted(self._terms, key=len, reverse=True):
            self._by_first_word[spelling.partition(" ")[0]].append(spelling)
        self._longest = max(map(len, self._terms), default=0)

    def find(self, raw: str) -> tuple[PhraseFinding, ...]:
        """Return the phrases that count in the raw text, in order of position, with exclusions applied."""
        raw = raw[:MAX_TEXT_LENGTH]
        hits = self._drop_overridden(self._find_all(normalize_text(raw)))
        if not hits:
            return ()
        text = map_text(raw)
        return tuple(PhraseFinding(hit.term, *text.place(hit.start, hit.end)) for hit in hits)

    def _drop_overridden(self, hits: list[PhraseFinding]) -> list[PhraseFinding]:
        """Return the hits that no exclusion and no other hit overrides, without the exclusions."""
        excluded = {hit.term.vendor_id for hit in hits if hit.term.kind is None}
        return [
            hit
            for index, hit in enumerate(hits)
            if hit.term.kind is not None
            and not hit.term.is_excluded_by(excluded)
            and not any(other.overrides(hit) for other in self._neighbors(hits, index))
        ]

    def excluded(self, raw: str) -> frozenset[str]:
        """Return the ids of the vendors with an exclusion in the raw text."""
        return frozenset(
            hit.term.vendor_id for hit in self._find_all(normalize_text(raw[:MAX_TEXT_LENGTH])) if hit.term.kind is None
        )

    def _find_all(self, normalized: str) -> list[PhraseFinding]:
        """Return every phrase at every word, in order of position, the longest first."""
        hits: list[PhraseFinding] = []
        start = 0
        for word in normalized.split(" "):
            for spelling in self._by_first_word.get(word, ()):
                end = start + len(spelling)
                if normalized.startswith(spelling, start) and normalized[end : end + 1] in ("", " "):
                    hits += [PhraseFinding(term, start, end) for term in self._terms[spelling]]
            start += len(word) + 1
        return hits

    def _neighbors(self, hits: list[PhraseFinding], index: int) -> Iterator[PhraseFinding]:
        """Yield the hits that can overlap the one at `index`: phrases are short, so there are few."""
        hit = hits[index]
        for other in reversed(hits[max(0, index - MAX_NEIGHBORS) : index]):
            if other.start + self._longest <= hit.start:
                break
            yield other
        for other in hits[index + 1 : index + MAX_NEIGHBORS]:
            if other.start >= hit.end:
                break
            yield other


def _owner(term: Term) -> tuple[str, bool]:
    return term.vendor_id, term.kind is None


def _spellings(phrase: str) -> set[str]:
    """Return a normalized phrase with and without its spaces, and each in the plural: GRAY KEY, GRAYKEY, GRAYKEYS."""
    words = phrase.split()
    spellings = {phrase}
    for index in range(1, len(words)):
        spellings.add(" ".join(words[:index]) + " ".join(words[index:]))
    spellings.add("".join(words))
    spellings = {spelling for spelling in spellings if spelling == phrase or len(spelling) >= MIN_RARE_LENGTH}
    if len(words[-1]) >= 4 and len(phrase) >= MIN_PLURAL_LENGTH and words[-1][-1] != "S":
        spellings |= {f"{spelling}S" for spelling in spellings}
    return spellings
