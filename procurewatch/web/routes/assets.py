"""The scripts; the style sheet is a file of the site."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from feeds import urls
from feeds.entries.render import scripts
from procurewatch.web.responses import answer, page_of, refusal

JAVASCRIPT = "text/javascript; charset=utf-8"


def router() -> APIRouter:
    """Return the route of the scripts."""
    routes = APIRouter()
    pages = {name: page_of(content) for name, content in scripts().items()}

    @routes.api_route(f"/{urls.SCRIPTS}/{{name}}", methods=["GET", "HEAD"])
    def script(name: str, request: Request) -> Response:
        if name not in pages:
            return refusal(404, "There is no such script.")
        return answer(request, pages[name], JAVASCRIPT)

    return routes
