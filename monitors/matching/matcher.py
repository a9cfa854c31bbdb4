"""The matcher: one record in, the vendors of the watchlist it concerns out, each with its reasons in words and places.

Pure: no network, no database. What it says is descriptive ("the recipient's name is ..."), never a judgement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from monitors.matching.match_input import Subject, subject_of
from monitors.matching.name_index import PARENT_SCORE, TEXT_SCORES, NameFinding, NameIndex, Signal, SignalKind
from monitors.matching.phrase_index import PhraseFinding, PhraseIndex, Term, vendor_terms
from monitors.matching.scoring import PUBLISH_FROM, REVIEW_FROM, Found, tell, weigh
from monitors.matching.typos import SlipIndex, slip_strength
from monitors.normalize import NORM_VERSION, parse_name
from monitors.watchlist.model import Kind, KnownName, Strength, Vendor, Watchlist
from sources.records import Award, Publication
from storage.models import MatchBand

__all__ = ["MATCHER_VERSION", "Match", "Matcher", "Signal", "SignalKind"]

# Raise it whenever the same record and watchlist would give another result.
MATCHER_VERSION = 4

UEI_SCORE = 1.0
CAGE_SCORE = 1.0
PARENT_UEI_SCORE = 0.95
OUTSIDE_YEARS = 0.2  # taken off when a company did not bear the name, or own the firm, in the years of the award
LONGEST_CACHED = 4_000  # characters; longer descriptions are rare and would fill memory
CACHED_TEXTS = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An award and a vendor it concerns.

    `signals` best first; `score` 0 to 1 and `band` from all of them; `rule` the id of the rule that decided; `reason`
    the same for a person to read.
    """

    vendor_id: str
    vendor_name: str
    category: str
    signals: tuple[Signal, ...]
    score: float
    band: MatchBand
    rule: str
    reason: str


class Indexes:
    """What a matcher looks names and texts up in, each built when it is first needed."""

    def __init__(self, vendors: Sequence[Vendor]) -> None:
        self._vendors = vendors

    @cached_property
    def names(self) -> NameIndex:
        """Names of vendors."""
        return NameIndex(self._vendors)

    @cached_property
    def phrases(self) -> PhraseIndex:
        """Phrases as they are listed, in other spellings and in the plural."""
        return PhraseIndex(self._terms)

    @cached_property
    def slips(self) -> SlipIndex:
        """Long words of phrases, misspelt."""
        return SlipIndex(self._vendors, self._terms)

    @cached_property
    def _terms(self) -> list[Term]:
        return [term for vendor in self._vendors for term in vendor_terms(vendor)]


