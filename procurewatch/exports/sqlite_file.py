"""Records and their related rows as a SQLite file with the tables of the database and the views of the SQL pages.

Works with SQLite and PostgreSQL, in batches. Datasette opens the file: foreign keys link the tables, and records have
a full-text search box.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Column, Connection, MetaData, Table, create_engine, func, or_, select
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session
from sqlmodel import SQLModel, col

from procurewatch.exports.redaction import remove_user_names
from procurewatch.query_coverage import About
from storage.errors import each_alone
from storage.models import GOOD_STATUSES, POLL, UNDECIDED, MatchBand, StoredRecord
from storage.reading.export_rows import ATTRIBUTION, BATCH_SIZE, in_batches
from storage.reading.summaries import published_among
from storage.schema.payloads import decompress
from storage.schema.sql_views import make_views
from storage.schema.tables import (
    ActionRow,
    CoverageRow,
    EventRow,
    EvidenceRow,
    IncidentRow,
    LinkRow,
    MatchRow,
    PayloadRow,
    RecordRow,
    RunRow,
    SourceRecordRow,
)

CHUNK_SIZE = 1024 * 1024  # bytes
SEARCH_COLUMNS = "recipient_name, recipient_parent_name, title, description, piid"
ABOUT = {
    "what": "An export of Procurewatch. docs/querying-sql.md describes the views, docs/exports.md the tables.",
    "amounts": "Add up obligation of actions, or of matched_actions per vendor. Columns that end in _cents are US "
    "dollars in whole cents. Never add up amounts from several sources.",
    "evidence": "sha256 is the hash of the source's response; the user names of officials are removed from body.",
    "attribution": f"Where a record's facts name D&B as their source: {ATTRIBUTION}",
}

PUBLIC = frozenset({MatchBand.PUBLISHED})
Rows = list[dict[str, Any]]
Reader = Callable[[Session, Sequence[str]], Rows]


# What the views need of tables that are the program's own.
COLUMNS: Mapping[type[SQLModel], frozenset[str]] = {
    PayloadRow: frozenset({"sha256", "size", "content_type", "body"}),
    RunRow: frozenset({"id", "source", "purpose", "started", "status"}),
    IncidentRow: frozenset({"source", "began", "ended"}),
    CoverageRow: frozenset({"source", "vendor_id", "agency", "since", "until", "is_outdated"}),
}


def write_sqlite(
    session: Session,
    records: Iterable[StoredRecord],
    file: Path,
    *,
    about: About,
    bands: frozenset[str] = PUBLIC,
    with_bodies: bool = False,
) -> None:
    """Write records with their actions, matches, events, links, source records and evidence to a new SQLite file.

    Records of which something cannot be read are left out (`storage.errors.left_out`).

    Args:
        about: what the table `about` says.
        bands: the bands of the matches to write; their pending events are left out unless "review" or "name-only"
            is among them.
        with_bodies: also write the raw evidence, which makes the file large.
    """
    schema = MetaData()
    readers = {_table(schema, model): reader for model, reader in _readers(bands, with_bodies=with_bodies).items()}
    states = {_table(schema, model): rows for model, rows in _states(session).items()}
    engine = create_engine(URL.create("sqlite", database=str(file)))
    try:
        schema.create_all(engine)
        with engine.connect() as connection:
            # An incomplete file is deleted, so it needs no crash safety.
            connection.exec_driver_sql("PRAGMA synchronous = OFF")
            for table, rows in states.items():
                _insert(connection, table, rows)
            for batch in in_batches(records):
                write = partial(_write, connection, readers, session)
                each_alone(session, [record.key for record in batch], write, str)
            _delete_hidden_links(connection, session)
            make_views(connection)
            connection.commit()
    finally:
        engine.dispose()
    _finish(file, about)


def sqlite_bytes(
    session: Session, records: Iterable[StoredRecord], *, about: About, bands: frozenset[str] = PUBLIC
) -> Iterator[bytes]:
    """Yield the same file in chunks; it is written to a temporary folder first."""
    with TemporaryDirectory(prefix="procurewatch-") as folder:
        file = Path(folder) / "export.sqlite3"
        write_sqlite(session, records, file, about=about, bands=bands)
        with file.open("rb") as whole:
            while chunk := whole.read(CHUNK_SIZE):
                yield chunk


def _write(
    connection: Connection, readers: Mapping[Table, Reader], session: Session, keys: Sequence[str]
) -> Sequence[str]:
    """Copy all rows of records, or none if one of them cannot be read; return the keys."""
    found = [(table, read(session, keys)) for table, read in readers.items()]
    for table, rows in found:
        _insert(connection, table, rows)
    connection.commit()
    return keys


def _insert(connection: Connection, table: Table, rows: Rows) -> None:
    if rows:
        # A link is read from both of its ends, and the same bytes are evidence for several records.
        connection.execute(table.insert().prefix_with("OR IGNORE"), rows)


def _delete_hidden_links(connection: Connection, session: Session) -> None:
    """Delete links with a stored record that is neither in the file nor published."""
    missing = "SELECT {0} FROM link WHERE {0} NOT IN (SELECT key FROM record)"
    ends = connection.exec_driver_sql(" UNION ".join(missing.format(end) for end in ("record_key", "award_key")))
    left = iter(ends.scalars().all())
    while keys := list(islice(left, BATCH_SIZE)):
        stored = session.scalars(select(col(RecordRow.key)).where(col(RecordRow.key).in_(keys)))
        hidden = set(stored) - published_among(session, keys)
        for key in sorted(hidden):
            connection.exec_driver_sql("DELETE FROM link WHERE ? IN (record_key, award_key)", (key,))


def _table(schema: MetaData, model: type[SQLModel]) -> Table:
    """Return a copy of a model's table, with all columns or those of `COLUMNS`, which may be empty.

    Links lose their foreign keys because their other end may not be exported.
    """
    own: Table = model.__table__  # type: ignore[attr-defined]
    if model in COLUMNS:
        columns = [column for column in own.columns if column.name in COLUMNS[model]]
        return Table(
            own.name, schema, *(Column(each.name, each.type, primary_key=each.primary_key) for each in columns)
        )
    copied = own.to_metadata(schema)
    if model is LinkRow:
        copied.constraints -= copied.foreign_key_constraints
        for column in copied.columns:
            column.foreign_keys.clear()
    return copied


def _readers(bands: frozenset[str], *, with_bodies: bool) -> dict[type[SQLModel], Reader]:
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
        PayloadRow: partial(_payloads, with_bodies=with_bodies),
        EvidenceRow: lambda session, keys: _rows(session, EvidenceRow, col(EvidenceRow.record_key).in_(keys)),
    }


def _rows(session: Session, model: type[SQLModel], *where: Any) -> Rows:
    table: Table = model.__table__  # type: ignore[attr-defined]
    columns = [column for column in table.columns if column.name in COLUMNS.get(model, table.columns)]
    return [dict(row) for row in session.execute(select(*columns).where(*where)).mappings()]


def _payloads(session: Session, keys: Sequence[str], *, with_bodies: bool) -> Rows:
    """Return the evidence of records, without its bytes unless `with_bodies`."""
    query = select(col(PayloadRow.sha256), col(PayloadRow.size), col(PayloadRow.content_type))
    if with_bodies:
        query = query.add_columns(col(PayloadRow.body), col(PayloadRow.dictionary_id))
    shown = select(col(EvidenceRow.sha256)).where(col(EvidenceRow.record_key).in_(keys))
    rows = [dict(row) for row in session.execute(query.where(col(PayloadRow.sha256).in_(shown))).mappings()]
    for row in rows:
        body, dictionary_id = row.get("body"), row.pop("dictionary_id", None)
        row["body"] = remove_user_names(decompress(session, body, row["size"], dictionary_id)) if body else None
    return rows


def _states(session: Session) -> dict[type[SQLModel], Rows]:
    """Return what the views show of sources and periods: the last poll and the last good one, outages, coverage."""
    polls = select(func.max(col(RunRow.id))).where(col(RunRow.purpose) == POLL).group_by(col(RunRow.source))
    good = polls.where(col(RunRow.status).in_(GOOD_STATUSES))
    return {
        RunRow: _rows(session, RunRow, or_(col(RunRow.id).in_(polls), col(RunRow.id).in_(good))),
        IncidentRow: _rows(session, IncidentRow, col(IncidentRow.ended).is_(None)),
        CoverageRow: _rows(session, CoverageRow, col(CoverageRow.is_outdated).is_(False)),
    }


def _finish(file: Path, about: About) -> None:
    """Add the full-text index and a table that describes the file."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f'CREATE VIRTUAL TABLE record_fts USING fts5({SEARCH_COLUMNS}, content="record")')
        connection.execute("INSERT INTO record_fts(record_fts) VALUES ('rebuild')")
        connection.execute("CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        connection.executemany("INSERT INTO about VALUES (?, ?)", (about.as_texts() | ABOUT).items())
