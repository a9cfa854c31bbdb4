"""Reading award archives: what `backfill --archive` and `import usaspending` do."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from monitors.runs.pipeline import Progress
from monitors.runs.status import RunReport
from monitors.watchlist.model import Watchlist
from procurewatch.archives.scanning import LOCAL, open_scans
from procurewatch.command_line.query_options import read_vendor
from procurewatch.command_line.terminal import Listener, console, fail, plain, table, today
from procurewatch.context import AppContext
from sources.errors import Refused, SourceError
from sources.http.client import Client
from sources.http.transfer import remote_file
from sources.registry import SOURCES
from sources.usaspending_archive.archive import AwardArchive
from sources.usaspending_archive.download import BYTES_PER_SECOND
from sources.usaspending_archive.listing import (
    ALL,
    FILES,
    FIRST_YEAR,
    ArchiveFile,
    ArchiveKind,
    agency_numbers,
    fiscal_year_of,
    list_files,
    newest,
)
from sources.usaspending_archive.members import SOURCE, DamagedMember, csv_members
from sources.usaspending_archive.reading import ArchivePass
from sources.usaspending_archive.scanning import ScanJob

FOLDER = "archives"  # in the data folder
# Compressed bytes of a row: FY2026_All_Contracts_Full_20260606 and FY2024_All_Assistance_Full_20260706, as published.
BYTES_PER_ROW = {ArchiveKind.CONTRACTS: 460, ArchiveKind.ASSISTANCE: 260}
ROWS_PER_SECOND = 50_000  # of the standard library on one core of 2024
Workers = Annotated[
    int | None, typer.Option(help="With archives: read in so many processes.", min=1, max=256, metavar="N")
]
Cluster = Annotated[
    str,
    typer.Option(help="With archives: read on a Dask cluster; its scheduler's address, or local.", metavar="ADDRESS"),
]
SPARE = 1_000_000_000  # bytes of the disk that a backfill leaves free
COLUMNS = ("Archive", "Published", "Size", "Rows (estimated)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveRequest:
    """What to read: fiscal years, newest first, departments by code ("all" for all together), contracts or grants.

    `stream`: read the files while they come, without storing them. `keep`: do not delete them in the end. `folder`:
    where they are downloaded to, `None` for the data folder.
    """

    years: Sequence[int]
    agencies: Sequence[str]
    kinds: Sequence[ArchiveKind]
    folder: Path | None = None
    stream: bool = False
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedArchive:
    """An archive that is published, and its size in bytes, `None` if the server does not say."""

    file: ArchiveFile
    size: int | None

    @property
    def rows(self) -> int | None:
        """How many rows it may have."""
        return self.size // BYTES_PER_ROW[self.file.kind] if self.size is not None and self.file.kind else None


def count_workers(workers: int | None, cluster: str) -> int:
    """Return how many processes read archives: what is asked for, else one, and on a local cluster one a core."""
    return workers or (os.cpu_count() or 1 if cluster == LOCAL else 1)


def read_years(text: str) -> list[int]:
    """Read fiscal years written as "2024", "2008..2026" or "2020,2022..2024"; newest first."""
    years: set[int] = set()
    last = fiscal_year_of(today())
    for part in text.split(","):
        first, dots, end = (each.strip() for each in part.partition(".."))
        if not (first.isdecimal() and (end.isdecimal() if dots else not end)):
            raise typer.BadParameter(f"{part.strip()!r} is not a fiscal year; use 2024, 2008..{last} or 2020,2024")
        span = range(int(first), int(end or first) + 1)
        if not span or not (span[0] >= FIRST_YEAR and span[-1] <= last):
            raise typer.BadParameter(f"archives have the fiscal years {FIRST_YEAR}..{last}, oldest first; not {part}")
        years.update(span)
    return sorted(years, reverse=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlan:
    """What to read, in order, with the size of each file in bytes if it is known, for the entries of a watchlist."""

    orders: Sequence[ArchivePass]
    sizes: Mapping[str, int | None]
    watchlist: Watchlist
    verb: str

    @property
    def purpose(self) -> str:
        """What the run's row says."""
        return f"{self.verb} {', '.join(order.name for order in self.orders)}"[:200]


