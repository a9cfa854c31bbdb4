"""Measure how fast an award archive is read: `python -m benchmarks.archive [options]`.

Writes archives (benchmarks/archives/files.py) into a temporary folder, or into `--folder`, where the next run finds
them. Every method runs once in each of `--rounds` rounds, in a process of its own, on one core or on two. Prints median
and range of elapsed and of processor time, and how many times that of inflating with isal in the same round it is.

- Inflating only, by zlib and by isal.
- DuckDB and Polars merely reading the columns that decide whether a row is wanted, by several ways each.
- The plain way: csv, and `rapidfuzz.process.extractOne` of each row's recipient over the watchlist's names. It is
  timed on `--plain-rows` rows and scaled.
- This program, from the archive to the matches and to the database, with the extra `archive` and without.

DuckDB, Polars and isal are optional; a method without its library says so. `--only WORD` runs the methods with that
word in their names.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.archives.files import Texts, generate
from benchmarks.archives.methods import METHODS, Method, NotInstalled

FLOOR = "inflate, isal"
PLAIN = "csv + extractOne a row"
OURS = "ours, to matches"
COLUMNS = ("method", "cores", "seconds", "times isal", "CPU seconds", "times isal's", "rows/s", "peak MB", "found")
out = Console(width=220, highlight=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of a method: seconds of elapsed and of processor time, peak memory in MB (10**6 bytes), what it found."""

    seconds: float
    cpu: float
    peak: float
    found: str


@dataclass(slots=True)
class Results:
    """All runs: (rows, cores, method) -> one entry per round, or the library that is missing."""

    runs: dict[tuple[int, int, str], list[Measured]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, rows: int, cores: int, method: str, answer: Mapping[str, Any]) -> None:
        """Add a run, or note the library that is missing."""
        if "missing" in answer:
            self.missing[method] = answer["missing"]
        else:
            self.runs.setdefault((rows, cores, method), []).append(Measured(**answer))

    def seconds(self, rows: int, cores: int, method: str) -> list[float]:
        """Return the seconds of each round."""
        return [run.seconds for run in self.runs.get((rows, cores, method), [])]

    def ratios(self, rows: int, cores: int, method: str) -> list[float]:
        """Return what each round took in proportion to inflating with isal on one core in the same round."""
        return _quotients(self.seconds(rows, cores, method), self.seconds(rows, 1, FLOOR))


def measure(method: Method, file: Path, rows: int, cores: int, plain_rows: int) -> Measured:
    """Run a method in this process, on so many cores. Raises `NotInstalled`."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    run = method.prepare()
    started, cpu = time.perf_counter(), _cpu_seconds()
    found = run(file, cores, plain_rows)
    seconds, cpu = time.perf_counter() - started, _cpu_seconds() - cpu
    scale = rows / plain_rows if method.is_scaled and plain_rows < rows else 1
    return Measured(seconds=seconds * scale, cpu=cpu * scale, peak=_peak_memory(), found=found)


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_memory() -> float:
    """Return the peak resident memory of this process in MB; unlike `getrusage`, without that of its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1.024e-3


def run_rounds(options: argparse.Namespace, folder: Path) -> Results:
    """Run every method in turn, round by round."""
    results = Results()
    methods = [method for method in METHODS.values() if options.only in method.name]
    for number in range(options.rounds):
        for rows, method in product(options.rows, methods):
            for cores in sorted({*options.cores} & {*method.cores}):
                if method.name not in results.missing:
                    asked = {"file": archive_file(folder, rows), "rows": rows, "cores": cores}
                    answer = _run_one(method, asked | {"plain-rows": options.plain_rows})
                    results.add(rows, cores, method.name, answer)
        out.print(f"round {number + 1} of {options.rounds}, load average {os.getloadavg()[0]:.1f}")
    return results


def _run_one(method: Method, asked: Mapping[str, object]) -> dict[str, Any]:
    """Measure a method in a process of its own, where libraries that it must not find cannot be imported."""
    given = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.archive", "--measure", method.name, *given]
    with tempfile.TemporaryDirectory() as hidden:
        for library in method.without:
            (Path(hidden) / f"{library}.py").write_text("raise ImportError\n")
        path = os.pathsep.join(part for part in (hidden, os.environ.get("PYTHONPATH", "")) if part)
        variables = {**os.environ, "PYTHONPATH": path}
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=variables)  # noqa: S603
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def archive_file(folder: Path, rows: int) -> Path:
    """Return where the archive with so many rows is."""
    return folder / f"FY2024_All_Contracts_Full_{rows}.zip"


