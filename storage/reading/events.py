"""Events as readers see them, each with its record and action."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache, partial

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    select,
)
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from storage.concerned import is_concerned
from storage.errors import each_alone, is_of_one_record
from storage.models import (
    EventKind,
    MatchBand,
    StoredAction,
    StoredEvent,
    StoredRecord,
)
from storage.reading.records import BATCH_SIZE, actions_by_key, matches_by_record, records_by_key
from storage.reading.snapshot_format import read_snapshot
from storage.rows import view_of
from storage.schema.tables import (
    EventRow,
    EventSnapshotRow,
)


def events_of(session: Session, record_key: str) -> list[StoredEvent]:
    """Return all events of a record, published or not, newest first."""
    query = select(EventRow).where(col(EventRow.record_key) == record_key)
    ordered = query.order_by(col(EventRow.signed).desc().nulls_last(), col(EventRow.id))
    return load_events(session, ordered, use_snapshots=False)


@lru_cache(maxsize=16)  # making it takes longer than most queries with it
def is_small_change(dollars: Decimal) -> ColumnElement[bool]:
    """Return the condition that an event is a modification that moves fewer dollars, and nothing else.

    A modification that ends an award, exercises an option or changes a date has an event of another kind. One with an
    entry that includes a milestone, or that says that an award was not stored before, is news.
    """
    part = aliased(EventRow)
    # The record leads to the index.
    parts = exists().where(col(part.record_key) == col(EventRow.record_key), col(part.part_of) == col(EventRow.id))
    return and_(
        col(EventRow.kind).in_((EventKind.MODIFIED.value, EventKind.DEOBLIGATED.value)),
        col(EventRow.amount).is_not(None),
        col(EventRow.amount) > -dollars,
        col(EventRow.amount) < dollars,
        col(EventRow.is_first_sight).is_(False),
        ~parts.correlate(EventRow),
    )


def load_events(session: Session, query: Select[EventRow], *, use_snapshots: bool = True) -> list[StoredEvent]:
    """Return the events that a query selects, in its order, each with its record and action.

    The record has the matches that concern the event. Events that cannot be read are `storage.errors.left_out`.

    `use_snapshots`: published events have the record as it was when they were published, apart from its matches.
    """
    rows = _event_rows(session, query)
    load = partial(_with_records, session, use_snapshots=use_snapshots)
    events: list[StoredEvent] = []
    for first in range(0, len(rows), BATCH_SIZE):
        events += each_alone(session, rows[first : first + BATCH_SIZE], load, lambda row: row.record_key)
    return events


def _event_rows(session: Session, query: Select[EventRow]) -> list[EventRow]:
    """Return the rows that a query selects, without those that cannot be read."""
    try:
        return list(session.scalars(query))
    except Exception as error:
        if not is_of_one_record(error):
            raise
    ids = list(session.scalars(query.with_only_columns(col(EventRow.id))))

    def load(part: Sequence[str]) -> Iterable[EventRow]:
        return session.scalars(select(EventRow).where(col(EventRow.id).in_(part)))

    rows = {row.id: row for row in each_alone(session, ids, load, str)}
    return [rows[event_id] for event_id in ids if event_id in rows]


def _with_records(session: Session, rows: Sequence[EventRow], *, use_snapshots: bool) -> Iterator[StoredEvent]:
    wanted = [row.id for row in rows if row.is_published and use_snapshots]
    query = select(col(EventSnapshotRow.event_id), col(EventSnapshotRow.facts))
    query = query.where(col(EventSnapshotRow.event_id).in_(wanted))
    snapshots = {event_id: read_snapshot(facts) for event_id, facts in session.execute(query)}
    keys = sorted({row.record_key for row in rows if row.id in snapshots})
    published = matches_by_record(session, keys, MatchBand.PUBLISHED)
    others = [row for row in rows if row.id not in snapshots]
    records = {record.key: record for record in records_by_key(session, sorted({row.record_key for row in others}))}
    actions = actions_by_key(session, {row.action_key for row in others if row.action_key})
    parts = _parts_of(session, [row for row in rows if row.is_published])
    for row in rows:
        if snapshot := snapshots.get(row.id):
            record, action = snapshot.with_present(published.get(row.record_key, ())), snapshot.action
        else:
            if row.record_key not in records:  # it cannot be read
                continue
            record, action = records[row.record_key], actions.get(row.action_key)
        facts = row.kind, row.action_key, row.vendor_id
        record = replace(record, matches=tuple(match for match in record.matches if is_concerned(match, *facts)))
        event = replace(_event(row, record, action), has_twin=snapshot is not None and snapshot.has_twin)
        yield replace(event, milestones=tuple(_event(part, record, None) for part in parts.get(row.id, ())))


def _event(row: EventRow, record: StoredRecord, action: StoredAction | None) -> StoredEvent:
    return view_of(
        StoredEvent, row, kind=EventKind(row.kind), record=record, action=action, milestones=(), has_twin=False
    )


def _parts_of(session: Session, rows: Sequence[EventRow]) -> dict[str, list[EventRow]]:
    """Return the milestones that the entries of these events include, by the id of the event."""
    keys, ids = {row.record_key for row in rows}, [row.id for row in rows]
    query = select(EventRow).where(
        # The record leads to the index.
        col(EventRow.record_key).in_(keys),
        col(EventRow.is_published),
        col(EventRow.part_of).in_(ids),
    )
    found: dict[str, list[EventRow]] = {}
    for row in session.scalars(query.order_by(col(EventRow.kind), col(EventRow.id))):
        found.setdefault(row.part_of, []).append(row)
    return found


def load_events_for(session: Session, record_keys: Sequence[str]) -> dict[str, list[StoredEvent]]:
    """Return the events of up to `BATCH_SIZE` records by key, newest first, without those pending review."""
    query = select(EventRow).where(col(EventRow.record_key).in_(record_keys), col(EventRow.pending_review).is_(False))
    found: dict[str, list[StoredEvent]] = {}
    for event in load_events(session, query.order_by(col(EventRow.signed).desc().nulls_last(), col(EventRow.id))):
        found.setdefault(event.record.key, []).append(event)
    return found
