"""One award in several sources: what each states is stored separately, and combined in the award's own row.

The source whose record was modified last comes first, then the order of `RANK`. Fields that one leaves empty are
filled from the next. Amounts are taken from one source each, never added.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import Award
from storage.reading.source_records import (
    SOURCE_FIELDS,
    fields_from_json,
    fields_to_json,
    newest_action_date,
    source_rank,
)
from storage.tables import ActionRow, RecordRow, SourceRecordRow


def note_sighting(session: Session, row: RecordRow, award: Award, now: datetime) -> SourceRecordRow:
    """Note what a source says of an award now; return the note.

    The actions of an award that is read whole are those the source lists now, and no others. A source that tells an
    award action by action tells with each how the award stood after it: an older action's facts do not replace a newer
    one's.
    """
    sighting = session.get(SourceRecordRow, (award.key, award.source))
    actions = {action.key: "" if action.obligation is None else str(action.obligation) for action in award.actions}
    latest = max((action.signed for action in award.actions if action.signed), default=None)
    if sighting is None:
        sighting = SourceRecordRow(
            record_key=award.key, source=award.source, revision="", facts={}, actions={}, url="", first_seen=now,
            last_changed=now,
        )  # fmt: skip
    before = (sighting.revision, sighting.facts, sighting.actions, sighting.url)
    known = newest_action_date(sighting)
    if not award.is_partial or known is None or latest is None or latest >= known:
        sighting.facts = {**fields_to_json(row), **({"latest": latest.isoformat()} if latest else {})}
        sighting.url, sighting.modified = award.url, award.modified
        sighting.revision = award.revision or sighting.revision
    sighting.actions = {**sighting.actions, **actions} if award.is_partial else actions
    sighting.deleted_on, sighting.deletion_reason = None, ""
    if before != (sighting.revision, sighting.facts, sighting.actions, sighting.url):
        sighting.last_changed = now
    session.add(sighting)
    return sighting


def keep_first_sighting(session: Session, row: RecordRow, now: datetime) -> None:
    """Note what an award's only source said, where that was stored before there were others to keep apart from it."""
    if session.get(SourceRecordRow, (row.key, row.source)) is not None:
        return
    stored = session.scalars(select(ActionRow).where(col(ActionRow.award_key) == row.key))
    session.add(
        SourceRecordRow(
            record_key=row.key,
            source=row.source,
            revision=row.revision,
            facts=fields_to_json(row),
            actions={action.key: "" if action.obligation is None else str(action.obligation) for action in stored},
            modified=row.modified,
            url=row.url,
            first_seen=row.first_seen,
            last_changed=now,
        )
    )
    session.flush()


def together(sightings: Sequence[SourceRecordRow]) -> dict[str, Any]:
    """Return the facts of an award as its sources tell it together: values of `RecordRow`'s fields, empty ones too."""
    facts: dict[str, Any] = {}
    for sighting in sightings:
        for name, value in fields_from_json(sighting.facts).items():
            facts.setdefault(name, value)
    best = min(sightings, key=lambda sighting: source_rank(sighting.source))
    empty = {name: RecordRow.model_fields[name].get_default(call_default_factory=True) for name in SOURCE_FIELDS}
    return {**empty, **facts, "source": best.source, "url": best.url, "revision": best.revision}
