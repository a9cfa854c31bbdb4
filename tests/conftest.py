"""Fixtures of every test: no user settings, no network except loopback, databases of both kinds."""

from __future__ import annotations

import gc
import ipaddress
import itertools
import os
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import structlog
from filelock import FileLock
from hypothesis import settings
from sqlalchemy.engine import make_url

from sources.http.rate_limit import SHARED_LIMITS
from storage.database import Database, open_database
from tests import dialects, postgres
from tests.commands import run

# Its libraries cannot be installed beside the others; its docstring says how to run it.
collect_ignore = [] if find_spec("moto") else ["procurewatch/test_scanning_s3.py"]
NO_POSTGRESQL = "NOT TESTED ON POSTGRESQL"
NO_BROWSER = "NOT TESTED IN A BROWSER"
TO_INSTALL = {
    NO_POSTGRESQL: "Where no server can start, set TEST_DATABASE_URL to the URL of another.",
    NO_BROWSER: "Install Chromium: your system's package, or `.venv/bin/python -m playwright install chromium`.",
}
USER_FOLDERS = {
    "HOME": "",
    "XDG_DATA_HOME": "data",
    "XDG_CONFIG_HOME": "config",
    "XDG_CACHE_HOME": "cache",
    "XDG_STATE_HOME": "state",
    "XDG_RUNTIME_DIR": "runtime",
}
_numbers = itertools.count()
# Unlike the program's log, structlog's own shows tracebacks with all variables: that takes seconds in a web server.
structlog.configure(processors=[structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)])
dialects.register()

# The duration of an example depends on the machine.
settings.register_profile("procurewatch", settings(deadline=None, max_examples=50))
settings.register_profile("long", settings(deadline=None, max_examples=5_000))
settings.load_profile("procurewatch")


def pytest_collection_finish() -> None:
    """Keep the garbage collector from what all tests share, and call it less often: 7 % less processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class NetworkUsed(Exception):
    """A test tried to reach another machine. Not an `OSError`, which the program would handle."""


@pytest.fixture(autouse=True)
def _no_user_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the user's settings and folders."""
    for name in [name for name in os.environ if name.upper().startswith("PROCUREWATCH_")]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "homes" / str(next(_numbers))
    for name, folder in USER_FOLDERS.items():
        (home / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        monkeypatch.setenv(name, str(home / folder))


@pytest.fixture(autouse=True)
def _no_earlier_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the requests of earlier tests: a test's server may get the port of an earlier one."""
    monkeypatch.setattr(SHARED_LIMITS, "_hosts", {})


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Reject connections to, and lookups of, other machines."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def checked_connect(self: socket.socket, address: Any) -> None:
        _only_here(self, address)
        connect(self, address)

    def checked_connect_ex(self: socket.socket, address: Any) -> int:
        _only_here(self, address)
        return connect_ex(self, address)

    def checked_getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        # IP addresses need no lookup; `connect` checks them.
        if host is not None and _address(host) is None:
            raise NetworkUsed(f"tests stay on this machine; this one looked for {host!r}")
        return getaddrinfo(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", checked_connect)
        patch.setattr(socket.socket, "connect_ex", checked_connect_ex)
        patch.setattr(socket, "getaddrinfo", checked_getaddrinfo)
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_tls_context() -> Iterator[None]:
    """Load the certificates once per process instead of once per HTTP client; tests use none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl, "create_default_context", cache(ssl.create_default_context))
        yield


def _only_here(connecting: socket.socket, address: Any) -> None:
    if connecting.family not in (socket.AF_INET, socket.AF_INET6):
        return
    found = _address(address[0])
    if found is None or not found.is_loopback:
        connecting.close()  # callers close it on OSError only
        raise NetworkUsed(f"tests stay on this machine; this one wanted to reach {address[0]!r}")


def _address(host: str | bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return a host's IP address; `None` if it is a name that needs a lookup."""
    name = host.decode() if isinstance(host, bytes) else host
    try:
        return ipaddress.ip_address("127.0.0.1" if name in ("localhost", "") else name.partition("%")[0])
    except ValueError:
        return None


@pytest.fixture(scope="session")
def build_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return a function that builds a folder once for all processes of a test run. Copy the folder to change it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def folder_of(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = shared / name, shared / f"{name}.done"
        with FileLock(shared / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # left by a failed attempt
                folder.mkdir()
                fill(folder)
                done.touch()
        return folder

    return folder_of


@pytest.fixture(scope="session")
def demo_folder(build_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A data folder in which the demo has run; its output is in demo.txt."""

    def run_demo(folder: Path) -> None:
        done = run(folder, "demo")
        assert done.returncode == 0, done.stderr
        (folder / "demo.txt").write_text(done.stdout)

    return build_once("demo", run_demo)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """Start a PostgreSQL server when a test first needs it, and yield its URL.

    Without one these tests are skipped; with CI set they fail.
    """
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgres.server())
        except postgres.Unavailable as error:
            if os.environ.get("CI"):
                pytest.fail(f"{NO_POSTGRESQL}: {error}", pytrace=False)
            pytest.skip(f"{NO_POSTGRESQL}: {error}")
        yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Warn if tests on PostgreSQL or in a browser were skipped, and say what to install."""
    skipped = [str(report.longrepr) for report in terminalreporter.getreports("skipped")]
    for missing, hint in TO_INSTALL.items():
        left_out = [reason for reason in skipped if missing in reason]
        if left_out:
            terminalreporter.section(f"{missing}: {len(left_out)} tests skipped", sep="!", red=True, bold=True)
            terminalreporter.line(left_out[0])
            terminalreporter.line(hint)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return the URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}"


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    """Yield the URL of a new empty PostgreSQL database."""
    with postgres.fresh_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="session")
def _sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "template.sqlite3"
    open_database(f"sqlite:///{file}").close()
    return file


@pytest.fixture(scope="session")
def _postgresql_with_tables(postgresql_server: str) -> Iterator[str]:
    with postgres.fresh_database(postgresql_server) as url:
        open_database(url).close()
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a new database without tables, of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def sqlite_database_url(sqlite_url: str, _sqlite_with_tables: Path) -> str:
    """Return the URL of a SQLite database with empty tables, a copy of a template: faster than creating the tables."""
    shutil.copy(_sqlite_with_tables, str(make_url(sqlite_url).database))
    return sqlite_url


@pytest.fixture
def postgresql_database_url(_postgresql_with_tables: str) -> str:
    """Return the URL of a PostgreSQL database with empty tables: one per process, emptied before each test."""
    postgres.empty(_postgresql_with_tables)
    return _postgresql_with_tables


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Return the URL of a database with empty tables, of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_database_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Yield an open database with empty tables, of each kind."""
    with closing(open_database(database_url)) as opened:
        yield opened
