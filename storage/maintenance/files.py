"""Files that appear only when they are complete and on disk, compressed or not, and errors that name the file."""

from __future__ import annotations

import errno
import gzip
import os
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from storage.database import DatabaseError
from storage.errors import WHAT_TO_DO, is_damage

SQLITE_MAGIC, GZIP_MAGIC, DUMP_MAGIC = b"SQLite format 3\0", b"\x1f\x8b", b"PGDMP"
_UNFINISHED = re.compile(r"\.(\d+)\.part(?:\.plain)?(?:-journal|-wal|-shm)?$")


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """Yield a temporary path beside `file`; it replaces `file` on success and is removed on failure.

    What a process that was killed has left of the same file is removed first.

    Raises:
        DatabaseError: it cannot be written, for example because the disk is full.
    """
    remove_unfinished(file.parent.glob(f".{escape(file.name)}.*.part*"))
    temporary = unfinished(file)
    try:
        with _named_errors(file):
            yield temporary
            sync(temporary)
            temporary.replace(file)
            sync(file.parent)
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):  # the file system may be read-only
                temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)


def unfinished(file: Path) -> Path:
    """Return the path at which this process writes a file until it is complete."""
    return file.with_name(f".{file.name}.{os.getpid()}.part")


def remove_unfinished(found: Iterable[Path]) -> None:
    """Remove those of the paths that a process was writing (`unfinished`) which does not run any more."""
    for path in found:
        writer = _UNFINISHED.search(path.name)
        if writer and not _is_running(int(writer[1])):
            path.unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Return whether another process has this number; `True` where that cannot be known."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)  # sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return process != os.getpid()


def sync(path: Path) -> None:
    """Wait until a file or the entries of a folder are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with suppress(PermissionError):  # of a folder on Windows
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _named_errors(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if is_damage(error):
            raise DatabaseError(f"the database is damaged: {error}; {file} was not written; {WHAT_TO_DO}") from error
        reason = "no space is left on its disk" if "full" in str(error) else str(error)
        raise DatabaseError(f"{file} was not written: {reason}") from error
    except OSError as error:
        reason = "no space is left on its disk" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise DatabaseError(f"{file} was not written: {reason}") from error


def read_magic(file: Path) -> bytes:
    """Return the first bytes of a file. Raises `DatabaseError` if it cannot be read."""
    try:
        with file.open("rb") as opened:
            return opened.read(len(SQLITE_MAGIC))
    except OSError as error:
        raise DatabaseError(f"{file} cannot be read: {error.strerror or error}") from error


def compress(source: Path, target: Path) -> None:
    """Write a gzip copy of a file."""
    with source.open("rb") as plain, gzip.open(target, "wb", compresslevel=6) as packed:
        shutil.copyfileobj(plain, packed, 1024 * 1024)


def decompress(source: Path, target: Path) -> None:
    """Write the content of a gzip file. Raises `DatabaseError` if it is damaged or incomplete."""
    try:
        with gzip.open(source) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1024 * 1024)
    except (EOFError, gzip.BadGzipFile, OverflowError) as error:
        raise DatabaseError(f"{source} is damaged or incomplete: {error}; use another backup") from error
