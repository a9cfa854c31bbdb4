"""Claims between processes: of all that share a database, one at a time may poll a source.

SQLite belongs to one machine: a claim is a file lock, which the operating system releases when the process dies.
PostgreSQL is shared by machines, which may stop, lose their connection or have a wrong clock: a claim is a row that its
holder renews, by the server's clock, and that another process may take when it has not been renewed for
`LEASE_SECONDS`. Every transaction of the holder checks the row first, so a process that was stopped and continued
stores nothing after another one has taken over.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import structlog
from filelock import FileLock, Timeout
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from storage.errors import describe_error

log = structlog.get_logger(__name__)

LEASE_SECONDS = 15.0  # without a renewal for so long, its holder counts as dead
RENEWAL_SECONDS = 2.0
WATCH_SECONDS = 0.25  # between two looks at a claim that may have no living holder

# The server's clock may have jumped either way since the last renewal.
TAKE = """
INSERT INTO claim (name, token, holder, renewed) VALUES (:name, :token, :holder, clock_timestamp())
ON CONFLICT (name) DO UPDATE SET token = :token, holder = :holder, renewed = clock_timestamp()
WHERE abs(extract(epoch FROM clock_timestamp() - claim.renewed)) > :lease
"""
OTHER = "SELECT holder, renewed FROM claim WHERE name = :name AND token <> :token"
HELD = "SELECT 1 FROM claim WHERE name = :name AND token = :token"
RENEW = "UPDATE claim SET renewed = clock_timestamp() WHERE name = :name AND token = :token"
RELEASE = "DELETE FROM claim WHERE name = :name AND token = :token"

Writing = Callable[[], AbstractContextManager[Session]]


class AlreadyClaimed(Exception):
    """Another process holds the claim. The message is the process, if it is known."""


class ClaimLost(Exception):
    """Another process has taken the claim over. The message is one line."""


@contextmanager
def file_claim(database: Path, name: str) -> Iterator[None]:
    """Hold a claim next to a SQLite file. Raises `AlreadyClaimed` at once if another process holds it."""
    lock = FileLock(database.with_name(f"{database.name}.{name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise AlreadyClaimed from None
    try:
        yield
    finally:
        lock.release()


class Lease:
    """A claim on PostgreSQL: the row of a name, renewed by a thread while the claim is held."""

    def __init__(self, engine: Engine, name: str) -> None:
        # One statement is one transaction: a process that is stopped between two would leave the row locked.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._name = name
        self._row = {"name": name, "token": uuid4().hex}
        self._is_lost = False

    @contextmanager
    def held(self, writing: Writing, wait: Callable[[float], object] | None) -> Iterator[None]:
        """Hold the claim; see `storage.database.Database.claim`. `writing` begins a transaction as its only writer."""
        self._take(writing, wait)
        end = threading.Event()
        renewal = threading.Thread(target=self._renew, args=(end,), name=f"claim of {self._name}", daemon=True)
        renewal.start()
        try:
            yield
        finally:
            end.set()
            renewal.join()
            self._release()

    def check(self, session: Session | None = None) -> None:
        """Raise `ClaimLost` if another process has taken over: as far as is known, or for certain in a transaction.

        Taking over needs the lock that a writing transaction has, so the answer is true until it has committed.
        """
        if session is not None and session.scalar(text(HELD), self._row) is None:
            self._is_lost = True
        if self._is_lost:
            raise ClaimLost(
                f"another process has taken over {self._name}, because this one was stopped or cut off from the "
                "database; it goes on from what is stored"
            )

    def _take(self, writing: Writing, wait: Callable[[float], object] | None) -> None:
        """Take the row. If its holder may be dead, watch for a renewal until the lease has run out."""
        first: datetime | None = None
        give_up = time.monotonic() + LEASE_SECONDS + RENEWAL_SECONDS
        new = {**self._row, "holder": f"{socket.gethostname()}, process {os.getpid()}", "lease": LEASE_SECONDS}
        while True:
            with writing() as session:
                session.execute(text(TAKE), new)
                other = session.execute(text(OTHER), self._row).first()
            if other is None:
                return
            first = first or other.renewed
            is_alive = other.renewed != first or time.monotonic() > give_up
            if wait is None or is_alive or wait(WATCH_SECONDS):
                raise AlreadyClaimed(other.holder)

    def _renew(self, end: threading.Event) -> None:
        while not end.wait(RENEWAL_SECONDS):
            try:
                with self._engine.connect() as connection:
                    self._is_lost = connection.execute(text(RENEW), self._row).rowcount == 0
            except SQLAlchemyError as error:  # the server restarts, perhaps; the claim stays while nobody takes it
                log.info("a claim could not be renewed", name=self._name, reason=describe_error(error))

    def _release(self) -> None:
        try:
            with self._engine.connect() as connection:
                connection.execute(text(RELEASE), self._row)
        except SQLAlchemyError as error:
            log.info("a claim could not be released; it runs out", name=self._name, reason=describe_error(error))
