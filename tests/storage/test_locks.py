"""Locks between processes: no other process gets one until its holder releases it or dies."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from storage.database import Database
from tests.processes import Process
from tests.storage.database_helpers import start_process

HOLD = """
import sys
from storage.database import open_database
with open_database(sys.argv[1]).try_lock(sys.argv[2]) as is_locked:
    print("locked" if is_locked else "taken", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(url: str, name: str = "usaspending") -> Iterator[Process]:
    """Give another process that takes a lock and then waits for a line; killed at the end."""
    with start_process(HOLD, url, name) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process: Process) -> str:
    """Return the line that the other process printed."""
    line = process.stdout.readline().strip()
    return line or process.stderr.read()


def gets(database: Database, name: str, within: float) -> bool:
    """Return whether a lock can be taken within so many seconds."""
    until = time.monotonic() + within
    while True:
        with database.try_lock(name) as is_locked:
            if is_locked or time.monotonic() > until:
                return is_locked
        time.sleep(0.01)


def test_a_second_process_does_not_get_the_lock(database: Database, database_url: str) -> None:
    with database.try_lock("usaspending") as is_locked, holder(database_url) as other:
        assert is_locked
        assert answer(other) == "taken"
    assert gets(database, "usaspending", within=0)


def test_a_lock_of_another_name_is_free(database: Database, database_url: str) -> None:
    with database.try_lock("usaspending"), holder(database_url, "sam") as other:
        assert answer(other) == "locked"


def test_a_killed_process_releases_its_lock(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "locked"
        with database.try_lock("usaspending") as is_locked:
            assert not is_locked
        other.send_signal(signal.SIGKILL)
        assert other.wait(timeout=10) == -signal.SIGKILL
        assert gets(database, "usaspending", within=5)


def test_a_lock_is_released_at_the_end_of_its_block(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "locked"
        other.communicate("done\n", timeout=30)
        assert other.returncode == 0
        assert gets(database, "usaspending", within=5)


def test_a_lock_is_released_by_an_exception(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.try_lock("usaspending"):
        raise ZeroDivisionError
    assert gets(database, "usaspending", within=0)


def test_a_lock_can_be_taken_repeatedly(database: Database) -> None:
    for _ in range(20):
        with database.try_lock("usaspending") as is_locked:
            assert is_locked


def test_a_refused_process_does_not_release_the_lock(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "locked"
        for _ in range(3):
            with database.try_lock("usaspending") as is_locked:
                assert not is_locked
        assert other.poll() is None


def test_a_lock_does_not_block_reading_and_writing(database: Database) -> None:
    with database.try_lock("usaspending"), database.writing() as session:
        session.connection()
    with database.try_lock("usaspending"), database.try_lock("sam") as other:
        assert other
