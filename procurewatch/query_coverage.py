"""What a query's records can lack, in sentences: what pages, the API, commands and exports state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

from sqlalchemy.orm import Session

from feeds.entries.details import reporting_delay_note
from feeds.pages.coverage import coverage_lines
from feeds.text import format_time
from monitors.watchlist.model import Watchlist
from sources.registry import SOURCES
from storage.reading.coverage import coverage_of, department_of
from storage.reading.export_rows import ATTRIBUTION
from storage.reading.records import known_agencies
from storage.reading.source_health import last_good_polls
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


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What to know about an export. `description` is its search in words, `made` a time in UTC.

    `coverage` says which contracts were read completely, `freshness` when each source was last read, in sentences.
    """

    description: str = "everything"
    made: datetime = field(default_factory=_now)
    coverage: tuple[str, ...] = ()
    freshness: tuple[str, ...] = ()

    @property
    def notes(self) -> list[str]:
        """All of it in sentences, with how to add up and cite."""
        what, made = self.description, format_time(self.made)
        return [
            f"Records of federal spending: {what}. Exported {made} by Procurewatch {version('procurewatch')}.",
            f'Cite as: Procurewatch, "{what}", {made}. The official_page of a row is the page of its source.',
            "To add up money, use action_obligation or obligated_by_actions. Never add up award_obligated_total, which "
            "repeats, or amounts of publications.",
            "A match means that words or identifiers in a record fit an entry of the watchlist. It is no accusation.",
            *self.coverage,
            *self.freshness,
            f"Where attribution is filled: {ATTRIBUTION}",
        ]

    def as_texts(self) -> dict[str, str]:
        """Return its members as texts, with a sentence per line."""
        members = self.as_json()
        return {name: one if isinstance(one, str) else "\n".join(one) for name, one in members.items()}

    def as_json(self) -> dict[str, str | list[str]]:
        """Return it as members of a JSON object."""
        return {
            "description": self.description,
            "made": self.made.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "coverage": list(self.coverage),
            "freshness": list(self.freshness),
            "notes": self.notes,
        }


def about_export(session: Session, watchlist: Watchlist, query: Query, names: Mapping[str, str]) -> About:
    """Return what to know about the export of a query; `names` are those of vendors, categories and agencies by id."""
    return About(
        description=query.describe(names),
        coverage=tuple(coverage_notes(session, watchlist, query)),
        freshness=freshness(session),
    )


def freshness(session: Session) -> tuple[str, ...]:
    """Return when each source was last polled without a failure, in sentences."""
    polls = last_good_polls(session)
    return tuple(
        f"{SOURCES[name].title if name in SOURCES else name}: last polled without a failure {format_time(polls[name])}."
        for name in sorted(polls)
    )
