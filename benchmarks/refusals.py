"""Whether the matcher sees every name that a plain comparison with all watch names finds, and why it refuses some."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from benchmarks.methods import core
from monitors.bulk import BulkMatcher
from monitors.matcher import Matcher
from monitors.names import COMMON_WORDS, LEGAL_FORMS, is_common, parse_names
from monitors.signals import CLOSE_ENOUGH
from monitors.vendor import Kind, Watchlist


@dataclass
class Comparison:
    """What `process.extract` finds at the matcher's own scorer and cut-off, and what became of it."""

    names: int
    hits: int = 0
    found: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    missed: list[str] = field(default_factory=list)


def compare(values: Sequence[str], watchlist: Watchlist) -> Comparison:
    """Compare every value with every watch name and look up what the matcher says to each hit.

    A hit is (value, vendor): token_sort_ratio of the two normalised names without legal form is at least the cut-off.
    """
    owners: dict[str, set[str]] = defaultdict(set)
    for vendor in watchlist.vendors:
        for name in vendor.names if vendor.kind is Kind.VENDOR else ():
            owners[core(name)].add(vendor.id)
    known = sorted(owners)
    found = BulkMatcher(Matcher(watchlist)).names(values)
    comparison = Comparison(names=len(values))
    for value in values:
        near = process.extract(core(value), known, scorer=fuzz.token_sort_ratio, score_cutoff=CLOSE_ENOUGH, limit=None)
        reasons: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for watched, _, _ in near:
            for vendor_id in owners[watched]:
                reasons[vendor_id].append((guard(watched, value), watched))
        named = {finding.vendor_id for finding in found.get(value, ())}
        for vendor_id, given in reasons.items():
            comparison.hits += 1
            _settle(comparison, value, given, found=vendor_id in named)
    return comparison


def _settle(comparison: Comparison, value: str, given: list[tuple[str, str]], *, found: bool) -> None:
    if found:
        comparison.found += 1
    elif all(reason for reason, _ in given):
        reason, watched = given[0]
        comparison.refused[reason] += 1
        comparison.examples[reason].append(f"{value} ~ {watched}")
    else:
        comparison.missed.extend(f"{value} ~ {watched}" for reason, watched in given if not reason)


def guard(watched: str, value: str) -> str:
    """Return the guard that refuses a value as a misspelling of a watch name, "" if none does."""
    return next(_guards(watched, value), "")


def _guards(watched: str, value: str) -> Iterator[str]:
    """Yield every guard that refuses, told from the two names alone: no index, no candidates."""
    if len(parse_names(value)) != 1:
        yield "D/B/A: each of its names is compared, not the whole"
    mine, theirs = watched.split(), core(value).split()
    rare = [word for word in mine if word not in COMMON_WORDS and word not in LEGAL_FORMS]
    if is_common(watched) or not rare:
        yield "watch name of common words only"
    if len("".join(LEGAL_FORMS.get(word, word) for word in mine)) < 6:
        yield "watch name of less than six letters"
    if not any(_firm(word, theirs) for word in rare):
        yield "no rare word in common, give or take a slip in a long one"
    if re.findall(r"\d+", watched) != re.findall(r"\d+", core(value)):
        yield "another number"
    if any(all(OSA.distance(word, other) > max(1, len(word) // 6) for other in theirs) for word in rare):
        yield "a rare word has no counterpart"
    if len(mine) == 1 and (watched in core(value) or core(value) in watched):
        yield "a single word with more or less letters at an end"


def _firm(word: str, theirs: list[str]) -> bool:
    if word in theirs:
        return True
    uncommon = [other for other in theirs if other not in COMMON_WORDS and other not in LEGAL_FORMS]
    return len(word) >= 6 and any(OSA.distance(word, other) <= 1 for other in uncommon)
