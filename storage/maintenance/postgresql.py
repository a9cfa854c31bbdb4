"""Backup and restore of a PostgreSQL database with PostgreSQL's own programs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import make_conninfo
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import SQLModel

import storage.schema.tables  # noqa: F401  the tables register themselves
from storage.database import Database, DatabaseError, known_revisions
from storage.errors import is_damage
from storage.maintenance.files import DUMP_MAGIC, GZIP_MAGIC, SQLITE_MAGIC, read_magic, whole_file
from storage.maintenance.sqlite_file import check_revision
from storage.schema.sql_views import drop_views, make_views

VERSION_TABLE = "alembic_version"
LOCK_SECONDS = 10


def backup_postgresql(database: Database, file: Path) -> None:
    """Write one state of our tables to a file with pg_dump, in its compressed custom format.

    Raises:
        DatabaseError: pg_dump is missing or fails, or the file cannot be written.
    """
    with whole_file(file) as temporary:
        tables = [f'--table="{name}"' for name in _our_tables(database.engine)]
        options = ["--format=custom", "--no-owner", "--no-privileges", f"--file={temporary}", *tables]
        _run(database.engine, "pg_dump", options)


def restore_postgresql(database: Database, file: Path, *, force: bool) -> str:
    """Restore a backup into a database; return the schema with the earlier tables, "" if they were empty.

    Raises:
        DatabaseError: the backup is damaged or no backup of Procurewatch, the database has content and `force` is not
            set, it is in use, or pg_restore is missing or fails. The database is then as it was.
    """
    revision = _check_backup(file)
    tables = _our_tables(database.engine)
    if not force and _has_content(database.engine, tables):
        raise DatabaseError(
            "the database has content; --force replaces it and keeps the earlier tables in a schema of another name"
        )
    kept = f"before_restore_{datetime.now(UTC):%Y%m%dT%H%M%S%f}".lower()
    try:
        with database.engine.begin() as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
            _set_aside(connection, tables, kept)
    except OperationalError as error:
        if "lock timeout" not in str(error.orig):
            raise
        raise DatabaseError("the database is in use; stop procurewatch run and other commands first") from error
    try:
        _run(database.engine, "pg_restore", ["--single-transaction", "--no-owner", "--no-privileges", str(file)])
        if revision == known_revisions()[0]:  # else the migration makes them
            with database.engine.begin() as connection:
                make_views(connection)
    except (DatabaseError, DBAPIError, KeyboardInterrupt):
        with database.engine.begin() as connection:
            _put_back(connection, tables, kept)
        raise
    return kept if tables else ""


def _our_tables(engine: Engine) -> list[str]:
    known = {*SQLModel.metadata.tables, VERSION_TABLE}
    return sorted(known.intersection(inspect(engine).get_table_names()))


def _has_content(engine: Engine, tables: Sequence[str]) -> bool:
    named = [name for name in tables if name not in (VERSION_TABLE, "publication_version")]
    try:
        with engine.connect() as connection:
            return any(
                connection.scalar(text(f'SELECT EXISTS (SELECT 1 FROM "{name}")'))  # noqa: S608
                for name in named
            )
    except DBAPIError as error:
        if is_damage(error):
            return True
        raise


def _set_aside(connection: Connection, tables: Sequence[str], kept: str) -> None:
    drop_views(connection)
    connection.exec_driver_sql(f"CREATE SCHEMA {kept}")
    for name in tables:
        connection.exec_driver_sql(f'ALTER TABLE "{name}" SET SCHEMA {kept}')


def _put_back(connection: Connection, tables: Sequence[str], kept: str) -> None:
    """Undo `_set_aside`, after a restore that failed."""
    home = connection.scalar(text("SELECT current_schema()"))
    for name in _our_tables(connection.engine):
        connection.exec_driver_sql(f'DROP TABLE "{name}" CASCADE')
    for name in tables:
        connection.exec_driver_sql(f'ALTER TABLE {kept}."{name}" SET SCHEMA "{home}"')
    connection.exec_driver_sql(f"DROP SCHEMA {kept}")
    if tables:
        make_views(connection)


def _check_backup(file: Path) -> str:
    """Return the version of a backup's schema. Raises `DatabaseError` unless it is whole and the version is known."""
    magic = read_magic(file)
    if magic == SQLITE_MAGIC or magic.startswith(GZIP_MAGIC):
        raise DatabaseError(f"{file} is a backup of a SQLite database; set database_url to restore it there")
    if not magic.startswith(DUMP_MAGIC):
        raise DatabaseError(f"{file} is not a backup of Procurewatch: pg_dump did not write it in its custom format")
    _run_program("pg_restore", [f"--file={os.devnull}", str(file)], {})  # reads all of it
    found = _run_program("pg_restore", ["--file=-", "--data-only", f"--table={VERSION_TABLE}", str(file)], {})
    lines = found.splitlines()
    copied = [number for number, line in enumerate(lines) if line.startswith("COPY ") and VERSION_TABLE in line]
    return check_revision(file, lines[copied[0] + 1] if copied else None)


def _run(engine: Engine, program: str, options: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs on a database. The password is in its environment only."""
    _, values = engine.dialect.create_connect_args(engine.url)
    password = values.pop("password", None)
    variables = {"PGPASSWORD": str(password)} if password else {}
    database = make_conninfo(**{name: value for name, value in values.items() if name != "context"})
    _run_program(program, [f"--dbname={database}", "--no-password", *options], variables)


def _run_program(program: str, options: Sequence[str], variables: dict[str, str]) -> str:
    path = shutil.which(program)
    if path is None:
        raise DatabaseError(
            f"{program} is not installed; install the client programs of PostgreSQL (Debian and Ubuntu: "
            "postgresql-client, macOS: brew install libpq), at least of the server's version"
        )
    done = subprocess.run(  # noqa: S603  our own options, no shell
        [path, *options],
        env={**os.environ, "LC_ALL": "C", **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        said = "; ".join(line for line in done.stderr.splitlines() if line.strip())
        raise DatabaseError(f"{program} failed: {said or f'exit code {done.returncode}'}")
    return done.stdout
