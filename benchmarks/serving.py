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
import shutil
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median

from platformdirs import user_cache_path
from rich.console import Console
from rich.table import Table

from benchmarks.served import ON_DISK, fetch, serving, timed
from benchmarks.serving_latency import latencies, print_latencies
from benchmarks.stored_actions import make
from feeds.entries import entry_for
from feeds.feed_meta import EPOCH, FeedMeta
from feeds.layout import FeedFormat, permalink
from feeds.syndication import write_entries, write_feed
from feeds.tags import feed_id
from storage.database import open_database
from storage.query import Query
from storage.searching import find_events

BUILT_ENTRIES = 1_000
REQUESTS = 200  # of each kind, one round
console = Console()


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
                taken = timed(lambda: write_feed(fmt, meta, written, entries[0].first_seen))  # noqa: B023
                parts.setdefault(f"put the {fmt} feed together", []).append(taken)
    table = Table(f"building {BUILT_ENTRIES:,} entries", "median")
    for name, seconds in parts.items():
        table.add_row(name, f"{median(seconds) * 1e3:,.0f} ms")
    console.print(table)


def main() -> None:
    """Run all parts."""
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
        print_latencies(latencies(file, folder, options.rounds, console), console)
        with serving(file, folder) as connection:
            rates(connection, folder, options.rounds)
        building(file, options.rounds)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
