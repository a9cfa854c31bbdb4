"""Rows as a pandas DataFrame. Needs pandas, which is an optional dependency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from storage.reading.export_rows import Row, Value
from storage.schema.fields import FieldType

if TYPE_CHECKING:
    from pandas import DataFrame

# Dollars are `decimal.Decimal`: sums of floating-point numbers are not exact to the cent. Days and times have units
# that reach beyond the year 2262, because some records state such days.
DTYPES: Mapping[FieldType, str] = {
    FieldType.TEXT: "string",
    FieldType.TEXTS: "string",  # joined with semicolons
    FieldType.DOLLARS: "object",
    FieldType.DATE: "datetime64[s]",
    FieldType.TIME: "datetime64[us, UTC]",
    FieldType.SCORE: "float64",
    FieldType.COUNT: "Int64",
}


class PandasMissing(ImportError):
    """pandas is not installed. The message says how to install it."""


def data_frame(columns: Mapping[str, FieldType], rows: Iterable[Row]) -> DataFrame:
    """Return a DataFrame with these columns, also if there are no rows. Missing values are `NA`, `NaT` or `None`.

    Raises:
        PandasMissing: pandas is not installed.
    """
    try:
        import pandas  # noqa: PLC0415  large and optional
    except ImportError:
        raise PandasMissing(
            "DataFrames need pandas, which is not installed: pip install 'procurewatch[notebook]'"
        ) from None
    values: dict[str, list[Value]] = {name: [] for name in columns}
    for row in rows:
        for name, column in values.items():
            column.append(row[name])
    return pandas.DataFrame({name: _series(values[name], kind) for name, kind in columns.items()})


def _series(values: list[Value], kind: FieldType) -> Any:
    import pandas  # noqa: PLC0415

    if kind is FieldType.DATE:
        import numpy  # noqa: PLC0415  pandas has brought it

        return pandas.Series(numpy.array(values, dtype=DTYPES[kind]))
    return pandas.Series(values, dtype=DTYPES[kind])