class Matcher:
    """Matches awards against one watchlist. Build it once; it remembers the distinct texts it has seen.

    `indexes`: what it looks names and texts up in.
    """

    def __init__(self, watchlist: Watchlist) -> None:
        self._watchlist = watchlist
        self.indexes = Indexes(watchlist.vendors)
        self._ueis = _owners((uei, vendor.id) for vendor in watchlist.vendors for uei in vendor.ueis)
        self._cages = _owners((cage, vendor.id) for vendor in watchlist.vendors for cage in vendor.cages)
        self._resellers = {vendor.id: _cores(vendor.resellers) for vendor in watchlist.vendors}
        self._find_names = lru_cache(maxsize=CACHED_TEXTS)(self._name_findings)
        self._find_phrases = lru_cache(maxsize=CACHED_TEXTS)(self._phrases_in)

    @property
    def version(self) -> str:
        """What a stored match depends on: matcher, normalisation and watchlist."""
        return f"{MATCHER_VERSION}.{NORM_VERSION}.{self._watchlist.version}"

    @property
    def topics(self) -> frozenset[str]:
        """The ids of the entries that are words, and nobody who could be paid."""
        return frozenset(entry.id for entry in self._watchlist.vendors if entry.kind is Kind.TOPIC)

    def matches(self, record: Award | Publication) -> tuple[Match, ...]:
        """Return the entries a record concerns, best first; none that falls into the drop band.

        A topic never comes before a vendor that is published: its score ends where theirs begin.
        """
        found: dict[str, list[Found]] = defaultdict(list)
        subject = subject_of(record)
        for vendor_id, item in self._identities(subject):
            found[vendor_id].append(item)
        paid = frozenset(found)
        for vendor_id, item in self._texts(subject):
            found[vendor_id].append(item)
        topics = self._topics_by_category(found)
        matches = []
        for key, items in found.items():
            vendor = self._watchlist.by_id[key]
            matches.append(self._decide(vendor, items, subject, paid, topics[vendor.category]))
        return tuple(sorted(filter(None, matches), key=lambda match: (-match.score, match.vendor_id)))

    def paid(self, record: Award | Publication) -> frozenset[str]:
        """Return the ids of the entries that the recipient of a record, or its parent, may be."""
        return frozenset(vendor_id for vendor_id, _ in self._identities(subject_of(record)))

    def _identities(self, subject: Subject) -> Iterator[tuple[str, Found]]:
        """Yield what identifies the recipient or its parent. Identifiers count whatever the exclusions say."""
        recipient = subject.recipient
        for field, kind, owners, code, score in (
            ("recipient_uei", SignalKind.UEI, self._ueis, recipient.uei, UEI_SCORE),
            ("recipient_cage", SignalKind.CAGE, self._cages, recipient.cage, CAGE_SCORE),
            ("recipient_parent_uei", SignalKind.PARENT_UEI, self._ueis, recipient.parent_uei, PARENT_UEI_SCORE),
        ):
            for vendor_id in owners.get(_code(code), ()):
                signal = Signal(
                    kind=kind, field=field, text=code, term=_code(code), start=0, end=len(code), score=score
                )
                yield vendor_id, Found(signal, self._watchlist.by_id[vendor_id].portfolio)
        if not recipient.is_placeholder:
            yield from self._named("recipient_name", recipient.name, subject)
        yield from self._named("recipient_parent_name", recipient.parent_name, subject)

    def _name_findings(self, raw: str) -> tuple[NameFinding, ...]:
        """Return the vendors a name field points to, without those whose exclusion it holds."""
        findings = self.indexes.names.find(raw)
        if not findings:
            return ()
        excluded = self.indexes.phrases.excluded(raw)
        return tuple(finding for finding in findings if finding.vendor_id not in excluded)

    def _phrases_in(self, raw: str) -> tuple[PhraseFinding, ...]:
        return self.indexes.phrases.find(raw)

    def _named(self, field: str, raw: str, subject: Subject) -> Iterator[tuple[str, Found]]:
        for hit in self._find_names(raw) if raw else ():
            kind, score = hit.kind, hit.score
            of_owner = kind is SignalKind.PARENT_NAME
            if field == "recipient_parent_name":
                if kind is SignalKind.FUZZY_NAME:
                    continue
                kind, score = SignalKind.PARENT_NAME, min(score, PARENT_SCORE)
            outside = _outside_years(hit.known, subject)
            signal = Signal(
                kind=kind,
                field=field,
                text=raw[hit.start : hit.end],
                term=hit.known.name,
                start=hit.start,
                end=hit.end,
                score=round(score - OUTSIDE_YEARS, 3) if outside else score,
            )
            yield hit.vendor_id, Found(signal, hit.portfolio, outside=outside, of_owner=of_owner)

    def _texts(self, subject: Subject) -> Iterator[tuple[str, Found]]:
        """Yield the phrases in the record's texts, each text once however many actions repeat it."""
        read: set[str] = set()
        told: set[tuple[str, str, str]] = set()
        for field, raw, action_key in subject.texts:
            if raw in read:
                continue
            read.add(raw)
            find = self._find_phrases if len(raw) <= LONGEST_CACHED else self._phrases_in
            found = [(hit, hit.term.strength) for hit in find(raw)]
            found += [(hit, slip_strength(hit.term)) for hit in self.indexes.slips.find(raw)]
            for hit, strength in found:
                key = (hit.term.vendor_id, field, hit.term.phrase)
                if key not in told:
                    told.add(key)
                    yield hit.term.vendor_id, _phrase_found(hit, strength, field, raw, action_key)

    def _topics_by_category(self, found: Mapping[str, list[Found]]) -> Mapping[str, list[Found]]:
        """Return the record's words for technologies: category -> what was found for its topics."""
        topics: dict[str, list[Found]] = defaultdict(list)
        for entry_id, items in found.items():
            entry = self._watchlist.by_id[entry_id]
            if entry.kind is Kind.TOPIC:
                topics[entry.category] += items
        return topics

    def _names_of(self, vendor_ids: Iterable[str]) -> list[str]:
        return sorted(self._watchlist.by_id[vendor_id].name for vendor_id in vendor_ids)

    def _decide(
        self, vendor: Vendor, found: list[Found], subject: Subject, paid: frozenset[str], topics: list[Found]
    ) -> Match | None:
        """Weigh all signals for one vendor; `None` if they are too weak.

        `topics` are the record's words for what the vendor is listed for.
        """
        resold = bool(self._resellers[vendor.id] & _cores([subject.recipient.name]))
        score, rule = weigh(vendor, found, resold=resold, topics=topics)
        if score < REVIEW_FROM:
            return None
        found = sorted(found, key=lambda item: (-item.signal.score, item.signal.field, item.signal.start))
        others = () if vendor.kind is Kind.TOPIC else self._names_of(paid - {vendor.id})
        return Match(
            vendor_id=vendor.id,
            vendor_name=vendor.name,
            category=vendor.category,
            signals=tuple(item.signal for item in found),
            score=score,
            band=MatchBand.PUBLISHED if score >= PUBLISH_FROM else MatchBand.REVIEW,
            rule=rule,
            reason=tell(vendor, found, subject.recipient, others),
        )


def _code(written: str) -> str:
    """Return a UEI or CAGE code as the watchlist has it."""
    return written.strip().upper()


def _owners(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return code -> the ids of the vendors that have it."""
    owners: dict[str, list[str]] = defaultdict(list)
    for code, vendor_id in pairs:
        owners[code].append(vendor_id)
    return owners


def _outside_years(known: KnownName, subject: Subject) -> str:
    """Return in words that a record falls outside the years of a name, "" if it does not or nobody can tell.

    An award spans the years from its signing to its latest action: sources show the newest name on the oldest award.
    """
    if not subject.days or not known.years:
        return ""
    first, last = min(subject.days).year, max(subject.days).year
    if known.covers(first, last):
        return ""
    return f"{known.years}; this award is of {first}" + (f" to {last}" if last != first else "")


def _cores(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.tight for written in names if (name := parse_name(written)))


def _phrase_found(hit: PhraseFinding, strength: Strength, field: str, raw: str, action_key: str) -> Found:
    signal = Signal(
        kind=hit.term.kind or SignalKind.PRODUCT,
        field=field,
        text=raw[hit.start : hit.end],
        term=hit.term.phrase,
        start=hit.start,
        end=hit.end,
        score=TEXT_SCORES[strength],
        action_key=action_key,
    )
    return Found(signal, hit.term.portfolio, strength=strength, source=raw)
