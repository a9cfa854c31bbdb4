"""The web application: its routes, in the order in which they are tried, and the middleware before them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette_compress import CompressMiddleware, add_compress_type

from procurewatch.context import AppContext
from procurewatch.web import metrics
from procurewatch.web.alerts import link_page
from procurewatch.web.alerts import pages as alert_pages
from procurewatch.web.api.routes import make_api
from procurewatch.web.context import WebContext
from procurewatch.web.routes import (
    awards,
    compare,
    coverage,
    expiring,
    exports,
    feeds,
    health,
    home,
    review,
    search,
    site_files,
    subjects,
)
from procurewatch.web.security.addresses import Proxies
from procurewatch.web.security.connections import ConnectionLimits
from procurewatch.web.security.guard import API, RequestGuard, RequestRejected, server_error
from procurewatch.web.security.login import Access
from procurewatch.web.serving import listening, server_running
from procurewatch.web.sql.pages import sql_routes
from procurewatch.web.sql.workers import SqlWorkers
from procurewatch.web.tracking import RequestTracker

MAX_HEADER_BYTES = 32 * 1024  # of one request
STOP_SECONDS = 5  # after SIGTERM or Ctrl-C, until the requests that still run are canceled


for media_type in ("application/feed+json", "application/problem+json", "text/x-opml"):
    add_compress_type(media_type)


def make_context(app: AppContext, base_url: str) -> WebContext:
    """Return the shared state of the routes."""
    is_https = urlsplit(base_url).scheme == "https"
    return WebContext(app=app, base_url=base_url, access=Access(app.settings, is_https=is_https))


def make_app(app: AppContext, base_url: str) -> Starlette:
    """Return the web application. `base_url` is the public URL of the site."""
    address = urlsplit(base_url)
    context = make_context(app, base_url)
    workers = SqlWorkers(Path(str(app.database.engine.url.database)))
    return Starlette(
        lifespan=lambda _app: workers.running(),
        routes=[
            Mount(API, make_api(context)),
            *sql_routes(app.database, address.path, workers),
            Mount("", make_pages(context)),
        ],
        middleware=[
            Middleware(RequestTracker, metrics=app.metrics),
            Middleware(
                RequestGuard,
                host=address.hostname or "",
                requests_per_minute=app.settings.requests_per_minute,
                proxies=Proxies(app.settings.trusted_proxies),
            ),
            Middleware(CompressMiddleware),
        ],
    )


def make_pages(context: WebContext) -> FastAPI:
    """Return the application of the pages, feeds and files."""
    pages = FastAPI(title="Procurewatch", docs_url=None, redoc_url=None, openapi_url=None)
    # site_files matches every path.
    public = (home, compare, health, metrics, search, feeds, exports, awards, subjects, expiring, coverage)
    routers = (*public, review, link_page, alert_pages, site_files)
    for routes in routers:
        pages.include_router(routes.router(context))
    pages.add_exception_handler(RequestRejected, review.rejected)
    pages.add_exception_handler(Exception, server_error)
    return pages


@contextmanager
def site_running(app: AppContext, host: str, port: int, site_url: str) -> Iterator[str]:
    """Run the website in a thread for the block; yield its public URL. It ends when `app.stop` is set.

    Raises:
        OSError: the port is in use.
        RuntimeError: the server has ended by itself, which sets `app.stop`.
    """
    with listening(host, port) as (sockets, address):
        base_url = site_url or app.settings.site_url or address
        with server_running(make_server(app, base_url), sockets, app.stop):
            yield base_url


def make_server(app: AppContext, base_url: str, limits: ConnectionLimits | None = None) -> uvicorn.Server:
    """Return the server of the web application; `limits` of its connections, if not the default ones."""
    config = uvicorn.Config(
        make_app(app, base_url),
        http=(limits or ConnectionLimits(Proxies(app.settings.trusted_proxies))).protocol(),
        ws="none",
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        lifespan="on",
        timeout_graceful_shutdown=STOP_SECONDS,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `security.guard` reads them, from trusted proxies only
    )
    return uvicorn.Server(config)
