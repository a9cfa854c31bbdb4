"""The index page: the newest entries by day, and all feeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from feeds.entries.details import reporting_delay_note
from feeds.entries.entry import Entry
from feeds.pages.page_context import PageContext
from feeds.urls import FeedKind

GROUPS = {
    FeedKind.ALL: "Everything",
    FeedKind.VENDOR: "Vendors",
    FeedKind.AGENCY: "Agencies",
    FeedKind.CATEGORY: "Technologies",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A feed in a list. All paths start at the site's root; `page` is its subject's page, which only a served site has.

    `newest` is None for a feed without entries.
    """

    kind: FeedKind
    title: str
    page: str
    atom: str
    rss: str
    json: str
    entries: int
    newest: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestEntry:
    """An entry on the index page and the target of its title."""

    entry: Entry
    href: str


def render_index(
    context: PageContext, feeds: Sequence[FeedRow], latest: Sequence[LatestEntry], *, today: date, health: str = ""
) -> bytes:
    """Return the index page. `latest` comes newest first; `health` is one line on the state of the sources."""
    groups = [(GROUPS[kind], [row for row in feeds if row.kind is kind]) for kind in FeedKind]
    days = [(on, list(items)) for on, items in groupby(latest, key=lambda item: item.entry.first_seen.date())]
    return context.render(
        "index.html",
        feeds=feeds,
        everything=[row for row in feeds if row.kind is FeedKind.ALL],
        groups=[(name, rows) for name, rows in groups if rows and name != GROUPS[FeedKind.ALL]],
        days=days,
        shown=len(latest),
        updated=latest[0].entry.first_seen if latest else None,
        missing=reporting_delay_note(today),
        health=health,
    )
