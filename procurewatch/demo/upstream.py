"""A stand-in for api.usaspending.gov: a real HTTP server on this machine that serves API v2 over a list of awards.

It serves the demo and the tests. It is written from USAspending's API contracts and source code
(usaspending_api/api_contracts/contracts/v2/), as strict as the original: what that refuses, this refuses, with the
same status and shape of body.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from procurewatch.demo import award_search, details, transaction_search
from procurewatch.demo.answers import Answer, LoggedRequest, Refusal, json_answer, refuse, unhandled
from procurewatch.demo.corpus import CorpusAction, CorpusAward, load_corpus

__all__ = ["Answer", "CorpusAction", "CorpusAward", "LoggedRequest", "UsaspendingStandIn", "load_corpus"]

PREFIX = "/api/v2/"
LOOPBACK = "127.0.0.1"


class UsaspendingStandIn:
    """Serves `awards` at `base_url` until closed, each request in a thread of its own.

    `awards` may be changed while it serves, inside `with stand_in.editing() as awards:`. `requests` holds every request
    received, in order. `last_updated` is what awards/last_updated/ tells (`None`: the latest action date).
    `port` 0 takes a free one.
    """

    def __init__(self, awards: Sequence[CorpusAward], *, port: int = 0) -> None:
        self.awards: list[CorpusAward] = list(awards)
        self.requests: list[LoggedRequest] = []
        self.last_updated: date | None = None
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
    def editing(self) -> Iterator[list[CorpusAward]]:
        """Hold back all answers while the caller changes the awards it is given."""
        with self._lock:
            yield self.awards

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
        """Return the answer to a request. A subclass wraps this to change what is answered."""
        try:
            return json_answer(self._routed(request))
        except _Redirect as redirect:
            return Answer(status=HTTPStatus.MOVED_PERMANENTLY, headers={"Location": redirect.path})
        except Refusal as refusal:
            return refusal.answer

    def transmit(self, connection: socket.socket, answer: Answer) -> bool:
        """Send the answer; return whether the connection stays open. A subclass wraps this to send it badly."""
        connection.sendall(answer.head() + answer.body)
        return True

    def _routed(self, request: LoggedRequest) -> object:
        """Return the content of the answer, found by path and method as Django finds it."""
        path = urlsplit(request.path).path
        if not path.startswith(PREFIX):
            raise Refusal(HTTPStatus.NOT_FOUND)
        number_awards(self.awards)
        method, serve = self._endpoint(path.removeprefix(PREFIX))
        if serve is None:
            if not path.endswith("/") and self._endpoint(f"{path.removeprefix(PREFIX)}/")[1]:
                raise _Redirect(f"{path}/")
            raise Refusal(HTTPStatus.NOT_FOUND)
        if request.method != method:
            raise refuse(HTTPStatus.METHOD_NOT_ALLOWED, f'Method "{request.method}" not allowed.')
        return serve(posted(request) if method == "POST" else {})

    def _endpoint(self, path: str) -> tuple[str, Callable[[Mapping[str, Any]], object] | None]:
        """Return the method and the function that serve `path` (after /api/v2/); no function when nothing does."""
        awards = self.awards
        fixed: dict[str, tuple[str, Callable[[Mapping[str, Any]], object]]] = {
            "search/spending_by_award/": ("POST", lambda body: award_search.award_search(body, awards)),
            "search/spending_by_award_count/": ("POST", lambda body: transaction_search.award_count(body, awards)),
            "search/spending_by_transaction/": (
                "POST",
                lambda body: transaction_search.transaction_search(body, awards, len(self.requests)),
            ),
            "search/spending_by_transaction_count/": (
                "POST",
                lambda body: transaction_search.transaction_count(body, awards),
            ),
            "transactions/": ("POST", lambda body: details.award_transactions(body, awards)),
            "awards/last_updated/": ("GET", lambda _: details.last_updated(awards, self.last_updated)),
            "references/toptier_agencies/": ("GET", lambda _: details.toptier_agencies()),
        }
        if path in fixed:
            return fixed[path]
        counted, one = "awards/count/transaction/", "awards/"
        if path.startswith(counted) and path.endswith("/"):
            return "GET", lambda _: details.transaction_total(path[len(counted) : -1], awards)
        if path.startswith(one) and path.endswith("/"):
            return "GET", lambda _: details.award_detail(path[len(one) : -1], awards)
        return "GET", None


class _Redirect(Exception):
    """The path lacks its trailing slash: Django sends the client on, and a POST arrives there as a GET."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def number_awards(awards: Sequence[CorpusAward]) -> None:
    """Give every award without an internal id the next free one."""
    for award in awards:
        if award.internal_id is None:
            award.internal_id = 1 + max(other.internal_id or 0 for other in awards)


def posted(request: LoggedRequest) -> Mapping[str, Any]:
    """Return the JSON object of a POST. Text that is not JSON is a 400; form data is a 500 (issue 3185 upstream)."""
    if "form" in request.headers.get("content-type", ""):
        raise unhandled()
    try:
        content = request.json()
    except ValueError as error:
        raise refuse(HTTPStatus.BAD_REQUEST, f"JSON parse error - {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise unhandled()
    return content


class _Server(ThreadingHTTPServer):
    """The listening socket; knows its open connections, so that closing leaves none behind."""

    daemon_threads = True
    request_queue_size = 64
    stand_in: UsaspendingStandIn

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
