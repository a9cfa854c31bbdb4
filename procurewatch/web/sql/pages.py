"""SQL for readers at /sql: Datasette over the same SQLite file, read only, within limits, on the readers' views."""

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
from procurewatch.web.sql.examples import QUESTIONS
from procurewatch.web.sql.guard import Guard
from storage.database import Database
from storage.sql_views import VIEWS

NAME = "procurewatch"  # of the database, in addresses
OPEN = (f"/{NAME}/", f"/{NAME}.", "/-/static/", "/own/")  # Datasette's pages about itself would name the file
MOST_ROWS = 1000
SECONDS = 1
HERE = Path(__file__).parent
pm.get_plugin(
    "datasette.handle_exception"
).rich = None  # it would print all local variables for every page that is not there
SETTINGS = {
    "sql_time_limit_ms": SECONDS * 1000,
    "max_returned_rows": MOST_ROWS,
    "num_sql_threads": 2,
    "default_page_size": 50,
    "facet_time_limit_ms": 300,
    "facet_suggest_time_limit_ms": 50,
    "allow_download": False,
    "allow_csv_stream": False,
    "default_cache_ttl": 60,
}
# Datasette sets widths and colours in attributes; elements with style or script in them there are none.
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
    "Contracts, what was signed under them, and why each is here. Dollars are US dollars, days are as the source "
    f"states them, times are UTC. A query may take {SECONDS} second and gives at most {MOST_ROWS:,} rows; add .csv or "
    ".json to an address for a file."
)
ELSEWHERE = (
    "SQL is asked of SQLite, and this site keeps its records in PostgreSQL: use `procurewatch export sqlite`, or a "
    "role that reads (docs/querying-sql.md)."
)


def sql_routes(database: Database, base_path: str) -> list[BaseRoute]:
    """Return the routes of the SQL pages of a database.

    Args:
        base_path: where the site itself is on its host: "" for the root, "/watch" for https://host/watch.
    """
    address = f"{base_path.rstrip('/')}{SQL}/"
    is_sqlite = database.engine.dialect.name == "sqlite"
    pages = SqlPages(Path(str(database.engine.url.database)), address) if is_sqlite else ErrorResponse(404, ELSEWHERE)
    return [Mount(SQL, pages), Route(SQL, lambda _request: RedirectResponse(address), methods=["GET", "HEAD"])]


class SqlPages:
    """Datasette behind a door: only what readers need passes, and everything that leaves carries our headers."""

    def __init__(self, file: Path, base_url: str) -> None:
        self._base_url = base_url
        datasette = ReadersDatasette(
            files=[],
            settings={**SETTINGS, "base_url": base_url},
            metadata=_metadata(),
            template_dir=str(HERE / "templates"),
            static_mounts=[("own", str(HERE / "assets"))],
        )
        datasette.add_database(ReadersDatabase(datasette, file, Guard()), name=NAME)
        self._app = datasette.app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request for a path below where this is mounted."""

        async def send_ours(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = SQL_POLICY
                del headers["Set-Cookie"]  # a token against forged forms, and here nothing can be changed
            await send(message)

        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["method"] not in ("GET", "HEAD"):
            response = ErrorResponse(405, "SQL here only reads: GET it.")
            response.headers["Allow"] = "GET, HEAD"
            await response(scope, receive, send_ours)
        elif path in ("/", ""):
            await RedirectResponse(f"{self._base_url}{NAME}", status_code=302)(scope, receive, send_ours)
        elif path == f"/{NAME}" or path.startswith(OPEN):
            FOR_SPREADSHEET.set(path.endswith(".csv"))
            await self._app(self._whole(scope), receive, send_ours)
        else:
            response = ErrorResponse(404, f"There is no such page; {self._base_url} leads to all that can be asked.")
            await response(scope, receive, send_ours)

    def _whole(self, scope: Scope) -> dict[str, Any]:
        """Return the request with its path as readers see it, wherever this is mounted: Datasette makes links of it."""
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
        for question in QUESTIONS
    }
    return {"title": "Procurewatch", "databases": {NAME: {"description": ABOUT, "tables": tables, "queries": queries}}}
