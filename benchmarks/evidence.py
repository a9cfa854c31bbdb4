"""Measure the compression of evidence: `python -m benchmarks.evidence [DATABASE] [--rows N]`.

Compares zlib, zstd, and zstd with a dictionary (`storage.schema.payloads`) on the responses in a SQLite database (the
demo's, unless a file is named) and on the rows of a generated award archive (20,000 unless told). The dictionary is
trained on one half of the payloads and measured on the other half. Prints bytes per payload, and how many times smaller
than with zlib; for the database also the bytes of evidence per record.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import zstandard
from rich.console import Console
from sqlalchemy import func, select
from sqlmodel import col

from benchmarks.archives.files import Texts, generate
from procurewatch.context import open_app
from procurewatch.demo.recorded import RecordedUsaspending
from procurewatch.demo.settings import LAST_DAY, demo_settings
from procurewatch.settings import load_settings
from storage.database import open_database
from storage.maintenance.evidence import MAX_SAMPLE_SIZE, MAX_SAMPLES, best_dictionary
from storage.schema.payloads import LEVEL, payload_bytes
from storage.schema.tables import PayloadRow, RecordRow

ZLIB_LEVEL = 6
Compress = Callable[[bytes], bytes]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("database", nargs="?", type=Path, help="a SQLite database, not changed unless it is older")
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="procurewatch-") as folder:
        payloads, records = stored_payloads(options.database or make_demo(Path(folder)))
        show("responses in the database", payloads, records)
        show("rows of an award archive", archive_rows(Path(folder), options.rows))


def make_demo(folder: Path) -> Path:
    """Return a database in which the demo's awards are stored."""
    settings = demo_settings(load_settings(data_dir=folder))
    with open_app(settings) as app_context:
        source = RecordedUsaspending()
        with app_context.claimed(source):
            app_context.poll(source, LAST_DAY, lambda _progress: None)
    return settings.data_dir / "procurewatch.sqlite3"


def stored_payloads(file: Path) -> tuple[list[bytes], int]:
    """Return the payloads in a database, and the number of its records."""
    with closing(open_database(f"sqlite:///{file}")) as database, database.reading() as session:
        rows = session.scalars(select(PayloadRow).order_by(col(PayloadRow.sha256)))
        found = [body for row in rows if (body := payload_bytes(session, row))]
        return found, session.scalar(select(func.count()).select_from(RecordRow)) or 0


def archive_rows(folder: Path, rows: int) -> list[bytes]:
    """Return the lines of a generated archive, each the evidence of an action."""
    file = folder / "archive.zip"
    generate(file, rows, Texts.read())
    with zipfile.ZipFile(file) as archive:
        return [line for name in archive.namelist() for line in archive.read(name).splitlines()[1:]]


def show(title: str, payloads: Sequence[bytes], records: int = 0) -> None:
    """Print the sizes of one half of the payloads, with a dictionary of the other half."""
    trained, measured = payloads[::2], payloads[1::2]
    best = best_dictionary([body[:MAX_SAMPLE_SIZE] for body in trained[:MAX_SAMPLES]])
    dictionary = zstandard.ZstdCompressionDict(best)
    ways: dict[str, Compress] = {
        "not compressed": lambda body: body,
        f"zlib, level {ZLIB_LEVEL}": lambda body: zlib.compress(body, ZLIB_LEVEL),
        f"zstd, level {LEVEL}": zstandard.ZstdCompressor(level=LEVEL).compress,
        "zstd with a dictionary": zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary).compress,
    }
    sizes = {name: sum(len(compress(body)) for body in measured) for name, compress in ways.items()}
    out, with_zlib = Console(highlight=False, width=120), sizes[f"zlib, level {ZLIB_LEVEL}"]
    out.print(f"{title}: {len(payloads):,}")
    for name, size in sizes.items():
        each = size / len(measured)
        per_record = f", {each * len(payloads) / records:,.0f} per record" if records else ""
        out.print(f"  {name:<24} {each:8,.0f} bytes each{per_record}, {with_zlib / size:.2f} times smaller than zlib")


if __name__ == "__main__":
    main()
