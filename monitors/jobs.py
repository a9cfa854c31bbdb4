"""The jobs: polling the whole watchlist, and backfilling one vendor's history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from monitors.plan import Reach, digest, interest_in, poll_window
from monitors.run import FILE
from monitors.watchlist import Vendor, Watchlist
from sources.contract import Source, Step
from storage.database import Database
from storage.events import Tell
from storage.health import POLL
from storage.runs import checkpoint, checkpoints, forget_checkpoints, held_awards, note_checkpoint, tell_newest

WATERMARK = "poll/until"
SWEPT = "poll/swept"
BASELINE = "baseline/"
NEWEST_OF_A_BASELINE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """Everything new about the whole watchlist, up to a day.

    The first look at a vendor is its baseline: all is stored, and feeds get only its newest few events.
    """

    source: str
    steps: Sequence[Step]
    until: date
    swept: bool
    unseeded: frozenset[str]
    purpose: str = POLL
    checkpoint_prefix: str = ""

    @property
    def seeds(self) -> bool:
        """Whether some vendor is looked at for the first time."""
        return bool(self.unseeded)

    @property
    def tell(self) -> Tell:
        """Feeds carry an event if one of its vendors was looked at before."""
        return lambda vendors: any(vendor not in self.unseeded for vendor in vendors)

    def finish(self, session: Session, now: datetime, *, complete: bool) -> int:
        """Note the watermarks if nothing is missing (never back), and seed the baselines."""
        for name in (WATERMARK, SWEPT) if self.swept else (WATERMARK,):
            noted = checkpoint(session, self.source, name) or ""
            if complete and noted < self.until.isoformat():
                note_checkpoint(session, self.source, name, self.until.isoformat(), now)
        told = tell_newest(session, sorted(self.unseeded), NEWEST_OF_A_BASELINE, now)
        for vendor in sorted(self.unseeded):
            note_checkpoint(session, self.source, BASELINE + vendor, self.until.isoformat(), now)
        return told


def plan_poll(database: Database, source: Source, watchlist: Watchlist, until: date, reach: Reach) -> Poll:
    """Return the poll that is due: its window from the watermarks, its interest from the watchlist and the held."""
    with database.reading() as session:
        watermark = checkpoint(session, source.name, WATERMARK)
        swept = checkpoint(session, source.name, SWEPT)
        seeded = {name.removeprefix(BASELINE) for name in checkpoints(session, source.name, BASELINE)}
        held = held_awards(session)
    unseeded = frozenset(vendor.id for vendor in watchlist.vendors) - seeded
    # A vendor that is new to the watchlist needs the wide look back that the others had on their first day.
    last_sweep = date.fromisoformat(swept) if swept and not unseeded else None
    window = poll_window(until, date.fromisoformat(watermark) if watermark else None, last_sweep, reach)
    return Poll(
        source=source.name,
        steps=source.poll_steps(interest_in(watchlist.vendors, held), window),
        until=until,
        swept=window.acted_since is not None,
        unseeded=unseeded,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """One vendor's whole history. Killed and run again, it goes on where it was."""

    source: str
    vendor: str
    steps: Sequence[Step]
    checkpoint_prefix: str
    tell_feeds: bool
    seeds: bool = False

    @property
    def purpose(self) -> str:
        """Name the vendor."""
        return f"backfill {self.vendor}"

    @property
    def tell(self) -> Tell:
        """History is no news, unless asked for."""
        return lambda _vendors: self.tell_feeds

    def finish(self, session: Session, now: datetime, *, complete: bool) -> int:  # noqa: ARG002
        """Forget the steps, so that the next backfill of this vendor begins anew."""
        forget_checkpoints(session, self.source, self.checkpoint_prefix)
        return 0


def plan_backfill(
    database: Database, source: Source, vendor: Vendor, since: date, until: date, *, tell_feeds: bool
) -> Backfill:
    """Return the backfill of a vendor between two days, or the rest of one that was cut off.

    One that was cut off keeps its own last day; the polls bring what is newer.
    """
    interest = interest_in((vendor,))
    prefix = f"backfill/{vendor.id}/{since}/{digest((interest.names, interest.ueis, interest.phrases))}/"
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
        steps=source.backfill_steps(interest, since, last_day),
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

    @property
    def purpose(self) -> str:
        """Name the files, not their folders."""
        return f"import {', '.join(file.name for file in self.files)}"[:200]

    @property
    def steps(self) -> list[Step]:
        """One for each file."""
        return [Step(key=f"file/{number}", query={FILE: str(file)}) for number, file in enumerate(self.files, 1)]

    @property
    def tell(self) -> Tell:
        """An archive is no news; a page that its source would not give us is."""
        return lambda _vendors: self.tell_feeds

    def finish(self, session: Session, now: datetime, *, complete: bool) -> int:  # noqa: ARG002
        """Nothing is to be noted: reading a file again changes nothing."""
        return 0
