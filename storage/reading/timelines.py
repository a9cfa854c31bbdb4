"""Links between publications and awards, and the timeline of an award with what was published about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.errors import left_out
from storage.models import EventKind, StoredEvent, StoredLink, StoredRecord
from storage.reading.events import events_of
from storage.reading.records import records_by_key
from storage.reading.summaries import published_among
from storage.rows import view_of
from storage.schema.tables import LinkRow

Linked = tuple[StoredLink, StoredRecord | None]


def links_of(session: Session, key: str) -> list[StoredLink]:
    """Return the links of a record, publication or award, by confidence, highest first."""
    return _links(session, [key])


def public_links(session: Session, key: str) -> list[StoredLink]:
    """Return a record's links, without those to stored records that are not published."""
    links = links_of(session, key)
    others = sorted({link.award_key if link.record_key == key else link.record_key for link in links})
    stored = {record.key for record in records_by_key(session, others)} | left_out(session).keys()
    hidden = stored - published_among(session, others)
    return [link for link in links if not {link.award_key, link.record_key} & hidden]


def _links(session: Session, keys: Sequence[str]) -> list[StoredLink]:
    query = select(LinkRow).where(or_(col(LinkRow.record_key).in_(keys), col(LinkRow.award_key).in_(keys)))
    order = (col(LinkRow.confidence).desc(), col(LinkRow.record_key), col(LinkRow.award_key))
    return [view_of(StoredLink, row) for row in session.scalars(query.order_by(*order))]


def load_links_for(session: Session, keys: Sequence[str]) -> dict[str, list[Linked]]:
    """Return the links of each record with the linked record (`None` if it is not stored), in the same order."""
    links = _links(session, keys)
    ends = sorted({key for link in links for key in (link.record_key, link.award_key)})
    records = {record.key: record for record in records_by_key(session, ends)}
    found: dict[str, list[Linked]] = {}
    for link in links:
        for key, other in ((link.record_key, link.award_key), (link.award_key, link.record_key)):
            if key in keys:
                found.setdefault(key, []).append((link, records.get(other)))
    return found


def linked_records(session: Session, key: str) -> list[tuple[StoredLink, StoredRecord]]:
    """Return the stored records that a record is linked with, by confidence, highest first."""
    return [(link, record) for link, record in load_links_for(session, [key]).get(key, ()) if record is not None]


def timeline_of(session: Session, key: str) -> list[StoredEvent]:
    """Return the events of a record and of the records it is linked with, oldest first, without parts of others."""
    keys = [key, *(record.key for _, record in linked_records(session, key))]
    found = {event.id: event for one in dict.fromkeys(keys) for event in events_of(session, one) if not event.part_of}
    return by_date(found.values())


def by_date(events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """Return events by their date, oldest first: the day signed, else published, else first seen."""
    return sorted(events, key=lambda event: (_day(event), event.first_seen, event.id))


def _day(event: StoredEvent) -> date:
    # The award may have been seen first through a modification, without the date of its base award.
    began = event.record.signed if event.kind is EventKind.NEW_AWARD else None
    return event.signed or began or event.published or event.first_seen.date()
