"""Which days of signing can be true. Sources hold placeholders (0001-01-01, 9999-12-31) and slips (2062 for 2026).

Such a day stays stored and is shown with a warning, but nothing is sorted, charted or reckoned by it.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TypeGuard

EARLIEST = date(1940, 1, 1)
LATEST = timedelta(days=366)  # from now: awards are recorded before they take effect


def is_possible(day: date | None) -> TypeGuard[date]:
    """Return whether something can have been signed on a day; `False` without a day."""
    return day is not None and EARLIEST <= day <= datetime.now(UTC).date() + LATEST
