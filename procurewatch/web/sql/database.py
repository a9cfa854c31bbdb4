"""The database as Datasette sees it: only the public views, with no tables."""

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
from procurewatch.web.sql.guard import SqlGuard, SqlNotAllowed, connect_readonly
from storage.sql_views import VIEWS

MAX_RESULT_SIZE = 10_000_000  # characters and bytes of all values
# Whether the current request is for CSV, whose cells a spreadsheet must not run as formulas.
FOR_SPREADSHEET: ContextVar[bool] = ContextVar("for_spreadsheet", default=False)

Values = Mapping[str, object] | Sequence[object]


class PrefixedUrls(Urls):  # type: ignore[misc]  # it has no types
    """Datasette's links. It builds some from the full request path, which already begins with the base URL."""

    def path(self, path: str, format: str | None = None) -> PrefixedUrlString:
        """Return a path with one base URL in front."""
        base = self.ds.setting("base_url")
        return super().path(PrefixedUrlString(path) if path.startswith(base) else path, format)


class ReadersDatasette(Datasette):  # type: ignore[misc]  # it has no types
    """Datasette without its internal catalog, which would list every table."""

    @property
    def urls(self) -> PrefixedUrls:
        """The builder of links."""
        return PrefixedUrls(self)

    async def refresh_schemas(self) -> None:
        """Do nothing."""


class ReadersDatabase(Database):  # type: ignore[misc]  # it has no types
    """A SQLite file whose public views are visible. The guard checks all SQL, also Datasette's own."""

    def __init__(self, datasette: Datasette, file: Path, guard: SqlGuard) -> None:
        super().__init__(datasette, path=str(file), is_mutable=True)
        self._guard = guard

    def connect(self, write: bool = False) -> sqlite3.Connection:
        """Return a new read-only connection."""
        if write:
            raise SqlNotAllowed("this database is read only")
        connection = connect_readonly(Path(self.path))
        self._all_file_connections.append(connection)
        return connection

    async def execute(  # noqa: PLR0917  Datasette's signature
        self,
        sql: str,
        params: Values | None = None,
        truncate: bool = False,
        custom_time_limit: int | None = None,
        page_size: int | None = None,
        log_sql_errors: bool = True,  # noqa: ARG002  users' errors are not for our log
    ) -> Results:
        """Run SQL that the guard allows, within limits of time, rows and size.

        Raises:
            sqlite3.OperationalError: the SQL is not allowed or invalid.
            datasette.database.QueryInterrupted: it took too long.
        """
        values: Values = params if params is not None else {}
        self._guard.check(sql, values)
        most = self._most_rows(page_size or self.ds.page_size) if truncate else None
        limit = min(custom_time_limit or self.ds.sql_time_limit_ms, self.ds.sql_time_limit_ms)
        read_text = _spreadsheet_text if FOR_SPREADSHEET.get() else _clean_text  # the thread has no request

        def run(connection: sqlite3.Connection) -> Results:
            connection.text_factory = read_text
            with sqlite_timelimit(connection, limit):
                try:
                    cursor = connection.execute(sql, values)
                    rows = list(_fetched(cursor, None if most is None else most + 1))
                except sqlite3.Error as error:
                    if error.args == ("interrupted",):
                        raise QueryInterrupted(error, sql, params) from error
                    raise SqlNotAllowed(str(error)) from error
            is_cut = most is not None and len(rows) > most
            return Results(rows[:most], is_cut, cursor.description)

        return await self.execute_fn(run)

    def _most_rows(self, page_size: int) -> int:
        """Return the maximum number of rows; one more than a page, for Datasette to see that more follow."""
        most = int(self.ds.max_returned_rows)
        return most + 1 if most == page_size else most

    async def attached_databases(self) -> list[Any]:
        """Return none; the list would name the file."""
        return []

    async def table_names(self) -> list[str]:
        """Return none: only views are public."""
        return []

    async def hidden_table_names(self) -> list[str]:
        """Return none."""
        return []

    async def table_exists(self, table: str) -> bool:  # noqa: ARG002
        """Return False: no table is public."""
        return False

    async def view_names(self) -> list[str]:
        """Return the names of the public views, the most used first."""
        return [view.name for view in VIEWS]

    async def get_view_definition(self, view: str) -> str | None:
        """Return the SQL of a public view, `None` if there is no such view."""
        return next((f"create view {one.name} as {one.select};" for one in VIEWS if one.name == view), None)

    async def get_table_definition(self, table: str, type_: str = "table") -> str | None:
        """Return the SQL of a view, `None` for a table."""
        return await self.get_view_definition(table) if type_ == "view" else None

    async def get_all_foreign_keys(self) -> dict[str, Any]:
        """Return none; views have no foreign keys."""
        return {}


def _clean_text(text: bytes) -> str:
    """Decode text without control and direction characters."""
    return clean(text.decode(errors="replace"))


def _spreadsheet_text(text: bytes) -> str:
    return text_cell(text.decode(errors="replace"))


def _fetched(cursor: Iterable[sqlite3.Row], most: int | None) -> Iterator[sqlite3.Row]:
    """Give up to this many rows. Raises `SqlNotAllowed` if their total size is too large."""
    size = 0
    for count, row in enumerate(cursor, start=1):
        size += sum(len(value) for value in row if isinstance(value, (str, bytes)))
        if size > MAX_RESULT_SIZE:
            raise SqlNotAllowed("the result is larger than 10 MB; select fewer rows or columns")
        yield row
        if count == most:
            return
