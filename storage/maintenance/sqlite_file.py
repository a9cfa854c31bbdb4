"""Backup and restore of a SQLite file: copies of one state, checked before they replace anything."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from storage.database import DatabaseError, known_revisions
from storage.errors import WHAT_TO_DO, is_damage
from storage.maintenance.files import (
    DUMP_MAGIC,
    GZIP_MAGIC,
    SQLITE_MAGIC,
    compress,
    decompress,
    read_magic,
    sync,
    whole_file,
)

PAGES_PER_STEP = 4096
BUSY_SECONDS = 60
Listen = Callable[[int, int], None]  # pages done, pages in all


def backup_sqlite(database: Path, file: Path, listen: Listen) -> None:
    """Copy a database, which others may write meanwhile, to a file; compressed if its name ends in ".gz".

    Raises:
        DatabaseError: the database is damaged, or the file cannot be written.
    """
    with whole_file(file) as temporary:
        is_packed = file.suffix == ".gz"
        plain = temporary.with_name(f"{temporary.name}.plain") if is_packed else temporary
        try:
            _copy(database, plain, listen)
            if damage := find_damage(plain):
                raise DatabaseError(f"the database is damaged: {damage}; {file} was not written; {WHAT_TO_DO}")
            if is_packed:
                compress(plain, temporary)
        finally:
            if is_packed:
                plain.unlink(missing_ok=True)


def _copy(database: Path, target: Path, listen: Listen) -> None:
    with closing(_connect(database)) as source, closing(sqlite3.connect(target, isolation_level=None)) as copy:
        # One transaction, so that all steps copy the same state and no writer makes them begin again.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        source.backup(
            copy, pages=PAGES_PER_STEP, progress=lambda _status, remaining, total: listen(total - remaining, total)
        )
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a journal beside it


def _connect(database: Path) -> sqlite3.Connection:
    address = f"{database.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=BUSY_SECONDS)


def find_damage(file: Path) -> str:
    """Return the first damage that SQLite finds in a file, or ""."""
    try:
        with closing(_connect(file)) as connection:
            found = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return str(error)
    return "" if found == "ok" else " ".join(found.split())


def restore_sqlite(file: Path, database: Path, *, force: bool, listen: Listen) -> Path | None:
    """Put a backup in the place of a database; return where the earlier database is, `None` if there was none.

    Raises:
        DatabaseError: the backup is damaged or no backup of Procurewatch, the database has content and `force` is not
            set, or another process has it open.
    """
    if not force and has_content(database):
        raise DatabaseError(
            f"{database} has content; --force replaces it and keeps the earlier one beside it under another name"
        )
    database.parent.mkdir(parents=True, exist_ok=True)
    earlier = None
    with whole_file(database) as temporary:
        _unpack(file, temporary, listen)
        _check_backup(file, temporary)
        if database.exists():
            earlier = _keep(database)
    return earlier


def has_content(database: Path) -> bool:
    """Whether a file has rows of ours, or is anything but an empty database."""
    if not database.exists() or not database.stat().st_size:
        return False
    try:
        with closing(_connect(database)) as connection:
            return any(
                connection.execute(f'SELECT EXISTS (SELECT 1 FROM "{name}")').fetchone()[0]  # noqa: S608
                for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                if name not in ("alembic_version", "publication_version") and not name.startswith("search_index")
            )
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return True


def _unpack(file: Path, temporary: Path, listen: Listen) -> None:
    magic = read_magic(file)
    if magic.startswith(GZIP_MAGIC):
        decompress(file, temporary)
        magic = read_magic(temporary)
    elif magic == SQLITE_MAGIC:
        try:
            _copy(file, temporary, listen)
        except sqlite3.DatabaseError as error:
            if not is_damage(error):
                raise
            raise DatabaseError(f"{file} is damaged: {error}; use another backup") from error
    if magic.startswith(DUMP_MAGIC):
        raise DatabaseError(f"{file} is a backup of a PostgreSQL database; set database_url to restore it there")
    if magic != SQLITE_MAGIC:
        raise DatabaseError(f"{file} is not a backup of Procurewatch: it is not a SQLite database")


def _check_backup(file: Path, temporary: Path) -> None:
    if damage := find_damage(temporary):
        raise DatabaseError(f"{file} is damaged: {damage}; use another backup")
    with closing(_connect(temporary)) as connection:
        try:
            found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError:
            found = None
    check_revision(file, found[0] if found else None)


def check_revision(file: Path, revision: str | None) -> str:
    """Return the version of a backup's schema. Raises `DatabaseError` if there is none or it is unknown."""
    if revision is None:
        raise DatabaseError(f"{file} is not a backup of Procurewatch: it lacks the version of its schema")
    if revision not in known_revisions():
        raise DatabaseError(
            f"{file} is of another version of Procurewatch (schema {revision}): restore it with that version"
        )
    return revision


def _keep(database: Path) -> Path:
    """Keep a database under another name, which it returns; its own name stays until it is replaced."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
    kept = database.with_name(f"{database.name}.before-restore-{moment}")
    try:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=1)) as connection:
            # Takes the whole journal into the file, and fails while another process has the database open.
            connection.execute("PRAGMA journal_mode=DELETE")
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if "locked" in str(error):
            raise DatabaseError(
                f"{database} is in use; stop procurewatch run, serve and other commands first"
            ) from error
    for suffix in ("-wal", "-shm"):  # of a database too damaged to take its journal in
        journal = database.with_name(database.name + suffix)
        if journal.exists():
            journal.rename(kept.with_name(kept.name + suffix))
    try:
        os.link(database, kept)
    except OSError:  # a file system without hard links
        database.rename(kept)
    sync(database.parent)
    return kept
