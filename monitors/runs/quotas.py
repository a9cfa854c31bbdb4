"""Count the requests of an API key per day, in the database, so that a restart does not lose the count."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sources.errors import QuotaUsedUp
from storage.database import Database
from storage.tables import QuotaRow


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLedger:
    """The requests of one key under one quota (`sources.http.client.Meter`). A day is UTC's, as the quota's is."""

    database: Database
    name: str
    requests_per_day: int
    key: str

    def consume(self, source: str, request: str) -> None:
        """Count one request before it is sent. Raises `QuotaUsedUp` if none is left."""
        with self.database.writing() as session:
            row = session.get(QuotaRow, self._today) or QuotaRow(
                name=self.name, key_digest=self._today[1], day=self._today[2], used=0
            )
            if not row.exhausted and row.used < self.requests_per_day:
                row.used += 1
                session.add(row)
                return
        why = (
            f"all {self.requests_per_day} requests of today's quota are used"
            if not row.exhausted
            else "no quota is left today"
        )
        raise QuotaUsedUp(source, request, why, retry_at=tomorrow())

    def remaining(self) -> int:
        """Return how many requests are left until 00:00 UTC."""
        with self.database.reading() as session:
            row = session.get(QuotaRow, self._today)
        if row is None:
            return self.requests_per_day
        return 0 if row.exhausted else max(0, self.requests_per_day - row.used)

    def exhaust(self) -> datetime:
        """Allow no more requests until 00:00 UTC, which is returned, because the source says that none is left."""
        with self.database.writing() as session:
            row = session.get(QuotaRow, self._today) or QuotaRow(
                name=self.name, key_digest=self._today[1], day=self._today[2], used=0
            )
            row.exhausted = True
            session.add(row)
        return tomorrow()

    @property
    def _today(self) -> tuple[str, str, date]:
        # A digest distinguishes keys without storing them.
        digest = hashlib.sha256(f"procurewatch {self.name} {self.key}".encode()).hexdigest()[:16]
        return self.name, digest, datetime.now(UTC).date()


def tomorrow() -> datetime:
    """Return the next 00:00 UTC."""
    return datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time(), UTC)
