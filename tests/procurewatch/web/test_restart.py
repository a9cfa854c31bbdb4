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
def test_pages_are_unavailable_only_while_the_server_is_away(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    fill(database)
    with served(database, tmp_path) as base, httpx.Client(base_url=base, timeout=60) as client:
        assert client.get("/health/ready").json() == {"ready": True, "problem": ""}
        with stopped(database_url):
            for page in PAGES:
                answer = client.get(page)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "30"), page
                assert "The database of this site is not available at the moment" in answer.text
            ready = client.get("/health/ready")
            assert (ready.status_code, ready.json()["problem"]) == (503, "the database cannot be read")
            assert (client.get("/health").status_code, client.get("/health").json()["ok"]) == (503, False)
            assert client.get("/health/live").json() == {"live": True}, "it is not restarted because PostgreSQL is"
        assert client.get("/search").status_code == 200
        assert client.get("/health/ready").status_code == 200


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_first_pages_after_a_restart_are_no_errors(database: Database, database_url: str, tmp_path: Path) -> None:
    fill(database)
    with served(database, tmp_path) as base, httpx.Client(base_url=base, timeout=60) as client:
        assert [client.get(page).status_code for page in PAGES] == [200] * len(PAGES)
        with stopped(database_url):
            pass
        assert [client.get(page).status_code for page in PAGES] == [200] * len(PAGES)
