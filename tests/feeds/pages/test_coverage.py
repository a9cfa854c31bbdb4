"""Which contracts were read completely, in sentences."""

from __future__ import annotations

from datetime import date

import pytest

from feeds.pages.coverage import coverage_lines
from storage.reading.coverage import FIRST_DAY, Coverage, ReadPeriod

OCTOBER, SEPTEMBER = date(2020, 10, 1), date(2026, 9, 30)


def read(since: date, until: date | None = None, archive_until: date | None = None) -> ReadPeriod:
    return ReadPeriod(since=since, until=until, archive_until=archive_until)


@pytest.mark.parametrize(
    ("period", "line"),
    [
        (None, "No period has been read completely, so contracts may be missing."),
        (read(FIRST_DAY), "All contracts since 2007-10-01 have been read."),
        (
            read(FIRST_DAY, archive_until=SEPTEMBER),
            "All contracts since 2007-10-01 have been read, up to 2026-09-30 from award archives, later ones by polls.",
        ),
        (
            read(OCTOBER),
            "All contracts since 2020-10-01 have been read; earlier ones are on record only if they changed later.",
        ),
        (
            read(OCTOBER, SEPTEMBER, SEPTEMBER),
            "All contracts from 2020-10-01 to 2026-09-30 have been read, from award archives;"
            " later ones may be missing.",
        ),
    ],
)
def test_the_period_of_one_vendor(period: ReadPeriod | None, line: str) -> None:
    assert coverage_lines([Coverage(agency="", period=period, entries=1)], {}) == [line]


def test_the_periods_of_several_entries_and_of_departments() -> None:
    found = [
        Coverage(agency="", period=read(FIRST_DAY), entries=12),
        Coverage(agency="", period=None, entries=1_368),
        Coverage(agency="070", period=read(FIRST_DAY, SEPTEMBER), entries=1_380),
        Coverage(agency="097", period=read(OCTOBER, SEPTEMBER), entries=1),
    ]
    assert coverage_lines(found, {"070": "Department of Homeland Security"}) == [
        "For 12 of 1,380 watchlist entries: all contracts since 2007-10-01 have been read.",
        "Department of Homeland Security: all contracts from 2007-10-01 to 2026-09-30 have been read; later ones may be"
        " missing.",
        "097, for 1 of 1,380 watchlist entries: all contracts from 2020-10-01 to 2026-09-30 have been read; later ones"
        " may be missing.",
        "Other agencies, for 1,368 of 1,380 watchlist entries: no period has been read completely, so contracts may be"
        " missing.",
    ]
