"""What every route works with."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property

from fastapi import Request
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.entry import entry_for
from feeds.feed import EPOCH
from feeds.pages.index import FeedRow, LatestEntry
from feeds.pages.page_context import PageContext
from feeds.urls import FeedFormat, FeedKind
from monitors.watchlist.model import Kind
from procurewatch.context import AppContext
from procurewatch.named_feeds import NamedFeeds, all_named_feeds
from procurewatch.web.cache.feed_cache import FeedCache, served
from procurewatch.web.cache.value import Kept
from procurewatch.web.responses import Page
from procurewatch.web.routes.site_files import SiteCache
from procurewatch.web.security.login import Access, Reviewer
from storage.models import StoredEvent
from storage.reading.records import known_agencies, publication_state
from storage.reading.summaries import Told, told_in_feeds


@dataclass(frozen=True)
class Room:
    """The open desk, where readers find it, the cached files, and who may review."""

    app_context: AppContext
    base_url: str
    site: SiteCache
    access: Access

    @property
    def today(self) -> date:
        """The present day, UTC."""
        return datetime.now(UTC).date()

    @cached_property
    def vendor_titles(self) -> dict[str, str]:
        """What the entries of the watchlist are called, by id; a topic says that it is one."""
        return {
            vendor.id: vendor.name if vendor.kind is Kind.VENDOR else f"{vendor.name} (topic)"
            for vendor in self.app_context.watchlist.vendors
        }

    @cached_property
    def agencies(self) -> Kept[dict[str, str]]:
        """The names of the agencies that readers see, by code."""
        return Kept(lambda session: dict(known_agencies(session)))

    @cached_property
    def feeds(self) -> Kept[NamedFeeds]:
        """The feeds that have a path of their own."""
        return Kept(lambda session: all_named_feeds(session, self.app_context.watchlist))

    @cached_property
    def told(self) -> Kept[dict[str, dict[str, Told]]]:
        """What the feeds tell, as `told_in_feeds` gives it."""
        return Kept(told_in_feeds)

    @cached_property
    def pages(self) -> FeedCache:
        """The pages that are the same for all readers while nothing published changes, as bytes."""
        return FeedCache()

    def page(self, session: Session, key: Hashable, build: Callable[[], bytes], *, until: object = None) -> Page:
        """Return a page as every reader sees it, made once for a state of what is published, and at most for a day.

        Args:
            key: what tells the page from all others.
            until: what else it depends on; when that is another, it is made anew.
        """
        state, _ = publication_state(session)
        kept = self.pages.document(key, f"{state} {self.today} {until}", lambda: served(build(), EPOCH))
        return Page(kept.content, kept.tag, is_compressed=kept.is_compressed)

    def frame(self, reviewer: Reviewer | None = None, *, depth: int = 0) -> PageContext:
        """Return what stands around a page so many folders deep."""
        return PageContext(
            depth=depth,
            served=True,
            base_url=self.base_url,
            reviewer=reviewer.name if reviewer else "",
            csrf=reviewer.csrf if reviewer else "",
        )

    def reviewer(self, request: Request) -> Reviewer | None:
        """Return who is signed in, `None` for a reader."""
        return self.access.reviewer(request)


def latest(events: Sequence[StoredEvent], frame: PageContext) -> tuple[LatestEntry, ...]:
    """Return events as entries whose titles lead to the records' own pages."""
    found = []
    for event in events:
        href = frame.root + urls.event_path(event)
        found.append(LatestEntry(entry=entry_for(event, lambda _event, href=href: href), href=href))  # type: ignore[misc]
    return tuple(found)


def feed_row(kind: FeedKind, slug: str, title: str, told: Told | None = None) -> FeedRow:
    """Return a feed as a page lists it, with what it tells."""
    return FeedRow(
        kind=kind,
        title=title,
        page=urls.feed_page(kind, slug),
        atom=urls.feed_path(kind, slug, FeedFormat.ATOM),
        rss=urls.feed_path(kind, slug, FeedFormat.RSS),
        json=urls.feed_path(kind, slug, FeedFormat.JSON),
        entries=told.entries if told else 0,
        newest=told.newest.date() if told else None,
    )
