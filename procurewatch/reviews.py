"""A reviewer's verdict on a stored match, as the command line and the pages note it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from storage.models import StoredRecord, recipient_subjects, record_subject
from storage.writing.reviews import Decision, Verdict, decide


def note_verdict(
    session: Session, award: StoredRecord, vendor_id: str, decision: Decision, *, who: str, note: str = ""
) -> int:
    """Note a verdict; return how many entries feeds gain."""
    verdict = Verdict(
        vendor_id=vendor_id,
        subject=subject_of(award, decision),
        decision=decision,
        decided_by=who,
        note=note,
        decided_at=datetime.now(UTC),
    )
    return decide(session, verdict)


def subject_of(award: StoredRecord, decision: Decision) -> str:
    """Return what a verdict is about: the recipient for good, or this award."""
    subjects = recipient_subjects(award.recipient_name, award.recipient_uei) if decision is Decision.NEVER else []
    return subjects[0] if subjects else record_subject(award.key)
