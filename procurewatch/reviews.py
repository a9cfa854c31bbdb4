"""Save a reviewer's decision on a match, for the command line and the website."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from storage.models import StoredRecord, recipient_subjects, record_subject
from storage.writing.reviews import Decision, ReviewDecision, save_decision


def record_decision(
    session: Session, award: StoredRecord, vendor_id: str, decision: Decision, *, reviewer: str, note: str = ""
) -> int:
    """Save a decision; return the number of entries it publishes."""
    review = ReviewDecision(
        vendor_id=vendor_id,
        subject=review_target(award, decision),
        decision=decision,
        decided_by=reviewer,
        note=note,
        decided_at=datetime.now(UTC),
    )
    return save_decision(session, review)


def review_target(award: StoredRecord, decision: Decision) -> str:
    """Return what a decision applies to: the recipient if it is permanent, or else this award."""
    subjects = recipient_subjects(award.recipient_name, award.recipient_uei) if decision is Decision.NEVER else []
    return subjects[0] if subjects else record_subject(award.key)
