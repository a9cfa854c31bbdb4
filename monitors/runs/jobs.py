"""The jobs of the pipeline: poll the whole watchlist, backfill one vendor's history, import files.

A job says which steps to run, over which days, and what to record when they have succeeded.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from monitors.watchlist.model import Portfolio, Vendor, Watchlist
from monitors.watchlist.search_terms import (
    fewest_names,
    fewest_phrases,
    search_names,
    search_phrases,
    search_short_names,
)
from sources.base import DateWindow, FailedStep, FetchStep, SearchTerms, Source
from sources.records import AwardCategory, MatchedAward
from sources.registry import sources_listing
from storage.database import Database, server_time
from storage.models import POLL
from storage.reading.coverage import FIRST_DAY
from storage.reading.source_health import unfinished_steps
from storage.schema.tables import UnfinishedStepRow
from storage.writing.runs import (
    begin_coverage,
    continue_coverage,
    delete_checkpoints,
    delete_failed_step,
    load_checkpoint,
    load_checkpoints,
    load_matched_awards,
    publish_expiring,
    publish_newest,
    save_checkpoint,
    save_coverage,
    save_failed_step,
)

WATERMARK = "poll/until"
LAST_SWEEP = "poll/swept"
BASELINE = "baseline/"
VERSION = "poll/version"  # when a poll last read everything (UTC), and the version of the data that it read
# What was signed so long before the last poll may be listed only now: DoD's contracts are listed after 90 days.
LISTING_DELAY = timedelta(days=120)
# Of 20,522 modifications of ICE and CBP contracts (2021-2024) 67 came more than three years after the action before.
ACTIVE = timedelta(days=3 * 365)
TURNS = 13  # sweeps in which every stored award is checked once: a quarter
BASELINE_SIZE = 3  # events that feeds get when a vendor is new
# A version that stands still for longer is not believed: the API may have stopped updating it.
MAX_SKIP = timedelta(hours=48)
FILE = "file"  # in a step's query: the file to read instead of the source


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookback:
    """How far back polls look, in days.

    `signed` and `overlap` on every poll; `sweep`, for what arrives late, every `sweep_every` days. Measured on daily
    pulls of ICE and CBP actions (August 2026): of those seen for the first time one in seven was more than a week
    past its action date, one in fifteen over a month, the latest 289 days; DoD's arrive after 90.
    """

    signed: int = 120
    overlap: int = 14
    sweep: int = 400
    sweep_every: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run achieved, step by step. `version` is that of the source's data when it began, "" if unknown.

    `problems` is the number of records that could not be read or stored.
    `is_cut_short`: the source went down after some steps had succeeded, and the others are among the failures.
    """

    succeeded: Sequence[FetchStep]
    failures: Sequence[FailedStep]
    version: str
    skipped: bool
    problems: int
    is_cut_short: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run does.

    Args:
        source: the name of the source.
        purpose: what the run's row says: "poll", "backfill clearview-ai".
        steps: its searches, in order.
        publishes: whether its events go to feeds.
        retries: the steps that failed in an earlier run. They come first.
        known_version: the version of the source's data that was read completely: `steps` are skipped while it is the
            same.
        checkpoint_prefix: what the checkpoints of finished steps begin with; "" if the job always starts over.
        recent_since: an award that began before this day and is first seen through a modification is no new purchase:
            the modification is published. `None` if every award is published as a whole.
        read_until: the last day that polls had read before. What was signed long before it and is new arrived late.
            `None` for the first poll, and for what is no poll.
    """

    source: str
    purpose: str
    steps: Sequence[FetchStep]
    publishes: bool = False
    retries: Sequence[FetchStep] = ()
    known_version: str = ""
    checkpoint_prefix: str = ""
    recent_since: date | None = None
    read_until: date | None = None

    @property
    def is_baseline(self) -> bool:
        """Whether this is the first poll for some vendor."""
        return False

    def should_publish(self, vendors: Sequence[str]) -> bool:  # noqa: ARG002
        """Return whether feeds get an event that matches_watchlist these vendors."""
        return self.publishes

    @property
    def searched(self) -> Watchlist | None:
        """The entries that large files are searched for, `None` for the whole watchlist."""
        return None

    @property
    def history_until(self) -> Mapping[str, date]:
        """For some entries of the watchlist, the day before which an award's actions are history (`save_record`)."""
        return {}

    def on_success(self, session: Session, now: datetime, outcome: Outcome) -> int:  # noqa: ARG002
        """Record what the run has covered; return how many events it has newly published."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll(Job):
    """Everything new about the whole watchlist, up to the day `until`.

    The first poll for a vendor is its baseline: everything is stored, and feeds get only its newest few events.
    `new_vendors` have no baseline yet. `dropped` are steps that failed earlier and are no longer needed. `is_sweep`: it
    looks back as far as for what arrives late. `signed_since` is the first day of which it reads all contracts, of the
    vendors in `terms`: digests of what it searches for, by vendor id.
    """

    until: date
    signed_since: date
    terms: Mapping[str, str]
    is_sweep: bool
    new_vendors: frozenset[str]
    dropped: Sequence[FetchStep] = ()

    @property
    def is_baseline(self) -> bool:
        """Whether some vendor has no baseline yet."""
        return bool(self.new_vendors)

    def should_publish(self, vendors: Sequence[str]) -> bool:
        """Return whether one of the vendors has a baseline."""
        return any(vendor not in self.new_vendors for vendor in vendors)

    def on_success(self, session: Session, now: datetime, outcome: Outcome) -> int:
        """Record failed and finished steps, then the watermarks, and publish the newest events of new vendors.

        Contracts that have come near their end since the last poll are published, also if the source had nothing new.
        A watermark moves back, too: one that a wrong clock put into the future would hide records from readers.
        """
        self._record_steps(session, now, outcome)
        publish_expiring(session, now)
        if outcome.skipped:
            return 0
        for name in (WATERMARK, LAST_SWEEP) if self.is_sweep else (WATERMARK,):
            save_checkpoint(session, self.source, name, self.until.isoformat(), now)
        save_checkpoint(session, self.source, VERSION, f"{now.isoformat()} {outcome.version}", now)
        if not outcome.failures and not outcome.problems:
            begin_coverage(session, self.source, self.terms, self.signed_since, now)
        published = publish_newest(session, sorted(self.new_vendors), BASELINE_SIZE, now)
        for vendor in sorted(self.new_vendors):
            save_checkpoint(session, self.source, BASELINE + vendor, self.until.isoformat(), now)
        return published

    def _record_steps(self, session: Session, now: datetime, outcome: Outcome) -> None:
        for step in (*outcome.succeeded, *self.dropped):
            delete_failed_step(session, self.source, step.key, quiet=bool(step.quiet_for))
        for failure in outcome.failures:
            step = failure.step
            save_failed_step(
                session,
                self.source,
                step.key,
                part=step.part,
                query=step.query,
                days=(step.since, step.until),
                quiet_for=step.quiet_for | self.new_vendors,
                reason=failure.reason,
                now=now,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill(Job):
    """One vendor's whole history between two days. Interrupted and run again, it continues.

    `vendor_id` is "" if it cannot read all of the vendor's contracts: the source does not list every contract, a name
    is not searched for, or the entry is a topic. `terms` is the digest of what it searches for.
    """

    vendor_id: str
    since: date
    until: date
    terms: str

    def on_success(self, session: Session, now: datetime, outcome: Outcome) -> int:
        """Forget the finished steps, so that the next backfill of this vendor starts over, unless some failed.

        If every record since the first day of all was read and stored, the vendor's history is covered.
        """
        if outcome.failures:
            return 0
        delete_checkpoints(session, self.source, self.checkpoint_prefix)
        if self.vendor_id and self.since <= FIRST_DAY and not outcome.problems:
            save_coverage(session, self.source, self.vendor_id, until=self.until, terms=self.terms, now=now)
        return 0


def plan_poll(
    database: Database, source: Source, watchlist: Watchlist, until: date, lookback: Lookback, *, force: bool
) -> Poll:
    """Return the poll that is due: its window from the watermarks, its terms from the watchlist and stored awards.

    With `force` it reads the source even when its data has not changed since the last poll.
    """
    with database.reading() as session:
        watermark = load_checkpoint(session, source.name, WATERMARK)
        swept = load_checkpoint(session, source.name, LAST_SWEEP)
        known_vendors = {name.removeprefix(BASELINE) for name in load_checkpoints(session, source.name, BASELINE)}
        version = _recent(load_checkpoint(session, source.name, VERSION) or "", server_time(session))
        failed = [_step_again(row) for row in unfinished_steps(session, source.name)]
    new_vendors = frozenset(vendor.id for vendor in watchlist.vendors) - known_vendors
    # A new vendor needs the wide lookback that the others had on their first day.
    last_sweep = date.fromisoformat(swept) if swept and not new_vendors else None
    read_until = date.fromisoformat(watermark) if watermark else None
    window = poll_window(until, read_until, last_sweep, lookback)
    digests = _coverable(source, watchlist.vendors)
    with database.writing() as session:
        continue_coverage(session, source.name, digests, window.signed_since, read_until or until)
    is_sweep = window.acted_since is not None
    stored, checked = stored_awards(database, until, lookback, is_sweep=is_sweep, has_failed=bool(failed))
    wanted = [step for step in failed if source.is_wanted(step, search_terms(watchlist.vendors, stored))]
    retries, steps = _merge(wanted, source.poll_steps(search_terms(watchlist.vendors, checked), window))
    return Poll(
        source=source.name,
        purpose=POLL,
        steps=steps,
        retries=retries,
        dropped=[step for step in failed if step not in wanted],
        known_version="" if force or new_vendors or is_sweep else version,
        recent_since=window.modified_since + window.overlap - LISTING_DELAY,
        read_until=read_until,
        until=until,
        signed_since=window.signed_since,
        terms=digests,
        is_sweep=is_sweep,
        new_vendors=new_vendors,
    )


Awards = Mapping[str, tuple[MatchedAward, ...]]


def stored_awards(
    database: Database, until: date, lookback: Lookback, *, is_sweep: bool, has_failed: bool
) -> tuple[Awards, Awards]:
    """Return the stored awards that matched (all if a failed step may be about one), and those to check for changes.

    A poll checks awards that were active in the last `ACTIVE` days. A sweep also checks its share of the others, so
    that each of them has its turn within `TURNS` sweeps.
    """
    with database.reading() as session:
        active = load_matched_awards(session, active_since=until - ACTIVE)
        if not (is_sweep or has_failed):
            return active, active
        everything = load_matched_awards(session)
    if not is_sweep:
        return everything, active
    turn = until.toordinal() // lookback.sweep_every % TURNS
    known = {award.key for awards in active.values() for award in awards}
    checked = {
        category: tuple(
            award for award in awards if award.key in known or zlib.crc32(award.key.encode()) % TURNS == turn
        )
        for category, awards in everything.items()
    }
    return everything, checked


def plan_backfill(
    database: Database, source: Source, vendor: Vendor, since: date, until: date, *, publishes: bool
) -> Backfill:
    """Return the backfill of a vendor between two days, or the rest of an interrupted one.

    An interrupted one keeps its own last day; the polls bring what is newer.
    """
    with database.reading() as session:
        terms = search_terms((vendor,), load_matched_awards(session, vendor.id))
    digest = _terms_digest(terms)
    prefix = _backfill_prefix(vendor, since, digest)
    with database.writing() as session:
        begun = load_checkpoint(session, source.name, f"{prefix}until")
        if begun is None:
            save_checkpoint(session, source.name, f"{prefix}until", until.isoformat(), server_time(session))
    until = date.fromisoformat(begun) if begun else until
    return Backfill(
        source=source.name,
        purpose=f"backfill {vendor.id}",
        steps=source.backfill_steps(terms, since, until),
        checkpoint_prefix=prefix,
        publishes=publishes,
        vendor_id=vendor.id if _coverable(source, [vendor]) else "",
        since=since,
        until=until,
        terms=digest,
    )


def backfill_outlook(
    session: Session, source: Source, vendor: Vendor, since: date, until: date
) -> tuple[Sequence[FetchStep], int]:
    """Return the steps of a backfill, without beginning it, and how many of them an interrupted one has finished."""
    terms = search_terms((vendor,), load_matched_awards(session, vendor.id))
    prefix = _backfill_prefix(vendor, since, _terms_digest(terms))
    recorded = load_checkpoints(session, source.name, prefix)
    begun = recorded.get(f"{prefix}until")
    steps = source.backfill_steps(terms, since, date.fromisoformat(begun) if begun else until)
    return steps, sum(f"{prefix}{step.key}" in recorded for step in steps)


def _backfill_prefix(vendor: Vendor, since: date, digest: str) -> str:
    """Return what the checkpoints of a vendor's backfill begin with."""
    return f"backfill/{vendor.id}/{since}/{digest}/"


