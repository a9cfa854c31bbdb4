"""The one way through: pull, match, store, verdict. Polls, backfills and the demo are jobs of this one pipeline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from monitors.matching.amount_checks import with_doubt
from monitors.matching.matcher import Matcher
from monitors.runs.match_rows import match_rows, named_elsewhere
from monitors.runs.status import (
    RunReport,
    Tally,
    Verdict,
    distrust,
    failures_in_words,
    verdict_of_error,
    verdict_of_success,
)
from sources.base import (
    FailedStep,
    Fetched,
    FetchStep,
    FileSource,
    IncompleteResult,
    NotModified,
    Source,
    StoredVersion,
)
from sources.errors import QuotaUsedUp, SourceChanged, SourceError
from sources.http.client import Client
from sources.records import Award, Payload, Problem, Publication, Record
from storage.database import Database
from storage.models import POLL, MatchBand
from storage.reading.source_health import too_few, unfinished_parts
from storage.reading.source_records import listed_of, revision_of
from storage.tables import ActionRow, MatchRow, RecordRow, RunRow, SightingRow
from storage.writing.events import Tell
from storage.writing.failed_steps import note_outcome
from storage.writing.milestones import note_milestones
from storage.writing.renumbering import current_key
from storage.writing.runs import checkpoint, checkpoints, forget_checkpoints, note_checkpoint
from storage.writing.save import in_quarantine, save_record

log = structlog.get_logger(__name__)

NOT_BEFORE = "not-before"
NOTE = "note/"
FILE = "file"  # in a step's query: the file to read instead of asking the source
BATCH = 10  # awards in one transaction: what a kill can cost is read again, never lost
GIVE_UP_AFTER = 3  # failed steps of one part in a row: the rest of the part is left to the next run


class Job(Protocol):
    """What distinguishes a poll from a backfill."""

    @property
    def purpose(self) -> str:
        """What is written of the run: "poll", "backfill clearview-ai"."""

    @property
    def checkpoint_prefix(self) -> str:
        """What the checkpoints of finished steps begin with; "" for a job that is always done from its beginning."""

    @property
    def retries(self) -> Sequence[FetchStep]:
        """The steps that failed in an earlier run. They come first."""

    @property
    def steps(self) -> Sequence[FetchStep]:
        """Its searches, in order."""

    @property
    def known_version(self) -> str:
        """The version of the source's data that was read whole: `steps` are passed over while it is the same."""

    @property
    def seeds(self) -> bool:
        """Whether it is the first look at some vendor."""

    @property
    def tell(self) -> Tell:
        """Whether feeds publish what is new about these vendors."""

    def finish(self, session: Session, now: datetime, outcome: Outcome) -> int:
        """Note what a believed run has covered; return how many events it has newly published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to, step by step. `version` is that of the source's data when it began, "" if unknown.

    `is_cut_short`: the source went down after some steps had succeeded, and the others are among the failures.
    """

    succeeded: Sequence[FetchStep]
    failures: Sequence[FailedStep]
    version: str
    skipped: bool
    is_cut_short: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: `step` of `steps`, named `label`."""

    step: int
    steps: int
    label: str
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a run works with. `listen` is called with the progress; when `stop` is set, a run ends at the next award."""

    database: Database
    matcher: Matcher
    stop: threading.Event
    listen: Callable[[Progress], None] = lambda _progress: None


class _Stopped(Exception):
    """Somebody asked the run to stop."""


