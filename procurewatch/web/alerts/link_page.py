"""The page of the signed link in a message: without a login, it unsubscribes or changes that one alert.

GET changes nothing, because mail scanners follow links. POST needs no CSRF token: the link itself is the secret. Mail
programs unsubscribe with a POST of their own (RFC 8058).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from feeds.pages.alerts import render_link
from procurewatch.alerts.links import LINK, read_link
from procurewatch.alerts.messages import subject_titles
from procurewatch.web.alerts.views import alert_view, change_alert
from procurewatch.web.context import WebContext
from procurewatch.web.responses import HTML, see_other
from procurewatch.web.routes.review import PRIVATE
from procurewatch.web.security.login import form_of
from storage.alerts.subscriptions import remove_subscription

HEADERS = {**PRIVATE, "X-Robots-Tag": "noindex"}
INVALID = "This link is not valid any more: its alert was removed. You get no more messages of it."
UNSUBSCRIBED = "You are unsubscribed. You get no more messages of this alert."


async def _link_form(request: Request) -> dict[str, str]:
    """Return a form; that of one click may be sent as multipart/form-data (RFC 8058, 3.2)."""
    body = await request.body()
    if b"List-Unsubscribe" in body and b"One-Click" in body:
        return {"do": "unsubscribe"}
    return await form_of(request)


def router(context: WebContext) -> APIRouter:
    """Return the routes of signed links."""
    routes = APIRouter(prefix=f"/{LINK}")

    @routes.api_route("/{token}", methods=["GET", "HEAD"])
    def show(token: str) -> Response:
        with context.database.reading() as session:
            found = read_link(session, token)
            if found is None:
                return _page(render_link(context.page_context(depth=2), None, notice=INVALID), 404)
            view = alert_view(context.app, session, found, subject_titles(context.app, session), has_errors=False)
        return _page(render_link(context.page_context(depth=2), view))

    @routes.post("/{token}")
    def change(token: str, form: Annotated[dict[str, str], Depends(_link_form)]) -> Response:
        with context.database.writing() as session:
            found = read_link(session, token)
            if form.get("do") != "unsubscribe":
                if found is None:
                    return _page(render_link(context.page_context(depth=2), None, notice=INVALID), 404)
                change_alert(session, found, form)
                return see_other(token)
            if found is not None:
                remove_subscription(session, found.id)
        # A second click finds no alert, and is right all the same.
        return _page(render_link(context.page_context(depth=2), None, notice=UNSUBSCRIBED))

    return routes


def _page(content: bytes, status: int = 200) -> Response:
    return Response(content, status, headers=HEADERS, media_type=HTML)
