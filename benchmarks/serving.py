"""What serving costs: `python -m benchmarks.serving [--actions N] [--rounds N] [--folder FOLDER]`.

Generates so many stored actions once (1,000,000 unless told) into a file under the cache folder, serves it in a process
of its own, and prints side by side, in interleaved rounds:

- the latency of a feed and of a search page that nobody asked for before, and of both from the cache, against all SQL
  that the answer needs, replayed on bare connections; and what any answer costs over HTTP, however little is in it;
- requests per second of a cached feed and of a 304 against a static file of the same bytes from the same process;
- the time to build 1,000 entries as Atom and as RSS, and what feedgen takes of it.

Every round has a server of its own, which has answered nothing before but one question of each kind. See
docs/serving-speed.md for figures.
"""

from __future__ import annotations

import argparse
import http.client
import select
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import uvicorn
from platformdirs import user_cache_path
from rich.console import Console
from rich.table import Table
from sqlalchemy import event
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from benchmarks.stored_actions import make
from feeds.entries import entry_for
from feeds.feed_meta import EPOCH, FeedMeta
from feeds.layout import FeedFormat, permalink
from feeds.syndication import write_entries, write_feed
from feeds.tags import feed_id
from monitors.watchlist import load_watchlist
from procurewatch.desk import Desk
from procurewatch.settings import Settings
from procurewatch.web.app import made_for_long, make_room
from procurewatch.web.entry_file import EntryFile
from procurewatch.web.entry_writer import EntryWriter, write_all_ahead
from procurewatch.web.room import Room
from procurewatch.web.search_pages import answered
from storage.archives import newest_entries
from storage.carried import Carried
from storage.database import Database, open_database
from storage.query import Query, read_query
from storage.reading import known_vendors, publication_state
from storage.searching import find_events

SITE = "http://127.0.0.1"
ENTRIES = 100
BUILT_ENTRIES = 1_000
REQUESTS = 200  # of each kind, one round
MOST_A_MINUTE = 1_000_000  # one client asks all
ON_DISK, MINIMAL = "/static-file", "/minimal"
SLOWEST = 5
console = Console()

Statement = tuple[str, Sequence[Any]]
Answer = TypeVar("Answer")


def questions(desk: Desk) -> list[str]:
    """Return different questions of the kinds that readers ask: of every fourth vendor, from the most bought on."""
    with desk.database.reading() as session:
        vendors = sorted((vendor_id for vendor_id, _, _ in known_vendors(session)), key=lambda each: (len(each), each))
    asked = [f"vendor={vendor_id}" for vendor_id in vendors[::4]]
    asked += [f"category=category-{number}" for number in range(12)]
    asked += [
        f"q={word}" for word in ("facial+recognition", "drone", '"license+plate"', "forensic+extraction", "radio")
    ]
    asked += [f"agency={code}" for code in ("7012", "7014", "1549", "2001", "2010")]
    return [*asked, "", "min_amount=1000000", "event=new-award", "since=2025-01-01", "vendor=vendor-3&agency=7012"]


def written_ahead(desk: Desk) -> EntryFile:
    """Write every entry as a server does before anybody asks; say how long that took, where it was not done before."""
    kept = EntryFile(desk.settings.data_dir, SITE)
    start = time.perf_counter()
    new = write_all_ahead(desk.database, kept, EntryWriter(kept, SITE), desk.stop)
    if new:
        size = kept.path.stat().st_size
        console.print(f"{new:,} entries written ahead in {time.perf_counter() - start:,.0f} s, {size / 1e6:,.0f} MB")
    return kept


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


def statements(database: Database, ask: Callable[[Any], Answer]) -> tuple[list[Statement], Answer]:
    """Return the SQL that asking takes, and the answer."""
    found: list[Statement] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Sequence[Any], *_more: object) -> None:
        found.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        with database.reading() as session:
            answer = ask(session)
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    asked = [(statement, parameters) for statement, parameters in found if statement.startswith(("SELECT", "WITH"))]
    return asked, answer


class Bare:
    """Connections to the database and to the file of written entries, with nothing around them."""

    def __init__(self, file: Path, entries: Path) -> None:
        self._before = (sqlite3.connect(file), sqlite3.connect(entries))
        self._asked = (sqlite3.connect(file), sqlite3.connect(entries))

    def replay(self, *wanted: Sequence[Statement]) -> Callable[[], None]:
        """Return what asks each of them its statements, once all that is read for it is in the machine's memory.

        They have not asked this themselves before: neither has the server, whose answer is compared with theirs.
        """
        _replay(self._before, wanted)
        return lambda: _replay(self._asked, wanted)

    def close(self) -> None:
        """Close them."""
        for connection in (*self._before, *self._asked):
            connection.close()


def _replay(connections: Iterable[sqlite3.Connection], wanted: Iterable[Sequence[Statement]]) -> None:
    for connection, statements_of_it in zip(connections, wanted, strict=True):
        for statement, parameters in statements_of_it:
            connection.execute(statement, parameters).fetchall()


