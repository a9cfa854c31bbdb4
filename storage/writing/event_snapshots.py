"""Keeping what is told as it was told, and counting the states of what is published: both in the transaction itself.

Entries never change: an award that changes later is a new event, and does not rewrite what feeds said before.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import event, select
from sqlalchemy.orm import Session, UOWTransaction
from sqlmodel import col

from storage.models import MatchBand
from storage.reading.records import BATCH_SIZE, actions_by_key, records_by_key
from storage.search.index import IndexingSession
from storage.snapshot_format import EventSnapshot, write_snapshot
from storage.tables import (
    ActionRow,
    EventRow,
    EventSnapshotRow,
    EvidenceRow,
    IncidentRow,
    LinkRow,
    MatchRow,
    PublicationVersionRow,
    RecordRow,
    SourceRecordRow,
)

TOLD, MOVED = "newly_told", "publication_moved"
PUBLIC = (ActionRow, EventRow, EvidenceRow, IncidentRow, LinkRow, MatchRow, RecordRow, SourceRecordRow)
ONLY = 1  # the key of the one row of states


@event.listens_for(IndexingSession, "after_flush")
def _note_changes(session: Session, _context: UOWTransaction) -> None:
    changed = [*session.new, *(row for row in session.dirty if session.is_modified(row)), *session.deleted]
    told: set[str] = session.info.setdefault(TOLD, set())
    told.update(row.id for row in changed if isinstance(row, EventRow) and row.is_published)
    if any(isinstance(row, PUBLIC) for row in changed):
        session.info[MOVED] = True


@event.listens_for(IndexingSession, "before_commit")
def _keep_what_is_told(session: Session) -> None:
    if session.in_nested_transaction():
        return  # the whole is not over yet
    session.flush()
    keep_told(session, session.info.pop(TOLD, ()))
    if session.info.pop(MOVED, False):
        _move_on(session)


def keep_told(session: Session, event_ids: Iterable[str]) -> None:
    """Keep, for each of these events that is told for the first time, its record and action as they are now."""
    ordered = sorted(event_ids)
    for first in range(0, len(ordered), BATCH_SIZE):
        part = ordered[first : first + BATCH_SIZE]
        kept = set(
            session.scalars(select(col(EventSnapshotRow.event_id)).where(col(EventSnapshotRow.event_id).in_(part)))
        )
        # One that was told by a record which could not be stored is not.
        asked = select(EventRow).where(col(EventRow.id).in_(set(part) - kept), col(EventRow.is_published))
        events = list(session.scalars(asked))
        keys = {row.record_key for row in events}
        records = {record.key: record for record in records_by_key(session, sorted(keys), band=MatchBand.PUBLISHED)}
        wanted = {row.action_key for row in events if row.action_key}
        actions = actions_by_key(session, wanted)
        for row in events:
            facts = EventSnapshot(records[row.record_key], actions.get(row.action_key))
            session.add(EventSnapshotRow(event_id=row.id, facts=write_snapshot(facts)))


def _move_on(session: Session) -> None:
    now = datetime.now(UTC)
    row = session.get(PublicationVersionRow, ONLY, with_for_update=True)
    if row is None:
        session.add(PublicationVersionRow(id=ONLY, number=1, changed=now))
    else:
        row.number, row.changed = row.number + 1, now
