"""A tiny HTTP server on loopback that answers as a list of scripted answers says, however badly."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


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
class Script:
    """One answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"good": true}'
    how: How = How.WHOLE
    pause: float = 0.0

    def head(self) -> bytes:
        """Status line and headers, which end the connection with the answer. A header without a value is left out."""
        lines = {"Content-Type": "application/json", "Content-Length": str(len(self.body)), "Connection": "close"}
        sent = "".join(f"{name}: {value}\r\n" for name, value in {**lines, **self.headers}.items() if value)
        known = {status.value: status.phrase for status in HTTPStatus}
        return f"HTTP/1.1 {self.status} {known.get(self.status, 'Unknown')}\r\n{sent}\r\n".encode("latin-1")


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class ScriptedServer:
    """Gives each request the next of its answers, and the last one for ever. `requests` holds what came."""

    def __init__(self, *scripts: Script, port: int = 0) -> None:
        self.requests: list[Received] = []
        self.most_at_once = 0
        self.closing = threading.Event()
        self._under_way = 0
        self._scripts = list(scripts) or [Script()]
        self._lock = threading.Lock()
        self._server = _Server((LOOPBACK, port), _Handler)
        self._server.scripted = self
        self.base_url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving; whoever hangs or drips is let go."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def begin(self, request: Received) -> Script:
        """Note a request and return the answer it is to be given."""
        with self._lock:
            self.requests.append(request)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
            return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]

    def end(self) -> None:
        """Note that a request is about to be done with."""
        with self._lock:
            self._under_way -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64
    scripted: ScriptedServer


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Take any request, and answer as the script says."""
        scripted = self.server.scripted
        request = Received(
            method=self.command,
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        script = scripted.begin(request)
        if script.how is How.LATE:
            scripted.closing.wait(script.pause)
        scripted.end()
        try:
            send(script, self.connection, scripted.closing)
        except OSError:  # the client has given up
            return

    do_POST = do_GET  # noqa: N815  the name that http.server calls

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked stands in `requests`."""


def send(script: Script, connection: socket.socket, closing: threading.Event) -> None:
    """Send an answer in the way it is scripted."""
    match script.how:
        case How.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            socket.close(connection.detach())
        case How.HANG:
            closing.wait()
        case How.CUT:
            connection.sendall(script.head() + script.body[: len(script.body) // 2])
        case How.DRIP:
            connection.sendall(script.head())
            drip(script.body, script.pause, connection, closing)
        case How.DRIP_HEAD:
            drip(script.head() + script.body, script.pause, connection, closing)
        case How.WHOLE | How.LATE:
            connection.sendall(script.head() + script.body)


def drip(content: bytes, pause: float, connection: socket.socket, closing: threading.Event) -> None:
    """Send an answer, or the rest of one, byte by byte."""
    for byte in content:
        connection.sendall(bytes([byte]))
        if closing.wait(pause):
            return


def closed_port() -> int:
    """Return a port of loopback on which nobody listens."""
    with socket.socket() as reserved:
        reserved.bind((LOOPBACK, 0))
        return int(reserved.getsockname()[1])
