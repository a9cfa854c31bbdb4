"""Ways to read an award archive, for benchmarks/archive.py.

Each takes the archive, the number of cores and the number of rows of the plain way, and returns what it has found.
"""

from __future__ import annotations

import csv
import importlib
import io
import os
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from monitors.matching.matcher import Matcher
from monitors.matching.prefilter import WatchlistCandidates
from monitors.watchlist.loader import load_watchlist
from procurewatch.archives.scanning import open_scans
from sources.records import Award, Document, Payload
from sources.usaspending_archive.columns import CONTRACTS
from sources.usaspending_archive.members import csv_members
from sources.usaspending_archive.rows import parse
from sources.usaspending_archive.scan import AwardRows, MemberScan
from sources.usaspending_archive.scanning import ScanJob
from tests.upstreams.usaspending.archive_rows import columns

EXTRA = ("isal", "numba")
BLOCK = 1 << 20
LOCAL_HEADER = 30
Run = Callable[[Path, int, int], str]


class NotInstalled(Exception):
    """A library is not installed; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A way to read an archive. `prepare` imports what it needs, before the time begins, and returns the way itself.

    `without`: libraries that it must not find.
    """

    name: str
    prepare: Callable[[], Run]
    cores: tuple[int, ...] = (1, 2)
    is_scaled: bool = False
    without: tuple[str, ...] = ()


def need(library: str) -> ModuleType:
    """Return a library. Raises `NotInstalled`."""
    try:
        return importlib.import_module(library)
    except ImportError as error:
        raise NotInstalled(library.partition(".")[0]) from error


def inflated(file: Path, library: Any) -> Iterator[Iterator[bytes]]:
    """Yield the blocks of each member, inflated."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    for member in members:
        yield _blocks(file, member, library)


def _blocks(file: Path, member: zipfile.ZipInfo, library: Any) -> Iterator[bytes]:
    inflate = library.decompressobj(-zlib.MAX_WBITS)
    for block in _compressed(file, member):
        yield inflate.decompress(block)


def _compressed(file: Path, member: zipfile.ZipInfo) -> Iterator[bytes]:
    with file.open("rb") as source:
        source.seek(member.header_offset)
        header = source.read(LOCAL_HEADER)
        source.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR)
        left = member.compress_size
        while left:
            block = source.read(min(BLOCK, left))
            left -= len(block)
            yield block


def inflate_with(library: str) -> Run:
    """Inflate, and do nothing."""
    module = need(library)

    def run(file: Path, _cores: int, _plain_rows: int) -> str:
        size = sum(len(block) for blocks in inflated(file, module) for block in blocks)
        return f"{size / 1e6:,.0f} MB"

    return run


def duckdb_gzip() -> Run:
    """Give the deflated data a gzip header, which DuckDB reads by itself."""
    duckdb = need("duckdb")

    def run(file: Path, cores: int, _plain_rows: int) -> str:
        with zipfile.ZipFile(file) as archive, tempfile.TemporaryDirectory(dir=file.parent) as folder:
            for number, member in enumerate(archive.infolist()):
                with (Path(folder) / f"{number}.csv.gz").open("wb") as target:
                    target.write(b"\x1f\x8b\x08" + bytes(7))
                    target.writelines(_compressed(file, member))
                    target.write(member.CRC.to_bytes(4, "little") + (member.file_size % 2**32).to_bytes(4, "little"))
            return _duckdb_sums(duckdb, f"{folder}/*.csv.gz", cores)

    return run


def duckdb_pipe() -> Run:
    """Inflate with isal in a thread, into a pipe that DuckDB reads."""
    duckdb, isal = need("duckdb"), need("isal.isal_zlib")

    def run(file: Path, cores: int, _plain_rows: int) -> str:
        with tempfile.TemporaryDirectory() as folder:
            pipe = Path(folder) / "pipe.csv"
            os.mkfifo(pipe)
            found = []
            for blocks in inflated(file, isal):
                writer = threading.Thread(target=_write, args=(pipe, blocks))
                writer.start()
                found.append(_duckdb_sums(duckdb, str(pipe), cores))
                writer.join()
        return " + ".join(found)

    return run


def _duckdb_sums(duckdb: ModuleType, file: str, cores: int) -> str:
    sums = ", ".join(f"sum(strlen({column}))" for column in CONTRACTS_READ)
    names = ", ".join(f"'{column}': 'VARCHAR'" for column in columns())
    form = "auto_detect=false, header=true, delim=',', quote='\"', escape='\"'"
    query = f"SELECT count(*), {sums} FROM read_csv('{file}', {form}, columns={{{names}}})"  # noqa: S608
    connection = duckdb.connect()
    connection.execute(f"SET threads = {cores}")
    return f"{connection.execute(query).fetchone()[0]:,} rows"


def polars_file() -> Run:
    """Inflate with isal into a temporary file that Polars scans."""
    polars, isal = need("polars"), need("isal.isal_zlib")

    def run(file: Path, _cores: int, _plain_rows: int) -> str:
        rows = 0
        for blocks in inflated(file, isal):
            with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".csv") as target:
                target.writelines(blocks)
                target.flush()
                rows += _polars_rows(polars, polars.scan_csv(target.name, infer_schema=False))
        return f"{rows:,} rows"

    return run


def polars_memory() -> Run:
    """Inflate with isal into memory that Polars scans."""
    polars, isal = need("polars"), need("isal.isal_zlib")

    def run(file: Path, _cores: int, _plain_rows: int) -> str:
        rows = 0
        for blocks in inflated(file, isal):
            rows += _polars_rows(polars, polars.scan_csv(io.BytesIO(b"".join(blocks)), infer_schema=False))
        return f"{rows:,} rows"

    return run


def _polars_rows(polars: ModuleType, frame: Any) -> int:
    sums = [polars.col(column).str.len_bytes().sum() for column in CONTRACTS_READ]
    return int(frame.select(polars.len().alias("rows"), *sums).collect(engine="streaming").row(0)[0])


def _write(file: Path, blocks: Iterator[bytes]) -> None:
    with file.open("wb") as target:
        target.writelines(blocks)


def plain() -> Run:
    """Compare each row's recipient with every name of the watchlist, as a first version would."""
    extract_one = need("rapidfuzz.process").extractOne
    names = sorted({known.name.upper() for vendor in load_watchlist().vendors for known in vendor.known_names})

    def run(file: Path, _cores: int, plain_rows: int) -> str:
        hits = 0
        with zipfile.ZipFile(file) as archive, archive.open(archive.namelist()[0]) as member:
            for row in islice(csv.DictReader(io.TextIOWrapper(member, "utf-8", newline="")), plain_rows):
                hits += extract_one(row["recipient_name"], names, score_cutoff=90) is not None
        return f"{hits:,} of {plain_rows:,} rows"

    return run


