"""Statements that are asked again and again: made ready once, and from then on only executed.

Of a short answer SQLAlchemy's own way takes several times as long as the database does, for what is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, CompoundSelect, Connection, Dialect, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler

MOST_KEPT = 500
READS_ON = "reads_on"  # in a session that only reads, and sees one state as long as it lasts: its connection
SIZES = (32, 128, 500)  # for how many keys statements are made
Rows = list[Sequence[Any]]
Statement = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]
Processor = Callable[[Any], Any]


class _Value(NamedTuple):
    """A value of a statement: its name, what it is if it does not come from outside, and what the driver wants done."""

    name: str
    own: BindParameter[Any]
    process: Processor | None


def run(session: Session, statement: Statement, values: Mapping[str, Any], **more: object) -> Rows:
    """Return the rows of a statement that selects columns, not objects, and is kept, with values for its parameters."""
    connection: Connection | None = session.info.get(READS_ON)
    if connection is None:
        session.flush()  # what was changed in this session is found by its questions
        connection = session.connection()
    return prepared(statement, connection.dialect).rows(connection, {**values, **more})


def run_for_one(session: Session, statement: Statement, values: Mapping[str, Any], **more: object) -> Any:
    """Return the only value of the first row, `None` if there is none."""
    rows = run(session, statement, values, **more)
    return rows[0][0] if rows else None


def run_for_keys(
    session: Session, asking: Callable[[int], Statement], keys: Sequence[str], **values: object
) -> Iterator[Sequence[Any]]:
    """Give the rows of a statement about some keys.

    It is made for so many keys and no more, of which some may be empty: not for each number of them anew.
    """
    for first in range(0, len(keys), SIZES[-1]):
        some = keys[first : first + SIZES[-1]]
        size = next(size for size in SIZES if size >= len(some))
        padded = dict.fromkeys(key_names(size), "") | dict(zip(key_names(size), some, strict=False))
        yield from run(session, asking(size), padded, **values)


@lru_cache
def key_names(size: int) -> tuple[str, ...]:
    """Return the names under which `run_for_keys` hands in the keys of a statement for so many."""
    return tuple(f"key{number}" for number in range(size))


@lru_cache(MOST_KEPT)
def prepared(statement: Statement, dialect: Dialect) -> Prepared:
    """Return a statement made ready for a kind of database."""
    return Prepared(statement, dialect)


class Prepared:
    """A select as the driver takes it, and what is done to its values and to its rows. Safe to share between threads.

    Its text may not depend on values, as that of an `in_` over a list from outside does; that raises `ValueError`.
    """

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError(f"no statement that asks: {compiled}")
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise ValueError(f"the text of a statement depends on its values: {compiled}")
        self._statement, self._dialect, self._sql = statement, dialect, str(compiled)
        self._by_place = compiled.positiontup is not None
        self._values = tuple(
            _Value(name, compiled.binds[name], compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or compiled.binds
        )
        self._types = [column.type for column in statement.selected_columns]
        self._processors: tuple[tuple[int, Processor], ...] | None = None

    def rows(self, connection: Connection, values: Mapping[str, Any]) -> Rows:
        """Return what is found, as Python has it. `values` may hold more than the statement takes.

        Raises:
            DBAPIError: the database refuses, as SQLAlchemy raises it.
        """
        given, cursor = self._given(values), None
        try:
            cursor = connection.connection.cursor()
            connection.dispatch.before_cursor_execute(connection, cursor, self._sql, given, None, False)
            cursor.execute(self._sql, given)
            return self._read(cursor.fetchall(), cursor.description)
        except self._dialect.loaded_dbapi.Error as error:
            if self._dialect.is_disconnect(error, connection.connection, cursor):
                connection.execute(self._statement, values)  # it fails too, and lets go of all that is dead
            kind = self._dialect.loaded_dbapi.Error
            raise DBAPIError.instance(self._sql, given, error, kind, dialect=self._dialect) from error
        finally:
            if cursor is not None:
                cursor.close()

    def _given(self, values: Mapping[str, Any]) -> Any:
        given = [
            process(value) if process else value
            for value, process in (
                (values[name] if own.required else values.get(name, own.value), process)
                for name, own, process in self._values
            )
        ]
        return given if self._by_place else {each.name: value for each, value in zip(self._values, given, strict=True)}

    def _read(self, rows: Sequence[Sequence[Any]], described: Sequence[Sequence[Any]]) -> Rows:
        if self._processors is None:
            self._processors = tuple(self._reading(described))
        if not self._processors:
            return list(rows)
        found: Rows = []
        for row in rows:
            read = list(row)
            for at, process in self._processors:
                read[at] = process(read[at])
            found.append(read)
        return found

    def _reading(self, described: Sequence[Sequence[Any]]) -> Iterator[tuple[int, Processor]]:
        for at, (kind, column) in enumerate(zip(self._types, described, strict=True)):
            process = kind.dialect_impl(self._dialect).result_processor(self._dialect, column[1])
            if process:
                yield at, process
