"""Opening a database applies the migrations that it lacks and creates the SQL views anew."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

import storage.database
from storage.database import open_database
from storage.schema.sql_views import SCHEMA
from tests.records import CLEARVIEW, match
from tests.storage.database_helpers import dump_tables, save

SECOND = """
import sqlalchemy as sa
from alembic import op

revision = "second"
down_revision = "first"

def upgrade() -> None:
    op.add_column("checkpoint", sa.Column("note", sa.Text(), nullable=False, server_default=""))
"""


def test_opening_applies_a_later_migration(
    empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(open_database(empty_database_url)) as database:
        save(database, CLEARVIEW, match(CLEARVIEW))
        before = dump_tables(database)
        with database.engine.begin() as connection:
            schema = f"{SCHEMA}." if connection.dialect.name == "postgresql" else ""
            connection.execute(text(f"DROP VIEW {schema}awards"))
            connection.execute(text(f"CREATE VIEW {schema}awards AS SELECT key FROM record"))
    migrations = tmp_path / "migrations"
    shutil.copytree(storage.database.MIGRATIONS, migrations)
    (migrations / "versions" / "second.py").write_text(SECOND)
    monkeypatch.setattr(storage.database, "MIGRATIONS", migrations)
    with closing(open_database(empty_database_url)) as database, database.reading() as session:
        assert dump_tables(database) == before
        assert "note" in {column["name"] for column in inspect(session.connection()).get_columns("checkpoint")}
        assert session.scalar(text(f"SELECT record_key FROM {schema}awards")) == CLEARVIEW.key
