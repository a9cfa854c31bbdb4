"""The website on loopback, with records of every kind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn

from procurewatch.context import AppContext
from procurewatch.web.app import make_app
from storage.database import Database
from tests.app_context import few, settings_for
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


@contextmanager
def served(database: Database, folder: Path, **settings: Any) -> Iterator[str]:
    """Serve a database over HTTP and yield the URL, without a trailing slash."""
    made = settings_for("http://127.0.0.1:9", folder, requests_per_minute=100_000, **settings)
    app_context = AppContext(settings=made, database=database, watchlist=few(), stop=threading.Event())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(make_app(app_context, base_url), log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield base_url
        finally:
            server.should_exit = True
            thread.join(timeout=30)
