"""Claims between processes: only one holds a claim, until it releases it, dies, or is silent for too long."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from storage import claims
from storage.claims import AlreadyClaimed, ClaimLost
from storage.database import Database
from storage.schema.tables import ClaimRow
from storage.writing.runs import load_checkpoint, save_checkpoint
from tests.postgres import cut_off
from tests.processes import Process
from tests.records import SEEN
from tests.storage.database_helpers import start_process

# Claims a name, then does what each line says.
HOLD = """
import sys
from storage import claims, database
claims.RENEWAL_SECONDS = 0.1
database.MAX_SILENCE_SECONDS = 1
from storage.database import open_database, server_time
from storage.writing.runs import save_checkpoint
try:
    with open_database(sys.argv[1]).claim(sys.argv[2]) as claimed:
        print("claimed", flush=True)
        while said := sys.stdin.readline().strip():
            with claimed.writing() as session:
                save_checkpoint(session, "usaspending", "until", said, server_time(session))
                if said == "slowly":
                    print("writing", flush=True)
                    sys.stdin.readline()
            print("stored", flush=True)
except Exception as error:
    print(type(error).__name__, str(error), flush=True)
"""
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@contextmanager
def holder(url: str, name: str = "usaspending") -> Iterator[Process]:
    """Give another process that claims a name and waits for lines; killed at the end."""
    with start_process(HOLD, url, name) as process:
        try:
            yield process
        finally:
            process.kill()


def answer(process: Process) -> str:
    """Return the line that the other process printed."""
    line = process.stdout.readline().strip()
    return line or process.stderr.read()


def say(process: Process, line: str) -> None:
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def stored(database: Database) -> str | None:
    with database.reading() as session:
        return load_checkpoint(session, "usaspending", "until")


def save(database: Database, value: str) -> None:
    with database.writing() as session:
        save_checkpoint(session, "usaspending", "until", value, SEEN)


def is_free(database: Database, name: str = "usaspending") -> bool:
    """Return whether a claim can be taken at once."""
    try:
        with database.claim(name):
            return True
    except AlreadyClaimed:
        return False


@contextmanager
def claimed_when_possible(database: Database) -> Iterator[Database]:
    """Claim a source whose holder has died or stopped, as soon as that is certain."""
    with database.claim("usaspending", time.sleep) as claimed:
        yield claimed


@pytest.fixture
def _short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process take over after one second."""
    monkeypatch.setattr(claims, "LEASE_SECONDS", 1.0)


def test_a_second_process_does_not_get_the_claim(database: Database, database_url: str) -> None:
    with database.claim("usaspending"), holder(database_url) as other:
        assert answer(other).startswith("AlreadyClaimed")
    assert is_free(database)


def test_a_claim_of_another_name_is_free(database: Database, database_url: str) -> None:
    with database.claim("usaspending"), holder(database_url, "sam") as other:
        assert answer(other) == "claimed"


@pytest.mark.usefixtures("_short_lease")
def test_a_killed_process_loses_its_claim(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "claimed"
        assert not is_free(database)
        other.send_signal(signal.SIGKILL)
        assert other.wait(timeout=10) == -signal.SIGKILL
        with claimed_when_possible(database) as claimed:
            save(claimed, "2026-11-01")
    assert stored(database) == "2026-11-01"


def test_a_claim_is_released_at_the_end_of_its_block(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "claimed"
        other.communicate("\n", timeout=30)
        assert other.returncode == 0
        assert is_free(database)


def test_a_claim_is_released_by_an_exception(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.claim("usaspending"):
        raise ZeroDivisionError
    assert is_free(database)


def test_a_claim_can_be_taken_repeatedly(database: Database) -> None:
    for _ in range(20):
        assert is_free(database)


def test_a_refused_process_does_not_release_the_claim(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "claimed"
        for _ in range(3):
            assert not is_free(database)
        say(other, "2026-11-01")
        assert answer(other) == "stored"
    assert stored(database) == "2026-11-01"


def test_a_claim_does_not_block_reading_and_writing(database: Database) -> None:
    with database.claim("usaspending") as claimed:
        save(database, "2026-11-01")
        save(claimed, "2026-11-02")
        assert stored(database) == "2026-11-02"
        assert is_free(database, "sam")


@on_postgresql
@pytest.mark.usefixtures("_short_lease")
def test_a_stopped_process_stores_nothing_after_another_has_taken_over(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "claimed"
        other.send_signal(signal.SIGSTOP)
        with claimed_when_possible(database) as claimed:
            other.send_signal(signal.SIGCONT)
            say(other, "from the stopped process")
            assert answer(other).startswith("ClaimLost another process has taken over usaspending")
            save(claimed, "from the other one")
        assert other.wait() == 0
    assert stored(database) == "from the other one"
    assert is_free(database)


@on_postgresql
def test_a_process_that_nobody_replaced_goes_on(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "claimed"
        make_older(database, "1 hour")
        say(other, "2026-11-01")
        assert answer(other) == "stored"


@on_postgresql
def test_a_process_stopped_in_a_transaction_does_not_stop_the_others(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "claimed"
        say(other, "slowly")
        assert answer(other) == "writing"
        other.send_signal(signal.SIGSTOP)
        save(database, "meanwhile")
        other.send_signal(signal.SIGCONT)
        say(other, "go on")
        assert "IdleInTransactionSessionTimeout" in answer(other)
    assert stored(database) == "meanwhile"


@on_postgresql
def test_a_lost_connection_does_not_lose_the_claim(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "claimed"
        assert cut_off(database_url)
        assert not is_free(database)
        say(other, "2026-11-01")
        assert answer(other) == "stored"
    assert stored(database) == "2026-11-01"


@on_postgresql
def test_a_refusal_names_the_holder(database: Database, database_url: str) -> None:
    with holder(database_url) as other:
        assert answer(other) == "claimed"
        with pytest.raises(AlreadyClaimed, match=r", process \d+$"), database.claim("usaspending", time.sleep):
            pass


@on_postgresql
@pytest.mark.parametrize("since_then", ["1 hour", "-1 hour"])
def test_a_dead_claim_is_free_although_the_clock_of_the_server_jumped(database: Database, since_then: str) -> None:
    with database.claim("usaspending") as first:
        make_older(database, since_then)
        with database.claim("usaspending"):
            with pytest.raises(ClaimLost), first.writing():
                pass
            with pytest.raises(ClaimLost):
                first.check_claim()


@on_postgresql
def test_a_transaction_of_a_lost_claim_is_rolled_back(database: Database) -> None:
    def write(session: Session) -> None:
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with database.claim("usaspending") as claimed:
        with pytest.raises(DBAPIError), claimed.writing() as session:
            save_checkpoint(session, "usaspending", "until", "2026-11-01", SEEN)
            session.flush()
            write(session)
        assert stored(database) is None
        save(claimed, "2026-11-02")
    assert stored(database) == "2026-11-02"


def make_older(database: Database, interval: str) -> None:
    """Let the server's clock have moved on since the last renewal."""
    with database.writing() as session:
        assert session.get(ClaimRow, "usaspending")
        session.execute(
            text("UPDATE claim SET renewed = renewed - CAST(:interval AS interval)"), {"interval": interval}
        )
