"""When a source is due, which process may poll it, and how many requests it may make."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from feeds.entries.source_health import health_line
from monitors.runs.quotas import QuotaLedger, tomorrow
from monitors.runs.schedule import FIRST_RETRY, STEP_RETRY, due_at, keep_running, poll_when_due
from sources.errors import QuotaUsedUp
from storage.database import Database
from storage.models import RunStatus
from storage.reading.source_health import NOT_BEFORE, load_health
from storage.schema.tables import RunRow
from storage.writing.runs import save_checkpoint, save_failed_step

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVERY = timedelta(hours=6)


def note_run(database: Database, status: str, started: datetime, ended: datetime | None) -> None:
    """Write down a poll that ended so."""
    with database.writing() as session:
        session.add(RunRow(source="usaspending", purpose="poll", started=started, ended=ended, status=status))


def test_a_source_never_polled_is_due(database: Database) -> None:
    assert due_at(database, "usaspending", EVERY, NOON) == NOON


@pytest.mark.parametrize("status", RunStatus)
def test_due_after_a_run(status: RunStatus, database: Database) -> None:
    note_run(database, status.value, NOON, NOON + timedelta(minutes=10))
    ended = NOON + timedelta(minutes=10)
    failed = ended + (STEP_RETRY if status is RunStatus.INCOMPLETE else FIRST_RETRY)
    wanted = NOON + EVERY if status.is_good else failed
    assert due_at(database, "usaspending", EVERY, NOON + timedelta(minutes=11)) == wanted


def test_a_run_that_was_killed_is_tried_again_soon(database: Database) -> None:
    note_run(database, "", NOON, None)
    assert due_at(database, "usaspending", EVERY, NOON) == NOON + FIRST_RETRY


def test_not_before_the_source_itself_says(database: Database) -> None:
    later = NOON + timedelta(hours=20)
    note_run(database, RunStatus.QUOTA_USED_UP.value, NOON, NOON)
    with database.writing() as session:
        save_checkpoint(session, "usaspending", NOT_BEFORE, later.isoformat(), NOON)
    assert due_at(database, "usaspending", EVERY, NOON) == later


def test_a_wait_that_a_source_has_asked_for_is_shown_while_it_lasts(database: Database) -> None:
    now = datetime.now(UTC)
    for wait, shown in ((timedelta(hours=20), True), (timedelta(hours=-1), False), (timedelta(days=40), False)):
        note_run(database, RunStatus.QUOTA_USED_UP.value, now, now)
        with database.writing() as session:
            save_checkpoint(session, "usaspending", NOT_BEFORE, (now + wait).isoformat(), now)
        with database.reading() as session:
            health = load_health(session, "usaspending")
        assert health.waits_until == (now + wait if shown else None)
        line = health_line([health], {"usaspending": "USAspending"})
        until = f"{now + wait:%Y-%m-%d %H:%M} UTC"
        assert (f"USAspending has asked for no request before {until}." in line) is shown


def test_steps_that_keep_failing_are_tried_less_often(database: Database) -> None:
    note_run(database, RunStatus.INCOMPLETE.value, NOON, NOON)
    waits = []
    for _ in range(8):
        with database.writing() as session:
            save_failed_step(
                session,
                "usaspending",
                "names",
                part="names",
                query={},
                days=(None, None),
                quiet_for=(),
                reason="HTTP 503",
                now=NOON,
            )
        waits.append((due_at(database, "usaspending", EVERY, NOON) - NOON) // timedelta(hours=1))
    assert waits == [1, 2, 3, 4, 5, 6, 6, 6]


def test_a_clock_that_was_a_year_ahead_keeps_nothing_waiting(database: Database) -> None:
    ahead = NOON + timedelta(days=365)
    note_run(database, RunStatus.NEW.value, ahead, ahead)
    with database.writing() as session:
        save_checkpoint(session, "usaspending", NOT_BEFORE, (ahead + timedelta(hours=1)).isoformat(), ahead)
    assert due_at(database, "usaspending", EVERY, NOON) == NOON
    note_run(database, RunStatus.NEW.value, NOON, NOON)
    assert due_at(database, "usaspending", EVERY, NOON) == NOON + EVERY
    with database.reading() as session:
        assert load_health(session, "usaspending").last_run == NOON


def test_nobody_polls_a_claimed_source(database: Database) -> None:
    polled: list[str] = []

    def poll(source: str, claimed: Database) -> None:
        polled.append(source)
        claimed.check_claim()

    with database.claim("usaspending"):
        other: list[bool] = []
        thread = threading.Thread(
            target=lambda: other.append(poll_when_due(database, "usaspending", EVERY, poll, NOON))
        )
        thread.start()
        thread.join()
    assert (other, polled) == ([False], [])
    assert poll_when_due(database, "usaspending", EVERY, poll, NOON)
    assert polled == ["usaspending"]


def test_jobs_are_called_at_every_tick_until_stopped(database: Database) -> None:
    stop, polls = threading.Event(), []

    def poll(source: str, claimed: Database) -> None:
        polls.append(source)
        now = datetime.now(UTC)
        note_run(claimed, RunStatus.NOTHING_NEW.value, now, now)
        if len(polls) == 3:
            stop.set()

    def look() -> None:
        poll_when_due(database, "usaspending", timedelta(seconds=0.3), poll)

    began = time.monotonic()
    keep_running({"usaspending": look}, tick=timedelta(seconds=0.1), stop=stop)
    assert len(polls) == 3
    assert time.monotonic() - began >= 0.6


def test_a_job_that_fails_or_takes_long_does_not_hold_up_the_others() -> None:
    stop, may_end = threading.Event(), threading.Event()
    calls: list[str] = []

    def slow() -> None:
        calls.append("slow")
        may_end.wait()

    def fails() -> None:
        calls.append("fails")
        if calls.count("fails") == 5:
            stop.set()
            may_end.set()
        raise ValueError

    keep_running({"slow": slow, "fails": fails}, tick=timedelta(seconds=0.1), stop=stop)
    assert calls.count("slow") == 1, "it is not called again while it runs, and the end waits for it"
    assert calls.count("fails") == 5


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
