"""Measure builds of the static site: `python -m benchmarks.static_site [--awards N] [--folder FOLDER]`.

Fill a SQLite database with awards, about a third of them published, and run `procurewatch feeds build` on it: into an
empty folder, again after one more published award, and again without a change. Prints the seconds of CPU of each
process and its children (Pagefind), and how many times less than the first build it takes.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.stored_awards import fill, save
from storage.database import Database, open_database
from storage.reading.records import published_keys

console = Console(highlight=False)


def build(folder: Path) -> tuple[float, float, str]:
    """Run a build; return its seconds of CPU, the seconds that passed, and its last line."""
    command = [sys.executable, "-m", "procurewatch", "--data-dir", str(folder), "feeds", "build", str(folder / "site")]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command += ["--site-url", "https://example.org/contracts"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603  our own program
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - start, done.stdout.strip().splitlines()[-1]


def save_published(database: Database, numbers: Sequence[int]) -> None:
    """Save further awards until one of them is published."""
    with database.reading() as session:
        before = len(published_keys(session))
    for number in numbers:
        save(database, [number], datetime.now(UTC))
        with database.reading() as session:
            if len(published_keys(session)) > before:
                return


def run(awards: int, folder: Path) -> None:
    """Measure the three builds, and print a table; a database that is there already is used again."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "site", ignore_errors=True)
    file = folder / "procurewatch.sqlite3"
    is_new = not file.exists()
    table = Table("build", "CPU seconds", "seconds", "times less CPU", "result")
    first = 0.0
    with closing(open_database(f"sqlite:///{file}")) as database:
        if is_new:
            fill(database, awards, datetime.now(UTC))
        for name in ("into an empty folder", "after one new award", "without a change"):
            if name == "after one new award":
                began = time.time_ns() // 1_000_000
                save_published(database, range(began, began + 100))
            cpu, seconds, result = build(folder)
            first = first or cpu
            table.add_row(name, f"{cpu:.1f}", f"{seconds:.1f}", f"{first / cpu:.0f}", result.partition(" in ")[0])
    console.print(f"{awards:,} awards, load average {os.getloadavg()[0]:.1f}")
    console.print(table)


def main() -> None:
    """Measure one size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--awards", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="keep the database in this folder, and use it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="procurewatch-") as temporary:
        run(options.awards, options.folder or Path(temporary))


if __name__ == "__main__":
    main()
