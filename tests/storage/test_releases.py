"""A database of every released version is opened by this one, with everything that is in it.

`python -m scripts.record_release` records a release; docs/developing.md says when.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import MetaData, insert

import storage.database
from scripts.record_release import RELEASES, migration_digests, record, rows_of
from storage.database import WRITING, migration_config, open_database, opening
from tests.storage.test_migrations import SECOND

ROOT = Path(__file__).parents[2]


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(gzip.decompress(file.read_bytes()))
    return found


def restore(recorded: dict[str, Any], url: str) -> None:
    """Make a database as that version had it."""
    with (
        opening(url) as database,
        closing(database),
        database.engine.connect().execution_options(**{WRITING: True}) as connection,
        connection.begin(),
    ):
        command.upgrade(migration_config(connection=connection), recorded["revision"])
        metadata = MetaData()
        metadata.reflect(connection, only=list(recorded["rows"]))
        for table in metadata.sorted_tables:
            if rows := recorded["rows"][table.name]:
                types = {column.name: column.type.python_type for column in table.columns if column.name in rows[0]}
                values = [{name: typed(value, types[name]) for name, value in row.items()} for row in rows]
                connection.execute(insert(table), values)


def typed(value: Any, kind: type) -> Any:
    """Return a value of JSON as the type of its column."""
    if value is None:
        return None
    if kind is datetime:
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    if kind is date:
        return date.fromisoformat(value)
    if kind is bytes:
        return base64.b64decode(value)
    return bool(value) if kind is bool else value


def differences(recorded: dict[str, Any], url: str) -> list[str]:
    """Open a database with this version; return the tables whose recorded rows are not all there."""
    with closing(open_database(url)) as database:
        now = rows_of(database)
    missing = []
    for table, rows in recorded["rows"].items():
        columns = list(rows[0]) if rows else []
        found = [comparable({name: row[name] for name in columns}) for row in now[table]]
        missing += [table for row in rows if comparable(row) not in found]
    return missing


def comparable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row without what differs between SQLite and PostgreSQL: the zone of UTC times, numbers for booleans."""
    plain = {name: value.replace("+00:00", "") if isinstance(value, str) else value for name, value in row.items()}
    return {name: int(value) if isinstance(value, bool) else value for name, value in plain.items()}


def edited(recorded: dict[str, Any]) -> list[str]:
    """Return the migrations of a release that are not as they were released."""
    now = migration_digests()
    return [name for name, digest in recorded["migrations"].items() if now.get(name) != digest]


def test_every_release_is_recorded_and_none_of_its_migrations_was_changed() -> None:
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sorted(file.name for file in RELEASES.glob("*")) == sorted(f"{each}.json.gz" for each in released)
    for file in RELEASES.glob("*"):
        assert edited(read(file)) == [], f"migrations of {file.name} are released: write a new one instead"


def test_a_database_of_every_release_is_upgraded(empty_database_url: str) -> None:
    for file in RELEASES.glob("*"):
        restore(read(file), empty_database_url)
        assert differences(read(file), empty_database_url) == []


def test_what_the_next_release_will_be_held_to(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This version, recorded as if it were released, and a later one that adds a column."""
    recorded = read(record(tmp_path / "releases", "9.9.9"))
    assert len(recorded["rows"]["record"]) > 3
    assert all(recorded["rows"].values()), "every table has a row, so that none can be lost"
    assert edited(recorded) == []
    restore(recorded, empty_database_url)
    migrations = tmp_path / "migrations"
    shutil.copytree(storage.database.MIGRATIONS, migrations)
    (migrations / "versions" / "second.py").write_text(SECOND)
    monkeypatch.setattr(storage.database, "MIGRATIONS", migrations)
    assert differences(recorded, empty_database_url) == []
    assert edited(recorded) == [], "a new migration is no change of a released one"

    with closing(open_database(empty_database_url)) as database, database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM action")
    assert "action" in differences(recorded, empty_database_url), "lost rows are found"
    first = migrations / "versions" / "first_schema.py"
    first.write_text(first.read_text() + "\n")
    assert edited(recorded) == ["first_schema.py"]
