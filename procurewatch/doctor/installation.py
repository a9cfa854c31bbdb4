"""What the user has set up and stored: settings, database, watchlist."""

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
from monitors.matching.lint import Texts, scrutinise
from monitors.watchlist.loader import read_categories, read_entries
from monitors.watchlist.yaml_reader import WatchlistError
from procurewatch.doctor.findings import Finding, Result, sentence
from procurewatch.settings import PREFIX, Settings, SettingsError, config_file
from sources.registry import SOURCES
from storage.database import Database, DatabaseError, open_database
from storage.reading.survey import buyers_of_texts, recipient_names
from storage.tables import RecordRow
from storage.writing.runs import note_checkpoint

SETTINGS, DATABASE, WATCHLIST = "Settings", "Database", "Watchlist"
SHOWN = 10  # serious findings about the watchlist; `vendors check` lists them all
DAMAGED = ("not a database", "malformed", "corrupt", "damaged")


def wrong_settings(error: SettingsError) -> Iterator[Finding]:
    """Report what is wrong with settings that cannot be read."""
    for message in (str(error), *error.others):
        yield Finding(section=SETTINGS, check="settings", result=Result.PROBLEM, says=sentence(message))
    says, do = "Nothing else was checked: fix the settings first.", "docs/settings.md lists them."
    yield Finding(section=SETTINGS, check="settings", result=Result.SKIPPED, says=says, do=do)


def settings(given: Settings) -> Iterator[Finding]:
    """Report where the settings come from, and which sources they name that do not exist."""
    file = config_file()
    names = sorted(name for name in os.environ if name.upper().startswith(PREFIX))
    places = [f"the file {file}"] if file.is_file() else []
    places += [f"the {'variables' if len(names) > 1 else 'variable'} {', '.join(names)}"] if names else []
    says = f"Read from {' and '.join(places)}." if places else "No settings given; all have their defaults."
    unknown = sorted({*given.sources, *given.only_sources} - set(SOURCES))
    if not unknown:
        yield Finding(section=SETTINGS, check="settings", result=Result.OK, says=says)
    for name in unknown:
        says, do = f'There is no source "{name}".', f"Write one of: {', '.join(SOURCES)}."
        yield Finding(section=SETTINGS, check="settings", result=Result.PROBLEM, says=says, do=do)


def opened(url: str) -> Database | Finding:
    """Return the open database, its tables up to date, or what is wrong with it."""
    try:
        return open_database(url)
    except DatabaseError as error:
        return _broken(str(error), url)


def database(held: Database) -> Iterator[Finding]:
    """Report whether the database is whole, and whether it can be written."""
    url = str(held.engine.url)
    try:
        with held.reading() as session:
            fault = _fault(session)
            count = session.scalar(select(func.count()).select_from(RecordRow))
            revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    except DBAPIError as error:
        fault = str(error.orig)
    if fault:
        yield _broken(f"The database is damaged: {fault}", url)
        return
    kind = held.engine.dialect.name.replace("sqlite", "SQLite").replace("postgresql", "PostgreSQL")
    says = f"{kind}, tables up to date ({revision}), {pluralize(count or 0, 'record')}."
    yield Finding(section=DATABASE, check="database", result=Result.OK, says=says)
    try:
        with suppress(_Undone), held.writing() as session:
            note_checkpoint(session, "doctor", "writes", "yes", datetime.now(UTC))
            session.flush()
            raise _Undone
    except DBAPIError as error:
        yield _broken(f"The database cannot be written: {error.orig}", url)


class _Undone(Exception):
    """Rolls a trial write back."""


def _fault(session: Session) -> str:
    """Return what SQLite finds wrong with its file, "" if nothing."""
    if session.get_bind().dialect.name != "sqlite":
        return ""
    found = str(session.scalar(text("PRAGMA quick_check(1)")))
    return "" if found == "ok" else found


def _broken(message: str, url: str) -> Finding:
    do = "Check the setting database_url, and whether the server runs."
    if url.startswith("sqlite"):
        do = "Check the file's permissions and the free space on its disk."
        if any(word in message.lower() for word in DAMAGED):
            do = "Restore a backup, or move the file away: the next poll starts a new one."
    if "another version of Procurewatch" in message or "cannot be read" in message:
        do = ""  # it says itself what to do
    return Finding(section=DATABASE, check="database", result=Result.PROBLEM, says=sentence(message), do=do)


def watchlist(files: list[Path], held: Database | None) -> Iterator[Finding]:
    """Report what `vendors check` finds."""

    def finding(result: Result, says: str, do: str = "") -> Finding:
        return Finding(section=WATCHLIST, check="watchlist", result=result, says=says, do=do)

    try:
        entries = read_entries(*files, categories=read_categories())
    except WatchlistError as error:
        yield finding(Result.PROBLEM, sentence(str(error)), "docs/watchlist.md says how an entry is written.")
        return
    found = scrutinise(entries, _texts(held))
    serious = [each for each in found if each.serious]
    for each in serious[:SHOWN]:
        yield finding(Result.PROBLEM, sentence(f"{each.entry}: {each.what}"))
    if len(serious) > SHOWN:
        yield finding(Result.PROBLEM, f"{len(serious) - SHOWN} more.", "`procurewatch vendors check` lists all.")
    advice = len(found) - len(serious)
    says = f"{len(entries)} entries, {len(serious)} serious findings, {advice} advice."
    listed = "`procurewatch vendors check` lists them." if found else ""
    yield finding(Result.OK, says, listed)


def _texts(held: Database | None) -> Texts | None:
    """Return what real records hold, `None` if none is stored or the database cannot be read."""
    if held is None:
        return None
    with held.reading() as session:
        names = recipient_names(session)
        return Texts(names=names, descriptions=buyers_of_texts(session)) if names else None
