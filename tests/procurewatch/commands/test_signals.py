"""SIGTERM, SIGINT and SIGHUP end every command soon, with an exit code and one line, whatever an upstream does."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands import PROGRAM, environment, run, start
from tests.processes import Process
from tests.sources.scripted_server import How, Script, ScriptedServer
from tests.upstreams.faults import FaultyUsaspending
from tests.upstreams.usaspending.corpus import load_corpus

STOPPED = "procurewatch: stopped: stopped on request; run it again to go on"
HANG = Script(how=How.HANG)
DRIP = Script(how=How.DRIP_HEAD, pause=0.05, headers={"X-Filler": "x" * 100_000})
# A client waits two minutes for a silent server, four for a slow one: nobody waits that long here.
SECONDS = 60


def until_asked(server: ScriptedServer, process: Process) -> None:
    """Wait until the process waits for a response."""
    while not server.requests and process.poll() is None:
        time.sleep(0.02)


def runs(folder: Path) -> list[tuple[str, str]]:
    """Return the purpose and status of the runs in a data folder."""
    with closing(sqlite3.connect(folder / "procurewatch.sqlite3")) as database:
        return database.execute("SELECT purpose, status FROM run ORDER BY id").fetchall()


@pytest.mark.parametrize(
    ("number", "command", "script"),
    [
        (signal.SIGTERM, ("poll",), HANG),
        (signal.SIGINT, ("poll",), DRIP),
        (signal.SIGHUP, ("poll",), HANG),
        (signal.SIGTERM, ("backfill", "penlink"), DRIP),
    ],
)
def test_a_signal_ends_waiting_for_a_response(
    tmp_path: Path, number: signal.Signals, command: Sequence[str], script: Script
) -> None:
    with ScriptedServer(script) as server, start(tmp_path, *command, base_url=server.base_url) as process:
        until_asked(server, process)
        process.send_signal(number)
        _, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err.strip().splitlines()[-1]) == (1, STOPPED)
    assert [status for _, status in runs(tmp_path)] == [""], "a stopped run has no status"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_serve(tmp_path: Path, number: signal.Signals) -> None:
    with start(tmp_path, "serve", "--port", "0") as process:
        assert process.stdout.readline().startswith("Serving http://")
        process.send_signal(number)
        _, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err.strip().splitlines()[-1]) == (0, "procurewatch: stopped on request")


STUCK = """
import time
import procurewatch.commands.sources as module, procurewatch.command_line.terminal as terminal
terminal.MAX_STOP_SECONDS = 0.1
def never_ending(*given, **named):
    print("reading", flush=True)
    while True:
        time.sleep(1)
module.run_and_report = never_ending
"""


def test_a_command_that_does_not_end_by_itself_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "saved.html"
    file.write_text("<html></html>")
    command = ["procurewatch", "--data-dir", str(tmp_path), "import", "dod", str(file)]
    with Process(STUCK + PROGRAM, command, environment()) as process:
        assert process.stdout.readline() == "reading\n"
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert err == "procurewatch: stopped: it took too long; run it again to go on\n"


def test_a_signal_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As SIGHUP under nohup."""
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    command = ["procurewatch", "--data-dir", str(tmp_path), "poll"]
    with (
        ScriptedServer(HANG) as server,
        Process(ignoring + PROGRAM, command, environment(server.base_url)) as process,
    ):
        until_asked(server, process)
        process.send_signal(signal.SIGHUP)
        with pytest.raises(TimeoutError):
            process.wait(timeout=1)


def test_sigterm_ends_a_backfill_cleanly(tmp_path: Path) -> None:
    backfill = ("backfill", "Magnet Forensics", "--since", "2020-10-01")
    with FaultyUsaspending(load_corpus()) as upstream:
        with start(tmp_path, *backfill, base_url=upstream.base_url) as process:
            while len(upstream.requests) < 30 and process.poll() is None:
                time.sleep(0.02)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=SECONDS)
        assert process.returncode == 1
        assert err.strip().splitlines()[-1].startswith("procurewatch: stopped: stopped on request")
        assert run(tmp_path, *backfill, base_url=upstream.base_url).returncode == 0
