"""Review decisions: what people decided about matches. They are stored, applied to later matches and shared as a file.

A decision overrides the matcher. The narrowest one counts: about the record, then about the orders under its parent
award, a phrase, a product or service code, the recipient, and last a phrase of all recipients
(`storage.search.review_subjects`). Nothing is deleted: a rejected match stays, in a band of its own.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.concerned import is_concerned
from storage.database import server_time
from storage.models import EventKind, MatchBand
from storage.reading.records import published_matches_of
from storage.schema.tables import EventRow, MatchRow, RecordRow, ReviewDecisionRow
from storage.search.review_subjects import find_decision, is_subject, matches_about
from storage.writing.changes import Change, event_id
from storage.writing.events import Stored, save_event
from storage.writing.milestones import counted_dollars, save_milestones
from storage.writing.publication import publish_changes

EARLIEST_DECISION = datetime(2000, 1, 1, tzinfo=UTC)


class Decision(StrEnum):
    """What a reviewer can decide. `NEVER` is about more than one record: a recipient, or a part of what it sells."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    NEVER = "never"


class InvalidReviewDecision(ValueError):
    """A line of a file of review decisions cannot be read. The message says which and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecision:
    """A reviewer's decision about a vendor and a subject. `decided_at` is UTC.

    `note` is for reviewers only and never published. `public_reason` is published if feeds withdraw a match.
    """

    vendor_id: str
    subject: str
    decision: Decision
    decided_by: str
    note: str
    public_reason: str = ""
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Effect:
    """How many stored matches a decision settles that are pending review or by the name only, and how many published
    ones it withdraws."""

    pending: int
    name_only: int
    withdrawn: int


def apply_decisions(session: Session, match: MatchRow, record: RecordRow) -> None:
    """Set the decision and the band of a match: by the narrowest review decision, or else the matcher's band."""
    decision = find_decision(session, match.vendor_id, record)
    match.decision = decision.decision if decision else ""
    if decision is None:
        match.band = match.matcher_band
    else:
        match.band = MatchBand.PUBLISHED if decision.decision == Decision.CONFIRMED else MatchBand.REJECTED


def preview_decision(session: Session, vendor_id: str, subject: str, decision: Decision) -> Effect:
    """Return what a decision would do to stored matches, without saving it."""
    counts = Counter(match.band for match, _ in matches_about(session, vendor_id, subject))
    published = 0 if decision is Decision.CONFIRMED else counts[MatchBand.PUBLISHED]
    return Effect(counts[MatchBand.REVIEW], counts[MatchBand.NAME_ONLY], published)


def save_decision(session: Session, decision: ReviewDecision, now: datetime | None = None) -> int:
    """Store a decision and apply it to every stored match it is about; return how many events feeds gain.

    Confirming a match publishes the events that waited for it. Rejecting a published match publishes a withdrawal.

    `now` is when the events are first seen, UTC: when it was decided, unless that was elsewhere and some time ago.
    """
    row = ReviewDecisionRow(
        vendor_id=decision.vendor_id,
        subject=decision.subject,
        decision=decision.decision.value,
        decided_by=decision.decided_by,
        note=decision.note,
        public_reason=decision.public_reason,
        decided_at=decision.decided_at,
    )
    session.merge(row)
    session.flush()
    return _apply(session, decision.vendor_id, decision.subject, decision.public_reason, now or decision.decided_at)


def delete_decision(session: Session, vendor_id: str, subject: str, now: datetime) -> int | None:
    """Delete a decision and apply what holds without it; published events stay.

    Return how many events feeds gain, `None` if there is no such decision.
    """
    row = session.get(ReviewDecisionRow, (vendor_id, subject))
    if row is None:
        return None
    session.delete(row)
    session.flush()
    return _apply(session, vendor_id, subject, "", now)


def import_decisions(session: Session, decisions: Iterable[ReviewDecision]) -> tuple[int, int]:
    """Apply decisions from elsewhere; of two about the same, the later holds. Return (applied, skipped)."""
    applied = skipped = 0
    now = server_time(session)
    for decision in decisions:
        own = session.get(ReviewDecisionRow, (decision.vendor_id, decision.subject))
        if own is not None and own.decided_at >= decision.decided_at:
            skipped += 1
        else:
            save_decision(session, decision, now)
            applied += 1
    return applied, skipped


def list_decisions(session: Session) -> Iterator[ReviewDecision]:
    """Yield every decision, in order of vendor and subject."""
    query = select(ReviewDecisionRow).order_by(col(ReviewDecisionRow.vendor_id), col(ReviewDecisionRow.subject))
    yield from map(_from_row, session.scalars(query))