def plan_import(source: Source, files: Sequence[Path], *, publishes: bool) -> Job:
    """Return the job that reads files as the source itself would be read. Its purpose names the files, not folders."""
    steps = [FetchStep(key=f"file/{n}", query={FILE: str(file)}, part=file.name) for n, file in enumerate(files, 1)]
    purpose = f"import {', '.join(file.name for file in files)}"[:200]
    return Job(source=source.name, purpose=purpose, steps=steps, publishes=publishes)


def search_terms(
    vendors: Iterable[Vendor], stored: Mapping[str, tuple[MatchedAward, ...]] | None = None
) -> SearchTerms:
    """Return what to search a source for: vendors, and awards that are already stored."""
    vendors = tuple(vendors)
    return SearchTerms(
        names=fewest_names(name for vendor in vendors for name in search_names(vendor)),
        short_names=tuple(sorted({name for vendor in vendors for name in search_short_names(vendor)})),
        ueis=tuple(sorted({uei for vendor in vendors for uei in vendor.ueis})),
        phrases=fewest_phrases(phrase for vendor in vendors for phrase in search_phrases(vendor)),
        stored=stored or {},
    )


def poll_window(until: date, watermark: date | None, last_sweep: date | None, lookback: Lookback) -> DateWindow:
    """Return the days a poll covers, however long the program was not running."""
    read_until = watermark or until
    overlap = timedelta(days=lookback.overlap)
    # A sweep in the future was recorded by a wrong clock.
    is_sweep = last_sweep is None or not 0 <= (until - last_sweep).days < lookback.sweep_every
    return DateWindow(
        until=until,
        signed_since=min(until - timedelta(days=lookback.signed), read_until - overlap),
        modified_since=min(until, read_until) - overlap,
        acted_since=min(until - timedelta(days=lookback.sweep), read_until - overlap) if is_sweep else None,
        overlap=overlap,
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


def _merge(failed: Sequence[FetchStep], planned: Sequence[FetchStep]) -> tuple[list[FetchStep], list[FetchStep]]:
    """Return the steps to retry and the other planned ones. A step in both is run once, over the days of both.

    A step of a baseline stays separate: what the planned one brings is news, and what it brings is not.
    """
    retries: list[FetchStep] = []
    rest = {step.key: step for step in planned}
    for step in failed:
        again = None if step.quiet_for else rest.pop(step.key, None)
        if again and again.since and again.until and step.since and step.until:
            again = replace(again, since=min(step.since, again.since), until=max(step.until, again.until))
        retries.append(again or step)
    return retries, list(rest.values())


def _coverable(source: Source, vendors: Iterable[Vendor]) -> dict[str, str]:
    """Return the vendors of which a source can read all contracts, with a digest of what it is searched for."""
    if source.is_sample or source.name not in sources_listing(AwardCategory.CONTRACT):
        return {}
    return {vendor.id: _terms_digest(search_terms([vendor])) for vendor in vendors if _searches_every_name(vendor)}


def _searches_every_name(vendor: Vendor) -> bool:
    """Return whether an entry names companies and each is searched for; those with a broad portfolio are not."""
    names = (*vendor.known_names, *vendor.subsidiaries)
    return bool(names) and all(vendor.portfolio_of(name) is not Portfolio.BROAD for name in names)


def _terms_digest(terms: SearchTerms) -> str:
    return _short_hash((terms.names, terms.short_names, terms.ueis, terms.phrases))


def _recent(recorded: str, now: datetime) -> str:
    """Return the version that a poll has recorded, "" if that was too long ago."""
    moment, _, version = recorded.partition(" ")
    age = now - datetime.fromisoformat(moment) if moment else MAX_SKIP
    return version if timedelta(0) <= age < MAX_SKIP else ""


def _short_hash(parts: Sequence[object]) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]