def feed_needs(query: Query) -> Callable[[Any], list[Carried]]:
    """Return what asks the database for what a feed carries."""

    def ask(session: Any) -> list[Carried]:
        publication_state(session)
        return newest_entries(session, query, ENTRIES, ENTRIES, datetime.now(UTC))[1]

    return ask


def entries_need(kept: EntryFile, carried: Sequence[Carried]) -> list[Statement]:
    """Return what asks the file of written entries for those of a feed."""
    keys = [kept.key(FeedFormat.ATOM, entry) for entry in carried]
    return [(f"SELECT key, content FROM entry WHERE key IN ({','.join('?' * len(keys))})", keys)]  # noqa: S608


def page_needs(room: Room, query: Query) -> Callable[[Any], object]:
    """Return what asks the database for the first page of a search: records, count, facets, what its feed had."""

    def ask(session: Any) -> None:
        publication_state(session)
        answered(room, session, query, "")

    return ask


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One question in one round, in seconds: an answer, and what it is compared with. `kind` is "feed" or "page"."""

    kind: str
    question: str
    sql: float
    built: float
    cached: float
    minimal: float


def latencies(file: Path, folder: Path, rounds: int) -> list[Timed]:
    """Ask every question of a new server, each round; return what was measured."""
    found: list[Timed] = []
    desk = opened_desk(file)
    with closing(desk.database), closing(written_ahead(desk)) as kept:
        room = make_room(desk, SITE)
        asked_here = questions(desk)
        statements(desk.database, page_needs(room, Query(state=("ZZ",))))  # names are looked up once for a state
        for _ in range(rounds):
            with serving(file, folder) as connection, closing(Bare(file, kept.path)) as bare:
                for path in ("/search.atom?state=ZZ", "/search?state=ZZ"):
                    fetched(connection, path)
                for question in asked_here:
                    query = read_query(parse_qsl(question))
                    asked = question.replace('"', "%22")
                    of_feed, carried = statements(desk.database, feed_needs(query))
                    of_page, _ = statements(desk.database, page_needs(room, query))
                    found += [
                        Timed(
                            kind=kind,
                            question=question,
                            sql=timed(bare.replay(*sql)),
                            built=fetched(connection, path),
                            cached=fetched(connection, path),
                            minimal=fetched(connection, MINIMAL),
                        )
                        for kind, path, sql in (
                            ("feed", f"/search.atom?{asked}", (of_feed, entries_need(kept, carried))),
                            ("page", f"/search?{asked}", (of_page, [])),
                        )
                    ]
    return found


def print_latencies(found: Sequence[Timed]) -> None:
    """Print median and 99th percentile of each kind of answer, and the ratio of each to that of its SQL."""
    for kind in ("feed", "page"):
        these = [each for each in found if each.kind == kind]
        of_sql = [each.sql for each in these]
        table = Table(
            f"{kind}: latency, {len(these)} answers", "median", "99th percentile", "median / SQL", "99th / SQL"
        )
        for name in ("sql", "built", "cached", "minimal"):
            seconds = [getattr(each, name) for each in these]
            ratios = [f"{of(seconds) / of(of_sql):.2f} x" for of in (median, percentile_99)]
            table.add_row(name, _ms(median(seconds)), _ms(percentile_99(seconds)), *ratios)
        console.print(table)
        slowest = sorted(these, key=lambda each: -each.built)[:SLOWEST]
        slow = Table(f"the slowest of kind {kind}", "built", "its SQL")
        for each in slowest:
            slow.add_row(each.question or "(everything)", _ms(each.built), _ms(each.sql))
        console.print(slow)


def percentile_99(seconds: Sequence[float]) -> float:
    """Return the time that 99 of 100 answers do not take longer than."""
    return quantiles(seconds, n=100)[98]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"


def rates(connection: http.client.HTTPConnection, folder: Path, rounds: int) -> None:
    """Print requests per second of a cached feed and a 304 against a static file of the same bytes."""
    path = "/search.atom?category=category-3"
    _, content, tag = fetch(connection, path)
    (folder / "feed.xml").write_bytes(content)
    kinds: dict[str, tuple[str, dict[str, str], int]] = {
        "static file": (f"{ON_DISK}/feed.xml", {}, 200),
        "cached feed": (path, {}, 200),
        "304": (path, {"If-None-Match": tag}, 304),
    }
    found: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, (asked, known, expected) in kinds.items():
            start = time.perf_counter()
            for _request in range(REQUESTS):
                status, _, _ = fetch(connection, asked, **known)
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
                start = time.perf_counter()
                written = write_entries(fmt, entries)
                parts.setdefault(f"write them as {fmt}", []).append(time.perf_counter() - start)
                taken = timed(lambda: write_feed(fmt, meta, written))  # noqa: B023
                parts.setdefault(f"put the {fmt} feed together", []).append(taken)
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=user_cache_path("procurewatch", appauthor=False))
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / f"serving-{options.actions}.sqlite3"
    make(file, options.actions)
    folder = Path(tempfile.mkdtemp())
    try:
        print_latencies(latencies(file, folder, options.rounds))
        with serving(file, folder) as connection:
            rates(connection, folder, options.rounds)
        building(file, options.rounds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
