"""Open the database (SQLite in WAL mode by default, PostgreSQL by URL) and apply its migrations."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, cast, create_engine, event, func, inspect, select, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import DatabaseError as DriverError
from sqlalchemy.orm import Session

from storage.claims import Lease, file_claim
from storage.errors import NOT_UTF8, OTHER_VERSION, WHAT_TO_DO, explain_open_error
from storage.schema.columns import UtcTime
from storage.schema.sql_views import drop_views, make_views
from storage.schema.tables import RecordRow

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 60
MAX_CONNECTIONS, POOL_SIZE = 40, 5  # one connection for each thread of the web server
WRITING = "procurewatch_writing"
MAX_SILENCE_SECONDS = 60.0  # between two statements of a writing transaction on PostgreSQL
# One writer at a time, as on SQLite. A writer that is stopped in a transaction must not stop all others.
LOCK_WRITING = """
SELECT set_config('idle_in_transaction_session_timeout', :milliseconds, true),
    pg_advisory_xact_lock(hashtextextended('procurewatch.write', 0))
"""
# A PostgreSQL server that is silent for so long counts as gone; TCP alone waits for hours. The URL may set others.
# Seconds, the last one milliseconds: https://www.postgresql.org/docs/current/libpq-connect.html
TIMEOUTS = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
BUSY = f"busy_timeout={BUSY_SECONDS}000"
CACHE = "cache_size=-32000"  # KiB of pages of the file, in each connection; by default 2,000
FOR_WRITING = (BUSY, CACHE, "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")
FOR_READING = (BUSY, CACHE, "query_only=ON")
READ_ONLY = "-c default_transaction_read_only=on"  # of PostgreSQL
URL_FORMS = "sqlite:///FILE or postgresql://..."


class DatabaseError(Exception):
    """The database cannot be used. The message is one line that says what to do."""


class Database:
    """An open database. `reading()` and `writing()` each yield a session in one transaction."""

    def __init__(self, engine: Engine, lease: Lease | None = None) -> None:
        self.engine = engine
        self._lease = lease
        # At PostgreSQL's default level each statement of a transaction may see another state.
        snapshot = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
        self._reader = engine.execution_options(**snapshot)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session for reading that sees one state of the database."""
        with self._reader.connect() as connection, Session(connection) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield a session that commits at the end, or rolls back if an exception is raised."""
        with (
            self.engine.connect().execution_options(**{WRITING: True}) as connection,
            Session(connection, expire_on_commit=False) as session,
            session.begin(),
        ):
            if self.engine.dialect.name == "postgresql":
                session.execute(text(LOCK_WRITING), {"milliseconds": str(round(MAX_SILENCE_SECONDS * 1000))})
            if self._lease:
                self._lease.check(session)
            yield session

    @contextmanager
    def claim(self, name: str, wait: Callable[[float], object] | None = None) -> Iterator[Database]:
        """Claim a name (a source's) for the block, among all processes that share the database.

        Yields the database to write with: on PostgreSQL, where another process takes over from one that is silent for
        `storage.claims.LEASE_SECONDS`, its `writing()` raises `ClaimLost` once that has happened.

        Args:
            wait: sleeps for some seconds and returns whether to give up. If it is given, a claim whose holder may be
                dead is watched until that is certain.

        Raises:
            AlreadyClaimed: another process holds the claim.
        """
        if self.engine.dialect.name == "sqlite":
            with file_claim(Path(str(self.engine.url.database)), name):
                yield self
        else:
            lease = Lease(self.engine, name)
            with lease.held(self.writing, wait):
                yield Database(self.engine, lease)

    def check_claim(self) -> None:
        """Raise `ClaimLost` if this database is of a claim that another process is known to have taken over."""
        if self._lease:
            self._lease.check()

    def now(self) -> datetime:
        """Return `server_time`, in a transaction of its own."""
        with self.reading() as session:
            return server_time(session)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def server_time(session: Session) -> datetime:
    """Return the time (UTC) by the clock that all processes share: PostgreSQL's, or this machine's with SQLite."""
    if session.get_bind().dialect.name == "sqlite":
        return datetime.now(UTC)
    return session.scalars(select(cast(func.clock_timestamp(), UtcTime))).one()


def open_database(url: str) -> Database:
    """Open a database, create its SQLite file if there is none, and apply its migrations.

    Args:
        url: `sqlite:///path/to/file` or `postgresql://user@host/name`.

    Raises:
        DatabaseError: it cannot be reached, is no database, or was made by another version of Procurewatch.
    """
    with opening(url) as database:
        if database.engine.dialect.name == "sqlite":
            Path(str(database.engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
        _migrate(database)
    return database


def open_for_reading(url: str) -> Database:
    """Open a database that exists, for reading only: nothing is created, migrated or written.

    Args:
        url: as of `open_database`.

    Raises:
        DatabaseError: it cannot be reached, is no database, is damaged, has no tables, or has those of another version.
    """
    with opening(url, for_reading=True) as database:
        if problem := _schema_problem(database):
            raise DatabaseError(f"{shown_database(database.engine.url)} {problem}")
    return database


def _schema_problem(database: Database) -> str:
    """Return why this program cannot read a database's tables, and what to do; "" if it can."""
    current, known = current_revision(database), known_revisions()
    if current is None:
        return "has no tables of Procurewatch; fill it with poll, backfill or import"
    if current not in known:
        return _explain_other_version(current)
    if current != known[0]:
        return (
            f"was made by an earlier version of Procurewatch (schema {current}); every command upgrades it: run "
            "procurewatch sources"
        )
    missing = sorted({*RecordRow.metadata.tables} - {*inspect(database.engine).get_table_names()})
    return f"is damaged: it has no table {missing[0]}; {WHAT_TO_DO}" if missing else ""


@contextmanager
def opening(url: str, *, for_reading: bool = False) -> Iterator[Database]:
    """Yield a database whose schema is not looked at; close it if an exception is raised.

    Raises:
        DatabaseError: the URL is invalid, or what was done failed in the database.
    """
    parsed = parse_url(url)
    # Errors would quote parameters: addresses of alerts, and their secrets.
    connect = partial(create_engine, parsed, hide_parameters=True)
    pool = {"pool_size": POOL_SIZE, "max_overflow": MAX_CONNECTIONS - POOL_SIZE}
    if parsed.drivername == "sqlite" and for_reading:
        if not Path(str(parsed.database)).is_file():
            raise DatabaseError(f"there is no database {parsed.database}; make one with poll, backfill, import or demo")
        database = Database(connect(creator=partial(_connect_for_reading, parsed), poolclass=NullPool))
        _prepare_sqlite(database.engine, FOR_READING)
    elif parsed.drivername == "sqlite":
        database = Database(connect(**pool))
        _prepare_sqlite(database.engine, FOR_WRITING)
    else:
        # A restarted server has closed the connections of the pool.
        arguments: dict[str, object] = {name: value for name, value in TIMEOUTS.items() if name not in parsed.query}
        if for_reading:
            arguments["options"] = " ".join([*parsed.normalized_query.get("options", ()), READ_ONLY])
        database = Database(connect(pool_pre_ping=True, connect_args=arguments, **pool))
    with ExitStack() as on_failure:
        on_failure.callback(database.close)
        try:
            yield database
        except (DBAPIError, OSError) as error:
            file = Path(str(parsed.database)) if parsed.drivername == "sqlite" else None
            said = explain_open_error(error, file)
            raise DatabaseError(f"cannot open the database {shown_database(parsed)}: {said}") from error
        on_failure.pop_all()


def shown_database(url: URL) -> str:
    """Return the file of a SQLite database, or another's URL without its password."""
    return str(url.database) if url.drivername == "sqlite" else shown_url(url)


def shown_url(url: URL) -> str:
    """Return a URL without its password."""
    return url.set(query={}).render_as_string(hide_password=True)


def parse_url(url: str) -> URL:
    """Return a supported URL, with the driver that is used. Raises `DatabaseError` if there is none."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Not chained: the error quotes what it could not read, which may be part of a password.
        raise DatabaseError(f"the database URL is invalid; write {URL_FORMS}") from None
    if parsed.drivername in ("postgresql", "postgres"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise DatabaseError(f"{parsed.drivername} is not supported; use {URL_FORMS}")
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseError(f"an in-memory database would be lost at exit; use {URL_FORMS}")
    if parsed.drivername == "sqlite" and parsed.query:
        raise DatabaseError("a database URL of SQLite has no parameters; write a ? in the name of its file as %3F")
    return parsed


def _connect_for_reading(url: URL) -> sqlite3.Connection:
    """Return a connection that cannot write.

    SQLite puts two files beside a database in WAL mode. Where it cannot, on a read-only disk, and there are none, the
    database is read as a file that nobody changes (https://www.sqlite.org/wal.html#read_only_databases).
    """
    file = Path(str(url.database)).absolute()
    is_fixed = not os.access(file.parent, os.W_OK) and not Path(f"{file}-wal").exists()
    uri = f"{file.as_uri()}?mode=ro{'&immutable=1' if is_fixed else ''}"
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def _prepare_sqlite(engine: Engine, pragmas: Sequence[str]) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: object, _record: object) -> None:
        # Turns off the driver's own transaction handling: `_begin` begins transactions.
        connection.isolation_level = None  # type: ignore[attr-defined]
        for pragma in pragmas:
            try:
                connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]
            except UnicodeDecodeError as error:  # see `_undecodable`
                raise sqlite3.DatabaseError(NOT_UTF8) from error

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if options.get("isolation_level") != "AUTOCOMMIT":
            # A writer locks at once: SQLite refuses to upgrade a transaction that has read an older state.
            connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(WRITING) else "BEGIN")

    @event.listens_for(engine, "handle_error")
    def _undecodable(context: ExceptionContext) -> None:
        # The driver raises this, not an error of its own, when a damaged name or message is not UTF-8.
        if isinstance(context.original_exception, UnicodeDecodeError):
            context.chained_exception = DriverError(context.statement, None, sqlite3.DatabaseError(NOT_UTF8))


def migration_config(engine: Engine | None = None, connection: Connection | None = None) -> Config:
    """Return Alembic's configuration for the migrations, for an open connection if one is given."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes.update(engine=engine, connection=connection)
    return config


def known_revisions() -> list[str]:
    """Return the versions of the schema that this program knows, newest first."""
    script = ScriptDirectory.from_config(migration_config())
    return [revision.revision for revision in script.walk_revisions()]


def current_revision(database: Database) -> str | None:
    """Return the version of a database's schema, `None` if it has no tables yet."""
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def _explain_other_version(schema: str) -> str:
    return f"was made by another version of Procurewatch (schema {schema}): {OTHER_VERSION}"


def _migrate(database: Database) -> None:
    """Apply missing migrations in one transaction, one process at a time."""
    current, known = current_revision(database), known_revisions()
    if current == known[0]:
        return
    if current is not None and current not in known:
        raise DatabaseError(f"the database {_explain_other_version(current)}")
    with database.engine.connect().execution_options(**{WRITING: True}) as connection, connection.begin():
        if database.engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('procurewatch.migrate', 0))"))
        drop_views(connection)
        command.upgrade(migration_config(connection=connection), "head")
        make_views(connection)
