"""All or nothing: what a failure leaves behind, and what a reader sees meanwhile."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from sources.records import Document
from storage.database import Database, open_database
from storage.reading.records import load_payload
from storage.schema.tables import MatchRow, RecordRow
from storage.writing.runs import save_checkpoint
from storage.writing.save import save_award, save_evidence, save_record
from tests.records import BABEL, CLEARVIEW, SEEN, match
from tests.storage.database_helpers import dump_tables, publish_all, save, start_process

WRITE_AND_WAIT = """
import sys
from storage.database import open_database
from storage.writing.save import save_award
from tests.records import BABEL, SEEN, match
with open_database(sys.argv[1]).writing() as session:
    save_award(session, BABEL, [match(BABEL, "babel-street")], SEEN, lambda vendors: True)
    session.flush()
    print("half-way", flush=True)
    sys.stdin.readline()
"""
FILL_A_SMALL_DISK = """
import resource, sys
from pathlib import Path
from sqlalchemy.exc import DBAPIError
from storage.database import open_database
from storage.writing.save import save_evidence
from tests.storage.writing.test_transactions import bulky
database = open_database(f"sqlite:///{sys.argv[1]}")
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
stored = 0
try:
    for number in range(100):
        with database.writing() as session:
            save_evidence(session, "usaspending", f"record {number}", [bulky(number)])
        stored += 1
except DBAPIError as error:
    print(stored, type(error).__name__)
"""


def bulky(number: int) -> Document:
    """Return a document of 100 kB that cannot be compressed."""
    from random import Random

    url = f"https://api.usaspending.gov/api/v2/awards/{number}/"
    body = Random(number).randbytes(100_000)
    return Document(url=url, request="", retrieved_at=SEEN, content_type="application/json", body=body)


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(RecordRow)) or 0


def test_a_writing_session_that_raises_leaves_nothing_behind(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    before = dump_tables(database)
    with pytest.raises(ZeroDivisionError), database.writing() as session:
        save_award(session, BABEL, [match(BABEL, "babel-street")], SEEN, publish_all)
        save_checkpoint(session, "usaspending", "watermark", "2026-11-20", SEEN)
        session.flush()
        raise ZeroDivisionError
    assert dump_tables(database) == before
    save(database, BABEL, match(BABEL, "babel-street"))
    assert len(dump_tables(database)["record"]) == 2


def test_a_process_killed_half_way_leaves_nothing_behind(database: Database, database_url: str) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    before = dump_tables(database)
    process = start_process(WRITE_AND_WAIT, database_url)
    assert process.stdout.readline() == "half-way\n"
    assert dump_tables(database) == before
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=10)
    assert dump_tables(database) == before
    save(database, BABEL, match(BABEL, "babel-street"))
    assert len(dump_tables(database)["record"]) == 2


def test_a_reader_sees_one_state(database: Database) -> None:
    with database.reading() as session:
        assert count(session) == 0
        save(database, CLEARVIEW)
        assert count(session) == 0
    with database.reading() as session:
        assert count(session) == 1


def test_a_writer_sees_what_others_stored_before_it_began(database: Database) -> None:
    with database.reading() as session:
        assert count(session) == 0
    save(database, CLEARVIEW)
    with database.writing() as session:
        assert count(session) == 1


def test_rows_live_on_after_their_session(database: Database) -> None:
    with database.writing() as session:
        save_award(session, CLEARVIEW, [], SEEN, publish_all)
        row = session.get_one(RecordRow, CLEARVIEW.key)
    assert row.recipient_name == "CLEARVIEW AI, INC."


def limit_pages(engine: Engine, pages: int) -> None:
    @event.listens_for(engine, "begin")
    def _limit(connection: object) -> None:
        connection.connection.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]


def test_a_full_database_fails_loudly_and_keeps_what_it_has(sqlite_url: str) -> None:
    with closing(open_database(sqlite_url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
        before = dump_tables(database)
        limit_pages(database.engine, 80)
        with pytest.raises(DBAPIError, match="full"), database.writing() as session:
            save_award(session, BABEL, [match(BABEL, "babel-street")], SEEN, publish_all)
            save_evidence(session, "usaspending", BABEL.key, [bulky(number) for number in range(10)])
        assert dump_tables(database) == before
        save(database, BABEL, match(BABEL, "babel-street"))
    with closing(open_database(sqlite_url)) as database, database.reading() as session:
        assert count(session) == 2


def test_a_full_database_is_no_records_fault(sqlite_url: str) -> None:
    with closing(open_database(sqlite_url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
        before = dump_tables(database)
        limit_pages(database.engine, 80)
        large = replace(BABEL, documents=tuple(bulky(number) for number in range(10)))
        with pytest.raises(DBAPIError, match="full"), database.writing() as session:
            save_record(session, large, lambda _: [match(BABEL, "babel-street")], SEEN, publish_all)
        assert dump_tables(database) == before


def test_a_lost_connection_is_no_records_fault(postgresql_url: str) -> None:
    with closing(open_database(postgresql_url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
        before = dump_tables(database)
        with pytest.raises(OperationalError), database.writing() as session:

            def lose_it(_record: object) -> Sequence[MatchRow]:
                session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
                return []

            save_record(session, BABEL, lose_it, SEEN, publish_all)
        assert dump_tables(database) == before


def test_a_full_disk_fails_loudly_and_keeps_what_it_has(tmp_path: Path) -> None:
    """The operating system refuses to let any file grow beyond 2 MB: what a full disk is to SQLite."""
    file = tmp_path / "procurewatch.sqlite3"
    said, complaint = start_process(FILL_A_SMALL_DISK, str(file)).communicate(timeout=60)
    assert complaint == ""
    stored, error = said.split()
    assert error == "OperationalError"
    assert 5 < int(stored) < 25
    with closing(open_database(f"sqlite:///{file}")) as database, database.reading() as session:
        for number in range(int(stored)):
            assert load_payload(session, bulky(number).sha256) == bulky(number).body
        assert load_payload(session, bulky(int(stored)).sha256) is None
        assert session.connection().exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
