"""Runs, watermarks and baselines: what a source's work has come to."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import MatchedAward
from storage.models import MatchBand
from storage.tables import CheckpointRow, EventRow, MatchRow, RecordRow, RunRow
from storage.writing.milestones import COUNTED_UP


def checkpoint(session: Session, source: str, name: str) -> str | None:
    """Return what is noted under a name, `None` if nothing is."""
    row = session.get(CheckpointRow, (source, name))
    return row.value if row else None


def note_checkpoint(session: Session, source: str, name: str, value: str, now: datetime) -> None:
    """Note a value under a name, in the session's transaction."""
    row = session.get(CheckpointRow, (source, name))
    if row is None:
        row = CheckpointRow(source=source, name=name, value=value, changed=now)
    elif row.value != value:
        row.value, row.changed = value, now
    session.add(row)


def checkpoints(session: Session, source: str, prefix: str) -> dict[str, str]:
    """Return all that is noted under names that begin so."""
    query = select(CheckpointRow).where(
        col(CheckpointRow.source) == source, col(CheckpointRow.name).startswith(prefix, autoescape=True)
    )
    return {row.name: row.value for row in session.scalars(query)}


def forget_checkpoints(session: Session, source: str, prefix: str) -> None:
    """Forget all that is noted under names that begin so."""
    for name in checkpoints(session, source, prefix):
        session.delete(session.get_one(CheckpointRow, (source, name)))


def latest_run(session: Session, source: str, purpose: str) -> RunRow | None:
    """Return the run of a source that was begun last for a purpose ("poll" ...), ended or not."""
    query = select(RunRow).where(col(RunRow.source) == source, col(RunRow.purpose) == purpose)
    return session.scalars(query.order_by(col(RunRow.id).desc())).first()


def publish_newest(
    session: Session, vendor_ids: Iterable[str], newest: int, now: datetime, among: Collection[str] | None = None
) -> int:
    """Let feeds carry the newest events, by date signed, of vendors whose baseline was just stored.

    `among`: only of the awards with these keys.

    Returns:
        how many events are newly told. They are first seen now, as far as feeds are concerned.
    """
    told: set[str] = set()
    for vendor_id in vendor_ids:
        query = (
            select(col(EventRow.id), col(EventRow.is_published))
            .join(MatchRow, col(MatchRow.record_key) == col(EventRow.record_key))
            .where(col(MatchRow.vendor_id) == vendor_id, col(MatchRow.band) == MatchBand.PUBLISHED)
            .where(col(EventRow.kind).not_in(COUNTED_UP))
            .order_by(col(EventRow.signed).desc().nulls_last(), col(EventRow.id))
            .limit(newest)
        )
        if among is not None:
            query = query.where(col(EventRow.record_key).in_(among))
        told.update(event_id for event_id, already in session.execute(query) if not already)
    for row in session.scalars(select(EventRow).where(col(EventRow.id).in_(told))):
        row.is_published, row.first_seen = True, now
        session.add(row)
    session.flush()
    return len(told)


def held_awards(session: Session, vendor_id: str = "") -> dict[str, tuple[MatchedAward, ...]]:
    """Return the stored awards that matched, by category; without those whose every match a reviewer has rejected.

    With `vendor_id` only those that matched this entry.
    """
    matched = select(col(MatchRow.record_key)).where(col(MatchRow.band) != MatchBand.REJECTED)
    if vendor_id:
        matched = matched.where(col(MatchRow.vendor_id) == vendor_id)
    query = select(col(RecordRow.category), col(RecordRow.key), col(RecordRow.piid))
    query = query.where(col(RecordRow.key).in_(matched), col(RecordRow.piid) != "").order_by(col(RecordRow.key))
    held: dict[str, list[MatchedAward]] = {}
    for category, key, piid in session.execute(query):
        held.setdefault(category, []).append(MatchedAward(key, piid))
    return {category: tuple(awards) for category, awards in held.items()}