def ours() -> Run:
    """Read an archive as the program does, up to the matches; members in several processes if there are several."""
    matcher = Matcher(load_watchlist())
    candidates = WatchlistCandidates(load_watchlist())
    candidates.may_concern_name("")  # builds what it looks names up in

    def run(file: Path, cores: int, _plain_rows: int) -> str:
        jobs = [ScanJob(str(file), member.name) for member in csv_members(str(file))]
        rows = found = matches = 0
        with open_scans(min(cores, len(jobs))) as scans:
            scans.expect(jobs)
            for job in jobs:
                scan = scans.result(job, candidates).scan
                rows += scan.rows
                for award in scan.awards:
                    found += len(award.rows)
                    records = parse(_payload(scan, award))
                    matches += sum(isinstance(record, Award) and bool(matcher.matches(record)) for record in records)
        return f"{rows:,} rows, {found:,} candidates, {matches:,} awards match"

    return run


def with_extra(prepare: Callable[[], Run]) -> Run:
    """Return what another function does, if the extra is installed."""
    for library in EXTRA:
        need(library)
    return prepare()


def _payload(scan: MemberScan, award: AwardRows) -> Payload:
    now = datetime.now(UTC)
    bodies = (scan.header, b"\n".join(award.rows))
    documents = tuple(
        Document(url="", request="", retrieved_at=now, content_type="text/csv", body=body) for body in bodies
    )
    return Payload(source="archive", key=award.key, revision="", documents=documents)


CONTRACTS_READ = [column for column in columns() if column in CONTRACTS.all]
METHODS = {
    method.name: method
    for method in (
        Method(name="inflate, zlib", prepare=lambda: inflate_with("zlib"), cores=(1,)),
        Method(name="inflate, isal", prepare=lambda: inflate_with("isal.isal_zlib"), cores=(1,)),
        Method(name="DuckDB reads the columns, gzip", prepare=duckdb_gzip),
        Method(name="DuckDB reads the columns, isal and a pipe", prepare=duckdb_pipe),
        Method(name="Polars reads the columns, isal and a file", prepare=polars_file),
        Method(name="Polars reads the columns, isal and memory", prepare=polars_memory),
        Method(name="csv + extractOne a row", prepare=plain, cores=(1,), is_scaled=True),
        Method(name="ours, to matches", prepare=partial(with_extra, ours)),
        Method(name="ours, to matches, without the extra", prepare=ours, without=EXTRA),
    )
}
