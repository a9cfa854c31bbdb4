"""Events as readers see them, each with its record and action."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import (
    Select,
    select,
)
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import (
    EventKind,
    MatchBand,
    StoredAction,
    StoredEvent,
    StoredRecord,
)
from storage.reading.records import BATCH_SIZE, action_view, matches_by_record, records_by_key
from storage.snapshot_format import read_snapshot
from storage.tables import (
    ActionRow,
    EventRow,
    EventSnapshotRow,
)


def events_of(session: Session, record_key: str) -> list[StoredEvent]:
    """Return all that happened to an award, told or not, newest first."""
    query = select(EventRow).where(col(EventRow.record_key) == record_key)
    ordered = query.order_by(col(EventRow.signed).desc().nulls_last(), col(EventRow.id))
    return load_events(session, ordered, as_told=False)


def first_purchases(session: Session, keys: Select[str], vendor_name: str, limit: int) -> list[StoredEvent]:
    """Return the first purchases among some records, told or not, newest signed first; of one vendor if it is named."""
    kind = EventKind.FIRST_PURCHASE.value
    query = select(EventRow).where(col(EventRow.record_key).in_(keys), col(EventRow.kind) == kind)
    if vendor_name:
        query = query.where(col(EventRow.old_value) == vendor_name)
    order = (col(EventRow.signed).desc().nulls_last(), col(EventRow.id))
    return load_events(session, query.order_by(*order).limit(limit))


def load_events(session: Session, query: Select[EventRow], *, as_told: bool = True) -> list[StoredEvent]:
    """Return the events that a select gives, in its order, each with its record and action.

    `as_told`: those that feeds carry with both as they were told, but for whom they no longer concern.
    """
    rows = list(session.scalars(query))
    events: list[StoredEvent] = []
    for first in range(0, len(rows), BATCH_SIZE):
        events += _with_records(session, rows[first : first + BATCH_SIZE], as_told=as_told)
    return events


def _with_records(session: Session, rows: Sequence[EventRow], *, as_told: bool) -> Iterator[StoredEvent]:
    asked = select(col(EventSnapshotRow.event_id), col(EventSnapshotRow.facts))
    asked = asked.where(col(EventSnapshotRow.event_id).in_([row.id for row in rows if row.is_published and as_told]))
    told = {event_id: read_snapshot(facts) for event_id, facts in session.execute(asked)}
    published = matches_by_record(
        session, sorted({row.record_key for row in rows if row.id in told}), MatchBand.PUBLISHED
    )
    untold = [row for row in rows if row.id not in told]
    records = {record.key: record for record in records_by_key(session, sorted({row.record_key for row in untold}))}
    wanted = {row.action_key for row in untold if row.action_key}
    found = session.scalars(select(ActionRow).where(col(ActionRow.key).in_(wanted))) if wanted else ()
    actions = {row.key: action_view(row) for row in found}
    for row in rows:
        if facts := told.get(row.id):
            yield _event(row, facts.with_present(published.get(row.record_key, ())), facts.action)
        else:
            yield _event(row, records[row.record_key], actions.get(row.action_key))


def _event(row: EventRow, award: StoredRecord, action: StoredAction | None) -> StoredEvent:
    return StoredEvent(
        id=row.id,
        kind=EventKind(row.kind),
        record=award,
        action=action,
        amount=row.amount,
        signed=row.signed,
        published=row.published,
        first_seen=row.first_seen,
        old_value=row.old_value,
        new_value=row.new_value,
        earlier_actions=row.earlier_actions,
        vendor_id=row.vendor_id,
    )


def load_events_for(session: Session, record_keys: Sequence[str]) -> dict[str, list[StoredEvent]]:
    """Return what happened to records, newest first, but for news that waits for a reviewer."""
    query = select(EventRow).where(col(EventRow.record_key).in_(record_keys), col(EventRow.pending_review).is_(False))
    found: dict[str, list[StoredEvent]] = {}
    for event in load_events(session, query.order_by(col(EventRow.signed).desc().nulls_last(), col(EventRow.id))):
        found.setdefault(event.record.key, []).append(event)
    return found
