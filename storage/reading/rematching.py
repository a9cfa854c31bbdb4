"""What `rematch`, `vendors check` and `vendors preview` read: stored records as sources described them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import Award, Publication
from storage.models import EventKind
from storage.rows import record_from
from storage.schema.tables import ActionRow, EventRow, MatchRow, RecordRow


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchCandidate:
    """A stored record to match again: its row, the record as its source described it, and its matched vendors."""

    row: RecordRow
    record: Award | Publication
    vendors: frozenset[str]


def load_candidates(session: Session, keys: Sequence[str]) -> Iterator[MatchCandidate]:
    """Yield the records with these keys, in order of key, with their actions oldest first."""
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
        yield MatchCandidate(
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


def has_changed_recipient(session: Session, record_key: str) -> bool:
    """Whether the recipient of an award has changed since it was first seen."""
    query = select(func.count()).select_from(EventRow).where(col(EventRow.record_key) == record_key)
    return bool(session.scalar(query.where(col(EventRow.kind) == EventKind.RECIPIENT_CHANGED.value)))


def list_recipient_names(session: Session) -> list[str]:
    """Return the distinct names of recipients, in order."""
    return sorted(session.scalars(select(col(RecordRow.recipient_name)).distinct()))


def list_described_recipients(session: Session) -> list[tuple[str, str]]:
    """Return the distinct (recipient, description), of awards and of their actions, in order."""
    of_awards = select(col(RecordRow.recipient_name), col(RecordRow.description))
    of_actions = select(col(RecordRow.recipient_name), col(ActionRow.description)).join(
        ActionRow, col(ActionRow.award_key) == col(RecordRow.key)
    )
    return sorted((recipient, text) for recipient, text in session.execute(of_awards.union(of_actions)) if text)
