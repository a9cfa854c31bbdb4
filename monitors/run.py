"""The one way through: pull, match, store, verdict. Polls, backfills and the demo are jobs of this one pipeline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from monitors.doubt import with_doubt
from monitors.match_rows import match_rows, named_elsewhere
from monitors.matcher import Matcher
from monitors.verdict import RunReport, Tally, Verdict, distrust, verdict_of_error, verdict_of_success
from sources.contract import Fetched, FileSource, HeldRecord, Shortfall, Source, Step, Unchanged
from sources.errors import SourceChanged, SourceError
from sources.http import Client
from sources.records import Award, Payload, Problem, Publication, Record, Removal
from storage.database import Database
from storage.events import Tell
from storage.health import POLL, note_outcome, too_few
from storage.milestones import note_milestones
from storage.runs import checkpoint, checkpoints, note_checkpoint
from storage.saving import save_award, save_problem, save_publication, save_removal
from storage.sightings import revision_of
from storage.tables import ActionRow, RecordRow, RunRow

log = structlog.get_logger(__name__)

NOT_BEFORE = "not-before"
NOTE = "note/"
FILE = "file"  # in a step's query: the file to read instead of asking the source
BATCH = 10  # awards in one transaction: what a kill can cost is read again, never lost


class Job(Protocol):
    """What distinguishes a poll from a backfill.

    `name` begins the checkpoints of its steps; a step that has one is done. `seeds` says whether this is the first
    look at some vendor.
    """

    @property
    def purpose(self) -> str:
        """What is written of the run: "poll", "backfill clearview-ai"."""

    @property
    def checkpoint_prefix(self) -> str:
        """What the checkpoints of finished steps begin with; "" for a job that is always done from its beginning."""

    @property
    def steps(self) -> Sequence[Step]:
        """Its searches, in order."""

    @property
    def seeds(self) -> bool:
        """Whether it is the first look at some vendor."""

    @property
    def tell(self) -> Tell:
        """Whether feeds carry what is new of these vendors."""

    def finish(self, session: Session, now: datetime, *, complete: bool) -> int:
        """Note what a believed run has covered; return how many events it has newly told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is: `step` of `steps`, named `label`."""

    step: int
    steps: int
    label: str
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What every run works with. `listen` is told of progress; `stop`, when set, ends a run at the next award."""

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
        self.batch: list[Record] = []
        # A search gives an award again that another search gave; one that cannot be read is even fetched again.
        self.seen: set[str] = set()
        self.was_read: set[str] = set()
        self.was_problem: set[str] = set()
        self.was_matched: set[str] = set()
        self.named_elsewhere: dict[str, frozenset[str]] = {}
        self.passed_over = 0  # read, and of no concern to anybody: an archive has millions, whose keys are not kept

    def walk(self) -> None:
        """Go through all steps that are not done yet. Raises `SourceError` or `_Stopped`."""
        done: set[str] = set()
        if self.job.checkpoint_prefix:
            with self.workshop.database.reading() as session:
                done = set(checkpoints(session, self.source.name, self.job.checkpoint_prefix))
        for number, step in enumerate(self.job.steps, 1):
            progress = Progress(step=number, steps=len(self.job.steps), label=step.key, tally=self.tally)
            self.workshop.listen(progress)
            name = f"{self.job.checkpoint_prefix}{step.key}"
            if name in done:
                self.tally.resumed = True
                continue
            amiss = self._amiss()
            for fetched in self._fetched(step):
                if self.workshop.stop.is_set():
                    raise _Stopped
                self._take(fetched)
                self.workshop.listen(progress)
            self.save("")
            # A step that fell short, or gave what could not be read, is not done: the next run walks it again.
            if self.job.checkpoint_prefix and self._amiss() == amiss:
                self.save(name)

    def _fetched(self, step: Step) -> Iterator[Fetched]:
        if FILE in step.query and isinstance(self.source, FileSource):
            return self.source.read_file(Path(str(step.query[FILE])))
        return self.source.fetch(self.client, step, self)

    def _amiss(self) -> tuple[int, int]:
        return len(self.tally.shortfalls), self.tally.problems

    def _take(self, fetched: Fetched) -> None:
        if isinstance(fetched, Shortfall):
            self.tally.shortfalls.append(fetched)
            log.warning("pages incomplete", step=fetched.step, expected=fetched.expected, received=fetched.received)
            return
        if isinstance(fetched, Unchanged):
            self._count(fetched.key)
            return
        records = self.source.parse(fetched) if isinstance(fetched, Payload) else [fetched]
        self.named_elsewhere.update(named_elsewhere(self.workshop.matcher, records))
        for record in records:
            if self.source.keeps_all or self._is_worth_keeping(record):
                self._count(record.key)
                self.was_read.add(record.key)
                self.batch.append(record)
            else:
                self.passed_over += 1
                self._count("")
            self.tally.read = len(self.was_read) + self.passed_over
        if len(self.batch) >= BATCH:
            self.save("")

    def _is_worth_keeping(self, record: Record) -> bool:
        """Whether a record concerns somebody, is stored already, or is an order under an award that is."""
        if not isinstance(record, (Award, Publication)) or self.workshop.matcher.matches(record):
            return True
        keys = [record.key, *([record.parent_key] if isinstance(record, Award) and record.parent_key else [])]
        with self.workshop.database.reading() as session:
            return any(session.get(RecordRow, key) is not None for key in keys)

    def _count(self, key: str) -> None:
        self.seen |= {key} if key else set()
        self.tally.found = len(self.seen) + self.passed_over

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
        match record:
            case Problem():
                self.was_problem.add(record.key)
                self.tally.problems = len(self.was_problem)
                log.warning("record in quarantine", source=record.source, key=record.key, reason=record.reason)
                save_problem(session, record, now)
                return
            case Removal():
                saved = save_removal(session, record, now, self.job.tell)
            case _:
                elsewhere = self.named_elsewhere.get(record.key, frozenset())
                rows = match_rows(session, self.workshop.matcher, record, now, elsewhere)
                saved = (
                    save_award(session, with_doubt(record), rows, now, self.job.tell)
                    if isinstance(record, Award)
                    else save_publication(session, record, rows, now, self.job.tell)
                )
        session.flush()
        self.tally.new_awards += saved.new
        self.tally.changed_awards += saved.changed and not saved.new
        self.was_matched |= {record.key} if saved.matched else set()
        self.tally.matched = len(self.was_matched)
        self.tally.events += saved.events

    def note(self, name: str, /) -> str:
        """Return what the source noted for itself, "" if nothing."""
        with self.workshop.database.reading() as session:
            return checkpoint(session, self.source.name, NOTE + name) or ""

    def keep_note(self, name: str, value: str, /) -> None:
        """Note something for the source, at once and for good."""
        with self.workshop.database.writing() as session:
            note_checkpoint(session, self.source.name, NOTE + name, value, datetime.now(UTC))

    def concerns(self, record: Record, /) -> bool:
        """Whether a record concerns anybody on the watchlist, as it stands."""
        return isinstance(record, (Award, Publication)) and bool(self.workshop.matcher.matches(record))

    def held(self, key: str, /) -> HeldRecord | None:
        """Return what is stored of a record."""
        with self.workshop.database.reading() as session:
            revision = revision_of(session, self.source.name, key)
            if revision is None:
                return None
            actions = session.scalars(select(ActionRow).where(col(ActionRow.award_key) == key))
            known = frozenset((row.modification, row.signed, row.obligation) for row in actions)
        return HeldRecord(key=key, revision=revision, actions=known)

    def far_fewer(self) -> str:
        """Return why a poll that found far fewer rows than the source's healthy ones is not believed, "" if it is."""
        if self.job.purpose != POLL:
            return ""
        with self.workshop.database.reading() as session:
            return too_few(session, self.source.name, self.tally.found)

    def verify_zero(self) -> None:
        """Make sure that a source which brought less than ever still answers. Raises `SourceError`."""
        asked = not any(FILE in step.query for step in self.job.steps)
        if asked and self.tally.found < self.source.expects.at_least and not self.source.control(self.client):
            raise SourceChanged(self.source.name, "control query", "what always exists was not there")


