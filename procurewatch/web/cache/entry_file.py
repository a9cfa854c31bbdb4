"""Entries as they stand in feeds, kept in a file beside the data: wording and writing one costs more than all else.

The file can be deleted at any time: it is filled again. It holds what one version of the program wrote; another has a
file of its own. Where it cannot be written or read, entries are written anew each time.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import importlib.resources
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import structlog
from isal import isal_zlib
from lz4 import block  # type: ignore[import-untyped]

from feeds.urls import FeedFormat
from storage.database import MAPPED
from storage.search.feed_items import Carried

log = structlog.get_logger(__name__)

FOLDER = "cache"  # in the data folder
NAME = "entries-{}.sqlite3"
OTHERS = re.compile(r"entries-[0-9a-f]{16}\.sqlite3")
AT_ONCE = 500  # keys in one IN (...)
SUM_BYTES = 4  # in front of each content, so that no damaged one is sent
WORDING = ("feeds", "storage")  # the packages that decide what an entry says ...
WRITING = ("feedgen", "jinja2", "lxml")  # ... and the libraries
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS entry (place INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, content BLOB NOT NULL)",
    "CREATE TABLE IF NOT EXISTS complete (base_url TEXT PRIMARY KEY, state TEXT NOT NULL)",
)
SETTINGS = ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=2000", f"mmap_size={MAPPED}")


class EntryFile:
    """The entries of a site, in a data folder that processes may share. Safe to share between threads."""

    def __init__(self, data_dir: Path, base_url: str) -> None:
        self.path = data_dir / FOLDER / NAME.format(_version())
        self._base_url = base_url
        self._lock = threading.Lock()
        self._warned = self._refused = False
        self._open = self._opened()

    def key(self, fmt: FeedFormat, entry: Carried) -> bytes:
        """Return what an entry is kept under: all that decides what it says."""
        parts = (fmt, self._base_url, entry.event_id, entry.first_seen.isoformat(), *entry.vendors)
        return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()

    def read(self, fmt: FeedFormat, carried: Sequence[Carried]) -> dict[str, bytes]:
        """Return what is kept of these entries in a format, by the events' ids."""
        found: dict[str, bytes] = {}
        for event_id, content in self._found("SELECT key, content FROM entry WHERE key IN ({})", fmt, carried):
            whole = _unpacked(content)
            if whole is not None:  # what is damaged is written again
                found[event_id] = whole
        return found

    def missing(self, fmt: FeedFormat, carried: Sequence[Carried]) -> list[Carried]:
        """Return which of these entries are not kept in a format."""
        kept = {event_id for event_id, *_ in self._found("SELECT key FROM entry WHERE key IN ({})", fmt, carried)}
        return [entry for entry in carried if entry.event_id not in kept]

    def keep(self, fmt: FeedFormat, written: Iterable[tuple[Carried, bytes]]) -> None:
        """Keep entries as they were written in a format."""
        rows = [(self.key(fmt, entry), _packed(content)) for entry, content in written]
        self._do("INSERT OR REPLACE INTO entry (key, content) VALUES (?, ?)", rows)

    @property
    def can_keep(self) -> bool:
        """Whether what is written can be kept: not once the file could not be written, until the next start."""
        return self._open is not None and not self._refused

    @property
    def complete(self) -> str:
        """The state of what is published up to which every entry was written, "" if there is none."""
        rows = self._asked("SELECT state FROM complete WHERE base_url = ?", [self._base_url])
        return str(rows[0][0]) if rows else ""

    def now_complete(self, state: str) -> None:
        """Keep that every entry was written up to a state."""
        self._do("INSERT OR REPLACE INTO complete (base_url, state) VALUES (?, ?)", [(self._base_url, state)])

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            if self._open is not None:
                self._open.close()
            self._open = None

    def _found(self, statement: str, fmt: FeedFormat, carried: Sequence[Carried]) -> Iterator[tuple[Any, ...]]:
        """Give the rows of these entries, each with the event's id in the place of its key."""
        for first in range(0, len(carried), AT_ONCE):
            keys = {self.key(fmt, entry): entry.event_id for entry in carried[first : first + AT_ONCE]}
            marks = ",".join("?" * len(keys))
            for key, *more in self._asked(statement.format(marks), list(keys)):
                yield keys[key], *more

    def _asked(self, statement: str, values: Sequence[object]) -> list[Any]:
        with self._lock:
            if self._open is None:
                return []
            try:
                return self._open.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                self._failed(error)
                return []

    def _do(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        with self._lock:
            if self._open is None or self._refused:
                return
            try:
                with self._open:
                    self._open.executemany(statement, rows)
            except sqlite3.Error as error:
                self._refused = True  # a full disk is not tried again for each entry
                self._failed(error)

    def _failed(self, error: Exception) -> None:
        """Go on without what could not be kept or found; a file that is none any more is given up."""
        self._warn(error)
        if self._open is not None and not isinstance(error, sqlite3.OperationalError):
            self._open.close()
            self._open = None
            _delete(self.path)

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            log.warning(
                "written entries cannot be kept; feeds are written anew", file=str(self.path), reason=str(error)
            )
        self._warned = True

    def _opened(self) -> sqlite3.Connection | None:
        """Return the file of this version, made if there is none; those of other versions are deleted."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for other in self.path.parent.iterdir():
                if OTHERS.fullmatch(other.name) and other != self.path:
                    _delete(other)
            try:
                return _connected(self.path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:
                _delete(self.path)  # it is no database; what was in it can be written again
                return _connected(self.path)
        except (OSError, sqlite3.Error) as error:
            self._warn(error)
            return None


def _packed(content: bytes) -> bytes:
    # LZ4: a third larger than zlib would make it, and there again in a quarter of the time.
    compressed: bytes = block.compress(content)
    return isal_zlib.crc32(compressed).to_bytes(SUM_BYTES) + compressed


def _unpacked(packed: bytes) -> bytes | None:
    compressed = packed[SUM_BYTES:]
    if isal_zlib.crc32(compressed) != int.from_bytes(packed[:SUM_BYTES]) or not compressed:
        return None
    content: bytes = block.decompress(compressed)
    return content


def _connected(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, check_same_thread=False)
    try:
        for setting in SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        for statement in SCHEMA:
            connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _delete(file: Path) -> None:
    with suppress(OSError):
        for ending in ("", "-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)


@functools.cache
def _version() -> str:
    """Return what tells apart versions of the program that may write an entry differently."""
    found = hashlib.sha256()
    for package in WORDING:
        for name, content in sorted(_files(importlib.resources.files(package)).items()):
            found.update(f"{name}\0{len(content)}\0".encode() + content)
    for library in WRITING:
        found.update(importlib.metadata.version(library).encode())
    return found.hexdigest()[:16]


def _files(folder: Traversable) -> Mapping[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.name.startswith(("__", "migrations")):
            found |= {f"{entry.name}/{name}": content for name, content in _files(entry).items()}
        elif entry.name.endswith((".py", ".html", ".yaml")):
            found[entry.name] = entry.read_bytes()
    return found
