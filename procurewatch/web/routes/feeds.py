"""Feeds over HTTP: named feeds, any search as a feed, and the archive pages of both (RFC 5005)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from feeds.entries.entry import entry_for
from feeds.feed import EPOCH, ArchiveLinks, FeedMeta, feed_id
from feeds.formats.atom_rss import write_feed
from feeds.urls import (
    ABOUT,
    FAVICON,
    FEED_LIST,
    FEED_SUBTITLE,
    FEED_TYPES,
    ICON,
    INDEX,
    SINGLE_FEEDS,
    FeedFormat,
    FeedKind,
    feed_page,
    permalink,
    site_url,
)
from procurewatch.named_feeds import NamedFeeds
from procurewatch.web.cache import publication_version
from procurewatch.web.context import WebContext
from procurewatch.web.responses import CROSS_ORIGIN, Body, ErrorResponse, body_of, body_response, preflight
from storage.search.feed_pages import (
    ArchivePage,
    archived_events,
    is_complete,
    newest_events,
    page_after,
    page_before,
    read_archive_page,
)
from storage.search.query import InvalidQuery, Query, read_query

SEARCH = "search"
ARCHIVE, AFTER = "archive", "after-archive"  # URL parameters
MAX_AGE_SECONDS, ARCHIVE_MAX_AGE_SECONDS = 300, 86_400
FEED_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    **CROSS_ORIGIN,
}
NOT_PUBLIC = "Feeds carry published matches only; leave out band and decision."
NO_SUCH_PAGE = "This feed has no such archive page (yet)."


@dataclass(frozen=True, slots=True)
class FeedRequest:
    """A feed in a format, or an archive page of it. `stem` is the feed's path without its ending."""

    stem: str
    query: Query
    fmt: FeedFormat
    page: ArchivePage | None = None

    def path(self, name: str = "", value: object = "") -> str:
        """Return the path of the feed, with one more URL parameter if it is given."""
        params = [self.query.url_query()] if self.stem == SEARCH and self.query.url_query() else []
        params += [urlencode([(name, str(value))])] if name else []
        return f"{self.stem}.{self.fmt}" + (f"?{'&'.join(params)}" if params else "")


class NoSuchPage(Exception):
    """A feed has no such archive page."""


def router(context: WebContext) -> APIRouter:
    """Return the routes of all feeds of events."""
    routes = APIRouter()
    feeds = FeedService(context)

    def search_feed(request: Request) -> Response:
        try:
            query = read_query(request.query_params.multi_items(), ignored=(ARCHIVE, AFTER)).unsorted
            if not query.is_public:
                return ErrorResponse(403, NOT_PUBLIC)
            return feeds.response(request, FeedRequest(SEARCH, query, _format(request)))
        except InvalidQuery as error:
            return ErrorResponse(400, str(error))

    def named_feed(request: Request) -> Response:
        stem = request.url.path.lstrip("/").rpartition(".")[0]
        with context.database.reading() as session:
            feed = context.feeds.get(session).by_stem.get(stem)
        if feed is None:
            return ErrorResponse(404, f"There is no such feed; /{FEED_LIST} lists all feeds.")
        return feeds.response(request, FeedRequest(stem, feed.query, _format(request)))

    stems = [str(kind) if kind in SINGLE_FEEDS else f"{kind}/{{name}}" for kind in FeedKind]
    for fmt in FeedFormat:
        for stem in (SEARCH, *stems):
            feed = search_feed if stem == SEARCH else named_feed
            routes.add_api_route(f"/{stem}.{fmt}", feed, methods=["GET", "HEAD"])
            routes.add_api_route(f"/{stem}.{fmt}", preflight, methods=["OPTIONS"])
    return routes


def _format(request: Request) -> FeedFormat:
    return FeedFormat(request.url.path.rpartition(".")[2])


