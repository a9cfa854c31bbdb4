"""The website with the demo's awards, and a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from httpx import Client
from playwright.sync_api import Browser, Error, Page, sync_playwright

from procurewatch.context import AppContext
from storage.database import Database, open_database
from tests.app_context import app_context_for, poll
from tests.conftest import NO_BROWSER
from tests.procurewatch.site import context_for, serve
from tests.procurewatch.web.fixtures import TOKEN
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def polled(
    build_once: Callable[[str, Callable[[Path], object]], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A SQLite file with what a poll of the demo's awards stores."""

    def fill(folder: Path) -> None:
        with FakeUsaspending(load_corpus()) as upstream, app_context_for(upstream.base_url, folder) as app_context:
            poll(app_context)
            with app_context.database.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    return Path(shutil.copy(build_once("polled", fill) / "procurewatch.sqlite3", tmp_path_factory.mktemp("polled")))


@pytest.fixture
def app_context(polled: Path, tmp_path: Path) -> Iterator[AppContext]:
    """An app context over a copy of it."""
    file = tmp_path / "procurewatch.sqlite3"
    shutil.copy(polled, file)
    with closing(open_database(f"sqlite:///{file}")) as database:
        yield context_for(database, tmp_path)


@pytest.fixture
def address(app_context: AppContext) -> Iterator[str]:
    """The address of a website that the test may change."""
    with serve(app_context) as found:
        yield found


@pytest.fixture(scope="session")
def read_only_address(polled: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a website that no test changes."""
    folder = tmp_path_factory.mktemp("reading")
    with closing(open_database(f"sqlite:///{polled}")) as database, serve(context_for(database, folder)) as found:
        yield found


@pytest.fixture(scope="session")
def reviewer_cookies(read_only_address: str) -> list[Any]:
    """The cookies of who is signed in there, as a browser takes them."""
    with Client(base_url=read_only_address) as client:
        client.post("/review/sign-in", data={"name": "Ana", "token": TOKEN})
        return [{"name": name, "value": value, "url": read_only_address} for name, value in client.cookies.items()]


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    """A client of a website that the test may change."""
    with Client(base_url=address, follow_redirects=True, timeout=60) as opened:
        yield opened


@pytest.fixture
def made(database: Database, tmp_path: Path) -> Iterator[tuple[Client, Database]]:
    """A client of the website on an empty database of each kind, and that database."""
    with (
        serve(context_for(database, tmp_path)) as found,
        Client(base_url=found, follow_redirects=True, timeout=60) as opened,
    ):
        yield opened, database


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium. Where there is none its tests are skipped, and fail where CI is set."""
    named = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=named, args=["--no-sandbox"])
        except Error as error:
            reason = f"{NO_BROWSER}: {str(error).splitlines()[0]}"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new page; the test fails if it has a script error, violates its policy or requests another site."""
    with closing(browser.new_context(viewport={"width": 1280, "height": 900})) as context:
        opened = context.new_page()
        faults: list[str] = []
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.on("console", lambda message: faults.append(message.text) if "Security Policy" in message.text else None)
        opened.on("request", lambda request: None if "//127.0.0.1:" in request.url else faults.append(request.url))
        yield opened
        assert faults == []
