"""The pipeline of a run: fetch, parse, match, store, publish. Polls, backfills and imports are jobs of it.

run_job               opens the run's row, runs the steps, decides the status, closes the row
  _Run.run_steps      every step that is due; one that fails is recorded and the others go on
    _run_step         fetch -> parse -> batch -> one transaction
  _close_run          checkpoints, coverage and incidents: what the run has covered
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from monitors.matching.matcher import Matcher
from monitors.runs.jobs import FILE, Job, Outcome
from monitors.runs.record_batch import RecordBatch
from monitors.runs.status import (
    RunReport,
    Tally,
    describe_failures,
    implausible,
    status_of_error,
    status_of_success,
)
from monitors.runs.stored_state import StoredState
from sources.base import FailedStep, Fetched, FetchStep, FileProgress, FileSource, IncompleteResult, NotModified, Source
from sources.errors import QuotaUsedUp, SourceChanged, SourceError, Unexpected
from sources.http.client import Client
from sources.records import Payload, Problem, Record
from storage.claims import ClaimLost
from storage.database import Database, server_time
from storage.errors import describe_error
from storage.models import POLL, RunStatus
from storage.reading.source_health import MAX_SILENCE, NOT_BEFORE, row_count_warning, silent_since, unfinished_parts
from storage.schema.tables import RunRow
from storage.writing.runs import (
    correct_future_times,
    delete_checkpoints,
    load_checkpoints,
    save_checkpoint,
    update_incident,
)

log = structlog.get_logger(__name__)

STOPPED = "stopped on request; run it again to go on"
MAX_FAILURES_IN_A_ROW = 3  # failed steps of one part: the rest of the part is left to the next run


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: `step` of `steps`, named `label`. `reading` is set while a large file is read."""

    step: int
    steps: int
    label: str
    tally: Tally
    reading: FileProgress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What a run works with. `listen` gets the progress; when `stop` is set, the run ends at the next record.

    `silence` is how long the source may be without a good poll.
    """

    database: Database
    matcher: Matcher
    stop: threading.Event
    listen: Callable[[Progress], None] = lambda _progress: None
    silence: timedelta = MAX_SILENCE


class _StopRequested(Exception):
    """The run was asked to stop."""


def run_job(context: RunContext, source: Source, client: Client, job: Job) -> RunReport:
    """Run a job to its end and record how it ended.

    What was read before a failure is stored. A failed step is recorded, and the next run retries it first; what the
    other steps have covered counts as covered.

    Any exception ends the run with the status "failed" and its reason.

    Raises:
        storage.claims.ClaimLost: another process has taken the source over; this run ends without a status.
        sqlalchemy.exc.DBAPIError: the database failed (a full disk ...), so that not even this can be recorded.
    """
    started = time.monotonic()
    run = _Run(context, source, client, job)
    run_id = _open_run(context.database, source.name, job.purpose)
    with structlog.contextvars.bound_contextvars(run=run_id):
        end = run.to_end_or_failure()
        is_incomplete = end.status is RunStatus.INCOMPLETE
        report = RunReport(
            source=source.name,
            purpose=job.purpose,
            run_id=run_id,
            status=end.status,
            message=describe_failures(run.tally.failures) if is_incomplete else end.message or run.skip_note,
            requests=client.requests_sent,
            seconds=time.monotonic() - started,
            tally=run.tally,
            retry_at=end.retry_at,
        )
        return _close_run(context, run_id, report, job, run.outcome)


def record_failed_run(database: Database, source: str, purpose: str, reason: str, silence: timedelta) -> None:
    """Record a run that failed before its first step: no client could be made, the plan could not be read ...

    `silence` is as in `RunContext`.
    """
    report = RunReport(
        source=source,
        purpose=purpose,
        status=RunStatus.FAILED,
        message=reason,
        requests=0,
        seconds=0,
        tally=Tally(),
    )
    run_id = _open_run(database, source, purpose)
    with database.writing() as session:
        _end_run(session, run_id, report, server_time(session), silence)


class _End(NamedTuple):
    """How a run ended: `status` is `None` if it was stopped."""

    status: RunStatus | None
    message: str
    retry_at: datetime | None = None


class _Run:
    """One run: its steps, those that failed, and the records that are not stored yet."""

    def __init__(self, context: RunContext, source: Source, client: Client, job: Job) -> None:
        self.context = context
        self.source = source
        self.client = client
        self.job = job
        self.tally = Tally()
        self.batch = RecordBatch(context.database, context.matcher, source, job, self.tally)
        self.stored = StoredState(
            context.database,
            context.matcher,
            source.name,
            self.batch,
            on_progress=self._on_file_progress,
            searched=job.searched,
        )
        self.progress: Progress | None = None
        self.version = ""
        self.succeeded: list[FetchStep] = []
        self.is_cut_short = False
        self.first_error: SourceError | None = None
        self.errors_in_a_row: dict[str, list[str]] = {}  # by part

    def to_end_or_failure(self) -> _End:
        """As `to_end`, but an unexpected exception is a failed run. Raises `ClaimLost`."""
        try:
            return self.to_end()
        except ClaimLost:
            raise
        except Exception as error:
            log.exception("run failed", source=self.source.name, purpose=self.job.purpose)
            return _End(RunStatus.FAILED, self.client.redact(describe_error(error)))

    def to_end(self) -> _End:
        """Run the steps, store what they found, and return how that ended. Raises any error but those of the source."""
        try:
            self._run_steps()
            self._check_empty_result()
        except (SourceError, _StopRequested) as error:
            self.batch.store()
            if not isinstance(error, SourceError) or self.context.stop.is_set():
                return _End(None, STOPPED)
            return _End(status_of_error(error), str(error), error.retry_at)
        if message := implausible(self.tally, self.source.expected_rows) or self._row_count_warning():
            return _End(RunStatus.SOURCE_CHANGED, message)
        return _End(status_of_success(self.tally, is_baseline=self.job.is_baseline), "")

    def _run_steps(self) -> None:
        """Run every step that is due. A step that fails is recorded, and the others go on.

        Raises:
            SourceError: the source itself is down: its health check fails, too, or no step succeeded.
            _StopRequested: the run was asked to stop.
        """
        self.version = self._data_version()
        self.tally.skipped = bool(self.version) and self.version == self.job.known_version
        steps = [*self.job.retries, *(() if self.tally.skipped else self.job.steps)]
        finished = self._finished_steps()
        for number, step in enumerate(steps, 1):
            progress = Progress(step=number, steps=len(steps), label=step.part, tally=self.tally)
            self.progress = progress
            self.context.listen(progress)
            self._check_stop()
            if f"{self.job.checkpoint_prefix}{step.key}" in finished:
                self.tally.resumed = True
                continue
            try:
                self._try_step(step, progress)
            except SourceError as error:
                self._cut_short(steps[number:], error)
                raise
        if self.first_error and not (self.succeeded or self.tally.resumed or self.tally.skipped):
            raise self.first_error

    def _try_step(self, step: FetchStep, progress: Progress) -> None:
        """Run one step; record its success or failure. Raises `SourceError` if the source itself is down."""
        errors = self.errors_in_a_row.get(step.part, [])
        if len(errors) >= MAX_FAILURES_IN_A_ROW:
            self._record_failure(step, f"skipped after {MAX_FAILURES_IN_A_ROW} failed steps: {errors[-1]}")
            return
        failures, problems = len(self.tally.failures), self.tally.problems
        if error := self._error_of_step(step, progress):
            self.batch.store()
            self.first_error = self.first_error or error
            self._record_failure(step, str(error))
            if self.context.stop.is_set() or self._is_down(error):
                raise error
            self.errors_in_a_row[step.part] = [*errors, str(error)]
            return
        self.errors_in_a_row.pop(step.part, None)
        if all(failure.step.key != step.key for failure in self.tally.failures[failures:]):
            self.succeeded.append(step)
        # A step of a backfill with failed parts or unreadable records is run again by the next backfill.
        is_complete = (len(self.tally.failures), self.tally.problems) == (failures, problems)
        if self.job.checkpoint_prefix and is_complete:
            self.batch.store(f"{self.job.checkpoint_prefix}{step.key}")

    def _run_step(self, step: FetchStep, progress: Progress) -> None:
        """Fetch, parse and store what one step finds."""
        self.batch.begin(step)
        for fetched in self._fetch(step):
            self._check_stop()
            match fetched:
                case IncompleteResult(expected=expected, received=received):
                    self._record_failure(step, f"{received} of {expected} rows received")
                case FailedStep(step=part, reason=reason):
                    self._record_failure(replace(part, quiet_for=step.quiet_for), reason)
                case NotModified(key=key):
                    self.batch.count_found(key)
                case _:
                    self.batch.add(self._parse(fetched) if isinstance(fetched, Payload) else [fetched])
            self.context.listen(progress)
        self.batch.store()

    def _error_of_step(self, step: FetchStep, progress: Progress) -> SourceError | None:
        """Run a step; return the error that ended it, `None` if it came to its end."""
        try:
            self._run_step(step, progress)
        except SourceError as error:
            return error
        except (_StopRequested, ClaimLost, DBAPIError):
            raise
        except Exception as error:
            log.exception("step failed unexpectedly", source=self.source.name, part=step.part, step=step.key)
            return Unexpected(self.source.name, step.part, self.client.redact(describe_error(error)))
        return None

    def _parse(self, payload: Payload) -> Sequence[Record]:
        """Parse a payload. One that cannot be parsed, because of whatever exception, goes into quarantine."""
        try:
            return self.source.parse(payload)
        except SourceError:
            raise
        except Exception as error:
            log.warning("payload cannot be parsed", source=self.source.name, key=payload.key, exc_info=True)
            reason = f"it could not be parsed: {describe_error(error)}"
            return [Problem(source=payload.source, key=payload.key, reason=reason, documents=payload.documents)]

    def _fetch(self, step: FetchStep) -> Iterator[Fetched]:
        if FILE in step.query and isinstance(self.source, FileSource):
            return self.source.read_file(Path(str(step.query[FILE])))
        return self.source.fetch(self.client, step, self.stored)

    def _on_file_progress(self, reading: FileProgress) -> None:
        self._check_stop()
        if self.progress:
            self.context.listen(replace(self.progress, reading=reading))

    def _check_stop(self) -> None:
        self.context.database.check_claim()
        if self.context.stop.is_set():
            raise _StopRequested

    def _record_failure(self, step: FetchStep, reason: str) -> None:
        """Record that a step failed, each step once, with its first reason."""
        log.warning("step failed", source=self.source.name, part=step.part, step=step.key, reason=reason)
        if all(failure.step != step for failure in self.tally.failures):
            self.tally.failures.append(FailedStep(step=step, reason=reason))

    @property
    def _reads_files(self) -> bool:
        """Whether the user's files are read, and not the source."""
        return any(FILE in step.query for step in self.job.steps)

    def _is_down(self, error: SourceError) -> bool:
        """Return whether the source is down, and not just one step: its health check fails, too."""
        if error.fails_step_only or self._reads_files:
            return False
        if isinstance(error, QuotaUsedUp) or self.client.requests_remaining == 0:
            return True
        try:
            return not self.source.health_check(self.client)
        except SourceError:
            return True
        except Exception:
            log.exception("health check failed unexpectedly", source=self.source.name)
            return True

    def _cut_short(self, rest: Sequence[FetchStep], error: SourceError) -> None:
        """Leave the rest to the next poll when the source goes down; what has succeeded counts as covered."""
        if self.job.purpose == POLL and self.succeeded and not self.context.stop.is_set():
            self.is_cut_short = True
            for step in rest:
                self._record_failure(step, f"skipped because the source went down: {error}")

    def _data_version(self) -> str:
        """Return the version of the source's data, "" if it is not known: then the source is read."""
        if self.job.purpose != POLL:
            return ""
        try:
            return self.source.data_version(self.client)
        except SourceError as error:
            log.info("the version of the data is not known", source=self.source.name, reason=str(error))
        except Exception:
            log.exception("the version of the data is not known", source=self.source.name)
        return ""

    def _finished_steps(self) -> set[str]:
        if not self.job.checkpoint_prefix:
            return set()
        with self.context.database.reading() as session:
            return set(load_checkpoints(session, self.source.name, self.job.checkpoint_prefix))

    def _check_empty_result(self) -> None:
        """Run the health check if the source returned fewer records than expected. Raises `SourceError`."""
        is_read = not self.tally.skipped and not self._reads_files
        if (
            is_read
            and self.tally.found < self.source.expected_rows.at_least
            and not self.source.health_check(self.client)
        ):
            raise SourceChanged(self.source.name, "health check", "a record that always exists is missing")

    def _row_count_warning(self) -> str:
        """Return that a poll found far fewer rows than the source's last good polls, "" if it did not."""
        if self.job.purpose != POLL or self.tally.skipped or self.tally.failures:
            return ""
        with self.context.database.reading() as session:
            return row_count_warning(session, self.source.name, self.tally.found)

    @property
    def skip_note(self) -> str:
        """The message of a poll that found the source's data unchanged, "" for any other."""
        if not self.tally.skipped:
            return ""
        again = "; only failed steps were read again" if self.job.retries else ""
        return f"the data has not changed since the last poll ({self.version}){again}"

    @property
    def outcome(self) -> Outcome:
        """What the run achieved, step by step."""
        return Outcome(
            succeeded=self.succeeded,
            failures=self.tally.failures,
            version=self.version,
            skipped=self.tally.skipped,
            problems=self.tally.problems,
            is_cut_short=self.is_cut_short,
        )


