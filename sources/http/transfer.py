"""Large files that are read while they come. After a lost connection a transfer goes on at the byte where it stopped.

It asks for the rest with Range and If-Range (RFC 9110, sections 13.1.5 and 14.2). From a server without ranges it reads
the beginning again and leaves it out. It never joins parts of two versions of a file.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

from sources.errors import SourceChanged, Unreachable
from sources.http.client import PART_SIZE, Client, OpenResponse
from sources.http.status import RetryableError

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)")
AS_STORED = {"Accept-Encoding": "identity"}


class FileChanged(SourceChanged):
    """Another version of a file has replaced the one whose beginning was read."""

    fails_step_only = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """What a server states about a file. `size` is in bytes, `None` if it is not stated."""

    url: str
    size: int | None
    etag: str = ""
    modified: str = ""

    @classmethod
    def of(cls, response: OpenResponse) -> RemoteFile:
        """Return what a response states."""
        header = response.headers
        _, total = _content_range(response)
        length = header.get("content-length", "")
        size = total if response.status != 200 else int(length) if length.isdecimal() else None
        return cls(url=response.url, size=size, etag=header.get("etag", ""), modified=header.get("last-modified", ""))

    @property
    def validator(self) -> str:
        """The value of If-Range, "" if there is none: a weak ETag does not promise equal bytes."""
        return self.modified if self.etag.startswith("W/") or not self.etag else self.etag

    def is_same(self, other: RemoteFile) -> bool:
        """Return whether nothing that is stated speaks against two responses having the same bytes."""
        pairs = ((self.size, other.size), (self.etag, other.etag), (self.modified, other.modified))
        return all(ours == theirs or not ours or not theirs for ours, theirs in pairs)


def remote_file(client: Client, path: str, *, host: str = "") -> RemoteFile:
    """Return what a server states about a file, without reading it. Raises `SourceError`."""
    failures = 0
    while True:
        try:
            with client.opened(path, host=host, method="HEAD", headers=AS_STORED) as response:
                return RemoteFile.of(response)
        except RetryableError as error:
            failures += 1
            client.wait_to_retry(f"HEAD {path}", failures, error)


class Transfer:
    """A file of a source. Iterate over it once.

    Args:
        client: the source's client.
        path: below the URL of the extra host named `host`, or of the source itself.
        start: the number of bytes that an earlier transfer has stored.
        known: what the server stated about the file then, `None` if nothing is known.
    """

    def __init__(
        self, client: Client, path: str, *, host: str = "", start: int = 0, known: RemoteFile | None = None
    ) -> None:
        self.position = start
        self.remote = known
        self._client = client
        self._path = path
        self._host = host
        self._name = f"GET {path}"

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes from `position` to the end, over as many connections as it takes.

        Raises:
            FileChanged: the file is another one now.
            SourceError: another of its subclasses; after too many connections in a row that gave hardly anything.
        """
        failures = 0
        while True:
            before = self.position
            try:
                yield from self._one_connection()
            except RetryableError as error:
                failures = 1 if self.position - before >= PART_SIZE else failures + 1
                self._client.wait_to_retry(self._name, failures, error)
                continue
            return

    def _one_connection(self) -> Generator[bytes, None, None]:
        headers = dict(AS_STORED)
        if self.position:
            headers["Range"] = f"bytes={self.position}-"
            if self.remote and self.remote.validator:
                headers["If-Range"] = self.remote.validator
        with self._client.opened(self._path, host=self._host, headers=headers) as response:
            self._check_version(response)
            if response.status == 416:
                return
            to_skip = self.position if response.status == 200 else 0
            for chunk in response.chunks:
                kept = chunk[to_skip:]
                to_skip -= len(chunk) - len(kept)
                if kept:
                    self.position += len(kept)
                    yield kept
        if self.remote and self.remote.size is not None and self.position != self.remote.size:
            reason = f"{self.position} of {self.remote.size} bytes received"
            raise RetryableError(Unreachable(self._client.source, self._name, reason))

    def _check_version(self, response: OpenResponse) -> None:
        """Note what the response states about the file. Raises `FileChanged` if it does not continue what was read."""
        remote = RemoteFile.of(response)
        start, total = _content_range(response)
        is_other = self.remote is not None and not self.remote.is_same(remote)
        is_elsewhere = response.status == 206 and start != self.position
        is_past_the_end = response.status == 416 and total != self.position
        if is_other or is_elsewhere or is_past_the_end:
            reason = "the file was replaced by another one while it was read; it has to be read again"
            raise FileChanged(self._client.source, self._name, reason, status=response.status)
        self.remote = remote


class TransferReader(io.RawIOBase):
    """A transfer as a file that is read once, from the beginning to the end. `on_read` gets what was read."""

    def __init__(self, transfer: Transfer, on_read: Callable[[memoryview], None] = lambda _read: None) -> None:
        super().__init__()
        self._chunks = iter(transfer)
        self._rest = memoryview(b"")
        self._on_read = on_read

    def readable(self) -> bool:
        """Return true: it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read the next bytes into a buffer; return how many, 0 at the end. Raises `SourceError`."""
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._on_read(self._rest[:size])
        self._rest = self._rest[size:]
        return size


def _content_range(response: OpenResponse) -> tuple[int | None, int | None]:
    """Return where a partial response starts and how large the whole file is, `None` for what it does not state."""
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
    return (int(found[1]) if found and found[1] else None, int(found[2]) if found else None)
