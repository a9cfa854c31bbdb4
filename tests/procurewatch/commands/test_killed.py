"""A backfill that is killed at any moment and run again ends with the database of one that was not."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from storage.database import open_database
from tests.app_context import Dump, dump
from tests.commands import run, start
from tests.upstreams.faults import Fault, FaultyUsaspending
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

KILLS = 4
BACKFILL = ("backfill", "Magnet Forensics", "--since", "2020-10-01")


def dump_of(folder: Path, url: str | None = None) -> Dump:
    """Return what a database holds."""
    database = open_database(url or f"sqlite:///{folder / 'procurewatch.sqlite3'}")
    try:
        return dump(database)
    finally:
        database.close()


@pytest.mark.timeout(600)
def test_sigkill_at_random_moments_loses_nothing(tmp_path: Path) -> None:
    chance = random.Random(20241001)
    with FakeUsaspending(load_corpus()) as upstream:
        assert run(tmp_path / "undisturbed", *BACKFILL, base_url=upstream.base_url).returncode == 0
        wanted, requests = dump_of(tmp_path / "undisturbed"), len(upstream.requests)
        killed, folders = 0, [tmp_path / "disturbed-0"]
        while killed < KILLS:
            upstream.requests.clear()
            moment = chance.randrange(requests)
            with start(folders[-1], *BACKFILL, base_url=upstream.base_url) as process:
                while len(upstream.requests) < moment and process.poll() is None:
                    time.sleep(0.001)
                time.sleep(chance.uniform(0, 0.02))
                process.kill()
                process.communicate()
            if process.returncode == -signal.SIGKILL:
                killed += 1
            else:  # it had less left to do than that, and came to its end: begin another
                folders.append(tmp_path / f"disturbed-{len(folders)}")
        for folder in folders:
            last = run(folder, *BACKFILL, base_url=upstream.base_url)
            assert last.returncode == 0, last.stderr
            assert dump_of(folder) == wanted, folder


@pytest.mark.timeout(600)
def test_sigkill_between_requests_loses_nothing(tmp_path: Path) -> None:
    """Killed while it waits for an answer, at one request after another: every place a run can be cut at."""
    with FaultyUsaspending(load_corpus()) as upstream:
        assert run(tmp_path / "undisturbed", *BACKFILL, base_url=upstream.base_url).returncode == 0
        wanted = dump_of(tmp_path / "undisturbed")
        requests = len(upstream.requests)
        folder = tmp_path / "disturbed"
        for number in range(requests // 5, requests, requests // 5):
            upstream.drip_seconds = 5
            upstream.requests.clear()
            upstream.play(Fault.SLOW_DRIP, after=number // 2)
            with start(folder, *BACKFILL, base_url=upstream.base_url) as process:
                deadline = time.monotonic() + 20
                while len(upstream.requests) <= number // 2 and process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.02)
                process.kill()
                process.communicate()
            upstream.heal()
        assert run(folder, *BACKFILL, base_url=upstream.base_url).returncode == 0
        assert dump_of(folder) == wanted


def test_sigterm_ends_a_backfill_cleanly(tmp_path: Path) -> None:
    with FaultyUsaspending(load_corpus()) as upstream:
        with start(tmp_path, *BACKFILL, base_url=upstream.base_url) as process:
            while len(upstream.requests) < 30 and process.poll() is None:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert err.strip().splitlines()[-1].startswith("procurewatch: stopped: stopped on request")
        assert run(tmp_path, *BACKFILL, base_url=upstream.base_url).returncode == 0
