"""Modifications as the fake USAspending shows them: late ones, those of $0, pairs; and the search grouped by award."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from procurewatch.demo.upstream import CorpusAction, UsaspendingStandIn
from tests.upstreams.usaspending.client import MODIFIED, SIGNED, Api, Json, an_action, an_award, asking, during

PIID = "70CMSD24P00000001"
KEY = f"CONT_AWD_{PIID}_7012_-NONE-_-NONE-"
TODAY = MODIFIED + timedelta(days=30)


@pytest.fixture
def server() -> UsaspendingStandIn:
    latest = an_action("P00001", SIGNED + timedelta(days=60), "50.00", modified=MODIFIED)
    return UsaspendingStandIn([an_award(PIID, an_action(modified=SIGNED), latest, ceiling=Decimal("500.00"))])


@pytest.fixture
def api(server: UsaspendingStandIn) -> Iterator[Api]:
    with asking(server) as api:
        yield api


def award_row(api: Api) -> Json:
    """What the award search says of the award; the count of its actions is not in it."""
    [row] = api.awards().raise_for_status().json()["results"]
    return dict(row)


def add(server: UsaspendingStandIn, *actions: CorpusAction) -> None:
    with server.editing() as awards:
        awards[0].actions.extend(actions)


def modified_today(api: Api) -> list[str]:
    """The modifications that a transaction search finds by today's last-modified date."""
    rows = api.actions(time_period=during(TODAY, TODAY)).raise_for_status().json()["results"]
    return sorted(row["Mod"] for row in rows)


def count(api: Api) -> int:
    [row] = api.grouped(award_ids=[PIID]).raise_for_status().json()["results"]
    return int(row["transaction_count"])


def test_an_award_was_modified_when_its_latest_action_was(api: Api) -> None:
    assert award_row(api)["Last Modified Date"] == MODIFIED.isoformat()
    period = api.get(f"awards/{KEY}/").json()["period_of_performance"]
    assert period["last_modified_date"] == f"{MODIFIED} 00:00:00"
    assert len(api.awards(time_period=during(MODIFIED, MODIFIED)).json()["results"]) == 1
    assert api.awards(time_period=during(SIGNED, SIGNED)).json()["results"] == []


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (an_action("P00002", SIGNED + timedelta(days=30), "0.00", modified=TODAY), "late"),
        (an_action("P00002", SIGNED, "0.00", modified=TODAY), "on the day of another"),
    ],
)
def test_a_late_action_of_nothing_changes_no_award_row(
    server: UsaspendingStandIn, api: Api, action: CorpusAction, why: str
) -> None:
    before = award_row(api)
    add(server, action)
    assert award_row(api) == before, why
    assert api.awards(time_period=during(TODAY, TODAY)).json()["results"] == []
    assert modified_today(api) == ["P00002"]
    assert count(api) == 3


def test_a_pair_that_adds_up_to_nothing_leaves_the_amount(server: UsaspendingStandIn, api: Api) -> None:
    before = award_row(api)["Award Amount"]
    day = SIGNED + timedelta(days=90)
    add(server, *(an_action(n, day, amount, modified=TODAY) for n, amount in (("P2", "100.00"), ("P3", "-100.00"))))
    assert award_row(api)["Award Amount"] == before
    assert award_row(api)["Last Modified Date"] == TODAY.isoformat()
    assert modified_today(api) == ["P2", "P3"]


def test_a_ceiling_raised_in_place_is_no_action(server: UsaspendingStandIn, api: Api) -> None:
    before = (award_row(api), count(api))
    with server.editing() as awards:
        awards[0].ceiling = Decimal("900.00")
    assert (award_row(api), count(api)) == before
    assert modified_today(api) == []
    assert api.get(f"awards/{KEY}/").json()["base_and_all_options"] == 900.0


def test_an_action_without_a_date_of_its_own_has_the_awards(server: UsaspendingStandIn, api: Api) -> None:
    with server.editing() as awards:
        awards[0].last_modified_date = TODAY
        awards[0].actions[0].last_modified_date = None
    assert modified_today(api) == ["0"]
    assert award_row(api)["Last Modified Date"] == TODAY.isoformat()


def test_several_periods_are_alternatives(api: Api) -> None:
    both = [*during(SIGNED, SIGNED), *during(MODIFIED, MODIFIED)]
    assert len(api.actions(time_period=both).json()["results"]) == 2
    assert len(api.actions(time_period=both[:1]).json()["results"]) == 1
    mixed = [*during(SIGNED, SIGNED, "action_date"), *during(MODIFIED, MODIFIED)]
    assert len(api.awards(time_period=mixed).json()["results"]) == 1


def last_updated(api: Api) -> date:
    month, day, year = map(int, api.get("awards/last_updated/").json()["last_updated"].split("/"))
    return date(year, month, day)


def test_last_updated_moves_when_the_data_does(server: UsaspendingStandIn, api: Api) -> None:
    first = last_updated(api)
    assert first == last_updated(api) == MODIFIED
    add(server, an_action("P00002", SIGNED, "0.00"))
    assert last_updated(api) == first + timedelta(days=1)
    with server.editing() as awards:
        awards[0].actions.pop()
    assert last_updated(api) == first + timedelta(days=2)
    add(server, an_action("P00003", TODAY, "0.00"))
    assert last_updated(api) == TODAY
    server.last_updated = SIGNED
    add(server, an_action("P00004", TODAY, "0.00"))
    assert last_updated(api) == SIGNED


def test_the_grouped_search_counts_actions_across_types() -> None:
    order = an_award(PIID, an_action(), an_action("P1", amount="-100.00"))
    vehicle = an_award("70B03C24A00000001", an_action(amount="12.50"), category="idv", type="IDV_C")
    with asking(UsaspendingStandIn([order, vehicle])) as api:
        found = api.grouped(award_type_codes=["B", "IDV_C"], award_ids=[PIID, vehicle.piid]).raise_for_status().json()
    assert found["results"] == [
        {
            "award_id": PIID,
            "transaction_count": 2,
            "transaction_obligation": 0.0,
            "award_generated_internal_id": order.key,
        },
        {
            "award_id": vehicle.piid,
            "transaction_count": 1,
            "transaction_obligation": "12.50",
            "award_generated_internal_id": vehicle.key,
        },
    ]
    assert found["page_metadata"]["hasNext"] is False
    assert found["messages"][0] == "This endpoint is under active development and subject to change"


def test_the_grouped_search_has_pages() -> None:
    awards = [an_award(f"70CMSD24P{number:08}") for number in range(25)]
    with asking(UsaspendingStandIn(awards)) as api:
        pages = [api.grouped(page=number).json() for number in (1, 2, 3, 4)]
    assert [len(page["results"]) for page in pages] == [10, 10, 5, 0]
    assert [page["page_metadata"]["next"] for page in pages] == [2, 3, None, None]
    assert pages[0]["results"][0]["award_id"] == "70CMSD24P00000024"


def test_the_grouped_search_by_keywords_says_that_it_did_not_use_them() -> None:
    with asking(UsaspendingStandIn([an_award(PIID, an_action(text="DRONES")), an_award("70X1")])) as api:
        found = api.grouped(keywords=["DRONES"]).json()
        assert [row["award_id"] for row in found["results"]] == ["70X1", PIID]  # both are to ACME DRONES LLC
        assert "not used: {'keyword_search'}" in found["messages"][-1]
        assert api.grouped(keywords=["HELICOPTERS"]).json()["results"] == []
