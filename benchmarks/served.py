"""The reading room served in a process of its own, for benchmarks: `python -m benchmarks.served FILE FOLDER PORT`."""

from __future__ import annotations

import http.client
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import uvicorn
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from monitors.watchlist import load_watchlist
from procurewatch.desk import Desk
from procurewatch.settings import Settings
from procurewatch.web.app import made_for_long
from storage.database import open_database

SITE = "http://127.0.0.1"
ENTRIES = 100
MOST_A_MINUTE = 1_000_000  # one client asks all
ON_DISK, MINIMAL = "/static-file", "/minimal"


def opened_desk(file: Path) -> Desk:
    """Return a desk over a database, with the shipped watchlist."""
    settings = Settings.model_validate(
        {"data_dir": file.parent, "feed_entries": ENTRIES, "requests_a_minute": MOST_A_MINUTE}
    )
    return Desk(
        settings=settings,
        database=open_database(f"sqlite:///{file}"),
        watchlist=load_watchlist(),
        stop=threading.Event(),
    )


def serve(file: Path, folder: Path, port: int) -> None:
    """Serve until ended: the program's own application, and the folder beside it."""
    app = made_for_long(opened_desk(file), SITE)
    app.router.routes.insert(0, Route(MINIMAL, lambda _request: PlainTextResponse("")))
    app.router.routes.insert(0, Mount(ON_DISK, StaticFiles(directory=folder)))
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        log_level="error",
        access_log=False,  # this and what follows as the program serves
        server_header=False,
        proxy_headers=False,
    )


@contextmanager
def serving(file: Path, folder: Path) -> Iterator[http.client.HTTPConnection]:
    """Serve in another process; give a connection that is kept open."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.served", str(file), str(folder), str(port)]
    process = subprocess.Popen(command)  # noqa: S603  it is this program itself
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    try:
        for _ in range(600):
            try:
                connection.connect()
                break
            except OSError:
                time.sleep(0.1)
        yield connection
    finally:
        connection.close()
        process.terminate()
        process.wait()


def fetch(connection: http.client.HTTPConnection, path: str, **headers: str) -> tuple[int, bytes, str]:
    """Return status, body and tag of a path. A connection that the server closed since is opened again."""
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        connection.close()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers.get("ETag", "")


def fetched(connection: http.client.HTTPConnection, path: str) -> float:
    """Return how many seconds an answer takes, which must be a good one."""
    if connection.sock is None or connection.sock.fileno() < 0 or _is_stale(connection.sock):
        connection.close()
        connection.connect()  # not part of what is measured
    start = time.perf_counter()
    status, _, _ = fetch(connection, path, **{"Accept-Encoding": "gzip"})  # as feed readers and browsers ask
    taken = time.perf_counter() - start
    if status != HTTPStatus.OK:
        raise SystemExit(f"{path}: HTTP {status}")
    return taken


def _is_stale(connected: socket.socket) -> bool:
    """Whether the server has said goodbye: there is something to read where nothing was asked."""
    return bool(select.select([connected], [], [], 0)[0])


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
