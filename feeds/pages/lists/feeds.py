"""The page that lists all feeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from feeds.pages.page_context import PageContext
from feeds.urls import SINGLE_FEEDS, FeedFormat, FeedKind, award_feed_path, award_path, feed_page, feed_path

GROUPS = {
    FeedKind.ALL: "Everything",
    FeedKind.VENDOR: "Vendors",
    FeedKind.AGENCY: "Agencies",
    FeedKind.CATEGORY: "Technologies",
    FeedKind.EXPIRING: "Expiring",
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
        """The path of the feed's page."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFeed:
    """The feed of one award or publication. Its paths start at the site's root."""

    key: str
    title: str

    @property
    def page(self) -> str:
        """The path of the record's page."""
        return award_path(self.key)

    @property
    def atom(self) -> str:
        """The path of the Atom feed."""
        return award_feed_path(self.key, FeedFormat.ATOM)

    @property
    def rss(self) -> str:
        """The path of the RSS feed."""
        return award_feed_path(self.key, FeedFormat.RSS)

    @property
    def json(self) -> str:
        """The path of the JSON Feed."""
        return award_feed_path(self.key, FeedFormat.JSON)


def render_feed_list(context: PageContext, feeds: Sequence[FeedRow]) -> bytes:
    """Return the page; `feeds` are in the order of the list."""
    groups = {kind: [row for row in feeds if row.kind is kind] for kind in FeedKind}
    return context.render(
        "feeds.html",
        everything=[feed for kind in SINGLE_FEEDS for feed in groups.pop(kind)],
        groups=[(GROUPS[kind], rows) for kind, rows in groups.items() if rows],
    )
