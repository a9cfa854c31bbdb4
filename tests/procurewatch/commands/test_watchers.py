"""Several `procurewatch run` on one PostgreSQL database: killed, stopped, with wrong clocks, and cut off from it."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, TypeVar

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.database import Database, open_database
from storage.models import GOOD_STATUSES
from storage.schema.tables import ClaimRow, EventRow, RunRow
from tests import postgres
from tests.app_context import Dump, dump
from tests.commands import environment, run
from tests.processes import Process
from tests.upstreams import every_source
from tests.upstreams.every_source import FAKE_UPSTREAMS, FakeUpstream
from tests.upstreams.server import Answer, FakeServer, LoggedRequest
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward
from tests.upstreams.usaspending.server import FakeUsaspending

# The program with a dozen vendors and a short lease, on a machine whose clock is wrong by some minutes.
PROGRAM = """
import warnings; warnings.simplefilter("error")
import datetime, os, sys
from procurewatch import context
from procurewatch.cli import main
from storage import claims
from tests.app_context import few
context.load_watchlist = few
claims.LEASE_SECONDS, claims.RENEWAL_SECONDS = 5.0, 0.2
real = datetime.datetime
wrong = datetime.timedelta(minutes=float(os.environ.get("MINUTES_WRONG", 0)))
class AnyTime(type):
    __instancecheck__ = lambda cls, value: isinstance(value, real)
class WrongClock(real, metaclass=AnyTime):
    @classmethod
    def now(cls, tz=None):
        return real.now(tz) + wrong
for name, module in list(sys.modules.items()):
    own = name.partition(".")[0] in ("sources", "monitors", "storage", "feeds", "procurewatch", "apscheduler")
    if own and vars(module).get("datetime") is real:
        module.datetime = WrongClock
main()
"""
TODAY = datetime.now(UTC).date()
SOURCES = ("usaspending", "dod", "federalregister")
COMPARED = ("record", "action", "match", "event", "source_record", "link", "quarantine", "unfinished_step")
DETAILS = "/awards/CONT"
Found = TypeVar("Found")
on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


class HoldingUsaspending(FakeUsaspending):
    """A fake server that can hold back an answer. The answer stays as it was when it was asked for."""

    def __init__(self, awards: list[CorpusAward]) -> None:
        super().__init__(awards)
        self._hold_at = ""
        self._held: Answer | None = None
        self.has_asked = threading.Event()
        self.may_answer = threading.Event()

    def hold(self, place: str) -> None:
        """Hold back the next answer to a path that contains `place`."""
        with self.paused():
            self._hold_at, self._held = place, None
            self.has_asked.clear()
            self.may_answer.clear()

    def answer(self, request: LoggedRequest) -> Answer:
        true = super().answer(request)
        if self._hold_at and self._hold_at in request.path:
            self._hold_at, self._held = "", true
            self.has_asked.set()
        return true

    def transmit(self, connection: Any, answer: Answer) -> bool:
        if answer is self._held:
            self.may_answer.wait()
        return super().transmit(connection, answer)

    def close(self) -> None:
        self.may_answer.set()
        super().close()


class Upstreams:
    """Fake servers of three sources, with records of the last days."""

    def __init__(self, usaspending: HoldingUsaspending, others: Mapping[FakeUpstream, FakeServer]) -> None:
        self.usaspending = usaspending
        self._others = others

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Self]:
        with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
            patch.setattr(every_source, "FIRST", TODAY - timedelta(days=9))
            patch.setattr(every_source, "SECOND", TODAY - timedelta(days=7))
            fakes = [fake for fake in FAKE_UPSTREAMS if fake.source in SOURCES[1:]]
            others = {fake: stack.enter_context(fake.open()) for fake in fakes}
            awards = [_award(number, TODAY - timedelta(days=9)) for number in (1, 2)]
            yield cls(stack.enter_context(HoldingUsaspending(awards)), others)

    def modify(self, number: int, modification: str) -> None:
        """Add a modification to an award."""
        with self.usaspending.editing() as awards:
            awards[number - 1].actions.append(_action(modification, TODAY - timedelta(days=3)))
            awards[number - 1].last_modified_date = TODAY - timedelta(days=3)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that name the servers."""
        asked = {"PROCUREWATCH_ONLY_SOURCES": json.dumps(SOURCES)}
        urls = {
            "usaspending": self.usaspending.base_url,
            **{fake.source: at.base_url for fake, at in self._others.items()},
        }
        for source, url in urls.items():
            name = f"PROCUREWATCH_SOURCES__{source.upper()}__"
            asked |= {f"{name}BASE_URL": url, f"{name}SECONDS_BETWEEN": "0", f"{name}TRIES": "1"}
        for fake, server in self._others.items():
            name = f"PROCUREWATCH_SOURCES__{fake.source.upper()}__EXTRA_HOSTS"
            asked[name] = json.dumps(dict.fromkeys(fake.also, server.base_url))
        return asked


