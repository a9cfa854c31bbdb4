"""Opening the files in which people hold FPDS feeds: XML as it is, gzipped, or several in a ZIP archive."""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from sources.errors import excerpt
from sources.fpds.feed import NotAFeed

BLOCK = 64 * 1024
FEED_NAMES = (".xml", ".atom")
DAMAGED = (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, RuntimeError)


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A file, or a file in an archive. `name` holds no folder of this machine; `is_feed`, whether it looks like one."""

    name: str
    is_feed: bool
    open: Callable[[], IO[bytes]]

    def blocks(self) -> Iterator[bytes]:
        """Yield its content, unpacked. Raises `NotAFeed` when it is damaged or breaks off."""
        try:
            with self.open() as stream:
                while block := stream.read(BLOCK):
                    yield block
        except DAMAGED as error:
            raise NotAFeed(f"damaged or cut off: {type(error).__name__}: {error}") from error


def archive_members(file: Path) -> Iterator[ArchiveMember]:
    """Yield what a file holds, by its first bytes, not by its name.

    Raises:
        NotAFeed: a damaged archive, or one with nothing in it.
        OSError: it cannot be opened.
    """
    with file.open("rb") as stream:
        magic = stream.read(4)
    if magic[:2] == b"\x1f\x8b":
        yield ArchiveMember(file.name, True, lambda: cast(IO[bytes], gzip.GzipFile(file)))
    elif magic[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        yield from _members(file)
    else:
        yield ArchiveMember(file.name, True, lambda: file.open("rb"))


def _members(file: Path) -> Iterator[ArchiveMember]:
    try:
        archive = zipfile.ZipFile(file)
    except DAMAGED as error:
        raise NotAFeed(f"damaged or cut off: {type(error).__name__}: {error}") from error
    with archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        for member in members:
            is_feed = member.filename.lower().endswith(FEED_NAMES) and not member.filename.startswith("__MACOSX/")
            name = f"{file.name}/{excerpt(member.filename.encode('utf-8', 'replace'))}"
            yield ArchiveMember(name, is_feed, lambda member=member: archive.open(member))  # type: ignore[misc]
    if not members:
        raise NotAFeed("an archive with nothing in it")
