"""Any question as a feed over HTTP, and its whole history page by page (RFC 5005).

A document is built once for a state of the database and sent as bytes; whether a client has it already is answered
without building anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session
from starlette.routing import Route

from feeds.feed import EPOCH, ArchiveLinks, FeedMeta, feed_id
from feeds.formats.atom_rss import write_feed
from feeds.urls import FEED_SUBTITLE, FEED_TYPES, INDEX, FeedFormat, FeedKind, feed_page, site_url
from procurewatch.named_feeds import NamedFeed, NamedFeeds
from procurewatch.web.cache.entry_writer import EntryWriter
from procurewatch.web.cache.feed_cache import FeedCache, Served, served
from procurewatch.web.context import Room
from procurewatch.web.responses import Page, compressed, is_fresh, not_modified, refusal
from storage.reading.records import publication_state
from storage.search.archives import (
    ArchivePage,
    archived_entries,
    is_complete,
    newest_entries,
    page_after,
    page_before,
    read_archive_page,
)
from storage.search.query import InvalidQuery, Query, read_query

SEARCH = "search"
ARCHIVE, AFTER = "archive", "after-archive"
KEPT_SECONDS, ARCHIVE_KEPT_SECONDS = 300, 86_400
MOST_ENTRIES = 10_000  # of one document
# A feed is made to be read from elsewhere, by readers that are web pages too.
FROM_ANYWHERE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
NOT_PUBLIC = "Feeds carry published matches only; leave out band and verdict."
NO_SUCH_PAGE = "This feed has no such archive page (yet)."


@dataclass(frozen=True, slots=True)
class Asked:
    """A document that is asked for: a feed (`stem` is its path without the ending) in a format, or an archive of it."""

    stem: str
    query: Query
    fmt: FeedFormat
    page: ArchivePage | None = None

    def path(self, name: str = "", value: object = "") -> str:
        """Return the path of the feed, or of another document of it, from the site's root."""
        params = [self.params] if self.params else []
        params += [urlencode([(name, str(value))])] if name else []
        return f"{self.stem}.{self.fmt}" + (f"?{'&'.join(params)}" if params else "")

    @property
    def params(self) -> str:
        """What stands after the question mark of its address; "" where its path says all."""
        return self.query.url_query() if self.stem == SEARCH else ""


class NoSuchPage(Exception):
    """A feed has no archive page of that name."""


