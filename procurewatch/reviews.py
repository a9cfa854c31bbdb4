"""Save a reviewer's decision on a match, for the command line and the website."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy.orm import Session

from feeds.text import pluralize
from storage.database import server_time
from storage.models import StoredRecord, order_subject, phrase_subject, psc_subject, recipient_subjects, record_subject
from storage.search.review_subjects import normalize_phrase
from storage.writing.reviews import Decision, Effect, ReviewDecision, save_decision


class Scope(StrEnum):
    """What a decision about a match is about, for now and later, of the same vendor.

    `ORDER`: all orders under the record's parent award. `PSC`: the recipient's awards with the record's product or
    service code. A phrase is a scope of its own; `ANY` makes it one of all recipients.
    """

    RECORD = "record"
    ORDER = "order"
    PSC = "psc"
    RECIPIENT = "recipient"
    ANY = "any"


class InvalidScope(ValueError):
    """A record lacks what a scope needs. The message says what."""


def record_decision(
    session: Session,
    subject: str,
    vendor_id: str,
    decision: Decision,
    *,
    reviewer: str,
    note: str = "",
    public_reason: str = "",
) -> int:
    """Save a decision; return the number of entries it publishes. Only `public_reason` is published, never the note."""
    review = ReviewDecision(
        vendor_id=vendor_id,
        subject=subject,
        decision=decision,
        decided_by=reviewer,
        note=note,
        public_reason=public_reason,
        decided_at=server_time(session),
    )
    return save_decision(session, review)


def review_subject(record: StoredRecord, decision: Decision, scope: Scope | None = None, phrase: str = "") -> str:
    """Return the subject of a decision about a record's match.

    Args:
        record: the record.
        decision: `NEVER` is about the recipient if there is no scope, the others about the record.
        scope: what it is about.
        phrase: words that the recipient's records must contain, in this order; instead of a scope, except `ANY`.

    Raises:
        InvalidScope: the record has no code or recipient, the phrase no words, or the two do not go together.
    """
    recipient = next(iter(recipient_subjects(record.recipient_name, record.recipient_uei)), "")
    if phrase or scope is Scope.ANY:
        return _phrase_subject(recipient, scope, phrase)
    if scope is None:
        scope = Scope.RECIPIENT if decision is Decision.NEVER and recipient else Scope.RECORD
    if scope is Scope.ORDER:
        return order_subject(record.parent_key or record.key)
    if scope is Scope.RECORD:
        return record_subject(record.key)
    if not recipient or (scope is Scope.PSC and not record.psc):
        raise InvalidScope(f"the record has no {'product or service code' if recipient else 'recipient'}")
    return psc_subject(record.psc, recipient) if scope is Scope.PSC else recipient


def _phrase_subject(recipient: str, scope: Scope | None, phrase: str) -> str:
    words = normalize_phrase(phrase)
    if scope is Scope.ANY and not words:
        raise InvalidScope("the scope any needs a phrase")
    if scope not in (None, Scope.ANY):
        raise InvalidScope("a phrase goes with no scope but any")
    if not words or not (recipient or scope):
        raise InvalidScope("a phrase needs words, and the record a recipient")
    return phrase_subject(words, "" if scope else recipient)


def describe_subject(subject: str, recipient: str = "") -> str:
    """Return what a decision is about, in words. `recipient`: the name to use for the recipient."""
    scope, _, about = subject.partition(":")
    if scope in ("phrase", "psc"):
        words, _, who = about.rpartition("@")
        what = f'"{words}"' if scope == "phrase" else f"product or service code {words}"
        return f"{what}, recipient {recipient or who.partition(':')[2]}" if who else f"{what}, any recipient"
    if scope == "order":
        return f"orders under {about}"
    return f"the recipient {recipient or about}" if scope in ("uei", "name") else f"the record {about}"


def describe_effect(effect: Effect) -> str:
    """Return what a decision does to the stored matches."""
    parts = [f"settles {pluralize(effect.pending, 'match', 'matches')} pending review"]
    if effect.name_only:
        parts.append(f"{effect.name_only} by the name only")
    if effect.withdrawn:
        parts.append(f"withdraws {effect.withdrawn} published")
    return ", ".join(parts)
