"""Timelines: events as short items, and the timeline page of a story pack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from feeds.entries.details import Detail, amounts, award_details, change_details, milestone_details
from feeds.entries.entry import reason_for
from feeds.entries.matches import buyer_label, published_matches, record_label
from feeds.entries.render import render
from feeds.entries.titles import title_for
from feeds.text import to_utc
from feeds.urls import official_page
from storage.models import EventKind, StoredEvent, StoredRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineItem:
    """One event on a timeline. `href` is the target of its title.

    `of` is the category of the linked record that the event belongs to, "" for the page's own record. `citation` is
    plain text, "" if the page offers none. `details` are what changed, and the milestones of the event.
    """

    title: str
    kind: EventKind
    href: str
    signed: date | None
    published: date | None
    first_seen: datetime
    days_late: int
    of: str = ""
    citation: str = ""
    details: tuple[Detail, ...] = ()


def timeline_item(event: StoredEvent, href: str, *, of: str = "", citation: str = "") -> TimelineItem:
    """Return an event as a timeline item."""
    return TimelineItem(
        title=title_for(event),
        kind=event.kind,
        href=href,
        signed=event.signed,
        published=event.published,
        first_seen=to_utc(event.first_seen),
        days_late=event.days_late,
        of=of,
        citation=citation,
        details=(*change_details(event), *milestone_details(event)),
    )


@dataclass(frozen=True, slots=True)
class TimelineSection:
    """A record with its events and those of linked records, oldest first."""

    record: StoredRecord
    events: tuple[StoredEvent, ...]


def render_timeline(subject: str, made: datetime, records: Sequence[TimelineSection]) -> bytes:
    """Return the story pack's timeline: a page that stands alone and loads nothing.

    Args:
        subject: what the pack is about, on one line.
        made: when the pack was made (UTC).
    """
    sections = [
        {
            "heading": record_label(each.record),
            "buyer": buyer_label(each.record),
            "amounts": amounts(each.record),
            "details": award_details(each.record),
            "reasons": [reason_for(match, each.record, {}) for match in published_matches(each.record)],
            "items": [timeline_item(event, official_page(event.record)) for event in each.events],
            "official_url": official_page(each.record),
            "key": each.record.key,
        }
        for each in records
    ]
    return render("timeline.html", subject=subject, made=made, sections=sections).encode()
