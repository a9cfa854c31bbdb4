"""A meter for tests: so many requests, counted in memory."""

from __future__ import annotations

from datetime import UTC, datetime

from sources.errors import QuotaUsedUp

MIDNIGHT = datetime(2026, 1, 2, tzinfo=UTC)


class CountingQuota:
    """Counts down from `requests_per_day`; `spent` names what was asked."""

    def __init__(self, requests_per_day: int) -> None:
        self.spent: list[str] = []
        self._left = requests_per_day

    def consume(self, source: str, request: str) -> None:
        """Count one request; refuse it when there is none left."""
        if self._left <= 0:
            raise QuotaUsedUp(source, request, "all requests of today are used", retry_at=MIDNIGHT)
        self._left -= 1
        self.spent.append(request)

    def remaining(self) -> int:
        """Return what is left."""
        return self._left

    def exhaust(self) -> datetime:
        """Leave nothing."""
        self._left = 0
        return MIDNIGHT
