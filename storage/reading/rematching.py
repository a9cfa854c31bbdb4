"""What matching anew reads and drops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import Award, Publication
from storage.models import EventKind, record_subject
from storage.rows import record_from
from storage.tables import ActionRow, EventRow, MatchRow, RecordRow, ReviewDecisionRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFacts:
    """A record's row, the record it stands for, and the vendors it is said to concern."""

    row: RecordRow
    record: Award | Publication
    vendors: frozenset[str]


def facts_of(session: Session, keys: Sequence[str]) -> Iterator[StoredFacts]:
    """Give the records with these keys, in order of key; their actions oldest first."""
    actions: dict[str, list[ActionRow]] = {}
    query = select(ActionRow).where(col(ActionRow.award_key).in_(keys))
    for action in session.scalars(query.order_by(col(ActionRow.signed).nulls_first(), col(ActionRow.key))):
        actions.setdefault(action.award_key, []).append(action)
    vendors: dict[str, set[str]] = {}
    for record_key, vendor_id in session.execute(
        select(col(MatchRow.record_key), col(MatchRow.vendor_id)).where(col(MatchRow.record_key).in_(keys))
    ):
        vendors.setdefault(record_key, set()).add(vendor_id)
    for row in session.scalars(select(RecordRow).where(col(RecordRow.key).in_(keys)).order_by(col(RecordRow.key))):
        yield StoredFacts(
            row=row,
            record=record_from(row, actions.get(row.key, ())),
            vendors=frozenset(vendors.get(row.key, ())),
        )


def keys_by_text(session: Session) -> list[list[str]]:
    """Return the keys of the announcements that share one text: one for each of its awardees."""
    key, text = col(RecordRow.key), col(RecordRow.description)
    announcements = select(key, text).where(col(RecordRow.category) == "announcement")
    keys: dict[str, list[str]] = {}
    for record_key, description in session.execute(announcements.order_by(key)):
        keys.setdefault(description, []).append(record_key)
    return [found for found in keys.values() if len(found) > 1]


def recipients_changed(session: Session, record_key: str) -> bool:
    """Whether an award has had another recipient since it was first seen."""
    query = select(func.count()).select_from(EventRow).where(col(EventRow.record_key) == record_key)
    return bool(session.scalar(query.where(col(EventRow.kind) == EventKind.RECIPIENT_CHANGED.value)))


def drop_matches(session: Session, record_key: str, vendor_ids: Iterable[str]) -> set[str]:
    """Drop matches that no longer hold, but for those a reviewer has decided on; return the vendors dropped."""
    dropped = set()
    for vendor_id in sorted(vendor_ids):
        if session.get(ReviewDecisionRow, (vendor_id, record_subject(record_key))) is None:
            session.delete(session.get_one(MatchRow, (record_key, vendor_id)))
            dropped.add(vendor_id)
    session.flush()
    return dropped
