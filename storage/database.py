"""Opening the database: SQLite in WAL mode by default, PostgreSQL by URL; migrations applied by the program itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

import storage.writing.event_snapshots  # noqa: F401  it keeps what is told in every transaction that writes
from storage.search.index import IndexingSession
from storage.sql_views import drop_views, make_views

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 60
AT_ONCE, KEPT_OPEN = 40, 5  # connections: as many as a web server has threads, so that none waits for another's
WRITING = "procurewatch_writing"
WAYS = "sqlite:///FILE or postgresql://..."


class DatabaseError(Exception):
    """The database cannot be used. The message is one line that says what to do."""


class Database:
    """An open database. `reading()` and `writing()` each give a session in one transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # PostgreSQL would show each statement the state of its own moment.
        one_state = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        self._reader = engine.execution_options(**one_state)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session over one consistent state, for reading."""
        with self._reader.connect() as connection, Session(connection) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that commits at the end, or rolls back when an exception leaves it.

        What it changes is found by searches as soon as it is committed.
        """
        with (
            self.engine.connect().execution_options(**{WRITING: True}) as connection,
            IndexingSession(connection, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def claim(self, name: str) -> Iterator[bool]:
        """Hold a claim that no other process can hold; gives False at once when another has it.

        The operating system or PostgreSQL ends the claim when the process dies, however it dies.
        """
        if self.engine.dialect.name == "sqlite":
            with _file_claim(Path(str(self.engine.url.database)), name) as held:
                yield held
        else:
            with _advisory_claim(self.engine, name) as held:
                yield held

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


@contextmanager
def _file_claim(database: Path, name: str) -> Iterator[bool]:
    lock = FileLock(database.with_name(f"{database.name}.{name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def _advisory_claim(engine: Engine, name: str) -> Iterator[bool]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"name": f"procurewatch.{name}"}
        held = bool(connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), key))
        try:
            yield held
        finally:
            if held:
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), key)


def open_database(url: str) -> Database:
    """Open a database, make it if it is a SQLite file that is not there, and bring its tables up to date.

    Args:
        url: `sqlite:///path/to/file` or `postgresql://user@host/name`.

    Raises:
        DatabaseError: it cannot be reached, is no database, or was made by another version of Procurewatch.
    """
    parsed = _supported(url)
    shown = parsed.set(query={}).render_as_string(hide_password=True)
    connections = {"pool_size": KEPT_OPEN, "max_overflow": AT_ONCE - KEPT_OPEN}
    database = Database(create_engine(parsed, json_deserializer=_read_json, **connections))
    with ExitStack() as on_failure:
        on_failure.callback(database.close)
        try:
            if database.engine.dialect.name == "sqlite":
                _prepare_sqlite(database.engine)
            _migrate(database)
        except (DBAPIError, OSError) as error:
            reason = str(getattr(error, "orig", error)).strip().splitlines()
            said = reason[0] if reason else repr(error)
            raise DatabaseError(f"cannot open the database {shown}: {said}") from error
        on_failure.pop_all()
    return database


def _read_json(text: str) -> object:
    return [] if text == "[]" else json.loads(text)  # most lists are empty, and each is looked at


def _supported(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not chained: the error quotes what it could not read, which may be part of a password.
        raise DatabaseError(f"the database URL cannot be read; write {WAYS}") from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise DatabaseError(f"{parsed.drivername} is not supported; use {WAYS}")
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseError(f"a database in memory would be forgotten; use {WAYS}")
    return parsed


def _prepare_sqlite(engine: Engine) -> None:
    Path(str(engine.url.database)).parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine, "connect")
    def _configure(connection: object, _record: object) -> None:
        # The driver's own transaction handling is off; `_begin` says what a transaction is.
        connection.isolation_level = None  # type: ignore[attr-defined]
        for pragma in (
            f"busy_timeout={BUSY_SECONDS}000",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock at once: a reader that turns writer half-way can only fail.
        if connection.get_execution_options().get(WRITING):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:  # every answer does; it takes no lock, and so waits for none
            connection.connection.dbapi_connection.execute("BEGIN")  # type: ignore[union-attr]


def migration_config(engine: Engine | None = None, connection: Connection | None = None) -> Config:
    """Return Alembic's settings for our migrations, over an open connection where one is given."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes.update(engine=engine, connection=connection)
    return config


def _migrate(database: Database) -> None:
    """Apply what migrations are missing, in one transaction, one process at a time."""
    script = ScriptDirectory.from_config(migration_config())
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {revision.revision for revision in script.walk_revisions()}:
        raise DatabaseError(
            f"the database was made by another version of Procurewatch (schema {current}): open it with that version, "
            "or move it away and fill a new one with poll, backfill or import"
        )
    with database.engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        if database.engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('procurewatch.migrate', 0))"))
        drop_views(connection)
        command.upgrade(migration_config(connection=connection), "head")
        make_views(connection)
