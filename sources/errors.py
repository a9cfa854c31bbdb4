"""What can go wrong at a source.

    SourceError
    ├── Unreachable     no connection, a server error or an empty answer, after all tries
    ├── Blocked         the source will not talk to us (403)
    ├── QuotaUsedUp     asked too often (429); `retry_at` says when it may be tried again
    ├── Refused         this one request was refused (any other 4xx)
    └── SourceChanged   it answered, but not in the shape that was agreed

Every leaf says which source, which request and what came back, in one line and without a key.
"""

from __future__ import annotations

from datetime import datetime

EXCERPT = 200


def excerpt(body: bytes) -> str:
    """Return the beginning of an answer on one line, fit for a message."""
    text = " ".join(body[: EXCERPT * 4].decode("utf-8", "replace").split())
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable[:EXCERPT] or "an empty body"


class SourceError(Exception):
    """A source could not be read.

    `source` is its name, `request` the method and path, `came_back` what was seen, `status` the HTTP status if there
    was one, `retry_at` (UTC) when the source itself says it may be asked again.
    """

    def __init__(
        self, source: str, request: str, came_back: str, *, status: int | None = None, retry_at: datetime | None = None
    ) -> None:
        super().__init__(source, request, came_back)
        self.source = source
        self.request = request
        self.came_back = came_back
        self.status = status
        self.retry_at = retry_at

    def __str__(self) -> str:
        until = f"; it may be asked again at {self.retry_at:%Y-%m-%d %H:%M} UTC" if self.retry_at else ""
        return f"{self.source}: {self.request}: {self.came_back}{until}"


class Unreachable(SourceError):
    """No usable answer after all tries. Raised by the client."""


class Blocked(SourceError):
    """The source refuses to talk to us. Raised by the client on 401 and 403."""


class QuotaUsedUp(SourceError):
    """The source says we ask too often. Raised by the client on 429, at once when the wait it asks for is too long."""


class Refused(SourceError):
    """The source refused one request, which will not be repeated. Raised by the client on any other 4xx."""


class SourceChanged(SourceError):
    """The answer is not in the agreed shape. Raised by the client (not JSON, moved) and by adapters (fields)."""
