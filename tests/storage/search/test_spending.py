"""Totals of a query: each action once, and only those that a match of the query concerns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import Recipient
from storage.database import Database
from storage.schema.tables import ActionRow, SpendingRow
from storage.search.index import are_totals_current, rebuild_totals
from storage.search.query import Query, read_query
from storage.search.search import count_records, find_records
from storage.search.spending import (
    Dimension,
    SpendingTable,
    Total,
    has_stored_sums,
    load_found_actions,
    spending,
    total_of,
)
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, EQUIPMENT, LATER, acted, match
from tests.storage.database_helpers import save

AGENCY, YEAR, VENDOR, TOPIC = Dimension.AGENCY, Dimension.YEAR, Dimension.VENDOR, Dimension.TOPIC
CATEGORY, RECIPIENT = Dimension.CATEGORY, Dimension.RECIPIENT
FACES = "face-recognition"


@pytest.fixture
def stored(database: Database) -> Database:
    """Return a database in which vendors, topics and categories overlap.

    The first order of Clearview AI matches the vendor and a topic of one category, the second one the topic alone, that
    of Babel Street two vendors of two categories. Of a fourth one, a single action concerns Clearview AI.
    """
    save(database, CLEARVIEW, match(CLEARVIEW), match(CLEARVIEW, FACES, is_topic=True))
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC, FACES, is_topic=True))
    save(database, BABEL, match(BABEL, "babel-street"), match(BABEL, "panamerica"))
    of_one = match(EQUIPMENT, action_keys=[EQUIPMENT.actions[0].key])
    save(database, EQUIPMENT, of_one, match(EQUIPMENT, "nuix", band="review"))
    return database


def table(database: Database, rows: Dimension, columns: Dimension | None = None, **asked: str) -> SpendingTable:
    with database.reading() as session:
        return spending(session, read_query(asked), rows, columns)


def dollars(found: SpendingTable) -> dict[str, str]:
    return {row.code: str(row.total.dollars) for row in found.rows}


def cells(found: SpendingTable) -> dict[tuple[str, str], str]:
    return {place: str(total.dollars) for place, total in found.cells.items()}


def test_the_years_of_a_vendor_are_those_in_which_actions_were_signed(stored: Database) -> None:
    found = table(stored, YEAR, vendor="clearview-ai")
    assert dollars(found) == {"2021": "500000.00", "2022": "1000000.00", "2023": "787500.00", "2024": "177494.75"}
    assert (found.total.dollars, found.total.actions, found.total.awards) == (Decimal("2464994.75"), 6, 2)
    assert not found.rows_overlap


def test_an_action_that_two_entries_of_a_category_match_counts_once_in_the_category(stored: Database) -> None:
    found = table(stored, CATEGORY, YEAR)
    assert dollars(found) == {
        "resellers": "5906000.98",
        "social-media": "5906000.98",
        "face-recognition": "3567494.75",
    }
    assert cells(found)["face-recognition", "2021"] == "500000.00"
    assert cells(found)["face-recognition", "2024"] == "1279994.75"
    assert found.total.dollars == Decimal("9473495.73")
    assert (found.total.actions, found.total.awards) == (9, 4)
    assert found.rows_overlap
    assert not found.columns_overlap
    assert [column.code for column in found.columns] == ["2021", "2022", "2023", "2024"]
    assert sum(column.total.dollars for column in found.columns) == found.total.dollars


def test_vendors_and_topics_are_apart(stored: Database) -> None:
    vendors = table(stored, VENDOR)
    assert {row.code: (row.name, str(row.total.dollars)) for row in vendors.rows} == {
        "babel-street": ("Babel Street", "5906000.98"),
        "panamerica": ("Panamerica Computers", "5906000.98"),
        "clearview-ai": ("Clearview AI", "2464994.75"),
        "": ("", "1102500.00"),  # matched by a topic alone
    }
    topics = table(stored, TOPIC)
    assert dollars(topics) == {"": "6083495.73", "face-recognition": "3390000.00"}
    assert not topics.rows_overlap
    assert vendors.total == topics.total


def test_rows_and_columns_of_matches_are_of_the_same_match(stored: Database) -> None:
    found = table(stored, VENDOR, CATEGORY)
    assert cells(found) == {
        ("babel-street", "social-media"): "5906000.98",
        ("panamerica", "resellers"): "5906000.98",
        ("clearview-ai", "face-recognition"): "2464994.75",
        ("", "face-recognition"): "1102500.00",
    }


def test_agencies_and_recipients_have_names(stored: Database) -> None:
    unique = replace(CLEARVIEW, key=f"{CLEARVIEW.key}2", recipient=Recipient(name="CLEARVIEW AI", uei="ABCDEFGHJKL1"))
    unique = replace(unique, actions=tuple(replace(each, key=f"{each.key}2") for each in unique.actions[:1]))
    save(stored, unique, match(unique))
    found = table(stored, AGENCY, RECIPIENT)
    assert [(row.code, row.name, row.total.awards) for row in found.rows] == [
        ("7014", "U.S. Customs and Border Protection", 2),
        ("7012", "U.S. Immigration and Customs Enforcement", 3),
    ]
    assert [(column.code, column.name) for column in found.columns] == [
        ("PANAMERICA COMPUTERS, INC.", "PANAMERICA COMPUTERS, INC."),
        ("CLEARVIEW AI, INC.", "CLEARVIEW AI, INC."),
        ("ABCDEFGHJKL1", "CLEARVIEW AI"),
    ]


def test_dates_select_actions_and_amounts_awards(stored: Database) -> None:
    found = table(stored, YEAR, vendor="clearview-ai", since="2021-10-01", until="2022-09-30", min_amount="2000000")
    assert dollars(found) == {"2022": "1000000.00"}
    assert (found.total.actions, found.total.awards) == (3, 1)
    asked = {"max_amount": "1102500"}
    with stored.reading() as session:
        query = read_query(asked)
        assert total_of(session, query).awards == count_records(session, query) > 0
        records = [record.key for record in find_records(session, query)]
        of_records = load_found_actions(session, query, records)
        listed = load_found_actions(session, query, list(find_keys(session)), is_list=True)
    total = sum(each.obligation or 0 for actions in of_records.values() for each in actions)
    assert total == table(stored, YEAR, None, **asked).total.dollars
    assert set(listed) > set(of_records), "a list of actions has those of larger awards, too"
    assert max(each.obligation or 0 for actions in listed.values() for each in actions) <= Decimal("1102500")


def find_keys(session: Session) -> Iterator[str]:
    return (record.key for record in find_records(session, Query()))


def test_days_first_seen_are_those_of_awards_except_in_lists_of_actions(stored: Database) -> None:
    later = acted(CLEARVIEW, "P00006", "2024-09-01", "5.00")
    save(stored, later, match(later), now=LATER)
    query = read_query({"seen_since": "2026-11-21"})
    assert table(stored, YEAR, seen_since="2026-11-21").total.actions == 0
    with stored.reading() as session:
        assert count_records(session, query) == 0
        listed = load_found_actions(session, query, [CLEARVIEW.key], is_list=True)
    assert [each.obligation for each in listed[CLEARVIEW.key]] == [Decimal("5.00")]


def test_a_filter_of_matches_applies_to_the_matches_that_are_counted(stored: Database) -> None:
    assert dollars(table(stored, CATEGORY, vendor="babel-street")) == {"social-media": "5906000.98"}
    assert dollars(table(stored, VENDOR, vendor="face-recognition")) == {"": "3390000.00"}
    assert dollars(table(stored, VENDOR, band="review")) == {"nuix": "175528.65"}
    assert dollars(table(stored, YEAR, agency="7012", category="social-media")) == {}


def test_actions_that_were_deleted_or_have_no_amount_are_not_counted(stored: Database) -> None:
    with stored.writing() as session:
        rows = session.scalars(select(ActionRow).where(col(ActionRow.award_key) == CLEARVIEW.key)).all()
        rows[0].removed, rows[2].obligation, rows[3].signed = date(2024, 1, 1), None, None
    found = table(stored, YEAR, vendor="clearview-ai")
    assert dollars(found) == {"": "500000.00", "2022": "0.00", "2023": "787500.00", "2024": "177494.75"}


def test_a_query_that_finds_nothing_has_a_total_of_nothing(stored: Database) -> None:
    found = table(stored, AGENCY, VENDOR, vendor="nuix")
    assert (found.rows, found.columns, found.cells, found.total.dollars) == ((), (), {}, Decimal(0))
    with stored.reading() as session:
        assert total_of(session, read_query({"vendor": "nuix"})) == found.total
        assert total_of(session, read_query({})).dollars == Decimal("9473495.73")


def test_records_without_a_match_count_only_if_the_query_asks_for_them(stored: Database) -> None:
    other = replace(CLEARVIEW, key=f"{CLEARVIEW.key}3")
    other = replace(other, actions=tuple(replace(each, key=f"{each.key}3") for each in other.actions[:1]))
    save(stored, other)
    assert dollars(table(stored, CATEGORY, band="all"))[""] == "500000.00"
    assert "" not in dollars(table(stored, CATEGORY))


@pytest.mark.parametrize(("rows", "columns"), [(YEAR, YEAR), (VENDOR, TOPIC), (TOPIC, VENDOR)])
def test_a_table_of_one_dimension_twice_is_refused(stored: Database, rows: Dimension, columns: Dimension) -> None:
    with pytest.raises(ValueError, match="no table"):
        table(stored, rows, columns)


@pytest.mark.parametrize(
    ("rows", "columns"), [(YEAR, CATEGORY), (CATEGORY, YEAR), (AGENCY, YEAR), (CATEGORY, AGENCY), (YEAR, None)]
)
def test_the_stored_totals_are_those_of_the_actions(
    stored: Database, rows: Dimension, columns: Dimension | None
) -> None:
    odd = replace(BABEL, key=f"{BABEL.key}4", actions=(replace(BABEL.actions[0], key="x", signed=date(9999, 12, 31)),))
    save(stored, odd, match(odd, "nuix"))
    found = table(stored, rows, columns)
    assert found == table(stored, rows, columns, seen_since="2020-01-01")  # reads the actions
    assert found.total == Total(dollars=Decimal("11732669.62"), actions=10, awards=5)
    with stored.reading() as session:
        assert total_of(session, read_query({})) == found.total
    assert rows is not YEAR or [row.code for row in found.rows][:2] == ["", "2021"]
    for asked in (
        {"fiscal_year": "2022"},
        {"category": FACES},
        {"agency": "7012"},
        {"agency": "070"},
        {"agency": "7000", "category": FACES, "fiscal_year": "2023"},
        {"agency": "1524"},
    ):
        assert has_stored_sums(read_query(asked))
        assert table(stored, rows, columns, **asked) == table(stored, rows, columns, seen_since="2020-01-01", **asked)
    several = [("agency", "7012"), ("agency", "015"), ("fiscal_year", "2022")]
    with stored.reading() as session:
        of_actions = total_of(session, read_query([*several, ("seen_since", "2020-01-01")]))
        assert total_of(session, read_query(several)) == of_actions != Total()


@pytest.mark.parametrize(
    "asked",
    [
        [("fiscal_year", "2022"), ("fiscal_year", "2023")],
        [("category", FACES), ("category", "social-media")],
        [("fiscal_year", "2062")],
        [("agency", "customs")],
        [("vendor", "clearview-ai")],
        [("band", "review")],
        [("q", "forensic")],
    ],
)
def test_other_totals_are_not_stored(asked: list[tuple[str, str]]) -> None:
    assert not has_stored_sums(read_query(asked))


def test_vacuum_and_check_of_the_totals(stored: Database) -> None:
    before = table(stored, YEAR, CATEGORY)
    with stored.writing() as session:
        assert are_totals_current(session)
        session.execute(update(SpendingRow).values(awards=7))
        assert not are_totals_current(session)
        rebuild_totals(session)
    assert table(stored, YEAR, CATEGORY) == before
