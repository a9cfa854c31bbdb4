"""Shared state of the web routes: the application context, the caches and who may review."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property

from fastapi import Request
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.entry import Entry, entry_for
from feeds.pages.coverage import coverage_lines
from feeds.pages.feed_list import FeedRow
from feeds.pages.page_context import PageContext
from feeds.urls import FeedKind
from monitors.watchlist.model import Kind
from procurewatch.context import AppContext
from procurewatch.named_feeds import NamedFeeds, all_named_feeds
from procurewatch.web.cache import CachedValue, ResponseCache, publication_version
from procurewatch.web.responses import Body, body_of
from procurewatch.web.security.login import Access, Reviewer
from storage.database import Database
from storage.models import StoredEvent
from storage.reading.coverage import coverage_of, department_of
from storage.reading.records import known_agencies, published_keys
from storage.reading.summaries import FeedStats, feed_stats


@dataclass(frozen=True)
class WebContext:
    """What every route works with. `base_url` is the public URL of the site."""

    app: AppContext
    base_url: str
    access: Access
    responses: ResponseCache = field(default_factory=ResponseCache)

    @property
    def database(self) -> Database:
        """The database."""
        return self.app.database

    @property
    def today(self) -> date:
        """The present day, UTC."""
        return datetime.now(UTC).date()

    @cached_property
    def vendor_titles(self) -> dict[str, str]:
        """The titles of watchlist entries by id; a topic's says that it is one."""
        return {
            vendor.id: vendor.name if vendor.kind is Kind.VENDOR else f"{vendor.name} (topic)"
            for vendor in self.app.watchlist.vendors
        }

    @cached_property
    def agencies(self) -> CachedValue[dict[str, str]]:
        """The names of agencies with published records, by code."""
        return CachedValue(lambda session: dict(known_agencies(session)))

    @cached_property
    def feeds(self) -> CachedValue[NamedFeeds]:
        """The feeds that have a path of their own."""
        return CachedValue(
            lambda session: all_named_feeds(session, self.app.watchlist, self.app.settings.feed_min_change)
        )

    @cached_property
    def feed_stats(self) -> CachedValue[dict[str, dict[str, FeedStats]]]:
        """How many entries each feed has, as `feed_stats` returns it."""
        return CachedValue(lambda session: feed_stats(session, self.app.settings.feed_min_change))

    @cached_property
    def award_pages(self) -> CachedValue[dict[str, str]]:
        """The keys of published records by the name of their page, where the name is not the key itself."""
        return CachedValue(
            lambda session: {name: key for key in published_keys(session) if (name := urls.award_page_name(key)) != key}
        )

    def coverage(self, session: Session, entries: Collection[str], agency: str = "") -> tuple[str, ...]:
        """Return which contracts of some watchlist entries were read completely, in sentences.

        `agency` is the code of a department or sub-agency, "" for all.
        """
        agencies = [agency, department_of(session, agency)] if agency else []
        return tuple(coverage_lines(coverage_of(session, entries, agencies), self.agencies.get(session)))

    def cached_page(
        self,
        session: Session,
        key: Hashable,
        build: Callable[[], bytes],
        *,
        depends_on: object = None,
        modified: datetime | None = None,
    ) -> Body:
        """Return a public page, built once for a publication version and day.

        Args:
            key: identifies the page among all pages and feeds.
            depends_on: what else it is built from; when this changes, the page is built again.
            modified: the Last-Modified date, if the page has one.
        """
        version, _ = publication_version(session)
        return self.responses.get(key, f"{version} {self.today} {depends_on}", lambda: body_of(build(), modified))

    def page_context(self, reviewer: Reviewer | None = None, *, depth: int = 0) -> PageContext:
        """Return what page templates share; `depth` is the number of folders in the page's path."""
        return PageContext(
            depth=depth,
            served=True,
            base_url=self.base_url,
            reviewer=reviewer.name if reviewer else "",
            csrf=reviewer.csrf if reviewer else "",
        )

    def reviewer(self, request: Request) -> Reviewer | None:
        """Return the signed-in reviewer, `None` for a reader."""
        return self.access.reviewer(request)


def latest_entries(events: Sequence[StoredEvent], page_context: PageContext) -> list[Entry]:
    """Return events as entries that link to the records' pages."""
    return [entry_for(event, lambda event: page_context.root + urls.event_path(event)) for event in events]


def feed_row(kind: FeedKind, slug: str, title: str, stats: FeedStats | None = None) -> FeedRow:
    """Return a feed as a row of a page's list of feeds."""
    if stats is None:
        return FeedRow(kind=kind, slug=slug, title=title)
    return FeedRow(kind=kind, slug=slug, title=title, entries=stats.entries, newest=stats.newest.date())
