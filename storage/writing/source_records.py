"""One award in several sources: each source's version is stored separately, and merged in the award's own row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from sources.records import Award
from storage.reading.source_records import (
    SOURCE_FIELDS,
    ActionStatement,
    fields_from_json,
    fields_to_json,
    newest_action_date,
    source_rank,
)
from storage.rows import update_row
from storage.schema.tables import RecordRow, SourceRecordRow

BASE_FIELDS = ("signed", "starts")  # which an award's first action states, if sources list it action by action


def save_source_record(session: Session, row: RecordRow, award: Award, now: datetime) -> bool:
    """Store a source's version of an award (`row` has its fields); return whether it changed.

    An award that is read whole has the actions that the source lists now, and no others. A source that lists an award
    action by action states with each how the award stood after it, so an older action does not replace newer fields.
    Only the award's first action states when it was signed and began.
    """
    stored = session.get(SourceRecordRow, (award.key, award.source))
    source_record = stored or SourceRecordRow(
        record_key=award.key, source=award.source, revision="", facts={}, actions={}, url="", first_seen=now,
        last_changed=now,
    )  # fmt: skip
    actions = {action.key: ActionStatement.of(action).to_json() for action in award.actions}
    fields: dict[str, Any] = {
        "actions": {**source_record.actions, **actions} if award.is_partial else actions,
        "deleted_on": None,
        "deletion_reason": "",
    }
    latest = max((action.signed for action in award.actions if action.signed), default=None)
    known = newest_action_date(source_record)
    new_facts = fields_to_json(row)
    began = {name: facts[name] for facts in (source_record.facts, new_facts) for name in BASE_FIELDS if name in facts}
    if not award.is_partial or known is None or latest is None or latest >= known:
        fields["facts"] = {
            **(began if award.is_partial else {}),
            **new_facts,
            **({"latest": latest.isoformat()} if latest else {}),
        }
        fields |= {"url": award.url, "modified": award.modified, "revision": award.revision or source_record.revision}
    else:
        fields["facts"] = {**began, **source_record.facts}
    is_changed = update_row(source_record, fields)
    if is_changed:
        source_record.last_changed = now
    session.add(source_record)
    session.flush()
    return is_changed or stored is None


def merge_source_records(source_records: Sequence[SourceRecordRow]) -> dict[str, Any]:
    """Return an award's fields as its sources state them together: values of `RecordRow`, empty ones included.

    The source whose record was modified last comes first, then the order of `SOURCE_ORDER`. A field that it leaves
    empty is taken from the next one. Each amount comes from one source; amounts are never added.
    """
    fields: dict[str, Any] = {}
    for source_record in source_records:
        for name, value in fields_from_json(source_record.facts).items():
            fields.setdefault(name, value)
    best = min(source_records, key=lambda source_record: source_rank(source_record.source))
    empty = {name: RecordRow.model_fields[name].get_default(call_default_factory=True) for name in SOURCE_FIELDS}
    return {**empty, **fields, "source": best.source, "url": best.url, "revision": best.revision}
