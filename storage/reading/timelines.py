"""Links between publications and awards, and the timeline of an award with what was published about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import EventKind, StoredEvent, StoredLink, StoredRecord
from storage.reading.events import events_of
from storage.reading.records import records_by_key
from storage.tables import LinkRow

Linked = tuple[StoredLink, StoredRecord | None]


def links_of(session: Session, key: str) -> list[StoredLink]:
    """Return the links of a record, whether it is the publication or the award; the surest first."""
    query = select(LinkRow).where((col(LinkRow.record_key) == key) | (col(LinkRow.award_key) == key))
    rows = session.scalars(query.order_by(col(LinkRow.confidence).desc(), col(LinkRow.record_key)))
    return [
        StoredLink(record_key=row.record_key, award_key=row.award_key, confidence=row.confidence, reason=row.reason)
        for row in rows
    ]


def linked_records(session: Session, key: str) -> list[tuple[StoredLink, StoredRecord]]:
    """Return the stored records at the other ends of a record's links, the surest link first."""
    links = links_of(session, key)
    others = {link: link.award_key if link.record_key == key else link.record_key for link in links}
    records = {record.key: record for record in records_by_key(session, sorted(set(others.values())))}
    return [(link, records[other]) for link, other in others.items() if other in records]


def timeline_of(session: Session, key: str) -> list[StoredEvent]:
    """Return all that happened to an award and all that was published about it, by date: signed, published or seen.

    Of a publication: its own events, and those of the awards it is about.
    """
    keys = [key, *(record.key for _, record in linked_records(session, key))]
    found = {event.id: event for one in dict.fromkeys(keys) for event in events_of(session, one)}
    return by_date(found.values())


def by_date(events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """Return events by date, the oldest first: signed, published or seen."""
    return sorted(events, key=lambda event: (_day(event), event.first_seen, event.id))


def _day(event: StoredEvent) -> date:
    # A modification may have told of the award before its own beginning was known.
    began = event.record.signed if event.kind is EventKind.NEW_AWARD else None
    return event.signed or began or event.published or event.first_seen.date()


def load_links_for(session: Session, record_keys: Sequence[str]) -> dict[str, list[Linked]]:
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
