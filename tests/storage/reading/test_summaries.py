"""Summaries of a vendor, an agency, a technology or a recipient."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from storage.database import Database
from storage.reading.coverage import FIRST_DAY, earliest_awards
from storage.reading.summaries import (
    GroupBy,
    SummaryScope,
    awards_about,
    count_about,
    feed_stats,
    published_among,
    published_recipients,
    spending,
)
from storage.schema.tables import CoverageRow
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, EQUIPMENT, SEEN, match
from tests.storage.database_helpers import save

# What matched is in the description alone: the recipient only sells it.
IN_WORDS = [
    {"kind": "product", "field": "description", "text": "BABEL STREET", "term": "Babel Street", "start": 0, "end": 12,
     "score": 0.9, "action_key": ""}
]  # fmt: skip


@pytest.fixture
def stored(database: Database) -> Database:
    save(database, CLEARVIEW, match(CLEARVIEW))
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC))
    save(database, BABEL, match(BABEL, "babel-street", signals=IN_WORDS), match(BABEL, "panamerica"))
    save(database, EQUIPMENT, match(EQUIPMENT, "panamerica", band="review"))
    return database


def rows(database: Database, subject: SummaryScope, by: GroupBy) -> list[tuple[str, Decimal, int]]:
    with database.reading() as session:
        return [(each.code, each.dollars, each.awards) for each in spending(session, subject, [by])[by]]


def test_spending_is_grouped_by_fiscal_year_signed(stored: Database) -> None:
    assert rows(stored, SummaryScope(vendor="clearview-ai"), GroupBy.YEAR) == [
        ("2021", Decimal("500000.00"), 1),
        ("2022", Decimal("1000000.00"), 1),  # September is the last month: three actions, one of them moves nothing
        ("2023", Decimal("787500.00"), 1),
        ("2024", Decimal("1102500.00"), 1),
    ]


def test_the_fiscal_year_begins_in_october(database: Database) -> None:
    first, second, *_ = CLEARVIEW.actions
    signed = (replace(first, signed=first.signed.replace(month=9, day=30) if first.signed else None),
              replace(second, signed=first.signed.replace(month=10, day=1) if first.signed else None,
                      obligation=Decimal(7)))  # fmt: skip
    award = replace(CLEARVIEW, actions=signed)
    save(database, award, match(award))
    years = rows(database, SummaryScope(vendor="clearview-ai"), GroupBy.YEAR)
    assert years == [("2021", Decimal("500000.00"), 1), ("2022", Decimal("7.00"), 1)]


def test_spending_by_agency_vendor_and_recipient(stored: Database) -> None:
    babel = Decimal("5906000.98")
    assert rows(stored, SummaryScope(), GroupBy.AGENCY) == [("7014", babel, 1), ("7012", Decimal("3390000.00"), 2)]
    assert rows(stored, SummaryScope(agency="7014"), GroupBy.VENDOR) == [
        ("babel-street", babel, 1),
        ("panamerica", babel, 1),
    ]
    assert rows(stored, SummaryScope(agency="070"), GroupBy.RECIPIENT) == [
        ("PANAMERICA COMPUTERS, INC.", babel, 1),
        ("CLEARVIEW AI, INC.", Decimal("3390000.00"), 2),
    ]
    assert rows(stored, SummaryScope(recipients=("PANAMERICA COMPUTERS, INC.",)), GroupBy.VENDOR)[0][1] == babel
    assert rows(stored, SummaryScope(category="face-recognition", agency="7014"), GroupBy.YEAR) == []


def test_matches_pending_review_are_not_counted(stored: Database) -> None:
    panamerica = SummaryScope(vendor="panamerica")
    with stored.reading() as session:
        assert count_about(session, panamerica) == (1, 0)
        assert [award.key for award in awards_about(session, panamerica)] == [BABEL.key]
        assert published_among(session, [BABEL.key, EQUIPMENT.key, "nothing"]) == {BABEL.key}
        assert published_recipients(session) == [("CLEARVIEW AI, INC.", ""), ("PANAMERICA COMPUTERS, INC.", "")]


def test_events_are_counted_once_in_each_feed(stored: Database) -> None:
    with stored.reading() as session:
        stats = feed_stats(session)
    assert stats["all"][""].entries == 3
    assert {slug: each.entries for slug, each in stats["vendor"].items()} == {
        "clearview-ai": 2,
        "babel-street": 1,
        "panamerica": 1,
    }
    assert {code: each.entries for code, each in stats["agency"].items()} == {"7012": 2, "7014": 1, "070": 3}
    assert stats["category"]["face-recognition"].newest.tzinfo


def test_the_earliest_award_of_each_agency_and_vendor_says_whether_earlier_ones_were_looked_for(
    stored: Database,
) -> None:
    with stored.writing() as session:
        terms: dict[str, Any] = {
            "source": "usaspending",
            "agency": "",
            "since": FIRST_DAY,
            "terms": "",
            "noted_at": SEEN,
        }
        session.add(CoverageRow(vendor_id="clearview-ai", until=None, **terms))
        session.add(CoverageRow(vendor_id="babel-street", until=date(2026, 11, 1), **terms))
        session.add(CoverageRow(vendor_id="panamerica", until=None, **{**terms, "since": date(2020, 10, 1)}))
    with stored.reading() as session:
        found = earliest_awards(session, SummaryScope(), 10)
        assert [(each.vendor_id, each.agency_code, each.key, each.checked_since) for each in found] == [
            ("babel-street", "7014", BABEL.key, None),
            ("panamerica", "7014", BABEL.key, date(2020, 10, 1)),
            ("clearview-ai", "7012", CLEARVIEW.key, FIRST_DAY),
        ]
        scopes = [SummaryScope(vendor="panamerica"), SummaryScope(agency="7012"), SummaryScope(category="social-media")]
        of_each = [[each.vendor_id for each in earliest_awards(session, scope, 10)] for scope in scopes]
    assert of_each == [["panamerica"], ["clearview-ai"], ["babel-street"]]
    earlier = replace(EQUIPMENT, signed=date(2010, 1, 1), awarding=CLEARVIEW.awarding)
    save(stored, earlier, match(earlier), match(earlier, "panamerica", "review"))
    with stored.reading() as session:
        [now] = earliest_awards(session, SummaryScope(vendor="clearview-ai"), 10)
    assert (now.key, now.signed) == (earlier.key, date(2010, 1, 1)), "a backfill has brought it"


def test_an_award_whose_day_cannot_be_true_is_the_earliest_of_none(stored: Database) -> None:
    for day in (date(1, 1, 1), date(9999, 12, 31)):
        for award in (CLEARVIEW, EQUIPMENT):  # of EQUIPMENT's agency and vendor there is no other award
            odd = replace(award, key=f"{award.key}{day}", signed=day)
            save(stored, odd, match(odd, "clearview-ai"))
    with stored.reading() as session:
        found = earliest_awards(session, SummaryScope(vendor="clearview-ai"), 10)
    assert [(each.agency_code, each.key) for each in found] == [("7012", CLEARVIEW.key)]
