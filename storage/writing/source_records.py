"""One award in several sources: what each states is stored separately, and combined in the award's own row.

The source whose record was modified last comes first, then the order of `RANK`. Fields that one leaves empty are
filled from the next. Amounts are taken from one source each, never added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import Award
from storage.tables import ActionRow, RecordRow, SightingRow

# Order of precedence where the dates are the same. The page of the first is linked: it is public.
RANK = ("usaspending", "assistance", "samawards", "fpds")
NOT_SAID_BY_A_SOURCE = frozenset({"key", "source", "revision", "category", "first_seen", "last_changed", "url"})
DATES = frozenset({"signed", "starts", "ends", "may_end", "modified", "published"})
AMOUNTS = frozenset({"obligated", "exercised", "ceiling", "outlays", "subaward_total"})
COUNTS = frozenset({"offers_received", "subaward_count"})
LISTS = frozenset({"amounts", "attachments", "facts", "disaster_codes"})
FACTS = tuple(sorted(set(RecordRow.model_fields) - NOT_SAID_BY_A_SOURCE - {"deadline"}))


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
            latest=_latest(sighting),
        )
        for sighting in sightings_of(session, row.key)
    }
    if row.source not in found:
        found[row.source] = Said(since=row.first_seen, facts=read_facts(facts_of(row)), actions=actions)
    return found


def revision_of(session: Session, source: str, key: str) -> str | None:
    """Return the state of a record that a source last showed, `None` when it has not told of it."""
    sighting = session.get(SightingRow, (key, source))
    if sighting is not None:
        return sighting.revision
    row = session.get(RecordRow, key)
    return row.revision if row and row.source == source else None


def note_sighting(session: Session, row: RecordRow, award: Award, now: datetime) -> SightingRow:
    """Note what a source says of an award now; return the note.

    The actions of an award that is read whole are those the source lists now, and no others. A source that tells an
    award action by action tells with each how the award stood after it: an older action's facts do not replace a newer
    one's.
    """
    sighting = session.get(SightingRow, (award.key, award.source))
    actions = {action.key: "" if action.obligation is None else str(action.obligation) for action in award.actions}
    latest = max((action.signed for action in award.actions if action.signed), default=None)
    if sighting is None:
        sighting = SightingRow(
            record_key=award.key, source=award.source, revision="", facts={}, actions={}, url="", first_seen=now,
            last_changed=now,
        )  # fmt: skip
    before = (sighting.revision, sighting.facts, sighting.actions, sighting.url)
    known = _latest(sighting)
    if not award.is_partial or known is None or latest is None or latest >= known:
        sighting.facts = {**facts_of(row), **({"latest": latest.isoformat()} if latest else {})}
        sighting.url, sighting.modified = award.url, award.modified
        sighting.revision = award.revision or sighting.revision
    sighting.actions = {**sighting.actions, **actions} if award.is_partial else actions
    sighting.gone, sighting.gone_reason = None, ""
    if before != (sighting.revision, sighting.facts, sighting.actions, sighting.url):
        sighting.last_changed = now
    session.add(sighting)
    return sighting


def keep_first_sighting(session: Session, row: RecordRow, now: datetime) -> None:
    """Note what an award's only source said, where that was stored before there were others to keep apart from it."""
    if session.get(SightingRow, (row.key, row.source)) is not None:
        return
    stored = session.scalars(select(ActionRow).where(col(ActionRow.award_key) == row.key))
    session.add(
        SightingRow(
            record_key=row.key,
            source=row.source,
            revision=row.revision,
            facts=facts_of(row),
            actions={action.key: "" if action.obligation is None else str(action.obligation) for action in stored},
            modified=row.modified,
            url=row.url,
            first_seen=row.first_seen,
            last_changed=now,
        )
    )
    session.flush()


def sightings_of(session: Session, record_key: str) -> list[SightingRow]:
    """Return what each source states about an award, in order of precedence."""
    rows = session.scalars(select(SightingRow).where(col(SightingRow.record_key) == record_key))
    return sorted(rows, key=lambda row: (-(row.modified or date.min).toordinal(), rank(row.source)))


def together(sightings: Sequence[SightingRow]) -> dict[str, Any]:
    """Return the facts of an award as its sources tell it together: values of `RecordRow`'s fields, empty ones too."""
    facts: dict[str, Any] = {}
    for sighting in sightings:
        for name, value in read_facts(sighting.facts).items():
            facts.setdefault(name, value)
    best = min(sightings, key=lambda sighting: rank(sighting.source))
    empty: dict[str, Any] = {name: _empty(name) for name in FACTS}
    return {**empty, **facts, "source": best.source, "url": best.url, "revision": best.revision}


def rank(source: str) -> int:
    """Return a source's place in the order of those who tell of awards."""
    return RANK.index(source) if source in RANK else len(RANK)


def _latest(sighting: SightingRow) -> date | None:
    text = sighting.facts.get("latest")
    return date.fromisoformat(text) if text else None


def _written(value: Any) -> Any:
    return value if isinstance(value, (str, list)) else str(value)


def read_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return a sighting's facts as values of `RecordRow`'s fields."""
    return {name: _value(name, value) for name, value in facts.items() if name in FACTS}


def _value(name: str, value: Any) -> Any:
    if name in DATES:
        return date.fromisoformat(value)
    if name in COUNTS:
        return int(value)
    return Decimal(value) if name in AMOUNTS else value


def _empty(name: str) -> Any:
    return None if name in DATES | AMOUNTS | COUNTS else [] if name in LISTS else ""


def listed_of(session: Session, source: str, key: str) -> int:
    """Return how many actions of an award a source listed when it was last read whole, 0 when it never was."""
    sighting = session.get(SightingRow, (key, source))
    return len(sighting.actions) if sighting else 0
