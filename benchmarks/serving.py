"""What serving costs: `python -m benchmarks.serving [--actions N] [--rounds N] [--folder FOLDER]`.

Generates so many stored actions once (1,000,000 unless told) into a file under the cache folder, serves it in a process
of its own, and prints side by side, in interleaved rounds:

- the latency of a feed that nobody asked for before, of the same feed from the cache, and of the search page where
  there is one, against the bare SQL that the answer needs, replayed on a bare connection;
- requests per second of a cached feed and of a 304 against a static file of the same bytes from the same process;
- the time to build 1,000 entries as Atom and as RSS, and what feedgen takes of it.
"""

from __future__ import annotations

import argparse
import http.client
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from platformdirs import user_cache_path
from rich.console import Console
from rich.table import Table
from sqlalchemy import event
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from benchmarks.stored_actions import VENDORS, make
from feeds.entries import entry_for
from feeds.feed_meta import FeedMeta
from feeds.layout import FeedFormat, permalink
from feeds.site import EPOCH
from feeds.syndication import write_feed
from feeds.tags import feed_id
from monitors.watchlist import load_watchlist
from procurewatch.desk import Desk
from procurewatch.settings import Settings
from procurewatch.web.app import make_app
from storage.archives import newest_page
from storage.database import Database, open_database
from storage.query import Query, read_query
from storage.reading import publication_state
from storage.searching import find_events, find_records

ENTRIES = 100
BUILT_ENTRIES = 1_000
REQUESTS = 200  # of each kind, one round
ON_DISK = "/static-file"
console = Console()

Statement = tuple[str, Sequence[Any]]


def questions() -> list[str]:
    """Return different questions of the kinds that readers ask."""
    asked = [f"vendor=vendor-{number}" for number in range(0, VENDORS, 5)]
    asked += [f"category=category-{number}" for number in range(12)]
    asked += [
        f"q={word}" for word in ("facial+recognition", "drone", '"license+plate"', "forensic+extraction", "radio")
    ]
    asked += [f"agency={code}" for code in ("7012", "7014", "1549", "2001", "2010")]
    return [*asked, "", "min_amount=1000000", "event=new-award", "since=2025-01-01", "vendor=vendor-3&agency=7012"]


def opened_desk(file: Path) -> Desk:
    """Return a desk over a database, with the shipped watchlist."""
    settings = Settings.model_validate({"data_dir": file.parent, "feed_entries": ENTRIES})
    return Desk(
        settings=settings,
        database=open_database(f"sqlite:///{file}"),
        watchlist=load_watchlist(),
        stop=threading.Event(),
    )


def serve(file: Path, folder: Path, port: int) -> None:
    """Serve until ended: the program's own application, and the folder beside it."""
    app = make_app(opened_desk(file), f"http://127.0.0.1:{port}")
    app.router.routes.insert(0, Mount(ON_DISK, StaticFiles(directory=folder)))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", access_log=False)


