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
        return list(export_rows(kind, records, actions_of=actions, events_of=events))


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
        assert row["obligated"] == Decimal("5906000.98")
        assert row["official_page"] == f"https://www.usaspending.gov/award/{BABEL.key}/"


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
    assert record_row(record)["attribution"] == ""
    assert record_row(replace(record, facts=(DUN_BRADSTREET,)))["attribution"] == ATTRIBUTION
