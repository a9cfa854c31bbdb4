"""The website when PostgreSQL is restarted under it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from storage.database import Database
from tests.postgres import stopped
from tests.procurewatch.site import fill, served

PAGES = ("/search", "/", "/all.atom", "/api/v1/records", "/health.atom")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_pages_are_errors_only_while_the_server_is_away(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database)
    with served(database, tmp_path) as base, httpx.Client(base_url=base, timeout=60) as client:
        with stopped(database_url):
            assert client.get("/search").status_code == 500
        assert client.get("/search").status_code == 200


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_first_pages_after_a_restart_are_no_errors(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database)
    with served(database, tmp_path) as base, httpx.Client(base_url=base, timeout=60) as client:
        assert [client.get(page).status_code for page in PAGES] == [200] * len(PAGES)
        with stopped(database_url):
            pass
        assert [client.get(page).status_code for page in PAGES] == [200] * len(PAGES)
