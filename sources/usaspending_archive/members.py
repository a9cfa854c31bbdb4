"""The CSV files in a ZIP archive, inflated block by block and checked, from a file or from a stream without an end.

With the extra `archive` isal inflates, about twice as fast as zlib.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Protocol, cast

from sources.errors import SourceError, excerpt

inflater: ModuleType = zlib
with suppress(ImportError):
    from isal import isal_zlib

    inflater = isal_zlib

SOURCE = "archive"
READ_SIZE = 1 << 18  # bytes of the archive read at once
MAX_BLOCK = 1 << 20  # bytes that a block is inflated to at most
LOCAL_HEADER = struct.Struct("<4s5H3I2H")
LOCAL_SIGNATURE = b"PK\x03\x04"
DESCRIPTOR_SIGNATURE = b"PK\x07\x08"
END_SIGNATURES = (b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06")
ENCRYPTED, HAS_DESCRIPTOR = 0x1, 0x8
ZIP64_EXTRA = 0x0001
UNKNOWN_SIZE = 0xFFFFFFFF


class DamagedMember(SourceError):
    """A file of an archive, or the archive itself, is damaged, cut off or something else. Other files may be read."""

    fails_step_only = True

    def __init__(self, place: str, came_back: str) -> None:
        super().__init__(SOURCE, place, came_back)
        self.place = place

    def __reduce__(self) -> tuple[type[DamagedMember], tuple[str, str]]:
        return DamagedMember, (self.place, self.came_back)


class Readable(Protocol):
    """A file or a response whose bytes come in order."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, b"" at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A CSV file in an archive: its name, and its size in bytes, inflated and compressed."""

    name: str
    size: int
    compressed: int


def place_of(archive: str, member: str = "") -> str:
    """Return what an error names: the archive, without its folder or host, and the file in it."""
    name = archive.rstrip("/").rpartition("/")[2] or archive
    return f"{name}/{excerpt(member.encode('utf-8', 'replace'))}" if member else name


def is_csv(name: str) -> bool:
    """Whether a file of an archive is one to read, by its name."""
    return name.lower().endswith(".csv") and not name.startswith("__MACOSX/")


def open_location(location: str) -> IO[bytes]:
    """Open a file for reading, by its path or, with the extra `cluster`, by a URL that fsspec knows (s3://...).

    Raises:
        DamagedMember: fsspec, or what it needs for such a URL, is not installed.
        OSError: it cannot be opened.
    """
    if "://" not in location:
        return Path(location).open("rb")
    try:
        import fsspec  # noqa: PLC0415  an optional extra

        return cast(IO[bytes], fsspec.open(location, "rb").open())
    except ImportError as error:
        raise DamagedMember(place_of(location), f'reading it needs the extra "cluster": {error}') from error


def csv_members(location: str) -> list[Member]:
    """Return the CSV files of an archive, in order. A file that is no ZIP archive is one CSV file, without a name.

    Raises:
        DamagedMember: it is no whole ZIP archive, or has no CSV file.
        OSError: it cannot be opened.
    """
    with open_location(location) as file:
        if not _is_zip(file):
            size = file.seek(0, 2)
            return [Member(name="", size=size, compressed=size)]
    with open_location(location) as file, _archive(location, file) as archive:
        members = [
            Member(name=info.filename, size=info.file_size, compressed=info.compress_size)
            for info in archive.infolist()
            if is_csv(info.filename)
        ]
    if not members:
        raise DamagedMember(place_of(location), "an archive with no CSV file in it")
    return members


def member_blocks(location: str, member: str) -> Iterator[bytes]:
    """Yield one file of an archive, inflated, in blocks of at most 1 MB.

    Raises:
        DamagedMember: it is cut off or damaged. What was yielded before may be wrong.
        OSError: the archive cannot be opened.
    """
    place = place_of(location, member)
    with open_location(location) as file:
        if not member and not _is_zip(file):
            while block := file.read(READ_SIZE):
                yield block
            return
        with _archive(location, file) as archive:
            try:
                info = archive.getinfo(member)
            except KeyError as error:
                raise DamagedMember(place, "no such file in the archive") from error
        file.seek(info.header_offset)
        reader = _Reader(file, place)
        header = _read_local_header(reader)
        if header is None:
            raise DamagedMember(place, "the archive's directory points to something else")
        yield from _inflated(reader, header.method, info.compress_size, info.file_size, info.CRC)


def stream_members(file: Readable, name: str) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield the name and the blocks of each CSV file of an archive while it is downloaded, from its beginning.

    The blocks must be read before the next file. `name` is the archive's, for errors.

    Raises:
        DamagedMember: from a file's blocks, too; then nothing after it can be read.
    """
    reader = _Reader(file, place_of(name))
    while (header := _read_local_header(reader)) is not None:
        reader.place = place_of(name, header.name)
        blocks = _streamed(reader, header)
        if is_csv(header.name):
            yield header.name, blocks
        for _block in blocks:  # what the caller left
            pass
        reader.place = place_of(name)


def _is_zip(file: IO[bytes]) -> bool:
    """Return whether a file that was just opened is a ZIP archive, or the beginning of one."""
    magic = file.read(2)
    file.seek(0)
    return magic == LOCAL_SIGNATURE[:2]


def _archive(location: str, file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DamagedMember(place_of(location), f"no whole ZIP archive: {error}") from error


@dataclass(frozen=True, slots=True)
class _LocalHeader:
    name: str
    method: int
    compressed: int | None
    size: int | None
    crc: int | None
    is_zip64: bool


class _Reader:
    """Reads a file or a stream, with a way to put back what was read too far."""

    def __init__(self, file: Readable, place: str) -> None:
        self._file = file
        self._ahead = b""
        self.place = place

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, b"" at the end."""
        if self._ahead:
            found, self._ahead = self._ahead[:size], self._ahead[size:]
            return found
        return self._file.read(size)

    def exactly(self, size: int) -> bytes:
        """Return `size` bytes. Raises `DamagedMember` if there are fewer."""
        found = bytearray()
        while len(found) < size:
            more = self.read(size - len(found))
            if not more:
                raise DamagedMember(self.place, "cut off")
            found += more
        return bytes(found)

    def put_back(self, ahead: bytes) -> None:
        """Return bytes that are to be read again."""
        self._ahead = ahead + self._ahead


