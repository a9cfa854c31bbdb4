"""Storing the actions of an award. Each keeps the values of the source that listed it first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import Award, ContractAction
from storage.rows import update_row
from storage.schema.tables import ActionRow

BATCH_SIZE = 500  # keys in one IN (...)


def save_actions(session: Session, award: Award, stored: Mapping[str, ActionRow], now: datetime) -> set[str]:
    """Insert or update the actions of an award; return the keys of the awards whose actions changed.

    `stored` are those of the award, by key. One that is stored under another award moves here, because its source has
    corrected which award it belongs to.
    """
    elsewhere = {row.key: row for row in _with_keys(session, [a.key for a in award.actions if a.key not in stored])}
    changed = {row.award_key for row in elsewhere.values()}
    for action in award.actions:
        row = elsewhere.get(action.key)
        if row is not None:
            row.award_key, row.source = award.key, award.source
        if _save_action(session, row or stored.get(action.key), award, action, now) or row is not None:
            changed.add(award.key)
    return changed


def _with_keys(session: Session, keys: Sequence[str]) -> Iterator[ActionRow]:
    for first in range(0, len(keys), BATCH_SIZE):
        yield from session.scalars(select(ActionRow).where(col(ActionRow.key).in_(keys[first : first + BATCH_SIZE])))


def _save_action(
    session: Session, stored: ActionRow | None, award: Award, action: ContractAction, now: datetime
) -> bool:
    values: dict[str, Any] = {
        "modification": action.modification,
        "signed": action.signed,
        "obligation": action.obligation,
        "description": action.description,
        "action_type": action.action_type,
        "action_type_text": action.action_type_text,
    }
    if stored is None:
        session.add(ActionRow(key=action.key, award_key=award.key, source=award.source, first_seen=now, **values))
        return True
    return stored.source == award.source and update_row(stored, values)
