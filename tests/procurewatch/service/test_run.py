"""`procurewatch run`: polls, the website and the static site in one real process."""

from __future__ import annotations

import json
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from storage.alerts.deliveries import list_deliveries, load_delivery, queue_delivery
from storage.alerts.models import ChannelKind, DeliveryState, Rhythm
from storage.alerts.subscriptions import add_subscription, disabled_subscriptions
from storage.database import Database, open_database
from storage.maintenance.processes import list_processes
from storage.models import RunStatus
from storage.schema.tables import EventRow
from tests.commands import PROGRAM, environment, run
from tests.processes import Process
from tests.procurewatch.site import fill
from tests.sources.scripted_server import How, Script, ScriptedServer
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

HANG = Script(how=How.HANG)
SECONDS = 60
ALL_IN_ONE = ("run", "--port", "0", "--tick-seconds", "0.2")
FEW = "from procurewatch import context; from tests.app_context import few; context.load_watchlist = few\n"
AS_JSON = {"PROCUREWATCH_LOG_FORMAT": "json", "PROCUREWATCH_LOG_LEVEL": "info"}
WHOLE_CORPUS = {"PROCUREWATCH_LOOKBACK_DAYS": "1461", "PROCUREWATCH_FULL_SWEEP_DAYS": "1461"}


@contextmanager
def running(folder: Path, base_url: str, **more: str) -> Iterator[tuple[Process, httpx.Client]]:
    """Start `run`; yield it and a client of its website."""
    command = ["procurewatch", "--data-dir", str(folder), *ALL_IN_ONE]
    with Process(FEW + PROGRAM, command, environment(base_url, **WHOLE_CORPUS, **more)) as process:
        [address] = re.findall(r"http://[\d.:]+", process.stdout.readline())
        with httpx.Client(base_url=address, timeout=SECONDS) as client:
            yield process, client
        process.send_signal(signal.SIGTERM)


def queue_message(database: Database, channel: ChannelKind, address: str) -> int:
    """Add an alert and store a message with an event; return the number of the message."""
    now = database.now()
    with database.writing() as session:
        [event, *_] = [row.id for row in session.scalars(select(EventRow)) if row.is_published]
        given = add_subscription(session, channel=channel, address=address, rhythm=Rhythm.AT_ONCE, now=now)
        return queue_delivery(session, given.id, [event], since=now, until=now, now=now).id


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_while_an_upstream_hangs_and_a_reader_is_slow(tmp_path: Path, number: signal.Signals) -> None:
    with ScriptedServer(HANG) as server, running(tmp_path, server.base_url) as (process, client):
        while not server.requests:
            time.sleep(0.02)
        assert client.get("/health").json()["sources"][0]["problem"].startswith("is being polled for the first time")
        with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
            with database.reading() as session:
                [found] = list_processes(session, database.now())
            assert (found.pid, found.is_alive, found.address) == (process.pid, True, str(client.base_url).rstrip("/"))
            assert "polling USAspending" in found.doing
            with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as slow:
                slow.sendall(b"GET /search HTTP/1.1\r\n")  # and no more
                process.send_signal(number)
                _, err = process.communicate(timeout=SECONDS)
            assert (process.returncode, err.strip().splitlines()[-1]) == (0, "procurewatch: stopped on request")
            with database.reading() as session:
                assert list_processes(session, database.now()) == []


def test_it_polls_serves_and_builds_the_static_site(tmp_path: Path) -> None:
    data, site = tmp_path / "data", tmp_path / "site"
    with (
        FakeUsaspending(load_corpus()) as upstream,
        running(data, upstream.base_url, PROCUREWATCH_SITE_FOLDER=str(site), **AS_JSON) as (process, client),
    ):
        lines = (json.loads(line) for line in process.stderr)
        ended = next(line for line in lines if line["event"] == "run ended")
        assert (ended["source"], ended["status"], ended["run"]) == ("usaspending", RunStatus.BASELINE_SEEDED, 1)
        entries = client.get("/all.json").json()["items"]
        assert entries
        while not (site / "all.json").is_file() or entries[0]["id"] not in (site / "all.json").read_text():
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, err


def test_a_signal_ends_it_while_the_receiver_of_an_alert_hangs(tmp_path: Path) -> None:
    with (
        closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database,
        ScriptedServer(HANG) as receiver,
    ):
        fill(database)
        queue_message(database, ChannelKind.WEBHOOK, f"{receiver.base_url}/")
        with running(tmp_path, "http://127.0.0.1:9", PROCUREWATCH_ALERTS_TO_PRIVATE_ADDRESSES="true") as (process, _):
            while not receiver.requests:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, err.strip().splitlines()[-1]) == (0, "procurewatch: stopped on request")
        with database.reading() as session:
            assert [message.state for message in list_deliveries(session)] == [DeliveryState.PENDING], (
                "it is sent again"
            )


def test_a_signal_ends_it_while_a_mail_server_says_nothing(tmp_path: Path) -> None:
    with (
        closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        fill(database)
        message = queue_message(database, ChannelKind.EMAIL, "ana@example.org")
        mail = {"HOST": "127.0.0.1", "PORT": str(silent.getsockname()[1]), "SECURITY": "none", "TIMEOUT_SECONDS": "600"}
        given = {"SENDER": "alerts@example.org", **mail}
        settings = {f"PROCUREWATCH_MAIL__{name}": value for name, value in given.items()}
        last = {**settings, "PROCUREWATCH_ALERT_TRIES": "1"}
        with running(tmp_path, "http://127.0.0.1:9", **last) as (process, _), closing(silent.accept()[0]):
            process.send_signal(signal.SIGTERM)  # it waits for the greeting
            _, err = process.communicate(timeout=SECONDS)
        assert (process.returncode, err.strip().splitlines()[-1]) == (0, "procurewatch: stopped on request")
        with database.reading() as session:
            found = load_delivery(session, message)
            assert found is not None
            assert (found.state, found.attempts) == (DeliveryState.PENDING, 1), "that is no failure of the alert"
            assert disabled_subscriptions(session) == []


def test_a_port_in_use_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = run(tmp_path, "run", "--port", str(port), base_url="http://127.0.0.1:9")
    assert done.returncode == 1
    line = f"port {port} is already in use; choose another with --port (0 picks a free one)"
    assert done.stderr == f"procurewatch: {line}\n"


def test_archives_that_nobody_backfilled_are_not_claimed(tmp_path: Path) -> None:
    names = {"PROCUREWATCH_ONLY_SOURCES": '["archive", "usaspending"]'}
    with ScriptedServer(HANG) as server, running(tmp_path, server.base_url, **names) as (_process, client):
        while not server.requests:
            time.sleep(0.02)
        assert client.get("/health").status_code == 200
        assert [file.name for file in tmp_path.glob("*.lock")] == ["procurewatch.sqlite3.usaspending.lock"]
