"""A real HTTP server on this machine that stands in for a public API: the machinery, without any API's own rules."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar, Self

from procurewatch.demo.answers import Answer, LoggedRequest

LOOPBACK = "127.0.0.1"


class StandIn:
    """Serves at `base_url` until closed, each request in a thread of its own; a subclass gives the answers.

    `requests` holds every request received, in order. `port` 0 takes a free one.
    """

    def __init__(self, *, port: int = 0) -> None:
        self.requests: list[LoggedRequest] = []
        self._lock = threading.RLock()
        self._server = _Server((LOOPBACK, port), _Handler)
        self._server.stand_in = self
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
    def answers_held_back(self) -> Iterator[None]:
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
    stand_in: StandIn

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
        request = LoggedRequest(
            method=self.command,
            path=self.path,
            body=self.rfile.read(length),
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        stays_open = self.server.stand_in.respond(request, self.connection)
        self.close_connection = self.close_connection or not stays_open

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def log_message(self, *_: object) -> None:
        """Say nothing: what was asked stands in `requests`."""
