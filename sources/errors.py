"""What can go wrong at a source.

    SourceError
    ├── Unreachable     no connection, a server error or an empty answer, after all tries
    ├── Blocked         the source will not talk to us (401, 403), or does not accept the key
    ├── QuotaUsedUp     asked too often (429); `retry_at` says when it may be tried again
    ├── Refused         this one request was refused (any other 4xx)
    ├── TooLarge        a file is larger than the caller takes in
    ├── SourceChanged   it answered, but not in the shape that was agreed
    └── Stopped         the program was asked to stop while a request waited

Every leaf says which source, which request and what came back, in one line and without a key.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

EXCERPT = 200


def excerpt(body: bytes) -> str:
    """Return the beginning of an answer on one line, fit for a message."""
    text = " ".join(body[: EXCERPT * 4].decode("utf-8", "replace").split())
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable[:EXCERPT] or "an empty body"


class SourceError(Exception):
    """A source could not be read.

    `source` is its name, `request` the method and path, `came_back` what was seen, `status` the HTTP status if there
    was one, `retry_at` (UTC) when the source itself says it may be asked again. `body_was_empty` is true when an answer
    came without a body.
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
        until = f"; it may be asked again at {self.retry_at:%Y-%m-%d %H:%M} UTC" if self.retry_at else ""
        return f"{self.source}: {self.request}: {self.came_back}{until}"


class Unreachable(SourceError):
    """No usable answer after all tries. Raised by the client."""


class Blocked(SourceError):
    """The source refuses to talk to us, or does not accept the key. Raised by the client on 401 and 403."""


class QuotaUsedUp(SourceError):
    """The source says we ask too often. Raised by the client on 429, at once when the wait it asks for is too long."""


class Refused(SourceError):
    """The source refused one request, which will not be repeated. Raised by the client on any other 4xx."""

    fails_step_only = True


class TooLarge(SourceError):
    """A file is larger than the caller takes in. Raised by the client, which does not ask for it again."""

    fails_step_only = True


class SourceChanged(SourceError):
    """The answer is not in the agreed shape. Raised by the client (not JSON, moved) and by adapters (fields)."""


class Stopped(SourceError):
    """The program was asked to stop while a request waited for its turn. Raised by the client."""

    fails_step_only = True
