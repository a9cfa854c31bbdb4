"""Checks users' SQL: it must compile on an empty database that has only the public views, as tables.

So every name in the SQL is a public view or defined in the SQL itself. Limits on the connection bound its cost. The
worker process imports this module, which therefore imports only the standard library.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

MAX_SQL_LENGTH = 8_000  # characters
# Bytes of a value, and of a row while sorting. The time of `instr` and `replace` grows with its square: 0.3 s at most.
MAX_VALUE_BYTES = 250_000
MAX_HEAP_BYTES = 128 * 1024 * 1024  # of SQLite in one process: caches, and what a query sorts
MAX_EXPANSIONS = 5_000  # of WITH tables into each other; SQLite cannot be interrupted while it does that
LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE_BYTES,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4 * MAX_SQL_LENGTH,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 200,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50,
}
HARMLESS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
TABLE_FUNCTIONS = {"json_each", "json_tree"}
CATALOGUE = {"sqlite_master", "sqlite_schema"}
# Tables that no public view reads. The guard denies users every table; this is a second line of defense.
PRIVATE_TABLES = {
    *("alembic_version", "checkpoint", "dictionary", "quarantine", "quota", "review_decision"),
    *("subscription", "delivery", "alerted_event"),
}
PRIVATE_COLUMNS = {("payload", "body")}

_TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w$]+|\S""", re.DOTALL
)

Values = Mapping[str, object] | Sequence[object]


class SqlNotAllowed(sqlite3.OperationalError):
    """The SQL is not allowed. The message is one line that says why."""


class SqlGuard:
    """An in-memory database with the public views as empty tables. `views`: their names, each with its columns."""

    def __init__(self, views: Mapping[str, Sequence[str]]) -> None:
        self._readable = {*views, *TABLE_FUNCTIONS, *CATALOGUE}
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        for name, columns in views.items():
            listed = ", ".join(f'"{column}"' for column in columns)
            self._connection.execute(f'CREATE TABLE "{name}" ({listed})')
        _limit(self._connection)
        self._connection.set_authorizer(self._authorize)

    def check(self, sql: str, values: Values) -> None:
        """Compile SQL. Raises `SqlNotAllowed` if it reads anything else, is not a query or is too expensive."""
        if len(sql) > MAX_SQL_LENGTH:
            raise SqlNotAllowed(f"the SQL is longer than {MAX_SQL_LENGTH:,} characters")
        tokens = list(_tokens(sql))
        if _expansions(tokens) > MAX_EXPANSIONS:
            raise SqlNotAllowed("the WITH tables refer to each other too often")
        explained = tokens[:1] == ["explain"]
        try:
            self._connection.execute(sql if explained else f"EXPLAIN {sql}", values).close()
        except sqlite3.Error as error:
            raise SqlNotAllowed(str(error)) from error

    def _authorize(
        self, action: int, table: str | None, column: str | None, _base: str | None, _view: str | None
    ) -> int:
        """Authorize the guard's own tables, and SQLite functions that touch no file."""
        if action == sqlite3.SQLITE_READ:
            # Without a column it only counts rows, perhaps of a table that the SQL itself defines.
            return sqlite3.SQLITE_OK if not column or table in self._readable else sqlite3.SQLITE_DENY
        return _authorize_harmless(action, column)

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def connect_readonly(file: Path) -> sqlite3.Connection:
    """Return a read-only connection with limits, which cannot read private tables."""
    uri = f"{file.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None)
    heap = f"hard_heap_limit={MAX_HEAP_BYTES}"
    for pragma in (
        "query_only=ON",
        "trusted_schema=OFF",
        "busy_timeout=1000",
        "cache_size=-16000",
        "temp_store=MEMORY",
        heap,
    ):
        connection.execute(f"PRAGMA {pragma}")
    _limit(connection)
    connection.set_authorizer(_authorize_server)
    return connection


def _limit(connection: sqlite3.Connection) -> None:
    for limit, value in LIMITS.items():
        connection.setlimit(limit, value)


def _authorize_server(action: int, table: str | None, column: str | None, _base: str | None, _view: str | None) -> int:
    """Authorize what the guard allows, and what the views read."""
    if action == sqlite3.SQLITE_READ:
        private = table in PRIVATE_TABLES or (table, column) in PRIVATE_COLUMNS
        return sqlite3.SQLITE_DENY if private else sqlite3.SQLITE_OK
    return _authorize_harmless(action, column)


def _authorize_harmless(action: int, function: str | None) -> int:
    refused = action not in HARMLESS or (action == sqlite3.SQLITE_FUNCTION and function == "load_extension")
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK


def _tokens(sql: str) -> Iterator[str]:
    """Give the tokens of SQL in lower case, without comments and quotes."""
    for token in _TOKEN.findall(sql):
        if token.startswith(("--", "/*")):
            continue
        quote = token[0]
        if len(token) > 1 and quote in "'\"`[":  # SQLite accepts even a string as a name
            yield token[1:-1].replace(quote * 2, quote).casefold()
        else:
            yield token.casefold()


def _expansions(tokens: Sequence[str]) -> float:
    """Return the maximum number of copies that SQLite makes when it expands WITH tables into each other.

    The product of uses is largest when each name is used equally often.
    """
    defined = set(_defined(tokens))
    uses = sum(token in defined for token in tokens) - len(defined)
    return max(((uses / names) ** names for names in range(1, len(defined) + 1)), default=0)


def _defined(tokens: Sequence[str]) -> Iterator[str]:
    """Give the names that WITH defines: before `AS (`, with or without a list of columns."""
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
