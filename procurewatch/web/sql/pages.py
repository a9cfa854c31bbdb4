"""SQL pages at /sql: Datasette on the public views of the same SQLite file, read-only and within limits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasette.plugins import pm
from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Message, Receive, Scope, Send

from procurewatch.web.responses import ErrorResponse
from procurewatch.web.security.guard import POLICY, SQL
from procurewatch.web.sql.database import FOR_SPREADSHEET, ReadersDatabase, ReadersDatasette
from procurewatch.web.sql.examples import EXAMPLES
from procurewatch.web.sql.workers import CLIENT, SqlWorkers
from storage.database import Database
from storage.schema.sql_views import VIEWS

NAME = "procurewatch"  # of the database, in URLs
ALLOWED_PATHS = (f"/{NAME}/", f"/{NAME}.", "/-/static/", "/own/")  # Datasette's other pages name the file
MAX_ROWS = 1000
SECONDS = 1
HERE = Path(__file__).parent
pm.get_plugin("datasette.handle_exception").rich = None  # its handler prints all local variables for each 404
SETTINGS = {
    "sql_time_limit_ms": SECONDS * 1000,
    "max_returned_rows": MAX_ROWS,
    "num_sql_threads": 0,
    "default_page_size": 50,
    "default_facet_size": 10,
    "facet_time_limit_ms": 300,
    "facet_suggest_time_limit_ms": 50,
    "allow_download": False,
    "allow_csv_stream": False,
    "default_cache_ttl": 60,
}
# Datasette sets widths and colors in style attributes; it has no inline style or script elements here.
SQL_POLICY = f"{POLICY}; script-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self'"
FACETS = {
    "awards": ["sub_agency_name", "fiscal_year", "kind"],
    "actions": ["fiscal_year"],
    "matches": ["category", "vendor_name", "via_reseller"],
    "events": ["kind"],
    "publications": ["kind", "sub_agency_name"],
}
NEWEST = {
    "awards": "signed",
    "actions": "signed",
    "matches": "first_seen",
    "events": "first_seen",
    "publications": "published",
}
ABOUT = (
    "The records that match the watchlist, as tables. Amounts are US dollars, dates are as the source "
    f"states them, times are UTC. A query may take {SECONDS} second and gives at most {MAX_ROWS:,} rows; add .csv or "
    ".json to an address for a file."
)
NOT_SQLITE = (
    "SQL pages need SQLite, and this site uses PostgreSQL: use `procurewatch export sqlite`, or a read-only role "
    "(docs/querying-sql.md)."
)


def sql_routes(database: Database, base_path: str, workers: SqlWorkers) -> list[BaseRoute]:
    """Return the routes of the SQL pages.

    Args:
        database: the database; without SQLite there are no SQL pages.
        base_path: the path of the site's public URL: "" for the root, "/watch" for https://host/watch.
        workers: run the queries.
    """
    address = f"{base_path.rstrip('/')}{SQL}/"
    is_sqlite = database.engine.dialect.name == "sqlite"
    pages = SqlPages(workers, address) if is_sqlite else ErrorResponse(404, NOT_SQLITE)
    return [Mount(SQL, pages), Route(SQL, lambda _request: RedirectResponse(address), methods=["GET", "HEAD"])]


class SqlPages:
    """Datasette with only the paths that users need, and with our security headers."""

    def __init__(self, workers: SqlWorkers, base_url: str) -> None:
        self._base_url = base_url
        datasette = ReadersDatasette(
            files=[],
            settings={**SETTINGS, "base_url": base_url},
            metadata=_metadata(),
            template_dir=str(HERE / "templates"),
            static_mounts=[("own", str(HERE / "assets"))],
        )
        datasette.add_database(ReadersDatabase(datasette, workers), name=NAME)
        self._app = datasette.app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request below the mount point."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = SQL_POLICY
                del headers["Set-Cookie"]  # a CSRF token, useless for read-only pages
            await send(message)

        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["method"] not in ("GET", "HEAD"):
            response = ErrorResponse(405, "SQL pages are read-only; use GET.")
            response.headers["Allow"] = "GET, HEAD"
            await response(scope, receive, send_with_headers)
        elif path in ("/", ""):
            await RedirectResponse(f"{self._base_url}{NAME}", status_code=302)(scope, receive, send_with_headers)
        elif path == f"/{NAME}" or path.startswith(ALLOWED_PATHS):
            FOR_SPREADSHEET.set(path.endswith(".csv"))
            CLIENT.set(scope["state"]["client"])
            await self._app(self._with_base_url(scope), receive, send_with_headers)
        else:
            response = ErrorResponse(404, f"Page not found; {self._base_url} lists all tables and example queries.")
            await response(scope, receive, send_with_headers)

    def _with_base_url(self, scope: Scope) -> dict[str, Any]:
        """Return the request with the path of its public URL, from which Datasette makes links."""
        mounted, base = scope.get("root_path", ""), self._base_url.rstrip("/")
        path = scope["path"].removeprefix(mounted)
        raw = (scope.get("raw_path") or path.encode()).removeprefix(mounted.encode())
        return {**scope, "path": base + path, "raw_path": base.encode() + raw, "root_path": ""}


def _metadata() -> Mapping[str, Any]:
    tables = {
        view.name: {
            "description": view.meaning,
            "columns": {column.name: column.meaning for column in view.columns},
            "facets": FACETS.get(view.name, []),
            **({"sort_desc": NEWEST[view.name]} if view.name in NEWEST else {}),
        }
        for view in VIEWS
    }
    queries = {
        question.name: {"title": question.title, "description": question.note, "sql": question.sql.strip()}
        for question in EXAMPLES
    }
    return {"title": "Procurewatch", "databases": {NAME: {"description": ABOUT, "tables": tables, "queries": queries}}}
