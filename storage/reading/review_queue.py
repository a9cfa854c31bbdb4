"""The matches pending review, those that are most likely surveillance first."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import MatchBand, StoredMatch, StoredRecord
from storage.reading.records import records_by_key
from storage.schema.tables import MatchRow


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingReview:
    """A match pending review. The highest `priority` comes first; `clues` say why: a text and its points each."""

    record: StoredRecord
    match: StoredMatch
    priority: int
    clues: tuple[tuple[str, int], ...]


def is_pending_review(session: Session, record_key: str, vendor: str) -> bool:
    """Whether a match is pending review."""
    row = session.get(MatchRow, (record_key, vendor))
    return row is not None and row.band == MatchBand.REVIEW


def count_pending_reviews(session: Session, vendor: str = "", band: MatchBand = MatchBand.REVIEW) -> int:
    """Return how many matches are pending review (or in another band), of one vendor if its id is given."""
    query = select(func.count()).select_from(MatchRow).where(col(MatchRow.band) == band)
    return session.scalar(query.where(col(MatchRow.vendor_id) == vendor) if vendor else query) or 0


def review_queue(session: Session, vendor: str = "", limit: int | None = None) -> list[PendingReview]:
    """Return the matches pending review by priority, then by score, of one vendor if its id is given."""
    row = MatchRow
    query = select(col(row.record_key), col(row.vendor_id), col(row.priority), col(row.clues))
    query = query.where(col(row.band) == MatchBand.REVIEW)
    if vendor:
        query = query.where(col(row.vendor_id) == vendor)
    order = (col(row.priority).desc(), col(row.score).desc(), col(row.vendor_id), col(row.record_key))
    waiting = session.execute(query.order_by(*order).limit(limit)).all()
    records = {record.key: record for record in records_by_key(session, sorted({key for key, *_ in waiting}))}
    return [
        PendingReview(
            record=records[key],
            match=next(match for match in records[key].matches if match.vendor_id == vendor_id),
            priority=priority,
            clues=tuple((clue["text"], clue["points"]) for clue in clues),
        )
        for key, vendor_id, priority, clues in waiting
        if key in records
    ]
