"""The CSV files of the AI use-case inventory: bytes to rows, and a key for each record. Pure."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sources.errors import SourceChanged, excerpt
from sources.fields import decode_entities
from sources.records import Document, InvalidRecord, Problem, Publication

NOT_IN_A_KEY = re.compile(r"[^A-Z0-9.]+")
EXPLANATION = re.compile(r"If (?:other|no), please explain\.?", re.IGNORECASE)
_QUOTES = str.maketrans("\u2018\u2019", "''")

Row = Mapping[str, str]


def read_table(document: Document, source: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and each row that is not empty with its number in the file.

    Raises:
        SourceChanged: the file is cut off, is no CSV, or names a column twice.
    """
    if not document.body.endswith((b"\n", b"\r")):
        raise SourceChanged(source, document.url, f"a file that is cut off: {excerpt(document.body[-200:])}")
    lines = csv.reader(io.StringIO(_decode(document.body).replace("\x00", ""), newline=""), strict=True)
    try:
        table = [(number, [_clean(cell) for cell in cells]) for number, cells in enumerate(lines, 1)]
    except csv.Error as error:
        raise SourceChanged(source, document.url, f"not a whole table: {error}") from error
    header = _column_names(table[0][1]) if table else []
    if twice := [name for name, times in Counter(header).items() if times > 1]:
        raise SourceChanged(source, document.url, f"columns that are there twice: {twice}")
    return header, [(number, cells) for number, cells in table[1:] if any(cells)]


def _decode(body: bytes) -> str:
    """Decode each line as UTF-8, or as windows-1252 where it is not UTF-8, as in 2024."""
    return "".join(map(_decode_line, body.removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)))


def _decode_line(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("windows-1252", "replace")


def _clean(cell: str) -> str:
    """Return a cell with one line per paragraph, without Excel's escaped line ends."""
    lines = (" ".join(line.split()) for line in decode_entities(cell).replace("_x000D_", "\n").splitlines())
    return "\n".join(line for line in lines if line)


def _column_names(header: Sequence[str]) -> list[str]:
    """Return the columns of a header; one that explains the column before it is named after that."""
    names: list[str] = []
    for cell in header:
        name = cell.translate(_QUOTES)
        names.append(f"{names[-1]} - explained" if names and EXPLANATION.fullmatch(name) else name)
    return names


def row_of(header: Sequence[str], cells: Sequence[str], number: int) -> Row:
    """Return a row's cells by column. Raises `InvalidRecord` if there are too few or too many of them."""
    if len(cells) != len(header):
        raise InvalidRecord(f"row {number} has {len(cells)} cells, not {len(header)}")
    return dict(zip(header, cells, strict=True))


def digest(parts: Sequence[str] | Row) -> str:
    """Return 16 hex digits of a SHA-256 over texts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def key_of(year: int, *parts: str) -> str:
    """Return a record's key, made of the year and of any texts."""
    safe = [NOT_IN_A_KEY.sub("-", part.upper()).strip("-") for part in parts]
    return "_".join(("AI_USE_CASE", str(year), *safe))


def problem(year: int, name: str, reason: str, document: Document, source: str) -> Problem:
    """Return a row that could not be read."""
    return Problem(source=source, key=key_of(year, "ROW", name), reason=reason, documents=(document,))


def with_unique_keys(read: Sequence[tuple[Publication, str]], year: int) -> Iterator[Publication | Problem]:
    """Give each record a key of its own: agencies may leave the ID out or use one ID for two use cases.

    Args:
        read: each record, and what tells it from another record of the same key.
        year: the year of the inventory, for the keys of problems.
    """
    different = list({(record.key, record.revision): (record, tie) for record, tie in read}.values())
    times = Counter(record.key for record, _ in different)
    given: set[str] = set()
    for found, tie in different:
        is_shared = times[found.key] > 1
        record = replace(found, key=f"{found.key}_{digest([tie])}") if is_shared else found
        if record.key not in given:
            given.add(record.key)
            yield record
        else:
            reason = f"a second row for {record.key}"
            yield problem(year, record.revision, reason, record.documents[0], record.source)
