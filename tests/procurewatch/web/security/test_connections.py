"""Hostile connections over real sockets: many, half-sent, endless and slow ones. Others are served meanwhile."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from procurewatch.web.security.addresses import Proxies
from procurewatch.web.security.connections import ConnectionLimits
from tests.commands import start

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: "
WHOLE = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\na=b"
SMALL = 4096  # bytes
GENEROUS = 120  # seconds
VISITOR, ATTACKER = "127.0.0.1", "127.0.0.2"


@contextmanager
def connected(address: str, client: str = ATTACKER) -> Iterator[socket.socket]:
    """A connection from an address of this machine."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname or "", parts.port or 0), GENEROUS, (client, 0)) as opened:
        yield opened


def read_all(opened: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while data := opened.recv(65536):
            received += data
    return received


def get(address: str, client: str = VISITOR) -> httpx.Response:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=client), timeout=GENEROUS) as opened:
        return opened.get(f"{address}/style.css")


@pytest.fixture(scope="module")
def address(_sqlite_with_tables: Path) -> Iterator[str]:
    """The address of a real `procurewatch serve`."""
    variables = {"PROCUREWATCH_DATABASE_URL": f"sqlite:///{_sqlite_with_tables}"}
    with start(_sqlite_with_tables.parent, "serve", "--port", "0", **variables) as process:
        try:
            yield process.stdout.readline().split()[1].rstrip("/")
        finally:
            process.kill()


def test_half_sent_requests_of_one_client_leave_the_site_to_others(address: str) -> None:
    with ExitStack() as stack:
        opened = [stack.enter_context(connected(address)) for _ in range(200)]
        for each in opened:
            with suppress(ConnectionError):
                each.sendall(HALF)
        assert get(address).status_code == 200
        assert get(address, ATTACKER).status_code == 503
        refused = [each for each in opened if has_answer(each)]
        assert len(opened) - len(refused) == ConnectionLimits(Proxies()).per_client
    while get(address, ATTACKER).status_code == 503:
        pass  # until the server has seen that they are closed


def has_answer(opened: socket.socket) -> bool:
    opened.setblocking(False)
    with suppress(BlockingIOError, ConnectionResetError):
        return b"503 Service Unavailable" in opened.recv(1000)
    return False


@pytest.mark.parametrize("head", [HALF, b"GET / HTTP/1.1\r\n", b"GET /", b""], ids=["value", "name", "path", "method"])
def test_an_endless_request_header_ends_the_connection(address: str, head: bytes) -> None:
    block = b"X-Endless: x\r\n" * 1000 if head.endswith(b"1.1\r\n") else b"x" * 10_000
    with connected(address) as opened:
        sent = 0
        with suppress(ConnectionError):
            opened.sendall(head)
            while sent < 100_000_000:
                sent += opened.send(block)
        assert sent < 100_000_000
    assert get(address).status_code == 200


def test_two_host_headers_are_refused(address: str) -> None:
    with connected(address) as opened:
        opened.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n")
        assert read_all(opened).startswith(b"HTTP/1.1 400 ")


# What follows needs shorter times than those of the program, so it serves a small application with the same protocol.


async def answer(request: Request) -> PlainTextResponse:
    await request.body()
    return PlainTextResponse("served")


async def slow(_request: Request) -> PlainTextResponse:
    await asyncio.sleep(2)
    return PlainTextResponse("served")


@contextmanager
def serving(limits: ConnectionLimits, *routes: Route) -> Iterator[str]:
    """Serve on loopback within limits."""
    app = Starlette(routes=[*routes, Route("/slow", slow), Route("/{path:path}", answer, methods=["GET", "POST"])])
    config = uvicorn.Config(app, http=limits.protocol(), log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with closing(socket.create_server((VISITOR, 0))) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)  # of its connections
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://{VISITOR}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize(
    "sent",
    [b"", HALF, HALF_BODY, WHOLE + HALF, WHOLE + HALF_BODY],
    ids=["nothing", "header", "body", "second header", "second body"],
)
def test_a_request_that_does_not_arrive_in_time_is_cut_off(sent: bytes) -> None:
    with serving(ConnectionLimits(Proxies(), request_seconds=0.5)) as address, connected(address) as opened:
        if sent.startswith(WHOLE):
            opened.sendall(WHOLE)
            received = b""
            while not received.endswith(b"served"):
                received += opened.recv(1000)
        opened.sendall(sent.removeprefix(WHOLE))
        assert read_all(opened) == b""


