"""The errors of sources.

    SourceError
    ├── Unreachable     no connection, a server error or an empty answer, after all tries
    ├── Blocked         the source rejects all requests (401, 403), or the key
    ├── QuotaUsedUp     too many requests (429); `retry_at` is when the next one may be sent
    ├── Refused         this one request was rejected (any other 4xx)
    ├── TooLarge        a file is larger than the caller allows
    ├── SourceChanged   the response is not of the expected form
    ├── Unexpected      any other exception while a source is read: an error of the program or the machine
    └── Stopped         the program is to stop while a request waits

Each message names the source, the request and the response, in one line and without a key.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

EXCERPT = 200
MAX_REQUEST = 120  # characters of a request in a message; some have queries of thousands


def excerpt(body: bytes) -> str:
    """Return the beginning of a response body on one line, for a message."""
    text = " ".join(body[: EXCERPT * 4].decode("utf-8", "replace").split())
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable[:EXCERPT] or "an empty body"


class SourceError(Exception):
    """A source could not be read.

    `request` is the method and path, `came_back` what was received, `status` the HTTP status if there was one,
    `retry_at` (UTC) when the source allows the next request. `body_was_empty`: the response had no body.
    """

    fails_step_only: ClassVar[bool] = False
    """Whether the error says nothing about the source as a whole, so that no control query is needed."""

    def __init__(
        self,
        source: str,
        request: str,
        came_back: str,
        *,
        status: int | None = None,
        retry_at: datetime | None = None,
        body_was_empty: bool = False,
    ) -> None:
        super().__init__(source, request, came_back)
        self.source = source
        self.request = request
        self.came_back = came_back
        self.status = status
        self.retry_at = retry_at
        self.body_was_empty = body_was_empty

    def __str__(self) -> str:
        until = f"; the next request is allowed at {self.retry_at:%Y-%m-%d %H:%M} UTC" if self.retry_at else ""
        shown = self.request if len(self.request) <= MAX_REQUEST else f"{self.request[:MAX_REQUEST]}..."
        return f"{self.source}: {shown}: {self.came_back}{until}"


class Unreachable(SourceError):
    """No usable answer after all tries. Raised by the client."""


class Blocked(SourceError):
    """The source rejects all requests, or the key. Raised by the client on 401 and 403."""


class QuotaUsedUp(SourceError):
    """Too many requests. Raised by the client on 429: at once if the requested wait is too long."""


class Refused(SourceError):
    """The source rejected one request, which is not retried. Raised by the client on any other 4xx."""

    fails_step_only = True


class TooLarge(SourceError):
    """A file is larger than the caller allows. Raised by the client, which does not retry it."""

    fails_step_only = True


class SourceChanged(SourceError):
    """The response is not of the expected form. Raised by the client (not JSON, moved) and by adapters (fields)."""


class Unexpected(SourceError):
    """Any other exception while a source was read, which the log shows. Raised by the pipeline."""

    fails_step_only = True


class Stopped(SourceError):
    """The program is to stop while a request waits. Raised by the client."""

    fails_step_only = True
