"""From what a feed carries to its entries as bytes: those that are kept, and the others worded, written and kept."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from feeds.entries.entry import Entry, entry_for
from feeds.formats.atom_rss import write_entries
from feeds.urls import FeedFormat, permalink
from procurewatch.web.cache.entry_file import EntryFile
from storage.database import Database
from storage.reading.records import publication_state
from storage.search.feed_items import Carried, carried_before, told_events

log = structlog.get_logger(__name__)

AT_ONCE = 200  # entries that are written ahead between two rests
REST_SECONDS = 0.05
LOOK_SECONDS = 5.0


class EntryWriter:
    """Gives the entries of a site, each worded once. Safe to share between threads. `base_url` is the site's."""

    def __init__(self, kept: EntryFile, base_url: str) -> None:
        self._kept = kept
        self._base_url = base_url

    def entries(self, session: Session, fmt: FeedFormat, carried: Sequence[Carried]) -> list[bytes]:
        """Return the entries that a feed carries as they are written in a format, in their order."""
        found = self._kept.read(fmt, carried)
        missing = [entry for entry in carried if entry.event_id not in found]
        if missing:
            found |= self._write(fmt, missing, self._worded(session, missing))
        return [found[entry.event_id] for entry in carried]

    def write_ahead(self, session: Session, carried: Sequence[Carried]) -> int:
        """Write what is not kept yet of these entries, in every format; return how many were missing in one."""
        missing = {fmt: self._kept.missing(fmt, carried) for fmt in FeedFormat}
        wanted = list(dict.fromkeys(entry for entries in missing.values() for entry in entries))
        worded = self._worded(session, wanted)
        for fmt, entries in missing.items():
            self._write(fmt, entries, worded)
        return len(wanted)

    def _worded(self, session: Session, carried: Sequence[Carried]) -> dict[str, Entry]:
        events = told_events(session, [entry.event_id for entry in carried]) if carried else []
        return {event.id: entry_for(event, lambda of: permalink(self._base_url, of)) for event in events}

    def _write(self, fmt: FeedFormat, carried: Sequence[Carried], worded: dict[str, Entry]) -> dict[str, bytes]:
        written = write_entries(fmt, [worded[entry.event_id] for entry in carried])
        self._kept.keep(fmt, zip(carried, written, strict=True))
        return {entry.event_id: content for entry, content in zip(carried, written, strict=True)}


def keep_writing_ahead(database: Database, kept: EntryFile, writer: EntryWriter, stop: Event) -> None:
    """Until stopped, write the entries of what is told before anybody asks for a feed that carries them."""
    while True:
        try:
            write_all_ahead(database, kept, writer, stop)
        except SQLAlchemyError as error:  # feeds are written without it, and it is tried again
            log.warning("entries could not be written ahead", reason=str(error))
        if stop.wait(LOOK_SECONDS):
            return


def write_all_ahead(database: Database, kept: EntryFile, writer: EntryWriter, stop: Event) -> int:
    """Write what is told and not kept, newest first; return how many entries that were.

    Where all was written once, the first piece with nothing new is the end: what was told stays, and the few that
    concern others since are written when they are asked for. Nothing is written where it cannot be kept.
    """
    with database.reading() as session:
        state = " ".join(map(str, publication_state(session)))  # with its moment: another database has another
    before, last, written = kept.complete, None, 0
    if before == state:
        return 0
    while kept.can_keep and not stop.is_set():
        with database.reading() as session:
            carried = carried_before(session, last, AT_ONCE)
            new = writer.write_ahead(session, carried)
        written += new
        if len(carried) < AT_ONCE or (before and not new):
            kept.now_complete(state)
            break
        last = carried[-1]
        stop.wait(REST_SECONDS if new else 0.0)  # who asks meanwhile goes first
    return written
