"""Opening a database for reading: nothing is created or changed, and one clear line says why it cannot be read."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

import storage.database
from storage.database import DatabaseError, open_database, open_for_reading
from storage.search.query import Query
from storage.search.search import count_records
from tests.records import BABEL, CLEARVIEW, match
from tests.storage.database_helpers import save, start_process

READ = """
import os, sys
from storage.database import open_for_reading
from storage.search.query import Query
from storage.search.search import count_records
for number, url in enumerate(sys.argv[1:]):
    if number and os.getuid() == 0:
        os.setuid(65534)  # root may write everywhere; now everything is imported
    with open_for_reading(url).reading() as session:
        print(count_records(session, Query()))
"""


def refusal(url: str) -> str:
    """Return the message about a database that cannot be read."""
    with pytest.raises(DatabaseError) as caught:
        open_for_reading(url)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


def fill(url: str) -> None:
    with closing(open_database(url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))


def test_it_reads_what_another_process_writes_later_and_cannot_write(database_url: str) -> None:
    fill(database_url)
    with closing(open_for_reading(database_url)) as reader, closing(open_database(database_url)) as writer:
        with reader.reading() as session:
            assert count_records(session, Query()) == 1
        save(writer, BABEL, match(BABEL))
        with reader.reading() as session:
            assert count_records(session, Query()) == 2
            if database_url.startswith("sqlite"):
                session.execute(text("PRAGMA query_only = OFF"))
            with pytest.raises(DBAPIError, match=r"readonly database|read-only transaction"):
                session.execute(text("DELETE FROM match"))
        with pytest.raises(DBAPIError, match=r"readonly database|read-only transaction"), reader.writing() as session:
            session.execute(text("UPDATE record SET title = 'changed'"))
        with writer.reading() as session:
            assert count_records(session, Query()) == 2


def test_options_in_a_postgresql_url_stay(postgresql_url: str) -> None:
    open_database(postgresql_url).close()
    url = make_url(postgresql_url).update_query_dict({"options": "-c statement_timeout=54321"})
    with closing(open_for_reading(url.render_as_string(hide_password=False))) as reader, reader.reading() as session:
        assert session.scalar(text("SHOW statement_timeout")) == "54321ms"
        assert session.scalar(text("SHOW transaction_read_only")) == "on"


@pytest.mark.parametrize("name", ["plain.sqlite3", "what? 100% of #1 & more.sqlite3"])
def test_a_file_is_not_changed_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    url = f"sqlite:///{quote(str(file))}"
    fill(url)
    before = file.read_bytes()
    with closing(open_for_reading(url)) as reader, reader.reading() as session:
        assert count_records(session, Query()) == 1
    assert file.read_bytes() == before


def test_a_missing_file_is_not_created(tmp_path: Path) -> None:
    file = tmp_path / "new" / "none.sqlite3"
    assert refusal(f"sqlite:///{file}") == f"there is no database {file}; make one with poll, backfill, import or demo"
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables(empty_database_url: str) -> None:
    if empty_database_url.startswith("sqlite"):
        Path(str(make_url(empty_database_url).database)).touch()
    assert "has no tables of Procurewatch; fill it with poll, backfill or import" in refusal(empty_database_url)


def test_a_database_of_another_version(database_url: str) -> None:
    with closing(open_database(database_url)) as database, database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    said = refusal(database_url)
    with closing(open_database_raw(database_url)) as database, database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'first'"))
    assert "was made by another version of Procurewatch (schema 9999)" in said


def open_database_raw(url: str) -> storage.database.Database:
    with storage.database.opening(url) as database:
        return database


def test_a_database_of_an_earlier_version_is_not_upgraded(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(sqlite_url)
    file = Path(str(make_url(sqlite_url).database))
    before = file.read_bytes()
    monkeypatch.setattr(storage.database, "known_revisions", lambda: ["second", "first"])
    assert "was made by an earlier version of Procurewatch (schema first)" in refusal(sqlite_url)
    assert file.read_bytes() == before


def test_a_database_without_one_of_its_tables_is_damaged(sqlite_url: str) -> None:
    fill(sqlite_url)
    with closing(sqlite3.connect(str(make_url(sqlite_url).database))) as connection:
        connection.execute("DROP TABLE evidence")
    assert "is damaged: it has no table evidence; run procurewatch db check" in refusal(sqlite_url)


@pytest.mark.parametrize("content", [b"Dear diary. " * 500, b"SQLite format 3\x00" + b"\x7f" * 5000])
def test_a_file_that_is_not_a_database(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    assert "it is damaged: run procurewatch db check" in refusal(f"sqlite:///{file}")
    assert file.read_bytes() == content


def test_a_server_that_does_not_answer() -> None:
    said = refusal("postgresql://reader:hunter2@127.0.0.1:1/news?connect_timeout=2")
    assert "refused" in said
    assert "hunter2" not in said


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="permissions of POSIX")
def test_a_folder_that_cannot_be_written(tmp_path_factory: pytest.TempPathFactory) -> None:
    """SQLite cannot put the files of its WAL mode there, and reads the database all the same."""
    folder = tmp_path_factory.mktemp("fixed")
    file, other = folder / "records.sqlite3", folder.parent / "other.sqlite3"
    for each in (file, other):
        fill(f"sqlite:///{each}")
    above = [parent for parent in folder.parents if parent.stat().st_uid == os.getuid() and len(parent.parts) > 2]
    modes = {parent: parent.stat().st_mode for parent in above}
    for parent in above:
        parent.chmod(0o755)
    folder.chmod(0o555)
    try:
        said, complaint = start_process(READ, f"sqlite:///{other}", f"sqlite:///{file}").communicate()
    finally:
        folder.chmod(0o755)
        for parent, mode in modes.items():
            parent.chmod(mode)
    assert (said, complaint) == ("1\n1\n", "")
    assert [each.name for each in folder.iterdir()] == ["records.sqlite3"]
