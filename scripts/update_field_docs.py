"""Write the tables of columns in docs/querying-sql.md and docs/exports.md: `python scripts/update_field_docs.py`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from storage.reading.export_rows import EXPORT_COLUMNS, SHARED_COLUMNS, RowType
from storage.schema.fields import RECORD_FIELDS
from storage.schema.sql_views import VIEWS

DOCS = Path(__file__).parents[1] / "docs"


def with_rows(page: str, heading: str, rows: Iterable[tuple[str, str]]) -> str:
    """Return the page with these rows in the first table below a heading."""
    before, found, after = page.partition(f"{heading}\n")
    written = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in rows)
    return before + found + re.sub(r"(\| --- \| --- \|\n)(?:\|.*\n)*", lambda match: match[1] + written, after, count=1)


def main() -> None:
    """Write both pages."""
    sql = DOCS / "querying-sql.md"
    page = sql.read_text()
    for view in VIEWS:
        page = with_rows(page, f"### {view.name}", ((column.name, column.meaning) for column in view.columns))
    sql.write_text(page)
    exports = DOCS / "exports.md"
    fields = ((field.public_name, field.meaning) for field in RECORD_FIELDS)
    page = with_rows(exports.read_text(), "### The fields of a record", fields)
    known = {field.public_name for field in RECORD_FIELDS}
    shared = {name: column.meaning for name, column in SHARED_COLUMNS.items() if name not in known}
    page = with_rows(page, "### Columns of every row", shared.items())
    for kind in RowType:
        own = [(name, column.meaning) for name, column in EXPORT_COLUMNS[kind].items() if name not in SHARED_COLUMNS]
        page = with_rows(page, f"### Columns of {kind}", own)
    exports.write_text(page)


if __name__ == "__main__":
    main()
