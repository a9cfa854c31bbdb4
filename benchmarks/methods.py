"""The ways to match that are timed against each other. Each is handed raw values and builds what it needs itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from rapidfuzz import fuzz, process

from monitors.bulk import BulkMatcher
from monitors.matcher import Matcher
from monitors.names import fold_text, normalise, peel
from monitors.phrases import vendor_terms
from monitors.signals import CLOSE_ENOUGH
from monitors.vendor import Kind, Vendor, Watchlist

Method = Callable[[Sequence[str], Watchlist], int]
_CHUNK = 5_000  # names compared at once with all watch names: a table of a few megabytes


def core(raw: str) -> str:
    """Return a name as all methods compare it: normalised, without its legal form."""
    return peel(normalise(raw))[0]


def cores(vendors: Sequence[Vendor]) -> list[str]:
    """Return the names of all vendors as they are compared, each once."""
    return sorted({core(name) for vendor in vendors if vendor.kind is Kind.VENDOR for name in vendor.names})


def names_bulk(values: Sequence[str], watchlist: Watchlist) -> int:
    """The matcher, many names at once."""
    return len(BulkMatcher(Matcher(watchlist), arrays=False).names(values))


def names_arrays(values: Sequence[str], watchlist: Watchlist) -> int:
    """The matcher, many names at once, with the extra `backfill`."""
    return len(BulkMatcher(Matcher(watchlist), arrays=True).names(values))


def names_singly(values: Sequence[str], watchlist: Watchlist) -> int:
    """The matcher, name by name."""
    index = Matcher(watchlist).indexes.names
    return sum(1 for value in values if index.find(value))


def names_extract(values: Sequence[str], watchlist: Watchlist) -> int:
    """(a) rapidfuzz.process.extract per name, with the scorer and the cut-off of the matcher's fuzzy rule."""
    known = cores(watchlist.vendors)
    scorer, cutoff = fuzz.token_sort_ratio, CLOSE_ENOUGH
    return sum(1 for value in values if process.extract(core(value), known, scorer=scorer, score_cutoff=cutoff))


def names_extract_default(values: Sequence[str], watchlist: Watchlist) -> int:
    """rapidfuzz.process.extract per name as it comes: its own scorer, WRatio."""
    known = cores(watchlist.vendors)
    return sum(1 for value in values if process.extract(core(value), known, score_cutoff=CLOSE_ENOUGH))


def names_cdist(values: Sequence[str], watchlist: Watchlist) -> int:
    """(b) rapidfuzz.process.cdist, a table of 5,000 names by all watch names at a time, one thread."""
    import numpy as np  # noqa: PLC0415 - needed by this rival only

    known = cores(watchlist.vendors)
    hits = 0
    for start in range(0, len(values), _CHUNK):
        chunk = [core(value) for value in values[start : start + _CHUNK]]
        scores = process.cdist(
            chunk, known, scorer=fuzz.token_sort_ratio, score_cutoff=CLOSE_ENOUGH, dtype=np.uint8, workers=1
        )
        hits += int(scores.any(axis=1).sum())
    return hits


def texts_bulk(values: Sequence[str], watchlist: Watchlist) -> int:
    """The matcher, many descriptions at once, core dependencies."""
    return len(BulkMatcher(Matcher(watchlist), arrays=False).texts(values))


def texts_arrays(values: Sequence[str], watchlist: Watchlist) -> int:
    """The matcher, many descriptions at once, with the extra `backfill`."""
    return len(BulkMatcher(Matcher(watchlist), arrays=True).texts(values))


def texts_singly(values: Sequence[str], watchlist: Watchlist) -> int:
    """The matcher, description by description."""
    indexes = Matcher(watchlist).indexes
    return sum(1 for value in values if indexes.phrases.find(value) or indexes.slips.find(value))


def _alternation(spellings: set[str], values: Sequence[str]) -> int:
    ordered = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, ordered))})\b")
    return sum(1 for value in values if pattern.search(fold_text(value)))


def texts_alternation(values: Sequence[str], watchlist: Watchlist) -> int:
    """(c) one compiled alternation of all spellings the matcher knows."""
    return _alternation(set(Matcher(watchlist).indexes.phrases.spellings), values)


def texts_alternation_as_written(values: Sequence[str], watchlist: Watchlist) -> int:
    """One compiled alternation of the phrases as listed; it misses GRAY-KEYS and PENLINKS."""
    return _alternation({fold_text(term.phrase) for v in watchlist.vendors for term in vendor_terms(v)}, values)


NAME_METHODS: dict[str, Method] = {
    "names: matcher, in bulk, core": names_bulk,
    "names: matcher, in bulk, backfill": names_arrays,
    "names: matcher, one by one": names_singly,
    "names: (a) extract, token_sort_ratio": names_extract,
    "names: (a) extract, default WRatio": names_extract_default,
    "names: (b) cdist, token_sort_ratio": names_cdist,
}
TEXT_METHODS: dict[str, Method] = {
    "texts: matcher, in bulk, core": texts_bulk,
    "texts: matcher, in bulk, backfill": texts_arrays,
    "texts: matcher, one by one": texts_singly,
    "texts: (c) re alternation, all spellings": texts_alternation,
    "texts: re alternation, as written only": texts_alternation_as_written,
}
# How many values the slow ones are given, spread evenly over all; their time is scaled up, and the table says so.
SAMPLES = {
    "names: matcher, one by one": 50_000,
    "names: (a) extract, token_sort_ratio": 10_000,
    "names: (a) extract, default WRatio": 2_000,
    "names: (b) cdist, token_sort_ratio": 100_000,
    "texts: matcher, one by one": 50_000,
    "texts: (c) re alternation, all spellings": 5_000,
    "texts: re alternation, as written only": 10_000,
}
