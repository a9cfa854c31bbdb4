"""What reviewers decide about matches: remembered, applied to every later match, and shared as a file.

A verdict on one award counts before one on its recipient; either beats the matcher. Nothing is deleted: a rejected
match stays, in a band of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import EventKind, MatchBand, recipient_subjects, record_subject
from storage.tables import EventRow, MatchRow, RecordRow, ReviewDecisionRow
from storage.writing.changes import event_id


class Decision(StrEnum):
    """What a reviewer can say of a match. `NEVER` is about the recipient, for good; the others about one award."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    NEVER = "never"


class InvalidVerdict(ValueError):
    """A line of a verdict file cannot be read. The message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A reviewer's decision, as it is shared. `decided_at` is UTC."""

    vendor_id: str
    subject: str
    decision: Decision
    decided_by: str
    note: str
    decided_at: datetime


def band_for(session: Session, vendor_id: str, award: RecordRow, matcher_band: str) -> str:
    """Return the band that counts for a match: a reviewer's, or else the matcher's own."""
    subjects = [record_subject(award.key), *recipient_subjects(award.recipient_name, award.recipient_uei)]
    query = select(ReviewDecisionRow).where(
        col(ReviewDecisionRow.vendor_id) == vendor_id, col(ReviewDecisionRow.subject).in_(subjects)
    )
    found = {row.subject: row.decision for row in session.scalars(query)}
    decision = next((found[subject] for subject in subjects if subject in found), None)
    if decision is None:
        return matcher_band
    return MatchBand.PUBLISHED if decision == Decision.CONFIRMED else MatchBand.REJECTED


def decide(session: Session, verdict: Verdict) -> int:
    """Note a verdict and apply it to every stored match it is about.

    What a reviewer confirms is told if it was news that waited; what is rejected after it was told is withdrawn by a
    new entry.

    Returns:
        how many entries feeds gain.
    """
    row = session.get(ReviewDecisionRow, (verdict.vendor_id, verdict.subject))
    if row is None:
        row = ReviewDecisionRow(
            vendor_id=verdict.vendor_id,
            subject=verdict.subject,
            decision="",
            decided_by="",
            decided_at=verdict.decided_at,
        )
    row.decision, row.decided_by, row.note = verdict.decision.value, verdict.decided_by, verdict.note
    row.decided_at = verdict.decided_at
    session.add(row)
    session.flush()
    return _apply(session, verdict.vendor_id, verdict.subject, verdict.note, verdict.decided_at)


def forget(session: Session, vendor_id: str, subject: str, now: datetime) -> int:
    """Take a verdict back, as if it had not been; what was told stays told. Returns as `decide` does."""
    row = session.get(ReviewDecisionRow, (vendor_id, subject))
    if row is None:
        return 0
    session.delete(row)
    session.flush()
    return _apply(session, vendor_id, subject, "", now)


def all_verdicts(session: Session) -> Iterator[Verdict]:
    """Give every verdict, in order of vendor and subject."""
    query = select(ReviewDecisionRow).order_by(col(ReviewDecisionRow.vendor_id), col(ReviewDecisionRow.subject))
    yield from map(_verdict, session.scalars(query))


def latest_verdicts(session: Session, limit: int) -> list[Verdict]:
    """Return the verdicts that were given last, the newest first."""
    order = (col(ReviewDecisionRow.decided_at).desc(), col(ReviewDecisionRow.vendor_id), col(ReviewDecisionRow.subject))
    return [_verdict(row) for row in session.scalars(select(ReviewDecisionRow).order_by(*order).limit(limit))]


def _verdict(row: ReviewDecisionRow) -> Verdict:
    return Verdict(
        vendor_id=row.vendor_id,
        subject=row.subject,
        decision=Decision(row.decision),
        decided_by=row.decided_by,
        note=row.note,
        decided_at=row.decided_at,
    )


