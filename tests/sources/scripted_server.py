"""A server on loopback that answers as a list of scripted answers says, however badly."""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from tests.upstreams.server import LOOPBACK, Answer, FakeServer, LoggedRequest, reset


class How(Enum):
    """How an answer is sent."""

    WHOLE = auto()
    RESET = auto()  # the connection is reset instead
    HANG_UP = auto()  # the connection is closed without a word
    CUT = auto()  # half of the body, then the end
    DRIP = auto()  # the body one byte at a time, `pause` seconds apart
    DRIP_HEAD = auto()  # the same, from the first byte of the head
    HANG = auto()  # nothing comes until the server closes
    LATE = auto()  # whole, after `pause` seconds


@dataclass(frozen=True, kw_only=True)
class Script(Answer):
    """One answer, which ends its connection unless it says otherwise. A header without a value is not sent."""

    body: bytes = b'{"good": true}'
    how: How = How.WHOLE
    pause: float = 0.0

    @property
    def all_headers(self) -> Mapping[str, str]:
        lines = {"Connection": "close", **super().all_headers}
        return {name: value for name, value in lines.items() if value}


class ScriptedServer(FakeServer):
    """Gives each request the next of its answers, and the last one for ever.

    `most_at_once` is how many requests it has had to answer at the same time.
    """

    def __init__(self, *scripts: Script, port: int = 0) -> None:
        self.scripts = list(scripts) or [Script()]
        self.most_at_once = 0
        self._under_way = 0
        self._closing = threading.Event()
        super().__init__(port=port)

    def close(self) -> None:
        """Stop serving; whoever hangs or drips is let go."""
        self._closing.set()
        super().close()

    def answer(self, _: LoggedRequest) -> Answer:
        """Return the next answer."""
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        return self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]

    def transmit(self, connection: socket.socket, answer: Answer) -> bool:
        """Send an answer in the way it is scripted."""
        assert isinstance(answer, Script)
        if answer.how is How.LATE:
            self._closing.wait(answer.pause)
        with self.paused():
            self._under_way -= 1
        head, body = answer.head(), answer.body
        match answer.how:
            case How.RESET:
                reset(connection)
            case How.HANG:
                self._closing.wait()
            case How.CUT:
                connection.sendall(head + body[: len(body) // 2])
            case How.DRIP:
                connection.sendall(head)
                self._drip(connection, body, answer.pause)
            case How.DRIP_HEAD:
                self._drip(connection, head + body, answer.pause)
            case How.WHOLE | How.LATE:
                connection.sendall(head + body)
                return answer.all_headers["Connection"] != "close"
        return False

    def _drip(self, connection: socket.socket, content: bytes, pause: float) -> None:
        for byte in content:
            connection.sendall(bytes([byte]))
            if self._closing.wait(pause):
                return


def closed_port() -> int:
    """Return a port of loopback on which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind((LOOPBACK, 0))
        return int(reserved.getsockname()[1])
