"""The jobs: polling the whole watchlist, and backfilling one vendor's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from monitors.runs.pipeline import FILE, Outcome
from monitors.runs.plan import Reach, digest, interest_in, poll_window
from monitors.watchlist.model import Vendor, Watchlist
from sources.base import FetchStep, Source
from storage.database import Database
from storage.models import POLL
from storage.reading.source_health import unfinished_steps
from storage.tables import UnfinishedStepRow
from storage.writing.events import Tell
from storage.writing.failed_steps import note_finished, note_unfinished
from storage.writing.runs import checkpoint, checkpoints, forget_checkpoints, held_awards, note_checkpoint, tell_newest

WATERMARK = "poll/until"
SWEPT = "poll/swept"
BASELINE = "baseline/"
VERSION = "poll/version"  # when a poll last read everything (UTC), and the version of the data that it read
NEWEST_OF_A_BASELINE = 3
# A version that stands still for longer is not believed: the API may have stopped updating it.
LONGEST_SKIP = timedelta(hours=48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Everything new about the whole watchlist, up to a day.

    The first look at a vendor is its baseline: all is stored, and feeds get only its newest few events. `retries` are
    the steps that failed in earlier polls, `dropped` those of them that no longer need to be tried again.
    `known_version` is the version of the source's data that a poll has read since the watchlist last changed, "" when
    this poll must read it whatever its version.
    """

    source: str
    steps: Sequence[FetchStep]
    until: date
    swept: bool
    unseeded: frozenset[str]
    retries: Sequence[FetchStep] = ()
    dropped: Sequence[FetchStep] = ()
    known_version: str = ""
    purpose: str = POLL
    checkpoint_prefix: str = ""

    @property
    def seeds(self) -> bool:
        """Whether some vendor is looked at for the first time."""
        return bool(self.unseeded)

    @property
    def tell(self) -> Tell:
        """Feeds publish an event if one of its vendors was looked at before."""
        return lambda vendors: any(vendor not in self.unseeded for vendor in vendors)

    def finish(self, session: Session, now: datetime, outcome: Outcome) -> int:
        """Note which steps failed and which no longer do; then the watermarks, and seed the baselines.

        A watermark moves back, too: one that a wrong clock put into the future would keep sweeps and days from readers.
        """
        self._note_steps(session, now, outcome)
        if outcome.skipped:
            return 0
        for name in (WATERMARK, SWEPT) if self.swept else (WATERMARK,):
            note_checkpoint(session, self.source, name, self.until.isoformat(), now)
        note_checkpoint(session, self.source, VERSION, f"{now.isoformat()} {outcome.version}", now)
        told = tell_newest(session, sorted(self.unseeded), NEWEST_OF_A_BASELINE, now)
        for vendor in sorted(self.unseeded):
            note_checkpoint(session, self.source, BASELINE + vendor, self.until.isoformat(), now)
        return told

    def _note_steps(self, session: Session, now: datetime, outcome: Outcome) -> None:
        for step in (*outcome.succeeded, *self.dropped):
            note_finished(session, self.source, step.key, quiet=bool(step.quiet_for))
        for failure in outcome.failures:
            step = failure.step
            note_unfinished(
                session,
                self.source,
                step.key,
                part=step.part,
                query=step.query,
                days=(step.since, step.until),
                quiet_for=step.quiet_for | self.unseeded,
                reason=failure.reason,
                now=now,
            )


def plan_poll(
    database: Database,
    source: Source,
    watchlist: Watchlist,
    until: date,
    reach: Reach,
    *,
    force: bool = False,
) -> Poll:
    """Return the poll that is due: its window from the watermarks, its interest from the watchlist and the held.

    With `force` it asks even when the source's data has not changed since the last poll.
    """
    with database.reading() as session:
        watermark = checkpoint(session, source.name, WATERMARK)
        swept = checkpoint(session, source.name, SWEPT)
        seeded = {name.removeprefix(BASELINE) for name in checkpoints(session, source.name, BASELINE)}
        held = held_awards(session)
        version = checkpoint(session, source.name, VERSION) or ""
        failed = [_step_again(row) for row in unfinished_steps(session, source.name)]
    unseeded = frozenset(vendor.id for vendor in watchlist.vendors) - seeded
    # A vendor that is new to the watchlist needs the wide look back that the others had on their first day.
    last_sweep = date.fromisoformat(swept) if swept and not unseeded else None
    window = poll_window(until, date.fromisoformat(watermark) if watermark else None, last_sweep, reach)
    terms = interest_in(watchlist.vendors, held)
    wanted = [step for step in failed if source.is_wanted(step, terms)]
    retries, steps = _merged(wanted, source.poll_steps(terms, window))
    must_ask = force or bool(unseeded) or window.acted_since is not None
    return Poll(
        source=source.name,
        steps=steps,
        retries=retries,
        dropped=[step for step in failed if step not in wanted],
        known_version="" if must_ask else _recent(version),
        until=until,
        swept=window.acted_since is not None,
        unseeded=unseeded,
    )


