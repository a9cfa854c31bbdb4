"""Commands that are killed (SIGKILL) again and again, and must end as if they had not been.

A moment is a commit, before or after it is made, or a time. The moments are drawn from a seed, spread over the run of a
command that is not killed.
"""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from storage.database import open_database
from tests.app_context import dump
from tests.commands import PROGRAM, environment
from tests.processes import Process

DATABASE = "procurewatch.sqlite3"
# Kills its own process at a commit or after a time, and writes a byte to a file for each commit.
KILLER = """
import os, signal, threading, time
import monitors.runs.rematch
from sqlalchemy.engine.default import DefaultDialect

commits, plain = 0, DefaultDialect.do_commit

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def do_commit(self, connection):
    global commits
    commits += 1
    if commits == {commit} and {is_before}:
        kill()
    plain(self, connection)
    with open({counter!r}, "ab") as file:
        file.write(b".")
    if commits == {commit}:
        kill()

def kill_later():
    time.sleep({seconds})
    kill()

DefaultDialect.do_commit = do_commit
monitors.runs.rematch.BATCH_SIZE = 2
if {seconds}:
    threading.Thread(target=kill_later, daemon=True).start()
"""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When to kill: at the commit number `commit` (from 1; 0: none), before or after it, or after so many seconds."""

    commit: int = 0
    is_before: bool = False
    seconds: float = 0


NEVER = Moment()


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command to kill.

    `{folder}` in `arguments` is the data folder. `prepare` fills it before, `result` returns what the command leaves
    there. `is_run`: it is a run of a source, which has a status. `variables` are environment variables.
    """

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[Path], object]
    result: Callable[[Path], object]
    is_run: bool = False
    base_url: str = ""
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Killed:
    """How often a command was killed, and how often it came to its end before."""

    kills: int
    ends: int


def execute(command: Command, folder: Path, moment: Moment) -> int:
    """Run a command in a folder, and kill it at a moment; return its exit code."""
    counter = str(folder.with_suffix(".commits"))
    killer = KILLER.format(commit=moment.commit, is_before=moment.is_before, seconds=moment.seconds, counter=counter)
    named = [argument.format(folder=folder) for argument in command.arguments]
    arguments = ["procurewatch", "--data-dir", str(folder), *named]
    given = environment(command.base_url, **dict(command.variables))
    with Process(killer + PROGRAM, arguments, given) as process:
        _, err = process.communicate()
        code = process.wait()
    assert code in (0, -signal.SIGKILL), f"{command.name}: exit code {code}: {err}"
    return code


def kill_repeatedly(command: Command, folder: Path, kills: int, seed: int) -> Killed:
    """Kill a command so many times, then let it end; compare what it leaves with that of one that was not killed.

    Raises:
        AssertionError: something was lost or stored twice, or a run has a status that is not true.
    """
    chance = random.Random(f"{seed} {command.name}")
    prepared, undisturbed = folder / "prepared", folder / "undisturbed"
    prepared.mkdir(parents=True)
    command.prepare(prepared)
    shutil.copytree(prepared, undisturbed)
    begun = time.monotonic()
    execute(command, undisturbed, NEVER)
    seconds = time.monotonic() - begun
    counted = undisturbed.with_suffix(".commits")
    commits = counted.stat().st_size if counted.exists() else 0
    wanted = command.result(undisturbed)
    done, rounds = 0, 0
    while done < kills:
        rounds += 1
        data = folder / f"killed-{rounds}"
        shutil.copytree(prepared, data)
        in_a_row = 0
        while done < kills:
            if execute(command, data, _moment(chance, commits, seconds)) == 0:
                break
            done, in_a_row = done + 1, in_a_row + 1
        execute(command, data, NEVER)
        assert command.result(data) == wanted, f"{command.name}, seed {seed}, {data}: not as if it had not been killed"
        if command.is_run:
            _check_runs(command, data, in_a_row)
        shutil.rmtree(data)
    return Killed(kills=done, ends=rounds)


def _moment(chance: random.Random, commits: int, seconds: float) -> Moment:
    if commits and chance.random() < 0.5:
        return Moment(commit=chance.randint(1, commits), is_before=chance.random() < 0.5)
    return Moment(seconds=chance.uniform(0.001, seconds))


def _check_runs(command: Command, data: Path, kills: int) -> None:
    """Check that no run that was killed has a status, and that the last one has a good one."""
    with closing(sqlite3.connect(data / DATABASE)) as database:
        found = database.execute("SELECT status, ended FROM run ORDER BY id").fetchall()
    statuses = [status for status, ended in found if ended]
    assert statuses[-1] in ("new", "nothing new", "first poll done"), (command.name, found)
    assert all(status for status in statuses), (command.name, found)
    assert sum(not ended for _, ended in found) <= kills, (command.name, found)


def records_of(folder: Path) -> object:
    """Return what a database holds, without times and without the version of the source's data, which contains one."""
    with closing(open_database(f"sqlite:///{folder / DATABASE}")) as database:
        tables = dump(database)
    tables["checkpoint"] = [row for row in tables["checkpoint"] if row[1] != "poll/version"]
    return tables


def files_of(folder: Path, name: str) -> dict[str, bytes]:
    """Return the files in a part of a data folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in (folder / name).rglob("*") if file.is_file()}