def write_verdicts(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Give a line of JSON for each verdict."""
    for verdict in verdicts:
        facts = {name: str(getattr(verdict, name)) for name in Verdict.__dataclass_fields__}
        yield json.dumps({**facts, "decided_at": verdict.decided_at.isoformat()}, ensure_ascii=False, sort_keys=True)


def read_verdicts(lines: Iterable[str]) -> Iterator[Verdict]:
    """Read what `write_verdicts` wrote; empty lines are passed over. Raises `InvalidVerdict`."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _read_verdict(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidVerdict(f"line {number} is not a verdict: {error}") from error


def _read_verdict(facts: dict[str, str]) -> Verdict:
    moment = datetime.fromisoformat(facts["decided_at"])
    texts = {name: facts[name] for name in ("vendor_id", "subject", "decided_by", "note")}
    if moment.tzinfo is None or not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("a time without a zone, or a field that is not text")
    if texts["subject"].partition(":")[0] not in ("record", "uei", "name"):
        raise ValueError(f"unknown subject {texts['subject']!r}")
    return Verdict(**texts, decision=Decision(facts["decision"]), decided_at=moment)


def take_in(session: Session, verdicts: Iterable[Verdict]) -> tuple[int, int]:
    """Apply a colleague's verdicts; where both have one, the later counts. Returns (taken, left as they were)."""
    taken = left = 0
    for verdict in verdicts:
        own = session.get(ReviewDecisionRow, (verdict.vendor_id, verdict.subject))
        if own is not None and own.decided_at >= verdict.decided_at:
            left += 1
        else:
            decide(session, verdict)
            taken += 1
    return taken, left


def _apply(session: Session, vendor_id: str, subject: str, note: str, now: datetime) -> int:
    told = 0
    for match, award in _matches_about(session, vendor_id, subject):
        band = band_for(session, vendor_id, award, match.matcher_band)
        if band == match.band:
            continue
        was, match.band = match.band, band
        session.add(match)
        session.flush()
        if band == MatchBand.PUBLISHED:
            told += _tell_held(session, award.key, now)
        elif was == MatchBand.PUBLISHED and band == MatchBand.REJECTED:
            told += _withdraw(session, match, note, now)
    return told


def _matches_about(session: Session, vendor_id: str, subject: str) -> list[tuple[MatchRow, RecordRow]]:
    query = select(MatchRow, RecordRow).join(RecordRow, col(RecordRow.key) == col(MatchRow.record_key))
    query = query.where(col(MatchRow.vendor_id) == vendor_id).order_by(col(MatchRow.record_key))
    if subject.startswith("record:"):
        query = query.where(col(MatchRow.record_key) == subject.removeprefix("record:"))
    rows = [(match, award) for match, award in session.execute(query)]
    if subject.startswith("record:"):
        return rows
    return [
        (match, award)
        for match, award in rows
        if subject in recipient_subjects(award.recipient_name, award.recipient_uei)
    ]


def _tell_held(session: Session, record_key: str, now: datetime) -> int:
    query = select(EventRow).where(col(EventRow.record_key) == record_key, col(EventRow.pending_review))
    rows = list(session.scalars(query))
    for row in rows:
        row.is_published, row.pending_review, row.first_seen = True, False, now
        session.add(row)
    return len(rows)


def _withdraw(session: Session, match: MatchRow, note: str, now: datetime) -> int:
    """Tell feeds that a match they carried was rejected; whether there was anything to take back."""
    query = select(EventRow).where(col(EventRow.record_key) == match.record_key, col(EventRow.is_published))
    told = [row for row in session.scalars(query) if row.vendor_id in ("", match.vendor_id)]
    identifier = event_id(match.record_key, "", EventKind.WITHDRAWN, match.vendor_id)
    if not told or session.get(EventRow, identifier) is not None:
        return 0
    row = EventRow(
        id=identifier,
        record_key=match.record_key,
        action_key="",
        kind=EventKind.WITHDRAWN.value,
        old_value=match.vendor_name,
        new_value=note,
        vendor_id=match.vendor_id,
        is_published=True,
        first_seen=now,
    )
    session.add(row)
    return 1
