"""Statements that are made ready once give what SQLAlchemy's own way gives, and fail as it fails."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import BindParameter, String, bindparam, literal_column, select, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import col

from storage.database import Database
from storage.statement_cache import SIZES, Statement, key_names, run, run_for_keys, run_for_one
from storage.tables import EventRow, MatchRow, RecordRow
from tests.records import CLEARVIEW
from tests.storage.fixtures import fill
from tests.storage.tables import save

KEY = bindparam("key", type_=String())


def asked_for(size: int) -> Statement:
    names = [bindparam(name, type_=String()) for name in key_names(size)]
    return select(col(RecordRow.key)).where(col(RecordRow.key).in_(names))


@pytest.mark.parametrize("table", [RecordRow, MatchRow, EventRow])
def test_rows_are_as_sqlalchemy_gives_them_whatever_their_columns(database: Database, table: type[RecordRow]) -> None:
    fill(database)
    columns = list(table.__table__.columns)  # type: ignore[attr-defined]
    statement = select(*columns).order_by(*table.__table__.primary_key)  # type: ignore[attr-defined]
    with database.reading() as session:
        rows = [tuple(row) for row in run(session, statement, {})]
        assert rows
        assert rows == [tuple(row) for row in session.execute(statement)]
        assert [tuple(row) for row in run(session, statement, {})] == rows


def test_values_come_in_by_name_and_more_than_is_wanted_does_no_harm(database: Database) -> None:
    save(database, CLEARVIEW)
    statement = select(col(RecordRow.piid)).where(col(RecordRow.key) == KEY)
    with database.reading() as session:
        assert run_for_one(session, statement, {"key": CLEARVIEW.key, "other": 3}) == CLEARVIEW.piid
        assert run_for_one(session, statement, {}, key="x' OR '1'='1") is None
        with pytest.raises(KeyError, match="key"):
            run(session, statement, {})


@pytest.mark.parametrize("count", [0, 1, SIZES[0], SIZES[0] + 1, SIZES[-1] + 1])
def test_any_number_of_keys_is_asked_for(database: Database, count: int) -> None:
    save(database, CLEARVIEW)
    keys = [*(f"no-such-{number}" for number in range(count - 1)), CLEARVIEW.key][:count]
    with database.reading() as session:
        found = [key for (key,) in run_for_keys(session, asked_for, keys)]
    assert found == [CLEARVIEW.key][:count]


def test_what_a_session_has_changed_is_found_before_it_is_written(database: Database) -> None:
    save(database, CLEARVIEW)
    statement = select(col(RecordRow.piid)).where(col(RecordRow.key) == KEY)
    with database.writing() as session:
        session.get_one(RecordRow, CLEARVIEW.key).piid = "ANOTHER"
        assert run_for_one(session, statement, {"key": CLEARVIEW.key}) == "ANOTHER"


def test_a_session_that_reads_sees_one_state_from_its_first_question_on(database: Database) -> None:
    statement = select(col(RecordRow.key))
    with database.reading() as session:
        assert run(session, statement, {}) == []
        save(database, CLEARVIEW)
        assert run(session, statement, {}) == []
    with database.reading() as session:
        assert [tuple(row) for row in run(session, statement, {})] == [(CLEARVIEW.key,)]


def test_a_statement_whose_text_depends_on_its_values_is_refused(database: Database) -> None:
    keys: BindParameter[Any] = bindparam("keys", expanding=True)
    with database.reading() as session, pytest.raises(ValueError, match="depends on its values"):
        run(session, select(col(RecordRow.key)).where(col(RecordRow.key).in_(keys)), {"keys": ["a"]})


def test_what_the_database_refuses_is_raised_as_sqlalchemy_raises_it(database: Database) -> None:
    statement: Statement = select(literal_column("no_such_column")).select_from(RecordRow)
    raised = []
    for ask in (lambda session: run(session, statement, {}), lambda session: session.execute(statement)):
        with database.reading() as session, pytest.raises(DBAPIError) as caught:
            ask(session)
        raised.append((type(caught.value), str(caught.value.orig).partition("\n")[0]))
    assert raised[0] == raised[1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_all_connections_are_let_go_when_one_is_found_dead(database: Database) -> None:
    statement = select(col(RecordRow.key))
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> "
    with database.reading() as waiting, database.reading() as killing:
        assert run(waiting, statement, {}) == []
        with database.reading() as third:
            assert run(third, statement, {}) == []  # and goes back to those that wait
        killing.execute(text(f"{others} pg_backend_pid()"))
        with pytest.raises(OperationalError):
            run(waiting, statement, {})
    for _ in range(3):
        with database.reading() as one, database.reading() as other:
            assert run(one, statement, {}) == run(other, statement, {}) == []
