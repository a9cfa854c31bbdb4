"""A web server in a thread, until the program stops."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


@contextmanager
def listening(host: str, port: int) -> Iterator[tuple[list[socket.socket], str]]:
    """Yield a socket that listens at an address, and the URL of the address; port 0 is a free one.

    Raises:
        OSError: the port is in use, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as opened:
        name = f"[{host}]" if ":" in host else host
        yield [opened], f"http://{name}:{opened.getsockname()[1]}"


@contextmanager
def server_running(server: uvicorn.Server, sockets: list[socket.socket], stop: threading.Event) -> Iterator[None]:
    """Run a server in a thread for the block. It ends when `stop` is set.

    Raises:
        RuntimeError: the server has ended by itself, which sets `stop`.
    """
    has_failed = threading.Event()

    def serve() -> None:
        try:
            server.run(sockets=sockets)
        finally:
            if not stop.is_set():
                has_failed.set()
                stop.set()

    thread = threading.Thread(target=serve, name="website")
    thread.start()
    threading.Thread(target=_stop_with, args=(server, stop), daemon=True).start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if has_failed.is_set():
        raise RuntimeError("the web server has ended by itself")


def _stop_with(server: uvicorn.Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True
