"""Rows as CSV and as JSON. Hostile text does no harm: not in a spreadsheet, not in a terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal

from feeds.text import clean
from monitors.watchlist.csv_io import FORMULA_STARTS
from storage.reading.export_rows import Row, Value

PIECE = 64 * 1024  # characters in a piece, about


def csv_bytes(columns: Iterable[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """Give rows as CSV in UTF-8, with a header.

    Text is cleaned of control characters; what a spreadsheet would run is defused with a quote in front.
    """
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=list(columns))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
        if out.tell() > PIECE:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def json_bytes(rows: Iterable[Row]) -> Iterator[bytes]:
    """Give rows as a JSON array, a row a line. Amounts are strings, lest a reader round them.

    All but ASCII is escaped, so that text is as the source has it and yet turns nothing round in a terminal.
    """
    yield from array_bytes({name: _json_value(value) for name, value in row.items()} for row in rows)


def array_bytes(items: Iterable[object]) -> Iterator[bytes]:
    """Give a JSON array, an item a line, in pieces of some size."""
    piece, size, before = ["["], 1, "\n"
    for item in items:
        line = json.dumps(item)
        piece += (before, line)
        size += len(line)
        before = ",\n"
        if size > PIECE:
            yield "".join(piece).encode()
            piece, size = [], 0
    yield "".join((*piece, "\n]\n")).encode()


def _json_value(value: Value) -> str | int | float | None:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _cell(value: Value) -> str:
    """Return the cell of a value; numbers stay numbers."""
    if value is None:
        return ""
    return text_cell(value) if isinstance(value, str) else str(_json_value(value))


def text_cell(text: str) -> str:
    """Return text as the cell of a spreadsheet that cannot take it for a formula."""
    cleaned = clean(text)
    return f"'{cleaned}" if cleaned.lstrip(" ").startswith(FORMULA_STARTS) else cleaned