def latest_decisions(session: Session, limit: int) -> list[ReviewDecision]:
    """Return the latest decisions, newest first."""
    row = ReviewDecisionRow
    query = select(row).order_by(col(row.decided_at).desc(), col(row.vendor_id), col(row.subject))
    return [_from_row(row) for row in session.scalars(query.limit(limit))]


def _from_row(row: ReviewDecisionRow) -> ReviewDecision:
    return ReviewDecision(**{**row.model_dump(), "decision": Decision(row.decision)})


def write_decisions(decisions: Iterable[ReviewDecision]) -> Iterator[str]:
    """Yield a line of JSON for each decision."""
    for decision in decisions:
        fields = {name: str(getattr(decision, name)) for name in ReviewDecision.__dataclass_fields__}
        yield json.dumps({**fields, "decided_at": decision.decided_at.isoformat()}, ensure_ascii=False, sort_keys=True)


def read_decisions(lines: Iterable[str]) -> Iterator[ReviewDecision]:
    """Read what `write_decisions` wrote; empty lines are skipped. Raises `InvalidReviewDecision`."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _read_decision(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InvalidReviewDecision(f"line {number} is not a review decision: {error}") from error


def _read_decision(fields: dict[str, str]) -> ReviewDecision:
    decided_at = datetime.fromisoformat(fields["decided_at"])
    texts = {name: fields[name] for name in ("vendor_id", "subject", "decided_by", "note", "public_reason")}
    if decided_at.tzinfo is None or not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("a time without a zone, or a field that is not text")
    if not EARLIEST_DECISION <= decided_at <= datetime.now(UTC) + timedelta(days=1):
        raise ValueError(f"{decided_at.isoformat()} cannot be when it was decided")
    if any(re.search("[\x00\ud800-\udfff]", text) for text in texts.values()):
        raise ValueError("it has a character that cannot be stored (NUL or half of a surrogate pair)")
    if not is_subject(texts["subject"]):
        raise ValueError(f"unknown subject {texts['subject']!r}")
    return ReviewDecision(**texts, decision=Decision(fields["decision"]), decided_at=decided_at)


def _apply(session: Session, vendor_id: str, subject: str, public_reason: str, now: datetime) -> int:
    """Renew the band of every match that a decision is about; return how many events are newly published."""
    published = 0
    touched = set()
    for match, record in matches_about(session, vendor_id, subject):
        old_band = match.band
        counted = counted_dollars(session, record, published_matches_of(session, record.key))
        apply_decisions(session, match, record)
        if match.band == old_band:
            continue
        touched.add(record.key)
        if match.band == MatchBand.PUBLISHED:
            published += _publish_pending(session, record, match, counted, now)
        elif match.band == MatchBand.REJECTED and old_band == MatchBand.PUBLISHED:
            published += _withdraw(session, match, public_reason, now)
    publish_changes(session, touched)
    return published


def _publish_pending(
    session: Session, record: RecordRow, match: MatchRow, counted: Mapping[str, Decimal], now: datetime
) -> int:
    """Publish the events that waited for a match, with the milestones that they reach; return how many.

    `counted` is what the award added to the totals of vendors before (`counted_dollars`).
    """
    query = select(EventRow).where(col(EventRow.record_key) == record.key, col(EventRow.pending_review))
    rows = [row for row in session.scalars(query) if is_concerned(match, row.kind, row.action_key)]
    for row in rows:
        row.is_published, row.pending_review, row.first_seen = True, False, now
    matches = published_matches_of(session, record.key)
    save_milestones(session, record, matches, before=counted, now=now, should_publish=lambda _vendors: bool(rows))
    return len(rows)


def _withdraw(session: Session, match: MatchRow, public_reason: str, now: datetime) -> int:
    """Publish that a match was rejected; return 0 if no event of it was published, or a withdrawal is already."""
    query = select(EventRow).where(col(EventRow.record_key) == match.record_key, col(EventRow.is_published))
    rows = (row for row in session.scalars(query) if row.vendor_id in ("", match.vendor_id))
    if not any(is_concerned(match, row.kind, row.action_key, row.vendor_id) for row in rows):
        return 0
    change = Change(
        id=event_id(match.record_key, "", EventKind.WITHDRAWN, match.vendor_id),
        kind=EventKind.WITHDRAWN,
        old_value=match.vendor_name,
        new_value=public_reason,
    )
    stored = save_event(session, match.record_key, change, now, publish=True, vendor_id=match.vendor_id)
    return int(stored is Stored.NEW)
