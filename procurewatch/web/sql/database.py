"""The database as Datasette sees it: only the public views, with no tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from datasette.app import Datasette
from datasette.database import Database, QueryInterrupted, Results
from datasette.url_builder import Urls
from datasette.utils import Column, PrefixedUrlString

from monitors.watchlist.csv_io import FORMULA_STARTS
from procurewatch.web.sql.guard import SqlNotAllowed
from procurewatch.web.sql.worker import Request
from procurewatch.web.sql.workers import SqlWorkers
from storage.schema.sql_views import VIEWS

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

    def absolute_url(self, request: Any, path: str) -> str:
        """Return a link without a host: behind a proxy, the Host of a request need not be the public one."""
        found = urlsplit(urljoin(str(request.url), path))
        return urlunsplit(("", "", found.path, found.query, found.fragment))

    async def refresh_schemas(self) -> None:
        """Do nothing."""


class Row(tuple[object, ...]):
    """A row of a result, with the interface of `sqlite3.Row` that Datasette uses."""

    _columns: list[str]

    @classmethod
    def of(cls, columns: list[str], values: Iterable[object]) -> Row:
        """Return a row with these columns."""
        row = cls(values)
        row._columns = columns
        return row

    def keys(self) -> list[str]:
        """Return the names of the columns."""
        return self._columns

    def __getitem__(self, key: Any) -> Any:
        """Return a value by its place or the name of its column."""
        return super().__getitem__(self._columns.index(key) if isinstance(key, str) else key)


class ReadersDatabase(Database):  # type: ignore[misc]  # it has no types
    """A SQLite file whose public views are visible. This process never opens it; the workers' guard checks all SQL."""

    def __init__(self, datasette: Datasette, workers: SqlWorkers) -> None:
        super().__init__(datasette, path=str(workers.file), is_mutable=True)
        self._workers = workers

    def connect(self, write: bool = False) -> sqlite3.Connection:  # noqa: ARG002
        """Raise `SqlNotAllowed`."""
        raise SqlNotAllowed("only the worker processes open the database")

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
        most = self._most_rows(page_size or self.ds.page_size) if truncate else None
        limit = min(custom_time_limit or self.ds.sql_time_limit_ms, self.ds.sql_time_limit_ms)
        values = dict(params) if isinstance(params, Mapping) else list(params or ())  # its own mapping has a request
        formulas = FORMULA_STARTS if FOR_SPREADSHEET.get() else ()
        answer = await self._workers.ask(Request(sql, values, most, limit / 1000, formulas))
        if answer.is_late:
            raise QueryInterrupted(sqlite3.OperationalError(answer.error), sql, params)
        if answer.error:
            raise SqlNotAllowed(answer.error)
        rows = [Row.of(answer.columns, row) for row in answer.rows]
        return Results(rows, answer.is_cut, [(column,) for column in answer.columns])

    def _most_rows(self, page_size: int) -> int:
        """Return the maximum number of rows; one more than a page, for Datasette to see that more follow."""
        most = int(self.ds.max_returned_rows)
        return most + 1 if most == page_size else most

    async def table_columns(self, table: str) -> list[str]:
        """Return the names of a view's columns."""
        return next(([column.name for column in view.columns] for view in VIEWS if view.name == table), [])

    async def table_column_details(self, table: str) -> list[Column]:
        """Return a view's columns; their types are not known."""
        names = await self.table_columns(table)
        return [Column(place, name, "", 0, None, 0, 0) for place, name in enumerate(names)]

    async def primary_keys(self, table: str) -> list[str]:  # noqa: ARG002
        """Return none; views have no primary key."""
        return []

    async def fts_table(self, table: str) -> str | None:  # noqa: ARG002
        """Return `None`; views have no full-text search."""
        return None

    async def foreign_keys_for_table(self, table: str) -> list[Any]:  # noqa: ARG002
        """Return none; views have no foreign keys."""
        return []

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