class _Run:
    """One run under way: its tally, and the records not yet in the database."""

    def __init__(self, workshop: Workshop, source: Source, client: Client, job: Job) -> None:
        self.workshop = workshop
        self.source = source
        self.client = client
        self.job = job
        self.tally = Tally()
        self.version = ""
        self.succeeded: list[FetchStep] = []
        self.is_cut_short = False
        self.batch: list[Record] = []
        self.quiet_for: frozenset[str] = frozenset()
        self.quiet_until = date.max
        self.first_error: SourceError | None = None
        self._failed_in_a_row: dict[str, list[str]] = {}
        # A search gives an award again that another search gave; one that cannot be read is even fetched again.
        self.seen: set[str] = set()
        self.was_read_whole: set[str] = set()
        self.was_problem: set[str] = set()
        self.was_matched: set[str] = set()
        self.named_elsewhere: dict[str, frozenset[str]] = {}
        self.passed_over = 0  # read, and of no concern to anybody: an archive has millions, whose keys are not kept

    def walk(self) -> None:
        """Go through all steps that are not done yet; one that fails is noted and the others go on.

        Raises:
            SourceError: the source itself is down: its control query fails, too, or not one step succeeded.
            _Stopped: somebody asked the run to stop.
        """
        self.version = self._data_version()
        self.tally.skipped = bool(self.version) and self.version == self.job.known_version
        steps = [*self.job.retries, *(() if self.tally.skipped else self.job.steps)]
        done = self._done_before()
        for number, step in enumerate(steps, 1):
            progress = Progress(step=number, steps=len(steps), label=step.part, tally=self.tally)
            self.workshop.listen(progress)
            if self.workshop.stop.is_set():
                raise _Stopped
            if f"{self.job.checkpoint_prefix}{step.key}" in done:
                self.tally.resumed = True
                continue
            try:
                self._attempt(step, progress)
            except SourceError as error:
                self._cut_short(steps[number:], error)
                raise
        if self.first_error and not (self.succeeded or self.tally.resumed or self.tally.skipped):
            raise self.first_error

    def _cut_short(self, rest: Sequence[FetchStep], error: SourceError) -> None:
        """Leave the rest to the next run when the source goes down; what has succeeded counts as covered."""
        if self.job.purpose == POLL and self.succeeded and not self.workshop.stop.is_set():
            self.is_cut_short = True
            for step in rest:
                self._note_failure(step, f"not asked, since the source went down: {error}")

    def _data_version(self) -> str:
        """Ask what would change with the source's data; a source that cannot say it is read all the same."""
        if self.job.purpose != POLL:
            return ""
        try:
            return self.source.data_version(self.client)
        except SourceError as error:
            log.info("the version of the data is not known", source=self.source.name, reason=str(error))
            return ""

    def _done_before(self) -> set[str]:
        if not self.job.checkpoint_prefix:
            return set()
        with self.workshop.database.reading() as session:
            return set(checkpoints(session, self.source.name, self.job.checkpoint_prefix))

    def _attempt(self, step: FetchStep, progress: Progress) -> None:
        """Walk one step. Raises `SourceError` if the source is down, or `_Stopped`."""
        before = self._failed_in_a_row.get(step.part, [])
        if len(before) >= GIVE_UP_AFTER:
            self._note_failure(step, f"not asked, since {GIVE_UP_AFTER} others failed before it: {before[-1]}")
            return
        failures, problems = len(self.tally.failures), self.tally.problems
        self.quiet_for, self.quiet_until = step.quiet_for, step.until or date.max
        try:
            self._walk_step(step, progress)
        except SourceError as error:
            self.save("")
            self.first_error = self.first_error or error
            self._note_failure(step, str(error))
            if self.workshop.stop.is_set() or self._is_down(error):
                raise
            self._failed_in_a_row[step.part] = [*before, str(error)]
            return
        self._failed_in_a_row.pop(step.part, None)
        if all(failure.step.key != step.key for failure in self.tally.failures[failures:]):
            self.succeeded.append(step)
        # A step of a backfill that fell short, or gave what could not be read, is walked again by the next run.
        is_whole = (len(self.tally.failures), self.tally.problems) == (failures, problems)
        self.save(f"{self.job.checkpoint_prefix}{step.key}" if self.job.checkpoint_prefix and is_whole else "")

    def _walk_step(self, step: FetchStep, progress: Progress) -> None:
        for fetched in self._fetched(step):
            if self.workshop.stop.is_set():
                raise _Stopped
            match fetched:
                case IncompleteResult(expected=expected, received=received):
                    self._note_failure(step, f"{received} of {expected} rows came")
                case FailedStep(step=part, reason=reason):
                    self._note_failure(replace(part, quiet_for=step.quiet_for), reason)
                case _:
                    self._take(fetched)
            self.workshop.listen(progress)
        self.save("")

    def _note_failure(self, step: FetchStep, reason: str) -> None:
        """Note that a step failed, each step once; its first reason stays."""
        log.warning("step failed", source=self.source.name, part=step.part, step=step.key, reason=reason)
        if all(failure.step != step for failure in self.tally.failures):
            self.tally.failures.append(FailedStep(step=step, reason=reason))

    def _is_down(self, error: SourceError) -> bool:
        """Whether the source is down, and not just one step: whether what always exists cannot be had either."""
        if error.fails_step_only:
            return False
        if isinstance(error, QuotaUsedUp) or self.client.requests_remaining == 0:
            return True
        try:
            return not self.source.health_check(self.client)
        except SourceError:
            return True

    def _fetched(self, step: FetchStep) -> Iterator[Fetched]:
        if FILE in step.query and isinstance(self.source, FileSource):
            return self.source.read_file(Path(str(step.query[FILE])))
        return self.source.fetch(self.client, step, self)

    def _take(self, fetched: Payload | Problem | NotModified) -> None:
        if isinstance(fetched, NotModified):
            self._count(fetched.key)
            return
        records = self.source.parse(fetched) if isinstance(fetched, Payload) else [fetched]
        self.named_elsewhere.update(named_elsewhere(self.workshop.matcher, records))
        for record in records:
            if self.source.store_unmatched or self._is_worth_keeping(record):
                self._count(record.key)
                self.was_read_whole.add(record.key)
                self.batch.append(record)
            else:
                self.passed_over += 1
                self._count("")
            self.tally.read = len(self.was_read_whole) + self.passed_over
        if len(self.batch) >= BATCH:
            self.save("")

    def _is_worth_keeping(self, record: Record) -> bool:
        """Whether a record concerns somebody, is stored already, or is an order under an award that is."""
        if not isinstance(record, (Award, Publication)) or self.workshop.matcher.matches(record):
            return True
        keys = [record.key, *([record.parent_key] if isinstance(record, Award) and record.parent_key else [])]
        with self.workshop.database.reading() as session:
            return any(session.get(RecordRow, current_key(session, key)) is not None for key in keys)

    def _count(self, key: str) -> None:
        self.seen |= {key} if key else set()
        self.tally.found = len(self.seen) + self.passed_over

    def _tell(self, record: Record) -> Tell:
        """Return for which vendors feeds publish an event of a record: not for those to whose baseline it belongs.

        What happened after the day of the baseline does not belong to it.
        """
        is_news = any(day > self.quiet_until for day in days_of(record))
        quiet_for = frozenset[str]() if is_news else self.quiet_for
        return lambda vendors: self.job.tell([vendor for vendor in vendors if vendor not in quiet_for])

    def save(self, finished_step: str) -> None:
        """Store what has been read, and that a step is finished if one is named, in one transaction."""
        if not self.batch and not finished_step:
            return
        now = datetime.now(UTC)
        with self.workshop.database.writing() as session:
            for record in self.batch:
                self._save_record(session, record, now)
            if finished_step:
                note_checkpoint(session, self.source.name, finished_step, "done", now)
        self.batch.clear()
        self.named_elsewhere.clear()

    def _save_record(self, session: Session, record: Record, now: datetime) -> None:
        """Save one record. One that cannot be stored is in quarantine, with its reason, and the others are stored."""
        elsewhere = self.named_elsewhere.get(record.key, frozenset())
        record = with_doubt(record) if isinstance(record, Award) else record
        is_known = in_quarantine(session, record.source, record.key)
        saved = save_record(
            session,
            record,
            lambda found: match_rows(session, self.workshop.matcher, found, now, elsewhere),
            now,
            self._tell(record),
        )
        if saved.problem:
            self.tally.known_problems += is_known and record.key not in self.was_problem
            self.was_problem.add(record.key)
            self.tally.problems = len(self.was_problem)
            log.warning("record in quarantine", source=record.source, key=record.key, reason=saved.problem)
            return
        session.flush()
        self.tally.new_awards += saved.new
        self.tally.changed_awards += saved.changed and not saved.new
        self.was_matched |= {record.key} if saved.matched else set()
        self.tally.matched = len(self.was_matched)
        self.tally.events += saved.events

    def get_state(self, name: str, /) -> str:
        """Return what the source noted for itself, "" if nothing."""
        with self.workshop.database.reading() as session:
            return checkpoint(session, self.source.name, NOTE + name) or ""

    def set_state(self, name: str, value: str, /) -> None:
        """Note something for the source, at once and for good, when what it gave before is stored."""
        self.save("")  # a note says what was read: it must not outlive records that were lost
        with self.workshop.database.writing() as session:
            note_checkpoint(session, self.source.name, NOTE + name, value, datetime.now(UTC))

    def was_read(self, key: str, /) -> bool:
        """Whether this run has already read a record whole."""
        return key in self.was_read_whole

    def is_matched(self, key: str, /) -> bool:
        """Whether an award is stored, by whatever source, and concerns anybody."""
        query = select(col(MatchRow.record_key)).where(
            col(MatchRow.record_key) == key, col(MatchRow.band) != MatchBand.REJECTED
        )
        with self.workshop.database.reading() as session:
            return session.scalars(query.limit(1)).first() is not None

    def keys_with_piid(self, piid: str, /) -> Sequence[str]:
        """Return the keys of stored awards of this source that have a PIID."""
        own = select(col(SightingRow.record_key)).where(col(SightingRow.source) == self.source.name)
        query = select(col(RecordRow.key)).where(col(RecordRow.piid) == piid, col(RecordRow.key).in_(own))
        with self.workshop.database.reading() as session:
            return list(session.scalars(query))

    def matches_watchlist(self, record: Record, /) -> bool:
        """Whether a record concerns anybody on the watchlist."""
        return isinstance(record, (Award, Publication)) and bool(self.workshop.matcher.matches(record))

    def stored_version(self, key: str, /) -> StoredVersion | None:
        """Return what is stored of a record."""
        with self.workshop.database.reading() as session:
            revision = revision_of(session, self.source.name, key)
            if revision is None:
                return None
            actions = session.scalars(select(ActionRow).where(col(ActionRow.award_key) == key)).all()
            return StoredVersion(
                key=key,
                revision=revision,
                actions=frozenset((row.modification, row.signed, row.obligation) for row in actions),
                texts=frozenset((row.modification, row.description) for row in actions),
                action_count=listed_of(session, self.source.name, key),
                matched=self.is_matched(key),
            )

    def far_fewer(self) -> str:
        """Return why a poll that found far fewer rows than the source's healthy ones is not believed, "" if it is."""
        if self.job.purpose != POLL or self.tally.skipped or self.tally.failures:
            return ""
        with self.workshop.database.reading() as session:
            return too_few(session, self.source.name, self.tally.found)

    def verify_zero(self) -> None:
        """Make sure that a source which found fewer records than expected still answers. Raises `SourceError`."""
        asked = not self.tally.skipped and not any(FILE in step.query for step in self.job.steps)
        if (
            asked
            and self.tally.found < self.source.expected_rows.at_least
            and not self.source.health_check(self.client)
        ):
            raise SourceChanged(self.source.name, "control query", "what always exists was not there")

    @property
    def outcome(self) -> Outcome:
        """What the run came to, step by step."""
        return Outcome(
            succeeded=self.succeeded,
            failures=self.tally.failures,
            version=self.version,
            skipped=self.tally.skipped,
            is_cut_short=self.is_cut_short,
        )


