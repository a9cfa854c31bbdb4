"""What each source says of an award: stored separately, compared side by side, and the order in which sources count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import StoredSourceRecord
from storage.tables import RecordRow, SourceRecordRow

# Order of precedence where the dates are the same. The page of the first is linked: it is public.
RANK = ("usaspending", "assistance", "samawards", "fpds")
NOT_SAID_BY_A_SOURCE = frozenset({"key", "source", "revision", "category", "first_seen", "last_changed", "url"})
FACTS = tuple(sorted(set(RecordRow.model_fields) - NOT_SAID_BY_A_SOURCE - {"deadline"}))
_PARSERS: Mapping[object, Callable[[str], object]] = {
    Decimal | None: Decimal,
    date | None: date.fromisoformat,
    int | None: int,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one source said of an award the last time: its facts, and the obligations of the actions it listed.

    `facts` are values of `RecordRow`'s fields, none empty; `actions` dollars by action key (`None`: not stated).
    `since` is when it told of the award for the first time (UTC).
    """

    since: datetime
    facts: Mapping[str, Any]
    actions: Mapping[str, Decimal | None] = field(default_factory=dict)
    latest: date | None = None


def facts_of(row: RecordRow) -> dict[str, Any]:
    """Return the facts that a row states, none empty, in types that JSON has."""
    found = {name: getattr(row, name) for name in FACTS}
    return {name: _written(value) for name, value in found.items() if value not in (None, "", [])}


def said_of(session: Session, row: RecordRow, actions: Mapping[str, Decimal | None]) -> dict[str, Said]:
    """Return what each source said of a stored award, by source.

    `actions` are those stored, for an award that has been told by one source alone, before others were asked.
    """
    found = {
        sighting.source: Said(
            since=sighting.first_seen,
            facts=read_facts(sighting.facts),
            actions={key: Decimal(amount) if amount else None for key, amount in sighting.actions.items()},
            latest=latest_of(sighting),
        )
        for sighting in sightings_of(session, row.key)
    }
    if row.source not in found:
        found[row.source] = Said(since=row.first_seen, facts=read_facts(facts_of(row)), actions=actions)
    return found


def sources_of(session: Session, record_key: str) -> list[StoredSourceRecord]:
    """Return what each source says of an award, in the order of the sources; empty for a publication."""
    found = [
        StoredSourceRecord(
            source=row.source,
            facts=read_facts(row.facts),
            actions=len(row.actions),
            modified=row.modified,
            url=row.url,
            deleted_on=row.deleted_on,
            deletion_reason=row.deletion_reason,
            first_seen=row.first_seen,
            last_changed=row.last_changed,
        )
        for row in sightings_of(session, record_key)
    ]
    return sorted(found, key=lambda sighting: (rank(sighting.source), sighting.source))


def revision_of(session: Session, source: str, key: str) -> str | None:
    """Return the state of a record that a source last showed, `None` when it has not told of it."""
    sighting = session.get(SourceRecordRow, (key, source))
    if sighting is not None:
        return sighting.revision
    row = session.get(RecordRow, key)
    return row.revision if row and row.source == source else None


def listed_of(session: Session, source: str, key: str) -> int:
    """Return how many actions of an award a source listed when it was last read whole, 0 when it never was."""
    sighting = session.get(SourceRecordRow, (key, source))
    return len(sighting.actions) if sighting else 0


def sightings_of(session: Session, record_key: str) -> list[SourceRecordRow]:
    """Return what each source states about an award, in order of precedence."""
    rows = session.scalars(select(SourceRecordRow).where(col(SourceRecordRow.record_key) == record_key))
    return sorted(rows, key=lambda row: (-(row.modified or date.min).toordinal(), rank(row.source)))


def rank(source: str) -> int:
    """Return a source's place in the order of those who tell of awards."""
    return RANK.index(source) if source in RANK else len(RANK)


def latest_of(sighting: SourceRecordRow) -> date | None:
    """Return the day of the newest action that a source had listed when it last said how the award stood."""
    text = sighting.facts.get("latest")
    return date.fromisoformat(text) if text else None


def _written(value: Any) -> Any:
    return value if isinstance(value, (str, list)) else str(value)


def read_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sighting's facts as values of `RecordRow`'s fields."""
    return {name: _value(name, value) for name, value in facts.items() if name in FACTS}


def _value(name: str, value: Any) -> Any:
    parse = _PARSERS.get(RecordRow.model_fields[name].annotation)
    return parse(value) if parse else value
