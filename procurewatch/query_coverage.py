"""What a query's records can lack, in sentences: what pages, the API, commands and exports state beside them."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from feeds.entries.details import reporting_delay_note
from feeds.pages.coverage import coverage_lines
from monitors.watchlist.model import Watchlist
from storage.reading.coverage import coverage_of, department_of
from storage.reading.records import known_agencies
from storage.search.query import Query
from storage.search.search import may_lack_defense_awards


def query_coverage(session: Session, watchlist: Watchlist, query: Query) -> list[str]:
    """Return which contracts were read completely, of the entries and the agency that a query names, in sentences."""
    entries = [
        entry.id
        for entry in watchlist.vendors
        if entry.id in (query.vendor or (entry.id,)) and entry.category in (query.category or (entry.category,))
    ]
    agency = query.agency[0].upper() if len(query.agency) == 1 else ""
    agencies = [agency, department_of(session, agency)] if agency else []
    return coverage_lines(coverage_of(session, entries, agencies), dict(known_agencies(session)))


def coverage_notes(session: Session, watchlist: Watchlist, query: Query) -> list[str]:
    """Return `query_coverage`, and the awards that are not public yet if some may be missing."""
    notes = query_coverage(session, watchlist, query)
    if may_lack_defense_awards(session, query):
        notes.append(reporting_delay_note(datetime.now(UTC).date()))
    return notes
