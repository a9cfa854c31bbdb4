"""Every query in docs/querying-sql.md runs as it stands, and those of the pages are those of the documentation."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from procurewatch.web.sql.examples import EXAMPLES
from procurewatch.web.sql.guard import SqlGuard, connect_readonly
from storage.database import Database, open_database
from storage.schema.sql_views import SCHEMA, VIEWS
from tests.procurewatch.site import fill

DOCUMENTATION = (Path(__file__).parents[2] / "docs" / "querying-sql.md").read_text()
QUERIES = re.findall(r"```sql\n((?:select|with).*?)\n```", DOCUMENTATION, re.DOTALL)
PORTABLE = re.findall(
    r"```sql\n((?:select|with).*?)\n```", DOCUMENTATION.partition("## More queries")[2].partition("\n## ")[0], re.DOTALL
)
NEEDS_TWO_SOURCES = "having count(*) > 1"


def test_there_are_queries_to_run() -> None:
    assert len(PORTABLE) >= 5
    assert len(QUERIES) == len(PORTABLE) + len(EXAMPLES)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a SQLite file with records in it."""
    made = tmp_path_factory.mktemp("documentation") / "desk.sqlite3"
    with closing(open_database(f"sqlite:///{made}")) as database:
        fill(database)
    return made


@pytest.mark.parametrize("query", QUERIES)
def test_it_passes_the_guard_and_gives_rows(query: str, file: Path) -> None:
    values = dict.fromkeys(re.findall(r"(?<!:):([a-z]+)", query), "")
    values |= {"category": "face-recognition"} if "category" in values else {}
    with closing(SqlGuard({view.name: [column.name for column in view.columns] for view in VIEWS})) as guard:
        guard.check(query, values)
    with closing(connect_readonly(file)) as connection:
        rows = connection.execute(query, values).fetchall()
    assert rows or NEEDS_TWO_SOURCES in query


@pytest.mark.parametrize("query", PORTABLE)
def test_it_runs_on_both_databases(query: str, database: Database) -> None:
    fill(database)
    with database.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SET search_path = {SCHEMA}"))
        rows = connection.exec_driver_sql(query.replace("%", "%%")).all()
    assert rows or NEEDS_TWO_SOURCES in query


@pytest.mark.parametrize("question", EXAMPLES, ids=lambda question: question.name)
def test_the_pages_ask_what_the_documentation_says(question: object) -> None:
    title, name, sql = (getattr(question, part) for part in ("title", "name", "sql"))
    section = DOCUMENTATION.partition(f"### {title}\n")[2].partition("\n### ")[0]
    assert f"`/sql/procurewatch/{name}`" in section
    assert sql.strip() in section


def test_the_connection_alone_refuses_to_write(file: Path) -> None:
    with closing(connect_readonly(file)) as connection:
        for sql in ("delete from record", "select * from review_decision", "select body from payload", "vacuum"):
            with pytest.raises(sqlite3.DatabaseError):
                connection.execute(sql)
