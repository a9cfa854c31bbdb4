"""Measure how long pages and feeds take: `python -m benchmarks.pages [--actions N ...] [--rounds N] [--folder FOLDER]`.

For each number of stored actions (100,000 and 1,000,000 by default), fill a SQLite database, start `procurewatch serve`
on it and request each kind of page over HTTP:

- cold: the first request after the published data changed, when no cache is valid. A new award is saved before it.
- warm: the same request again.

Each round requests another address of a kind: the vendors and agencies with the most awards, different searches.
The first request of a kind after the server starts is not counted, because it loads templates. Beside the time that
passes, the processor time of the server is measured: other work on the machine does not lengthen it.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.request import Request, urlopen

from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select

from benchmarks.stored_awards import ACTIONS_PER_AWARD, fill, save
from storage.database import Database, open_database
from storage.schema.tables import ActionRow, RecordRow

WORDS = ("q=facial+recognition", "q=drone", "q=%22license+plate%22", "q=camera+OR+radio")
FILTERS = ("min_amount=100000", "q=forensic&agency=7012", "", "since=2025-01-01", "agency=7012&kind=contract")
SITE = "http://127.0.0.1"
console = Console(highlight=False)


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """Run `procurewatch serve` on the database in a data folder, and give it when it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "procurewatch", "--data-dir", str(folder)]
    command += ["serve", "--port", str(port), "--site-url", SITE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own program
        try:
            if process.stdout is None or "Serving" not in process.stdout.readline():
                raise SystemExit("procurewatch serve did not start")
            yield Server(f"{SITE}:{port}", process.pid)
        finally:
            process.terminate()


@dataclass(frozen=True, slots=True)
class Server:
    """A running `procurewatch serve`: its address, and the id of its process."""

    url: str
    pid: int

    def request(self, path: str) -> Times:
        """Return how long a request takes until its last byte is read, compressed as browsers and feed readers ask."""
        start, began = time.perf_counter(), self._processor_seconds()
        with urlopen(Request(self.url + path, headers={"Accept-Encoding": "gzip"}), timeout=600) as response:  # noqa: S310
            response.read()
        return Times(time.perf_counter() - start, self._processor_seconds() - began)

    def _processor_seconds(self) -> float:
        """Return how long the threads of the server have run; Linux states it in nanoseconds."""
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


class Times(NamedTuple):
    """How long a request took, and the processor time of the server for it, in seconds."""

    passed: float
    processor: float


def links(url: str, pattern: str) -> list[str]:
    """Return what a pattern with one group finds in the links of a page, in their order, each once."""
    with urlopen(url, timeout=600) as response:  # noqa: S310
        page = response.read().decode()
    return list(dict.fromkeys(re.findall(f'href="{pattern}"', page)))


def addresses(url: str) -> dict[str, list[str]]:
    """Return paths of each kind of page: of the vendors and agencies with the most awards, which filters list first."""
    vendors = links(f"{url}/search", r"search\?vendor=([\w-]+)")
    agencies = links(f"{url}/search", r"search\?agency=(\w+)")
    departments = links(f"{url}/feeds.html", r"agency/(\d{3})\.html")  # three digits: with all its agencies
    return {
        "home page": ["/"],
        "list of feeds": ["/feeds.html"],
        "search for words": [f"/search?{query}" for query in WORDS],
        "search with filters": [f"/search?{query}" for query in FILTERS],
        "agency page": [f"/agency/{code.upper()}.html" for code in agencies],
        "department page": [f"/agency/{code}.html" for code in departments],
        "vendor page": [f"/vendor/{name}.html" for name in vendors],
        "award page": [f"/{path}" for path in links(f"{url}/search", r"(awards/[^\"]+)")],
        "vendor feed (Atom)": [f"/vendor/{name}.atom" for name in vendors],
        "main feed (Atom)": ["/all.atom"],
        "contracts that end soon": ["/expiring.html"],
        "comparison": ["/compare"],
        "health": ["/health"],
    }


def measure(
    database: Database, server: Server, paths: Mapping[str, Sequence[str]], rounds: int
) -> dict[str, list[tuple[Times, Times]]]:
    """Return the times of a cold and a warm request per round, by kind of page."""
    for kind in paths.values():
        server.request(kind[-1])
    found: dict[str, list[tuple[Times, Times]]] = {kind: [] for kind in paths}
    for kind, own in paths.items():
        for path in islice(cycle(own), rounds):
            save(database, [time.time_ns()], datetime.now(UTC))
            found[kind].append((server.request(path), server.request(path)))
    return found


def run(actions: int, rounds: int, folder: Path, only: Sequence[str]) -> None:
    """Measure one size, and print a table; a database that is there already is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "procurewatch.sqlite3"
    is_new = not file.exists()
    with closing(open_database(f"sqlite:///{file}")) as database:
        start = time.perf_counter()
        if is_new:
            fill(database, round(actions / ACTIONS_PER_AWARD), datetime.now(UTC))
            console.print(f"filled in {time.perf_counter() - start:.0f} s, {file.stat().st_size / 1e9:.1f} GB")
        with database.reading() as session:
            awards, stored = (session.scalar(select(func.count()).select_from(row)) for row in (RecordRow, ActionRow))
        start = time.perf_counter()
        with serving(folder) as server:
            server.request("/")
            started = time.perf_counter() - start
            paths = addresses(server.url)
            paths = {kind: own for kind, own in paths.items() if not only or any(part in kind for part in only)}
            found = measure(database, server, paths, rounds)
    table = Table("milliseconds", "cold, median", "cold, worst", "warm, median", "processor, cold", "processor, warm")
    for kind, samples in found.items():
        cold, warm = zip(*samples, strict=True)
        passed = (
            median(each.passed for each in cold),
            max(each.passed for each in cold),
            median(each.passed for each in warm),
        )
        processor = (median(each.processor for each in times) for times in (cold, warm))
        table.add_row(kind, *(f"{1000 * value:.0f}" for value in (*passed, *processor)))
    console.print(f"{stored:,} actions of {awards:,} awards, {rounds} rounds,", end=" ")
    console.print(f"server start with a first home page {started:.1f} s, load average {os.getloadavg()[0]:.1f}")
    console.print(table)


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--actions", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--only", nargs="+", default=(), help="kinds of page whose names have one of these parts")
    parser.add_argument("--folder", type=Path, help="keep the databases in this folder, and use them again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="procurewatch-") as temporary:
        for actions in options.actions:
            run(actions, options.rounds, (options.folder or Path(temporary)) / str(actions), options.only)


if __name__ == "__main__":
    main()
