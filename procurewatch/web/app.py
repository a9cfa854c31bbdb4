"""The web application: its routes, in the order in which they are tried, and what stands before them."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Mount

from procurewatch.context import AppContext
from procurewatch.web.api.routes import make_api
from procurewatch.web.cache.entry_file import EntryFile
from procurewatch.web.cache.entry_writer import EntryWriter, keep_writing_ahead
from procurewatch.web.cache.feed_cache import COMPRESSION
from procurewatch.web.context import Room
from procurewatch.web.routes import assets, awards, exports, feeds, home, review, search, site_files, subjects
from procurewatch.web.routes.site_files import SiteCache
from procurewatch.web.security.guard import API, Guard, Refused, failed
from procurewatch.web.security.login import Access
from procurewatch.web.sql.pages import sql_routes

YOUNG_OBJECTS = 20_000  # that are made before they are looked through; a page or a feed makes about as many


def make_room(app_context: AppContext, base_url: str) -> Room:
    """Return what the routes work with."""
    access = Access(app_context.settings, is_https=urlsplit(base_url).scheme == "https")
    return Room(app_context=app_context, base_url=base_url, site=SiteCache(app_context, base_url), access=access)


def make_app(app_context: AppContext, base_url: str) -> Starlette:
    """Return the web application over an open desk. `base_url` is where readers find it."""
    address = urlsplit(base_url)
    room = make_room(app_context, base_url)
    kept = EntryFile(app_context.settings.data_dir, base_url)
    writer = EntryWriter(kept, base_url)

    @asynccontextmanager
    async def open_file(_app: Starlette) -> AsyncIterator[None]:
        stop = threading.Event()
        ahead = threading.Thread(
            target=keep_writing_ahead, args=(app_context.database, kept, writer, stop), daemon=True
        )
        ahead.start()
        yield
        stop.set()
        ahead.join()
        kept.close()

    return Starlette(
        routes=[
            # What readers ask most, without all that a route of FastAPI can do.
            *search.routes(room),
            *feeds.routes(room, writer),
            Mount(API, make_api(room)),
            *sql_routes(app_context.database, address.path),
            Mount("", make_pages(room)),
        ],
        middleware=[
            Middleware(
                Guard,
                host=address.hostname or "",
                requests_a_minute=app_context.settings.requests_a_minute,
                proxies=app_context.settings.trusted_proxies,
            ),
            Middleware(GZipMiddleware, minimum_size=500, compresslevel=COMPRESSION),
        ],
        lifespan=open_file,
    )


def make_pages(room: Room) -> FastAPI:
    """Return all pages but that of a search, and the files that are no feeds."""
    pages = FastAPI(title="Procurewatch", docs_url=None, redoc_url=None, openapi_url=None)
    for routes in (
        home.router(room),
        exports.router(room),
        awards.router(room),
        subjects.router(room),
        review.router(room),
        assets.router(),
        site_files.router(room.site),  # last: it takes whatever path is left
    ):
        pages.include_router(routes)
    pages.add_exception_handler(Refused, review.refused)
    pages.add_exception_handler(Exception, failed)
    return pages


def made_for_long(app_context: AppContext, base_url: str) -> Starlette:
    """Return the application for a process that does nothing but serve it until it ends.

    What is there at the start stays to the end: it is not looked through for garbage again and again; and what an
    answer makes, which is nearly all free when it is sent, not twenty times on the way.
    """
    app = make_app(app_context, base_url)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)
    return app


def serve_site(app_context: AppContext, host: str, port: int, site_url: str, announce: Callable[[str], object]) -> None:
    """Serve until stopped, having announced the address. Raises `OSError` if the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listening:
        name = f"[{host}]" if ":" in host else host
        base_url = site_url or app_context.settings.site_url or f"http://{name}:{listening.getsockname()[1]}"
        # What proxies say of their clients is judged in `safety`, by the settings.
        app = made_for_long(app_context, base_url)
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, proxy_headers=False)
        announce(base_url)
        uvicorn.Server(config).run(sockets=[listening])
