"""An app context over a fake server: the whole program except the command line, on its own database."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlmodel import SQLModel

from monitors.runs.pipeline import Progress
from monitors.runs.status import RunReport
from monitors.watchlist.loader import load_watchlist
from monitors.watchlist.model import Watchlist
from procurewatch.context import AppContext
from procurewatch.settings import Settings, SourceSettings
from sources.registry import SOURCES
from storage.database import Database, open_database

LAST_DAY = date(2024, 9, 30)
SOME_VENDORS = frozenset(
    {
        "axon",
        "babel-street",
        "cellebrite",
        "chainalysis",
        "clearview-ai",
        "magnet-forensics",
        "motorola-vigilant",
        "palantir",
        "penlink",
        "shadowdragon",
        "skydio",
        "venntel",
    }
)
# Columns with times; two runs of the same work differ only in them.
MOMENTS = frozenset(
    {"first_seen", "last_seen", "last_changed", "retrieved_at", "changed", "resolved_at", "noted_at", "read_at"}
)
# State that a source stores about its upstream, which depends on the requests it made.
NOTES = "note/"
# Tables about the run, not about its records.
HISTORY = frozenset({"run", "process", "publication_version", "event_snapshot"})
Dump = dict[str, list[tuple[object, ...]]]


def settings_for(base_url: str, folder: Path, database_url: str | None = None, **other: object) -> Settings:
    """Return settings for a fake server without rate limit, that look back over the whole corpus."""
    given = {"lookback_days": 1461, "full_sweep_days": 1461, "watchlist": [], "only_sources": ["usaspending"], **other}
    source = SourceSettings(base_url=base_url, seconds_between=0, tries=2)
    return Settings.model_validate(
        {"data_dir": folder, "database_url": database_url, "sources": {"usaspending": source.model_dump()}, **given}
    )


@contextmanager
def app_context_for(
    base_url: str, folder: Path, database_url: str | None = None, **other: object
) -> Iterator[AppContext]:
    """Open an app context whose only source is a fake server at `base_url`, with a few vendors on its watchlist."""
    settings = settings_for(base_url, folder, database_url, **other)
    database = open_database(settings.database())
    try:
        yield AppContext(
            settings=settings, database=database, watchlist=few(*settings.watchlist), stop=threading.Event()
        )
    finally:
        database.close()


@contextmanager
def app_context_with(
    sources: Mapping[str, Mapping[str, object]],
    folder: Path,
    *vendors: str,
    database_url: str | None = None,
    **other: object,
) -> Iterator[AppContext]:
    """Open an app context with these sources and settings, and vendors of the included watchlist."""
    asked = {name: {"seconds_between": 0, "tries": 1, **given} for name, given in sources.items()}
    given = {"data_dir": folder, "database_url": database_url, "only_sources": list(sources), "sources": asked, **other}
    settings = Settings.model_validate(given)
    whole = shipped()
    watchlist = replace(whole, vendors=tuple(whole.by_id[vendor] for vendor in vendors))
    database = open_database(settings.database())
    try:
        yield AppContext(settings=settings, database=database, watchlist=watchlist, stop=threading.Event())
    finally:
        database.close()


@cache
def shipped() -> Watchlist:
    """Return the shipped watchlist, read once."""
    return load_watchlist()


@cache
def few(*own: Path) -> Watchlist:
    """Return a dozen vendors of the included watchlist, and those of other files: quick to search and match."""
    whole = load_watchlist(*own)
    ids = SOME_VENDORS | (set(whole.by_id) - set(shipped().by_id))
    return replace(whole, vendors=tuple(vendor for vendor in whole.vendors if vendor.id in ids))


def poll(app_context: AppContext, until: date = LAST_DAY) -> RunReport:
    """Poll as the command does, without showing progress."""
    with app_context.claimed(SOURCES["usaspending"]) as claimed:
        return claimed.poll(SOURCES["usaspending"], until, ignore)


def backfill(
    app_context: AppContext, vendor_id: str, since: date = date(2020, 10, 1), *, notify: bool = False
) -> RunReport:
    """Backfill as the command does, without showing progress."""
    with app_context.claimed(SOURCES["usaspending"]) as claimed:
        vendor = app_context.watchlist.by_id[vendor_id]
        return claimed.backfill(SOURCES["usaspending"], vendor, since, LAST_DAY, ignore, notify=notify)


def ignore(_progress: Progress) -> None:
    """Listen to nothing."""


def dump(database: Database, *, moments: bool = False, leave_out: frozenset[str] = HISTORY) -> Dump:
    """Return every row of every table, in order; without columns of times unless `moments`."""
    rows: Dump = {}
    with database.reading() as session:
        for name, table in sorted(SQLModel.metadata.tables.items()):
            if name in leave_out:
                continue
            columns = [column for column in table.columns if moments or column.name not in MOMENTS]
            found = (_plain(row) for row in session.execute(select(*columns)))
            rows[name] = sorted((row for row in found if not _is_note(name, row)), key=repr)
    return rows


def _is_note(table: str, row: tuple[object, ...]) -> bool:
    return table == "checkpoint" and str(row[1]).startswith(NOTES)


def _plain(row: Iterable[object]) -> tuple[object, ...]:
    return tuple(json.dumps(value, sort_keys=True) if isinstance(value, (list, dict)) else value for value in row)


def later(days: int) -> date:
    """Return a day after the corpus ends."""
    return LAST_DAY + timedelta(days=days)