def plan_archives(
    app_context: AppContext, vendors: Sequence[str], request: ArchiveRequest, *, dry_run: bool
) -> ArchivePlan:
    """List what is published and print what reading it takes.

    Without vendors it is read for the whole watchlist. Exits if nothing is published or the disk cannot hold it.
    """
    chosen = tuple(read_vendor(vendor, app_context.watchlist) for vendor in vendors)
    watchlist = replace(app_context.watchlist, vendors=chosen) if chosen else app_context.watchlist
    try:
        with app_context.client(SOURCES[SOURCE]) as client:
            archives, missing = _published(client, request)
    except SourceError as error:
        fail(str(error))
    if not archives:
        fail(f"no archive is published of {', '.join(missing)}")
    folder = request.folder or app_context.settings.data_dir / FOLDER
    _print_plan(archives, missing, request, folder, dry_run=dry_run)
    if not request.stream:
        _check_disk(archives, folder)
    orders = [
        ArchivePass(name=each.file.name, folder="" if request.stream else str(folder.absolute()), keep=request.keep)
        for each in archives
    ]
    sizes = {each.file.name: each.size for each in archives}
    return ArchivePlan(orders=orders, sizes=sizes, watchlist=watchlist, verb="backfill")


def plan_import(app_context: AppContext, files: Sequence[str]) -> ArchivePlan:
    """Plan to read archives, or CSV files from archives, that the user has, newest fiscal year first.

    Each is a path, or a URL that fsspec knows.
    """
    by_name: dict[str, str] = {}
    for file in files:
        name = file.rpartition("/")[2] if "://" in file else Path(file).name
        if name in by_name:
            raise typer.BadParameter(f"two files are called {name}; import them one after the other")
        by_name[name] = file if "://" in file else str(Path(file).absolute())
    orders = sorted(
        (ArchivePass(name=name, location=location) for name, location in by_name.items()),
        key=lambda order: (-(order.file.fiscal_year or 0), order.name),
    )
    sizes = {name: None if "://" in place else Path(place).stat().st_size for name, place in by_name.items()}
    return ArchivePlan(orders=orders, sizes=sizes, watchlist=app_context.watchlist, verb="import")


def read_archives(
    app_context: AppContext, plan: ArchivePlan, *, notify: bool, workers: int = 1, cluster: str = ""
) -> RunReport:
    """Read what was planned, in `workers` processes or on a cluster.

    Raises `Busy` if another process reads archives, and `NoCluster`.
    """
    with (
        open_scans(workers, cluster) as scans,
        app_context.claimed(SOURCES[SOURCE]) as claimed,
        following_archives(plan.sizes) as listen,
    ):
        scans.expect(_scan_jobs(plan.orders))
        return claimed.read_archives(
            AwardArchive(scans),
            plan.orders,
            listen,
            watchlist=plan.watchlist,
            notify=notify,
            purpose=plan.purpose,
        )


def _scan_jobs(orders: Sequence[ArchivePass]) -> Iterator[ScanJob]:
    """Yield the first scan of each CSV file of the archives that are there, so that workers go on to the next."""
    for order in orders:
        location = order.location or (str(Path(order.folder) / order.name) if order.folder else "")
        with suppress(DamagedMember, OSError):  # it is reported when it is read
            for member in csv_members(location) if location else ():
                yield ScanJob(location, member.name)


def _published(client: Client, request: ArchiveRequest) -> tuple[list[PublishedArchive], list[str]]:
    """Return the published archives, newest fiscal year first, and what is not published. Raises `SourceError`."""
    numbers = agency_numbers(client) if set(request.agencies) != {ALL} else {}
    for code in request.agencies:
        if code != ALL and code not in numbers:
            known = ", ".join(sorted(numbers))
            raise typer.BadParameter(f"there is no department {code!r}; use all or a code: {known}")
    found, missing = [], []
    for year in request.years:
        for code in request.agencies:
            for kind in request.kinds:
                file = newest(list_files(client, kind, ALL if code == ALL else numbers[code][0], year))
                if file is None:
                    missing.append(f"FY{year} {code} {kind}")
                else:
                    found.append(PublishedArchive(file=file, size=_size(client, file)))
    return found, missing


def _size(client: Client, file: ArchiveFile) -> int | None:
    """Return the size of an archive, `None` if the server does not say."""
    try:
        return remote_file(client, file.path, host=FILES).size
    except Refused:
        return None


