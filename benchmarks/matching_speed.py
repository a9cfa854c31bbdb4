"""How fast names and descriptions are matched, beside three plain ways to do it: `python -m benchmarks.matching_speed`.

Every method runs in a process of its own, once a round, one after the other, so that what else the machine does meets
them all. Building the index, normalising and comparing count; reading the values and importing libraries do not. Slow
methods get a sample, spread evenly, and their time is scaled up. See docs/matching-speed.md for figures.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from benchmarks import made_up
from benchmarks.methods import NAME_METHODS, SAMPLES, TEXT_METHODS
from benchmarks.refusals import Comparison, compare
from monitors.vendor import Watchlist
from monitors.watchlist import load_watchlist

TARGETS = [
    ("names", "names: (a) extract, token_sort_ratio", 100.0, 100.0),
    ("names", "names: (a) extract, default WRatio", 100.0, 100.0),
    ("names", "names: (b) cdist, token_sort_ratio", 2.5, 2.5),
    ("texts", "texts: (c) re alternation, all spellings", 30.0, 200.0),
    ("texts", "texts: re alternation, as written only", 0.0, 0.0),
]
MOST_MEMORY = 1_000  # megabytes
_NEEDS = {
    "names: (b) cdist, token_sort_ratio": "numpy",
    "names: matcher, in bulk, backfill": "numpy",
    "texts: matcher, in bulk, backfill": "numpy",
}


@dataclass(frozen=True)
class Timing:
    """One run of one method: seconds for all values (scaled up from `rows`), megabytes at the peak, rows with a hit."""

    wall: float
    cpu: float
    rows: int
    hits: int
    loaded: int
    peak: int


def say(line: str = "") -> None:
    """Print one line of the report at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def memory() -> tuple[int, int]:
    """Return (megabytes in use, most in use so far) of this process; zeros where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0, 0
    fields = dict(line.split(":", 1) for line in status.read_text(encoding="ascii").splitlines())
    return int(fields["VmRSS"].split()[0]) // 1024, int(fields["VmHWM"].split()[0]) // 1024


def watched(arguments: argparse.Namespace) -> Watchlist:
    """Return the watchlist to match with: all of it, or its first vendors."""
    whole = load_watchlist(*arguments.watchlist)
    if arguments.vendors == "all":
        return whole
    return Watchlist(whole.vendors[: int(arguments.vendors)], whole.categories)


def run_one(method: str, values: Sequence[str], watchlist: Watchlist) -> Timing:
    """Run a method on its sample and return its timing."""
    step = max(1, len(values) // SAMPLES.get(method, len(values)))
    sample = list(values[::step])
    if method in _NEEDS:
        __import__(_NEEDS[method])
    gc.collect()  # what was read is sorted out before any method starts
    loaded, _ = memory()
    wall, cpu = time.perf_counter(), time.process_time()
    hits = (NAME_METHODS | TEXT_METHODS)[method](sample, watchlist)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    scale = len(values) / len(sample)
    return Timing(wall * scale, cpu * scale, len(sample), hits, loaded, memory()[1])


def run_apart(method: str, folder: Path, arguments: argparse.Namespace) -> Timing:
    """Run a method in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.matching_speed", "--method", method, "--folder", str(folder)]
    command += ["--vendors", arguments.vendors]
    command += [part for path in arguments.watchlist for part in ("--watchlist", str(path))]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own command
    return Timing(**json.loads(answer.stdout))


def methods() -> list[str]:
    """Return the methods whose libraries are installed, in the order of the report."""
    listed = [*NAME_METHODS, *TEXT_METHODS]
    usable = [method for method in listed if method not in _NEEDS or find_spec(_NEEDS[method])]
    for method in sorted(set(listed).difference(usable)):
        say(f"left out, {_NEEDS[method]} is not installed: {method}")
    return usable


