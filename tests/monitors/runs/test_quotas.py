"""The ledger of requests per key and day: exactly as many as the quota allows."""

from __future__ import annotations

import pytest

from monitors.runs.quotas import QuotaLedger, tomorrow
from sources.errors import QuotaUsedUp
from storage.database import Database


def ledger(database: Database, key: str = "first", name: str = "sam.gov") -> QuotaLedger:
    return QuotaLedger(database=database, name=name, requests_per_day=3, key=key)


def test_the_quota_allows_its_number_of_requests_and_no_more(database: Database) -> None:
    quota = ledger(database)
    for remaining in (2, 1, 0):
        quota.consume("samnotices", "GET /")
        assert quota.remaining() == remaining
    with pytest.raises(QuotaUsedUp, match="all 3 requests of today's quota are used") as caught:
        quota.consume("samnotices", "GET /")
    assert caught.value.retry_at == tomorrow()
    assert quota.remaining() == 0


def test_each_key_and_each_quota_counts_for_itself(database: Database) -> None:
    for _ in range(3):
        ledger(database).consume("samnotices", "GET /")
    assert ledger(database).remaining() == 0
    assert ledger(database, key="second").remaining() == 3
    assert ledger(database, name="other").remaining() == 3


def test_a_quota_that_the_source_calls_exhausted_allows_nothing(database: Database) -> None:
    quota = ledger(database)
    assert quota.exhaust() == tomorrow()
    assert quota.remaining() == 0
    with pytest.raises(QuotaUsedUp, match="no quota is left today"):
        quota.consume("samnotices", "GET /")
