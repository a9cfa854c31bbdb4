"""The formats of an export, each as pieces of bytes that are made while they are sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial

from sqlalchemy.orm import Session

from feeds.feed import AUTHORITY
from procurewatch.exports.csv_json import array_bytes, csv_bytes, json_bytes
from procurewatch.exports.ocds import OWN_PREFIX, PROCESSES, release_of
from procurewatch.exports.parquet import parquet_bytes
from procurewatch.exports.sqlite_file import PUBLIC, sqlite_bytes
from storage.models import StoredRecord
from storage.reading.batches import events_together, links_together
from storage.reading.export_rows import COLUMNS, Row, RowsOf, in_batches, rows_of, with_bands
from storage.reading.records import actions_together, evidence_together


class ExportFormat(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"
    SQLITE = "sqlite"
    OCDS = "ocds"


@dataclass(frozen=True, slots=True)
class Form:
    """How a format is sent over HTTP and what its files are called."""

    content_type: str
    suffix: str


FORMS = {
    ExportFormat.CSV: Form("text/csv; charset=utf-8; header=present", ".csv"),
    ExportFormat.JSON: Form("application/json", ".json"),
    ExportFormat.PARQUET: Form("application/vnd.apache.parquet", ".parquet"),
    ExportFormat.SQLITE: Form("application/vnd.sqlite3", ".sqlite3"),
    ExportFormat.OCDS: Form("application/json", ".ocds.json"),
}


def export_bytes(
    session: Session,
    records: Iterable[StoredRecord],
    form: ExportFormat,
    *,
    kind: RowsOf = RowsOf.RECORDS,
    bands: frozenset[str] = PUBLIC,
    ocid_prefix: str = OWN_PREFIX,
) -> Iterator[bytes]:
    """Give an export of records, piece by piece, reading what belongs to them as it goes.

    Args:
        session: what the records are read from, open until the last piece is taken.
        kind: what a row is; SQLite and OCDS hold everything and take no notice.
        bands: the bands of the matches that are told.
        ocid_prefix: what identifiers of OCDS processes begin with.

    Raises:
        procurewatch.exports.parquet.ParquetMissing: Parquet is asked for and cannot be written here.
    """
    told = with_bands(records, bands)
    writers: dict[ExportFormat, Callable[[], Iterator[bytes]]] = {
        ExportFormat.CSV: lambda: csv_bytes(COLUMNS[kind], _rows(session, told, kind)),
        ExportFormat.JSON: lambda: json_bytes(_rows(session, told, kind)),
        ExportFormat.PARQUET: lambda: parquet_bytes(COLUMNS[kind], _rows(session, told, kind)),
        ExportFormat.SQLITE: lambda: sqlite_bytes(session, told, bands=bands),
        ExportFormat.OCDS: lambda: ocds_bytes(session, told, ocid_prefix=ocid_prefix),
    }
    return writers[form]()


def ocds_bytes(session: Session, records: Iterable[StoredRecord], *, ocid_prefix: str = OWN_PREFIX) -> Iterator[bytes]:
    """Give a release package of those records that are contracting processes.

    The standard wants at least one release in a package: ask for records of `PROCESSES`.
    """
    now = datetime.now(UTC)
    package = {
        "uri": f"tag:{AUTHORITY}:ocds/{now:%Y%m%dT%H%M%S.%fZ}",
        "version": "1.1",
        "publishedDate": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "publisher": {"name": "Procurewatch, from the public records that each release names"},
    }
    yield f'{json.dumps(package)[:-1]}, "releases": '.encode()
    yield from array_bytes(_releases(session, records, ocid_prefix))
    yield b"}\n"


def _releases(session: Session, records: Iterable[StoredRecord], prefix: str) -> Iterator[object]:
    for batch in in_batches(record for record in records if record.category in PROCESSES):
        keys = [record.key for record in batch]
        actions, links = actions_together(session, keys), links_together(session, keys)
        evidence = evidence_together(session, keys)
        for record in batch:
            key = record.key
            yield release_of(record, actions.get(key, ()), links.get(key, ()), evidence.get(key, ()), prefix)


def _rows(session: Session, records: Iterable[StoredRecord], kind: RowsOf) -> Iterator[Row]:
    return rows_of(
        kind,
        records,
        actions_of=partial(actions_together, session),
        events_of=partial(events_together, session),
    )
