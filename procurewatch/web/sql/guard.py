"""Whether a reader's SQL may be run: it must compile on a database that holds the readers' views and nothing else.

There they are empty tables, so every name of the SQL stands for one of them or for a part of the SQL itself; on the
real database it cannot mean another. What it may take is limited on the connection, whatever it asks.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from storage.sql_views import VIEWS

LONGEST_SQL = 8_000  # characters
LONGEST_VALUE = 2_000_000  # bytes of a text, or of a row while it is sorted
MOST_EXPANSIONS = 5_000  # of WITH tables into each other, which SQLite does before it can be stopped
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: LONGEST_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4 * LONGEST_SQL,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
}
HARMLESS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
TABLE_FUNCTIONS = {"json_each", "json_tree"}
CATALOGUE = {"sqlite_master", "sqlite_schema"}
# What Datasette asks about tables; a reader cannot (`Guard` knows no pragma).
INTROSPECTION = {"foreign_key_list", "index_list", "table_info", "table_xinfo"}
# What no view reads a column of; the rest of the desk's tables is kept from readers by the guard.
PRIVATE_TABLES = {"alembic_version", "checkpoint", "quarantine", "quota", "review_decision"}
PRIVATE_COLUMNS = {("payload", "body")}

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w$]+|\S""", re.DOTALL
)

Values = Mapping[str, object] | Sequence[object]


class Refused(sqlite3.OperationalError):
    """The SQL may not be run. The message is one line that says why."""


class Guard:
    """An empty database with the readers' views as tables. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        for view in VIEWS:
            columns = ", ".join(f'"{column.name}"' for column in view.columns)
            self._connection.execute(f'CREATE TABLE "{view.name}" ({columns})')
        _limit(self._connection)
        self._connection.set_authorizer(_may_readers)

    def check(self, sql: str, values: Values) -> None:
        """Compile SQL. Raises `Refused`: it reads something else, is no query, or would take too much."""
        if len(sql) > LONGEST_SQL:
            raise Refused(f"the SQL is longer than {LONGEST_SQL:,} characters")
        tokens = list(_tokens(sql))
        if _expansions(tokens) > MOST_EXPANSIONS:
            raise Refused("the tables that WITH names refer to each other too often")
        explained = tokens[:1] == ["explain"]
        with self._lock:
            try:
                self._connection.execute(sql if explained else f"EXPLAIN {sql}", values).close()
            except sqlite3.Error as error:
                raise Refused(str(error)) from error

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def connect_readonly(file: Path) -> sqlite3.Connection:
    """Return a connection that can read the readers' views, write nothing and take only so much."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    for pragma in ("query_only=ON", "trusted_schema=OFF", "busy_timeout=1000", "cache_size=-16000"):
        connection.execute(f"PRAGMA {pragma}")
    _limit(connection)
    connection.set_authorizer(_may_server)
    return connection


def _limit(connection: sqlite3.Connection) -> None:
    for limit, value in LIMITS.items():
        connection.setlimit(limit, value)


def _may_readers(action: int, table: str | None, column: str | None, _base: str | None, _view: str | None) -> int:
    """Say whether the guard lets something compile: its own tables, and functions of SQLite that touch no file."""
    if action == sqlite3.SQLITE_READ:
        # No column: rows are only counted, perhaps those of a table that the SQL itself defines.
        is_ours = not column or table in TABLE_FUNCTIONS | CATALOGUE or any(view.name == table for view in VIEWS)
        return sqlite3.SQLITE_OK if is_ours else sqlite3.SQLITE_DENY
    return _harmless(action, column)


def _may_server(action: int, table: str | None, column: str | None, _base: str | None, _view: str | None) -> int:
    """Say whether the connection lets something compile: what the guard does, what views read, what tables are."""
    if action == sqlite3.SQLITE_READ:
        private = table in PRIVATE_TABLES or (table, column) in PRIVATE_COLUMNS
        return sqlite3.SQLITE_DENY if private else sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA:
        return sqlite3.SQLITE_OK if table in INTROSPECTION else sqlite3.SQLITE_DENY
    return _harmless(action, column)


def _harmless(action: int, function: str | None) -> int:
    refused = action not in HARMLESS or (action == sqlite3.SQLITE_FUNCTION and function == "load_extension")
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK


def _tokens(sql: str) -> Iterator[str]:
    """Give the words and marks of SQL without comments, names without their quotes, in small letters."""
    for token in _TOKEN.findall(sql):
        if token.startswith(("--", "/*")):
            continue
        quote = token[0]
        if len(token) > 1 and quote in "'\"`[":  # SQLite takes even a text in quotes for a name
            yield token[1:-1].replace(quote * 2, quote).casefold()
        else:
            yield token.casefold()


def _expansions(tokens: Sequence[str]) -> float:
    """Return how many times over the tables of a WITH may be copied into each other, at the very worst.

    So many uses of so many names multiply to the most when each name is used as often as any other.
    """
    defined = set(_defined(tokens))
    uses = sum(token in defined for token in tokens) - len(defined)
    return max(((uses / names) ** names for names in range(1, len(defined) + 1)), default=0)


def _defined(tokens: Sequence[str]) -> Iterator[str]:
    """Give the names before `AS (`, or before a list of columns and `AS (`."""
    for place, word in enumerate(tokens):
        if word != "as" or tokens[place + 1 : place + 2] not in (["("], ["not"], ["materialized"]):
            continue
        before = place - 1
        if tokens[before] == ")":
            while before > 0 and tokens[before] != "(":
                before -= 1
            before -= 1
        if before >= 0:
            yield tokens[before]
