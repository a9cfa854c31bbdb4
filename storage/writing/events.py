"""Storing what happened: an event once, told to feeds or kept as history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import count

from sqlalchemy.orm import Session

from storage.tables import EventRow
from storage.writing.changes import Change

PublishRule = Callable[[Sequence[str]], bool]


def save_event(
    session: Session,
    record_key: str,
    change: Change,
    now: datetime,
    *,
    told: bool,
    published: date | None = None,
    held: bool = False,
    vendor_id: str = "",
) -> bool:
    """Insert an event; whether it is new. One that was kept untold is told when feeds are to carry it after all."""
    stored = session.get(EventRow, change.id)
    if stored is not None and change.recurs:
        change, stored = replace(change, id=_next_id(session, change.id)), None
    told = told and change.tell
    if stored is None:
        row = EventRow(
            id=change.id,
            record_key=record_key,
            action_key=change.action_key,
            kind=change.kind.value,
            amount=change.amount,
            signed=change.signed,
            published=published,
            old_value=change.old_value,
            new_value=change.new_value,
            earlier_actions=change.earlier_actions,
            vendor_id=vendor_id,
            is_published=told,
            pending_review=held and change.tell,
            first_seen=now,
        )
        session.add(row)
    elif not stored.is_published:
        # Nobody has read it: it says what is known now.
        stored.action_key, stored.amount, stored.signed = change.action_key, change.amount, change.signed
        stored.earlier_actions = change.earlier_actions
        if told:
            stored.is_published, stored.pending_review, stored.first_seen = True, False, now
        session.add(stored)
    return stored is None


def _next_id(session: Session, identifier: str) -> str:
    """Return the id of what happens once more: the first id with the number of the time."""
    return next(later for later in (f"{identifier}/{n}" for n in count(2)) if session.get(EventRow, later) is None)
