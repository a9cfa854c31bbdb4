"""Parquet and SQLite: read back by what others read them with, from either kind of database."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet
import pytest

from procurewatch.exports.formats import ExportFormat, export_bytes
from procurewatch.exports.parquet import ParquetMissing, parquet_bytes
from procurewatch.exports.sqlite_file import write_sqlite
from procurewatch.query_coverage import About
from storage.database import Database
from storage.reading.export_rows import COLUMNS, ExportColumn, Row, RowType
from storage.reading.records import all_keys, records_by_key
from storage.schema.fields import FieldType
from storage.schema.tables import LinkRow
from tests.records import BABEL, CLEARVIEW, SEEN, SOLE_SOURCE, document, match
from tests.storage.database_helpers import save

HOSTILE = '=HYPERLINK("x") <script>\u202e\x1b]0;\x07 ' + "é" * 1000


def test_parquet_has_the_same_rows_with_exact_amounts(database: Database) -> None:
    hostile = replace(BABEL, description=HOSTILE)
    save(database, hostile, match(hostile, "babel-street"))
    with database.reading() as session:
        records = records_by_key(session, all_keys(session))
        file = b"".join(export_bytes(session, records, ExportFormat.PARQUET, row_type=RowType.ACTIONS))
    table = pyarrow.parquet.read_table(io.BytesIO(file))
    assert table.column_names == list(COLUMNS[RowType.ACTIONS])
    first, second = table.to_pylist()
    assert (first["action_obligation"], second["action_obligation"]) == (Decimal("2259173.89"), Decimal("3646827.09"))
    assert first["action_signed"] == date(2023, 9, 25)
    assert first["first_seen"] == SEEN
    assert (first["vendor"], first["score"], first["ceiling"]) == ("Babel Street", 0.97, None)
    assert first["description"] == HOSTILE


def test_every_format_has_competition_and_pricing(database: Database, tmp_path: Path) -> None:
    bought = replace(BABEL, **SOLE_SOURCE)
    save(database, bought, match(bought, "babel-street"))
    with database.reading() as session:
        records = records_by_key(session, all_keys(session))
        files = {form: b"".join(export_bytes(session, records, form)) for form in ExportFormat}
    (parquet,) = pyarrow.parquet.read_table(io.BytesIO(files[ExportFormat.PARQUET])).to_pylist()
    assert {name: parquet[name] for name in SOLE_SOURCE} == {**SOLE_SOURCE, "disaster_codes": "N; Q"}
    (written,) = csv.DictReader(io.StringIO(files[ExportFormat.CSV].decode()))
    (listed,) = json.loads(files[ExportFormat.JSON])["rows"]
    assert (written["competition"], listed["competition"]) == ("not-competed", "not-competed")
    assert (written["offers_received"], listed["offers_received"]) == ("1", 1)
    assert (written["subaward_total"], listed["subaward_total"]) == ("250000.50", "250000.50")
    file = tmp_path / "read.sqlite3"
    file.write_bytes(files[ExportFormat.SQLITE])
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT offers_received, outlays_cents, disaster_codes, not_competed_reason FROM record"
        (row,) = connection.execute(query)
    assert row == (1, 178750000, '["N", "Q"]', SOLE_SOURCE["not_competed_reason"])


def test_parquet_is_written_in_groups() -> None:
    types = {"n": FieldType.SCORE, "at": FieldType.TIME, "text": FieldType.TEXT}
    columns = {name: ExportColumn(kind, "") for name, kind in types.items()}
    rows: Iterator[Row] = (
        {"n": float(n), "at": datetime(2026, 1, 1, tzinfo=UTC), "text": "\ud800"} for n in range(45_000)
    )
    pieces = list(parquet_bytes(columns, rows, About()))
    file = pyarrow.parquet.ParquetFile(io.BytesIO(b"".join(pieces)))
    assert (file.metadata.num_rows, file.metadata.num_row_groups) == (45_000, 3)
    assert len([piece for piece in pieces if piece]) > 3


def test_without_pyarrow_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ParquetMissing, match=r"pip install 'procurewatch\[exports\]'"):
        parquet_bytes({}, [], About())


def sqlite_of(database: Database, file: Path, *, with_bodies: bool = False) -> sqlite3.Connection:
    with database.reading() as session:
        write_sqlite(session, records_by_key(session, all_keys(session)), file, about=About(), with_bodies=with_bodies)
    connection = sqlite3.connect(file)
    connection.row_factory = sqlite3.Row
    return connection


def test_a_sqlite_file_has_all_tables_linked_and_searchable(database: Database, tmp_path: Path) -> None:
    save(database, BABEL, match(BABEL, "babel-street"), match(BABEL, "panamerica", band="review"))
    save(database, CLEARVIEW, match(CLEARVIEW))
    with closing(sqlite_of(database, tmp_path / "export.db")) as export:
        counts = {
            name: export.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for name in ("record", "action", "match", "event", "link", "source_record", "evidence")
        }
        assert counts | {"event": 0} == {
            "record": 2, "action": 7, "match": 2, "event": 0, "link": 0, "source_record": 2, "evidence": 2,
        }  # fmt: skip
        assert counts["event"] > 2
        assert export.execute("PRAGMA foreign_key_check").fetchall() == []
        assert export.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        row = export.execute("SELECT * FROM record WHERE piid = '70B03C23F00001053'").fetchone()
        assert (row["obligated_cents"], row["signed"], json.loads(row["amounts"])) == (590600098, "2023-09-25", [])
        assert {row["vendor_id"] for row in export.execute("SELECT vendor_id FROM match")} == {
            "babel-street",
            "clearview-ai",
        }
        found = "SELECT r.piid FROM record_fts f JOIN record r ON r.rowid = f.rowid WHERE record_fts MATCH 'facial'"
        assert [each[0] for each in export.execute(found)] == ["70CMSD21P00000127"]
        assert [each["body"] for each in export.execute("SELECT body FROM payload")] == [None, None]


def test_links_with_records_that_are_not_published_are_left_out(database: Database, tmp_path: Path) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    save(database, BABEL, match(BABEL, "babel-street", band="review"))
    with database.writing() as session:
        for key in (BABEL.key, "CONT_AWD_NOT_STORED_-NONE-_-NONE-"):
            session.add(LinkRow(record_key=CLEARVIEW.key, award_key=key, confidence=1, reason="named", first_seen=SEEN))
    with database.reading() as session:
        write_sqlite(session, records_by_key(session, [CLEARVIEW.key]), tmp_path / "export.db", about=About())
        write_sqlite(session, records_by_key(session, all_keys(session)), tmp_path / "all.db", about=About())
    with closing(sqlite3.connect(tmp_path / "export.db")) as export:
        assert export.execute("SELECT award_key FROM link").fetchall() == [("CONT_AWD_NOT_STORED_-NONE-_-NONE-",)]
    with closing(sqlite3.connect(tmp_path / "all.db")) as export:
        assert export.execute("SELECT count(*) FROM link").fetchone() == (2,)
        assert export.execute("SELECT count(*) FROM links").fetchone() == (1,)


def test_payloads_are_included_on_request_without_user_names(database: Database, tmp_path: Path) -> None:
    told = document("x", {"createdBy": "JANE.DOE", "piid": "X"})
    saved = replace(BABEL, documents=(told,))
    save(database, saved, match(saved, "babel-street"))
    with closing(sqlite_of(database, tmp_path / "export.db", with_bodies=True)) as export:
        (row,) = export.execute("SELECT sha256, body FROM payload").fetchall()
    assert row["sha256"] == told.sha256
    assert json.loads(row["body"]) == {"createdBy": "[removed]", "piid": "X"}


def test_the_file_can_be_streamed(database: Database, tmp_path: Path) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    file = tmp_path / "pieces.db"
    with database.reading() as session:
        records = records_by_key(session, all_keys(session))
        file.write_bytes(b"".join(export_bytes(session, records, ExportFormat.SQLITE)))
    with closing(sqlite3.connect(file)) as export:
        assert export.execute("SELECT count(*) FROM action").fetchone() == (5,)
