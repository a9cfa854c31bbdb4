"""Scanning archives on a Dask cluster of real processes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.archives.against_api import write_archives
from monitors.runs.pipeline import Progress
from procurewatch.archives import scanning
from procurewatch.archives.scanning import NoCluster, open_scans
from sources.usaspending_archive.archive import AwardArchive
from sources.usaspending_archive.members import DamagedMember, csv_members
from sources.usaspending_archive.reading import ArchivePass
from sources.usaspending_archive.scan import KnownAwards
from sources.usaspending_archive.scanning import ScanJob, Scans
from tests.app_context import Dump, app_context_with, dump, ignore, shipped
from tests.commands import run
from tests.sources.usaspending_archive.archives import contract, contracts_csv, write_zip
from tests.sources.usaspending_archive.waiting import Killer, Waiting
from tests.upstreams.usaspending.corpus import load_corpus

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


@pytest.fixture
def workers(start: Start) -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """A cluster: the scheduler's address, and three workers."""
    address = start_scheduler(start)
    options = (address, "--no-nanny", "--nthreads", "1")
    yield address, [start("dask_worker", *options, until="Registered to:") for _ in range(3)]


def test_a_killed_worker_loses_nothing(tmp_path: Path, workers: tuple[str, list[subprocess.Popen[str]]]) -> None:
    """The results are those of one machine, to the row, and nothing is stored twice."""
    address, processes = workers
    members = {f"a_{number}.csv": contracts_csv(*[contract()] * number) for number in range(1, 7)}
    location = write_zip(tmp_path / "a.zip", members)
    jobs = [ScanJob(location, member) for member in members]
    (pids := tmp_path / "pids").mkdir()
    waiting, killer = Waiting(award_keys=["CONT_IDV_X"], folder=pids), Killer(pids)
    with open_scans(cluster=address) as scans:
        scans.expect(jobs)
        found = [scans.result(job, waiting, killer).scan for job in jobs]  # one is killed while it scans
        with pytest.raises(DamagedMember, match=r"a\.zip/b\.csv: no such file in the archive"):
            scans.result(ScanJob(location, "b.csv"), NOTHING)
        assert found == [Scans().result(job, NOTHING).scan for job in jobs]
        assert len(killer.killed) == 1

        files = write_archives(load_corpus()[::30], tmp_path, rows_per_member=5)
        left = next(process for process in processes if process.pid not in killer.killed)
        stored = backfilled(files, tmp_path / "cluster", scans, lambda _progress: left.kill())
    assert stored == backfilled(files, tmp_path / "alone", Scans(), ignore)
    assert len(stored["match"]) > 3


def backfilled(files: Sequence[Path], folder: Path, scans: Scans, listen: Callable[[Progress], None]) -> Dump:
    """Backfill from archives, and return all that is stored."""
    orders = [ArchivePass(name=file.name, location=str(file)) for file in files]
    with app_context_with({"archive": {}}, folder, *shipped().by_id) as app_context:
        scans.expect(ScanJob(str(file), member.name) for file in files for member in csv_members(str(file)))
        report = app_context.read_archives(
            AwardArchive(scans), orders, listen, watchlist=app_context.watchlist, notify=False, purpose="backfill"
        )
        assert report.status
        assert report.status.is_good, report
        return dump(app_context.database)


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


def test_a_cluster_that_cannot_be_used_is_one_line_of_the_command(tmp_path: Path) -> None:
    file = write_zip(tmp_path / "a.zip", {"a_1.csv": contracts_csv(contract())})
    ran = run(tmp_path, "import", "usaspending", file, "--cluster", "spam://nowhere")
    assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)
    assert ran.stderr.startswith("procurewatch: no Dask scheduler at spam://nowhere: ")
