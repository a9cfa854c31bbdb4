"""Rows as an Excel workbook: the data, the meaning of every column, and where the data are from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from tempfile import TemporaryFile
from typing import Any

from feeds.text import clean
from storage.reading.export_rows import ExportColumn, Row, Value
from storage.schema.fields import FieldType

CHUNK_SIZE = 1024 * 1024  # bytes
MAX_ROWS = 1_048_575  # of a worksheet, without its header
MAX_TEXT = 32_767  # characters of a cell
FIRST_YEAR = 1900  # Excel has no dates before it
FORMATS = {FieldType.DOLLARS: "#,##0.00", FieldType.DATE: "yyyy-mm-dd", FieldType.TIME: "yyyy-mm-dd hh:mm:ss"}


class TooManyRows(Exception):
    """A worksheet cannot have so many rows. The message says what to do."""


def xlsx_bytes(columns: Mapping[str, ExportColumn], rows: Iterable[Row], notes: Sequence[str]) -> Iterator[bytes]:
    """Yield a workbook in chunks; it is written to a temporary file first.

    Amounts are numbers, dates and times (UTC) are dates. Text is never a formula. Control characters are removed.

    Args:
        notes: the lines of the sheet "about".

    Raises:
        TooManyRows: there are more rows than a worksheet can have.
    """
    from openpyxl import Workbook  # noqa: PLC0415  takes long to import

    book = Workbook(write_only=True)
    data = book.create_sheet("data")
    data.freeze_panes = "A2"
    data.append(list(columns))
    for number, row in enumerate(rows, start=1):
        if number > MAX_ROWS:
            data.close()
            raise TooManyRows(
                f"an Excel sheet has at most {MAX_ROWS:,} rows; narrow the search, or export csv or parquet"
            )
        data.append([_cell(data, row[name], column.type) for name, column in columns.items()])
    meanings = book.create_sheet("columns")
    meanings.append(["column", "meaning"])
    for name, column in columns.items():
        meanings.append([_cell(meanings, name), _cell(meanings, column.meaning)])
    about = book.create_sheet("about")
    for note in notes:
        about.append([_cell(about, note)])
    with TemporaryFile(prefix="procurewatch-") as file:
        book.save(file)
        file.seek(0)
        while chunk := file.read(CHUNK_SIZE):
            yield chunk


def _cell(sheet: Any, value: Value, kind: FieldType = FieldType.TEXT) -> Any:
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415

    if isinstance(value, date) and value.year < FIRST_YEAR:
        value = value.isoformat()
    elif isinstance(value, datetime):
        value = value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet, clean(value)[:MAX_TEXT])
        cell.data_type = "s"  # else "=..." would be a formula
        return cell
    cell = WriteOnlyCell(sheet, value)  # type: ignore[arg-type]  # it takes decimals and dates too
    if kind in FORMATS:
        cell.number_format = FORMATS[kind]
    return cell
