"""Awards whose source corrected their key: everything stored about the award moves to the new key.

USAspending builds the keys of an award and its actions from the numbers of the award and of its parent award. When an
agency corrects the parent, the award gets another key and the old one disappears.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from sources.records import Award, ContractAction
from storage.models import EventKind, order_subject, record_subject
from storage.schema.tables import (
    ActionRow,
    EventRow,
    EventSnapshotRow,
    EvidenceRow,
    LinkRow,
    MatchRow,
    RecordRow,
    RenumberedRow,
    ReviewDecisionRow,
    SourceRecordRow,
)
from storage.search.index import remove_from_index
from storage.writing.changes import ACTION_KINDS, Change, event_id, fold_text

# Tables with rows about an award, and the column with its key.
MOVED_TABLES = (
    (MatchRow, "record_key"),
    (SourceRecordRow, "record_key"),
    (EvidenceRow, "record_key"),
    (EventRow, "record_key"),
    (LinkRow, "award_key"),
)


def current_key(session: Session, key: str) -> str:
    """Return the key under which an award is stored now; the same key unless its source changed it."""
    row = session.get(RenumberedRow, key)
    return row.new_key if row else key


def former_keys(session: Session) -> dict[str, str]:
    """Return the former keys of awards, each with the award's key now."""
    query = select(col(RenumberedRow.old_key), col(RenumberedRow.new_key))
    return {row[0]: row[1] for row in session.execute(query.order_by(col(RenumberedRow.old_key)))}


def under_current_key(session: Session, award: Award) -> Award:
    """Return an award under its key now, if another source still lists it under the former one.

    If the source that changed the key lists the former key again, that is an award of its own.
    """
    row = session.get(RenumberedRow, award.key)
    if row is None:
        return award
    if row.source == award.source:
        session.delete(row)
        session.flush()
        return award
    return replace(award, key=row.new_key, replaces="")


def renumber(session: Session, award: Award, now: datetime) -> Change | None:
    """Move everything stored under the key that an award replaces to its own key.

    Nothing moves unless number, agency and recipient of both agree. Published events keep their ids.

    Returns:
        the change, `None` if nothing moved.
    """
    old = session.get(RecordRow, award.replaces) if award.replaces != award.key else None
    if old is None or not _is_same_award(old, award):
        return None
    keys = _new_action_keys(session, old.key, award.actions)
    new = session.get(RecordRow, award.key)
    if new is None:
        session.add(RecordRow(**{**old.model_dump(), "key": award.key}))
    else:
        new.first_seen = min(new.first_seen, old.first_seen)
    session.flush()
    _move_actions(session, old.key, award.key, keys)
    _move_decisions(session, old.key, award.key)
    for table, column in MOVED_TABLES:
        _move(session, table, column, old.key, award.key)
    page = {old.url: award.url} if old.url else {}
    _rename_within(session, award.key, {old.key: award.key, **page, **keys})
    _save_new_key(session, old.key, award, now)
    session.flush()
    remove_from_index(session, old.key)
    session.delete(old)
    session.flush()
    return Change(
        id=event_id(award.key, "", EventKind.RENUMBERED, old.key),
        kind=EventKind.RENUMBERED,
        old_value=old.key,
        new_value=award.key,
        recurs=True,
    )


def with_stored_actions(session: Session, award: Award) -> Award:
    """Return a renumbered award with the stored keys of its actions, where a source lists other keys.

    The modification number and the transaction number identify an action within its award.
    """
    if not _is_renumbered(session, award.key):
        return award
    rows = list(session.scalars(select(ActionRow).where(col(ActionRow.award_key) == award.key)))
    listed = {action.key for action in award.actions}
    stored = {row.key for row in rows}
    known = {_numbers(row): row.key for row in rows if row.key not in listed}
    actions = tuple(
        action if action.key in stored else replace(action, key=known.get(_numbers(action), action.key))
        for action in award.actions
    )
    return replace(award, actions=actions)


def with_stored_ids(session: Session, key: str, changes: Sequence[Change]) -> Sequence[Change]:
    """Return the changes of an award; those stored before its key changed keep their ids."""
    if not changes or not _is_renumbered(session, key):
        return changes
    once = [kind.value for kind in (EventKind.NEW_AWARD, *ACTION_KINDS)]
    query = select(EventRow).where(col(EventRow.record_key) == key, col(EventRow.kind).in_(once))
    known: dict[tuple[str, str], str] = {}
    for row in session.scalars(query.order_by(col(EventRow.first_seen), col(EventRow.id))):
        known.setdefault((row.kind, row.action_key), row.id)
        if row.kind == EventKind.NEW_AWARD.value:
            known.setdefault((row.kind, ""), row.id)
    begun = event_id(key, "", EventKind.NEW_AWARD)
    return [
        replace(change, id=known.get((change.kind.value, "" if change.id == begun else change.action_key), change.id))
        for change in changes
    ]


