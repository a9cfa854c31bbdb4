"""Failures of USAspending that leave something behind: a long wait, a backfill cut off, no network at all."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import select
from sqlmodel import col

from procurewatch.context import AppContext
from sources.http.client import Timeouts
from storage.models import RunStatus
from storage.tables import RecordRow
from storage.writing.runs import checkpoint
from tests.app_context import app_context_for, backfill, dump, later, poll
from tests.upstreams.faults import Fault, FaultyUsaspending
from tests.upstreams.usaspending.corpus import CorpusAward, load_corpus

SEARCH, DETAIL, TRANSACTIONS = "search/spending_by_award/", "/awards/CONT", "/v2/transactions/"


@pytest.fixture(autouse=True)
def _haste() -> Iterator[None]:
    """Wait moments instead of seconds before another try: the same code, in a hurry."""
    hurried = Timeouts(tries=2, first_wait=0.01, max_retry_after=5)
    with patch("procurewatch.context.Timeouts", lambda tries: hurried):  # noqa: ARG005
        yield


@pytest.fixture
def corpus() -> list[CorpusAward]:
    """A few awards of each kind: enough for several batches."""
    return some_awards()


def some_awards() -> list[CorpusAward]:
    """Read them anew, since tests change them."""
    wanted = ("CLEARVIEW AI", "COBWEBS", "PANAMERICA")
    return [award for award in load_corpus() if any(name in (award.recipient_name or "") for name in wanted)]


def keys(app_context: AppContext) -> set[str]:
    """Return the keys of all stored awards."""
    with app_context.database.reading() as session:
        return set(session.scalars(select(col(RecordRow.key))))


@contextmanager
def polled(corpus: list[CorpusAward], folder: Path) -> Iterator[tuple[FaultyUsaspending, AppContext]]:
    """A fake server, and a desk that has its baseline and sees something new next time."""
    held_back = [award for award in corpus if "PANAMERICA" in (award.recipient_name or "")]
    others = [award for award in corpus if award not in held_back]
    with FaultyUsaspending(others) as upstream, app_context_for(upstream.base_url, folder) as app_context:
        assert poll(app_context).status is RunStatus.BASELINE_SEEDED
        with upstream.editing() as awards:
            awards.extend(held_back)
            for award in held_back:
                award.last_modified_date = later(1)
        yield upstream, app_context


def watermark(app_context: AppContext) -> str | None:
    """Return how far polls have come."""
    with app_context.database.reading() as session:
        return checkpoint(session, "usaspending", "poll/until")


def test_a_long_wait_is_noted_and_not_sat_out(corpus: list[CorpusAward], tmp_path: Path) -> None:
    with polled(corpus, tmp_path) as (upstream, app_context):
        upstream.play(Fault.TOO_MANY_HOUR)
        report = poll(app_context, later(2))
        assert report.status is RunStatus.QUOTA_USED_UP
        assert report.seconds < 600
        assert report.retry_at is not None
        with app_context.database.reading() as session:
            assert checkpoint(session, "usaspending", "not-before") == report.retry_at.isoformat()


def test_a_backfill_goes_on_after_a_failure(corpus: list[CorpusAward], tmp_path: Path) -> None:
    with FaultyUsaspending(corpus) as upstream:
        with app_context_for(upstream.base_url, tmp_path / "undisturbed") as app_context:
            backfill(app_context, "magnet-forensics")
            wanted = dump(app_context.database)
        with app_context_for(upstream.base_url, tmp_path / "disturbed") as app_context:
            for number in range(1, 6):
                upstream.play(Fault.UNAVAILABLE, on="/v2/", after=3 * number)
                failed = backfill(app_context, "magnet-forensics")
                upstream.heal()
                assert failed.status is RunStatus.UNREACHABLE
            assert backfill(app_context, "magnet-forensics").status in (RunStatus.NEW, RunStatus.NOTHING_NEW)
            assert dump(app_context.database) == wanted


def test_a_backfill_reads_again_what_it_could_not_read(corpus: list[CorpusAward], tmp_path: Path) -> None:
    with FaultyUsaspending(corpus) as upstream:
        with app_context_for(upstream.base_url, tmp_path / "undisturbed") as app_context:
            backfill(app_context, "magnet-forensics")
            wanted = keys(app_context)
        with app_context_for(upstream.base_url, tmp_path / "disturbed") as app_context:
            upstream.play(Fault.TRUNCATED_JSON, on=DETAIL)
            failed = backfill(app_context, "magnet-forensics")
            assert (failed.status, keys(app_context)) == (RunStatus.SOURCE_CHANGED, set())
            upstream.heal()
            assert backfill(app_context, "magnet-forensics").status is RunStatus.NEW
            assert keys(app_context) == wanted
            assert all(row[-1] is not None for row in dump(app_context.database, moments=True)["quarantine"]), (
                "all solved"
            )


def test_an_unreachable_network_changes_nothing(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with app_context_for(address, tmp_path) as app_context:
            empty = dump(app_context.database)
            report = poll(app_context)
            assert report.status is RunStatus.UNREACHABLE
            assert dump(app_context.database) == empty
