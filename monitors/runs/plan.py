"""What a run asks for and over which days: interests from the watchlist, windows from the watermarks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from monitors.watchlist.model import Vendor
from monitors.watchlist.search_terms import (
    fewest_names,
    fewest_phrases,
    search_names,
    search_phrases,
    search_short_names,
)
from sources.base import DateWindow, SearchTerms
from sources.records import MatchedAward


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How far back polls look, in days.

    `signed` and `overlap` on every poll; `sweep`, for what arrives late, every `sweep_every` days. Measured on daily
    pulls of ICE and CBP actions (August 2026): of those seen for the first time one in seven was more than a week
    past its action date, one in fifteen over a month, the latest 289 days; DoD's arrive after 90.
    """

    signed: int = 120
    overlap: int = 14
    sweep: int = 400
    sweep_every: int = 7


def interest_in(vendors: Iterable[Vendor], held: Mapping[str, tuple[MatchedAward, ...]] | None = None) -> SearchTerms:
    """Return what to ask a source about vendors and about awards that are already stored."""
    vendors = tuple(vendors)
    return SearchTerms(
        names=fewest_names(name for vendor in vendors for name in search_names(vendor)),
        short_names=tuple(sorted({name for vendor in vendors for name in search_short_names(vendor)})),
        ueis=tuple(sorted({uei for vendor in vendors for uei in vendor.ueis})),
        phrases=fewest_phrases(phrase for vendor in vendors for phrase in search_phrases(vendor)),
        stored=held or {},
    )


def poll_window(until: date, watermark: date | None, last_sweep: date | None, reach: Reach) -> DateWindow:
    """Return the days a poll covers, however long the program was away."""
    seen_until = watermark or until
    signed = min(until - timedelta(days=reach.signed), seen_until - timedelta(days=reach.overlap))
    # A sweep in the future was noted by a clock that was wrong.
    sweeping = last_sweep is None or not 0 <= (until - last_sweep).days < reach.sweep_every
    acted = min(until - timedelta(days=reach.sweep), seen_until - timedelta(days=reach.overlap))
    return DateWindow(
        until=until,
        signed_since=signed,
        modified_since=min(until, seen_until) - timedelta(days=reach.overlap),
        acted_since=acted if sweeping else None,
        overlap=timedelta(days=reach.overlap),
    )


def digest(parts: Sequence[object]) -> str:
    """Return twelve hex digits that stand for a plan: another plan has others."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
