"""Rows of what is stored: records, actions and events, read in batches."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from storage.database import Database
from storage.reading.events import load_events_for
from storage.reading.export_rows import (
    ATTRIBUTION,
    COLUMNS,
    DUN_BRADSTREET,
    Row,
    RowType,
    export_rows,
    record_row,
    with_bands,
)
from storage.reading.records import all_keys, load_actions_for, records_by_key
from tests.records import BABEL, CLEARVIEW, EQUIPMENT, SOLE_SOURCE, match
from tests.storage.database_helpers import save


def exported(database: Database, kind: RowType) -> list[Row]:
    """Return the rows of all records that are stored, with what is published of them."""
    with database.reading() as session:
        records = with_bands(records_by_key(session, all_keys(session)))
        actions, events = partial(load_actions_for, session), partial(load_events_for, session)
        return list(export_rows(session, kind, records, actions_of=actions, events_of=events))


@pytest.mark.parametrize("kind", RowType)
def test_rows_have_the_columns_of_their_type(database: Database, kind: RowType) -> None:
    save(database, BABEL, match(BABEL, "babel-street"))
    save(database, EQUIPMENT, match(EQUIPMENT, "panamerica"))
    rows = exported(database, kind)
    assert {row["record_key"] for row in rows} == {BABEL.key, EQUIPMENT.key}
    for row in rows:
        assert list(row) == list(COLUMNS[kind])


def test_a_row_has_the_fields_on_competition_and_payments(database: Database) -> None:
    bought = replace(BABEL, **SOLE_SOURCE)
    save(database, bought, match(BABEL, "babel-street"))
    for kind in RowType:
        for row in exported(database, kind):
            assert {name: row[name] for name in SOLE_SOURCE} == {**SOLE_SOURCE, "disaster_codes": "N; Q"}
            assert row["competition"] == "not-competed"


def test_the_row_of_an_action_includes_its_award(database: Database) -> None:
    save(database, BABEL, match(BABEL, "babel-street", score=0.9, reason="its name is in the description"))
    rows = exported(database, RowType.ACTIONS)
    assert [row["action_obligation"] for row in rows] == [Decimal("2259173.89"), Decimal("3646827.09")]
    for row in rows:
        assert (row["vendor"], row["score"]) == ("Babel Street", 0.9)
        assert row["matched_because"] == "its name is in the description"
        assert row["award_obligated_total"] == Decimal("5906000.98")
        assert row["fiscal_year"] == (2023 if row["modification"] == "0" else 2024)
        assert row["official_page"] == f"https://www.usaspending.gov/award/{BABEL.key}/"


def test_a_row_names_its_entries_and_the_reseller(database: Database) -> None:
    product = {"kind": "product", "field": "description", "text": "BABEL STREET", "term": "Babel Street"}
    signals = [{**product, "start": 0, "end": 12, "score": 0.9, "action_key": ""}]
    topic = match(BABEL, "face-recognition", is_topic=True, score=0.5)
    save(database, BABEL, match(BABEL, "babel-street", signals=signals), topic)
    for kind in RowType:
        for row in exported(database, kind):
            assert (row["vendor_id"], row["entry_kind"]) == ("babel-street; face-recognition", "vendor; topic")
            assert row["category"] == "social-media; face-recognition"
            assert (row["reseller"], row["sub_agency_code"]) == ("PANAMERICA COMPUTERS, INC.", "7014")


def test_the_row_of_an_action_names_the_entries_that_it_concerns(database: Database) -> None:
    first, second = BABEL.actions
    save(database, BABEL, match(BABEL, "babel-street", action_keys=[second.key]), match(BABEL, "panamerica"))
    rows = exported(database, RowType.ACTIONS)
    assert {row["action_key"]: row["vendor_id"] for row in rows} == {
        first.key: "panamerica",
        second.key: "babel-street; panamerica",
    }


def test_the_row_of_a_record_adds_up_its_actions(database: Database) -> None:
    save(database, BABEL, match(BABEL, "babel-street"))
    (row,) = exported(database, RowType.RECORDS)
    assert (row["obligated_by_actions"], row["actions"]) == (Decimal("5906000.98"), 2)


def test_unpublished_matches_are_not_exported(database: Database) -> None:
    save(database, BABEL, match(BABEL, "babel-street"), match(BABEL, "panamerica", band="review", score=0.99))
    save(database, CLEARVIEW, match(CLEARVIEW, "clearview-ai", band="rejected"))
    babel, clearview = exported(database, RowType.RECORDS)
    assert (babel["vendor"], babel["band"]) == ("Babel Street", "published")
    assert (clearview["vendor"], clearview["band"], clearview["matched_because"]) == ("", "", "")


def test_the_row_of_an_event_includes_its_record(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    rows = exported(database, RowType.EVENTS)
    assert "new-award" in [row["event"] for row in rows]
    assert all(str(row["event_id"]).startswith("tag:procurewatch,2026:") for row in rows)


def test_a_name_from_dun_and_bradstreet_is_attributed(database: Database) -> None:
    save(database, BABEL)
    with database.reading() as session:
        (record,) = records_by_key(session, [BABEL.key])
    assert record_row(record, ())["attribution"] == ""
    assert record_row(replace(record, facts=(DUN_BRADSTREET,)), ())["attribution"] == ATTRIBUTION
