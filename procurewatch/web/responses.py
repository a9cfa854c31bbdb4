"""HTTP responses: bodies with an ETag, 304 Not Modified, and errors in one line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from feeds.pages.page_context import PageContext

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
MAX_AGE_SECONDS = 300
# Web pages of other sites may read feeds, lists of feeds and the API.
CROSS_ORIGIN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, Link",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
MAX_PAGE_DEPTH = 8  # folders; no path of the site has more


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a response. The ETag is weak, because compression changes the bytes and not what they say."""

    content: bytes
    etag: str
    modified: datetime | None = None


def body_of(content: bytes, modified: datetime | None = None) -> Body:
    """Return bytes with their ETag."""
    etag = f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'
    return Body(content, etag, modified.replace(microsecond=0) if modified else None)


def page_response(request: Request, body: Body, media_type: str = HTML, *, private: bool = False) -> Response:
    """Return a page, or 304. No cache may store a private one, which a reviewer sees."""
    cache_control = "private, no-store" if private else f"public, max-age={MAX_AGE_SECONDS}"
    return body_response(request, body, media_type, {"Cache-Control": cache_control, "Vary": "Cookie"})


def body_response(request: Request, body: Body, media_type: str, headers: Mapping[str, str]) -> Response:
    """Return a body with its validators and these headers, or 304 with the same headers if the client has it."""
    headers = {**headers, **validators(body)}
    return not_modified(request, body, headers) or Response(body.content, headers=headers, media_type=media_type)


def validators(body: Body) -> dict[str, str]:
    """Return the headers by which a client asks for a body again."""
    modified = format_datetime(body.modified.astimezone(UTC), usegmt=True) if body.modified else ""
    return {"ETag": body.etag} | ({"Last-Modified": modified} if modified else {})


def not_modified(request: Request, body: Body, headers: Mapping[str, str]) -> Response | None:
    """Return 304 with these headers if the client has a body, else `None`."""
    if not _is_fresh(request, body):
        return None
    response = Response(status_code=304, headers=headers)
    response.headers.add_vary_header("Accept-Encoding")
    return response


def preflight() -> Response:
    """Return the answer to OPTIONS for what web pages of other sites may read, also with validators."""
    methods, headers = "GET, HEAD", "If-None-Match, If-Modified-Since"
    allowed = {"Access-Control-Allow-Methods": methods, "Access-Control-Allow-Headers": headers}
    return Response(status_code=204, headers={**CROSS_ORIGIN, **allowed, "Allow": f"{methods}, OPTIONS"})


def _is_fresh(request: Request, body: Body) -> bool:
    """Whether the client has this body (RFC 9110, 13.2.2: an ETag takes precedence over a date)."""
    etags = request.headers.get("if-none-match")
    if etags is not None:
        plain = body.etag.removeprefix("W/")
        return any(etag.strip() == "*" or etag.strip().removeprefix("W/") == plain for etag in etags.split(","))
    since = request.headers.get("if-modified-since")
    if since is None or body.modified is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except (ValueError, OverflowError):
        return False
    return body.modified <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


TITLES: dict[int, str] = {
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Server error",
    HTTPStatus.SERVICE_UNAVAILABLE: "Temporarily unavailable",
}


class ErrorResponse(PlainTextResponse):
    """An error as one line of text, or for a browser as a page with that line."""

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{line}\n", status_code=status, headers={"Vary": "Accept", **(headers or {})})
        self._line = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the page or the line, whichever the client accepts."""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        depth = raw.count(b"/") - 1
        if "text/html" in Headers(scope=scope).get("accept", "") and depth <= MAX_PAGE_DEPTH:
            title = TITLES.get(self.status_code, "Request rejected")
            page = PageContext(served=True, depth=depth).render("refusal.html", title=title, line=self._line)
            response = Response(page, self.status_code, media_type=HTML)
            for name, value in self.headers.items():
                response.headers.setdefault(name, value)
            await response(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


def problem_response(status: int, line: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as problem+json (RFC 9457), with one line of detail."""
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": line}
    return Response(json.dumps(content), status_code=status, headers=headers, media_type=PROBLEM_JSON)


def see_other(path: str) -> RedirectResponse:
    """Redirect to one of our pages after a form; `path` is relative and never comes from the request as it is."""
    return RedirectResponse(path, status_code=303)
