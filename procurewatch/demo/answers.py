"""A request as a fake server received it, and the answer it gives; the refusals, shaped as USAspending shapes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

JSON_TYPE = "application/json"
HTML_TYPE = "text/html; charset=utf-8"
# Django's plain page for an error that nobody handles.
PAGE = """
<!doctype html>
<html lang="en">
<head>
  <title>{title}</title>
</head>
<body>
  <h1>{title}</h1><p>{text}</p>
</body>
</html>
"""
PAGES: dict[int, tuple[str, str]] = {
    HTTPStatus.NOT_FOUND: ("Not Found", "The requested resource was not found on this server."),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("Server Error (500)", ""),
}


@dataclass(frozen=True, kw_only=True)
class LoggedRequest:
    """One HTTP request: method, path with its query, the raw body, and headers with lower-case names."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """Return the body as JSON; `None` when it is empty."""
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One HTTP answer: status, body and extra headers."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)

    def head(self, content_length: int | None = None) -> bytes:
        """Return the status line and headers as sent; `content_length` announces another length than the body's."""
        length = len(self.body) if content_length is None else content_length
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Unknown"
        lines = {"Content-Type": self.content_type, "Content-Length": str(length), **self.headers}
        return "".join(
            [f"HTTP/1.1 {int(self.status)} {phrase}\r\n", *(f"{k}: {v}\r\n" for k, v in lines.items()), "\r\n"]
        ).encode("latin-1")


def json_answer(content: object, status: int = HTTPStatus.OK) -> Answer:
    """Return `content` as a JSON answer."""
    return Answer(status=status, body=json.dumps(content).encode())


class Refusal(Exception):
    """The request is refused: `status` and the JSON `content` of the answer, or the page an unhandled error gives."""

    def __init__(self, status: int, content: Mapping[str, object] | None = None) -> None:
        super().__init__(status, content)
        self.status = status
        self.content = content

    @property
    def answer(self) -> Answer:
        """The refusal as an answer. Without content: empty for 503 and 504, Django's plain page otherwise."""
        if self.content is not None:
            return json_answer(self.content, self.status)
        if self.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}:
            return Answer(status=self.status)
        title, text = PAGES.get(self.status, ("", ""))
        return Answer(status=self.status, body=PAGE.format(title=title, text=text).encode(), content_type=HTML_TYPE)


def refuse(status: int, detail: str) -> Refusal:
    """Return the refusal `{"detail": detail}`."""
    return Refusal(status, {"detail": detail})


def unhandled() -> Refusal:
    """Return the 500 that USAspending answers where its own code raises an error nobody handles."""
    return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR)
