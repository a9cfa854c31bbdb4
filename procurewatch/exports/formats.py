"""The export formats and their writers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from sqlalchemy.orm import Session

from feeds.feed import AUTHORITY
from procurewatch.exports.csv_json import array_bytes, csv_bytes, json_bytes, json_lines_bytes
from procurewatch.exports.data_package import MEDIA_TYPES
from procurewatch.exports.ocds import OWN_PREFIX, PROCESSES, release_of
from procurewatch.exports.parquet import check_row, parquet_bytes
from procurewatch.exports.sqlite_file import PUBLIC, sqlite_bytes
from procurewatch.exports.xlsx import xlsx_bytes
from procurewatch.query_coverage import About
from storage.errors import each_alone
from storage.models import StoredAction, StoredEvidence, StoredRecord
from storage.reading.events import load_events_for
from storage.reading.export_rows import EXPORT_COLUMNS, Row, RowType, export_rows, in_batches, with_bands
from storage.reading.records import load_actions_for, load_evidence_for
from storage.reading.timelines import Linked, load_links_for
from storage.search.query import Query
from storage.search.spending import EVERYTHING, load_found_actions

_Related = tuple[StoredRecord, Sequence[StoredAction], Sequence[Linked], Sequence[StoredEvidence]]


class ExportFormat(StrEnum):
    """The format of an export."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    XLSX = "xlsx"
    PARQUET = "parquet"
    SQLITE = "sqlite"
    OCDS = "ocds"


@dataclass(frozen=True, slots=True)
class FileType:
    """The content type and file extension of a format."""

    content_type: str
    extension: str


FILE_TYPES = {
    ExportFormat.CSV: FileType("text/csv; charset=utf-8; header=present", ".csv"),
    ExportFormat.JSON: FileType("application/json", ".json"),
    ExportFormat.JSONL: FileType(MEDIA_TYPES["jsonl"], ".jsonl"),
    ExportFormat.XLSX: FileType(MEDIA_TYPES["xlsx"], ".xlsx"),
    ExportFormat.PARQUET: FileType("application/vnd.apache.parquet", ".parquet"),
    ExportFormat.SQLITE: FileType("application/vnd.sqlite3", ".sqlite3"),
    ExportFormat.OCDS: FileType("application/json", ".ocds.json"),
}


def export_bytes(
    session: Session,
    records: Iterable[StoredRecord],
    export_format: ExportFormat,
    *,
    query: Query = EVERYTHING,
    row_type: RowType = RowType.RECORDS,
    bands: frozenset[str] = PUBLIC,
    ocid_prefix: str = OWN_PREFIX,
    about: About | None = None,
) -> Iterator[bytes]:
    """Yield an export of records in chunks, without those that cannot be read or written (`storage.errors.left_out`).

    Args:
        session: must stay open until the last chunk is read.
        query: the query of the records, which also selects the actions that rows have or add up.
        row_type: what a row is; SQLite and OCDS always contain everything.
        bands: the bands of the matches to include.
        ocid_prefix: the prefix of OCDS process identifiers.
        about: what the export says about itself. CSV and JSON Lines have no place for it (`data_package`).

    Raises:
        procurewatch.exports.xlsx.TooManyRows: there are more rows than an Excel sheet can have.
        procurewatch.exports.parquet.ParquetMissing: the format is Parquet and pyarrow is not installed.
    """
    records = with_bands(records, bands)
    rows = partial(_rows, session, records, row_type, query)
    columns, about = EXPORT_COLUMNS[row_type], about or About()
    members = {**about.as_json(), "columns": {name: column.meaning for name, column in columns.items()}}
    writers: dict[ExportFormat, Callable[[], Iterator[bytes]]] = {
        ExportFormat.CSV: lambda: csv_bytes(columns, rows()),
        ExportFormat.JSON: lambda: json_bytes(rows(), members),
        ExportFormat.JSONL: lambda: json_lines_bytes(rows()),
        ExportFormat.XLSX: lambda: xlsx_bytes(columns, rows(), about.notes),
        ExportFormat.PARQUET: lambda: parquet_bytes(columns, rows(check_row), about),
        ExportFormat.SQLITE: lambda: sqlite_bytes(session, records, about=about, bands=bands),
        ExportFormat.OCDS: lambda: ocds_bytes(session, records, about, ocid_prefix=ocid_prefix),
    }
    return writers[export_format]()


def ocds_bytes(
    session: Session, records: Iterable[StoredRecord], about: About, *, ocid_prefix: str = OWN_PREFIX
) -> Iterator[bytes]:
    """Yield an OCDS release package of the records that are contracting processes (`PROCESSES`).

    The standard requires at least one release in a package. `about` is an addition of ours to it.
    """
    now = about.made
    package = {
        "uri": f"tag:{AUTHORITY}:ocds/{now:%Y%m%dT%H%M%S.%fZ}",
        "version": "1.1",
        "publishedDate": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "publisher": {"name": "Procurewatch, from the public records that each release names"},
        "about": about.as_json(),
    }
    yield f'{json.dumps(package)[:-1]}, "releases": '.encode()
    yield from array_bytes(_releases(session, records, ocid_prefix))
    yield b"}\n"


def _releases(session: Session, records: Iterable[StoredRecord], prefix: str) -> Iterator[str]:
    """Yield releases as JSON, without those of records that cannot be read or written (`storage.errors.left_out`)."""

    def load(batch: Sequence[StoredRecord]) -> list[_Related]:
        keys = [record.key for record in batch]
        actions, links = load_actions_for(session, keys), load_links_for(session, keys)
        evidence = load_evidence_for(session, keys)
        return [
            (record, actions.get(record.key, ()), links.get(record.key, ()), evidence.get(record.key, ()))
            for record in batch
        ]

    def write(found: Sequence[_Related]) -> list[str]:
        return [json.dumps(release_of(*one, prefix), allow_nan=False) for one in found]

    for batch in in_batches(record for record in records if record.category in PROCESSES):
        for one in each_alone(session, batch, load, lambda record: record.key):
            yield from each_alone(session, [one], write, lambda related: related[0].key)


def _rows(
    session: Session,
    records: Iterable[StoredRecord],
    row_type: RowType,
    query: Query,
    check: Callable[[Row], object] = len,
) -> Iterator[Row]:
    return export_rows(
        session,
        row_type,
        records,
        actions_of=partial(load_found_actions, session, query, is_list=row_type is RowType.ACTIONS),
        events_of=partial(load_events_for, session),
        check=check,
    )