class FeedDesk:
    """Answers with feeds. Safe to share between threads."""

    def __init__(self, room: Room, writer: EntryWriter) -> None:
        self._room = room
        self._writer = writer
        self._cache = FeedCache()

    def named(self, stem: str) -> NamedFeed | None:
        """Return the feed that has a path of its own, `None` if there is none."""
        with self._room.app_context.database.reading() as session:
            return self._room.feeds.of(session).by_stem.get(stem)

    def answer(self, request: Request, asked: Asked) -> Response:
        """Return the document, or 304 to who has it. Raises `InvalidQuery` where nothing can ever answer it."""
        keeping = ARCHIVE_KEPT_SECONDS if asked.page else KEPT_SECONDS
        with self._room.app_context.database.reading() as session:
            self._room.feeds.of(session).check(asked.query)
            state, changed = publication_state(session)
            known = self._cache.known(asked, state)
            if known and is_fresh(request, Page(b"", known.tag, known.modified)):
                return not_modified(_headers(known.tag, known.modified, keeping))
            try:
                document = self._cache.document(asked, state, lambda: self._build(session, asked, changed))
            except NoSuchPage:
                return refusal(404, NO_SUCH_PAGE)
        headers = _headers(document.tag, document.modified, keeping)
        if is_fresh(request, Page(b"", document.tag, document.modified)):
            return not_modified(headers)
        kind = f"{FEED_TYPES[asked.fmt]}; charset=utf-8"
        if document.is_compressed:
            return compressed(request, document.content, headers, kind)
        return Response(document.content, headers=headers, media_type=kind)

    def after(self, _request: Request, asked: Asked) -> Response:
        """Send a reader on from an archive page: to the one that follows, or to the feed while there is none.

        A page names this address, not that of the next, since it never changes and the next is not there yet.
        """
        with self._room.app_context.database.reading() as session:
            newer = page_after(session, asked.query, asked.page, datetime.now(UTC)) if asked.page else None
        target = asked.path(ARCHIVE, newer) if newer else asked.path()
        return RedirectResponse(
            self._address(target), status_code=307, headers={"Cache-Control": "no-cache", **FROM_ANYWHERE}
        )

    def _build(self, session: Session, asked: Asked, changed: datetime | None) -> Served:
        now = datetime.now(UTC)
        if asked.page is None:
            least = self._room.app_context.settings.feed_entries
            older, carried = newest_entries(session, asked.query, least, MOST_ENTRIES, now)
        elif is_complete(session, asked.query, asked.page, now):
            carried = archived_entries(session, asked.query, asked.page)
            older = page_before(session, asked.query, asked.page)
        else:
            raise NoSuchPage
        meta = self._meta(session, asked, older)
        entries = self._writer.entries(session, asked.fmt, carried)
        newest = carried[0].first_seen if carried else None
        return served(write_feed(asked.fmt, meta, entries, newest), changed or EPOCH)

    def _meta(self, session: Session, asked: Asked, older: ArchivePage | None) -> FeedMeta:
        named = self._room.feeds.of(session)
        title, page, identity = self._about(asked, named)
        walk = ArchiveLinks(older=self._address(asked.path(ARCHIVE, older)) if older else "")
        if asked.page:
            walk = ArchiveLinks(
                older=walk.older,
                newer=self._address(asked.path(AFTER, asked.page)),
                current=self._address(asked.path()),
            )
        return FeedMeta(
            id=identity,
            title=f"Procurewatch: {title}",
            subtitle=FEED_SUBTITLE.format(title),
            self_url=self._address(asked.path(ARCHIVE, asked.page) if asked.page else asked.path()),
            html_url=self._address(page),
            updated=EPOCH,
            hub="" if asked.page else self._room.app_context.settings.websub_hub,
            archive_links=walk,
        )

    def _about(self, asked: Asked, named: NamedFeeds) -> tuple[str, str, str]:
        """Return what a feed is called, the path of the page it belongs to, and its id."""
        if feed := named.by_stem.get(asked.stem):
            slug = "" if feed.kind is FeedKind.ALL else feed.slug
            page = feed_page(feed.kind, feed.slug) if slug else INDEX
            return feed.title, page, feed_id(feed.kind, slug)
        params = asked.query.url_query()
        page = f"{SEARCH}?{params}" if params else SEARCH
        words = f"records {asked.query.in_words(named.titles)}" if params else "everything"
        return words, page, feed_id(SEARCH, params or "all")

    def _address(self, path: str) -> str:
        return site_url(self._room.base_url, path)


def routes(room: Room, writer: EntryWriter) -> list[Route]:
    """Return the routes of all feeds that carry events; they go before any route that takes every path."""
    feeds = FeedDesk(room, writer)

    def search(request: Request) -> Response:
        try:
            query = read_query(request.query_params.multi_items(), besides=(ARCHIVE, AFTER))
            if not query.is_public:
                return refusal(403, NOT_PUBLIC)
            return _answered(feeds, request, Asked(SEARCH, query, _format(request)))
        except InvalidQuery as error:
            return refusal(400, str(error))

    def named(request: Request) -> Response:
        stem = request.url.path.lstrip("/").rpartition(".")[0]
        feed = feeds.named(stem)
        if feed is None:
            return refusal(404, "There is no such feed; / lists all.")
        try:
            return _answered(feeds, request, Asked(stem, feed.query, _format(request)))
        except InvalidQuery as error:  # its subject is gone since
            return refusal(400, str(error))

    kinds = [kind for kind in FeedKind if kind is not FeedKind.ALL]
    stems = [FeedKind.ALL, *(f"{kind}/{{name}}" for kind in kinds)]
    answers = {SEARCH: search, **dict.fromkeys(stems, named)}
    return [
        Route(f"/{stem}.{fmt}", answer, methods=["GET", "HEAD"])
        for stem, answer in answers.items()
        for fmt in FeedFormat
    ]


def _format(request: Request) -> FeedFormat:
    return FeedFormat(request.url.path.rpartition(".")[2])


def _answered(feeds: FeedDesk, request: Request, asked: Asked) -> Response:
    """Answer with the feed, an archive page of it, or the way to the page after one."""
    for name, answer in ((ARCHIVE, feeds.answer), (AFTER, feeds.after)):
        if (given := request.query_params.get(name)) is not None:
            page = read_archive_page(given)
            return answer(request, replace(asked, page=page)) if page else refusal(404, NO_SUCH_PAGE)
    return feeds.answer(request, asked)


def _headers(tag: str, modified: datetime, keeping: int) -> dict[str, str]:
    return {
        "ETag": tag,
        "Last-Modified": format_datetime(modified.astimezone(UTC), usegmt=True),
        "Cache-Control": f"public, max-age={keeping}",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        **FROM_ANYWHERE,
    }