def days_of(record: Record) -> list[date]:
    """Return the days on which something happened to a record, as far as its source says."""
    match record:
        case Award():
            days = [record.modified, *(action.signed for action in record.actions)]
        case Publication():
            days = [record.published]
        case _:
            days = []
    return [day for day in days if day]


def run_job(workshop: Workshop, source: Source, client: Client, job: Job) -> RunReport:
    """Run a job to its end and write down how it ended.

    Whatever was read before a failure is kept. A step that failed is noted and tried again first by the next run;
    what the others have covered counts as covered.

    Raises:
        sqlalchemy.exc.DBAPIError: the database failed (a full disk ...); nothing half is stored.
    """
    began = time.monotonic()
    run = _Run(workshop, source, client, job)
    run_id = _begin(workshop.database, source.name, job.purpose)
    verdict: Verdict | None = None
    message = "stopped on request; run it again to go on"
    retry_at: datetime | None = None
    try:
        run.walk()
        run.verify_zero()
        message = distrust(run.tally, source.expected_rows) or run.far_fewer()
        verdict = Verdict.SOURCE_CHANGED if message else verdict_of_success(run.tally, seeded=job.seeds)
    except SourceError as error:
        run.save("")
        if not workshop.stop.is_set():
            verdict, message, retry_at = verdict_of_error(error), str(error), error.retry_at
    except _Stopped:
        run.save("")
    if verdict is Verdict.INCOMPLETE:
        message = failures_in_words(run.tally.failures)
    elif run.tally.skipped and not message:
        again = "; only what had failed was asked for again" if job.retries else ""
        message = f"the data has not changed since the last poll ({run.version}){again}"
    report = RunReport(
        source=source.name,
        purpose=job.purpose,
        verdict=verdict,
        message=message,
        requests=client.requests_sent,
        seconds=time.monotonic() - began,
        tally=run.tally,
        retry_at=retry_at,
    )
    return _end(workshop, run_id, report, job, run.outcome)


