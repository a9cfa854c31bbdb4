"""Which contracts were read completely, in sentences: what a page, a feed or a file can be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from feeds.text import format_count, format_date
from storage.reading.coverage import FIRST_DAY, Coverage, ReadPeriod

MAX_LINES = 6
NOTHING_READ = "no period has been read completely, so contracts may be missing"


def coverage_lines(found: Sequence[Coverage], agencies: Mapping[str, str]) -> list[str]:
    """Return one sentence for each part of what was read.

    Args:
        found: what was read of the watchlist entries that a page is about (`storage.reading.coverage.coverage_of`).
        agencies: the names of departments by code.
    """
    total = sum(each.entries for each in found if not each.agency)
    others = "other agencies" if any(each.agency for each in found) else ""
    shown = sorted(found[:MAX_LINES], key=lambda each: each.period is None)
    return [_line(each, total, agencies.get(each.agency) or each.agency, others) for each in shown]


def _line(coverage: Coverage, total: int, agency: str, others: str) -> str:
    where = agency if coverage.period else others
    whose = (
        f"for {format_count(coverage.entries)} of {format_count(total)} watchlist entries"
        if coverage.entries != total
        else ""
    )
    start = " ".join(part for part in (where and f"{where},", whose) if part).rstrip(",")
    said = _period(coverage.period) if coverage.period else NOTHING_READ
    line = f"{start}: {said}" if start else said
    return f"{line[:1].upper()}{line[1:]}."


def _period(period: ReadPeriod) -> str:
    since, until = format_date(period.since), period.until and format_date(period.until)
    read = (
        f"all contracts from {since} to {until} have been read"
        if until
        else f"all contracts since {since} have been read"
    )
    if period.archive_until and period.archive_until == period.until:
        read += ", from award archives"
    elif period.archive_until:
        archives = f"up to {format_date(period.archive_until)} from award archives"
        read += f", {archives}, later ones by polls" if period.until is None else f", {archives}"
    if period.until is not None:
        return f"{read}; later ones may be missing"
    return read if period.since <= FIRST_DAY else f"{read}; earlier ones are on record only if they changed later"
