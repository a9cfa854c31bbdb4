"""Records and their related rows as a SQLite file with the same tables and columns as the database.

Works with SQLite and PostgreSQL, in batches. Datasette opens the file: foreign keys link the tables, and records have
a full-text search box.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, String, Table, create_engine, or_, select
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from procurewatch.exports.redaction import remove_user_names
from storage.models import UNDECIDED, MatchBand, StoredRecord
from storage.payloads import decompress
from storage.reading.export_rows import ATTRIBUTION, in_batches
from storage.tables import ActionRow, EventRow, EvidenceRow, LinkRow, MatchRow, PayloadRow, RecordRow, SourceRecordRow

CHUNK_SIZE = 1024 * 1024  # bytes
SEARCH_COLUMNS = "recipient_name, recipient_parent_name, title, description, piid"
ABOUT = {
    "what": "An export of Procurewatch. docs/exports.md describes every table and column.",
    "amounts": "Columns that end in _cents are US dollars in whole cents. Never add up amounts from several sources.",
    "evidence": "sha256 is the hash of the source's response; the user names of officials are removed from body.",
    "attribution": f"Where a record's facts name D&B as their source: {ATTRIBUTION}",
}

PUBLIC = frozenset({MatchBand.PUBLISHED})
Rows = list[dict[str, Any]]
Reader = Callable[[Session, Sequence[str]], Rows]


def write_sqlite(
    session: Session,
    records: Iterable[StoredRecord],
    file: Path,
    *,
    bands: frozenset[str] = PUBLIC,
    with_bodies: bool = False,
) -> None:
    """Write records with their actions, matches, events, links, source records and evidence to a new SQLite file.

    Args:
        bands: the bands of the matches to write; their pending events are left out unless "review" or "name-only"
            is among them.
        with_bodies: also write the raw evidence, which makes the file large.
    """
    schema = MetaData()
    readers = {_table(schema, model): reader for model, reader in _readers(bands).items()}
    readers[_evidence_table(schema)] = lambda session, keys: _evidence(session, keys, with_bodies=with_bodies)
    engine = create_engine(URL.create("sqlite", database=str(file)))
    try:
        schema.create_all(engine)
        with engine.connect() as connection:
            # An incomplete file is deleted, so it needs no crash safety.
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
            for batch in in_batches(records):
                _write(connection, readers, session, [record.key for record in batch])
    finally:
        engine.dispose()
    _finish(file)


def sqlite_bytes(
    session: Session, records: Iterable[StoredRecord], *, bands: frozenset[str] = PUBLIC
) -> Iterator[bytes]:
    """Yield the same file in chunks; it is written to a temporary folder first."""
    with TemporaryDirectory(prefix="procurewatch-") as folder:
        file = Path(folder) / "export.sqlite3"
        write_sqlite(session, records, file, bands=bands)
        with file.open("rb") as whole:
            while chunk := whole.read(CHUNK_SIZE):
                yield chunk


def _write(connection: Connection, readers: Mapping[Table, Reader], session: Session, keys: Sequence[str]) -> None:
    for table, read in readers.items():
        if rows := read(session, keys):
            # A link is read from both of its ends.
            connection.execute(table.insert().prefix_with("OR IGNORE"), rows)
    connection.commit()


def _table(schema: MetaData, model: type[SQLModel]) -> Table:
    """Return a copy of a model's table; links lose their foreign keys because their other end may not be exported."""
    own: Table = model.__table__  # type: ignore[attr-defined]
    copied = own.to_metadata(schema)
    if model is LinkRow:
        copied.constraints -= copied.foreign_key_constraints
        for column in copied.columns:
            column.foreign_keys.clear()
    return copied


def _evidence_table(schema: MetaData) -> Table:
    own: Table = EvidenceRow.__table__  # type: ignore[attr-defined]
    columns = [Column(each.name, each.type, primary_key=each.primary_key, nullable=False) for each in own.columns]
    more = (Column("content_type", String), Column("size", Integer), Column("body", LargeBinary))
    return Table("evidence", schema, *columns, *more)


def _readers(bands: frozenset[str]) -> dict[type[SQLModel], Reader]:
    return {
        RecordRow: lambda session, keys: _rows(session, RecordRow, col(RecordRow.key).in_(keys)),
        ActionRow: lambda session, keys: _rows(session, ActionRow, col(ActionRow.award_key).in_(keys)),
        MatchRow: lambda session, keys: _rows(
            session, MatchRow, col(MatchRow.record_key).in_(keys), col(MatchRow.band).in_(bands)
        ),
        EventRow: lambda session, keys: _rows(
            session,
            EventRow,
            col(EventRow.record_key).in_(keys),
            *(() if UNDECIDED & bands else (col(EventRow.pending_review).is_(False),)),
        ),
        LinkRow: lambda session, keys: _rows(
            session, LinkRow, or_(col(LinkRow.record_key).in_(keys), col(LinkRow.award_key).in_(keys))
        ),
        SourceRecordRow: lambda session, keys: _rows(
            session, SourceRecordRow, col(SourceRecordRow.record_key).in_(keys)
        ),
    }


def _rows(session: Session, model: type[SQLModel], *where: Any) -> Rows:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return [dict(row) for row in session.execute(select(table).where(*where)).mappings()]


def _evidence(session: Session, keys: Sequence[str], *, with_bodies: bool) -> Rows:
    own: Table = EvidenceRow.__table__  # type: ignore[attr-defined]
    query = select(own, col(PayloadRow.content_type), col(PayloadRow.size))
    if with_bodies:
        query = query.add_columns(col(PayloadRow.body), col(PayloadRow.dictionary_id))
    query = query.join(PayloadRow, col(PayloadRow.sha256) == own.c.sha256).where(own.c.record_key.in_(keys))
    rows = [dict(row) for row in session.execute(query).mappings()]
    for row in rows:
        body, dictionary_id = row.get("body"), row.pop("dictionary_id", None)
        row["body"] = remove_user_names(decompress(session, body, row["size"], dictionary_id)) if body else None
    return rows


def _finish(file: Path) -> None:
    """Add the full-text index and a table that describes the file."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f'CREATE VIRTUAL TABLE record_fts USING fts5({SEARCH_COLUMNS}, content="record")')
        connection.execute("INSERT INTO record_fts(record_fts) VALUES ('rebuild')")
        connection.execute("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        made = datetime.now(UTC).isoformat(timespec="seconds")
        connection.executemany("INSERT INTO about VALUES (?, ?)", [("made", made), *ABOUT.items()])
