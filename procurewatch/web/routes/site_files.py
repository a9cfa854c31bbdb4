"""The files of the site that no other route answers, the same that `feeds build` writes, always as what is stored.

Each is built once for a state of the database and served as bytes.
"""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime

from fastapi import APIRouter, Request, Response

from feeds import urls
from feeds.feed import EPOCH
from feeds.site import site_files
from procurewatch.context import AppContext
from procurewatch.site_build import build_catalog
from procurewatch.web.responses import HTML, Page, answer, page_of, refusal
from storage.reading.records import publication_state

# What is the same in a served site as in files; feeds and pages are answered by routes of their own.
SHARED = frozenset({urls.STYLESHEET, urls.ICON, urls.OPML, *(f"{urls.HEALTH}.{fmt}" for fmt in urls.FeedFormat)})
TYPES = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
    "opml": "text/x-opml; charset=utf-8",
    "html": HTML,
    "css": "text/css; charset=utf-8",
}


class SiteCache:
    """The site of the present state of the database. Safe to share between threads."""

    def __init__(self, app_context: AppContext, base_url: str) -> None:
        self._app_context = app_context
        self._base_url = base_url
        self._lock = threading.Lock()
        self._version: tuple[str, date] | None = None
        self._modified = EPOCH
        self._writers: dict[str, Callable[[], bytes]] = {}
        self._pages: dict[str, Page] = {}

    def page(self, path: str) -> Page | None:
        """Return a file by its path, `None` if the site has no such file."""
        with self._lock:
            self._renew()
            page = self._pages.get(path)
            writer = self._writers.get(path)
            if page is None and writer is not None:
                page = self._pages[path] = page_of(writer(), self._modified)
            return page

    def _renew(self) -> None:
        """Begin anew when what is stored has changed, and each day, since pages say what is not public yet."""
        with self._app_context.database.reading() as session:
            state, changed = publication_state(session)
        version = (state, datetime.now(UTC).date())
        if version == self._version:
            return
        site = build_catalog(self._app_context, base_url=self._base_url, is_list=True)
        self._modified = (changed or EPOCH).replace(microsecond=0)
        self._writers = {path: write for path, write in site_files(site) if path in SHARED}
        self._pages.clear()
        self._version = version


def router(cache: SiteCache) -> APIRouter:
    """Return the route of all files; it takes whatever path no other route takes."""
    routes = APIRouter()

    @routes.api_route("/{path:path}", methods=["GET", "HEAD"])
    def file(path: str, request: Request) -> Response:
        page = cache.page(path)
        if page is None:
            return refusal(404, "There is no such page; / lists all feeds.")
        kind = TYPES.get(path.rpartition(".")[2]) or mimetypes.guess_type(path)[0] or "application/octet-stream"
        return answer(request, page, kind)

    return routes
