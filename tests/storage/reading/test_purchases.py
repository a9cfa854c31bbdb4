"""How purchases were made: paid to whom, under which contracts, whether competed, and when they end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sources.records import AwardCategory
from storage.database import Database
from storage.reading.contracts.expiring import awards_ending, count_ending
from storage.reading.contracts.purchases import competition_in, payees_of, vehicles_of
from storage.reading.summaries import SummaryScope
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, NO_FAIR_OPPORTUNITY, SOLE_SOURCE, match
from tests.storage.database_helpers import save

CLEARVIEW_AI = SummaryScope(vendor="clearview-ai")
IN_WORDS = [
    {"kind": "product", "field": "description", "text": "BABEL STREET", "term": "Babel Street", "start": 0, "end": 12,
     "score": 0.9, "action_key": ""}
]  # fmt: skip
PARENT_KEY = "CONT_IDV_HSHQDC12D00013_7001"
UNDER_PARENT: dict[str, Any] = {"parent_piid": "HSHQDC12D00013", "parent_key": PARENT_KEY}


def store(database: Database, **facts: Any) -> None:
    """Store two awards of Clearview AI (one an order under a parent) and one of Babel Street through a reseller."""
    save(database, replace(CLEARVIEW, **SOLE_SOURCE), match(CLEARVIEW))
    order = replace(CLEARVIEW_FORENSIC, **UNDER_PARENT, **NO_FAIR_OPPORTUNITY, **facts)
    save(database, order, match(order))
    save(database, BABEL, match(BABEL, "babel-street", signals=IN_WORDS), match(BABEL, "panamerica"))


def test_a_vendor_is_paid_itself_or_through_a_reseller(database: Database) -> None:
    store(database)
    with database.reading() as session:
        [own] = payees_of(session, CLEARVIEW_AI)
        [reseller] = payees_of(session, SummaryScope(vendor="babel-street"))
        [itself] = payees_of(session, SummaryScope(vendor="panamerica"))
        assert payees_of(session, SummaryScope(vendor="clearview-ai", agency="7014")) == []
    assert (own.name, own.is_reseller, own.awards, own.dollars) == (
        "CLEARVIEW AI, INC.", False, 2, Decimal("3390000.00"),
    )  # fmt: skip
    assert (reseller.name, reseller.is_reseller, reseller.dollars) == (
        "PANAMERICA COMPUTERS, INC.", True, Decimal("5906000.98"),
    )  # fmt: skip
    assert not itself.is_reseller


def test_a_payee_is_paid_for_the_actions_that_the_match_concerns(database: Database) -> None:
    first, second, *_ = CLEARVIEW.actions
    save(database, CLEARVIEW, match(CLEARVIEW, action_keys=[first.key, second.key]))
    with database.reading() as session:
        [payee] = payees_of(session, CLEARVIEW_AI)
    assert first.obligation is not None
    assert second.obligation is not None
    assert payee.dollars == first.obligation + second.obligation != CLEARVIEW.obligated


def test_orders_are_added_up_by_their_parent_contract(database: Database) -> None:
    store(database)
    with database.reading() as session:
        [parent, none], in_all = vehicles_of(session, CLEARVIEW_AI, limit=1)
    assert in_all == 1
    assert (parent.key, parent.piid, parent.holder) == (PARENT_KEY, "HSHQDC12D00013", "CLEARVIEW AI, INC.")
    assert (parent.awards, parent.dollars, parent.record, parent.has_page) == (1, Decimal("1102500.00"), None, False)
    assert (none.piid, none.awards, none.dollars) == ("", 1, Decimal("2287500.00"))


def test_a_stored_parent_contract_is_shown_with_its_text(database: Database) -> None:
    store(database)
    parent = replace(CLEARVIEW, key=PARENT_KEY, piid="HSHQDC12D00013", category=AwardCategory.IDV, actions=())
    save(database, parent, match(parent))
    with database.reading() as session:
        [row, _], _ = vehicles_of(session, CLEARVIEW_AI, limit=1)
    assert row.has_page
    assert row.record
    assert row.record.description == CLEARVIEW.description


def test_competition_has_its_reason(database: Database) -> None:
    store(database)
    with database.reading() as session:
        told = [(row.competition, row.reason, row.awards, row.dollars) for row in competition_in(session, CLEARVIEW_AI)]
        [unknown] = competition_in(session, SummaryScope(vendor="babel-street"))
    assert told == [
        ("not-competed", "ONLY ONE SOURCE-OTHER (FAR 6.302-1 OTHER)", 1, Decimal("2287500.00")),
        ("not-competed", "ONLY ONE SOURCE - OTHER", 1, Decimal("1102500.00")),  # an exception to fair opportunity
    ]
    assert (unknown.competition, unknown.reason) == ("unknown", "")


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (date(2027, 1, 11), date(2027, 4, 11), 1),  # the last day is part of it
        (date(2027, 1, 12), date.max, 0),
        (date(2026, 1, 1), date(2027, 1, 10), 0),
    ],
)
def test_contracts_end_on_their_last_day(database: Database, since: date, until: date, expected: int) -> None:
    store(database, ends=date(2027, 1, 11), may_end=date(2029, 1, 11))
    with database.reading() as session:
        found = awards_ending(session, CLEARVIEW_AI, since, until)
        assert count_ending(session, CLEARVIEW_AI, since, until) == len(found) == expected
        assert awards_ending(session, SummaryScope(vendor="babel-street"), since, until) == []
