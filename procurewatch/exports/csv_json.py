"""Rows as CSV and JSON. Spreadsheet formulas and terminal control characters in the data are neutralized."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal

from feeds.text import clean
from monitors.watchlist.csv_io import FORMULA_STARTS
from storage.reading.export_rows import Row, Value

CHUNK_SIZE = 64 * 1024  # characters


def csv_bytes(columns: Iterable[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield rows as CSV in UTF-8, with a header.

    Control characters are removed. Text that a spreadsheet would run as a formula gets a quote in front.
    """
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=list(columns))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
        if out.tell() > CHUNK_SIZE:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def json_bytes(rows: Iterable[Row], members: Mapping[str, object]) -> Iterator[bytes]:
    """Yield a JSON object of `members` and `rows`, one row per line.

    Amounts are strings, so that no reader rounds them. Non-ASCII characters are escaped, so that control and direction
    marks cannot act in a terminal.
    """
    yield f"{json.dumps({**members, 'rows': []})[:-3]}".encode()
    yield from array_bytes(map(_json_row, rows))
    yield b"}\n"


def json_lines_bytes(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yield the same rows as JSON Lines: each line is an object."""
    lines = ""
    for row in rows:
        lines += f"{_json_row(row)}\n"
        if len(lines) > CHUNK_SIZE:
            yield lines.encode()
            lines = ""
    yield lines.encode()


def _json_row(row: Row) -> str:
    return json.dumps({name: _json_value(value) for name, value in row.items()})


def array_bytes(items: Iterable[str]) -> Iterator[bytes]:
    """Yield a JSON array of items that are JSON, one item per line, in chunks."""
    chunk, separator = "[", "\n"
    for item in items:
        chunk += separator + item
        separator = ",\n"
        if len(chunk) > CHUNK_SIZE:
            yield chunk.encode()
            chunk = ""
    yield f"{chunk}\n]\n".encode()


def _json_value(value: Value) -> str | int | float | None:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _cell(value: Value) -> str:
    """Return a value as a CSV cell."""
    if value is None:
        return ""
    return text_cell(value) if isinstance(value, str) else str(_json_value(value))


def text_cell(text: str) -> str:
    """Return text as a cell that no spreadsheet runs as a formula."""
    cleaned = clean(text)
    return f"'{cleaned}" if cleaned.lstrip(" ").startswith(FORMULA_STARTS) else cleaned
