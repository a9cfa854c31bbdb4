"""Databases with a few sample awards, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from storage.database import Database, open_database
from tests.postgres import fresh_database
from tests.storage.fixtures import save_sample_awards


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Yield a database with the sample awards, which no test changes."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path_factory.mktemp('sample') / 'procurewatch.sqlite3'}"
        if request.param == "postgresql":
            url = stack.enter_context(fresh_database(request.getfixturevalue("postgresql_server")))
        database = stack.enter_context(closing(open_database(url)))
        save_sample_awards(database)
        yield database


@pytest.fixture
def sample_copy(database: Database) -> Database:
    """Return a database of its own with the sample awards."""
    save_sample_awards(database)
    return database