def report(timings: dict[str, list[Timing]]) -> None:
    """Print the table of times and the ratios."""
    say(f"{'method':42} {'seconds: wall':>22} {'seconds: CPU':>22} {'hits':>7} {'of rows':>9} {'MB':>9}")
    for method, runs in timings.items():
        scaled = "" if SAMPLES.get(method) is None else " scaled"
        memory_used = f"{max(run.loaded for run in runs)}>{max(run.peak for run in runs)}"
        walls, cpus = [run.wall for run in runs], [run.cpu for run in runs]
        times = f"{_spread(walls):>22} {_spread(cpus):>22}"
        say(f"{method:42} {times} {runs[0].hits:7} {runs[0].rows:9} {memory_used:>9}{scaled}")
    say()
    for kind, other, *wanted in TARGETS:
        for extra, target in zip(("core", "backfill"), wanted, strict=True):
            mine = f"{kind}: matcher, in bulk, {extra}"
            if mine in timings and other in timings:
                _report_ratio(mine, timings[mine], other, timings[other], target)
    ours = {method: runs for method, runs in timings.items() if "in bulk" in method}
    say(f"memory: at most {max(run.peak for runs in ours.values() for run in runs)} MB, target < {MOST_MEMORY} MB")


def _report_ratio(mine: str, runs: list[Timing], other: str, others: list[Timing], target: float) -> None:
    pairs = list(zip(others, runs, strict=True))
    cpu, wall = [b.cpu / a.cpu for b, a in pairs], [b.wall / a.wall for b, a in pairs]
    wanted = f", target {target:g} x" if target else ""
    say(f"{mine} against {other}: {_spread(cpu)} x CPU, {_spread(wall)} x wall{wanted}")


def _spread(values: list[float]) -> str:
    return f"{median(values):.2f} [{min(values):.2f}-{max(values):.2f}]"


def report_comparison(comparison: Comparison) -> None:
    """Print what the matcher made of every hit of a plain comparison."""
    say(f"\n{comparison.names} names, each compared with every watch name: {comparison.hits} hits (name, vendor)")
    say(f"  found by the matcher too: {comparison.found}")
    for reason, count in comparison.refused.most_common():
        say(f"  seen and refused, {reason}: {count}, for example {'; '.join(comparison.examples[reason][:3])}")
    say(f"  missed: {len(comparison.missed)}")
    for line in comparison.missed:
        say(f"    {line}")


def parse() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--descriptions", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--vendors", default="all", help="all, or how many of the watchlist")
    parser.add_argument("--watchlist", type=Path, action="append", default=[], help="a file of your own, besides")
    parser.add_argument("--check", type=int, default=50_000, help="names compared with every watch name")
    parser.add_argument("--method", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    """Run everything; 1 when a hit of the plain comparison is missed without a reason."""
    arguments = parse()
    watchlist = watched(arguments)
    if arguments.method:
        file = "names" if arguments.method in NAME_METHODS else "texts"
        values = (arguments.folder / file).read_text(encoding="utf-8").split("\n")
        say(json.dumps(asdict(run_one(arguments.method, values, watchlist))))
        return 0
    with tempfile.TemporaryDirectory() as written:
        folder = Path(written)
        names = list(made_up.names(arguments.names, watchlist.vendors))
        (folder / "names").write_text("\n".join(names), encoding="utf-8")
        texts = made_up.descriptions(arguments.descriptions, watchlist.vendors)
        (folder / "texts").write_text("\n".join(texts), encoding="utf-8")
        say(f"{len(watchlist.vendors)} vendors, {arguments.names} names, {arguments.descriptions} descriptions")
        timings: dict[str, list[Timing]] = {method: [] for method in methods()}
        for number in range(arguments.rounds):
            for method, runs in timings.items():
                runs.append(run_apart(method, folder, arguments))
            say(f"round {number + 1} of {arguments.rounds} done")
        report(timings)
    comparison = compare(names[:: max(1, len(names) // arguments.check)], watchlist)
    report_comparison(comparison)
    return 1 if comparison.missed else 0


if __name__ == "__main__":
    sys.exit(main())
