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
from feeds.pages.lists.feeds import FeedRow
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
from storage.reading.records import known_agencies, known_vendors, published_keys
from storage.reading.summaries import FeedStats, feed_stats, published_among, published_recipients


@dataclass(frozen=True)
class WebContext:
    """What every page is made with. `base_url` is the public URL of the site, "" if a static one's is not known.

    `is_static`: the pages are written as files, so no server answers. `has_search`: they have an index to search.
    """

    app: AppContext
    base_url: str
    access: Access
    is_static: bool = False
    has_search: bool = False
    responses: ResponseCache = field(default_factory=ResponseCache)

    @property
    def database(self) -> Database:
        """The database."""
        return self.app.database

    @property
    def today(self) -> date:
        """The present day, UTC."""
        return datetime.now(UTC).date()

    @property
    def day_shown(self) -> date | None:
        """The day that pages state as the present one (UTC): none on files, which are read on later days too."""
        return None if self.is_static else self.today

    @cached_property
    def vendor_titles(self) -> dict[str, str]:
        """The titles of watchlist entries by id; a topic's says that it is one."""
        return {
            vendor.id: vendor.name if vendor.kind is Kind.VENDOR else f"{vendor.name} (topic)"
            for vendor in self.app.watchlist.vendors
        }

    @cached_property
    def published(self) -> CachedValue[frozenset[str]]:
        """The keys of all published records, which have a page."""
        return CachedValue(lambda session: frozenset(published_keys(session)))

    @cached_property
    def vendors(self) -> CachedValue[list[tuple[str, str, str]]]:
        """The id, name and technology of each vendor with a published match."""
        return CachedValue(known_vendors)

    @cached_property
    def recipients(self) -> CachedValue[dict[str, list[tuple[str, str]]]]:
        """The names and UEIs of each recipient of published records, by the slug of its page."""
        return CachedValue(_recipients_by_slug)

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
            served=not self.is_static,
            has_search=self.has_search or not self.is_static,
            base_url=self.base_url,
            has_alerts=self.access.is_on and not self.is_static,
            reviewer=reviewer.name if reviewer else "",
            csrf=reviewer.csrf if reviewer else "",
        )

    def reviewer(self, request: Request) -> Reviewer | None:
        """Return the signed-in reviewer, `None` for a reader."""
        return self.access.reviewer(request)


def event_links(session: Session, events: Sequence[StoredEvent], root: str) -> Callable[[StoredEvent], str]:
    """Return what gives the link from a page to one of these events.

    It is on the record's page, or the official page if a reviewer withdrew that. `root` is the relative path from the
    page to the root of the site.
    """
    published = published_among(session, [event.record.key for event in events])

    def link(event: StoredEvent) -> str:
        return root + urls.event_path(event) if event.record.key in published else urls.official_page(event.record)

    return link


def latest_entries(session: Session, events: Sequence[StoredEvent], page_context: PageContext) -> list[Entry]:
    """Return events as entries that link to the records' pages."""
    link = event_links(session, events, page_context.root)
    return [entry_for(event, link) for event in events]


def _recipients_by_slug(session: Session) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for name, uei in published_recipients(session):
        found.setdefault(urls.recipient_slug(name, uei), []).append((name, uei))
    return found


def feed_row(kind: FeedKind, slug: str, title: str, stats: FeedStats | None = None) -> FeedRow:
    """Return a feed as a row of a page's list of feeds."""
    if stats is None:
        return FeedRow(kind=kind, slug=slug, title=title)
    return FeedRow(kind=kind, slug=slug, title=title, entries=stats.entries, newest=stats.newest.date())
