"""How matches of labeled actions are counted, for vendors and topics apart.

A pair is an action and an entry of the watchlist. How pairs count for each label:

- P (publish): each subject must be found, and published.
- R (review): each subject must be found; whatever is published is wrong.
- O (other business of a listed vendor): whatever is published is wrong; a match for review counts neither way.
- G (surveillance, vendor not listed): each subject must be found; it may be published.
- S (either way): nothing counts.
- N (nothing): whatever is published is wrong.
- M (must match; only in actions.jsonl): like G, but a match by the name only is enough.

A match by the name only is not listed for review, so it is not found, except on M.

On P and G, a published entry that is not a subject is wrong. Where the subjects of P, R or G name no entry of a kind,
the label does not judge that kind: what is published there is counted as not judged, since the watchlist may have
grown. Entries in `also` count neither way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from benchmarks.labelled import Label, Verdict
from monitors.matching.matcher import Match, Matcher
from sources.records import Award
from storage.models import MatchBand

VENDOR, TOPIC = "vendor", "topic"
KINDS = (VENDOR, TOPIC)
MUST_BE_FOUND = frozenset({Verdict.PUBLISH, Verdict.REVIEW, Verdict.GAP, Verdict.MATCH})
MAY_BE_PUBLISHED = frozenset({Verdict.PUBLISH, Verdict.GAP, Verdict.MATCH})

BANDS = (MatchBand.PUBLISHED, MatchBand.REVIEW, MatchBand.NAME_ONLY)  # best first
Bands = dict[str, MatchBand]  # entry id -> band


@dataclass(frozen=True, slots=True)
class Case:
    """A labeled action, what it says, and the matches that concern it."""

    label: Label
    recipient: str
    description: str
    bands: Bands


@dataclass(slots=True)
class Matched:
    """The matches of all awards of a file.

    `cases` are the labels whose action is in the file, with the matches that concern it; `pairs` the number of awards
    by entry id and band, `unseen` the keys of labeled actions that the file does not have.
    """

    awards: int = 0
    cases: list[Case] = field(default_factory=list)
    pairs: Counter[tuple[str, MatchBand]] = field(default_factory=Counter)
    unseen: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, matcher: Matcher, awards: Iterable[Award], labels: Sequence[Label]) -> Matched:
        """Match all awards, whole, and compare each label with its action."""
        result, by_action = cls(), {label.action_key: label for label in labels}
        for award in awards:
            result.awards += 1
            matches = matcher.matches(award)
            result.pairs.update((match.vendor_id, match.band) for match in matches)
            for action in award.actions:
                if label := by_action.pop(action.key, None):
                    bands = {match.vendor_id: match.band for match in matches if _concerns(match, action.key)}
                    result.cases.append(Case(label, award.recipient.name, action.description, bands))
        result.unseen = sorted(by_action)
        return result


def _concerns(match: Match, action_key: str) -> bool:
    """Whether a match is about an action: about the whole award, or about this action among others."""
    return not match.action_keys or action_key in match.action_keys


@dataclass(slots=True)
class Score:
    """Counted pairs of an action and an entry of one kind. The module says what each label adds."""

    actions: int = 0
    right: int = 0
    wrong: int = 0
    not_judged: int = 0
    required: int = 0
    found: int = 0
    required_publish: int = 0
    found_publish: int = 0

    def add(self, label: Label, bands: Bands, entries: frozenset[str]) -> None:
        """Count one action. `entries`: the ids of this kind."""
        subjects = label.subjects & entries
        published = {entry for entry in entries & set(bands) if bands[entry] is MatchBand.PUBLISHED}
        right = published & subjects if label.verdict in MAY_BE_PUBLISHED else frozenset[str]()
        others = len(published - right - label.also)
        judged = subjects or label.verdict in (Verdict.OTHER_BUSINESS, Verdict.NOTHING)
        self.actions += 1
        self.right += len(right)
        if judged and label.verdict is not Verdict.EITHER:
            self.wrong += others
        else:
            self.not_judged += others
        if label.verdict in MUST_BE_FOUND:
            self.required += len(subjects)
            self.found += len(found_subjects(label, bands) & entries)
        if label.verdict is Verdict.PUBLISH:
            self.required_publish += len(subjects)
            self.found_publish += len(subjects & published)

    def figures(self) -> dict[str, float | None]:
        """Return precision and recalls, from 0 to 1; `None` where there is nothing to divide by."""
        return {
            "publish precision": _share(self.right, self.right + self.wrong),
            "recall of publish + review": _share(self.found, self.required),
            "recall of publish": _share(self.found_publish, self.required_publish),
        }


def found_subjects(label: Label, bands: Bands) -> frozenset[str]:
    """Return the subjects of a label that are published or listed for review, or for M have a match at all."""
    return frozenset(
        entry
        for entry in label.subjects & set(bands)
        if label.verdict is Verdict.MATCH or bands[entry] is not MatchBand.NAME_ONLY
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def scores(cases: Iterable[Case], entries: frozenset[str]) -> dict[str, Score]:
    """Return a score for each stratum, and for "all", of the entries of one kind."""
    result: dict[str, Score] = {"all": Score()}
    for case in cases:
        for stratum in (case.label.stratum, "all"):
            result.setdefault(stratum, Score()).add(case.label, case.bands, entries)
    return result


def confusion(cases: Iterable[Case], entries: frozenset[str]) -> dict[str, Counter[str]]:
    """Return label -> band -> actions, by the best band of any entry of one kind; "none" is no match of that kind."""
    table: dict[str, Counter[str]] = {}
    for case in cases:
        bands = {band for entry, band in case.bands.items() if entry in entries}
        best = next((band.value for band in BANDS if band in bands), "none")
        table.setdefault(case.label.verdict.value, Counter())[best] += 1
    return table


def misses(cases: Iterable[Case], entries: frozenset[str]) -> Iterator[tuple[str, str, Case]]:
    """Yield each pair published wrongly, not found, or found only for review, as (what, entry id, action)."""
    for case in cases:
        for entry in sorted(entries & (set(case.bands) | case.label.subjects)):
            score = Score()
            score.add(case.label, {entry: case.bands[entry]} if entry in case.bands else {}, entries)
            needed = entry in case.label.subjects
            if score.wrong:
                yield "WRONG", entry, case
            elif needed and case.label.verdict in MUST_BE_FOUND and entry not in found_subjects(case.label, case.bands):
                yield "MISSED", entry, case
            elif needed and case.label.verdict is Verdict.PUBLISH and case.bands[entry] is not MatchBand.PUBLISHED:
                yield "REVIEW", entry, case
