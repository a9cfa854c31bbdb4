"""Reading what belongs to many records at once: a query for each few hundred of them, for exports.

Each function takes at most a few hundred keys (`storage.reading.export_rows.AT_ONCE`) and returns by record; records
that have
nothing are left out. Actions and evidence so read are in `storage.reading.records`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import StoredEvent, StoredLink, StoredRecord
from storage.reading.records import events_from, records_by_key
from storage.tables import EventRow, LinkRow

Linked = tuple[StoredLink, StoredRecord | None]


def events_together(session: Session, record_keys: Sequence[str]) -> dict[str, list[StoredEvent]]:
    """Return what happened to records, newest first, but for news that waits for a reviewer."""
    query = select(EventRow).where(col(EventRow.record_key).in_(record_keys), col(EventRow.pending_review).is_(False))
    found: dict[str, list[StoredEvent]] = {}
    for event in events_from(session, query.order_by(col(EventRow.signed).desc().nulls_last(), col(EventRow.id))):
        found.setdefault(event.record.key, []).append(event)
    return found


def links_together(session: Session, record_keys: Sequence[str]) -> dict[str, list[Linked]]:
    """Return the links of records and what is at their other ends (`None`: not stored), the surest first."""
    either = or_(col(LinkRow.record_key).in_(record_keys), col(LinkRow.award_key).in_(record_keys))
    order = (col(LinkRow.confidence).desc(), col(LinkRow.record_key), col(LinkRow.award_key))
    rows = list(session.scalars(select(LinkRow).where(either).order_by(*order)))
    ends = sorted({key for row in rows for key in (row.record_key, row.award_key)})
    stored: dict[str, StoredRecord] = {}
    for first in range(0, len(ends), len(record_keys)):
        part = ends[first : first + len(record_keys)]
        stored.update((record.key, record) for record in records_by_key(session, part))
    wanted, found = set(record_keys), dict[str, list[Linked]]()
    for row in rows:
        link = StoredLink(
            record_key=row.record_key, award_key=row.award_key, confidence=row.confidence, reason=row.reason
        )
        for one, other in ((row.record_key, row.award_key), (row.award_key, row.record_key)):
            if one in wanted:
                found.setdefault(one, []).append((link, stored.get(other)))
    return found
