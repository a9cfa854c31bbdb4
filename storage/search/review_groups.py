"""Pending reviews in groups that one decision can settle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from storage.models import order_subject, phrase_subject, psc_subject, recipient_subjects
from storage.reading.review_queue import PendingReview
from storage.search.tokenize import tokenize


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
