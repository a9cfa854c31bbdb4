"""The jobs of award archives: read whole files, and look every month for what is newer.

Their coverage is by entry of the watchlist, department and fiscal year: an entry that was added or changed after a file
was read is not covered by it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from sqlalchemy.orm import Session

from monitors.runs.jobs import LISTING_DELAY, Job, Outcome
from monitors.watchlist.model import Evidence, Vendor, Watchlist
from sources.usaspending_archive.listing import ArchiveFile, ArchiveKind, fiscal_year_of
from sources.usaspending_archive.members import SOURCE
from sources.usaspending_archive.monthly import MAX_GAP, RUN, MonthlyUpdate
from sources.usaspending_archive.reading import PASSES, ArchivePass
from storage.database import Database
from storage.models import POLL
from storage.reading.archives import archive_files, covered_vendors, has_unreadable
from storage.schema.tables import ArchiveFileRow
from storage.writing.archives import extend_archive_coverage, note_changed_terms, save_archive_coverage
from storage.writing.runs import delete_checkpoints, load_checkpoint, load_checkpoints

NOTE = "note/"  # what checkpoints of a source's own notes begin with


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveBackfill(Job):
    """Reads archives in passes: `first` are their first ones. Interrupted and run again, it continues.

    `watchlist`: the entries that are looked for, and `terms` a digest of each.
    """

    first: Sequence[ArchivePass]
    watchlist: Watchlist
    terms: Mapping[str, str]

    @property
    def searched(self) -> Watchlist:
        """The entries that are looked for. What is found is compared with all."""
        return self.watchlist

    def on_success(self, session: Session, now: datetime, outcome: Outcome) -> int:
        """Note what the files that were read completely cover, and forget the progress of these files."""
        failed = {failure.step.query.get("name") for failure in outcome.failures}
        for order in self.first:
            row = session.get(ArchiveFileRow, order.name)
            if order.name in failed or row is None or not row.is_complete:
                continue
            if not has_unreadable(session, self.source, order.url):
                _save_coverage(session, self.source, order.file, self.terms, now)
            delete_checkpoints(session, self.source, f"{NOTE}{order.run}/{order.name}")
            for step in _passes(order):
                delete_checkpoints(session, self.source, f"{self.checkpoint_prefix}{step.step.key}")
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePoll(Job):
    """Looks for archives that are newer than those that were read.

    Events of entries in `covered`, which the archives were read for, are news, except those before the day in
    `covered`: a delta has corrections of all years. `since`: by kind and agency, the day up
    to which the newest fiscal year is covered.
    """

    since: Mapping[tuple[str, str], date]
    terms: Mapping[str, str]
    covered: Mapping[str, date] = field(default_factory=dict)

    def should_publish(self, vendors: Sequence[str]) -> bool:
        """Return whether the archives were read for one of the vendors before."""
        return any(vendor in self.covered for vendor in vendors)

    @property
    def history_until(self) -> Mapping[str, date]:
        """Return for each entry the first day that the archives were read for."""
        return self.covered

    def on_success(self, session: Session, now: datetime, outcome: Outcome) -> int:  # noqa: ARG002
        """Note what the new files cover: a file of a fiscal year all of it, a delta what follows the last file.

        They may have been read by an earlier poll that was killed.
        """
        notes = _notes(session)
        fresh = [
            row for row in archive_files(session, complete=True) if notes.get(row.name) == _terms_digest(self.terms)
        ]
        since = dict(self.since)
        for row in fresh:
            read_until = since.get((row.kind, row.agency))
            if read_until is None or row.published is None or has_unreadable(session, self.source, row.url):
                continue
            if not row.is_delta:
                _save_coverage(session, self.source, ArchiveFile.named(row.name), self.terms, now)
            elif row.kind == ArchiveKind.CONTRACTS and row.published - read_until <= MAX_GAP:
                extend_archive_coverage(
                    session, self.source, self.terms, agency=row.agency, read_until=read_until, until=row.published
                )
            since[row.kind, row.agency] = max(read_until, row.published)
        delete_checkpoints(session, self.source, f"{NOTE}{RUN}/")
        return 0


def plan_archive_backfill(
    watchlist: Watchlist, orders: Sequence[ArchivePass], *, publishes: bool, purpose: str
) -> ArchiveBackfill:
    """Return the job that reads archives, in order, or the rest of an interrupted one with the same watchlist."""
    terms = archive_terms(watchlist)
    run = f"backfill/{_terms_digest(terms)}"
    first = [replace(order, run=run, number=1) for order in orders]
    steps = [replace(order, number=number).step for number in range(1, PASSES + 1) for order in first]
    return ArchiveBackfill(
        source=SOURCE,
        purpose=purpose,
        steps=steps,
        checkpoint_prefix=f"{run}/",
        publishes=publishes,
        first=first,
        watchlist=watchlist,
        terms=terms,
    )


def plan_archive_poll(database: Database, watchlist: Watchlist, until: date) -> ArchivePoll:
    """Return the poll of what was read from archives before; without steps if that is nothing."""
    terms = archive_terms(watchlist)
    with database.reading() as session:
        files = archive_files(session, complete=True)
        covered = covered_vendors(session, SOURCE, terms)
        notes = _notes(session)
    updates = _updates(files, fiscal_year_of(until), _terms_digest(terms))
    covering = _updates([row for row in files if not notes.get(row.name)], fiscal_year_of(until))
    recent = min((date.fromisoformat(update.since) for update in updates), default=until) - LISTING_DELAY
    return ArchivePoll(
        source=SOURCE,
        purpose=POLL,
        steps=[update.step for update in updates],
        recent_since=recent,
        since={(update.kind, update.agency): update.newest for update in covering},
        terms=terms,
        covered={vendor: min(day, recent) for vendor, day in covered.items()},
    )


def mark_changed_entries(database: Database, watchlist: Watchlist) -> None:
    """Mark what archives cover for changed entries of the watchlist as outdated.

    Call it before any source is polled: an award under a new name is no first purchase because the archives were read
    for the old one.
    """
    with database.writing() as session:
        note_changed_terms(session, SOURCE, archive_terms(watchlist))


def has_archives(database: Database) -> bool:
    """Return whether an archive was read completely, so that newer ones are looked for."""
    with database.reading() as session:
        return any(row.fiscal_year and row.published for row in archive_files(session, complete=True))


def archive_terms(watchlist: Watchlist) -> dict[str, str]:
    """Return for each entry of the watchlist a digest of what the matcher reads of it."""
    return {vendor.id: _terms(vendor) for vendor in watchlist.vendors}


def _terms(vendor: Vendor) -> str:
    return _digest(replace(vendor, note="", sources=(), evidence=Evidence.OWN, category=""))


def _terms_digest(terms: Mapping[str, str]) -> str:
    return _digest(sorted(terms.items()))


def _notes(session: Session) -> dict[str, str]:
    """Return for each archive that a poll read, and that may cover something, a digest of what was looked for."""
    prefix = f"{NOTE}{RUN}/"
    return {
        name.removeprefix(prefix): load_checkpoint(session, SOURCE, name) or ""
        for name in load_checkpoints(session, SOURCE, prefix)
    }


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:12]


def _passes(order: ArchivePass) -> list[ArchivePass]:
    return [replace(order, number=number) for number in range(1, PASSES + 1)]


def _updates(files: Sequence[ArchiveFileRow], fiscal_year: int, terms: str = "") -> list[MonthlyUpdate]:
    """Return what is newer than these files, for each kind and agency."""
    groups: dict[tuple[str, str], list[ArchiveFileRow]] = defaultdict(list)
    for row in files:
        if row.kind and row.published:
            groups[row.kind, row.agency].append(row)
    updates = []
    for (kind, agency), rows in sorted(groups.items()):
        read = {str(row.fiscal_year): row.published.isoformat() for row in rows if row.fiscal_year and row.published}
        deltas = [row.published.isoformat() for row in rows if row.is_delta and row.published]
        if read:  # a year that was backfilled later than the others needs fewer deltas than they do
            since = max([min(read.values()), *deltas])
            updates.append(
                MonthlyUpdate(kind=kind, agency=agency, since=since, fiscal_year=fiscal_year, read=read, terms=terms)
            )
    return updates


def _save_coverage(session: Session, source: str, file: ArchiveFile, terms: Mapping[str, str], now: datetime) -> None:
    """Note what a file of contracts of a fiscal year covers; another file covers nothing."""
    if file.days is None or file.kind is not ArchiveKind.CONTRACTS:
        return
    since, until = file.days
    save_archive_coverage(session, source, terms, agency=file.agency, since=since, until=until, now=now)
