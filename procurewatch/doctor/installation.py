"""Checks of the settings, the database and the watchlist."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from feeds.text import pluralize
from monitors.matching.lint import RecordTexts, lint_watchlist
from monitors.watchlist.loader import read_categories, read_entries
from monitors.watchlist.yaml_reader import WatchlistError
from procurewatch.doctor.findings import Finding, Result, sentence
from procurewatch.settings import PREFIX, Settings, SettingsError, config_file
from sources.registry import SOURCES
from storage.database import Database, DatabaseError, open_database
from storage.reading.rematching import list_described_recipients, list_recipient_names
from storage.schema.tables import RecordRow
from storage.writing.runs import save_checkpoint

SETTINGS, DATABASE, WATCHLIST = "Settings", "Database", "Watchlist"
MAX_SHOWN = 10  # serious findings about the watchlist; `vendors check` lists them all
DAMAGED = ("not a database", "malformed", "corrupt", "damaged")


def report_wrong_settings(error: SettingsError) -> Iterator[Finding]:
    """Report the errors in settings that cannot be read."""
    for message in (str(error), *error.others):
        yield Finding(SETTINGS, "settings", Result.PROBLEM, sentence(message))
    message, action = "Nothing else was checked: fix the settings first.", "docs/settings.md lists them."
    yield Finding(SETTINGS, "settings", Result.SKIPPED, message, action)


def check_settings(given: Settings) -> Iterator[Finding]:
    """Report where the settings come from, and unknown sources in them."""
    file = config_file()
    names = sorted(name for name in os.environ if name.upper().startswith(PREFIX))
    places = [f"the file {file}"] if file.is_file() else []
    places += [f"the {'variables' if len(names) > 1 else 'variable'} {', '.join(names)}"] if names else []
    message = f"Read from {' and '.join(places)}." if places else "No settings given; all have their defaults."
    unknown = sorted({*given.sources, *given.only_sources} - set(SOURCES))
    if not unknown:
        yield Finding(SETTINGS, "settings", Result.OK, message)
    for name in unknown:
        message, action = f'There is no source "{name}".', f"Write one of: {', '.join(SOURCES)}."
        yield Finding(SETTINGS, "settings", Result.PROBLEM, message, action)


def open_or_report(url: str) -> Database | Finding:
    """Return the open database with up-to-date tables, or a finding if it cannot be opened."""
    try:
        return open_database(url)
    except DatabaseError as error:
        return _broken(str(error), url)


def check_database(database: Database) -> Iterator[Finding]:
    """Report whether the database is undamaged and writable."""
    url = str(database.engine.url)
    try:
        with database.reading() as session:
            damage = _damage(session)
            count = session.scalar(select(func.count()).select_from(RecordRow))
            revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    except DBAPIError as error:
        damage = str(error.orig)
    if damage:
        yield _broken(f"The database is damaged: {damage}", url)
        return
    kind = database.engine.dialect.name.replace("sqlite", "SQLite").replace("postgresql", "PostgreSQL")
    message = f"{kind}, tables up to date ({revision}), {pluralize(count or 0, 'record')}."
    yield Finding(DATABASE, "database", Result.OK, message)
    try:
        with suppress(_RollBack), database.writing() as session:
            save_checkpoint(session, "doctor", "writes", "yes", datetime.now(UTC))
            session.flush()
            raise _RollBack
    except DBAPIError as error:
        yield _broken(f"The database cannot be written: {error.orig}", url)


class _RollBack(Exception):
    """Rolls back a test write."""


def _damage(session: Session) -> str:
    """Return the damage that SQLite finds in its file, or ""."""
    if session.get_bind().dialect.name != "sqlite":
        return ""
    found = str(session.scalar(text("PRAGMA quick_check(1)")))
    return "" if found == "ok" else found


def _broken(message: str, url: str) -> Finding:
    action = "Check the setting database_url, and whether the server runs."
    if url.startswith("sqlite"):
        action = "Check the file's permissions and the free space on its disk."
        if any(word in message.lower() for word in DAMAGED):
            action = "Run procurewatch db check, then procurewatch db restore with a backup."
    if any(said in message for said in ("another version of Procurewatch", "cannot be read", "procurewatch db")):
        action = ""  # the message says what to do
    return Finding(DATABASE, "database", Result.PROBLEM, sentence(message), action)


def check_watchlist(files: list[Path], database: Database | None) -> Iterator[Finding]:
    """Report what `vendors check` finds."""
    try:
        entries = read_entries(*files, categories=read_categories())
    except WatchlistError as error:
        action = "docs/watchlist.md describes the format of an entry."
        yield Finding(WATCHLIST, "watchlist", Result.PROBLEM, sentence(str(error)), action)
        return
    found = lint_watchlist(entries, _texts(database))
    serious = [each for each in found if each.serious]
    for each in serious[:MAX_SHOWN]:
        yield Finding(WATCHLIST, "watchlist", Result.PROBLEM, sentence(f"{each.entry}: {each.what}"))
    if len(serious) > MAX_SHOWN:
        message, action = f"{len(serious) - MAX_SHOWN} more.", "`procurewatch vendors check` lists all."
        yield Finding(WATCHLIST, "watchlist", Result.PROBLEM, message, action)
    advice = len(found) - len(serious)
    message = f"{len(entries)} entries, {len(serious)} serious findings, {advice} advice."
    action = "`procurewatch vendors check` lists them." if found else ""
    yield Finding(WATCHLIST, "watchlist", Result.OK, message, action)


def _texts(database: Database | None) -> RecordTexts | None:
    """Return the names and descriptions of stored records, or `None` if there are none."""
    if database is None:
        return None
    with database.reading() as session:
        names = list_recipient_names(session)
        return RecordTexts(names=names, descriptions=list_described_recipients(session)) if names else None
