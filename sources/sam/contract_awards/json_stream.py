"""Reading SAM.gov's contract awards record by record, in bounded memory, each with its own bytes.

A page of the search and the file of an extract have the same shape: an object with the list `awardSummary`, and counts
beside it (`totalRecords` ..., as strings or numbers; before the list in extracts, after it in pages). When nothing is
found there is no list, and the counts are in an object `awardResponse` (measured in 2026). A file may be compressed:
Treasury's loader unpacks a ZIP of one file (dataactbroker/scripts/load_sam_contract.py).
"""

from __future__ import annotations

import codecs
import gzip
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, cast

from sources.errors import SourceChanged

RECORDS = "awardSummary"
TOTAL = "totalRecords"
COUNTS = "awardResponse"  # what holds the counts of a search that finds nothing
CHUNK = 256 * 1024
MAX_VALUE_LENGTH = 4 * 1024 * 1024  # characters; real records have about twelve thousand
MAX_MEMBERS = 50  # names at the top of an answer; real ones have four
BLANK = " \t\r\n"


class _Malformed(Exception):
    """The text is not JSON in the expected shape. The message says where."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record: its fields, with fractions as `Decimal`, and its own bytes."""

    fields: dict[str, object]
    body: bytes


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class _JsonReader:
    """A JSON text that is decoded and parsed only as far as needed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._bytes_to_text = codecs.getincrementaldecoder("utf-8-sig")("strict")
        self._json = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)
        self._text = ""
        self._at = 0
        self._ended = False

    def _more(self) -> bool:
        """Read the next chunk; return whether there was one."""
        if self._ended:
            return False
        chunk = self._stream.read(CHUNK)
        self._ended = not chunk
        self._text = self._text[self._at :] + self._bytes_to_text.decode(chunk, final=self._ended)
        self._at = 0
        return True

    def peek(self) -> str:
        """Skip blanks; return the next character, "" at the end."""
        while True:
            while self._at < len(self._text):
                if self._text[self._at] not in BLANK:
                    return self._text[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, *expected: str) -> str:
        """Skip blanks; return the next character, which must be one of those expected."""
        found = self.peek()
        if found not in expected or not found:
            here = self._text[self._at : self._at + 40]
            raise _Malformed(f"{' or '.join(expected)} expected, not {here!r}")
        self._at += 1
        return found

    def value(self) -> tuple[object, str]:
        """Return the next value and its text."""
        self.peek()
        while True:
            try:
                found, end = self._json.raw_decode(self._text, self._at)
                if end < len(self._text) or self._ended:  # else it may be half a number
                    break
            except (ValueError, ArithmeticError) as error:
                if self._ended:
                    raise _Malformed(f"it breaks off or is no JSON: {error}") from error
            if len(self._text) - self._at > MAX_VALUE_LENGTH:
                raise _Malformed(f"no JSON value ends within {MAX_VALUE_LENGTH} characters")
            self._more()
        text = self._text[self._at : end]
        self._at = end
        return found, text


class RecordStream:
    """A page or a file, read once. After `records()` has ended, `total` is SAM.gov's count of records."""

    def __init__(self, stream: IO[bytes], source: str, request: str) -> None:
        self._json_text = _JsonReader(stream)
        self._source = source
        self._request = request
        self._found_records = False
        self._members: dict[str, object] = {}

    def records(self) -> Iterator[RawRecord]:
        """Give each record.

        Raises:
            SourceChanged: it is not JSON in the expected shape, is cut off, or holds a record that is not an object.
        """
        try:
            yield from self._object()
        except (_Malformed, UnicodeDecodeError, RecursionError, OSError, EOFError, zlib.error) as error:
            raise self._changed(f"the answer cannot be read: {error}") from error
        except zipfile.BadZipFile as error:
            raise self._changed(f"the packed answer is damaged: {error}") from error
        if not self._found_records and (not self._is_counted or self.total):
            raise self._changed(f"no {RECORDS} but {str(self._members)[:200]}")

    @property
    def _is_counted(self) -> bool:
        return TOTAL in self._members or COUNTS in self._members

    @property
    def total(self) -> int:
        """SAM.gov's count of records for the whole search. Raises `SourceChanged` if it is missing."""
        counts = self._members.get(COUNTS)
        value = self._members.get(TOTAL, counts.get(TOTAL) if isinstance(counts, dict) else None)
        if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdecimal())):
            raise self._changed(f"{TOTAL} is no number: {value!r}")
        return int(value)

    def _object(self) -> Iterator[RawRecord]:
        self._json_text.take("{")
        if self._json_text.peek() == "}":
            self._json_text.take("}")
        else:
            end = ","
            while end == ",":
                yield from self._member()
                end = self._json_text.take(",", "}")
        if self._json_text.peek():
            raise _Malformed("something follows its end")

    def _member(self) -> Iterator[RawRecord]:
        name, _text = self._json_text.value()
        if not isinstance(name, str) or len(self._members) > MAX_MEMBERS:
            raise _Malformed(f"a name expected, not {str(name)[:40]!r}")
        self._json_text.take(":")
        if name == RECORDS and not self._found_records:
            self._found_records = True
            yield from self._list()
        else:
            self._members[name] = self._json_text.value()[0]

    def _list(self) -> Iterator[RawRecord]:
        self._json_text.take("[")
        if self._json_text.peek() == "]":
            self._json_text.take("]")
            return
        end = ","
        while end == ",":
            fields, text = self._json_text.value()
            if not isinstance(fields, dict):
                raise _Malformed(f"a record that is no object: {text[:80]!r}")
            yield RawRecord(fields, text.encode())
            end = self._json_text.take(",", "]")

    def _changed(self, what: str) -> SourceChanged:
        return SourceChanged(self._source, self._request, what)


@contextmanager
def unpacked(file: Path, source: str, request: str) -> Iterator[IO[bytes]]:
    """Open a file, decompressing gzip or a ZIP of one file. Raises `SourceChanged` for another archive."""
    with file.open("rb") as stream:
        head = stream.read(2)
    if head == b"PK":
        try:
            with zipfile.ZipFile(file) as packed:
                names = packed.namelist()
                if len(names) != 1:
                    raise SourceChanged(source, request, f"a ZIP of {len(names)} files, not of one")
                with packed.open(names[0]) as stream:
                    yield stream
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:  # damaged, or needs a password
            raise SourceChanged(source, request, f"a ZIP that cannot be opened: {str(error)[:200]}") from error
    elif head == b"\x1f\x8b":
        with gzip.open(file) as unzipped:
            yield cast(IO[bytes], unzipped)
    else:
        with file.open("rb") as stream:
            yield stream
