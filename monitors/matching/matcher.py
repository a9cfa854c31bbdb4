"""The matcher: takes a record, returns the watchlist entries it concerns, each with signals, a score and a reason.

Pure: no network, no database. Reasons are descriptive ("the recipient's name is ..."), never a judgment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache, partial

from monitors.matching.concerned_actions import concerned_actions
from monitors.matching.goods import CodeIndex, is_for_other_goods
from monitors.matching.name_index import PARENT_SCORE, TEXT_SCORES, NameFinding, NameIndex, Signal, SignalKind
from monitors.matching.phrase_index import PhraseFinding, PhraseIndex, normalize, vendor_terms
from monitors.matching.review_clues import Clue, clues_of
from monitors.matching.scoring import (
    PUBLISH_FROM,
    REVIEW_FROM,
    TOPIC_SCORES,
    ScoredSignal,
    explain,
    score_match,
)
from monitors.matching.typos import MIN_TYPO_LENGTH, TypoIndex, typo_strength
from monitors.normalize import NORM_VERSION, parse_name
from monitors.watchlist.model import Kind, KnownName, Portfolio, Strength, Vendor, Watchlist
from sources.candidates import TextWords
from sources.records import Award, Publication, Recipient
from storage.models import MatchBand

__all__ = ["MATCHER_VERSION", "Match", "Matcher", "Signal", "SignalKind"]

# Raise this when the same record and watchlist would give another result.
MATCHER_VERSION = 7

UEI_SCORE = 1.0
CAGE_SCORE = 1.0
PARENT_UEI_SCORE = 0.95
OUTSIDE_YEARS_PENALTY = 0.2  # the company did not use the name, or own the firm, in the years of the award
LOWER_STRENGTH = {Strength.STRONG: Strength.MEDIUM, Strength.MEDIUM: Strength.WEAK, Strength.WEAK: Strength.WEAK}
TEXT_CACHE_SIZE = 65_536
CONFIRMED_BY_VENDOR = frozenset({"topic-medium-phrase", "topic-two-phrases", "topic-code"})

Scorer = Callable[[Sequence[ScoredSignal]], tuple[float, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An entry of the watchlist that a record concerns.

    `signals`, best first; `score` (0 to 1) and `band` follow from all of them. `rule` is the id of the deciding rule,
    `reason` the same as a sentence. `action_keys`: the actions that it concerns, empty for the whole record. If it is
    not certain enough to be published, `priority` says how soon to review it, and `clues` why.
    """

    vendor_id: str
    vendor_name: str
    category: str
    signals: tuple[Signal, ...]
    score: float
    band: MatchBand
    rule: str
    reason: str
    action_keys: tuple[str, ...] = ()
    priority: int = 0
    clues: tuple[Clue, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchInput:
    """What the matcher reads of a record, award or publication.

    `texts` are (field, text, key of the action it belongs to or ""); `days` those on which it was signed or acted on.
    """

    recipient: Recipient
    texts: tuple[tuple[str, str, str], ...]
    days: tuple[date, ...]

    @classmethod
    def of(cls, record: Award | Publication) -> MatchInput:
        """Return what there is to match in a record."""
        if isinstance(record, Award):
            days = (record.signed, *(action.signed for action in record.actions))
            texts = [("description", record.description, "")]
            texts += [("action_description", action.description, action.key) for action in record.actions]
        else:
            days = (record.signed, record.published)
            texts = [("title", record.title, ""), ("description", record.description, "")]
        return cls(recipient=record.recipient, texts=tuple(texts), days=tuple(day for day in days if day))


class Matcher:
    """Matches records against one watchlist. Build it once: it caches the distinct texts that it has read."""

    def __init__(self, watchlist: Watchlist) -> None:
        self.watchlist = watchlist
        terms = [term for vendor in watchlist.vendors for term in vendor_terms(vendor)]
        self._names = NameIndex(watchlist.vendors)
        self._phrases = PhraseIndex(terms)
        self._typos = TypoIndex(watchlist.vendors, terms)
        self._codes = CodeIndex(watchlist.vendors)
        self._ueis = _owners((uei, vendor.id) for vendor in watchlist.vendors for uei in vendor.ueis)
        self._cages = _owners((cage, vendor.id) for vendor in watchlist.vendors for cage in vendor.cages)
        self._resellers = {vendor.id: _cores(vendor.resellers) for vendor in watchlist.vendors}
        self._find_names = lru_cache(maxsize=TEXT_CACHE_SIZE)(self._name_findings)
        self._finds_phrase = lru_cache(maxsize=TEXT_CACHE_SIZE)(self._phrase_in)

    @property
    def version(self) -> str:
        """What a stored match depends on: the versions of matcher, normalization and watchlist."""
        return f"{MATCHER_VERSION}.{NORM_VERSION}.{self.watchlist.version}"

    @cached_property
    def topics(self) -> frozenset[str]:
        """The ids of the topics: entries that name no company."""
        return frozenset(entry.id for entry in self.watchlist.vendors if entry.kind is Kind.TOPIC)

    def matches(self, record: Award | Publication) -> tuple[Match, ...]:
        """Return the entries that a record concerns, best first.

        A topic never comes before a published vendor: its highest score is their lowest.
        """
        found: dict[str, list[ScoredSignal]] = defaultdict(list)
        match_input = MatchInput.of(record)
        for vendor_id, item in self._identities(match_input):
            found[vendor_id].append(item)
        recipient_vendors = frozenset(found)
        for vendor_id, item in self._texts(match_input):
            found[vendor_id].append(item)
        for topic_id, item in self._codes.find(record, frozenset(found)):
            found[topic_id].append(item)
        if not found:
            return ()
        others = self._names_of(recipient_vendors)
        matches = []
        topics, is_for_other = self._topics_by_category(found), is_for_other_goods(record.psc_text, record.naics_text)
        for key, items in found.items():
            vendor = self.watchlist.by_id[key]
            resold = bool(self._resellers[key] & _cores([record.recipient.name]))
            score = partial(
                score_match, vendor, resold=resold, topics=topics[vendor.category], other_goods=is_for_other
            )
            matches.append(_decide(vendor, items, score, record, [name for name in others if name != vendor.name]))
        decided = self._for_review(record, list(_confirmed(list(filter(None, matches)))), found)
        return tuple(sorted(decided, key=lambda match: (-match.score, match.vendor_id)))

    def _for_review(
        self, record: Award | Publication, matches: Sequence[Match], found: Mapping[str, list[ScoredSignal]]
    ) -> Iterator[Match]:
        """Yield the matches, the uncertain ones with their priority, or in a band of their own if a name is all."""
        if all(match.band is MatchBand.PUBLISHED for match in matches):
            yield from matches
            return
        topics = _context(item for entry_id in sorted(self.topics & found.keys()) for item in found[entry_id])
        published = [match.vendor_name for match in matches if match.band is MatchBand.PUBLISHED]
        clues = clues_of(record, topics, published)
        for match in matches:
            if match.band is MatchBand.PUBLISHED:
                yield match
                continue
            is_name_only = match.vendor_id not in self.topics and clues.is_name_only(found[match.vendor_id])
            band = MatchBand.NAME_ONLY if is_name_only else MatchBand.REVIEW
            yield replace(match, band=band, priority=clues.priority(match.score), clues=clues.all)

    def finds_name(self, raw: str) -> bool:
        """Return whether the name of a recipient, or of its parent, gives a signal."""
        return bool(self._find_names(raw))

    def finds_phrase(self, raw: str) -> bool:
        """Return whether a text gives a signal, however weak."""
        return self._finds_phrase(raw)

    def _phrase_in(self, raw: str) -> bool:
        normalized = normalize(raw)
        return bool(self._phrases.find_normalized(normalized)) or bool(self._typos.find(raw, normalized))

    def text_words(self) -> TextWords:
        """Return the words without which a text gives no signal."""
        spellings = list(self._phrases.signals())
        return TextWords(
            singles=frozenset(words[0] for words in spellings if len(words) == 1),
            pairs=frozenset((words[0], words[1]) for words in spellings if len(words) > 1),
            misspelled=self._typos.keys,
            known=self._typos.never_typos,
            shortest=MIN_TYPO_LENGTH - 1,
        )

    def finds_code(self, psc: str, psc_text: str, naics: str, naics_text: str) -> bool:
        """Return whether the codes of a record give a signal without any words."""
        return self._codes.has_strong(psc, psc_text) or self._codes.has_strong(naics, naics_text)

    def recipient_vendors(self, record: Award | Publication) -> frozenset[str]:
        """Return the ids of the vendors that a record's recipient, or its parent, may be."""
        return frozenset(vendor_id for vendor_id, _ in self._identities(MatchInput.of(record)))

    def _identities(self, match_input: MatchInput) -> Iterator[tuple[str, ScoredSignal]]:
        """Yield what identifies the recipient or its parent. Exclusions do not apply to identifiers."""
        recipient = match_input.recipient
        for field, kind, owners, code, score in (
            ("recipient_uei", SignalKind.UEI, self._ueis, recipient.uei, UEI_SCORE),
            ("recipient_cage", SignalKind.CAGE, self._cages, recipient.cage, CAGE_SCORE),
            ("recipient_parent_uei", SignalKind.PARENT_UEI, self._ueis, recipient.parent_uei, PARENT_UEI_SCORE),
        ):
            for vendor_id in owners.get(_code(code), ()):
                signal = Signal(
                    kind=kind, field=field, text=code, term=_code(code), start=0, end=len(code), score=score
                )
                yield vendor_id, ScoredSignal(signal, self.watchlist.by_id[vendor_id].portfolio)
        if not recipient.is_placeholder:
            yield from self._named("recipient_name", recipient.name, match_input)
        yield from self._named("recipient_parent_name", recipient.parent_name, match_input)

    def _name_findings(self, raw: str) -> tuple[NameFinding, ...]:
        """Return the vendors that a name field points to, without those of which it contains an exclusion."""
        findings = self._names.find(raw)
        if not findings:
            return ()
        excluded = self._phrases.excluded(raw)
        return tuple(finding for finding in findings if finding.vendor_id not in excluded)

    def _named(self, field: str, raw: str, match_input: MatchInput) -> Iterator[tuple[str, ScoredSignal]]:
        for hit in self._find_names(raw) if raw else ():
            kind, score = hit.kind, hit.score
            is_parent = kind is SignalKind.PARENT_NAME
            if field == "recipient_parent_name":
                if kind is SignalKind.FUZZY_NAME:
                    continue
                kind, score = SignalKind.PARENT_NAME, min(score, PARENT_SCORE)
            outside_years = _describe_outside_years(hit.known, match_input)
            signal = Signal(
                kind=kind,
                field=field,
                text=raw[hit.start : hit.end],
                term=hit.known.name,
                start=hit.start,
                end=hit.end,
                score=round(score - OUTSIDE_YEARS_PENALTY, 3) if outside_years else score,
            )
            yield hit.vendor_id, ScoredSignal(signal, hit.portfolio, outside_years=outside_years, is_parent=is_parent)

    def _texts(self, match_input: MatchInput) -> Iterator[tuple[str, ScoredSignal]]:
        """Yield each phrase of each text once; a text that several actions repeat is read once."""
        read: set[str] = set()
        for field, raw, action_key in match_input.texts:
            if raw in read:
                continue
            read.add(raw)
            seen: set[tuple[str, str, Strength]] = set()
            normalized = normalize(raw)
            found = [(hit, hit.term.strength) for hit in self._phrases.find(raw, normalized)]
            found += [(hit, typo_strength(hit.term)) for hit in self._typos.find(raw, normalized)]
            for hit, listed in found:
                outside = _describe_outside_years(KnownName(hit.term.phrase, since=hit.term.since), match_input)
                strength = LOWER_STRENGTH[listed] if outside else listed
                key = (hit.term.vendor_id, hit.term.phrase, strength)
                if key not in seen:
                    seen.add(key)
                    item = _phrase_found(hit, strength, field, raw, action_key)
                    yield hit.term.vendor_id, replace(item, outside_years=outside)

    def _topics_by_category(self, found: Mapping[str, list[ScoredSignal]]) -> Mapping[str, list[ScoredSignal]]:
        """Return the topic phrases of the record by technology category, without codes and vague words."""
        topics: dict[str, list[ScoredSignal]] = defaultdict(list)
        for entry_id, items in found.items():
            entry = self.watchlist.by_id[entry_id]
            if entry.kind is Kind.TOPIC:
                topics[entry.category] += _context(items)
        return topics

    def _names_of(self, vendor_ids: Iterable[str]) -> list[str]:
        """Return the names of vendors in order."""
        return sorted(self.watchlist.by_id[vendor_id].name for vendor_id in vendor_ids)


def _decide(
    vendor: Vendor, found: list[ScoredSignal], score_of: Scorer, record: Award | Publication, others: list[str]
) -> Match | None:
    """Score all signals for one vendor; `None` if they are too weak. `others`: the vendors that the recipient is."""
    score, rule = score_of(found)
    if score < REVIEW_FROM:
        return None
    signals = sorted(_once(found), key=lambda item: (-item.signal.score, item.signal.field, item.signal.start))
    return Match(
        vendor_id=vendor.id,
        vendor_name=vendor.name,
        category=vendor.category,
        signals=tuple(item.signal for item in signals),
        score=score,
        band=MatchBand.PUBLISHED if score >= PUBLISH_FROM else MatchBand.REVIEW,
        rule=rule,
        reason=explain(vendor, signals, record.recipient, others),
        action_keys=_action_keys(found, score_of, record) if isinstance(record, Award) else (),
    )


def _action_keys(found: list[ScoredSignal], score_of: Scorer, award: Award) -> tuple[str, ...]:
    """Return the actions that a match concerns; none if the recipient or the award's own text is enough for it."""
    by_action: dict[str, list[ScoredSignal]] = defaultdict(list)
    for item in found:
        by_action[item.signal.action_key].append(item)
    own = by_action.pop("", [])
    if own and score_of(own)[0] >= REVIEW_FROM:
        return ()
    enough = [items for items in by_action.values() if score_of([*own, *items])[0] >= REVIEW_FROM]
    texts = {item.source for items in enough or by_action.values() for item in items}
    return concerned_actions(award, {action.key for action in award.actions if action.description in texts})


def _confirmed(matches: Sequence[Match]) -> Iterator[Match]:
    """Yield matches; ambiguous words of a topic are published if a vendor of its category is, by words of its own.

    DRONES from Skydio are drones. Of these pairs in the labeled actions 17 were right, 10 counted neither way, none was
    wrong.
    """
    published = [match for match in matches if match.band is MatchBand.PUBLISHED]
    vendors = {match.category: match.vendor_name for match in reversed(published) if "topic" not in match.rule}
    for match in matches:
        if match.rule in CONFIRMED_BY_VENDOR and match.category in vendors:
            score, rule = TOPIC_SCORES[Strength.STRONG], f"{match.rule}+vendor"
            reason = f"{match.reason} The award also concerns {vendors[match.category]}, of the same technology."
            yield replace(match, score=score, band=MatchBand.PUBLISHED, rule=rule, reason=reason)
        else:
            yield match


def _context(topics: Iterable[ScoredSignal]) -> list[ScoredSignal]:
    """Return the signals of topics that say what a record is about: no codes, and no words that mean much else."""
    return [item for item in topics if not item.is_code and item.portfolio is Portfolio.PURE]


def _once(found: Iterable[ScoredSignal]) -> list[ScoredSignal]:
    """Return signals without those that a field repeats, weaker or in another action."""
    first: dict[tuple[SignalKind, str, str], ScoredSignal] = {}
    for item in sorted(found, key=lambda item: -item.signal.score):
        first.setdefault((item.signal.kind, item.signal.field, item.signal.term), item)
    return list(first.values())


def _code(written: str) -> str:
    """Return a UEI or CAGE code as the watchlist spells it."""
    return written.strip().upper()


def _owners(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return code -> the ids of the vendors that have it."""
    owners: dict[str, list[str]] = defaultdict(list)
    for code, vendor_id in pairs:
        owners[code].append(vendor_id)
    return owners


def _describe_outside_years(known: KnownName, match_input: MatchInput) -> str:
    """Return that a record falls outside the years of a name, as words; "" if it does not or that is unknown.

    An award spans the years from its signing to its latest action: sources show the newest name on the oldest award.
    """
    if not match_input.days or not known.years:
        return ""
    first, last = min(match_input.days).year, max(match_input.days).year
    if known.covers(first, last):
        return ""
    return f"{known.years}; this award is of {first}" + (f" to {last}" if last != first else "")


def _cores(names: Iterable[str]) -> frozenset[str]:
    return frozenset(name.no_spaces for written in names if (name := parse_name(written)))


def _phrase_found(hit: PhraseFinding, strength: Strength, field: str, raw: str, action_key: str) -> ScoredSignal:
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
    return ScoredSignal(signal, hit.term.portfolio, strength=strength, source=raw)
