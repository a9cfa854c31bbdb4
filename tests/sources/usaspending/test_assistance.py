"""Grants: read field by field, and over real HTTP found in all their groups, each once and whole."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sources.base import SearchTerms
from sources.errors import SourceChanged
from sources.records import Award, Problem
from sources.usaspending.assistance import Assistance
from sources.usaspending.filters import (
    ALL_ASSISTANCE_TYPES,
    ASSISTANCE_TYPES,
    AWARD_COUNT,
    AWARD_SEARCH,
    LOAN_TYPES,
    TRANSACTION_COUNT,
    TRANSACTION_SEARCH,
)
from tests.sources.payloads import payload
from tests.sources.usaspending.helpers import (
    DAY,
    AlteredAssistance,
    action,
    award,
    grant,
    items_of,
    records_of,
    step_of,
    walk,
)
from tests.sources.usaspending.poller import FIRST, SECOND, Poller, change, in_no_window, late, sweep

SOURCE = Assistance()
DATA = Path(__file__).parents[2] / "data" / "usaspending"
DIRECT_PAYMENT: dict[str, Any] = json.loads((DATA / "award_direct_payment.json").read_text("utf-8"))
TRANSACTION: dict[str, Any] = json.loads((DATA / "transaction_grant.json").read_text("utf-8"))
KEY = "ASST_NON_12FA00PY54661041_12D2"


def page(*rows: object) -> dict[str, Any]:
    return {"page_metadata": {"page": 1, "hasNext": False}, "results": list(rows)}


def read(detail: dict[str, Any], *rows: dict[str, Any], key: str = KEY) -> Award | Problem:
    [record] = SOURCE.parse(payload(SOURCE.name, key, detail, page(*(rows or (TRANSACTION,)))))
    assert isinstance(record, (Award, Problem))
    return record


def test_an_aggregated_award_is_identified_by_its_uri() -> None:
    key = "ASST_AGG_URI-7_012"
    listings = [{"cfda_number": "97.067", "cfda_title": "HSGP"}, {"cfda_number": "16.738"}, {}]
    given = {"fain": None, "uri": "uri-7", "generated_unique_award_id": key.lower(), "cfda_info": listings}
    record = read({**DIRECT_PAYMENT, **given}, key=key)
    assert isinstance(record, Award)
    assert (record.key, record.piid) == (key, "URI-7")
    told = [fact.value for fact in record.facts if fact.label == "Assistance listing"]
    assert told == ["97.067 HSGP", "16.738"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fain": None}, "neither fain nor uri"),
        ({"fain": 7}, "fain is not text"),
        ({"cfda_info": {"a": 1}}, "cfda_info is not a list"),
        ({"cfda_info": ["97.067"]}, "cfda_info holds what is no object"),
        ({"total_obligation": 10.005}, "not an amount in whole cents"),
        ({"generated_unique_award_id": "ASST_NON_OTHER_012"}, "requested ASST_NON_12FA"),
        ({"date_signed": "10/04/2017"}, "date_signed is not a date"),
    ],
)
def test_an_invalid_award_is_a_problem(change: dict[str, Any], said: str) -> None:
    record = read({**DIRECT_PAYMENT, **change})
    assert isinstance(record, Problem)
    assert said in record.reason
    assert len(record.documents) == 2


def test_a_contract_transaction_in_a_grant_is_a_problem() -> None:
    record = read(DIRECT_PAYMENT, {**TRANSACTION, "id": "CONT_TX_9700_9700_H907_0_SPE2DX16D1500_0"})
    assert isinstance(record, Problem)
    assert "ASST_TX_" in record.reason


def mixed() -> list[Any]:
    """Some of each group of assistance, an award of assistance added up, and a contract of the same name."""
    types = ("04", "02", "06", "10", "11", "-1")
    grants = [grant(n, type=kind) for n, kind in enumerate(types)]
    added_up = grant(50, type="06", is_aggregate=True, piid="2024-COUNTY-7")
    return [*grants, added_up, award(1, recipient_name="ACME CITY POLICE DEPARTMENT")]


ALL_MIXED = {*(f"ASST_NON_EMW2024SS{n:05}_070" for n in range(6)), "ASST_AGG_2024-COUNTY-7_070"}


def keys_of(items: Any) -> list[str]:
    return [record.key for record in records_of(SOURCE, items) if isinstance(record, Award)]


def test_one_transaction_search_finds_grants_of_all_groups() -> None:
    with AlteredAssistance(mixed()) as server:
        found = keys_of(items_of(SOURCE, server, [step_of("transactions")]))
        asked = [tuple(body["filters"]["award_type_codes"]) for body in server.asked(TRANSACTION_SEARCH)]
    assert (set(found), len(found)) == (ALL_MIXED, len(ALL_MIXED))
    assert set(asked) == {ALL_ASSISTANCE_TYPES}
    assert not set(ALL_ASSISTANCE_TYPES) & set(LOAN_TYPES)


def test_a_backfill_searches_each_assistance_group() -> None:
    days = (date(2019, 9, 30), date(2019, 10, 1), date(2024, 5, 6))
    old = [grant(100 + n, action(day=day)) for n, day in enumerate(days)]
    with AlteredAssistance([*mixed(), *old]) as server:
        poller = Poller(source=SOURCE, server=server, terms=SearchTerms(names=("ACME",)))
        done = poller.backfill(date(2007, 1, 1), DAY)
        asked = {tuple(body["filters"]["award_type_codes"]) for body in server.asked(AWARD_SEARCH)}
    assert done.keys == sorted(ALL_MIXED | {old.key for old in old})
    assert (done.errors, done.failures) == ([], [])
    assert asked == set(ASSISTANCE_TYPES.values())


def test_a_phrase_finds_grants_by_award_and_by_transaction() -> None:
    awards = [
        grant(1, action(description="ALPR CAMERAS AND SERVERS")),
        grant(2, action("0"), action("1", description="BUYS ALPR CAMERAS")),
        grant(3, action(description="FIRE TRUCK")),
    ]
    with AlteredAssistance(awards) as server:
        by_award = keys_of(items_of(SOURCE, server, [step_of("grants", "keywords", ["ALPR"])]))
        by_text = keys_of(items_of(SOURCE, server, [step_of("transactions", "keywords", ["ALPR"])]))
    assert by_award == [awards[0].key]
    assert sorted(by_text) == [awards[0].key, awards[1].key]


def test_a_stored_grant_is_polled_by_number() -> None:
    held = grant(1, action(description="ALPR CAMERAS"), recipient_name="COUNTY", type="06")
    with AlteredAssistance([held, grant(2, recipient_name="COUNTY")]) as server:
        poller = Poller(source=SOURCE, server=server, terms=SearchTerms(phrases=("ALPR",)))
        assert poller.poll(FIRST).keys == [held.key]
        change(server, late("1", day=date(2024, 2, 1), modified=SECOND))
        assert poller.poll(SECOND).keys == [held.key]
        in_no_window(server)
        assert sweep(poller).keys == [held.key]
        assert sweep(poller).read == []


@pytest.mark.parametrize("path", [AWARD_COUNT, TRANSACTION_COUNT])
def test_a_count_without_a_group_is_a_changed_source(path: str) -> None:
    with AlteredAssistance([grant(n) for n in range(101)]) as server:
        server.alter(path, lambda answer: answer.update(results={"other": 1}))
        done = walk(SOURCE, server, [step_of("transactions" if path == TRANSACTION_COUNT else "grants")])
    assert isinstance(done.error, SourceChanged)
    assert "no grants" in str(done.error)
