"""What there is to match in a record: whom it pays, what it says and when. Awards and publications alike. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sources.records import Award, Publication, Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A record as the matcher sees it.

    `texts` are (field, text, key of the action it belongs to or ""); `days` those on which it was signed or acted on.
    """

    recipient: Recipient
    texts: tuple[tuple[str, str, str], ...]
    days: tuple[date, ...]


def subject_of(record: Award | Publication) -> Subject:
    """Return what there is to match in a record."""
    if isinstance(record, Award):
        days = (record.signed, *(action.signed for action in record.actions))
        texts = [("description", record.description, "")]
        texts += [("action_description", action.description, action.key) for action in record.actions]
    else:
        days = (record.signed, record.published)
        texts = [("title", record.title, ""), ("description", record.description, "")]
    return Subject(recipient=record.recipient, texts=tuple(texts), days=tuple(day for day in days if day))
