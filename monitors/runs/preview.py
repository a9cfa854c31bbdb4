"""What an entry would match in what is stored, before it is saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from monitors.matching.matcher import Match, Matcher
from monitors.watchlist.model import Vendor, Watchlist
from sources.records import Award, Publication
from storage.models import MatchBand


@dataclass(slots=True, kw_only=True)
class Preview:
    """What one entry would match: records by band, by month of signing ("2024-09"), and the first few of each band."""

    vendor: Vendor
    bands: Counter[str] = field(default_factory=Counter)
    months: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[Award | Publication, Match]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many records would match."""
        return self.bands.total()


@dataclass(slots=True)
class Span:
    """How many records were looked at, and the months of their signing, first to last."""

    records: int = 0
    first: str = ""
    last: str = ""

    @property
    def months(self) -> int:
        """How many months the awards span, both ends counted; 0 when none is dated."""
        if not self.first:
            return 0
        years, months = (int(self.last[part]) - int(self.first[part]) for part in (slice(0, 4), slice(5, 7)))
        return years * 12 + months + 1


def preview(
    vendors: Iterable[Vendor], records: Iterable[Award | Publication], examples: int
) -> tuple[list[Preview], Span]:
    """Match awards against these entries alone; keep so many examples of each entry and band."""
    previews = {vendor.id: Preview(vendor=vendor) for vendor in vendors}
    matcher = Matcher(Watchlist(tuple(shown.vendor for shown in previews.values())))
    span = Span()
    for record in records:
        month = f"{record.signed:%Y-%m}" if record.signed else ""
        span.records += 1
        if month:
            span.first, span.last = min(span.first or month, month), max(span.last, month)
        for match in matcher.matches(record):
            _count(previews[match.vendor_id], record, match, month, examples)
    return list(previews.values()), span


def _count(shown: Preview, record: Award | Publication, match: Match, month: str, examples: int) -> None:
    if shown.bands[match.band.value] < examples:
        shown.examples.append((record, match))
    shown.bands[match.band.value] += 1
    if month:
        shown.months[month] += 1


def in_words(shown: Preview, span: Span) -> str:
    """Return a preview as one sentence."""
    told = shown.bands[MatchBand.PUBLISHED.value]
    looked = f"of {span.records} stored records" + (f" ({span.first} to {span.last})" if span.first else "")
    if not shown.total:
        return f"{shown.vendor.name}: matches none {looked}"
    rate = f", {shown.total / span.months:.1f} a month" if span.months else ""
    most, count = min(shown.months.items(), key=lambda each: (-each[1], each[0]), default=("", 0))
    peak = f", most in {most} ({count})" if most and shown.total > 1 else ""
    return (
        f"{shown.vendor.name}: would match {shown.total} {looked}: {told} published, {shown.total - told} for review"
        f"{rate}{peak}"
    )
