"""Responses and values cached until the publication version changes (every transaction that publishes increments it).

A session given here must be one of `Database.reading`, which sees one version as long as it lasts.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy.orm import Session

from procurewatch.web.responses import Body
from storage.reading.records import load_publication_version

MAX_BYTES = 128 * 1024 * 1024  # of all bodies in the cache

Value = TypeVar("Value")


def publication_version(session: Session) -> tuple[str, datetime | None]:
    """Return the publication version and when it last changed (UTC); a session reads it once."""
    if "publication" not in session.info:
        session.info["publication"] = load_publication_version(session)
    version: tuple[str, datetime | None] = session.info["publication"]
    return version


class CachedValue(Generic[Value]):
    """A value read from the database, and read again when the publication version has changed. Thread-safe."""

    def __init__(self, read: Callable[[Session], Value]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._cached: tuple[str, Value] | None = None

    def get(self, session: Session) -> Value:
        """Return the value at the version that a session sees."""
        version, _ = publication_version(session)
        with self._lock:
            if self._cached is None or self._cached[0] != version:
                self._cached = (version, self._read(session))
            return self._cached[1]


class ResponseCache:
    """Bodies of pages and feeds by key and version; the least recently used are dropped. Thread-safe."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._cached: OrderedDict[Hashable, tuple[str, Body]] = OrderedDict()
        self._bytes = 0
        self._building: dict[tuple[Hashable, str], Future[Body]] = {}

    def get(self, key: Hashable, version: str, build: Callable[[], Body]) -> Body:
        """Return the body of a key at a version. One thread builds it, others wait. Raises what `build` raises."""
        with self._lock:
            cached = self._cached.get(key)
            if cached and cached[0] == version:
                self._cached.move_to_end(key)
                return cached[1]
            other = self._building.get((key, version))
            if other is None:
                mine = self._building[key, version] = Future[Body]()
        if other is not None:
            return other.result()
        try:
            built = self._store(key, version, build())
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(built)
            return built
        finally:
            with self._lock:
                del self._building[key, version]

    def _store(self, key: Hashable, version: str, body: Body) -> Body:
        with self._lock:
            _, former = self._cached.pop(key, ("", None))
            if former:
                self._bytes -= len(former.content)
                if former.etag == body.etag:  # unchanged since the earlier version
                    body = replace(body, modified=former.modified)
            self._cached[key] = (version, body)
            self._bytes += len(body.content)
            while self._bytes > self._max_bytes:
                _, (_, oldest) = self._cached.popitem(last=False)
                self._bytes -= len(oldest.content)
            return body
