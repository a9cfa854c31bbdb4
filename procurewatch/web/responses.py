"""Answers with validators: a client that has what we would send gets 304 and no body."""

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
from isal import igzip
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from feeds.pages.page_context import PageContext

HTML = "text/html; charset=utf-8"
JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
KEPT_SECONDS = 300
DEEPEST_PAGE = 8  # folders; a path with more is none of ours


@dataclass(frozen=True, slots=True)
class Page:
    """Bytes as they are served. The tag is weak, since gzip changes the bytes but not what they say."""

    content: bytes
    tag: str
    modified: datetime | None = None
    is_compressed: bool = False  # with gzip


def page_of(content: bytes, modified: datetime | None = None) -> Page:
    """Return bytes with their tag."""
    return Page(content, f'W/"{hashlib.sha256(content).hexdigest()[:32]}"', modified)


def answer(request: Request, page: Page, kind: str = HTML, *, private: bool = False) -> Response:
    """Return a page, or 304. A private one, as a reviewer sees it, is kept by nobody."""
    keeping = "private, no-store" if private else f"public, max-age={KEPT_SECONDS}"
    headers = {"ETag": page.tag, "Cache-Control": keeping, "Vary": "Cookie"}
    if page.modified:
        headers["Last-Modified"] = format_datetime(page.modified, usegmt=True)
    if is_fresh(request, page):
        return not_modified(headers)
    if page.is_compressed:
        return compressed(request, page.content, headers, kind)
    return Response(page.content, headers=headers, media_type=kind)


def not_modified(headers: Mapping[str, str]) -> Response:
    """Return 304 with the headers of what the client has: caches take over from it what the answer varies by."""
    response = Response(status_code=304, headers=headers)
    response.headers.add_vary_header("Accept-Encoding")
    return response


def compressed(request: Request, content: bytes, headers: Mapping[str, str], kind: str) -> Response:
    """Return what is compressed with gzip as it is, or undone for a client that does not take that."""
    if "gzip" in request.headers.get("accept-encoding", ""):
        response = Response(content, headers={**headers, "Content-Encoding": "gzip"}, media_type=kind)
        response.headers.add_vary_header("Accept-Encoding")  # to what is not compressed, the middleware adds it
        return response
    whole: bytes = igzip.decompress(content)  # type: ignore[no-untyped-call]
    return Response(whole, headers=headers, media_type=kind)


def is_fresh(request: Request, page: Page) -> bool:
    """Whether what the client has is what we would send (RFC 9110, 13.2.2: a tag counts before a date)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        plain = page.tag.removeprefix("W/")
        return any(tag.strip() == "*" or tag.strip().removeprefix("W/") == plain for tag in tags.split(","))
    since = request.headers.get("if-modified-since")
    if since is None or page.modified is None:
        return False
    try:
        moment = parsedate_to_datetime(since)
    except (ValueError, OverflowError):
        return False
    return page.modified <= (moment if moment.tzinfo else moment.replace(tzinfo=UTC))


class Refusal(PlainTextResponse):
    """An error as one line of text; for a browser, which shows what it gets to a person, a page with that line."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(f"{line}\n", status_code=status, headers={"Vary": "Accept"})
        self._line = line

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the client wants it."""
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        depth = raw.count(b"/") - 1
        if "text/html" in Headers(scope=scope).get("accept", "") and depth <= DEEPEST_PAGE:
            title = "Nothing here" if self.status_code == HTTPStatus.NOT_FOUND else "Not answered"
            page = PageContext(served=True, depth=depth).render("refusal.html", title=title, line=self._line)
            response = Response(page, self.status_code, media_type=HTML)
            for name, value in self.headers.items():
                response.headers.setdefault(name, value)
            await response(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


def refusal(status: int, line: str) -> Refusal:
    """Return an error in one line."""
    return Refusal(status, line)


def problem(status: int, line: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as a program reads it (RFC 9457), with one line about it."""
    content = {"title": HTTPStatus(status).phrase, "status": status, "detail": line}
    return Response(json.dumps(content), status_code=status, headers=headers, media_type=PROBLEM_JSON)


def see_other(where: str) -> RedirectResponse:
    """Return the way to one of our own pages after a form was sent; `where` is relative, made by us and no one else."""
    return RedirectResponse(where, status_code=303)
