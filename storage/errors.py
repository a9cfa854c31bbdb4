"""Tell whether a failure is that of one record or of the database, and go on without a record that cannot be read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlalchemy.orm import Session

Item = TypeVar("Item")
Result = TypeVar("Result")
log = structlog.get_logger(__name__)

MAX_REASON_LENGTH = 500
WHAT_TO_DO = "run procurewatch db check, then procurewatch db restore with a backup (docs/database.md)"
OTHER_VERSION = (
    "open it with that version, restore a backup with procurewatch db restore, or move it away and fill a new one with "
    "poll, backfill or import"
)
NOT_UTF8 = "it contains text that is not UTF-8"
DISK_FULL, UNDEFINED_COLUMN = "53100", "42703"  # of PostgreSQL
DAMAGE_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
LOCKED_CODES = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
# Of PostgreSQL: connection, resources, operator intervention (https://www.postgresql.org/docs/current/errcodes-appendix.html)
UNAVAILABLE_CLASSES = frozenset({"08", "53", "57"})
DAMAGE_STATES = frozenset({"XX001", "XX002", "58P01"})  # of PostgreSQL: data, index, a missing file


def first_database_error(error: BaseException) -> BaseException:
    """Return the first database error in the chain that led to this one, or the error itself.

    A full disk ends the transaction, so that releasing the savepoint fails as well: the first error is the cause.
    """
    found, before = error, error.__context__
    while before is not None:
        found, before = (before if isinstance(before, DBAPIError) else found), before.__context__
    return found


def is_database_failure(error: BaseException) -> bool:
    """Whether the database itself failed (a full disk, a lost connection ...), so that other records would fail too.

    PostgreSQL counts a value that is too large for an index (error class 54) among operational errors.
    """
    if not isinstance(error, DBAPIError):
        return False
    is_too_large = str(getattr(error.orig, "sqlstate", "")).startswith("54")
    is_refused = isinstance(error, (DataError, IntegrityError, ProgrammingError)) or is_too_large
    return error.connection_invalidated or not is_refused


def is_of_one_record(error: Exception) -> bool:
    """Whether reading failed because of the content of a record, so that others can be read."""
    if isinstance(error, DBAPIError):
        return "decode to UTF-8" in str(error.orig)
    return not isinstance(error, (OSError, MemoryError, SQLAlchemyError))


def each_alone(
    session: Session,
    items: Sequence[Item],
    load: Callable[[Sequence[Item]], Iterable[Result]],
    key: Callable[[Item], str],
) -> list[Result]:
    """Return what is loaded for items, without those for which that fails: they are logged, and `left_out`.

    They are loaded together. If that fails, they are halved until the one that fails is alone.
    """
    try:
        return list(load(items))
    except Exception as error:
        if not is_of_one_record(error):
            raise
        if len(items) == 1:
            if isinstance(error, DBAPIError) and is_damage(error):
                log.error("a record is left out", record=key(items[0]), reason=explain_database_error(error))  # noqa: TRY400
            else:
                log.exception("a record is left out", record=key(items[0]))
            left_out(session)[key(items[0])] = describe_error(error)
            return []
    middle = len(items) // 2
    return [
        *each_alone(session, items[:middle], load, key),
        *each_alone(session, items[middle:], load, key),
    ]


def left_out(session: Session) -> dict[str, str]:
    """Return why records could not be read or written in a session, by their keys: what to tell the user."""
    reasons: dict[str, str] = session.info.setdefault("left_out", {})
    return reasons


def describe_error(error: BaseException) -> str:
    """Return the type and message of an error, or of the driver's error behind it, on one line."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return storable_text(f"{type(cause).__name__}: {' '.join(str(cause).split())}")[:MAX_REASON_LENGTH]


def is_damage(error: BaseException | None) -> bool:
    """Whether an error of SQLite or PostgreSQL, or SQLAlchemy's error around it, says that the database is damaged."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    is_undecodable = isinstance(cause, sqlite3.Error) and ("decode to UTF-8" in str(cause) or NOT_UTF8 in str(cause))
    return (
        (code is not None and code & 0xFF in DAMAGE_CODES)
        or is_undecodable
        or getattr(cause, "sqlstate", None) in DAMAGE_STATES
    )


def is_unavailable(error: BaseException | None) -> bool:
    """Whether the database cannot be used now and may be used soon: its server is away, or it is locked."""
    if isinstance(error, NoFreeConnection):
        return True
    if not isinstance(error, (OperationalError, InterfaceError)) or is_damage(error):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in LOCKED_CODES
    state = getattr(error.orig, "sqlstate", None)  # without one, the server has not answered
    return error.connection_invalidated or state is None or str(state)[:2] in UNAVAILABLE_CLASSES


def lacks_column(error: DBAPIError) -> bool:
    """Whether a table of the database lacks a column: it is of a version with the same number for another schema."""
    said = str(error.orig)
    is_missing = said.startswith("no such column") or "has no column named" in said
    return is_missing or getattr(error.orig, "sqlstate", None) == UNDEFINED_COLUMN


def explain_database_error(error: DBAPIError) -> str:
    """Return one line: what failed, and what to do."""
    said = " ".join(str(error.orig).split())
    if is_damage(error):
        return f"the database is damaged: {said}; {WHAT_TO_DO}"
    if lacks_column(error):
        what = said.split(" LINE ")[0]  # PostgreSQL quotes the statement
        return f"the database was made by another version of Procurewatch ({what}): {OTHER_VERSION}"
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return "another process is writing to the database for more than a minute; try again when it is done"
    if code == sqlite3.SQLITE_READONLY:
        return "this user may not write to the database: make its file and folder writable, or use another --data-dir"
    if "disk is full" in said or getattr(error.orig, "sqlstate", None) == DISK_FULL:
        return f"database error: {said}; no partial data was stored, free some space and run the command again"
    return f"database error: {said}; no partial data was stored, run the command again"


def explain_read_error(error: DBAPIError) -> str:
    """Return one line: why what is stored cannot be read, and what to do."""
    if is_damage(error) or lacks_column(error):
        return explain_database_error(error)
    said = " ".join(str(error.orig).split())
    return f"the database cannot be read: {said}{'; try again' if is_unavailable(error) else ''}"


def explain_open_error(error: DBAPIError | OSError, file: Path | None) -> str:
    """Return why a database cannot be opened, and what to do, on one line.

    Args:
        file: the file of a SQLite database, `None` for another.
    """
    cause = getattr(error, "orig", error)
    said = (str(cause).strip().splitlines() or [repr(error)])[0]
    if is_damage(error):
        return f"{said}; if it was a database, it is damaged: {WHAT_TO_DO}"
    if file is None:
        return said
    if getattr(cause, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return "another process is changing it for more than a minute; try again when it is done"
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    if not folder.is_dir():
        return f"{folder} is not a folder; choose another with --data-dir"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"this user cannot write to {folder}; choose another folder with --data-dir"
    return said


def storable_text(text: str) -> str:
    """Return the text without NUL and lone surrogates, which databases cannot store."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
