"""State, backup, restore and vacuum of a database of either kind."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from storage.database import (
    Database,
    DatabaseError,
    current_revision,
    known_revisions,
    open_database,
    opening,
    parse_url,
    shown_url,
)
from storage.maintenance.postgresql import backup_postgresql, restore_postgresql
from storage.maintenance.sqlite_file import Listen, backup_sqlite, restore_sqlite
from storage.schema.tables import CheckpointRow, PayloadRow

SOURCE, BACKUP = "database", "backup"  # the checkpoint of the last backup


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A database: `kind` and `place` (no password), the version of its schema, `None` if it has no tables yet.

    `size`, `free` (on its disk), `evidence` (as stored) and `evidence_size` (the original) are in bytes; `free` is
    `None` if the disk is a server's. `rows` are by table. `backup` and `backup_at` (UTC) are the file and time of the
    last backup by `backup`.
    """

    kind: str
    place: str
    schema: str | None
    is_current: bool
    size: int
    free: int | None
    rows: Mapping[str, int]
    evidence: int
    evidence_size: int
    backup: str = ""
    backup_at: datetime | None = None


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite database, `None` for PostgreSQL. Raises `DatabaseError` for an invalid URL."""
    parsed = parse_url(url)
    return Path(str(parsed.database)) if parsed.drivername == "sqlite" else None


def existing_path(url: str) -> Path | None:
    """As `sqlite_path`. Raises `DatabaseError` if the file does not exist."""
    path = sqlite_path(url)
    if path is not None and not path.is_file():
        raise DatabaseError(f"there is no database at {path}: poll, backfill and import make one")
    return path


def load_status(url: str) -> Status:
    """Return the state of a database. Raises `DatabaseError` if it cannot be read."""
    path = existing_path(url)
    with opening(url) as database, closing(database), database.reading() as session:
        revision = current_revision(database)
        present = set(inspect(database.engine).get_table_names())
        names = [name for name in SQLModel.metadata.tables if name in present]
        tables = SQLModel.metadata.tables
        rows = {name: session.scalar(select(func.count()).select_from(tables[name])) or 0 for name in sorted(names)}
        stored, original = _evidence_bytes(session) if PayloadRow.__tablename__ in present else (0, 0)
        last = session.get(CheckpointRow, (SOURCE, BACKUP)) if CheckpointRow.__tablename__ in present else None
        return Status(
            kind="SQLite" if path else "PostgreSQL",
            place=str(path) if path else shown_url(database.engine.url),
            schema=revision,
            is_current=revision == known_revisions()[0],
            size=database_size(database),
            free=shutil.disk_usage(path.parent).free if path else None,
            rows=rows,
            evidence=stored,
            evidence_size=original,
            backup=last.value if last else "",
            backup_at=last.changed if last else None,
        )


def _evidence_bytes(session: Session) -> tuple[int, int]:
    query = select(func.sum(func.length(col(PayloadRow.body))), func.sum(col(PayloadRow.size)))
    stored, original = session.execute(query).one()
    return int(stored or 0), int(original or 0)


def database_size(database: Database) -> int:
    """Return the bytes that a database takes on disk."""
    if database.engine.dialect.name == "sqlite":
        file = str(database.engine.url.database)
        parts = [Path(file + suffix) for suffix in ("", "-wal")]
        return sum(part.stat().st_size for part in parts if part.exists())
    with database.engine.connect() as connection:
        return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)


def backup(url: str, file: Path, *, force: bool, listen: Listen = lambda _done, _pages: None) -> None:
    """Write a backup of a database, which may be in use, to a file that appears when it is complete.

    Raises:
        DatabaseError: the file exists and `force` is not set, it cannot be written, or the database is damaged.
    """
    path = existing_path(url)
    if file.exists() and not force:
        raise DatabaseError(f"{file} exists; --force overwrites it")
    if not file.parent.is_dir():
        raise DatabaseError(f"the folder {file.parent} does not exist")
    if path is not None and file.exists() and file.samefile(path):
        raise DatabaseError(f"{file} is the database itself; name another file")
    with opening(url) as database, closing(database):
        if current_revision(database) is None:
            raise DatabaseError(f"{shown_url(database.engine.url)} has no tables yet: there is nothing to back up")
        if path is not None:
            backup_sqlite(path, file, listen)
        else:
            backup_postgresql(database, file)
        with suppress(DBAPIError), database.writing() as session:  # of another version, or read-only
            session.merge(
                CheckpointRow(source=SOURCE, name=BACKUP, value=str(file.absolute()), changed=datetime.now(UTC))
            )


def restore(url: str, file: Path, *, force: bool, listen: Listen = lambda _done, _pages: None) -> str:
    """Replace a database by a backup; return where the earlier one is, "" if there was none.

    Raises:
        DatabaseError: the file is no whole backup of this kind of database, the database has content and `force` is
            not set, or it is in use. Nothing is changed then.
    """
    path = sqlite_path(url)
    if not file.is_file():
        raise DatabaseError(f"{file} is not a file")
    if path is not None:
        if path.exists() and file.samefile(path):
            raise DatabaseError(f"{file} is the database itself; name a backup")
        kept = restore_sqlite(file, path, force=force, listen=listen)
        earlier = str(kept) if kept else ""
    else:
        with opening(url) as database, closing(database):
            schema = restore_postgresql(database, file, force=force)
        earlier = f"the schema {schema}" if schema else ""
    open_database(url).close()  # applies the migrations that a backup of an earlier version lacks
    return earlier
