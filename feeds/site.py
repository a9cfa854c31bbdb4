"""The feeds of a site as files, and its list of feeds. Without the site's address, feeds link to official pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from feeds import urls
from feeds.entries.entry import Entry, in_feed_order
from feeds.entries.source_health import incident_entries
from feeds.feed import AUTHOR, EPOCH, FeedMeta, feed_id
from feeds.formats.atom_rss import write_feed
from feeds.formats.opml import Outline, write_opml
from feeds.pages.lists.feeds import GROUPS, FeedRow, RecordFeed
from feeds.urls import FeedFormat, FeedKind
from storage.reading.source_health import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFeeds:
    """Writes the feeds of a site at `base_url`, "" if that is not known. `hub` is a WebSub hub's URL, or ""."""

    base_url: str
    hub: str = ""

    def feed(self, row: FeedRow, fmt: FeedFormat, entries: Iterable[Entry]) -> bytes:
        """Return one feed in one format."""
        meta = FeedMeta(
            id=feed_id(row.kind, "" if row.kind is FeedKind.ALL else row.slug),
            title=f"{AUTHOR}: {row.title}",
            subtitle=urls.FEED_SUBTITLE.format(row.title),
            self_url=self._url(urls.feed_path(row.kind, row.slug, fmt)) or None,
            html_url=self._url(row.page) or urls.USASPENDING,  # RSS requires a link to a website
            updated=EPOCH,
            hub=self.hub if self.base_url else "",
            icon=self._url(urls.ICON),
            favicon=self._url(urls.FAVICON),
            about=self._url(urls.ABOUT),
        )
        return write_feed(fmt, meta, in_feed_order(entries))

    def record_feed(self, feed: RecordFeed, fmt: FeedFormat, entries: Iterable[Entry], official_url: str) -> bytes:
        """Return the feed of one record in one format. The WebSub hub is not notified of it."""
        meta = FeedMeta(
            id=feed_id("award", feed.key),
            title=f"{AUTHOR}: {feed.title}",
            subtitle=urls.FEED_SUBTITLE.format(feed.title),
            self_url=self._url(urls.award_feed_path(feed.key, fmt)) or None,
            html_url=self._url(feed.page) or official_url,
            updated=EPOCH,
            icon=self._url(urls.ICON),
            favicon=self._url(urls.FAVICON),
            about=self._url(urls.ABOUT),
        )
        return write_feed(fmt, meta, in_feed_order(entries))

    def health(self, fmt: FeedFormat, incidents: Sequence[Incident], source_titles: Mapping[str, str]) -> bytes:
        """Return the feed of source outages in one format."""
        home = self._url(urls.INDEX) or urls.USASPENDING
        meta = FeedMeta(
            id=feed_id(urls.HEALTH),
            title=f"{AUTHOR}: source outages",
            subtitle="When a source becomes unavailable, and when it is available again",
            self_url=self._url(f"{urls.HEALTH}.{fmt}") or None,
            html_url=home,
            updated=EPOCH,
            icon=self._url(urls.ICON),
            favicon=self._url(urls.FAVICON),
            about=self._url(urls.ABOUT),
        )
        return write_feed(fmt, meta, in_feed_order(incident_entries(incidents, source_titles, home)))

    def opml(self, rows: Iterable[FeedRow]) -> bytes:
        """Return the list of all feeds. Readers need absolute URLs, so `base_url` must be known."""
        outlines = [
            Outline(
                title=row.title,
                group=GROUPS[row.kind],
                atom_url=self._url(row.atom),
                rss_url=self._url(row.rss),
                json_url=self._url(row.json),
                html_url=self._url(row.page),
            )
            for row in rows
        ]
        return write_opml(f"{AUTHOR}: all feeds", outlines)

    def _url(self, path: str) -> str:
        return urls.site_url(self.base_url, path) if self.base_url else ""
