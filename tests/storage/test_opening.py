"""Opening a database: the tables it gets, and one clear line when it cannot be opened."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from storage.database import TIMEOUTS, Database, DatabaseError, migration_config, open_database
from storage.errors import explain_database_error, explain_read_error
from storage.schema.tables import RecordRow
from tests.records import CLEARVIEW, match
from tests.storage.database_helpers import dump_tables, save, start_process

OPEN = """
import sys
from storage.database import open_database
sys.stdin.readline()
with open_database(sys.argv[1]).engine.connect() as connection:
    print(sorted(connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()))
"""


def refusal(url: str) -> str:
    """Return what is said of a URL that cannot be opened."""
    with pytest.raises(DatabaseError) as caught:
        open_database(url)
    said = str(caught.value)
    assert len(said.splitlines()) == 1
    return said


def test_migrations_make_the_tables_that_the_models_describe(database: Database) -> None:
    with database.engine.connect() as connection:
        head = ScriptDirectory.from_config(migration_config()).get_current_head()
        assert MigrationContext.configure(connection).get_current_revision() == head
        command.check(migration_config(connection=connection))
        names = {name for name in inspect(connection).get_table_names() if not name.startswith("search_index")}
        assert names == {*SQLModel.metadata.tables, "alembic_version"}


def test_no_key_column_is_nullable(database: Database) -> None:
    with database.engine.connect() as connection:
        for name in SQLModel.metadata.tables:
            keys = inspect(connection).get_pk_constraint(name)["constrained_columns"]
            columns = {column["name"]: column for column in inspect(connection).get_columns(name)}
            assert keys
            assert not [key for key in keys if columns[key]["nullable"]]


def test_opening_twice_is_harmless(empty_database_url: str) -> None:
    with closing(open_database(empty_database_url)) as first:
        save(first, CLEARVIEW, match(CLEARVIEW))
        before = dump_tables(first)
        with closing(open_database(empty_database_url)) as second:
            assert dump_tables(second) == before
    with closing(open_database(empty_database_url)) as third:
        assert dump_tables(third) == before


@pytest.mark.parametrize("attempt", range(2))
def test_two_processes_may_open_an_empty_database_at_once(empty_database_url: str, attempt: int) -> None:
    processes = [start_process(OPEN, empty_database_url) for _ in range(2)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        said, complaint = process.communicate(timeout=60)
        assert (process.returncode, complaint) == (0, "")
        assert said == "['first']\n"


def test_a_missing_folder_is_created(tmp_path: Path) -> None:
    file = tmp_path / "not" / "yet" / "there.sqlite3"
    open_database(f"sqlite:///{file}").close()
    assert file.is_file()


def test_sqlite_uses_wal_and_enforces_foreign_keys(sqlite_url: str) -> None:
    with closing(open_database(sqlite_url)) as database, database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 60_000


@pytest.mark.parametrize("name", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_may_be_called_by_its_usual_names(postgresql_url: str, name: str) -> None:
    url = make_url(postgresql_url).set(drivername=name).render_as_string(hide_password=False)
    with closing(open_database(url)) as database:
        assert database.engine.dialect.name == "postgresql"


def test_a_file_that_is_not_a_database(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    content = "Dear diary, this is not a database. " * 100
    file.write_text(content)
    said = refusal(f"sqlite:///{file}")
    assert "notes.txt: file is not a database; if it was a database, it is damaged: run procurewatch db check" in said
    assert file.read_text() == content


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    assert "unable to open database file" in refusal(f"sqlite:///{tmp_path}")


def test_a_server_that_does_not_answer() -> None:
    said = refusal("postgresql://reader:hunter2@127.0.0.1:1/news?connect_timeout=2")
    assert "127.0.0.1" in said
    assert "refused" in said
    assert "hunter2" not in said


def test_a_server_that_accepts_and_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TIMEOUTS, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DatabaseError, match="timeout expired"):
            open_database(f"postgresql://reader@{address}/procurewatch")


@pytest.mark.parametrize(("query", "seconds"), [({}, "10"), ({"connect_timeout": "25"}, "25")])
def test_a_url_may_set_other_timeouts(postgresql_url: str, query: dict[str, str], seconds: str) -> None:
    url = make_url(postgresql_url).update_query_dict(query).render_as_string(hide_password=False)
    with closing(open_database(url)) as opened, opened.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.info.get_parameters()["connect_timeout"] == seconds


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:hunter2@127.0.0.1:1/news",
        "postgresql://reader@127.0.0.1:1/news?password=hunter2",
        "postgresql://reader:hunter2@127.0.0.1:port/news",
        "postgresql://reader:hunter2/2@127.0.0.1/news",
        "postgresql+nothing://reader:hunter2@127.0.0.1/news",
        "postgresql+psycopg2://reader:hunter2@127.0.0.1/news",
        "mysql://reader:hunter2@127.0.0.1/news",
        "hunter2",
    ],
)
def test_a_password_is_never_shown(url: str) -> None:
    assert "hunter2" not in refusal(url)


@pytest.mark.parametrize("url", ["mysql://h/d", "postgresql+asyncpg://h/d", "sqlite+aiosqlite:///x", "dbase://x"])
def test_a_database_that_is_not_supported(url: str) -> None:
    said = refusal(url)
    assert f"{url.partition(':')[0]} is not supported" in said
    assert "sqlite:///FILE or postgresql://" in said


@pytest.mark.parametrize("url", ["", "news.sqlite3", "postgresql://h:port/d"])
def test_a_url_that_cannot_be_read(url: str) -> None:
    assert "sqlite:///FILE or postgresql://" in refusal(url)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_an_in_memory_database_is_refused(url: str) -> None:
    assert "sqlite:///FILE" in refusal(url)


@pytest.mark.parametrize("schema", ["0010", "9999"])
def test_a_database_of_another_version_is_not_changed(empty_database_url: str, schema: str) -> None:
    with closing(open_database(empty_database_url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
        with database.engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{schema}'"))
        before = dump_tables(database)
        assert f"another version of Procurewatch (schema {schema}): open it" in refusal(empty_database_url)
        assert dump_tables(database) == before
        with database.reading() as session:
            assert session.scalar(text("SELECT version_num FROM alembic_version")) == schema


@pytest.mark.parametrize("cut", [100, 4096, 50_000])
def test_a_truncated_file_is_damaged(sqlite_url: str, cut: int) -> None:
    open_database(sqlite_url).close()
    file = Path(str(make_url(sqlite_url).database))
    file.write_bytes(file.read_bytes()[:cut])
    assert "it is damaged: run procurewatch db check, then procurewatch db restore" in refusal(sqlite_url)


def test_a_damaged_schema_that_is_not_utf8(sqlite_url: str) -> None:
    """The driver raises UnicodeDecodeError, because it cannot decode SQLite's message."""
    open_database(sqlite_url).close()
    file = Path(str(make_url(sqlite_url).database))
    file.write_bytes(file.read_bytes().replace(b"CREATE TABLE payload", b"CREATE TABLE \xff\xfeyloa\x80"))
    assert "it is damaged: run procurewatch db check" in refusal(sqlite_url)


