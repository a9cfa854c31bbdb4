"""Fake servers that can be told to fail, in each way a public API has been seen to fail."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum, auto
from functools import cached_property
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import urlsplit

from sources.records import Document
from tests.upstreams.server import HTML_TYPE, Answer, FakeServer, LoggedRequest, reset
from tests.upstreams.usaspending.server import FakeUsaspending

PAGE = b"<!doctype html><html><head><title>Access Denied</title></head><body>Please enable cookies.</body></html>"
UNUSED = "The following filters from the request were not used: {'recipient_search_txt'}. See https://api.usaspending.gov/docs/endpoints"


class Fault(Enum):
    """One way to fail."""

    TOO_MANY = auto()  # 429, Retry-After in seconds
    TOO_MANY_DATE = auto()  # 429, Retry-After as a date
    TOO_MANY_HOUR = auto()  # 429, Retry-After: 3600
    UNAVAILABLE = auto()  # 503 with an empty body
    GATEWAY_TIMEOUT = auto()  # 504 with an empty body
    EMPTY = auto()  # 200 with an empty body
    RESET = auto()  # the connection is reset instead of answered
    TRUNCATED_JSON = auto()  # a whole HTTP answer with half the JSON
    CUT_TRANSFER = auto()  # fewer bytes than Content-Length says, then the end
    HTML_OK = auto()  # 200 and a web page
    FORBIDDEN = auto()  # 403 and a web page
    RENAMED_FIELD = auto()  # generated_internal_id goes by another name
    SLOW_DRIP = auto()  # one byte at a time
    SERVER_ERROR = auto()  # 500
    UNUSED_FILTER = auto()  # the answer says that a filter was not used


@dataclass(frozen=True, kw_only=True)
class SpoiltAnswer(Answer):
    """An answer whose sending goes wrong."""

    fault: Fault


@dataclass(kw_only=True)
class Playing:
    """A fault to play on requests whose path holds `on`: not on the first `after` of them, then `times` times."""

    fault: Fault
    on: str
    times: int | None
    after: int

    def due(self, path: str) -> bool:
        """Whether the fault plays on this request; counts it."""
        if self.on not in path or self.times == 0:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Faulty(FakeServer):
    """A fake server with a `play` button, to be mixed in before one that answers: `class F(Faulty, SomeFakeServer)`.

    `retry_after` seconds go with a 429; `drip_seconds` lie between two bytes; RENAMED_FIELD puts
    the second of `renaming` for the first.
    """

    renaming: ClassVar[tuple[bytes, bytes]]
    retry_after: float = 1
    drip_seconds: float = 0.02

    @cached_property
    def _playing(self) -> list[Playing]:
        return []

    def play(self, fault: Fault, *, on: str = "", times: int | None = None, after: int = 0) -> None:
        """Play `fault` where the path holds `on`, `times` times (`None`: for good), after `after` good answers."""
        with self.paused():
            self._playing.append(Playing(fault=fault, on=on, times=times, after=after))

    def heal(self) -> None:
        """Play no fault any more."""
        with self.paused():
            self._playing.clear()

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the true answer, or the one of the first fault that is due."""
        due = next((playing.fault for playing in self._playing if playing.due(request.path)), None)
        return super().answer(request) if due is None else self._failed(due, request)

    def _failed(self, fault: Fault, request: LoggedRequest) -> Answer:
        later = format_datetime(datetime.now(UTC) + timedelta(seconds=self.retry_after), usegmt=True)
        throttled = b'{"detail": "Request was throttled."}'
        ready = {
            Fault.TOO_MANY: Answer(status=429, body=throttled, headers={"Retry-After": str(self.retry_after)}),
            Fault.TOO_MANY_DATE: Answer(status=429, body=throttled, headers={"Retry-After": later}),
            Fault.TOO_MANY_HOUR: Answer(status=429, body=throttled, headers={"Retry-After": "3600"}),
            Fault.UNAVAILABLE: Answer(status=503),
            Fault.GATEWAY_TIMEOUT: Answer(status=504),
            Fault.EMPTY: Answer(),
            Fault.HTML_OK: Answer(body=PAGE, content_type=HTML_TYPE),
            Fault.FORBIDDEN: Answer(status=403, body=PAGE, content_type=HTML_TYPE),
            Fault.SERVER_ERROR: Answer(status=500, body=b"<h1>Server Error (500)</h1>", content_type=HTML_TYPE),
        }
        return ready[fault] if fault in ready else self._spoilt(fault, super().answer(request))

    def transmit(self, connection: socket.socket, answer: Answer) -> bool:
        """Send the answer, badly if it is spoilt."""
        match answer:
            case SpoiltAnswer(fault=Fault.RESET):
                reset(connection)
                return False
            case SpoiltAnswer(fault=Fault.CUT_TRANSFER):
                connection.sendall(answer.head(len(answer.body) + 1000) + answer.body)
                return False
            case SpoiltAnswer(fault=Fault.SLOW_DRIP):
                for byte in answer.head() + answer.body:
                    connection.sendall(bytes([byte]))
                    time.sleep(self.drip_seconds)
                return True
        return super().transmit(connection, answer)

    def _spoilt(self, fault: Fault, true: Answer) -> Answer:
        """Return the true answer changed by `fault`, or marked to be sent badly."""
        match fault:
            case Fault.TRUNCATED_JSON:
                return replace(true, body=true.body[: len(true.body) // 2])
            case Fault.RENAMED_FIELD:
                return replace(true, body=true.body.replace(*self.renaming))
            case Fault.UNUSED_FILTER:
                content = json.loads(true.body)
                content["messages"] = [*content.get("messages", []), UNUSED]
                return replace(true, body=json.dumps(content).encode())
            case _:
                return SpoiltAnswer(
                    status=true.status,
                    body=true.body,
                    content_type=true.content_type,
                    headers=true.headers,
                    fault=fault,
                )


class FaultyUsaspending(Faulty, FakeUsaspending):
    """USAspending, failing."""

    renaming = (b'"generated_internal_id"', b'"generated_internal_identifier"')


class _Recorded(FakeServer):
    """Answers a request with the recorded document of the same path, whatever its query."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = {urlsplit(document.url).path: document for document in documents}
        super().__init__()

    def answer(self, request: LoggedRequest) -> Answer:
        """Return what was recorded."""
        document = self.documents.get(urlsplit(request.path).path)
        if document is None:
            return Answer(status=HTTPStatus.NOT_FOUND, body=b'{"message": "nothing is recorded at this path"}')
        return Answer(body=document.body, content_type=document.content_type)


class FaultyRecorded(Faulty, _Recorded):
    """Serves recorded documents. RENAMED_FIELD renames every field of a JSON document."""

    renaming = (b'":', b'_renamed":')
