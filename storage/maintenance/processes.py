"""The processes of `procurewatch run` on a database: each says regularly that it lives, and what it does."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.database import Database
from storage.errors import describe_error
from storage.schema.tables import ProcessRow

log = structlog.get_logger(__name__)

SILENCE = timedelta(minutes=2)  # longer than another process may lock SQLite (`storage.database.BUSY_SECONDS`)
FORGOTTEN = timedelta(days=1)  # after which the row of a process that was killed is deleted


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningProcess:
    """A process as it last described itself at `renewed` (UTC). `is_alive`: it still runs, as far as is known."""

    host: str
    pid: int
    version: str
    address: str
    started: datetime
    renewed: datetime
    doing: Sequence[str]
    is_alive: bool


class Registration:
    """The row of this process. `renew` says that it lives, and what it does; a failure is only logged."""

    def __init__(self, database: Database, *, version: str, address: str) -> None:
        # One statement is one transaction, without the lock of writers: a batch that is stored takes longer.
        self._database = database
        self._engine = database.engine.execution_options(isolation_level="AUTOCOMMIT")
        host, pid, now = socket.gethostname(), os.getpid(), database.now()
        self._row = {"host": host, "pid": pid, "version": version, "address": address, "started": now}
        self._id = uuid4().hex

    def renew(self, doing: Sequence[str]) -> None:
        """Write the row, also if it is gone: the database may have been restored from a backup."""
        try:
            values = {"renewed": self._database.now(), "doing": list(doing)}
            with self._engine.connect() as connection:
                if not connection.execute(update(ProcessRow).where(col(ProcessRow.id) == self._id), values).rowcount:
                    connection.execute(insert(ProcessRow), {"id": self._id, **self._row, **values})
        except SQLAlchemyError as error:
            log.info("the state of this process could not be stored", reason=describe_error(error))

    def end(self) -> None:
        """Delete the row."""
        try:
            with self._engine.connect() as connection:
                connection.execute(delete(ProcessRow).where(col(ProcessRow.id) == self._id))
        except SQLAlchemyError as error:
            log.info("the state of this process could not be deleted", reason=describe_error(error))


@contextmanager
def registered(database: Database, *, version: str, address: str) -> Iterator[Registration]:
    """Register this process for the block. It takes the place of those of its machine that were killed."""
    now = database.now()
    with database.writing() as session:
        for row in session.scalars(select(ProcessRow)).all():
            is_ours = row.host == socket.gethostname()
            # In a container every process may have the same number.
            if now - row.renewed > FORGOTTEN or (is_ours and (row.pid == os.getpid() or not _is_alive(row, now))):
                session.delete(row)
    registration = Registration(database, version=version, address=address)
    registration.renew(["starting"])
    try:
        yield registration
    finally:
        registration.end()


def list_processes(session: Session, now: datetime) -> list[RunningProcess]:
    """Return the processes that run or were killed, newest first. `now` is by the clock of the database."""
    rows = session.scalars(select(ProcessRow).order_by(col(ProcessRow.started).desc(), col(ProcessRow.id)))
    return [
        RunningProcess(
            host=row.host,
            pid=row.pid,
            version=row.version,
            address=row.address,
            started=row.started,
            renewed=row.renewed,
            doing=row.doing,
            is_alive=_is_alive(row, now),
        )
        for row in rows
    ]


def _is_alive(row: ProcessRow, now: datetime) -> bool:
    if now - row.renewed > SILENCE:
        return False
    if row.host != socket.gethostname() or os.name != "posix":  # elsewhere, `os.kill` would end it
        return True
    try:
        os.kill(row.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
