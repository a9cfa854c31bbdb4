"""Feeds as bytes: each built once for a state of the database, by one thread, and kept while there is room."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime

from isal import igzip

MOST_BYTES = 64 * 1024 * 1024  # of all that is kept
MOST_TAGS = 10_000
LEAST_TO_COMPRESS = 500  # bytes
COMPRESSION = 3  # of zlib; a tenth larger than at 4, in half the time
FEED_COMPRESSION = 2  # of ISA-L: a tenth larger than zlib's 3, in a quarter of its time


@dataclass(frozen=True, slots=True)
class Served:
    """A document as it is sent: its bytes, if they are compressed (gzip), its tag and when it last changed (UTC).

    The tag is weak, since compression changes the bytes but not what they say.
    """

    content: bytes
    is_compressed: bool
    tag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is remembered of a document after its bytes were let go: enough to say that nothing has changed."""

    state: str
    tag: str
    modified: datetime


def served(content: bytes, modified: datetime) -> Served:
    """Return a document's bytes ready to be sent."""
    # Nearly all clients take it compressed, and for the others it is quickly undone: a tenth of the bytes is kept.
    is_compressed = len(content) >= LEAST_TO_COMPRESS
    if is_compressed:
        content = igzip.compress(content, FEED_COMPRESSION, mtime=0)
    tag = hashlib.sha256(content).hexdigest()[:32]
    return Served(content, is_compressed, f'W/"{tag}"', modified.replace(microsecond=0))


class FeedCache:
    """Keeps documents by their key and the state they were built from. Safe to share between threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[str, Served]] = OrderedDict()
        self._known: OrderedDict[Hashable, Known] = OrderedDict()
        self._bytes = 0
        self._building: dict[tuple[Hashable, str], Future[Served]] = {}

    def known(self, key: Hashable, state: str) -> Known | None:
        """Return what is remembered of a document in this state, `None` if nothing."""
        with self._lock:
            known = self._known.get(key)
            return known if known and known.state == state else None

    def document(self, key: Hashable, state: str, build: Callable[[], Served]) -> Served:
        """Return a document, built if it has to be; who asks meanwhile waits for it. Raises what `build` raises."""
        with self._lock:
            kept = self._kept.get(key)
            if kept and kept[0] == state:
                self._kept.move_to_end(key)
                return kept[1]
            waiting = self._building.get((key, state))
            if waiting is None:
                mine = self._building[key, state] = Future[Served]()
        if waiting is not None:
            return waiting.result()
        try:
            built = self._keep(key, state, build())
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(built)
            return built
        finally:
            with self._lock:
                del self._building[key, state]

    def _keep(self, key: Hashable, state: str, built: Served) -> Served:
        with self._lock:
            known = self._known.pop(key, None)
            if known and known.tag == built.tag:  # what it says is as old as before
                built = replace(built, modified=known.modified)
            self._known[key] = Known(state, built.tag, built.modified)
            if len(self._known) > MOST_TAGS:
                self._known.popitem(last=False)
            former = self._kept.pop(key, None)
            self._bytes -= len(former[1].content) if former else 0
            if len(built.content) <= self._most_bytes:
                self._kept[key] = (state, built)
                self._bytes += len(built.content)
            while self._bytes > self._most_bytes:
                _, (_, oldest) = self._kept.popitem(last=False)
                self._bytes -= len(oldest.content)
            return built
