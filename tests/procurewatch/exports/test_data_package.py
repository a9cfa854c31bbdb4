"""Data dictionaries and workbooks: read back by the libraries that others read them with."""

from __future__ import annotations

import io
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import frictionless
import openpyxl
import pyarrow.parquet
import pytest

from procurewatch.exports.data_package import data_package
from procurewatch.exports.formats import ExportFormat, export_bytes
from procurewatch.exports.xlsx import TooManyRows, xlsx_bytes
from procurewatch.query_coverage import About
from storage.database import Database
from storage.reading.export_rows import COLUMNS, ExportColumn, RowType
from storage.reading.records import all_keys, records_by_key
from storage.schema.fields import FieldType
from tests.procurewatch.exports.test_story_pack import packed
from tests.records import BABEL, CLEARVIEW, match
from tests.storage.database_helpers import save

ABOUT = About(description="a test", coverage=("Nothing read.", "=1+1"), freshness=("USAspending: last polled x.",))
HOSTILE = '=HYPERLINK("http://x")\x07'


def fill(database: Database) -> None:
    save(database, replace(BABEL, description=HOSTILE, signed=date(1, 1, 1)), match(BABEL, "babel-street"))
    save(database, CLEARVIEW, match(CLEARVIEW))


def exported(database: Database, form: ExportFormat, rows: RowType) -> bytes:
    with database.reading() as session:
        records = records_by_key(session, all_keys(session))
        return b"".join(export_bytes(session, records, form, row_type=rows, about=ABOUT))


@pytest.mark.parametrize("rows", RowType)
@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_the_dictionary_fits_the_file(database: Database, tmp_path: Path, form: str, rows: RowType) -> None:
    fill(database)
    (tmp_path / f"out.{form}").write_bytes(exported(database, ExportFormat(form), rows))
    written = data_package(ABOUT, [(f"out.{form}", form, rows)])
    (tmp_path / "out.datapackage.json").write_bytes(written)
    descriptor = json.loads(written)
    if form != "csv":  # frictionless reads JSON files with another library
        (resource,) = descriptor["resources"]
        kept = {name: resource[name] for name in ("name", "profile", "schema")}
        descriptor["resources"] = [{**kept, "data": rows_of(form, (tmp_path / f"out.{form}").read_text())}]
    package = frictionless.Package.from_descriptor(descriptor, basepath=str(tmp_path))
    report = package.validate()
    assert report.valid, report.flatten(["rowNumber", "fieldName", "note"])
    (described,) = package.resources
    assert [field.name for field in described.schema.fields] == list(COLUMNS[rows])
    assert all(field.description for field in described.schema.fields)
    assert "Nothing read." in (package.description or "")
    assert (descriptor["coverage"], descriptor["freshness"]) == (list(ABOUT.coverage), list(ABOUT.freshness))


def rows_of(form: str, content: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        json.loads(content)["rows"] if form == "json" else [json.loads(line) for line in content.splitlines()]
    )
    return found


def test_every_form_with_a_place_for_it_says_what_it_may_lack(database: Database, tmp_path: Path) -> None:
    fill(database)
    files = {form: exported(database, form, RowType.ACTIONS) for form in ExportFormat}
    told = {form: json.loads(files[form]) for form in (ExportFormat.JSON, ExportFormat.OCDS)}
    parquet = pyarrow.parquet.read_schema(io.BytesIO(files[ExportFormat.PARQUET]))
    (tmp_path / "x.db").write_bytes(files[ExportFormat.SQLITE])
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        about = dict(connection.execute("SELECT name, value FROM about"))
    for member, lines in (("coverage", list(ABOUT.coverage)), ("freshness", list(ABOUT.freshness))):
        assert told[ExportFormat.JSON][member] == told[ExportFormat.OCDS]["about"][member] == lines
        assert parquet.metadata[member.encode()].decode() == about[member] == "\n".join(lines)
    assert told[ExportFormat.JSON]["columns"]["action_obligation"].startswith("dollars obligated by this action")
    assert b"negative if de-obligated" in parquet.field("action_obligation").metadata[b"description"]
    for text in (
        told[ExportFormat.JSON]["description"],
        about["description"],
        parquet.metadata[b"description"].decode(),
    ):
        assert text == "a test"


def test_a_pack_contains_its_dictionary(database: Database, tmp_path: Path) -> None:
    fill(database)
    folder = packed(database, tmp_path)
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.flatten(["rowNumber", "fieldName", "note"])
    assert [task.name for task in report.tasks] == ["records", "actions", "events"]
    assert all(task.stats["rows"] for task in report.tasks)


def test_a_workbook_has_typed_cells_and_no_formulas(database: Database) -> None:
    fill(database)
    book = openpyxl.load_workbook(io.BytesIO(exported(database, ExportFormat.XLSX, RowType.ACTIONS)))
    header, *rows = book["data"].iter_rows()
    names = [str(cell.value) for cell in header]
    assert names == list(COLUMNS[RowType.ACTIONS])
    found: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in rows]
    assert sum(Decimal(str(row["action_obligation"].value)) for row in found) == Decimal("8193500.98")
    assert {row["action_obligation"].number_format for row in found} == {"#,##0.00"}
    assert {row["fiscal_year"].value for row in found} == {2021, 2022, 2023, 2024}
    assert isinstance(found[0]["action_signed"].value, datetime)
    assert found[0]["action_signed"].is_date
    assert found[0]["signed"].value == "0001-01-01"  # Excel has no such date
    assert found[0]["description"].value == '=HYPERLINK("http://x")'
    assert {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row} <= {
        "s",
        "inlineStr",
        "n",
        "d",
    }
    assert [row[0].value for row in book["columns"].iter_rows(min_row=2)] == names
    assert [row[0].value for row in book["about"].iter_rows()] == ABOUT.notes
    assert {"Nothing read.", "=1+1", "USAspending: last polled x."} < set(ABOUT.notes)


def test_a_sheet_with_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("procurewatch.exports.xlsx.MAX_ROWS", 2)
    with pytest.raises(TooManyRows, match="narrow the search, or export csv or parquet"):
        list(xlsx_bytes({"n": ExportColumn(FieldType.COUNT, "a number")}, ({"n": n} for n in range(3)), []))