def _action(modification: str, day: date) -> CorpusAction:
    return every_source._action(modification, day, "250.00")


def _award(number: int, day: date) -> CorpusAward:
    return every_source._award(number, day)


@contextmanager
def watcher(folder: Path, url: str, upstreams: Upstreams, minutes_wrong: int = 0) -> Iterator[Process]:
    """Start `run` on a machine of its own: USAspending is due again after two seconds, the others after hours."""
    more = {"PROCUREWATCH_POLL_HOURS": str(2 / 3600), "MINUTES_WRONG": str(minutes_wrong)}
    running = ["run", "--no-serve", "--tick-seconds", "0.2"]
    arguments = ["procurewatch", "--data-dir", str(folder), "--database-url", url, *running]
    with Process(PROGRAM, arguments, environment(**upstreams.variables, **more)) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()


def wait_until(database: Database, look: Callable[[Session], Found]) -> Found:
    """Return what is found in the database, as soon as there is something."""
    while True:
        with database.reading() as session:
            found = look(session)
        if found:
            return found
        time.sleep(0.05)


def says(process: Process, text: str) -> bool:
    """Return whether the process says so on stderr, as soon as it does."""
    return any(text in line for line in process.stderr)


def holder(database: Database, watchers: list[Process]) -> Process:
    """Return the watcher that polls USAspending."""
    with database.reading() as session:
        who = session.get_one(ClaimRow, "usaspending").holder
    return next(watcher for watcher in watchers if who.endswith(f"process {watcher.pid}"))


def good_polls(source: str, after: int = 0) -> Callable[[Session], list[RunRow]]:
    """Return a look for the good polls of a source with a higher id."""
    query = select(RunRow).where(col(RunRow.source) == source, col(RunRow.id) > after)
    return lambda session: list(session.scalars(query.where(col(RunRow.status).in_(GOOD_STATUSES))))


def last_run(database: Database) -> int:
    with database.reading() as session:
        return session.scalars(select(func.max(col(RunRow.id)))).one() or 0


def let_pass(database: Database, interval: str) -> None:
    """Let all polls have begun and ended earlier than they have."""
    with database.writing() as session:
        earlier = "started = started - CAST(:it AS interval), ended = ended - CAST(:it AS interval)"
        session.execute(text(f"UPDATE run SET {earlier}"), {"it": interval})


def compared(database: Database) -> Dump:
    rows = dump(database)
    return {table: rows[table] for table in COMPARED}