def _open_run(database: Database, source: str, purpose: str) -> int:
    with database.writing() as session:
        row = RunRow(source=source, purpose=purpose, started=server_time(session))
        session.add(row)
        session.flush()
        return row.id or 0


def _close_run(context: RunContext, run_id: int, report: RunReport, job: Job, outcome: Outcome) -> RunReport:
    """Write the run's row and, if the run covered something, what it covered, in one transaction."""
    try:
        return _save_outcome(context, run_id, report, job, outcome)
    except (ClaimLost, DBAPIError):
        raise
    except Exception as error:
        log.exception("what the run covered cannot be recorded", source=report.source, purpose=report.purpose)
        failed = replace(report, status=RunStatus.FAILED, message=describe_error(error))
        with context.database.writing() as session:
            _end_run(session, run_id, failed, server_time(session), context.silence)
        return failed


def _save_outcome(context: RunContext, run_id: int, report: RunReport, job: Job, outcome: Outcome) -> RunReport:
    with context.database.writing() as session:
        now = server_time(session)
        if report.status and (report.status.covers_its_steps or outcome.is_cut_short):
            published = job.on_success(session, now, outcome)
            if published and not report.message:
                message = f"the newest {published} events are in the feeds; older ones are stored only"
                report = replace(report, message=message)
        if report.retry_at:
            save_checkpoint(session, report.source, NOT_BEFORE, report.retry_at.isoformat(), now)
        elif report.status and report.status.is_good:
            delete_checkpoints(session, report.source, NOT_BEFORE)  # the wait that the source asked for is over
            report = _with_corrected_times(session, report, now)
        _end_run(session, run_id, report, now, context.silence)
    log.info("run ended", **report.as_log())
    return report


