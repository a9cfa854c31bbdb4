"""Count the requests of an API key per day, in the database, so that a restart does not lose the count."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from sqlalchemy.orm import Session

from sources.errors import QuotaUsedUp
from storage.database import Database, server_time
from storage.schema.tables import QuotaRow


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
            row = self._row(session)
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
            row = self._row(session)
        return 0 if row.exhausted else max(0, self.requests_per_day - row.used)

    def exhaust(self) -> datetime:
        """Allow no more requests until 00:00 UTC, which is returned, because the source says that none is left."""
        with self.database.writing() as session:
            row = self._row(session)
            row.exhausted = True
            session.add(row)
        return tomorrow()

    def _row(self, session: Session) -> QuotaRow:
        """Return today's row, a new one if there is none."""
        # A digest distinguishes keys without storing them.
        digest = hashlib.sha256(f"procurewatch {self.name} {self.key}".encode()).hexdigest()[:16]
        day = server_time(session).date()
        row = session.get(QuotaRow, (self.name, digest, day))
        return row or QuotaRow(name=self.name, key_digest=digest, day=day, used=0)


def tomorrow() -> datetime:
    """Return the next 00:00 UTC."""
    return datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time(), UTC)
