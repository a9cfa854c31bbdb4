"""The tables of the federal AI use-case inventory: a CSV, as bytes, into rows, and what its years share. Pure."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sources.errors import SourceChanged, excerpt
from sources.records import Document, InvalidRecord, Problem, Publication

NOT_IN_A_KEY = re.compile(r"[^A-Z0-9.]+")
EXPLAINS = re.compile(r"If (?:other|no), please explain\.?", re.IGNORECASE)
_QUOTES = str.maketrans("\u2018\u2019", "''")

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryFile:
    """A file of the inventory: of which year, in which repository of GitHub, at which path."""

    year: int
    name: str
    repository: str
    path: str

    @property
    def address(self) -> str:
        """Where its bytes are, below raw.githubusercontent.com."""
        return f"/{self.repository}/main/{self.path}"

    @property
    def page(self) -> str:
        """Where a reader finds it."""
        return f"https://github.com/{self.repository}/blob/main/{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One row, read: `tie` tells it from another row of the same key."""

    record: Publication
    tie: str


def read_table(document: Document, source: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and each row that holds anything with its number in the file."""
    if not document.body.endswith((b"\n", b"\r")):
        raise SourceChanged(source, document.url, f"a file that is cut off: {excerpt(document.body[-200:])}")
    text = _decoded(document.body).replace("\x00", "")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        table = [(number, [_clean(cell) for cell in cells]) for number, cells in enumerate(lines, 1)]
    except csv.Error as error:
        raise SourceChanged(source, document.url, f"not a whole table: {error}") from error
    header = _named(table[0][1]) if table else []
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise SourceChanged(source, document.url, f"columns that are there twice: {twice}")
    return header, [(number, cells) for number, cells in table[1:] if any(cells)]


def _decoded(body: bytes) -> str:
    """Return the text of a file: each line in UTF-8, or in windows-1252 where it cannot be UTF-8, as in 2024."""
    lines = body.removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)
    return "".join(map(_line, lines))


def _line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("windows-1252", "replace")


def _named(header: Sequence[str]) -> list[str]:
    """Return the columns of a header; one that explains the column before it is named after that."""
    named: list[str] = []
    for cell in header:
        name = cell.translate(_QUOTES)
        named.append(f"{named[-1]} - explained" if named and EXPLAINS.fullmatch(name) else name)
    return named


def row_of(header: Sequence[str], cells: Sequence[str], number: int) -> Row:
    """Return a row's cells by column. Raises `InvalidRecord`: one too few or too many may have shifted all the rest."""
    if len(cells) != len(header):
        raise InvalidRecord(f"row {number} has {len(cells)} cells, not {len(header)}")
    return dict(zip(header, cells, strict=True))


def _clean(cell: str) -> str:
    """Return a cell without what Excel left of its line ends, on one line per paragraph."""
    lines = (" ".join(line.split()) for line in cell.replace("_x000D_", "\n").splitlines())
    return "\n".join(line for line in lines if line)


def digest(parts: Sequence[str] | Row) -> str:
    """Return a short digest of texts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def key_of(year: int, *parts: str) -> str:
    """Return a key made of a year and of parts, whatever stands in them."""
    safe = [NOT_IN_A_KEY.sub("-", part.upper()).strip("-") for part in parts]
    return "_".join(("AI_USE_CASE", str(year), *safe))


def problem(year: int, name: str, reason: str, document: Document, source: str) -> Problem:
    """Return a row that could not be read."""
    return Problem(source=source, key=key_of(year, "ROW", name), reason=reason, documents=(document,))


def told_apart(read: Sequence[Read], year: int, document: Document, source: str) -> Iterator[Publication | Problem]:
    """Give each record a key of its own: agencies may leave the ID out or use one for two use cases."""
    different = list({(row.record.key, row.record.revision): row for row in read}.values())
    times = Counter(row.record.key for row in different)
    given: set[str] = set()
    for row in different:
        record = row.record
        if times[record.key] > 1:
            record = replace(record, key=f"{record.key}_{digest([row.tie])}")
        if record.key not in given:
            given.add(record.key)
            yield record
        else:
            yield problem(year, record.revision, f"a second row for {record.key}", document, source)