def _with_corrected_times(session: Session, report: RunReport, now: datetime) -> RunReport:
    """Correct times that a wrong clock has recorded; return the report, which says so.

    The clock is right after a good poll: certificates are checked with it.
    """
    corrected = correct_future_times(session, now) if report.purpose == POLL else 0
    if not corrected:
        return report
    note = f"events that a wrong clock had dated in the future, now dated today: {corrected}"
    log.warning("a clock was wrong", source=report.source, events=corrected)
    return replace(report, message="; ".join(filter(None, (report.message, note))))


def _end_run(session: Session, run_id: int, report: RunReport, now: datetime, silence: timedelta) -> None:
    row, tally = session.get_one(RunRow, run_id), report.tally
    silent = silent_since(session, report.source, silence, now)
    row.ended, row.status, row.message = now, report.status or "", report.message
    row.requests, row.rows_found, row.problems = report.requests, tally.found, tally.problems
    row.new_awards, row.changed_awards = tally.new_awards, tally.changed_awards
    row.matched, row.events, row.skipped = tally.matched, tally.events, tally.skipped
    session.flush()
    if report.purpose == POLL and report.status:
        _record_health(session, report, report.status, now, silent)


def _record_health(
    session: Session, report: RunReport, status: RunStatus, now: datetime, silent: datetime | None
) -> None:
    """Open, continue or end an incident. A poll with failed parts opens one at once, and names the parts.

    So does one that is blocked: who refuses a program will refuse it again.
    """
    is_incomplete = status is RunStatus.INCOMPLETE
    unread = "; ".join(str(part) for part in unfinished_parts(session, report.source))
    update_incident(
        session,
        report.source,
        good=status.is_good,
        status=status,
        message=(unread if is_incomplete else "") or report.message,
        now=now,
        at_once=is_incomplete or status is RunStatus.BLOCKED,
        silent=silent,
    )
