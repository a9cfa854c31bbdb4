"""Measure the time and memory of exports: `python -m benchmarks.exporting [ACTIONS]`.

Fills a SQLite database in a temporary folder with so many actions (1,000,000 unless told), four to an award, and
writes each format from it in a process of its own. Prints actions a second, bytes, and the peak memory of that process
beside what it had used before the first row: the peak must not grow with the number of actions.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from sqlalchemy import insert, select
from sqlalchemy.orm import Session
from sqlmodel import col

from procurewatch.exports.formats import ExportFormat, export_bytes
from storage.database import Database, open_database
from storage.models import StoredRecord
from storage.reading.export_rows import BATCH_SIZE, RowType
from storage.reading.records import records_by_key
from storage.schema.tables import ActionRow, RecordRow

ACTIONS_OF_AN_AWARD = 4
SEEN = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
WORDS = "LICENSES FOR AN ENTERPRISE PLATFORM IN SUPPORT OF OPERATORS AND ANALYSTS, OPTION YEAR "


def fill(database: Database, actions: int) -> None:
    """Store awards with this many actions in total."""
    awards = actions // ACTIONS_OF_AN_AWARD
    for first in range(0, awards, 5_000):
        numbers = range(first, min(first + 5_000, awards))
        with database.writing() as session:
            session.execute(insert(RecordRow), [_record(number) for number in numbers])
            acted = [_action(number, each) for number in numbers for each in range(ACTIONS_OF_AN_AWARD)]
            session.execute(insert(ActionRow), acted)


def _record(number: int) -> dict[str, object]:
    texts = {name: "" for name, field in RecordRow.model_fields.items() if field.annotation is str}
    return {
        **texts,
        "key": _key(number),
        "source": "usaspending",
        "category": "contract",
        "type_text": "DELIVERY ORDER",
        "piid": f"70CMSD{number:09}",
        "description": f"{WORDS}{number}",
        "recipient_name": f"RECIPIENT {number % 5_000} LLC",
        "recipient_uei": f"UEI{number % 5_000:09}",
        "agency_name": "Department of Homeland Security",
        "sub_agency_code": "7012",
        "sub_agency_name": "U.S. Immigration and Customs Enforcement",
        "obligated": Decimal(number),
        "signed": date(2016, 1, 1) + timedelta(days=number % 3_600),
        "psc": "7A21",
        "naics": "511210",
        "amounts": [],
        "attachments": [],
        "facts": [],
        "first_seen": SEEN,
        "last_changed": SEEN,
    }


def _action(number: int, modification: int) -> dict[str, object]:
    return {
        "key": f"7012_-NONE-_70CMSD{number:09}_{modification}_-NONE-_0",
        "award_key": _key(number),
        "modification": str(modification),
        "signed": date(2016, 1, 1) + timedelta(days=number % 3_600 + 90 * modification),
        "obligation": Decimal(number + modification),
        "description": f"{WORDS}{modification}",
        "action_type": "C",
        "action_type_text": "FUNDING ONLY ACTION",
        "source": "usaspending",
        "first_seen": SEEN,
    }


def _key(number: int) -> str:
    return f"CONT_AWD_70CMSD{number:09}_7012_-NONE-_-NONE-"


def _stored(session: Session) -> Iterator[StoredRecord]:
    """Yield all stored records, as `find_records` does without filters."""
    last = ""
    while True:
        query = (
            select(col(RecordRow.key)).where(col(RecordRow.key) > last).order_by(col(RecordRow.key)).limit(BATCH_SIZE)
        )
        keys = list(session.scalars(query.limit(BATCH_SIZE)))
        if not keys:
            return
        yield from records_by_key(session, keys)
        last = keys[-1]


def measure(url: str, form: ExportFormat, actions: int) -> str:
    """Write one format in this process; return the measurements."""
    with closing(open_database(url)) as database, database.reading() as session:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start = time.perf_counter()
        pieces = export_bytes(session, _stored(session), form, row_type=RowType.ACTIONS)
        size = sum(len(piece) for piece in pieces)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{form.value}: {actions:,} actions in {seconds:.0f} s = {actions / seconds:,.0f} a second, "
        f"{size / 1e6:,.0f} MB; "
        f"peak memory {peak:.0f} MiB ({before:.0f} MiB before the first row)"
    )


def main() -> None:
    """Run the benchmark and print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("actions", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--of", nargs=2, metavar=("URL", "FORMAT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    if given.of:
        console.print(measure(given.of[0], ExportFormat(given.of[1]), given.actions))
        return
    with tempfile.TemporaryDirectory(prefix="procurewatch-") as folder:
        url = f"sqlite:///{Path(folder) / 'benchmark.sqlite3'}"
        with closing(open_database(url)) as database:
            fill(database, given.actions)
        for form in ExportFormat:
            command = [sys.executable, "-m", "benchmarks.exporting", str(given.actions), "--of", url, form.value]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  our own module
            console.print(done.stdout.strip())


if __name__ == "__main__":
    main()