def _print_plan(
    archives: Sequence[PublishedArchive],
    missing: Sequence[str],
    request: ArchiveRequest,
    folder: Path,
    *,
    dry_run: bool,
) -> None:
    """Print how many files there are, how large, and how long reading them may take."""
    out = console()
    if dry_run:
        rows = [
            (
                each.file.name,
                f"{each.file.published}",
                _bytes(each.size) if each.size is not None else "not stated",
                f"{each.rows:,}" if each.rows is not None else "-",
            )
            for each in archives
        ]
        out.print(table("Archives", COLUMNS, rows, right=COLUMNS[2:]))
    size, count = _total(archives), sum(each.rows or 0 for each in archives)
    unknown = sum(each.size is None for each in archives)
    lines = [
        f"{len(archives)} archives, {_bytes(size)}"
        + (f" and {unknown} of unknown size" if unknown else "")
        + f", about {count:,} rows",
        f"about {_duration(size / BYTES_PER_SECOND)} to download at {BYTES_PER_SECOND / 1e6:.0f} MB per second, "
        f"to spare the host of the files, and "
        f"{_duration(count / ROWS_PER_SECOND)} or less to read",
        "each archive is read again if awards were found, for the other actions of these awards",
    ]
    if request.stream:
        lines.append(f"nothing is stored on disk; reading again downloads again: up to {_bytes(2 * size)} in all")
    else:
        end = "the files are kept" if request.keep else "the files are deleted in the end"
        lines.append(f"{_bytes(size)} of disk space in {folder}; {end}")
    if missing:
        lines.append(f"not published: {', '.join(missing)}")
    for line in lines:
        out.print(plain(line))


def _check_disk(archives: Sequence[PublishedArchive], folder: Path) -> None:
    """Exit if the disk cannot hold the archives that are not there yet."""
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    needed = _total(archives) - sum(
        file.stat().st_size for each in archives for file in folder.glob(f"{each.file.name}*") if file.is_file()
    )
    if needed + SPARE > free:
        fail(
            f"the archives need {_bytes(needed)} in {folder} and {_bytes(SPARE)} to spare, but {_bytes(free)} "
            "are free; use --stream, which stores no file, or fewer fiscal years"
        )


def _total(archives: Sequence[PublishedArchive]) -> int:
    return sum(each.size or 0 for each in archives)


def _bytes(size: float) -> str:
    """Return a size in decimal units, as disks have them."""
    for unit in ("bytes", "kB", "MB"):
        if abs(size) < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


@contextmanager
def following_archives(sizes: Mapping[str, int | None]) -> Iterator[Listener]:
    """Show on stderr how far archives are, with rows per second and the time left; `sizes` are bytes by name.

    On a terminal it is a bar for each pass over all files, otherwise a line for each file.
    """
    err = Console(stderr=True, highlight=False)
    if not err.is_terminal:
        yield _Lines().show
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=err, transient=True) as bar:
        yield _Bars(bar, sizes).show


class _Lines:
    """A line on stderr for each file, whenever something else is done with it."""

    def __init__(self) -> None:
        self._last: tuple[int, str] | None = None

    def show(self, progress: Progress) -> None:
        reading = progress.reading
        what = (progress.step, reading.doing if reading else "")
        if reading is None or what == self._last:
            return
        self._last = what
        sys.stderr.write(
            f"{progress.step}/{progress.steps} {reading.doing} {reading.name} "
            f"({progress.tally.found} found, {progress.tally.new_awards} new)\n"
        )


class _Bars:
    """A bar for all files of a pass: downloads, and reading."""

    def __init__(self, bar: Bar, sizes: Mapping[str, int | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._bar = bar
        self._sizes = {name: size or 0 for name, size in sizes.items()}
        self._before = dict(zip(self._sizes, _running_totals(self._sizes.values()), strict=True))
        self._clock = clock
        self._task = bar.add_task("", total=None, rate="")
        self._what: tuple[int, str] = (0, "")
        self._began = clock()
        self._rows = 0

    def show(self, progress: Progress) -> None:
        reading = progress.reading
        if reading is None:
            return
        what = (progress.step, reading.doing)
        if what != self._what:
            self._what, self._began, self._rows = what, self._clock(), reading.rows
        number = (progress.step - 1) // len(self._sizes) + 1
        again = f" (pass {number})" if number > 1 else ""
        seconds = max(self._clock() - self._began, 0.001)
        rate = f"{(reading.rows - self._rows) / seconds:,.0f} rows/s" if reading.rows else ""
        share = reading.done / reading.total if reading.total else 0.0
        size = self._sizes.get(reading.name, 0)
        self._bar.update(
            self._task,
            total=sum(self._sizes.values()) or None,
            completed=self._before.get(reading.name, 0) + share * size,
            description=f"{reading.doing} {reading.name}{again}, {progress.tally.found} found",
            rate=rate or f"{_bytes(reading.done / seconds)}/s",
        )


def _running_totals(sizes: Iterable[int]) -> Iterator[int]:
    """Yield for each size the sum of those before it."""
    total = 0
    for size in sizes:
        yield total
        total += size