def poll_once(folder: Path, upstreams: Upstreams) -> None:
    arguments = ["procurewatch", "--data-dir", str(folder), "poll"]
    with Process(PROGRAM, arguments, environment(**upstreams.variables)) as process:
        _, err = process.communicate()
    assert process.returncode == 0, err


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Dump:
    """What is stored when nothing happens to the only process."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with Upstreams.opened() as upstreams:
        poll_once(folder, upstreams)
        upstreams.modify(1, "P00001")
        upstreams.modify(1, "P00002")
        poll_once(folder, upstreams)
    with closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database:
        return compared(database)


@on_postgresql
def test_three_watchers_store_what_one_does(
    database: Database, database_url: str, tmp_path: Path, wanted: Dump
) -> None:
    began = database.now()
    with Upstreams.opened() as upstreams, ExitStack() as stack:
        upstreams.usaspending.hold(DETAILS)
        watchers = [stack.enter_context(watcher(tmp_path, database_url, upstreams, wrong)) for wrong in (0, 7, -7)]

        assert upstreams.usaspending.has_asked.wait(300)
        killed = holder(database, watchers)
        killed.kill()
        killed.wait()
        watchers.remove(killed)
        let_pass(database, "15 minutes")  # after which a poll that was cut off is repeated
        for source in SOURCES:
            wait_until(database, good_polls(source))

        upstreams.usaspending.hold(DETAILS)
        upstreams.modify(1, "P00001")
        assert upstreams.usaspending.has_asked.wait(300)
        stopped = holder(database, watchers)
        stopped.send_signal(signal.SIGSTOP)
        upstreams.modify(1, "P00002")
        wait_until(database, good_polls("usaspending", after=last_run(database)))
        stopped.send_signal(signal.SIGCONT)
        upstreams.usaspending.may_answer.set()
        assert says(stopped, "procurewatch: another process has taken over usaspending")

        wait_until(database, good_polls("usaspending", after=last_run(database)))
        for process in watchers:
            process.send_signal(signal.SIGTERM)
        outputs = [process.communicate() for process in watchers]
        assert [process.returncode for process in watchers] == [0, 0], outputs

        assert compared(database) == wanted
        with database.reading() as session:
            runs = {source: good_polls(source)(session) for source in SOURCES}
            seen = session.scalars(select(col(EventRow.first_seen))).all()
            assert not session.scalars(select(ClaimRow)).all()
        assert {source: len(runs[source]) for source in SOURCES[1:]} == {"dod": 1, "federalregister": 1}
        for earlier, later in pairwise(runs["usaspending"]):
            assert earlier.ended is not None
            assert earlier.ended <= later.started
        assert began <= min(seen) <= max(seen) <= database.now()


@contextmanager
def a_poll_that_waits(database: Database, database_url: str, folder: Path) -> Iterator[tuple[Upstreams, Process]]:
    """Run a watcher that has polled every source once, and now waits for details of an award with news."""
    with Upstreams.opened() as upstreams, watcher(folder, database_url, upstreams) as process:
        for source in SOURCES:
            wait_until(database, good_polls(source))
        upstreams.usaspending.hold(DETAILS)
        upstreams.modify(1, "P00001")
        upstreams.modify(1, "P00002")
        assert upstreams.usaspending.has_asked.wait(300)
        yield upstreams, process


@on_postgresql
def test_a_restart_of_postgresql_in_a_poll_loses_nothing(
    database: Database, database_url: str, tmp_path: Path, wanted: Dump
) -> None:
    with a_poll_that_waits(database, database_url, tmp_path) as (upstreams, process):
        with postgres.stopped(database_url):
            upstreams.usaspending.may_answer.set()
            assert says(process, "the database failed; trying again at the next tick")
        wait_until(database, good_polls("usaspending", after=last_run(database)))
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
        assert process.returncode == 0, err
    assert compared(database) == wanted


@on_postgresql
def test_a_poll_goes_on_after_its_connections_are_cut(
    database: Database, database_url: str, tmp_path: Path, wanted: Dump
) -> None:
    with a_poll_that_waits(database, database_url, tmp_path) as (upstreams, process):
        ours = last_run(database)
        postgres.cut_off(database_url)
        arguments = ("--database-url", database_url, "poll", "--source", "usaspending")
        second = run(tmp_path, *arguments, **upstreams.variables)
        assert second.returncode == 3, second.stderr
        assert second.stderr.rstrip().endswith(f"process {process.pid}); try again when it is done")
        upstreams.usaspending.may_answer.set()
        assert wait_until(database, good_polls("usaspending", after=ours - 1))[0].id == ours
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate()
        assert process.returncode == 0, err
        assert "maximum number of running instances" not in err, "nor is it said that a poll takes several ticks"
    assert compared(database) == wanted