def test_a_request_that_arrives_drop_by_drop_is_cut_off() -> None:
    with serving(ConnectionLimits(Proxies(), request_seconds=0.5)) as address, connected(address) as opened:
        opened.sendall(HALF)
        until = time.monotonic() + GENEROUS
        with pytest.raises(ConnectionError):
            while time.monotonic() < until:
                opened.sendall(b"x")
                time.sleep(0.05)


def test_a_slow_response_is_not_cut_off() -> None:
    with serving(ConnectionLimits(Proxies(), request_seconds=0.5, patience_seconds=0.5)) as address:
        assert httpx.get(f"{address}/slow", timeout=GENEROUS).text == "served"


def test_all_clients_together_have_a_limit() -> None:
    limits = ConnectionLimits(Proxies(), total=10, per_client=4)
    with serving(limits) as address:
        with ExitStack() as stack:
            for number in range(10):
                stack.enter_context(connected(address, f"127.0.0.{10 + number // 4}")).sendall(HALF)
            while limits.open_by_client.total() < 10:
                time.sleep(0.01)
            assert get(address).status_code == 503
        while limits.open_by_client.total():
            time.sleep(0.01)
        assert get(address).status_code == 200
    assert limits.open_by_client == {}


def test_a_trusted_proxy_has_all_connections() -> None:
    limits = ConnectionLimits(Proxies([ip_network(f"{ATTACKER}/32")]), total=10, per_client=1)
    with serving(limits) as address, ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(connected(address)).sendall(HALF)
        assert get(address, ATTACKER).status_code == 200


def endless(closed: threading.Event) -> Route:
    async def stream() -> AsyncIterator[bytes]:
        try:
            while True:
                await asyncio.sleep(0)  # so that it can be canceled
                yield b"x" * 65536
        finally:
            closed.set()

    return Route("/endless", lambda _request: StreamingResponse(stream()))


def test_who_reads_too_slowly_is_cut_off() -> None:
    closed = threading.Event()
    limits = ConnectionLimits(Proxies(), patience_seconds=0.5, bytes_per_second=10_000_000)
    with serving(limits, endless(closed)) as address, connected(address) as opened:
        opened.sendall(WHOLE.replace(b"/ ", b"/endless "))
        opened.recv(1000)
        assert closed.wait(GENEROUS)
        assert not read_all(opened).endswith(b"0\r\n\r\n")  # not the end of the response


def test_the_end_of_a_response_must_be_read_too() -> None:
    limits = ConnectionLimits(Proxies(), patience_seconds=0.5, bytes_per_second=10_000_000)
    sized = Route("/sized", lambda _request: PlainTextResponse("x" * 60_000))  # less than asyncio's buffer
    with serving(limits, sized) as address:
        parts = urlsplit(address)
        with socket.socket() as opened:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
            opened.connect((parts.hostname, parts.port))
            opened.sendall(WHOLE.replace(b"/ ", b"/sized ").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            opened.recv(10)
            until = time.monotonic() + GENEROUS
            while limits.open_by_client and time.monotonic() < until:
                time.sleep(0.01)
            assert limits.open_by_client == {}


def test_who_reads_steadily_is_served() -> None:
    closed = threading.Event()
    limits = ConnectionLimits(Proxies(), patience_seconds=60, bytes_per_second=1)
    with serving(limits, endless(closed)) as address, connected(address) as opened:
        opened.sendall(WHOLE.replace(b"/ ", b"/endless "))
        received = 0
        while received < 30_000_000:
            received += len(opened.recv(1_000_000))
        assert not closed.is_set()