def _begin(database: Database, source: str, purpose: str) -> int:
    row = RunRow(source=source, purpose=purpose, started=datetime.now(UTC))
    with database.writing() as session:
        session.add(row)
        session.flush()
        return row.id or 0


def _end(workshop: Workshop, run_id: int, report: RunReport, job: Job, outcome: Outcome) -> RunReport:
    """Close the run; when it is believed, what it covers is noted in the same transaction."""
    now = datetime.now(UTC)
    tally = report.tally
    with workshop.database.writing() as session:
        row = session.get_one(RunRow, run_id)
        if report.verdict and (report.verdict.is_believed or outcome.is_cut_short):
            note_milestones(session, now, job.tell, workshop.matcher.topics)
            told = job.finish(session, now, outcome)
            if told and not report.message:
                report = replace(report, message=f"feeds begin with the newest {told} events; the rest is history")
        if report.retry_at:
            note_checkpoint(session, report.source, NOT_BEFORE, report.retry_at.isoformat(), now)
        elif report.verdict and report.verdict.is_good:
            forget_checkpoints(session, report.source, NOT_BEFORE)  # it answers: the wait it asked for is over
        row.ended, row.verdict, row.message = now, report.verdict or "", report.message
        row.requests, row.found, row.problems = report.requests, tally.found, tally.problems
        row.new_awards, row.changed_awards = tally.new_awards, tally.changed_awards
        row.matched, row.events, row.skipped = tally.matched, tally.events, tally.skipped
        session.flush()
        if job.purpose == POLL and report.verdict:
            is_incomplete = report.verdict is Verdict.INCOMPLETE
            unread = "; ".join(str(part) for part in unfinished_parts(session, report.source))
            note_outcome(
                session,
                report.source,
                good=report.verdict.is_good,
                verdict=report.verdict,
                message=unread if is_incomplete else report.message,
                now=now,
                at_once=is_incomplete,
            )
    log.info("run ended", source=report.source, purpose=report.purpose, verdict=report.verdict, found=tally.found)
    return report
