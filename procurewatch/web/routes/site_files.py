"""Files that a served site shares with a built one: style sheet, icon, scripts, OPML and the feeds of source health."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.render import favicon, icon, scripts, stylesheet
from feeds.feed import EPOCH
from feeds.pages.llms_txt import write_llms_txt
from feeds.site import SiteFeeds
from procurewatch.web.cache import publication_version
from procurewatch.web.context import WebContext
from procurewatch.web.responses import CROSS_ORIGIN, HTML, ErrorResponse, body_of, page_response, preflight
from procurewatch.web.routes.home import all_feeds
from sources.registry import SOURCES
from storage.reading.source_health import find_silences, list_incidents

# What is built from the database; feeds and pages have routes of their own.
BUILT = frozenset({urls.OPML, urls.ABOUT, urls.LLMS, *(f"{urls.HEALTH}.{fmt}" for fmt in urls.FeedFormat)})
MEDIA_TYPES = {
    "atom": "application/atom+xml; charset=utf-8",
    "rss": "application/rss+xml; charset=utf-8",
    "json": "application/feed+json; charset=utf-8",
    "opml": "text/x-opml; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "ico": "image/x-icon",
    "txt": "text/plain; charset=utf-8",
}


def router(context: WebContext) -> APIRouter:
    """Return the route of all files. It matches every path, so it must be the last one."""
    routes = APIRouter()
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
            body = context.cached_page(
                session,
                ("file", path),
                lambda: site_file(context, session, path),
                depends_on=silences,
                modified=changed or EPOCH,
            )
        response = page_response(request, body, media_type)
        response.headers.update(CROSS_ORIGIN)
        return response

    for path in BUILT:
        routes.add_api_route(f"/{path}", preflight, methods=["OPTIONS"])
    return routes


def site_file(context: WebContext, session: Session, path: str) -> bytes:
    """Return one of the files `BUILT`."""
    if path == urls.ABOUT:
        return context.page_context().render("about.html")
    if path == urls.LLMS:
        has_sql = context.database.engine.dialect.name == "sqlite"
        return write_llms_txt(context.page_context(), has_sql=has_sql)
    site = SiteFeeds(base_url=context.base_url)
    if path == urls.OPML:
        return site.opml(all_feeds(context, context.feed_stats.get(session), context.agencies.get(session)))
    incidents = (*find_silences(session, context.app.silences), *list_incidents(session))
    titles = {name: source.title for name, source in SOURCES.items()}
    return site.health(urls.FeedFormat(path.rpartition(".")[2]), incidents, titles)