def run_job(workshop: Workshop, source: Source, client: Client, job: Job) -> RunReport:
    """Run a job to its end and write down how it ended.

    Whatever was read before a failure is kept; watermarks move only when the run is believed and complete.

    Raises:
        sqlalchemy.exc.DBAPIError: the database failed (a full disk ...); nothing half is stored.
    """
    began = time.monotonic()
    run = _Run(workshop, source, client, job)
    run_id = _begin(workshop.database, source.name, job.purpose)
    verdict: Verdict | None = None
    retry_at: datetime | None = None
    try:
        run.walk()
        run.verify_zero()
        message = distrust(run.tally, source.expects) or run.far_fewer()
        verdict = Verdict.SOURCE_CHANGED if message else verdict_of_success(run.tally, seeded=job.seeds)
    except SourceError as error:
        run.save("")
        stopped = workshop.stop.is_set()
        verdict, message, retry_at = None if stopped else verdict_of_error(error), str(error), error.retry_at
    except _Stopped:
        run.save("")
    if verdict is None:
        message = "stopped on request; run it again to go on"
    elif run.tally.shortfalls:
        message = _incomplete(run.tally.shortfalls)
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
    return _end(workshop, run_id, report, job)


def _incomplete(shortfalls: Sequence[Shortfall]) -> str:
    missing = sum(shortfall.expected - shortfall.received for shortfall in shortfalls)
    steps = ", ".join(sorted({shortfall.step for shortfall in shortfalls}))
    return f"incomplete: {missing} rows that the source counts did not come in {steps}; the next run asks again"


def _begin(database: Database, source: str, purpose: str) -> int:
    row = RunRow(source=source, purpose=purpose, started=datetime.now(UTC))
    with database.writing() as session:
        session.add(row)
        session.flush()
        return row.id or 0


def _end(workshop: Workshop, run_id: int, report: RunReport, job: Job) -> RunReport:
    """Close the run; when it is believed, what it covers is noted in the same transaction."""
    now = datetime.now(UTC)
    tally = report.tally
    with workshop.database.writing() as session:
        row = session.get_one(RunRow, run_id)
        if report.verdict and report.verdict.is_good:
            note_milestones(session, now, job.tell, workshop.matcher.topics)
            told = job.finish(session, now, complete=not tally.shortfalls)
            if told and not report.message:
                report = replace(report, message=f"feeds begin with the newest {told} events; the rest is history")
        if report.retry_at:
            note_checkpoint(session, report.source, NOT_BEFORE, report.retry_at.isoformat(), now)
        row.ended, row.verdict, row.message = now, report.verdict or "", report.message
        row.requests, row.found, row.problems = report.requests, tally.found, tally.problems
        row.new_awards, row.changed_awards = tally.new_awards, tally.changed_awards
        row.matched, row.events = tally.matched, tally.events
        session.flush()
        if job.purpose == POLL and report.verdict:
            good = report.verdict.is_good
            note_outcome(session, report.source, good=good, verdict=report.verdict, message=report.message, now=now)
    log.info("run ended", source=report.source, purpose=report.purpose, verdict=report.verdict, found=tally.found)
    return report
