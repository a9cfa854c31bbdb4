"""Scanning members in other processes: the same results, in order, also when a process is killed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from procurewatch.archives.scanning import open_scans
from sources.candidates import Candidates
from sources.usaspending_archive.members import DamagedMember
from sources.usaspending_archive.scan import KnownAwards, MemberScan
from sources.usaspending_archive.scanning import ScanJob, Scans, ScansAhead, WorkerFailed
from tests.sources.usaspending_archive.archives import KEY, contract, contracts_csv, write_zip
from tests.sources.usaspending_archive.waiting import Killer, Waiting

WANTED = KnownAwards(award_keys=[KEY])
NOTHING = KnownAwards(award_keys=[])


@pytest.fixture
def jobs(tmp_path: Path) -> list[ScanJob]:
    members = {f"a_{number}.csv": contracts_csv(*[contract()] * number) for number in range(1, 5)}
    location = write_zip(tmp_path / "a.zip", members)
    return [ScanJob(location, member) for member in members]


@pytest.fixture(scope="module")
def processes() -> Iterator[Scans]:
    with open_scans(workers=2) as scans:
        yield scans


def results(scans: Scans, jobs: list[ScanJob], candidates: Candidates = WANTED) -> list[MemberScan]:
    scans.expect(jobs)
    return [scans.result(job, candidates).scan for job in jobs]


def test_other_processes_find_what_this_one_finds(processes: Scans, jobs: list[ScanJob]) -> None:
    found = results(processes, jobs)
    assert [scan.rows for scan in found] == [1, 2, 3, 4]
    assert found == results(Scans(), jobs)


def test_progress_ends_with_all_rows(processes: Scans, jobs: list[ScanJob]) -> None:
    reports: list[int] = []
    processes.result(jobs[3], WANTED, reports.append)
    assert reports[-1] == 4
    assert set(reports[:-1]) <= {0}


def test_a_damaged_member_is_an_error_of_its_own(processes: Scans, jobs: list[ScanJob]) -> None:
    missing = ScanJob(jobs[0].location, "b.csv")
    processes.expect([missing, *jobs])
    with pytest.raises(DamagedMember, match=r"a\.zip/b\.csv"):
        processes.result(missing, WANTED)
    assert processes.result(jobs[0], WANTED).scan.rows == 1
    with pytest.raises(FileNotFoundError):
        processes.result(ScanJob("nothing.zip", "a.csv"), WANTED)


def test_a_killed_process_loses_nothing(tmp_path: Path, jobs: list[ScanJob]) -> None:
    (pids := tmp_path / "pids").mkdir()
    waiting, killer = Waiting(award_keys=[], folder=pids), Killer(pids)
    with open_scans(workers=2) as scans:
        scans.expect(jobs)
        found = [scans.result(job, waiting, killer).scan for job in jobs]
    assert killer.killed
    assert found == results(Scans(), jobs, NOTHING)


def test_a_member_that_kills_each_process_is_given_up(tmp_path: Path, jobs: list[ScanJob]) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    with open_scans(workers=2) as scans:
        with pytest.raises(WorkerFailed, match=r"a_1\.csv: its process died 3 times"):
            scans.result(jobs[0], Waiting(award_keys=[], folder=pids, deaths=3), Killer(pids))
        assert scans.result(jobs[0], WANTED).scan.rows == 1


def test_only_so_many_members_are_scanned_ahead(jobs: list[ScanJob]) -> None:
    submitted: list[str] = []

    class Counting(ThreadPoolExecutor):
        def submit(self, function, location, member, candidates):  # type: ignore[override, no-untyped-def]
            submitted.append(member)
            return super().submit(function, location, member, candidates)

    with closing(ScansAhead(partial(Counting, 1), ahead=2)) as scans:
        again = replace(jobs[0], number=2)
        scans.expect([*jobs, again])
        assert scans.result(jobs[0], WANTED).candidates is WANTED
        assert submitted == ["a_1.csv", "a_2.csv", "a_3.csv"]
        assert scans.result(jobs[1], NOTHING).candidates is WANTED  # it had begun
        assert submitted == ["a_1.csv", "a_2.csv", "a_3.csv", "a_4.csv"]
        assert scans.result(jobs[3], WANTED).candidates is NOTHING
        assert scans.result(jobs[2], WANTED).scan.rows == 3
        assert len(submitted) == 4  # what another pass reads depends on all of this one
        assert scans.result(again, WANTED).scan.rows == 1


def test_any_other_error_says_what_it_was(jobs: list[ScanJob]) -> None:
    class Failing(ThreadPoolExecutor):
        def submit(self, *_arguments):  # type: ignore[override, no-untyped-def]
            future: Future[MemberScan] = Future()
            future.set_exception(RuntimeError("no memory"))
            return future

    with (
        closing(ScansAhead(partial(Failing, 1), ahead=2)) as scans,
        pytest.raises(WorkerFailed, match="RuntimeError: no memory"),
    ):
        scans.result(jobs[0], WANTED)
