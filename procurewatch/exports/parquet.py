"""Rows as Parquet. Needs pyarrow, which is an optional dependency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

from procurewatch.exports.stream_buffer import StreamBuffer
from procurewatch.query_coverage import About
from storage.reading.export_rows import ExportColumn, Row
from storage.schema.fields import FieldType

ROW_GROUP_SIZE = 20_000
DIGITS, CENTS = 20, 2  # of an amount
MAX_DOLLARS = Decimal(10) ** (DIGITS - CENTS)


class ParquetMissing(Exception):
    """pyarrow is not installed. The message says how to install it."""


def parquet_bytes(columns: Mapping[str, ExportColumn], rows: Iterable[Row], about: About) -> Iterator[bytes]:
    """Yield a Parquet file, one row group at a time.

    Amounts are `decimal128(20, 2)`, dates `date32`, times `timestamp[us, UTC]`. The file's metadata has the members of
    `about`, that of a column its meaning.

    Raises:
        ParquetMissing: pyarrow is not installed.
    """
    arrow, parquet = _import_pyarrow()
    fields = (
        arrow.field(name, _type(arrow, column.type), metadata={"description": column.meaning})
        for name, column in columns.items()
    )
    schema = arrow.schema(list(fields), metadata=about.as_texts())
    return _row_groups(arrow, parquet, schema, rows)


def check_row(row: Row) -> None:
    """Raise `ValueError` for a row with an amount that has too many digits."""
    for name, value in row.items():
        if isinstance(value, Decimal) and abs(value) >= MAX_DOLLARS:
            raise ValueError(f"{name} has more than {DIGITS} digits, the most of an amount in Parquet")


def _row_groups(arrow: Any, parquet: Any, schema: Any, rows: Iterable[Row]) -> Iterator[bytes]:
    buffer, remaining = StreamBuffer(), iter(rows)
    with parquet.ParquetWriter(arrow.PythonFile(buffer, mode="w"), schema, compression="zstd") as writer:
        while group := list(islice(remaining, ROW_GROUP_SIZE)):
            writer.write_table(arrow.Table.from_pylist([_encodable(row) for row in group], schema=schema))
            yield buffer.take()
    yield buffer.take()


def _encodable(row: Row) -> dict[str, object]:
    # Lone surrogates cannot be encoded as UTF-8.
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }


def _type(arrow: Any, kind: FieldType) -> Any:
    return {
        FieldType.TEXT: arrow.string(),
        FieldType.TEXTS: arrow.string(),  # joined with semicolons
        FieldType.DOLLARS: arrow.decimal128(DIGITS, CENTS),
        FieldType.DATE: arrow.date32(),
        FieldType.TIME: arrow.timestamp("us", tz="UTC"),
        FieldType.SCORE: arrow.float64(),
        FieldType.COUNT: arrow.int64(),
    }[kind]


def _import_pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415  large and optional
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise ParquetMissing(
            "Parquet needs pyarrow, which is not installed: pip install 'procurewatch[exports]'"
        ) from None
    return pyarrow, pyarrow.parquet