def _read_local_header(reader: _Reader) -> _LocalHeader | None:
    """Return the header before a file's data, `None` where the archive's directory begins."""
    signature = reader.exactly(4)
    if signature in END_SIGNATURES:
        return None
    if signature != LOCAL_SIGNATURE:
        raise DamagedMember(reader.place, f"no ZIP archive: {excerpt(signature)}")
    fields = LOCAL_HEADER.unpack(signature + reader.exactly(LOCAL_HEADER.size - 4))
    _, _, flags, method, _, _, crc, compressed, size, name_length, extra_length = fields
    name = reader.exactly(name_length).decode("utf-8" if flags & 0x800 else "cp437", "replace")
    extra = reader.exactly(extra_length)
    if flags & ENCRYPTED:
        raise DamagedMember(reader.place, "encrypted")
    is_zip64, compressed, size = _zip64_sizes(extra, compressed, size)
    if flags & HAS_DESCRIPTOR and not compressed:
        return _LocalHeader(name, method, None, None, None, is_zip64)
    return _LocalHeader(name, method, compressed, size, crc, is_zip64)


def _zip64_sizes(extra: bytes, compressed: int, size: int) -> tuple[bool, int, int]:
    """Return whether a header has the extra field for large files, and the compressed size and the size."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == ZIP64_EXTRA:
            values = [value for (value,) in struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8])]
            size = values.pop(0) if size == UNKNOWN_SIZE and values else size
            compressed = values.pop(0) if compressed == UNKNOWN_SIZE and values else compressed
            return True, compressed, size
        at += 4 + length
    return False, compressed, size


def _streamed(reader: _Reader, header: _LocalHeader) -> Iterator[bytes]:
    """Yield a file of a stream and check it by the header, or by what follows the file."""
    if header.compressed is not None and header.size is not None and header.crc is not None:
        yield from _inflated(reader, header.method, header.compressed, header.size, header.crc)
        return
    if header.method != zipfile.ZIP_DEFLATED:
        raise DamagedMember(reader.place, "its size is not stated before it, so it cannot be read while it comes")
    crc, size = yield from _inflate(reader, None)
    descriptor = reader.exactly(4)
    found = reader.exactly(4) if descriptor == DESCRIPTOR_SIGNATURE else descriptor
    reader.exactly(16 if header.is_zip64 or size > UNKNOWN_SIZE else 8)
    if struct.unpack("<I", found)[0] != crc:
        raise DamagedMember(reader.place, "damaged: its checksum does not fit")


def _inflated(reader: _Reader, method: int, compressed: int, size: int, crc: int) -> Iterator[bytes]:
    if method == zipfile.ZIP_DEFLATED:
        found_crc, found_size = yield from _inflate(reader, compressed)
    elif method == zipfile.ZIP_STORED:
        found_crc, found_size = yield from _stored(reader, compressed)
    else:
        raise DamagedMember(reader.place, f"compressed by a method that is not read: {method}")
    if (found_crc, found_size) != (crc, size):
        raise DamagedMember(reader.place, "damaged: its size or checksum does not fit")


def _inflate(reader: _Reader, compressed: int | None) -> Generator[bytes, None, tuple[int, int]]:
    """Yield inflated blocks of `compressed` bytes, or up to the end of the deflated data; return checksum and size."""
    engine: Any = inflater.decompressobj(-zlib.MAX_WBITS)
    crc = size = 0
    checksum: Callable[[bytes, int], int] = inflater.crc32
    left = compressed
    data = block = b""
    while not engine.eof:
        if not data and len(block) < MAX_BLOCK:  # after a full block there may be more without further data
            data = reader.read(READ_SIZE if left is None else min(READ_SIZE, left))
            if not data:
                raise DamagedMember(reader.place, "cut off")
            left = None if left is None else left - len(data)
        try:
            block = engine.decompress(data, MAX_BLOCK)
        except (zlib.error, getattr(inflater, "error", zlib.error)) as error:
            raise DamagedMember(reader.place, f"damaged: {error}") from error
        data = engine.unconsumed_tail
        if block:
            crc, size = checksum(block, crc), size + len(block)
            yield block
    reader.put_back(engine.unused_data)
    return crc, size


def _stored(reader: _Reader, size: int) -> Generator[bytes, None, tuple[int, int]]:
    crc, left = 0, size
    while left:
        block = reader.read(min(READ_SIZE, left))
        if not block:
            raise DamagedMember(reader.place, "cut off")
        crc, left = zlib.crc32(block, crc), left - len(block)
        yield block
    return crc, size
