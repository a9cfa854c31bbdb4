"""A record that cannot be read or written is left out and named; everything else is exported, sent and published."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet
import pytest
from structlog.testing import capture_logs

from procurewatch.exports.formats import ExportFormat, export_bytes
from procurewatch.exports.parquet import check_row
from procurewatch.exports.story_pack import pack_bytes
from storage.database import Database, open_database
from storage.errors import left_out
from storage.models import StoredAction
from storage.reading.export_rows import RowType, export_rows
from storage.reading.records import actions_of as actions_of_award
from storage.reading.records import all_keys, record_by_key, records_by_key
from storage.search.query import Query
from storage.search.search import find_events, find_records
from tests.commands import run
from tests.procurewatch.site import fill, served
from tests.records import CLEARVIEW, CLEARVIEW_FORENSIC

FAULTS = {
    "its JSON is broken": "UPDATE record SET facts = '{broken' WHERE key = :key",
    "a match is broken": "UPDATE match SET signals = '[{\"kind\": 1}]' WHERE record_key = :key",
    "its text is not UTF-8": "UPDATE record SET description = CAST(x'41EDA080' AS TEXT) WHERE key = :key",
    "an action has no date": "UPDATE action SET signed = 'soon' WHERE award_key = :key",
}


def break_record(database: Database, fault: str, key: str = CLEARVIEW.key) -> None:
    """Change a value of a stored record as no writer would."""
    with closing(sqlite3.connect(str(database.engine.url.database))) as connection, connection:
        assert connection.execute(fault, {"key": key}).rowcount


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[Any]]:
    """Yield what is logged."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[Database]:
    """Yield a SQLite database with four published records."""
    with closing(open_database(f"sqlite:///{tmp_path / 'procurewatch.sqlite3'}")) as database:
        fill(database)
        yield database


def keys_in(form: ExportFormat, file: bytes) -> set[str]:
    """Return the keys of the records in an export."""
    if form is ExportFormat.CSV:
        return {row["record_key"] for row in csv.DictReader(io.StringIO(file.decode()))}
    if form is ExportFormat.JSON:
        return {row["record_key"] for row in json.loads(file)["rows"]}
    if form is ExportFormat.JSONL:
        return {json.loads(line)["record_key"] for line in file.splitlines()}
    if form is ExportFormat.PARQUET:
        return {row["record_key"] for row in pyarrow.parquet.read_table(io.BytesIO(file)).to_pylist()}
    if form is ExportFormat.OCDS:
        return {release["ocid"].partition("-")[2] for release in json.loads(file)["releases"]}
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(file)
        return {row[0] for row in connection.execute("SELECT key FROM record")}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_others_are_exported_in_every_format(filled: Database, fault: str, logged: list[Any]) -> None:
    break_record(filled, fault)
    for form in ExportFormat:
        with filled.reading() as session:
            file = b"".join(export_bytes(session, find_records(session, Query()), form))
            assert list(left_out(session)) == [CLEARVIEW.key], form
        if form is not ExportFormat.XLSX:
            found = keys_in(form, file)
            assert (len(found), CLEARVIEW.key in found) == (3, False), form
    assert {entry["record"] for entry in logged} == {CLEARVIEW.key}


def test_a_story_pack_says_what_it_lacks(filled: Database) -> None:
    break_record(filled, FAULTS["an action has no date"])
    break_record(
        filled,
        "UPDATE payload SET body = x'00' WHERE sha256 IN (SELECT sha256 FROM evidence WHERE record_key = :key)",
    )
    with filled.reading() as session:
        records = list(find_records(session, Query()))
        pack = zipfile.ZipFile(io.BytesIO(b"".join(pack_bytes(session, records, "everything"))))
    assert pack.testzip() is None
    assert len(list(csv.DictReader(io.StringIO(pack.read("records.csv").decode())))) == 3
    assert CLEARVIEW.key in pack.read("LEFT-OUT.txt").decode()
    assert b"LEFT-OUT.txt" in pack.read("SHA256SUMS")


def test_the_command_names_it_and_writes_the_others(filled: Database, tmp_path: Path) -> None:
    break_record(filled, FAULTS["its JSON is broken"])
    done = run(tmp_path, "export", "--output", str(tmp_path / "all.csv"))
    assert done.returncode == 1
    assert f"left out, because of an error: 1 record ({CLEARVIEW.key}); run procurewatch db check" in done.stderr
    assert keys_in(ExportFormat.CSV, (tmp_path / "all.csv").read_bytes()) >= {CLEARVIEW_FORENSIC.key}
    assert "Traceback" not in done.stderr


def test_an_amount_that_parquet_cannot_have_costs_one_record(filled: Database) -> None:
    with filled.reading() as session:
        records = records_by_key(session, all_keys(session))

        def actions_of(keys: Sequence[str]) -> dict[str, list[StoredAction]]:
            huge = replace(actions_of_award(session, CLEARVIEW.key)[0], obligation=Decimal(10) ** 18)
            return {CLEARVIEW.key: [huge]} if CLEARVIEW.key in keys else {}

        rows = list(
            export_rows(
                session, RowType.RECORDS, records, actions_of=actions_of, events_of=lambda _: {}, check=check_row
            )
        )
        assert len(rows) == len(records) - 1
        assert "obligated_by_actions has more than 20 digits" in left_out(session)[CLEARVIEW.key]


@pytest.mark.parametrize(
    "fault",
    [
        "UPDATE event SET kind = 'unknown' WHERE id LIKE '%' || :key || '/award/new-award'",
        "UPDATE event SET signed = 'soon' WHERE id LIKE '%' || :key || '/award/new-award'",
        "UPDATE event_snapshot SET facts = '{' WHERE event_id LIKE '%' || :key || '/award/new-award'",
    ],
)
def test_feeds_and_searches_go_on_without_an_event(filled: Database, fault: str) -> None:
    with filled.reading() as session:
        before = [event.id for event in find_events(session, Query(), 100)]
    break_record(filled, fault, CLEARVIEW_FORENSIC.key)
    broken = next(event for event in before if event.endswith(f"{CLEARVIEW_FORENSIC.key}/award/new-award"))
    with filled.reading() as session:
        assert [event.id for event in find_events(session, Query(), 100)] == [e for e in before if e != broken]
        limit = before.index(broken) + 1
        assert len(find_events(session, Query(), limit)) == limit  # else a reader takes it for the last page


def test_a_page_of_a_search_is_as_long_as_others(filled: Database) -> None:
    break_record(filled, FAULTS["its JSON is broken"])
    with filled.reading() as session:
        assert len(list(find_records(session, Query(), limit=3))) == 3
        with pytest.raises(json.JSONDecodeError):
            record_by_key(session, CLEARVIEW.key)  # its own page says that it failed, not that it is not there
        assert record_by_key(session, "X") is None


def test_the_api_names_what_a_page_lacks(filled: Database, tmp_path: Path) -> None:
    break_record(filled, FAULTS["its JSON is broken"])
    snapshot = "UPDATE event_snapshot SET facts = '{' WHERE event_id LIKE '%' || :key || '/award/new-award'"
    break_record(filled, snapshot, CLEARVIEW_FORENSIC.key)
    with served(filled, tmp_path) as address:
        found = httpx.get(f"{address}/api/v1/records").json()
        events = httpx.get(f"{address}/api/v1/events").json()
    assert (found["left_out"], len(found["records"])) == ([CLEARVIEW.key], 3)
    assert events["left_out"] == [CLEARVIEW_FORENSIC.key]
