"""What readers can ask in SQL: published records alone, every column documented, nothing of the desk's own."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from storage.database import Database, migration_config, open_database
from storage.schema.fields import RECORD_FIELDS
from storage.schema.sql_views import SCHEMA, VIEWS, views_digest
from storage.schema.tables import ActionRow, LinkRow, MatchRow, RunRow
from tests.records import BABEL, CLEARVIEW, COURT_REPORTER, EQUIPMENT, LATER, SEEN, SOLE_SOURCE, match
from tests.storage.database_helpers import save

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "querying-sql.md").read_text()


def ask(database: Database, query: str) -> list[dict[str, Any]]:
    """Return the rows of a query as a reader writes it."""
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET search_path = {SCHEMA}"))
        return [dict(row) for row in connection.exec_driver_sql(query.replace("%", "%%")).mappings()]


def fill(database: Database) -> None:
    """Save an award that is published, one that waits for review, one that was rejected, one that matches nobody."""
    save(database, CLEARVIEW, match(CLEARVIEW))
    save(database, BABEL, match(BABEL, "babel-street", "review"), now=LATER)
    save(database, EQUIPMENT, match(EQUIPMENT, "panamerica", "rejected"))
    save(database, COURT_REPORTER)


def test_views_show_published_records_only(database: Database) -> None:
    fill(database)
    for name in ("awards", "actions", "matches", "events", "raw_evidence", "source_records"):
        keys = {row["record_key"] for row in ask(database, f"SELECT record_key FROM {name}")}
        assert keys == {CLEARVIEW.key}, name


def test_amounts_are_in_dollars_and_years_are_fiscal(database: Database) -> None:
    fill(database)
    rows = ask(database, "SELECT obligation, fiscal_year FROM actions ORDER BY signed")
    assert [float(row["obligation"]) for row in rows] == [500000, 0, 500000, 500000, 787500]
    assert [row["fiscal_year"] for row in rows] == [2021, 2022, 2022, 2022, 2023]
    award = ask(database, "SELECT obligated, fiscal_year FROM awards")[0]
    assert (float(award["obligated"]), award["fiscal_year"]) == (2287500, 2021)


def test_disaster_codes_are_separated_by_commas(database: Database) -> None:
    fill(database)
    assert [row["disaster_codes"] for row in ask(database, "SELECT disaster_codes FROM awards")] == [""]
    save(database, replace(CLEARVIEW, **SOLE_SOURCE), match(CLEARVIEW), now=LATER)
    query = "SELECT disaster_codes, offers_received, outlays, subaward_total FROM awards"
    assert [
        tuple(float(v) if k != "disaster_codes" else v for k, v in row.items()) for row in ask(database, query)
    ] == [("N, Q", 1, 1787500, 250000.5)]


def test_every_field_of_a_record_is_a_column(database: Database) -> None:
    save(database, replace(CLEARVIEW, **SOLE_SOURCE), match(CLEARVIEW))
    (row,) = ask(database, "SELECT * FROM awards")
    texts = {name: value for name, value in SOLE_SOURCE.items() if isinstance(value, str)}
    assert {name: row[name] for name in texts} == texts
    shown = {column.name for view in VIEWS for column in view.columns}
    assert {field.public_name for field in RECORD_FIELDS} <= shown


def test_removed_actions_are_left_out(database: Database) -> None:
    fill(database)
    with database.writing() as session:
        row = session.get(ActionRow, CLEARVIEW.actions[0].key)
        assert row is not None
        row.removed = date(2026, 11, 21)
    assert len(ask(database, "SELECT action_key FROM actions")) == len(CLEARVIEW.actions) - 1


def test_links_to_unpublished_awards_are_left_out(database: Database) -> None:
    fill(database)
    with database.writing() as session:
        for other in (BABEL.key, "CONT_AWD_NOT_STORED_-NONE-_-NONE-"):
            row = LinkRow(record_key=CLEARVIEW.key, award_key=other, confidence=1, reason="named", first_seen=SEEN)
            session.add(row)
    assert [row["award_key"] for row in ask(database, "SELECT award_key FROM links")] == [
        "CONT_AWD_NOT_STORED_-NONE-_-NONE-"
    ]


def test_the_sources_view_shows_their_health(database: Database) -> None:
    with database.writing() as session:
        session.add(RunRow(source="usaspending", purpose="poll", started=SEEN, status="new"))
        session.add(RunRow(source="usaspending", purpose="poll", started=LATER, status="blocked", message="secret"))
    (row,) = ask(database, "SELECT * FROM sources")
    assert (row["last_status"], row["incident_since"]) == ("blocked", None)
    assert str(row["last_good"]).startswith("2026-11-20")
    assert "secret" not in repr(row)


def test_no_view_reads_internal_tables() -> None:
    for view in VIEWS:
        assert not re.search(r"review_decision|quota|checkpoint|quarantine|\bbody\b|note", view.select), view.name


def test_every_view_and_column_is_documented() -> None:
    for view in VIEWS:
        section = DOCUMENTATION.partition(f"### {view.name}\n")[2].partition("\n### ")[0]
        documented = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.M)
        assert documented == [(column.name, column.meaning) for column in view.columns], view.name


def test_the_newest_migration_has_the_digest_of_the_views() -> None:
    script = ScriptDirectory.from_config(migration_config())
    said = [getattr(revision.module, "VIEWS", None) for revision in script.walk_revisions()]
    newest = next(one for one in said if one)
    assert newest == views_digest(), "the views have changed: write a migration that says so in VIEWS"


def test_the_documented_role_reads_the_views_and_nothing_else(postgresql_url: str) -> None:
    statements = re.search(r"```sql\n(CREATE ROLE.*?)```", DOCUMENTATION, re.S)
    assert statements
    database = open_database(postgresql_url)
    fill(database)
    name = make_url(postgresql_url).database
    with database.engine.begin() as connection:
        role = (
            statements[1]
            .replace("procurewatch_reader", f"reader_{name}")
            .replace("DATABASE procurewatch", f'DATABASE "{name}"')
        )
        for statement in role.split(";"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    try:
        with database.engine.connect() as connection:
            connection.exec_driver_sql(f"SET ROLE reader_{name}")
            assert connection.exec_driver_sql(f"SELECT record_key FROM {SCHEMA}.awards").scalars().all() == [
                CLEARVIEW.key
            ]
            for refused in ("SELECT * FROM review_decision", 'SELECT * FROM "match"', f"DELETE FROM {SCHEMA}.awards"):
                with (
                    pytest.raises(DBAPIError, match="permission denied"),
                    connection.begin_nested(),
                ):
                    connection.exec_driver_sql(refused)
    finally:
        with database.engine.begin() as connection:
            connection.exec_driver_sql(f'DROP OWNED BY "reader_{name}"')
            connection.exec_driver_sql(f'DROP ROLE "reader_{name}"')
        database.close()


def test_the_matches_view_has_all_published_matches(database: Database) -> None:
    fill(database)
    with database.writing() as session:
        row = session.get(MatchRow, (BABEL.key, "babel-street"))
        assert row is not None
        row.band = "published"
    assert len(ask(database, "SELECT record_key FROM matches")) == 2
