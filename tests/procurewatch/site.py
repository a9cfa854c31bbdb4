"""The website on loopback, with records of every kind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from procurewatch.context import AppContext
from procurewatch.web.app import make_server
from storage.database import Database
from tests.app_context import few, settings_for
from tests.procurewatch.web.fixtures import TOKEN
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, COURT_REPORTER, EQUIPMENT, LATER, SOLE_SOURCE, match
from tests.storage.database_helpers import save


def fill(database: Database) -> None:
    """Store published awards (one through a reseller, one not competed) and one pending review."""
    save(database, replace(CLEARVIEW, **SOLE_SOURCE), match(CLEARVIEW))
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC))
    in_words = [{"kind": "product", "field": "description", "text": "BABEL STREET", "term": "Babel Street", "start": 0,
                 "end": 12, "score": 0.9, "action_key": ""}]  # fmt: skip
    save(database, BABEL, match(BABEL, "babel-street", signals=in_words), now=LATER)
    save(database, EQUIPMENT, match(EQUIPMENT, "panamerica"))
    save(database, COURT_REPORTER, match(COURT_REPORTER, "panamerica", "review"))


def context_for(database: Database, folder: Path, **settings: Any) -> AppContext:
    """Return an application context for a database, with a token for reviewers."""
    given: dict[str, Any] = {"web_token": SecretStr(TOKEN), "requests_per_minute": 100_000, **settings}
    told = settings_for("http://127.0.0.1:9", folder, **given)
    return AppContext(settings=told, database=database, watchlist=few(), stop=threading.Event())


@contextmanager
def serve(app_context: AppContext, site_url: str = "") -> Iterator[str]:
    """Serve the website on a free port and yield its address, without a trailing slash.

    `site_url` is its public URL, if that is another one.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = make_server(app_context, site_url or address)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield address
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def served(database: Database, folder: Path, **settings: Any) -> Iterator[str]:
    """Serve a database."""
    with serve(context_for(database, folder, **settings)) as address:
        yield address
