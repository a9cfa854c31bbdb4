"""Files that a served site shares with a built one: style sheet, icon, scripts, OPML and the feeds of source health."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from feeds import urls
from feeds.entries.render import favicon, icon, scripts, stylesheet
from feeds.feed import EPOCH
from feeds.site import Writer, site_files
from procurewatch.site_build import build_catalog
from procurewatch.web.cache import CachedValue, publication_version
from procurewatch.web.context import WebContext
from procurewatch.web.responses import CROSS_ORIGIN, HTML, ErrorResponse, body_of, page_response, preflight
from storage.reading.source_health import find_silences

# What is built from the database; feeds and pages have routes of their own.
BUILT = frozenset({urls.OPML, urls.ABOUT, *(f"{urls.HEALTH}.{fmt}" for fmt in urls.FeedFormat)})
MEDIA_TYPES = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
    "opml": "text/x-opml; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "ico": "image/x-icon",
}


def router(context: WebContext) -> APIRouter:
    """Return the route of all files. It matches every path, so it must be the last one."""
    routes = APIRouter()
    writers = CachedValue(lambda _session: _writers(context))
    static = {urls.STYLESHEET: body_of(stylesheet()), urls.ICON: body_of(icon()), urls.FAVICON: body_of(favicon())}
    static |= {f"{urls.SCRIPTS}/{name}": body_of(content) for name, content in scripts().items()}

    @routes.api_route("/{path:path}", methods=["GET", "HEAD"])
    def file(path: str, request: Request) -> Response:
        media_type = MEDIA_TYPES.get(path.rpartition(".")[2], HTML)
        if path in static:
            return page_response(request, static[path], media_type)
        if path not in BUILT:
            return ErrorResponse(404, "Page not found.")
        with context.database.reading() as session:
            _, changed = publication_version(session)
            # That a source is not polled any more changes nothing that is stored.
            silences = find_silences(session, context.app.silences) if path.startswith(urls.HEALTH) else []
            write = (_writers(context) if silences else writers.get(session))[path]
            body = context.cached_page(session, ("file", path), write, depends_on=silences, modified=changed or EPOCH)
        response = page_response(request, body, media_type)
        response.headers.update(CROSS_ORIGIN)
        return response

    for path in BUILT:
        routes.add_api_route(f"/{path}", preflight, methods=["OPTIONS"])
    return routes


def _writers(context: WebContext) -> dict[str, Writer]:
    site = build_catalog(context.app, base_url=context.base_url, is_list=True)
    return {path: write for path, write in site_files(site) if path in BUILT}