def write_archives(options: argparse.Namespace, folder: Path) -> None:
    """Write the archives that are not there."""
    missing = [rows for rows in options.rows if not archive_file(folder, rows).exists()]
    texts = Texts.read(options.extract) if missing else None
    for rows in missing:
        out.print(f"writing an archive with {rows:,} rows ...")
        unfinished = folder / "unfinished.zip"
        if texts:
            generate(unfinished, rows, texts)
        unfinished.rename(archive_file(folder, rows))


def print_results(results: Results, options: argparse.Namespace, folder: Path) -> None:
    """Print a table for each archive, the libraries that are missing, and what the figures say of each goal."""
    for rows in options.rows:
        size = archive_file(folder, rows).stat().st_size
        title = f"{rows:,} rows, {size / 1e6:,.0f} MB, {size / rows:.0f} bytes a row"
        table = Table(*COLUMNS, title=title, title_justify="left")
        for (of, cores, method), runs in results.runs.items():
            if of == rows:
                table.add_row(method, str(cores), *_cells(results, rows, cores, method), runs[-1].found)
        out.print(table)
    for method, library in results.missing.items():
        out.print(f"{method}: {library} is not installed")
    for line in goals(results, options.rows):
        out.print(line)


def _cells(results: Results, rows: int, cores: int, method: str) -> Iterator[str]:
    runs, floor = results.runs[rows, cores, method], results.runs.get((rows, 1, FLOOR), [])
    cpu = [run.cpu for run in runs]
    yield spread([run.seconds for run in runs])
    yield spread(results.ratios(rows, cores, method))
    yield spread(cpu)
    yield spread(_quotients(cpu, [run.cpu for run in floor]))
    yield f"{rows / statistics.median(run.seconds for run in runs):,.0f}"
    yield f"{max(run.peak for run in runs):,.0f}"


def spread(values: Sequence[float]) -> str:
    """Return the median and the range."""
    if not values:
        return ""
    return f"{statistics.median(values):.2f} [{min(values):.2f}-{max(values):.2f}]"


def goals(results: Results, rows: Sequence[int]) -> Iterator[str]:
    """Yield one line per goal that can be judged: its figure, and whether it is met."""
    for count in rows:
        for cores, limit in ((1, 2.0), (2, 1.2)):
            yield from _goal(
                f"{count:,} rows on {cores} core(s), times the isal inflate", results.ratios(count, cores, OURS), limit
            )
        gain = _quotients(results.seconds(count, 1, PLAIN), results.seconds(count, 1, OURS))
        yield from _goal(f"{count:,} rows on one core, times as fast as the plain way", gain, 100, at_least=True)
        peaks = [run.peak for cores in (1, 2) for run in results.runs.get((count, cores, OURS), [])]
        yield from _goal(f"{count:,} rows, peak MB", peaks and [max(peaks)], 600)
    few, many = min(rows), max(rows)
    for cores in (1, 2) if few < many else ():
        times = _quotients(results.seconds(many, cores, OURS), results.seconds(few, cores, OURS))
        yield from _goal(f"{many:,} rows on {cores} core(s), times {few:,} rows", times, 1.05 * many / few)


def _quotients(dividends: Sequence[float], divisors: Sequence[float]) -> list[float]:
    return [dividend / divisor for dividend, divisor in zip(dividends, divisors, strict=False)]


def _goal(what: str, values: Sequence[float], limit: float, *, at_least: bool = False) -> Iterator[str]:
    if values:
        middle = statistics.median(values)
        is_met = middle >= limit if at_least else middle <= limit
        sign = "at least" if at_least else "at most"
        yield f"{'met' if is_met else 'NOT MET'}: {what}: {spread(values)}, goal {sign} {limit:g}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[500_000, 2_000_000])
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plain-rows", type=int, default=2_000, help="rows of the plain way")
    parser.add_argument("--extract", type=Path, help="an extract to take names and descriptions from")
    parser.add_argument("--folder", type=Path, help="where the archives are kept; else they are deleted")
    parser.add_argument("--only", default="", metavar="WORD", help="only methods with this word in their names")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.measure:
        _print_measurement(options)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        write_archives(options, folder)
        version = platform.python_version()
        out.print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {version}, {os.cpu_count()} cores")
        results = run_rounds(options, folder)
        print_results(results, options, folder)


def _print_measurement(options: argparse.Namespace) -> None:
    """Measure one method once, for the process that has started this one."""
    method = METHODS[options.measure]
    try:
        measured = measure(method, options.file, options.rows[0], options.cores[0], options.plain_rows)
    except NotInstalled as error:
        answer: dict[str, object] = {"missing": str(error)}
    else:
        answer = {name: getattr(measured, name) for name in Measured.__slots__}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
