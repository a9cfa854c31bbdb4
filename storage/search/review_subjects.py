"""What a review decision is about: one record, or all that a rule finds, now and later.

From narrow to wide: a record, the orders under an award, a recipient's records with a phrase, a recipient's awards with
a product or service code, a recipient, and all records with a phrase. `storage.models` builds the subjects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import order_subject, phrase_subject, psc_subject, recipient_subjects, record_subject
from storage.reading.review_queue import PendingReview
from storage.schema.tables import ActionRow, MatchRow, RecordRow, ReviewDecisionRow
from storage.search.tokenize import tokenize

PHRASE = "phrase:"
SCOPES = ("record", "order", "phrase", "psc", "uei", "name")


def is_subject(text: str) -> bool:
    """Whether a text has the form of a subject."""
    scope, _, about = text.partition(":")
    if scope in ("phrase", "psc"):
        words, _, recipient = about.rpartition("@")
        is_any = scope == "phrase" and not recipient
        return bool(words) and (is_any or recipient.partition(":")[0] in ("uei", "name"))
    return scope in SCOPES and bool(about)


def normalize_phrase(text: str) -> str:
    """Return a phrase as the search tokens of it, joined by spaces; "" if it has none."""
    return " ".join(tokenize(text))


def find_decision(session: Session, vendor_id: str, record: RecordRow) -> ReviewDecisionRow | None:
    """Return the decision that counts for a match: the narrowest, and of several phrases the latest."""
    subjects = _subjects_of(record)
    subject = col(ReviewDecisionRow.subject)
    query = select(ReviewDecisionRow).where(col(ReviewDecisionRow.vendor_id) == vendor_id)
    rows = session.scalars(query.where(or_(subject.in_(subjects), subject.startswith(PHRASE)))).all()
    texts: list[str] = []
    if any(row.subject.startswith(PHRASE) for row in rows):
        texts = _texts_of(session, record)
    found = [row for row in rows if not row.subject.startswith(PHRASE) or _contains(record, texts, row.subject)]
    return min(found, key=lambda row: (_rank(row.subject), -row.decided_at.timestamp()), default=None)


def matches_about(session: Session, vendor_id: str, subject: str) -> list[tuple[MatchRow, RecordRow]]:
    """Return the stored matches of a vendor that a subject is about, with their records, by record key."""
    query = select(MatchRow, RecordRow).join(RecordRow, col(RecordRow.key) == col(MatchRow.record_key))
    query = _narrowed(query.where(col(MatchRow.vendor_id) == vendor_id), subject).order_by(col(MatchRow.record_key))
    return [(match, record) for match, record in session.execute(query) if _is_about(session, subject, record)]


def is_about(session: Session, subject: str, record_key: str) -> bool:
    """Whether a subject is about a stored record."""
    record = session.get(RecordRow, record_key)
    return record is not None and _is_about(session, subject, record)


def _is_about(session: Session, subject: str, record: RecordRow) -> bool:
    if subject.startswith(PHRASE):
        return _contains(record, _texts_of(session, record), subject)
    return subject in _subjects_of(record)


def _subjects_of(record: RecordRow) -> list[str]:
    """Return the subjects of a record but for phrases, from narrow to wide."""
    recipients = recipient_subjects(record.recipient_name, record.recipient_uei)
    orders = [order_subject(key) for key in (record.parent_key, record.key) if key]
    codes = [psc_subject(record.psc, recipient) for recipient in recipients] if record.psc else []
    return [record_subject(record.key), *orders, *codes, *recipients]


def _rank(subject: str) -> int:
    return len(SCOPES) if subject.endswith("@") else SCOPES.index(subject.partition(":")[0])


def _contains(record: RecordRow, texts: Sequence[str], subject: str) -> bool:
    """Whether a phrase is about a record: of this recipient (or any), with these words in a row in one text."""
    phrase, _, recipient = subject.removeprefix(PHRASE).rpartition("@")
    if recipient and recipient not in recipient_subjects(record.recipient_name, record.recipient_uei):
        return False
    return any(f" {phrase} " in f" {text} " for text in texts)


def _texts_of(session: Session, record: RecordRow) -> list[str]:
    """Return the normalized title and descriptions of a record, and the descriptions of its actions."""
    actions = session.scalars(select(col(ActionRow.description)).where(col(ActionRow.award_key) == record.key))
    return [normalize_phrase(text) for text in dict.fromkeys([record.title, record.description, *actions])]


def _narrowed(query: Select[MatchRow, RecordRow], subject: str) -> Select[MatchRow, RecordRow]:
    """Return a query with the part of a subject that is a column's value."""
    scope, _, about = subject.partition(":")
    key = col(RecordRow.key)
    if scope == "record":
        return query.where(key == about)
    if scope == "order":
        return query.where(or_(key == about, col(RecordRow.parent_key) == about))
    if scope == "psc":
        return query.where(col(RecordRow.psc) == about.rpartition("@")[0])
    return query


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewGroup:
    """Pending matches of one vendor, the most likely first. `subject` is what one decision about all of them is about.

    It is "" for a match that is alone.
    """

    subject: str
    members: tuple[PendingReview, ...]

    @property
    def first(self) -> PendingReview:
        """The member with the highest priority."""
        return self.members[0]


def group_reviews(queue: Sequence[PendingReview]) -> list[ReviewGroup]:
    """Return the queue in groups, in order of their first members.

    Each match is in the largest group that it can be in; of groups of one size, in that with the narrowest subject.
    """
    choices = [[(one.match.vendor_id, subject) for subject in subjects_of(one)] for one in queue]
    sizes = Counter(choice for each in choices for choice in each)
    groups: dict[tuple[str, str], list[PendingReview]] = {}
    for one, subjects in zip(queue, choices, strict=True):
        best = max(subjects, key=lambda choice: sizes[choice], default=None)
        if best is None or sizes[best] == 1:
            best = (one.match.vendor_id, one.record.key)
        groups.setdefault(best, []).append(one)
    return [
        ReviewGroup(subject=subject if len(members) > 1 else "", members=tuple(members))
        for (_, subject), members in groups.items()
    ]


def subjects_of(pending: PendingReview) -> list[str]:
    """Return the subjects wider than the record that a decision could be about, but for its recipient as a whole."""
    record = pending.record
    subjects = [order_subject(record.parent_key or record.key)]
    recipient = next(iter(recipient_subjects(record.recipient_name, record.recipient_uei)), "")
    phrase = _phrase(pending)
    if recipient and phrase:
        subjects.append(phrase_subject(phrase, recipient))
    if recipient and record.psc:
        subjects.append(psc_subject(record.psc, recipient))
    if phrase:
        subjects.append(phrase_subject(phrase, ""))
    return subjects


def _phrase(pending: PendingReview) -> str:
    """Return the words of the best signal in a text, as search tokens; "" if only names and identifiers matched."""
    texts = (one.text for one in pending.match.signals if one.field in ("title", "description", "action_description"))
    return " ".join(tokenize(next(texts, "")))
