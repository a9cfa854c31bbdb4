"""How long feeds and search pages take that nobody asked for before, against the bare SQL that they need."""

from __future__ import annotations

import http.client
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from rich.console import Console
from rich.table import Table
from sqlalchemy import event

from benchmarks.served import ENTRIES, MINIMAL, SITE, fetched, opened_desk, serving, timed
from feeds.layout import FeedFormat
from procurewatch.desk import Desk
from procurewatch.web.app import make_room
from procurewatch.web.entry_file import EntryFile
from procurewatch.web.entry_writer import EntryWriter, write_all_ahead
from procurewatch.web.room import Room
from procurewatch.web.search_pages import answered
from storage.archives import newest_entries
from storage.carried import Carried
from storage.database import Database
from storage.query import Query, read_query
from storage.reading import known_vendors, publication_state

SLOWEST = 5

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


def written_ahead(desk: Desk, console: Console) -> EntryFile:
    """Write every entry as a server does before anybody asks; say how long that took, where it was not done before."""
    kept = EntryFile(desk.settings.data_dir, SITE)
    start = time.perf_counter()
    new = write_all_ahead(desk.database, kept, EntryWriter(kept, SITE), desk.stop)
    if new:
        size = kept.path.stat().st_size
        console.print(f"{new:,} entries written ahead in {time.perf_counter() - start:,.0f} s, {size / 1e6:,.0f} MB")
    return kept


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer that is asked for, and all SQL that it needs: of the database, and of the file of written entries."""

    kind: str
    question: str
    path: str
    sql: tuple[Sequence[Statement], Sequence[Statement]]


class Bare:
    """Connections to the database and to the file of written entries, with nothing around them."""

    def __init__(self, *files: Path) -> None:
        self._connections = [sqlite3.connect(file) for file in files]

    def replay(self, sql: Iterable[Sequence[Statement]]) -> None:
        """Ask each of them its statements."""
        for connection, asked in zip(self._connections, sql, strict=True):
            for statement, parameters in asked:
                connection.execute(statement, parameters).fetchall()

    def close(self) -> None:
        """Close them."""
        for connection in self._connections:
            connection.close()


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


def latencies(file: Path, folder: Path, rounds: int, console: Console) -> list[Timed]:
    """Ask every question of a new server and of new bare connections, each round; return what was measured."""
    found: list[Timed] = []
    desk = opened_desk(file)
    with closing(desk.database), closing(written_ahead(desk, console)) as kept:
        asked = list(_wanted(desk, kept))
        with closing(Bare(file, kept.path)) as bare:  # once, so that all is read from memory from now on
            for each in asked:
                bare.replay(each.sql)
        for _ in range(rounds):
            with serving(file, folder) as connection, closing(Bare(file, kept.path)) as bare:
                for path in ("/search.atom?state=ZZ", "/search?state=ZZ"):
                    fetched(connection, path)
                found += [_timed(each, bare, connection, sql_first=at % 4 < 2) for at, each in enumerate(asked)]
    return found


def _wanted(desk: Desk, kept: EntryFile) -> Iterator[Wanted]:
    """Give each question as a feed and as a page, with what it needs."""
    room = make_room(desk, SITE)
    statements(desk.database, page_needs(room, Query(state=("ZZ",))))  # names are looked up once for a state
    for question in questions(desk):
        query, asked = read_query(parse_qsl(question)), question.replace('"', "%22")
        of_feed, carried = statements(desk.database, feed_needs(query))
        of_page, _ = statements(desk.database, page_needs(room, query))
        yield Wanted("feed", question, f"/search.atom?{asked}", (of_feed, entries_need(kept, carried)))
        yield Wanted("page", question, f"/search?{asked}", (of_page, []))


def _timed(wanted: Wanted, bare: Bare, connection: http.client.HTTPConnection, *, sql_first: bool) -> Timed:
    """Time an answer and its SQL, which neither has asked before: one first and then the other, by turns."""
    sql = timed(lambda: bare.replay(wanted.sql)) if sql_first else 0.0
    built = fetched(connection, wanted.path)
    return Timed(
        kind=wanted.kind,
        question=wanted.question,
        sql=sql or timed(lambda: bare.replay(wanted.sql)),
        built=built,
        cached=fetched(connection, wanted.path),
        minimal=fetched(connection, MINIMAL),
    )


def print_latencies(found: Sequence[Timed], console: Console) -> None:
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