def _step_again(row: UnfinishedStepRow) -> FetchStep:
    # Without days of its own, a step of a baseline covers what there was when it failed first.
    baseline_until = row.failed.date() if row.quiet else None
    return FetchStep(
        key=row.key,
        query=row.query,
        since=row.since,
        until=row.until or baseline_until,
        part=row.part,
        quiet_for=frozenset(row.quiet_for),
    )


def _merged(failed: Sequence[FetchStep], planned: Sequence[FetchStep]) -> tuple[list[FetchStep], list[FetchStep]]:
    """Return the steps to try again, and the other planned ones. What is planned anew is asked once, over both's days.

    A step of a baseline stays apart: what the planned one brings is news, and what it brings is not.
    """
    retries: list[FetchStep] = []
    rest = {step.key: step for step in planned}
    for step in failed:
        again = None if step.quiet_for else rest.pop(step.key, None)
        if again and again.since and again.until and step.since and step.until:
            again = replace(again, since=min(step.since, again.since), until=max(step.until, again.until))
        retries.append(again or step)
    return retries, list(rest.values())


def _recent(noted: str) -> str:
    """Return the version that a poll has noted, "" when that is so long ago that it is better to ask again."""
    moment, _, version = noted.partition(" ")
    age = datetime.now(UTC) - datetime.fromisoformat(moment) if moment else LONGEST_SKIP
    return version if timedelta(0) <= age < LONGEST_SKIP else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """One vendor's whole history. Killed and run again, it goes on where it was."""

    source: str
    vendor: str
    steps: Sequence[FetchStep]
    checkpoint_prefix: str
    tell_feeds: bool
    seeds: bool = False
    retries: Sequence[FetchStep] = ()
    known_version: str = ""

    @property
    def purpose(self) -> str:
        """Name the vendor."""
        return f"backfill {self.vendor}"

    @property
    def tell(self) -> Tell:
        """History is no news, unless asked for."""
        return lambda _vendors: self.tell_feeds

    def finish(self, session: Session, now: datetime, outcome: Outcome) -> int:  # noqa: ARG002
        """Forget the steps, so that the next backfill of this vendor begins anew; after a failure it goes on."""
        if not outcome.failures:
            forget_checkpoints(session, self.source, self.checkpoint_prefix)
        return 0


def plan_backfill(
    database: Database, source: Source, vendor: Vendor, since: date, until: date, *, tell_feeds: bool
) -> Backfill:
    """Return the backfill of a vendor between two days, or the rest of one that was cut off.

    One that was cut off keeps its own last day; the polls bring what is newer.
    """
    with database.reading() as session:
        terms = interest_in((vendor,), held_awards(session, vendor.id))
    prefix = f"backfill/{vendor.id}/{since}/{digest((terms.names, terms.ueis, terms.phrases))}/"
    plan = f"{prefix}until"
    now = datetime.now(UTC)
    with database.writing() as session:
        begun = checkpoint(session, source.name, plan)
        if begun is None:
            note_checkpoint(session, source.name, plan, until.isoformat(), now)
    last_day = date.fromisoformat(begun) if begun else until
    return Backfill(
        source=source.name,
        vendor=vendor.id,
        steps=source.backfill_steps(terms, since, last_day),
        checkpoint_prefix=prefix,
        tell_feeds=tell_feeds,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """Files that somebody holds, read as the source itself would be."""

    files: Sequence[Path]
    tell_feeds: bool
    checkpoint_prefix: str = ""
    seeds: bool = False
    retries: Sequence[FetchStep] = ()
    known_version: str = ""

    @property
    def purpose(self) -> str:
        """Name the files, not their folders."""
        return f"import {', '.join(file.name for file in self.files)}"[:200]

    @property
    def steps(self) -> list[FetchStep]:
        """One for each file."""
        return [
            FetchStep(key=f"file/{number}", query={FILE: str(file)}, part=file.name)
            for number, file in enumerate(self.files, 1)
        ]

    @property
    def tell(self) -> Tell:
        """An archive is no news; a page that its source would not give us is."""
        return lambda _vendors: self.tell_feeds

    def finish(self, session: Session, now: datetime, outcome: Outcome) -> int:  # noqa: ARG002
        """Nothing is to be noted: reading a file again changes nothing."""
        return 0
