"""Downloading archives into a folder. An interrupted download continues, in the same process or in a later one.

Until a file is complete it is called `NAME.part`. What the server stated about it is beside it, in `NAME.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sources.errors import SourceChanged, excerpt
from sources.http.client import Client
from sources.http.transfer import FileChanged, RemoteFile, Transfer
from sources.usaspending_archive.listing import FILES, ArchiveFile
from sources.usaspending_archive.members import open_location

BLOCK = 1024 * 1024
# The host of the files was seen to refuse an address after 4 GB in six files within twelve minutes.
BYTES_PER_SECOND = 5_000_000
OnBytes = Callable[[int, int | None], None]  # bytes of the file so far, and all its bytes if known


class Pace:
    """Keeps the downloads of this process below `BYTES_PER_SECOND`, on average: it waits between two files."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next = 0.0

    def wait(self, client: Client) -> float:
        """Wait until the next file may be downloaded; return when it begins. Raises `Stopped`."""
        if (seconds := self._next - self._clock()) > 0:
            client.wait(seconds)
        return self._clock()

    def count(self, began: float, size: int) -> None:
        """Count a download that began then and had so many bytes."""
        self._next = began + size / BYTES_PER_SECOND


PACE = Pace()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFile:
    """A whole file, at a path or an fsspec URL: its SHA-256, its size in bytes, and what the server stated about it."""

    location: str
    sha256: str
    size: int
    etag: str = ""
    modified: str = ""


def download(client: Client, file: ArchiveFile, folder: Path, on_bytes: OnBytes) -> LocalFile:
    """Return a file in `folder`; download it, or the rest of it, if it is not there. `folder` must exist.

    Raises:
        SourceChanged: what came is no whole ZIP archive. Nothing of it is left.
        SourceError: another of its subclasses. What came so far is left for the next time.
        OSError: the disk is full, or the folder cannot be written.
    """
    target, part, note = (folder / f"{file.name}{suffix}" for suffix in ("", ".part", ".json"))
    if target.exists() and (stated := _noted(note)):
        return hash_file(str(target), on_bytes, stated)
    try:
        found = _fetch(client, file, part, note, on_bytes)
    except FileChanged:  # another version replaced it since: begin with that
        delete_download(folder, file.name)
        found = _fetch(client, file, part, note, on_bytes)
    if reason := why_no_archive(part):
        delete_download(folder, file.name)
        raise SourceChanged(client.source, f"GET {file.path}", reason)
    part.replace(target)
    return replace(found, location=str(target))


def delete_download(folder: Path, name: str) -> None:
    """Delete a downloaded file, or what there is of it."""
    for suffix in ("", ".part", ".json"):
        (folder / f"{name}{suffix}").unlink(missing_ok=True)


def hash_file(location: str, on_bytes: OnBytes, stated: RemoteFile | None = None) -> LocalFile:
    """Return a file, at a path or an fsspec URL, with its hash. Raises `DamagedMember` and `OSError`."""
    digest, size = hashlib.sha256(), 0
    with open_location(location) as content:
        total = content.seek(0, os.SEEK_END)
        content.seek(0)
        while block := content.read(BLOCK):
            digest.update(block)
            size += len(block)
            on_bytes(size, total)
    return LocalFile(
        location=location,
        sha256=digest.hexdigest(),
        size=size,
        etag=stated.etag if stated else "",
        modified=stated.modified if stated else "",
    )


def why_no_archive(path: Path) -> str:
    """Return why a file is no whole ZIP archive, "" if it is one. Its files are checked when they are read."""
    try:
        with zipfile.ZipFile(path):
            return ""
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        with path.open("rb") as content:
            beginning = content.read(200)
        if beginning.startswith(b"PK"):
            return f"an incomplete or damaged ZIP archive of {path.stat().st_size} bytes: {error}"
        return f"not a ZIP archive: {excerpt(beginning)}"


def _fetch(client: Client, file: ArchiveFile, part: Path, note: Path, on_bytes: OnBytes) -> LocalFile:
    """Download the file, or the rest of it."""
    stated = _noted(note)
    start = part.stat().st_size if stated and part.exists() else 0
    digest = hashlib.sha256()
    began = PACE.wait(client)
    transfer = Transfer(client, file.path, host=FILES, start=start, known=stated if start else None)
    with part.open("r+b" if start else "wb") as target:
        while target.tell() < start:
            digest.update(target.read(min(BLOCK, start - target.tell())))
        for chunk in transfer:
            if transfer.remote and transfer.remote != stated:
                stated = transfer.remote
                _write_note(note, stated)
            target.write(chunk)
            target.flush()  # a killed process continues here
            digest.update(chunk)
            on_bytes(transfer.position, stated.size if stated else None)
    PACE.count(began, transfer.position - start)
    etag, modified = (stated.etag, stated.modified) if stated else ("", "")
    return LocalFile(
        location=str(part), sha256=digest.hexdigest(), size=transfer.position, etag=etag, modified=modified
    )


def _noted(note: Path) -> RemoteFile | None:
    """Return what the server stated about a file when it was downloaded, `None` if that is not known."""
    try:
        return RemoteFile(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_note(note: Path, remote: RemoteFile) -> None:
    temporary = note.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(remote)), encoding="utf-8")
    temporary.replace(note)
