"""A page that stands alone, for a story pack: what happened to each record, in order, over all sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from feeds.entries.entry import entry_for, reason_for
from feeds.entries.facts import amounts, award_facts
from feeds.entries.matches import buyer, recipient, told_matches
from feeds.entries.render import render
from feeds.text import one_line
from feeds.urls import official_page
from storage.models import StoredEvent, StoredRecord


@dataclass(frozen=True, slots=True)
class Told:
    """A record and all that happened to it or was published about it, oldest first."""

    record: StoredRecord
    events: tuple[StoredEvent, ...]


def render_timeline(subject: str, made: datetime, told: Sequence[Told]) -> bytes:
    """Return the page: it needs no file beside it, runs nothing and loads nothing.

    Args:
        subject: what the pack is about, on one line.
        made: when (UTC).
    """
    sections = [
        {
            "heading": _heading(each.record),
            "buyer": buyer(each.record),
            "amounts": amounts(each.record),
            "facts": award_facts(each.record),
            "reasons": [reason_for(match, each.record, {}) for match in told_matches(each.record)],
            "entries": [entry_for(event, lambda event: official_page(event.record)) for event in each.events],
            "official_url": official_page(each.record),
            "key": each.record.key,
        }
        for each in told
    ]
    return render("timeline.html", subject=subject, made=made, sections=sections).encode()


def _heading(record: StoredRecord) -> str:
    return one_line(record.title) if record.is_publication and record.title else recipient(record)