@contextmanager
def serving(file: Path, folder: Path) -> Iterator[http.client.HTTPConnection]:
    """Serve in another process; give a connection that is kept open."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.serving", "--serve", str(file), str(folder), str(port)]
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


def fetch(connection: http.client.HTTPConnection, path: str, tag: str = "") -> tuple[int, bytes, str]:
    """Return status, body and tag of a path."""
    connection.request("GET", path, headers={"If-None-Match": tag} if tag else {})
    answer = connection.getresponse()
    return answer.status, answer.read(), answer.headers.get("ETag", "")


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def statements(database: Database, ask: Callable[[Any], object]) -> list[Statement]:
    """Return the SQL that asking takes."""
    found: list[Statement] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Sequence[Any], *_more: object) -> None:
        found.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        with database.reading() as session:
            ask(session)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    return [(statement, parameters) for statement, parameters in found if statement.startswith(("SELECT", "WITH"))]


def replay(bare: sqlite3.Connection, wanted: Sequence[Statement]) -> None:
    """Ask the same of a bare connection."""
    for statement, parameters in wanted:
        bare.execute(statement, parameters).fetchall()


def feed_needs(query: Query) -> Callable[[Any], object]:
    """Return what asks the database for a feed."""

    def ask(session: Any) -> None:
        publication_state(session)
        newest_page(session, query, datetime.now(UTC))
        find_events(session, query, ENTRIES)

    return ask


def page_needs(query: Query) -> Callable[[Any], object]:
    """Return what asks the database for the first page of a search."""
    return lambda session: list(find_records(session, query, 50))


def latencies(file: Path, connection: http.client.HTTPConnection) -> None:
    """Print how long answers take against their bare SQL."""
    has_page = fetch(connection, "/search?q=drone")[0] == 200
    taken: dict[str, list[float]] = {"bare SQL of a feed": [], "feed, built": [], "feed, cached": []}
    if has_page:
        taken |= {"bare SQL of a search page": [], "search page": []}
    with closing(open_database(f"sqlite:///{file}")) as database, closing(sqlite3.connect(file)) as bare:
        for question in questions():
            query = read_query(parse_qsl(question))
            wanted = statements(database, feed_needs(query))
            replay(bare, wanted)  # once, so that all read from memory
            path = f"/search.atom?{question}".replace('"', "%22")
            taken["bare SQL of a feed"].append(timed(lambda: replay(bare, wanted)))  # noqa: B023
            taken["feed, built"].append(timed(lambda: fetch(connection, path)))  # noqa: B023
            taken["feed, cached"].append(timed(lambda: fetch(connection, path)))  # noqa: B023
            if has_page:
                wanted = statements(database, page_needs(query))
                replay(bare, wanted)
                page = f"/search?{question}".replace('"', "%22")
                taken["bare SQL of a search page"].append(timed(lambda: replay(bare, wanted)))  # noqa: B023
                taken["search page"].append(timed(lambda: fetch(connection, page)))  # noqa: B023
    table = Table("latency", "median", "99th percentile", "median against its SQL")
    for name, seconds in taken.items():
        against = taken["bare SQL of a search page" if "page" in name else "bare SQL of a feed"]
        ratio = "" if "SQL" in name else f"{median(seconds) / median(against):.2f} x"
        table.add_row(name, f"{median(seconds) * 1e3:.2f} ms", f"{quantiles(seconds, n=100)[98] * 1e3:.2f} ms", ratio)
    console.print(table)
    if not has_page:
        console.print("There is no search page to measure.")


def rates(connection: http.client.HTTPConnection, folder: Path, rounds: int) -> None:
    """Print requests per second of a cached feed and a 304 against a static file of the same bytes."""
    path = "/search.atom?category=category-3"
    _, content, tag = fetch(connection, path)
    (folder / "feed.xml").write_bytes(content)
    kinds = {
        "static file": (f"{ON_DISK}/feed.xml", "", 200),
        "cached feed": (path, "", 200),
        "304": (path, tag, 304),
    }
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (asked, known, expected) in kinds.items():
            start = time.perf_counter()
            for _request in range(REQUESTS):
                status, _, _ = fetch(connection, asked, known)
                if status != expected:
                    raise SystemExit(f"{name}: HTTP {status}")
            found[name].append(REQUESTS / (time.perf_counter() - start))
    table = Table(f"{len(content):,} bytes", "requests per second", "against the static file")
    for name, rate in found.items():
        ratio = median(own / static for own, static in zip(rate, found["static file"], strict=True))
        table.add_row(name, f"{median(rate):,.0f}", f"{ratio:.2f} x")
    console.print(table)


def building(file: Path, rounds: int) -> None:
    """Print how long 1,000 entries take: to read, to word, and to write in each format."""
    parts: dict[str, list[float]] = {}
    with closing(open_database(f"sqlite:///{file}")) as database:
        for _ in range(rounds):
            with database.reading() as session:
                start = time.perf_counter()
                events = find_events(session, Query(), BUILT_ENTRIES)
                parts.setdefault("read the events", []).append(time.perf_counter() - start)
            start = time.perf_counter()
            entries = [entry_for(told, lambda of: permalink("https://example.org", of)) for told in events]
            parts.setdefault("word the entries", []).append(time.perf_counter() - start)
            meta = FeedMeta(
                id=feed_id("all"),
                title="Everything",
                subtitle="Everything",
                self_url="https://example.org/all.atom",
                html_url="https://example.org/",
                updated=EPOCH,
            )
            for fmt in FeedFormat:
                taken = timed(lambda: write_feed(fmt, meta, entries))  # noqa: B023
                parts.setdefault(f"write {fmt}", []).append(taken)
    table = Table(f"building {BUILT_ENTRIES:,} entries", "median")
    for name, seconds in parts.items():
        table.add_row(name, f"{median(seconds) * 1e3:,.0f} ms")
    console.print(table)


def main() -> None:
    """Run all parts, or serve for them."""
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=user_cache_path("procurewatch", appauthor=False))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / f"serving-{options.actions}.sqlite3"
    make(file, options.actions)
    folder = Path(tempfile.mkdtemp())
    try:
        with serving(file, folder) as connection:
            latencies(file, connection)
            rates(connection, folder, options.rounds)
        building(file, options.rounds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
