"""Record the schema of a release, with rows in it: `python -m scripts.record_release`.

Writes `tests/data/releases/VERSION.json.gz`, VERSION being that of pyproject.toml: the revision of the schema, the
digest of each migration up to it, and the rows of the sample awards. Later versions must open such a database, and must
not change those migrations (`tests/storage/test_releases.py`). It may be run again until the version is released.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import sys
import tempfile
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, insert, select

import storage.database
from storage.database import Database, known_revisions, open_database
from tests.storage.fixtures import save_sample_awards

RELEASES = Path(__file__).parents[1] / "tests" / "data" / "releases"
A_DAY, A_TIME = date(2024, 9, 3), datetime(2024, 9, 3, 12, tzinfo=UTC)
DERIVED = ("search_index", "alembic_version")  # tables that are not copied: their content follows from the others


def main() -> int:
    """Return the exit code."""
    file = record(RELEASES, version("procurewatch"))
    sys.stdout.write(f"{file} written\n")
    return 0


def record(folder: Path, release: str) -> Path:
    """Write the record of a release into a folder; return the file."""
    with tempfile.TemporaryDirectory() as temporary, closing(open_database(f"sqlite:///{temporary}/db")) as database:
        save_sample_awards(database)
        fill_empty_tables(database)
        rows = rows_of(database)
    content = {"revision": known_revisions()[0], "migrations": migration_digests(), "rows": rows}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{release}.json.gz"
    file.write_bytes(gzip.compress(json.dumps(content, sort_keys=True).encode(), mtime=0))
    return file


def migration_digests() -> dict[str, str]:
    """Return the SHA-256 of each migration, by the name of its file."""
    files = sorted((storage.database.MIGRATIONS / "versions").glob("*.py"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def rows_of(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, as JSON values, by the columns that the database itself has."""
    metadata = MetaData()
    metadata.reflect(database.engine, only=lambda name, _: not name.startswith(DERIVED))
    with database.reading() as session:
        return {
            table.name: [
                {name: _plain(value) for name, value in row.items()}
                for row in session.execute(select(table)).mappings()
            ]
            for table in metadata.sorted_tables
        }


def fill_empty_tables(database: Database) -> None:
    """Store a row in each table that has none, so that later versions must keep what is in every table."""
    values: dict[type, object] = {
        date: A_DAY,
        datetime: A_TIME,
        bool: True,
        int: 1,
        float: 1.0,
        Decimal: Decimal(1),
        str: "1",
        bytes: b"1",
        object: [],
    }
    metadata = MetaData()
    metadata.reflect(database.engine, only=lambda name, _: not name.startswith(DERIVED))
    with database.writing() as session:
        for table in metadata.sorted_tables:
            if session.execute(select(table).limit(1)).first() is None:
                row = {column.name: values[column.type.python_type] for column in table.columns}
                for key in table.foreign_keys:
                    row[key.parent.name] = session.scalar(select(key.column).limit(1))
                session.execute(insert(table), row)


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # or a datetime
        return value.isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


if __name__ == "__main__":
    raise SystemExit(main())
