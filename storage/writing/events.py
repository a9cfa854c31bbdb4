"""Storing events: each once, either published in feeds or kept as history; and how late they became public."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import Enum
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from storage.models import EventKind
from storage.possible_days import is_possible
from storage.reading.coverage import was_read
from storage.rows import update_row
from storage.schema.tables import EventRow, RecordRow
from storage.writing.changes import ACTION_KINDS, Change

# Agencies report most contract actions within three business days (FAR 4.604), and sources list them in the same week.
USUAL_DELAY = timedelta(days=7)
PublishRule = Callable[[Sequence[str]], bool]  # given vendor ids: whether feeds carry what is new about them


class Stored(Enum):
    """What storing did."""

    NEW = "new"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def save_event(
    session: Session,
    record_key: str,
    change: Change,
    now: datetime,
    *,
    publish: bool,
    published: date | None = None,
    pending_review: bool = False,
    vendor_id: str = "",
    part_of: str = "",
    days_late: int = 0,
) -> Stored:
    """Store what happened to a record as an event.

    A published event never changes. One that is not published yet takes the newest values, and is published when
    `publish` is set.

    Args:
        now: when it was seen, UTC.
        publish: whether feeds carry it; never if the change is history (`Change.is_news`).
        published: the day on which the source published it.
        pending_review: whether it is published once a reviewer confirms the match.
        vendor_id: the vendor it is about, "" if it is about the record.
        part_of: the id of the event whose entry includes it, "" if it has an entry of its own.
        days_late: `days_late`.
    """
    row = session.get(EventRow, change.id)
    if row is not None and change.recurs:
        change, row = replace(change, id=_next_id(session, change.id)), None
    publish = publish and change.is_news
    facts: dict[str, Any] = {
        "action_key": change.action_key,
        "amount": change.amount,
        "total": change.total,
        "signed": change.signed,
        "earlier_actions": change.earlier_actions,
    }
    if row is None:
        row = EventRow(
            id=change.id,
            record_key=record_key,
            kind=change.kind.value,
            published=published,
            old_value=change.old_value,
            new_value=change.new_value,
            vendor_id=vendor_id,
            part_of=part_of,
            is_first_sight=change.is_first_sight,
            days_late=days_late,
            is_published=publish,
            pending_review=pending_review and change.is_news,
            first_seen=now,
            **facts,
        )
        session.add(row)
        return Stored.NEW
    if row.is_published:
        return Stored.UNCHANGED
    if publish:
        facts |= {"is_published": True, "pending_review": False, "first_seen": now}
    return Stored.UPDATED if update_row(row, facts) else Stored.UNCHANGED


def _next_id(session: Session, identifier: str) -> str:
    """Return the id of what happens once more: the first id with the number of the time."""
    return next(later for later in (f"{identifier}/{n}" for n in count(2)) if session.get(EventRow, later) is None)


def days_late(
    session: Session,
    row: RecordRow,
    change: Change,
    vendor_ids: Collection[str],
    *,
    read_until: date | None,
    now: datetime,
) -> int:
    """Return how many days after signing an action of an award was first seen, 0 if it was not late.

    A first poll or a backfill sees old actions late because nobody asked before. An action is late only if a poll had
    read all contracts of its day of signing, more than a week after that day, and it was not among them.

    Args:
        vendor_ids: the vendors that the action concerns. Their contracts of that day have been read, or it is not late.
        read_until: the last day that polls of the source had read before, `None` if this is no poll.
        now: when it was first seen, UTC.
    """
    signed = change.signed
    if (
        read_until is None
        or signed is None
        or change.kind not in (*ACTION_KINDS, EventKind.NEW_AWARD)
        or not is_possible(signed)
    ):
        return 0
    agencies = (row.agency_code, row.sub_agency_code)
    if signed + USUAL_DELAY >= read_until or not was_read(session, vendor_ids, agencies, signed):
        return 0
    return (now.date() - signed).days
