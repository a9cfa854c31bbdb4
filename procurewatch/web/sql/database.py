"""The database as Datasette reads it: the readers' views, as if nothing else were there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from datasette.app import Datasette
from datasette.database import Database, QueryInterrupted, Results
from datasette.url_builder import Urls
from datasette.utils import PrefixedUrlString, sqlite_timelimit

from feeds.text import clean
from procurewatch.exports.csv_json import text_cell
from procurewatch.web.sql.guard import Guard, Refused, connect_readonly
from storage.sql_views import VIEWS

LARGEST_ANSWER = 10_000_000  # characters and bytes of all values together
# Whether the request at hand is answered with a file for a spreadsheet.
FOR_SPREADSHEET: ContextVar[bool] = ContextVar("for_spreadsheet", default=False)

Values = Mapping[str, object] | Sequence[object]


class OnceBelow(Urls):  # type: ignore[misc]  # it has no types
    """Links of Datasette's: some are made of a request's whole path, and would get the base in front of it again."""

    def path(self, path: str, format: str | None = None) -> PrefixedUrlString:
        """Return a path with the base in front, once."""
        base = self.ds.setting("base_url")
        return super().path(PrefixedUrlString(path) if path.startswith(base) else path, format)


class ReadersDatasette(Datasette):  # type: ignore[misc]  # it has no types
    """Datasette without a catalogue of its own: that would tell of every table, and nothing here reads it."""

    @property
    def urls(self) -> OnceBelow:
        """What makes links."""
        return OnceBelow(self)

    async def refresh_schemas(self) -> None:
        """Do nothing."""


class ReadersDatabase(Database):  # type: ignore[misc]  # it has no types
    """A SQLite file of which readers see the views. Every SQL, a reader's or Datasette's own, passes the guard."""

    def __init__(self, datasette: Datasette, file: Path, guard: Guard) -> None:
        super().__init__(datasette, path=str(file), is_mutable=True)
        self._guard = guard

    def connect(self, write: bool = False) -> sqlite3.Connection:
        """Return a new connection for one of Datasette's threads."""
        if write:
            raise Refused("this database is read only")
        connection = connect_readonly(Path(self.path))
        self._all_file_connections.append(connection)
        return connection

    async def execute(  # noqa: PLR0917  as Datasette has it
        self,
        sql: str,
        params: Values | None = None,
        truncate: bool = False,
        custom_time_limit: int | None = None,
        page_size: int | None = None,
        log_sql_errors: bool = True,  # noqa: ARG002  errors are told to who made them, not to our log
    ) -> Results:
        """Run SQL that the guard lets pass, within the limits of time, rows and size.

        Raises:
            sqlite3.OperationalError: it is refused or wrong.
            datasette.database.QueryInterrupted: it took too long.
        """
        values: Values = params if params is not None else {}
        self._guard.check(sql, values)
        most = self._most_rows(page_size or self.ds.page_size) if truncate else None
        limit = min(custom_time_limit or self.ds.sql_time_limit_ms, self.ds.sql_time_limit_ms)
        read_text = _as_cell if FOR_SPREADSHEET.get() else _as_shown  # here: a thread has no request at hand

        def run(connection: sqlite3.Connection) -> Results:
            connection.text_factory = read_text
            with sqlite_timelimit(connection, limit):
                try:
                    cursor = connection.execute(sql, values)
                    rows = list(_fetched(cursor, None if most is None else most + 1))
                except sqlite3.Error as error:
                    if error.args == ("interrupted",):
                        raise QueryInterrupted(error, sql, params) from error
                    raise Refused(str(error)) from error
            is_cut = most is not None and len(rows) > most
            return Results(rows[:most], is_cut, cursor.description)

        return await self.execute_fn(run)

    def _most_rows(self, page_size: int) -> int:
        """Return how many rows an answer has at most; one more than a page, for Datasette to see that more follow."""
        most = int(self.ds.max_returned_rows)
        return most + 1 if most == page_size else most

    async def attached_databases(self) -> list[Any]:
        """Return none: there are none, and the list would name the file."""
        return []

    async def table_names(self) -> list[str]:
        """Return none: the tables are the desk's own."""
        return []

    async def hidden_table_names(self) -> list[str]:
        """Return none."""
        return []

    async def table_exists(self, table: str) -> bool:  # noqa: ARG002
        """Whether a table may be shown: none may."""
        return False

    async def view_names(self) -> list[str]:
        """Return the readers' views, those that are asked most first."""
        return [view.name for view in VIEWS]

    async def get_view_definition(self, view: str) -> str | None:
        """Return the SQL of a reader's view, `None` if there is no such."""
        return next((f"create view {one.name} as {one.select};" for one in VIEWS if one.name == view), None)

    async def get_table_definition(self, table: str, type_: str = "table") -> str | None:
        """Return `None` for a table, a view's SQL for a view."""
        return await self.get_view_definition(table) if type_ == "view" else None

    async def get_all_foreign_keys(self) -> dict[str, Any]:
        """Return none: views have none."""
        return {}


def _as_shown(text: bytes) -> str:
    """Return text from upstream without what would turn a page or a terminal round."""
    return clean(text.decode(errors="replace"))


def _as_cell(text: bytes) -> str:
    return text_cell(text.decode(errors="replace"))


def _fetched(cursor: Iterable[sqlite3.Row], most: int | None) -> Iterator[sqlite3.Row]:
    """Give rows, so many at most. Raises `Refused` if they are too large together."""
    size = 0
    for count, row in enumerate(cursor, start=1):
        size += sum(len(value) for value in row if isinstance(value, (str, bytes)))
        if size > LARGEST_ANSWER:
            raise Refused("the answer is larger than 10 MB; ask for fewer rows or columns")
        yield row
        if count == most:
            return
