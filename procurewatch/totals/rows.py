"""The rows of a table of totals as a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from feeds.pages.compare import title_of
from storage.reading.export_rows import Row
from storage.search.spending import Dimension, SpendingTable, Total

COLUMNS = ("row", "row_name", "column", "column_name", "obligated", "actions", "awards", "is_total")


def table_rows(
    table: SpendingTable, rows: Dimension, columns: Dimension | None, names: Mapping[str, str]
) -> Iterator[Row]:
    """Yield the rows of a table as a file: each cell, then the totals of rows and columns, and the grand total last."""
    row_names = {row.code: title_of(rows, row, names) for row in table.rows}
    column_names = {column.code: title_of(columns, column, names) for column in table.columns} if columns else {}
    for row in table.rows:
        for column in table.columns:
            if total := table.cells.get((row.code, column.code)):
                place = (row.code, row_names[row.code], column.code, column_names[column.code])
                yield _file_row(*place, total, is_total=False)
        yield _file_row(row.code, row_names[row.code], "", "", row.total, is_total=bool(columns))
    for column in table.columns:
        yield _file_row("", "", column.code, column_names[column.code], column.total, is_total=True)
    yield _file_row("", "", "", "", table.total, is_total=True)


def _file_row(row: str, row_name: str, column: str, column_name: str, total: Total, *, is_total: bool) -> Row:
    values = (row, row_name, column, column_name, total.dollars, total.actions, total.awards)
    return dict(zip(COLUMNS, (*values, "yes" if is_total else "no"), strict=True))
