"""The site over HTTP: the same files that `feeds build` writes, always as what is stored.

Each is built once for a state of the database and served as bytes, with ETag, Last-Modified, 304 and gzip.
"""

from __future__ import annotations

import hashlib
import mimetypes
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.middleware.gzip import GZipMiddleware

from feeds.site import EPOCH, site_files
from procurewatch.desk import Desk
from procurewatch.publishing import catalogue
from procurewatch.validators import Validators, is_fresh
from procurewatch.web_feeds import feeds_router
from storage.reading import publication_state

TYPES = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
    "opml": "text/x-opml; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
}
# Pages hold no script and load nothing from elsewhere; a browser is to hold them to it.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
KEPT_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Page:
    """A file as it is served. The tag is weak, since gzip changes the bytes but not what they say."""

    content: bytes
    tag: str
    modified: datetime


class SiteCache:
    """The site of the present state of the database. Safe to share between threads."""

    def __init__(self, desk: Desk, base_url: str) -> None:
        self._desk = desk
        self._base_url = base_url
        self._lock = threading.Lock()
        self._version = ""
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
                content = writer()
                tag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
                page = self._pages[path] = Page(content, tag, self._modified)
            return page

    def _renew(self) -> None:
        """Begin anew when what is stored has changed."""
        with self._desk.database.reading() as session:
            version, changed = publication_state(session)
        if version == self._version:
            return
        settings = self._desk.settings
        site = catalogue(
            self._desk.database,
            self._desk.watchlist,
            base_url=self._base_url,
            entries=settings.feed_entries,
            hub=settings.websub_hub,
        )
        self._modified = (changed or EPOCH).replace(microsecond=0)
        self._writers = dict(site_files(site))
        self._pages.clear()
        self._version = version


def make_app(desk: Desk, base_url: str) -> FastAPI:
    """Return the web application over an open desk. `base_url` is where readers find it."""
    app = FastAPI(title="Procurewatch", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(GZipMiddleware, minimum_size=500)
    app.include_router(feeds_router(desk, base_url))
    cache = SiteCache(desk, base_url)

    @app.api_route("/{path:path}", methods=["GET", "HEAD"])
    def file(path: str, request: Request) -> Response:
        page = cache.page(path or "index.html")
        if page is None:
            return PlainTextResponse("There is no such page; / lists all feeds.\n", status_code=404)
        headers = {
            "ETag": page.tag,
            "Last-Modified": format_datetime(page.modified, usegmt=True),
            "Cache-Control": f"public, max-age={KEPT_MINUTES * 60}",
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        if is_fresh(request.headers, Validators(page.tag, page.modified)):
            return Response(status_code=304, headers=headers)
        kind = TYPES.get(path.rpartition(".")[2]) or mimetypes.guess_type(path or "index.html")[0]
        return Response(page.content, headers=headers, media_type=kind)

    return app


def serve_site(desk: Desk, host: str, port: int, site_url: str, announce: Callable[[str], object]) -> None:
    """Serve until stopped, having announced the address. Raises `OSError` if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listening:
        name = f"[{host}]" if ":" in host else host
        base_url = site_url or desk.settings.site_url or f"http://{name}:{listening.getsockname()[1]}"
        config = uvicorn.Config(make_app(desk, base_url), log_level="warning", access_log=False, server_header=False)
        announce(base_url)
        uvicorn.Server(config).run(sockets=[listening])
