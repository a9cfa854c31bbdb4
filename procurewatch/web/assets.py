"""The one script of ours; the style sheet is a file of the site."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from feeds import layout
from feeds.render import review_script
from procurewatch.web.answering import answer, page_of


def router() -> APIRouter:
    """Return the route of the script."""
    routes = APIRouter()
    script = page_of(review_script())

    @routes.api_route(f"/{layout.REVIEW_SCRIPT}", methods=["GET", "HEAD"])
    def review(request: Request) -> Response:
        return answer(request, script, "text/javascript; charset=utf-8")

    return routes
