"""A real HTTP server on this machine that imitates a public API, without the rules of any API."""

from __future__ import annotations

import json
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

LOOPBACK = "127.0.0.1"
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
        lines = dict(self.all_headers)
        if content_length is not None:
            lines["Content-Length"] = str(content_length)
        phrases = {status.value: status.phrase for status in HTTPStatus}
        status_line = f"HTTP/1.1 {int(self.status)} {phrases.get(self.status, 'Unknown')}\r\n"
        return "".join([status_line, *(f"{k}: {v}\r\n" for k, v in lines.items()), "\r\n"]).encode("latin-1")

    @property
    def all_headers(self) -> Mapping[str, str]:
        """The headers that are sent."""
        return {"Content-Type": self.content_type, "Content-Length": str(len(self.body)), **self.headers}


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


def reset(connection: socket.socket) -> None:
    """Reset a connection instead of answering."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.close(connection.detach())


class FakeServer:
    """Serves at `base_url` until closed, each request in a thread of its own; a subclass gives the answers.

    `requests` holds every request received, in order. `port` 0 takes a free one.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.requests: list[LoggedRequest] = []
        self._lock = threading.RLock()
        self._server = _Server((LOOPBACK, port), _Handler)
        self._server.fake_server = self
        self.base_url = f"http://{LOOPBACK}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and drop every open connection. Closing twice does no harm."""
        self._server.shutdown()
        self._server.drop_connections()
        self._server.server_close()
        self._thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hold back all answers while the caller changes what is served."""
        with self._lock:
            yield

    def respond(self, request: LoggedRequest, connection: socket.socket) -> bool:
        """Log the request, answer it, and return whether the connection may carry another one."""
        with self._lock:
            self.requests.append(request)
            answer = self.answer(request)
        try:
            return self.transmit(connection, answer)
        except OSError:  # the client, or close(), has hung up
            return False

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the answer to a request. Called with all other answers held back."""
        raise NotImplementedError

    def transmit(self, connection: socket.socket, answer: Answer) -> bool:
        """Send the answer; return whether the connection stays open. A subclass wraps this to send it badly."""
        connection.sendall(answer.head() + answer.body)
        return True


class _Server(ThreadingHTTPServer):
    """The listening socket; knows its open connections, so that closing leaves none behind."""

    daemon_threads = True
    request_queue_size = 64
    fake_server: FakeServer

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without asking the network for this machine's name, as the base class would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def drop_connections(self) -> None:
        """Shut down every open connection."""
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection, which it keeps open as HTTP/1.1 does."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout: ClassVar[float] = 60
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        super().finish()

    def handle(self) -> None:
        with suppress(ConnectionError):
            super().handle()

    def _serve(self) -> None:
        """Pass one request on and note whether another may follow."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # the client was killed
            self.close_connection = True
            return
        request = LoggedRequest(
            method=self.command,
            path=self.path,
            body=body,
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        stays_open = self.server.fake_server.respond(request, self.connection)
        self.close_connection = self.close_connection or not stays_open

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815  http.server's names

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked stands in `requests`."""
