"""Which days of signing can be true. Sources hold placeholders (0001-01-01, 9999-12-31) and slips (2062 for 2026).

Such a day stays stored and is shown with a warning, but nothing is sorted, charted or reckoned by it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TypeGuard

_EARLIEST = date(1940, 1, 1)
_LATEST = timedelta(days=366)  # from now: awards are recorded before they take effect
_LATEST_END = timedelta(days=100 * 366)  # from now: leases and energy contracts run for decades


def possible_days() -> tuple[date, date]:
    """Return the first and the last day on which something can have been signed."""
    return _EARLIEST, datetime.now(UTC).date() + _LATEST


def is_possible(day: date | None) -> TypeGuard[date]:
    """Return whether something can have been signed on a day; `False` without a day."""
    first, last = possible_days()
    return day is not None and first <= day <= last


def is_possible_end(day: date | None) -> TypeGuard[date]:
    """Return whether a period can begin or end on a day; `False` without a day."""
    return day is not None and _EARLIEST <= day <= datetime.now(UTC).date() + _LATEST_END


def fiscal_year_days(year: int) -> tuple[date, date]:
    """Return the first and the last day of a fiscal year."""
    return date(year - 1, 10, 1), date(year, 9, 30)


def fiscal_year_of(day: date) -> int:
    """Return the fiscal year of the US government that a day is in: 2024 began on 2023-10-01."""
    return day.year + (day.month >= 10)
