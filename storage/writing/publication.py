"""What every writer calls at its end, so that readers see what it stored.

Three things follow from a change: the rows of the search index with the totals of spending, the snapshots of newly
published events, and the publication version, which web caches and ETags use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.database import server_time
from storage.models import MatchBand
from storage.reading.records import actions_by_key, records_by_key
from storage.reading.snapshot_format import EventSnapshot, write_snapshot
from storage.schema.tables import EventRow, EventSnapshotRow, PublicationVersionRow, RecordRow
from storage.search.index import index_records

BATCH_SIZE = 500  # keys in one IN (...)
VERSION_ID = 1  # the key of the only row of `publication_version`


def publish_changes(session: Session, record_keys: Collection[str]) -> None:
    """Bring search, feeds and caches up to date with what was changed about these records; nothing if there are none.

    Call it at the end of every function that changes records, actions, matches, events, links, source records or
    evidence, with the keys of all records concerned.
    """
    if not record_keys:
        return
    session.flush()
    index_records(session, record_keys)
    snapshot_events(session, record_keys)
    bump_publication_version(session)


def snapshot_events(session: Session, record_keys: Iterable[str]) -> None:
    """Store, for each newly published event of these records, its record and action as they are now.

    A feed entry is made from the snapshot, so that later changes of the award do not rewrite it.
    """
    ordered = sorted(record_keys)
    for first in range(0, len(ordered), BATCH_SIZE):
        keys = ordered[first : first + BATCH_SIZE]
        stored = select(col(EventSnapshotRow.event_id)).where(col(EventSnapshotRow.event_id) == col(EventRow.id))
        query = select(EventRow).where(col(EventRow.record_key).in_(keys), col(EventRow.is_published))
        events = session.scalars(query.where(~stored.exists()).order_by(col(EventRow.id))).all()
        if not events:
            continue
        wanted = sorted({event.record_key for event in events})
        records = {record.key: record for record in records_by_key(session, wanted, band=MatchBand.PUBLISHED)}
        actions = actions_by_key(session, {event.action_key for event in events if event.action_key})
        for event in events:
            if event.record_key not in records:  # it cannot be read
                continue
            has_twin = _has_twin(session, event, records[event.record_key].sub_agency_code)
            snapshot = EventSnapshot(records[event.record_key], actions.get(event.action_key), has_twin)
            session.add(EventSnapshotRow(event_id=event.id, facts=write_snapshot(snapshot)))
    session.flush()


def _has_twin(session: Session, event: EventRow, sub_agency_code: str) -> bool:
    """Return whether an event of the same kind, agency and amount in whole dollars has a snapshot."""
    if event.amount is None:
        return False
    query = select(col(EventRow.id)).join(EventSnapshotRow, col(EventSnapshotRow.event_id) == col(EventRow.id))
    query = query.join(RecordRow, col(RecordRow.key) == col(EventRow.record_key))
    query = query.where(
        col(EventRow.kind) == event.kind,
        col(EventRow.amount).between(event.amount - 1, event.amount + 1),  # a title has no cents
        col(RecordRow.sub_agency_code) == sub_agency_code,
    )
    return session.scalar(query.limit(1)) is not None


def bump_publication_version(session: Session) -> None:
    """Count one more change of what readers can see."""
    now = server_time(session)
    row = session.get(PublicationVersionRow, VERSION_ID, with_for_update=True)
    if row is None:
        row = PublicationVersionRow(id=VERSION_ID, number=0, changed=now)
    row.number, row.changed = row.number + 1, now
    session.add(row)
    session.flush()
