"""Find phrases in text: products, topics, vendors' names and exclusions, all in one pass. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from monitors.matching.name_index import MIN_RARE_LENGTH, TEXT_SCORES, SignalKind
from monitors.normalize import map_text, normalize_text, parse_name
from monitors.watchlist.model import Kind, Portfolio, Strength, Vendor
from monitors.watchlist.search_terms import lower_strength, mentions

MAX_TEXT_LENGTH = 100_000  # characters; no real description is nearly as long, and the rest is not read
MIN_PLURAL_LENGTH = 5  # letters of a phrase that may have a plural: TASERS
MAX_NEIGHBORS = 200  # findings compared on either side of one: more than a phrase can overlap
NEAR_WORDS = 5  # how far from a phrase, in words, a word of its `near` list counts
NEAR_CHARACTERS = 80  # how far that is at most
EXCLUSION_CHARACTERS = 60  # how far from a topic's phrase an exclusion counts: some eight words


@dataclass(frozen=True, slots=True)
class Term:
    """A phrase to find in text: a product, a vendor's name (`mention`), a topic, or, with kind None, an exclusion.

    `portfolio` is that of the name of a mention, or of the part of the business that a product belongs to. With `near`
    it counts only beside one of these words. `since` is the first year of the only names with these words.
    """

    vendor_id: str
    kind: SignalKind | None
    phrase: str
    strength: Strength
    portfolio: Portfolio = Portfolio.PURE
    near: frozenset[str] = frozenset()
    since: int | None = None


@dataclass(frozen=True, slots=True)
class PhraseFinding:
    """A phrase found in a text at `start:end`."""

    term: Term
    start: int
    end: int

    def overrides(self, other: PhraseFinding) -> bool:
        """Return whether the other finding of the same entry does not count because of this one.

        An exclusion overrides what it overlaps, and ambiguous words of a topic near it. A phrase overrides a shorter
        one inside it that is not stronger, and the same words that are weaker.
        """
        if self.term.kind is None:
            ambiguous = other.term.kind is SignalKind.TOPIC and other.term.strength is not Strength.STRONG
            return self.distance(other) <= (EXCLUSION_CHARACTERS if ambiguous else -1)
        mine, theirs = TEXT_SCORES[self.term.strength], TEXT_SCORES[other.term.strength]
        if (self.start, self.end) == (other.start, other.end):
            return mine > theirs
        return self.start <= other.start and other.end <= self.end and mine >= theirs

    def distance(self, other: PhraseFinding) -> int:
        """Return the number of characters between two findings, negative if they overlap."""
        return max(self.start - other.end, other.start - self.end)


def vendor_terms(vendor: Vendor) -> Iterator[Term]:
    """Yield all phrases of an entry, exclusions too."""
    own = {name.no_spaces: known for known in vendor.known_names if (name := parse_name(known.name))}
    for product in vendor.products:
        known = own.get(normalize_text(product.phrase).replace(" ", ""))
        near = frozenset(product.near)
        if known is None or near:
            kind = SignalKind.TOPIC if vendor.kind is Kind.TOPIC else SignalKind.PRODUCT
            portfolio = product.portfolio or Portfolio.PURE
            since = _first_year(vendor, product.phrase)
            yield Term(vendor.id, kind, product.phrase, product.strength, portfolio, near, since)
        else:
            portfolio = vendor.portfolio_of(known)
            strength = lower_strength(product.strength, portfolio)
            since = _first_year(vendor, product.phrase)
            yield Term(vendor.id, SignalKind.MENTION, product.phrase, strength, portfolio, since=since)
    for mention, portfolio in mentions(vendor):
        since = _first_year(vendor, mention.phrase)
        yield Term(vendor.id, SignalKind.MENTION, mention.phrase, mention.strength, portfolio, since=since)
    for phrase in vendor.exclusions:
        yield Term(vendor.id, None, phrase, Strength.STRONG)


def _first_year(vendor: Vendor, phrase: str) -> int | None:
    """Return the year from which the names with the words of a phrase are the vendor's; `None`: always, or no name.

    A last year does not count: a product is still called by the former name of its maker (SHOTSPOTTER).
    """
    words = f" {normalize_text(phrase)} "
    names = (*vendor.known_names, *vendor.subsidiaries) if vendor.kind is Kind.VENDOR else ()
    years = [known.since for known in names if words in f" {normalize_text(known.name)} "]
    return min((year for year in years if year), default=None) if all(years) else None


def normalize(raw: str) -> str:
    """Return the text that is read of a raw one, normalized."""
    return normalize_text(raw[:MAX_TEXT_LENGTH])


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

    def find(self, raw: str, normalized: str = "") -> tuple[PhraseFinding, ...]:
        """Return the phrases that count in the raw text, in order of position, with exclusions applied.

        `normalized`: the beginning of the raw text as `normalize` gives it, if it is known already.
        """
        hits = self.find_normalized(normalized or normalize(raw))
        if not hits:
            return ()
        text = map_text(raw[:MAX_TEXT_LENGTH])
        return tuple(PhraseFinding(hit.term, *text.place(hit.start, hit.end)) for hit in hits)

    def find_normalized(self, normalized: str) -> list[PhraseFinding]:
        """Return the same for a normalized text."""
        found = self._find_all(normalized)
        if not found:
            return []
        hits = sorted(_beside_near_words(found, normalized), key=lambda hit: (hit.start, -hit.end))
        reach = EXCLUSION_CHARACTERS + max((hit.end - hit.start for hit in hits), default=0)
        kept = []
        for index, hit in enumerate(hits):
            others = [other for other in _neighbors(hits, index, reach) if other.term.vendor_id == hit.term.vendor_id]
            if hit.term.kind is not None and not any(other.overrides(hit) for other in others):
                kept.append(_ambiguous_near_exclusions(hit, others))
        return kept

    def signals(self) -> Iterator[tuple[str, ...]]:
        """Yield the words of each spelling that can be a signal: not those of exclusions."""
        for spelling, terms in self._terms.items():
            if any(term.kind is not None for term in terms):
                yield tuple(spelling.split())

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


def _beside_near_words(hits: Iterable[PhraseFinding], normalized: str) -> Iterator[PhraseFinding]:
    """Yield the hits, without those that need another word near them which is not there. The others reach to it."""
    for hit in hits:
        if not hit.term.near:
            yield hit
        elif spans := list(_near_spans(hit, normalized)):
            start, end = min(spans, key=lambda span: span[1] - span[0])
            yield replace(hit, start=start, end=end)


def _near_spans(hit: PhraseFinding, normalized: str) -> Iterator[tuple[int, int]]:
    """Yield the phrase with each near word, before or after it, as (start, end)."""
    at = hit.end + 1
    for word in normalized[at : at + NEAR_CHARACTERS].split(" ")[:NEAR_WORDS]:
        if word in hit.term.near or word.removesuffix("S") in hit.term.near:
            yield hit.start, at + len(word)
        at += len(word) + 1
    at = hit.start - 1
    for word in reversed(normalized[max(0, at - NEAR_CHARACTERS) : max(0, at)].split(" ")[-NEAR_WORDS:]):
        if word in hit.term.near or word.removesuffix("S") in hit.term.near:
            yield at - len(word), hit.end
        at -= len(word) + 1


def _ambiguous_near_exclusions(hit: PhraseFinding, others: Iterable[PhraseFinding]) -> PhraseFinding:
    """Return a topic's phrase, no longer a strong one if an exclusion is near: a linguist for TITLE III INTERCEPTS."""
    is_strong = hit.term.kind is SignalKind.TOPIC and hit.term.strength is Strength.STRONG
    if is_strong and any(other.term.kind is None and hit.distance(other) <= EXCLUSION_CHARACTERS for other in others):
        return replace(hit, term=replace(hit.term, strength=Strength.MEDIUM))
    return hit


def _neighbors(hits: Sequence[PhraseFinding], index: int, reach: int) -> Iterator[PhraseFinding]:
    """Yield the other hits that begin within `reach` characters of the one at `index`."""
    hit = hits[index]
    for other in reversed(hits[max(0, index - MAX_NEIGHBORS) : index]):
        if other.start + reach < hit.start:
            break
        yield other
    for other in hits[index + 1 : index + MAX_NEIGHBORS]:
        if other.start > hit.end + EXCLUSION_CHARACTERS:
            break
        yield other


def _owner(term: Term) -> tuple[str, bool, frozenset[str]]:
    return term.vendor_id, term.kind is None, term.near


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
