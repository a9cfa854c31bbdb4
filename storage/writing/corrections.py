"""Announcements that correct an earlier one. The correction is an event of that earlier announcement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import PublicationKind
from storage.models import EventKind
from storage.tables import RecordRow
from storage.writing.changes import Change, event_id


def corrections_with(session: Session, row: RecordRow) -> Iterator[tuple[RecordRow, Change]]:
    """Give the corrections that involve a stored announcement, each with the announcement that it corrects.

    A correction is of the latest announcement before it, by the same source, of the same award number, agreement and
    modification as far as it states them. Which of the two arrives first does not matter.
    """
    if row.category != PublicationKind.ANNOUNCEMENT.value or not row.piid:
        return
    query = select(RecordRow).where(
        col(RecordRow.source) == row.source,
        col(RecordRow.category) == row.category,
        col(RecordRow.piid) == row.piid,
    )
    alike = list(session.scalars(query.order_by(col(RecordRow.key))))
    for correction in (other for other in alike if other.corrects):
        earlier = [other for other in alike if _may_be_meant(correction, other)]
        meant = max(earlier, key=lambda other: (other.published or date.min, other.key), default=None)
        if meant is not None and row.key in (correction.key, meant.key):
            yield meant, _change(meant, correction)


def _may_be_meant(correction: RecordRow, other: RecordRow) -> bool:
    """Whether a correction may be of another announcement, by what both state."""
    is_earlier = (other.published or date.min) <= (correction.published or date.max)
    stated = ((correction.parent_piid, other.parent_piid), (correction.modification, other.modification))
    agrees = all(not wanted or wanted == given for wanted, given in stated)
    return other.key != correction.key and not other.corrects and is_earlier and agrees


def _change(meant: RecordRow, correction: RecordRow) -> Change:
    return Change(
        id=event_id(meant.key, "", EventKind.CORRECTED, correction.key),
        kind=EventKind.CORRECTED,
        signed=correction.signed or correction.published,
        new_value=correction.corrects,
    )
