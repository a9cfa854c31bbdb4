"""Scanning the members of archives: in this process, or ahead of their use in others, on this machine or on a cluster.

One member is one unit of work. `scan_member` needs no database, and its arguments and its result can be sent to other
processes, so any `concurrent.futures.Executor` runs it: a `ProcessPoolExecutor`, or that of a Dask client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, wait
from dataclasses import dataclass

from sources.candidates import Candidates
from sources.errors import SourceError
from sources.usaspending_archive.members import SOURCE, place_of
from sources.usaspending_archive.scan import MemberScan, scan_member

ATTEMPTS = 3  # to scan a member when processes die
WAIT = 0.2  # seconds between two calls of `on_rows` while another process works

OnRows = Callable[[int], None]


class WorkerFailed(SourceError):
    """Other processes could not scan a member, for a reason that is not its own."""

    fails_step_only = True


@dataclass(frozen=True, slots=True)
class ScanJob:
    """A CSV file in an archive: the archive's path or fsspec URL, the file's name, and which pass over it this is."""

    location: str
    member: str
    number: int = 1


@dataclass(frozen=True, slots=True)
class Scanned:
    """What a member has, and for which candidates it was scanned."""

    scan: MemberScan
    candidates: Candidates


class Scans:
    """Scans members in this process, each when it is asked for."""

    def expect(self, jobs: Iterable[ScanJob]) -> None:
        """Add the members that will be asked for next, in order."""

    def result(self, job: ScanJob, candidates: Candidates, on_rows: OnRows = lambda _rows: None) -> Scanned:
        """Return what a member has. If it was scanned ahead, that may have been for the candidates of an earlier call.

        `on_rows` is called with the number of rows read so far; with 0 while another process reads them.

        Raises:
            DamagedMember: it cannot be read to its end.
            WorkerFailed: other processes could not scan it.
            OSError: the archive cannot be opened.
        """
        return Scanned(scan_member(job.location, job.member, candidates, on_rows), candidates)

    def close(self) -> None:
        """Cancel what has not been asked for."""


class ScansAhead(Scans):
    """Scans members elsewhere, and meanwhile those that are expected.

    `start` returns the executor to use; it is called again when processes have died. At most `ahead` members are being
    scanned, or have a result that was not asked for yet. A member is never scanned ahead of another pass.
    """

    def __init__(self, start: Callable[[], Executor], ahead: int) -> None:
        self._start = start
        self._ahead = ahead
        self._executor: Executor | None = None
        self._expected: deque[ScanJob] = deque()
        self._running: dict[ScanJob, tuple[Candidates, Future[MemberScan]]] = {}

    def expect(self, jobs: Iterable[ScanJob]) -> None:
        """Add the members that will be asked for next, in order."""
        known = {*self._expected, *self._running}
        self._expected.extend(job for job in dict.fromkeys(jobs) if job not in known)

    def result(self, job: ScanJob, candidates: Candidates, on_rows: OnRows = lambda _rows: None) -> Scanned:
        """Wait for a member's scan, and return it."""
        place = place_of(job.location, job.member)
        for _attempt in range(ATTEMPTS):
            used, future = self._begin(job, candidates)
            while not wait([future], WAIT).done:
                on_rows(0)
            self._running.pop(job, None)
            match _outcome(future):
                case MemberScan() as scan:
                    self._scan_ahead(job.number, candidates)
                    on_rows(scan.rows)
                    return Scanned(scan, used)
                case SourceError() | OSError() as error:
                    raise error
                case BrokenExecutor():
                    self._restart()
                case error:
                    raise WorkerFailed(SOURCE, place, f"{type(error).__name__}: {error}".removesuffix(": ")) from error
        raise WorkerFailed(SOURCE, place, f"its process died {ATTEMPTS} times")

    def close(self) -> None:
        """Cancel what has not been asked for."""
        for _, future in self._running.values():
            future.cancel()
        self._running.clear()
        self._expected.clear()
        if self._executor:
            self._executor.shutdown(wait=False)
            self._executor = None

    def _begin(self, job: ScanJob, candidates: Candidates) -> tuple[Candidates, Future[MemberScan]]:
        """Scan a member if that has not begun, and the next ones; return for which candidates, and its future scan."""
        if job in self._expected:
            while self._expected.popleft() != job:  # those before it were read by an earlier run
                pass
        if job not in self._running:
            self._submit(job, candidates)
        begun = self._running[job]
        self._scan_ahead(job.number, candidates)
        return begun

    def _scan_ahead(self, number: int, candidates: Candidates) -> None:
        while self._expected and self._expected[0].number == number and len(self._running) < self._ahead:
            self._submit(self._expected.popleft(), candidates)

    def _submit(self, job: ScanJob, candidates: Candidates) -> None:
        future = Future[MemberScan]()
        try:
            self._executor = self._executor or self._start()
            future = self._executor.submit(scan_member, job.location, job.member, candidates)
        except BrokenExecutor as error:
            future.set_exception(error)
        self._running[job] = candidates, future

    def _restart(self) -> None:
        """Begin again with all that was running, in new processes."""
        expected = [*self._running, *self._expected]
        self.close()
        self._expected.extend(expected)


def _outcome(future: Future[MemberScan]) -> MemberScan | BaseException:
    """Return a scan that is finished, or why there is none."""
    try:
        return future.exception() or future.result()
    except CancelledError as error:
        return error