class FeedService:
    """Builds feeds and their archive pages."""

    def __init__(self, context: WebContext) -> None:
        self._context = context

    def response(self, request: Request, feed: FeedRequest) -> Response:
        """Return the feed, an archive page of it, or a redirect to the page after one, as the URL says.

        Raises `InvalidQuery` if the query names a vendor or category that does not exist.
        """
        for name in (ARCHIVE, AFTER):
            if (given := request.query_params.get(name)) is not None:
                feed = replace(feed, page=read_archive_page(given))
                if feed.page is None:
                    return ErrorResponse(404, NO_SUCH_PAGE)
                return self._document(request, feed) if name == ARCHIVE else self._redirect_after(feed, feed.page)
        return self._document(request, feed)

    def _document(self, request: Request, feed: FeedRequest) -> Response:
        with self._context.database.reading() as session:
            self._context.feeds.get(session).check(feed.query)
            version, changed = publication_version(session)
            try:
                body = self._context.responses.get(feed, version, lambda: self._build(session, feed, changed or EPOCH))
            except NoSuchPage:
                return ErrorResponse(404, NO_SUCH_PAGE)
        max_age = ARCHIVE_MAX_AGE_SECONDS if feed.page else MAX_AGE_SECONDS
        headers = {**FEED_HEADERS, "Cache-Control": f"public, max-age={max_age}", **self._websub_links(feed)}
        return body_response(request, body, f"{FEED_TYPES[feed.fmt]}; charset=utf-8", headers)

    def _redirect_after(self, feed: FeedRequest, page: ArchivePage) -> Response:
        """Redirect to the archive page after one, or to the feed if there is none yet.

        An archive page links here, because it never changes and the next page does not exist when it is built.
        """
        with self._context.database.reading() as session:
            newer = page_after(session, feed.query, page, datetime.now(UTC))
        url = self._url(feed.path(ARCHIVE, newer) if newer else feed.path())
        return RedirectResponse(url, status_code=307, headers={"Cache-Control": "no-cache", **CROSS_ORIGIN})

    def _build(self, session: Session, feed: FeedRequest, changed: datetime) -> Body:
        now = datetime.now(UTC)
        if feed.page is None:
            limit = self._context.app.settings.feed_entries
            older, events = newest_events(session, feed.query, limit, now)
        elif is_complete(session, feed.query, feed.page, now):
            older = page_before(session, feed.query, feed.page)
            events = archived_events(session, feed.query, feed.page)
        else:
            raise NoSuchPage
        entries = [entry_for(event, partial(permalink, self._context.base_url)) for event in events]
        meta = self._meta(self._context.feeds.get(session), feed, older)
        return body_of(write_feed(feed.fmt, meta, entries), changed)

    def _meta(self, named: NamedFeeds, feed: FeedRequest, older: ArchivePage | None) -> FeedMeta:
        title, page, identity = _description(named, feed)
        links = ArchiveLinks(older=self._url(feed.path(ARCHIVE, older)) if older else "")
        if feed.page:
            newer, current = self._url(feed.path(AFTER, feed.page)), self._url(feed.path())
            links = replace(links, newer=newer, current=current)
        return FeedMeta(
            id=identity,
            title=f"Procurewatch: {title}",
            subtitle=FEED_SUBTITLE.format(title),
            self_url=self._url(feed.path(ARCHIVE, feed.page) if feed.page else feed.path()),
            html_url=self._url(page),
            updated=EPOCH,
            hub=self._hub(feed),
            icon=self._url(ICON),
            favicon=self._url(FAVICON),
            about=self._url(ABOUT),
            archive_links=links,
        )

    def _websub_links(self, feed: FeedRequest) -> dict[str, str]:
        """Return the header by which a subscriber finds the hub and the topic (WebSub, section 4)."""
        hub = self._hub(feed)
        return {"Link": f'<{hub}>; rel="hub", <{self._url(feed.path())}>; rel="self"'} if hub else {}

    def _hub(self, feed: FeedRequest) -> str:
        """Return the hub of a feed, "" if it is not notified of the feed: readers would wait for it in vain."""
        return "" if feed.page or feed.stem == SEARCH else self._context.app.settings.websub_hub

    def _url(self, path: str) -> str:
        return site_url(self._context.base_url, path)


def _description(named: NamedFeeds, feed: FeedRequest) -> tuple[str, str, str]:
    """Return a feed's title, the path of the page about it, and its id."""
    if known := named.by_stem.get(feed.stem):
        slug = "" if known.kind is FeedKind.ALL else known.slug
        return known.title, feed_page(known.kind, known.slug) if slug else INDEX, feed_id(known.kind, slug)
    params = feed.query.url_query()
    title = f"records {feed.query.describe(named.titles)}" if params else "everything"
    return title, f"{SEARCH}?{params}" if params else SEARCH, feed_id(SEARCH, params or "all")
