"""Preview what a new watchlist entry would match among stored records, before it is saved."""

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
    """The matches of one entry: counts by band and by month signed ("2024-09"), and the first few of each band."""

    vendor: Vendor
    bands: Counter[str] = field(default_factory=Counter)
    months: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[Award | Publication, Match]] = field(default_factory=list)

    @property
    def total(self) -> int:
        """The number of records that match."""
        return self.bands.total()


@dataclass(slots=True)
class Span:
    """The number of records read, and their first and last months signed."""

    records: int = 0
    first: str = ""
    last: str = ""

    @property
    def months(self) -> int:
        """The number of months from first to last, inclusive; 0 if no record has a date."""
        if not self.first:
            return 0
        years, months = (int(self.last[part]) - int(self.first[part]) for part in (slice(0, 4), slice(5, 7)))
        return years * 12 + months + 1


def preview(
    vendors: Iterable[Vendor], records: Iterable[Award | Publication], examples: int
) -> tuple[list[Preview], Span]:
    """Match records against these entries alone, with at most so many examples of each entry and band."""
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


def describe(shown: Preview, span: Span) -> str:
    """Return a preview as one sentence."""
    published = shown.bands[MatchBand.PUBLISHED.value]
    among = f"of {span.records} stored records" + (f" ({span.first} to {span.last})" if span.first else "")
    if not shown.total:
        return f"{shown.vendor.name}: matches none {among}"
    name_only = shown.bands[MatchBand.NAME_ONLY.value]
    by_name = f", {name_only} by the name only" if name_only else ""
    rate = f", {shown.total / span.months:.1f} a month" if span.months else ""
    most, count = min(shown.months.items(), key=lambda each: (-each[1], each[0]), default=("", 0))
    peak = f", most in {most} ({count})" if most and shown.total > 1 else ""
    return (
        f"{shown.vendor.name}: would match {shown.total} {among}: {published} published, "
        f"{shown.bands[MatchBand.REVIEW.value]} for review{by_name}{rate}{peak}"
    )
