"""Scanning archives on a Dask cluster of real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from procurewatch import scanning
from procurewatch.scanning import NoCluster, open_scans
from sources.usaspending_archive.members import DamagedMember
from sources.usaspending_archive.scan import KnownAwards
from sources.usaspending_archive.scanning import ScanJob, Scans
from tests.sources.usaspending_archive.archives import contract, contracts_csv, write_zip
from tests.sources.usaspending_archive.waiting import Killer, Waiting

ROOT = Path(__file__).parents[2]
NOTHING = KnownAwards(award_keys=[])
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program of Dask, wait until it writes a line with some words, and stop it at the end."""
    with ExitStack() as stack:

        def start_program(program: str, *arguments: str, until: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", f"distributed.cli.{program}", "--no-dashboard", *arguments]
            process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT))
            stack.callback(process.kill)
            assert process.stderr
            next(line for line in process.stderr if until in line)
            return process

        yield start_program


def start_scheduler(start: Start) -> str:
    """Return the address of a scheduler."""
    port = free_port()
    start("dask_scheduler", "--host", "127.0.0.1", "--port", port, until="Scheduler at:")
    return f"tcp://127.0.0.1:{port}"


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_a_worker_killed_half_way_loses_nothing(tmp_path: Path, start: Start) -> None:
    """The results are those of one machine, also for what the killed worker had."""
    members = {f"a_{number}.csv": contracts_csv(*[contract()] * number) for number in range(1, 9)}
    location = write_zip(tmp_path / "a.zip", members)
    jobs = [ScanJob(location, member) for member in members]
    (pids := tmp_path / "pids").mkdir()
    waiting, killer = Waiting(award_keys=["CONT_IDV_X"], folder=pids), Killer(pids)
    address = start_scheduler(start)
    for _worker in range(2):
        start("dask_worker", address, "--no-nanny", "--nthreads", "1", until="Registered to:")
    with open_scans(cluster=address) as scans:
        scans.expect(jobs)
        found = [scans.result(job, waiting, killer).scan for job in jobs]
        with pytest.raises(DamagedMember, match=r"a\.zip/b\.csv: no such file in the archive"):
            scans.result(ScanJob(location, "b.csv"), NOTHING)
    assert len(killer.killed) == 1
    assert found == [Scans().result(job, NOTHING).scan for job in jobs]


def test_a_cluster_without_workers_is_one_line(start: Start) -> None:
    address = start_scheduler(start)
    with pytest.raises(NoCluster, match=f"has no workers; start one with: dask worker {address}"):  # noqa: SIM117
        with open_scans(cluster=address):
            pass


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "CONNECT_TIMEOUT", "1s")
    with pytest.raises(NoCluster, match=r"^no Dask scheduler at tcp://127\.0\.0\.1:1: [^\n]+$"):  # noqa: SIM117
        with open_scans(cluster="tcp://127.0.0.1:1"):
            pass


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NoCluster, match=r"pip install 'procurewatch\[cluster\]'"):  # noqa: SIM117
        with open_scans(cluster="local"):
            pass
