"""The index page: the newest entries by day, and all feeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from feeds.entries.details import reporting_delay_note
from feeds.entries.entry import Entry
from feeds.pages.page_context import PageContext
from feeds.urls import FeedFormat, FeedKind, feed_page, feed_path

GROUPS = {
    FeedKind.ALL: "Everything",
    FeedKind.VENDOR: "Vendors",
    FeedKind.AGENCY: "Agencies",
    FeedKind.CATEGORY: "Technologies",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedRow:
    """A feed in a list. Its paths start at the site's root. `newest` is None for a feed without entries."""

    kind: FeedKind
    slug: str
    title: str
    entries: int = 0
    newest: date | None = None

    @property
    def page(self) -> str:
        """The path of the feed's page, which only a served site has."""
        return feed_page(self.kind, self.slug)

    @property
    def atom(self) -> str:
        """The path of the Atom feed."""
        return feed_path(self.kind, self.slug, FeedFormat.ATOM)

    @property
    def rss(self) -> str:
        """The path of the RSS feed."""
        return feed_path(self.kind, self.slug, FeedFormat.RSS)

    @property
    def json(self) -> str:
        """The path of the JSON Feed."""
        return feed_path(self.kind, self.slug, FeedFormat.JSON)


def render_index(
    context: PageContext, feeds: Sequence[FeedRow], latest: Sequence[Entry], *, today: date, health: str = ""
) -> bytes:
    """Return the index page. `latest` is newest first; `health` is one line on the state of the sources."""
    groups = [(GROUPS[kind], [row for row in feeds if row.kind is kind]) for kind in FeedKind]
    days = [(on, list(items)) for on, items in groupby(latest, key=lambda entry: entry.first_seen.date())]
    return context.render(
        "index.html",
        feeds=feeds,
        everything=[row for row in feeds if row.kind is FeedKind.ALL],
        groups=[(name, rows) for name, rows in groups if rows and name != GROUPS[FeedKind.ALL]],
        days=days,
        shown=len(latest),
        updated=latest[0].first_seen if latest else None,
        missing=reporting_delay_note(today),
        health=health,
    )
