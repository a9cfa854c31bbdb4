"""Measure how long pages and feeds take: `python -m benchmarks.pages [--awards N ...] [--rounds N] [--folder FOLDER]`.

For each number of awards (5,000 and 100,000 by default), fill a SQLite database, start `procurewatch serve` on it and
request each kind of page over HTTP:

- cold: the first request after the published data changed, when no cache is valid. A new award is saved before it.
- warm: the same request again.

Each round requests another address of a kind: the vendors and agencies with the most awards, different searches.
The first request of a kind after the server starts is not counted, because it loads templates.
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
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from urllib.request import Request, urlopen

from rich.console import Console
from rich.table import Table

from benchmarks.stored_awards import fill, save
from storage.database import Database, open_database

SEARCHES = (
    "q=facial+recognition",
    "q=drone",
    "q=%22license+plate%22",
    "min_amount=100000",
    "q=forensic&agency=7012",
    "",
    "q=camera+OR+radio",
    "since=2025-01-01",
)
SITE = "http://127.0.0.1"
console = Console(highlight=False)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run `procurewatch serve` on the database in a data folder, and give its address when it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "procurewatch", "--data-dir", str(folder)]
    command += ["serve", "--port", str(port), "--site-url", SITE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own program
        try:
            if process.stdout is None or "Serving" not in process.stdout.readline():
                raise SystemExit("procurewatch serve did not start")
            yield f"{SITE}:{port}"
        finally:
            process.terminate()


def seconds(url: str) -> float:
    """Return how long a request takes until its last byte is read, compressed as browsers and feed readers ask."""
    start = time.perf_counter()
    with urlopen(Request(url, headers={"Accept-Encoding": "gzip"}), timeout=600) as response:  # noqa: S310
        response.read()
    return time.perf_counter() - start


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
        "search page": [f"/search?{query}" for query in SEARCHES],
        "agency page": [f"/agency/{code.upper()}.html" for code in agencies],
        "department page": [f"/agency/{code}.html" for code in departments],
        "vendor page": [f"/vendor/{name}.html" for name in vendors],
        "award page": [f"/{path}" for path in links(f"{url}/search", r"(awards/[^\"]+)")],
        "vendor feed (Atom)": [f"/vendor/{name}.atom" for name in vendors],
        "main feed (Atom)": ["/all.atom"],
    }


def measure(
    database: Database, url: str, paths: Mapping[str, Sequence[str]], rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Return the seconds of a cold and a warm request per round, by kind of page."""
    for kind in paths.values():
        seconds(url + kind[-1])
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in paths}
    for kind, own in paths.items():
        for path in islice(cycle(own), rounds):
            save(database, [time.time_ns()], datetime.now(UTC))
            found[kind].append((seconds(url + path), seconds(url + path)))
    return found


def run(awards: int, rounds: int, folder: Path) -> None:
    """Measure one size, and print a table; a database that is there already is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "procurewatch.sqlite3"
    is_new = not file.exists()
    with closing(open_database(f"sqlite:///{file}")) as database:
        start = time.perf_counter()
        if is_new:
            fill(database, awards)
            console.print(f"{awards:,} awards stored in {time.perf_counter() - start:.0f} s")
        start = time.perf_counter()
        with serving(folder) as url:
            seconds(url)
            started = time.perf_counter() - start
            found = measure(database, url, addresses(url), rounds)
    table = Table("milliseconds", "cold, median", "cold, worst", "warm, median", "warm, worst")
    for kind, samples in found.items():
        cold, warm = zip(*samples, strict=True)
        table.add_row(kind, *(f"{1000 * value:.1f}" for value in (median(cold), max(cold), median(warm), max(warm))))
    console.print(f"{awards:,} awards, {rounds} rounds, server start with a first home page {started:.1f} s,", end=" ")
    console.print(f"load average {os.getloadavg()[0]:.1f}")
    console.print(table)


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--awards", type=int, nargs="+", default=[5_000, 100_000])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="keep the databases in this folder, and use them again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="procurewatch-") as temporary:
        for awards in options.awards:
            run(awards, options.rounds, (options.folder or Path(temporary)) / str(awards))


if __name__ == "__main__":
    main()