def test_damage_found_while_reading_is_explained(sqlite_url: str) -> None:
    with closing(open_database(sqlite_url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
    file = Path(str(make_url(sqlite_url).database))
    file.write_bytes(file.read_bytes().replace(b"CLEARVIEW AI, INC.", b"CLEARVIEW \xff\xff, INC."))
    with closing(open_database(sqlite_url)) as database, pytest.raises(DBAPIError) as caught:
        dump_tables(database)
    assert explain_database_error(caught.value).startswith("the database is damaged: Could not decode to UTF-8 column")


def test_parameters_in_the_url_of_a_file_are_refused(tmp_path: Path) -> None:
    assert "write a ? in the name of its file as %3F" in refusal(f"sqlite:///{tmp_path}/news?.sqlite3=1")


def test_foreign_tables_are_reported(sqlite_url: str) -> None:
    open_database(sqlite_url).close()
    path = str(make_url(sqlite_url).database)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("DROP TABLE match; DELETE FROM alembic_version")
    assert "already exists" in refusal(sqlite_url)


def test_stored_records_persist(empty_database_url: str) -> None:
    with closing(open_database(empty_database_url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
    with closing(open_database(empty_database_url)) as database:
        stored = dump_tables(database)
    assert len(stored["action"]) == len(CLEARVIEW.actions)
    assert stored["match"][0]["signals"][0]["text"] == "CLEARVIEW AI, INC."


def test_a_schema_with_the_same_number_and_other_columns_is_said_in_one_line(empty_database_url: str) -> None:
    with closing(open_database(empty_database_url)) as database:
        with database.engine.begin() as connection:
            connection.execute(text("ALTER TABLE record DROP COLUMN revision"))
        with database.reading() as session, pytest.raises(DBAPIError) as raised:
            session.scalars(select(RecordRow)).all()
    for said in (explain_database_error(raised.value), explain_read_error(raised.value)):
        assert said.startswith("the database was made by another version of Procurewatch (")
        assert "revision" in said
        assert "open it with that version, restore a backup" in said
        assert "\n" not in said
