"""The page that says what was read completely: by source, department and fiscal year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from feeds.text import format_count
from storage.possible_days import fiscal_year_days, fiscal_year_of
from storage.reading.coverage import ReadPeriod, SourceCoverage

ALL = ""  # the code of all departments together
NONE, PARTLY = "no", "partly"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """A source: its title, its first and last good poll (UTC), its newest record, its problem and its delay."""

    title: str
    first_good: datetime | None
    last_good: datetime | None
    newest: date | None
    problem: str
    delay: str


@dataclass(frozen=True, slots=True, kw_only=True)
class YearRow:
    """A fiscal year: for each department, of how many watchlist entries all of its contracts were read."""

    year: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRow:
    """Award archives of one kind and department, the fiscal years that were read completely, and when last (UTC)."""

    kind: str
    agency: str
    years: str
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageView:
    """What the page shows. `agencies` are the departments of the columns of `years`, "" for all."""

    sources: Sequence[SourceRow]
    agencies: Sequence[str]
    years: Sequence[YearRow]
    entries: int
    by_source: Sequence[SourceCoverage]
    archives: Sequence[ArchiveRow]


def year_rows(
    periods: Iterable[tuple[str, str, ReadPeriod]], agencies: Sequence[str], entries: Collection[str], today: date
) -> list[YearRow]:
    """Return the fiscal years since the first of which something was read, newest first.

    Args:
        periods: entry, department and days that were read completely, as `storage.reading.coverage.list_periods`.
    """
    of_agency: dict[str, dict[str, list[ReadPeriod]]] = defaultdict(lambda: defaultdict(list))
    for entry, code, period in periods:
        of_agency[code][entry].append(period)
    starts = [period.since for read in of_agency.values() for found in read.values() for period in found]
    if not starts:
        return []
    years = range(fiscal_year_of(today), fiscal_year_of(min(starts)) - 1, -1)
    return [
        YearRow(year=year, cells=tuple(_cell(of_agency[code], len(entries), year, today) for code in agencies))
        for year in years
    ]


def _cell(read: Mapping[str, Sequence[ReadPeriod]], entries: int, year: int, today: date) -> str:
    first, last = fiscal_year_days(year)
    last = min(last, today)
    whole = sum(any(each.since <= first and _reaches(each, last) for each in found) for found in read.values())
    if whole:
        return "all" if whole == entries else f"{format_count(whole)} of {format_count(entries)}"
    is_partly = any(each.since <= last and _reaches(each, first) for found in read.values() for each in found)
    return PARTLY if is_partly else NONE


def _reaches(period: ReadPeriod, day: date) -> bool:
    return period.until is None or period.until >= day


def year_ranges(years: Iterable[int]) -> str:
    """Return fiscal years as ranges: 2008-2011, 2024."""
    ranges: list[list[int]] = []
    for year in sorted(set(years)):
        if ranges and ranges[-1][-1] == year - 1:
            ranges[-1] = [ranges[-1][0], year]
        else:
            ranges.append([year])
    return ", ".join("-".join(map(str, dict.fromkeys(each))) for each in ranges)
