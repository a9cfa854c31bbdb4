"""What happened to a publication between what is stored and what its source says now. Pure: it only decides."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from sources.records import Publication, PublicationKind
from storage.models import EventKind
from storage.tables import RecordRow
from storage.writing.changes import Change, event_id

FIRST_TOLD_AS = {
    PublicationKind.ANNOUNCEMENT: EventKind.ANNOUNCED,
    PublicationKind.NOTICE: EventKind.NEW_NOTICE,
    PublicationKind.SUBAWARD: EventKind.SUBAWARDED,
    PublicationKind.USE_CASE: EventKind.USE_CASE,
    PublicationKind.DOCUMENT: EventKind.DOCUMENT,
}
PUBLISHED = "published"  # what a document is after public inspection
WASHINGTON = ZoneInfo("America/New_York")


def publication_changes(before: RecordRow | None, publication: Publication) -> Iterator[Change]:
    """Give what happened; `before` is `None` for a publication not told of before."""
    if before is None:
        kind = FIRST_TOLD_AS[publication.kind]
        yield Change(
            id=event_id(publication.key, "", kind),
            kind=kind,
            amount=first_amount(publication),
            signed=publication.signed,
            new_value=publication.state if kind is EventKind.DOCUMENT else "",
        )
        return
    if publication.kind is PublicationKind.DOCUMENT and before.state and not publication.state:
        yield _changed(publication, EventKind.DOCUMENT, before.state, PUBLISHED)
        return
    if before.deadline != publication.deadline:
        was, now = in_words(before.deadline), in_words(publication.deadline)
        yield _changed(publication, EventKind.DEADLINE_MOVED, was, now)
    if publication.state and before.state != publication.state:
        yield _changed(publication, EventKind.NOTICE_WITHDRAWN, before.state, publication.state)
    # A text that is fetched later completes what was known, and changes nothing.
    if _folded(before.description) not in _folded(publication.description):
        kind = EventKind.NOTICE_CHANGED if publication.kind is PublicationKind.NOTICE else EventKind.DESCRIPTION_CHANGED
        yield _changed(publication, kind, before.description, publication.description)
    elif publication.kind is PublicationKind.NOTICE:
        yield from _amended(before, publication)


def _amended(before: RecordRow, notice: Publication) -> Iterator[Change]:
    """Give what an amendment changed apart from the text, as one event."""
    was = {attachment["url"] for attachment in before.attachments}
    now = {attachment.url for attachment in notice.attachments}
    if before.type_text != notice.type_text:
        yield _changed(notice, EventKind.NOTICE_CHANGED, before.type_text, notice.type_text)
    elif was != now:
        yield _changed(notice, EventKind.NOTICE_CHANGED, _attachments(was), _attachments(now))


def _attachments(urls: Collection[str]) -> str:
    return "1 attachment" if len(urls) == 1 else f"{len(urls)} attachments"


def with_known_text(before: RecordRow | None, publication: Publication) -> Publication:
    """Return a notice with the text that is stored, if it comes without one: its own is fetched later, if at all."""
    if before is None or publication.description != publication.title:
        return publication
    words = before.description.removeprefix(before.title)
    return replace(publication, description=publication.title + words) if words.startswith("\n\n") else publication


def first_amount(publication: Publication) -> Decimal | None:
    """Return the dollars a publication leads with: an amount that nobody shares and nothing speaks against."""
    if publication.amount_warning:
        return None
    return next((amount.dollars for amount in publication.amounts if not amount.shared), None)


def in_words(moment: datetime | None) -> str:
    """Return a deadline as Washington's clocks show it, "" when there is none."""
    return moment.astimezone(WASHINGTON).strftime("%Y-%m-%d %H:%M %Z") if moment else ""


def _changed(publication: Publication, kind: EventKind, before: str, after: str) -> Change:
    identifier = event_id(publication.key, "", kind, before, after, _version(publication.published))
    return Change(id=identifier, kind=kind, signed=publication.signed, old_value=before, new_value=after)


def _version(published: date | None) -> str:
    return published.isoformat() if published else ""


def _folded(text: str) -> str:
    return " ".join(text.split()).upper()
