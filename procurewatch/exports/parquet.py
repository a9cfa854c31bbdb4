"""Rows as Parquet, for those who have installed what writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from procurewatch.exports.stream_buffer import Spout
from storage.reading.export_rows import Kind, Row

ROWS_IN_A_GROUP = 20_000


class ParquetMissing(Exception):
    """Parquet cannot be written here. The message says what to install."""


def parquet_bytes(columns: Mapping[str, Kind], rows: Iterable[Row]) -> Iterator[bytes]:
    """Give rows as a Parquet file, a row group at a time.

    Amounts are decimals with two places, days `date32`, times `timestamp[us, UTC]`: nothing is rounded.

    Raises:
        ParquetMissing: pyarrow is not installed.
    """
    arrow, parquet = _installed()
    schema = arrow.schema([arrow.field(name, _type(arrow, kind)) for name, kind in columns.items()])
    return _groups(arrow, parquet, schema, rows)


def _groups(arrow: Any, parquet: Any, schema: Any, rows: Iterable[Row]) -> Iterator[bytes]:
    spout, left = Spout(), iter(rows)
    with parquet.ParquetWriter(arrow.PythonFile(spout, mode="w"), schema, compression="zstd") as writer:
        while group := list(islice(left, ROWS_IN_A_GROUP)):
            writer.write_table(arrow.Table.from_pylist([_plain(row) for row in group], schema=schema))
            yield spout.take()
    yield spout.take()


def _plain(row: Row) -> dict[str, object]:
    # A lone surrogate is no UTF-8; nothing else in a text offends Parquet.
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }


def _type(arrow: Any, kind: Kind) -> Any:
    return {
        Kind.TEXT: arrow.string(),
        Kind.DOLLARS: arrow.decimal128(20, 2),
        Kind.DAY: arrow.date32(),
        Kind.MOMENT: arrow.timestamp("us", tz="UTC"),
        Kind.SCORE: arrow.float64(),
        Kind.COUNT: arrow.int64(),
    }[kind]


def _installed() -> tuple[Any, Any]:
    try:
        import pyarrow  # noqa: PLC0415  large, and wanted by few
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError:
        raise ParquetMissing(
            "Parquet needs pyarrow, which is not installed: pip install 'procurewatch[exports]'"
        ) from None
    return pyarrow, pyarrow.parquet