def _is_renumbered(session: Session, key: str) -> bool:
    query = select(col(RenumberedRow.old_key)).where(col(RenumberedRow.new_key) == key).limit(1)
    return session.scalar(query) is not None


def _is_same_award(old: RecordRow, award: Award) -> bool:
    """Whether number, agency and recipient agree, so that two keys may belong to one award."""
    agrees = old.piid == award.piid != "" and _agency(old.key, old.piid) == _agency(award.key, award.piid)
    if old.recipient_uei and award.recipient.uei:
        return agrees and old.recipient_uei == award.recipient.uei
    return agrees and fold_text(old.recipient_name) == fold_text(award.recipient.name)


def _agency(key: str, piid: str) -> str:
    """Return the agency of a PIID from an award's key (DESIGN.md, Identity)."""
    return key.partition(f"_{piid}_")[2].partition("_")[0]


def _numbers(action: ContractAction | ActionRow) -> tuple[str, str]:
    return action.modification.upper(), action.key.rpartition("_")[2]


def _new_action_keys(session: Session, old_key: str, actions: Iterable[ContractAction]) -> dict[str, str]:
    """Return the stored keys of actions that the source lists under another key now, each with that key."""
    rows = list(session.scalars(select(ActionRow).where(col(ActionRow.award_key) == old_key)))
    stored, listed = {row.key for row in rows}, {action.key: action for action in actions}
    wanted = {_numbers(action): key for key, action in listed.items() if key not in stored}
    found = {row.key: wanted.get(_numbers(row), row.key) for row in rows if row.key not in listed}
    return {key: new for key, new in found.items() if new != key}


def _move_actions(session: Session, old_key: str, new_key: str, keys: Mapping[str, str]) -> None:
    for row in session.scalars(select(ActionRow).where(col(ActionRow.award_key) == old_key)).all():
        known = session.get(ActionRow, keys[row.key]) if row.key in keys else None
        if known is None:
            row.key, row.award_key = keys.get(row.key, row.key), new_key
        else:
            known.first_seen = min(known.first_seen, row.first_seen)
            session.delete(row)
    session.flush()


def _move_decisions(session: Session, old_key: str, new_key: str) -> None:
    for subject in (record_subject, order_subject):
        query = select(ReviewDecisionRow).where(col(ReviewDecisionRow.subject) == subject(old_key))
        for row in session.scalars(query).all():
            if session.get(ReviewDecisionRow, (row.vendor_id, subject(new_key))) is None:
                row.subject = subject(new_key)
            else:
                session.delete(row)


def _move(session: Session, table: type[SQLModel], column: str, old_key: str, new_key: str) -> None:
    """Move the rows of a table to another key; a row that exists under that key already is deleted."""
    key_columns = [str(key.name) for key in inspect(table).primary_key]
    for row in session.scalars(select(table).where(getattr(table, column) == old_key)).all():
        identity = tuple(new_key if name == column else getattr(row, name) for name in key_columns)
        if column in key_columns and session.get(table, identity) is not None:
            session.delete(row)
        else:
            setattr(row, column, new_key)
    session.flush()


def _rename_within(session: Session, key: str, names: Mapping[str, str]) -> None:
    """Replace keys and the page address in the events, snapshots, matches and source records of an award."""
    for event in session.scalars(select(EventRow).where(col(EventRow.record_key) == key)).all():
        event.action_key = names.get(event.action_key, event.action_key)
        snapshot = session.get(EventSnapshotRow, event.id)
        if snapshot is not None:
            snapshot.facts = _renamed(snapshot.facts, names)
    for match in session.scalars(select(MatchRow).where(col(MatchRow.record_key) == key)):
        match.signals = [_renamed_signal(signal, names) for signal in match.signals]
        match.action_keys = [names.get(action, action) for action in match.action_keys]
    for source_record in session.scalars(select(SourceRecordRow).where(col(SourceRecordRow.record_key) == key)):
        source_record.actions = {names.get(action, action): amount for action, amount in source_record.actions.items()}


def _renamed(facts: str, names: Mapping[str, str]) -> str:
    """Replace keys and addresses, each a whole value, in a snapshot (JSON)."""
    for old, new in names.items():
        facts = facts.replace(json.dumps(old, ensure_ascii=False), json.dumps(new, ensure_ascii=False))
    return facts


def _renamed_signal(signal: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    action = signal.get("action_key", "")
    return {**signal, "action_key": names.get(action, action)}


def _save_new_key(session: Session, old_key: str, award: Award, now: datetime) -> None:
    """Store the new key of an award, also for the keys it had before."""
    for row in session.scalars(select(RenumberedRow).where(col(RenumberedRow.new_key) == old_key)).all():
        if row.old_key == award.key:  # the award has this former key again
            session.delete(row)
        else:
            row.new_key = award.key
    session.add(RenumberedRow(old_key=old_key, new_key=award.key, source=award.source, first_seen=now))
