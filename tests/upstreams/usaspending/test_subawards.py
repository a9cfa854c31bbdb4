"""The fake USAspending refuses what the API refuses of searches for subawards and grants, and answers in its shape."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.sources.upstream import DAY, award
from tests.sources.usaspending.more_records import PRIME, grant, subaward
from tests.upstreams.usaspending.subawards import SubawardsStandIn

SEARCH, COUNT = "search/spending_by_award/", "search/spending_by_award_count/"
CODES = {"award_type_codes": ["A", "B", "C", "D"]}
FIELDS = ["Sub-Award ID", "Sub-Award Date"]
MIDNIGHT = "1714953600000"  # of 2024-05-06, as the index sorts dates


@pytest.fixture(scope="module")
def server() -> Iterator[SubawardsStandIn]:
    prime, police = award(1, **PRIME), grant(2)
    served = [subaward(n, prime=prime, day=DAY + timedelta(days=n % 3)) for n in range(12)]
    with SubawardsStandIn([*served, subaward("G", prime=police)]) as running:
        yield running


def post(server: SubawardsStandIn, path: str, body: dict[str, Any]) -> tuple[int, Any]:
    """Send a body; the status and the JSON of the answer, or its bytes."""
    url, headers = f"{server.base_url}/api/v2/{path}", {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - http on loopback
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        content = error.read()
        return error.code, json.loads(content) if content.startswith(b"{") else content


def searched(server: SubawardsStandIn, **changes: Any) -> tuple[int, Any]:
    """Search for subawards; a change of `filters` is added to the type codes."""
    filters = {**CODES, **changes.pop("filters", {})}
    return post(server, SEARCH, {"subawards": True, "filters": filters, "fields": FIELDS, **changes})


def period(date_type: str) -> dict[str, Any]:
    return {"time_period": [{"start_date": "2024-01-01", "end_date": "2024-12-31", "date_type": date_type}]}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"sort": "Award Amount"}, 400),
        ({"sort": "Award ID", "fields": ["Award ID"]}, 400),
        ({"sort": "Sub-Award Amount"}, 400),
        ({"fields": []}, 422),
        ({"fields": ["Recipient Name"]}, 400),
        ({"limit": 101}, 422),
        ({"page": 0}, 500),
        ({"page": 501, "limit": 100}, 422),
        ({"page": 500, "limit": 100}, 200),
        ({"order": "up"}, 500),
        ({"last_record_unique_id": 1}, 500),
        ({"last_record_sort_value": "x"}, 500),
        ({"last_record_unique_id": 1, "last_record_sort_value": 5}, 422),
        ({"filters": {"award_type_codes": []}}, 422),
        ({"filters": {"keywords": ["AI"]}}, 422),
        ({"filters": {"keywords": "DRONES"}}, 422),
        ({"filters": period("new_awards_only")}, 400),
        ({"filters": period("sub_action_date")}, 500),
        ({"filters": {"time_period": [{"start_date": "2007-09-30", "end_date": "2024-01-01"}]}}, 500),
        ({"filters": period("last_modified_date")}, 200),
        ({"subawards": False, "spending_level": "subaward"}, 500),
    ],
)
def test_what_the_api_refuses_is_refused(server: SubawardsStandIn, changes: dict[str, Any], status: int) -> None:
    assert searched(server, **changes)[0] == status


def test_contracts_and_assistance_are_not_searched_together(server: SubawardsStandIn) -> None:
    status, content = searched(server, filters={"award_type_codes": ["A", "04"]})
    assert (status, content["message"]) == (422, "'award_type_codes' must only contain types from one group.")
    assert set(content["award_type_groups"]) == {"procurement", "assistance"}
    assert searched(server, filters={"award_type_codes": ["A", "IDV_C"]})[0] == 200
    assert searched(server, filters={"award_type_codes": ["02", "06", "07", "11", "F001"]})[0] == 200


@pytest.mark.parametrize("codes", [["04", "06"], ["10", "11"], ["A", "04"]])
def test_groups_of_assistance_are_not_searched_together_either(server: SubawardsStandIn, codes: list[str]) -> None:
    body = {"filters": {"award_type_codes": codes}, "fields": ["Award ID"]}
    status, content = post(server, SEARCH, body)
    assert status == 422
    assert set(content) == {"message", "award_type_groups"}


def test_a_field_that_only_contracts_have_is_null_for_grants(server: SubawardsStandIn) -> None:
    body = {"filters": {"award_type_codes": ["04"]}, "fields": ["Contract Award Type", "Award ID"]}
    status, content = post(server, SEARCH, body)
    assert (status, content["results"][0]["Contract Award Type"]) == (200, None)
    assert post(server, SEARCH, {**body, "fields": ["Last Date to Order"]})[0] == 400


def test_unknown_fields_are_null_and_unknown_filters_are_told(server: SubawardsStandIn) -> None:
    fields = [*FIELDS, "Sub-Awardee UEI"]
    _, content = searched(server, fields=fields, filters={"recipient_search_txt": ["X"]})
    assert content["results"][0]["Sub-Awardee UEI"] is None
    assert any("not used: {'recipient_search_txt'}" in message for message in content["messages"])


@pytest.mark.parametrize("level", [{"subawards": True}, {"spending_level": "subawards"}])
def test_both_ways_to_ask_are_answered_in_the_apis_shape(server: SubawardsStandIn, level: dict[str, Any]) -> None:
    body = {"filters": CODES, "fields": FIELDS, "sort": "Sub-Award Date", "order": "asc", "limit": 1, **level}
    _, content = post(server, SEARCH, body)
    assert (content["spending_level"], content["limit"]) == ("subawards", 1)
    [row] = content["results"]
    assert set(row) == {"internal_id", "prime_award_internal_id", "prime_award_generated_internal_id", *FIELDS}
    assert row["internal_id"] == row["Sub-Award ID"]
    assert content["page_metadata"] == {
        "page": 1,
        "hasNext": True,
        "last_record_unique_id": "1",
        "last_record_sort_value": MIDNIGHT,
    }
    _, counted = post(server, COUNT, {"filters": {"keywords": ["DRONES"]}, **level})
    assert counted["results"] == {"subcontracts": 12, "subgrants": 1}


def test_subawards_have_no_date_on_which_their_prime_award_was_signed(server: SubawardsStandIn) -> None:
    assert searched(server, filters=period("date_signed"))[1]["results"] == []
    assert len(searched(server, filters=period("action_date"))[1]["results"]) == 10


def test_a_subaward_is_found_by_its_own_name_its_prime_award_and_its_amount(server: SubawardsStandIn) -> None:
    def found(**filters: Any) -> int:
        _, counted = post(server, COUNT, {"filters": {**CODES, **filters}, "subawards": True})
        return int(counted["results"]["subcontracts"])

    assert found(recipient_search_text=["CME DRONES"]) == found(award_ids=["70X00001"]) == found() == 12
    assert found(recipient_search_text=["DRONES ACME"]) == 0
    assert found(award_amounts=[{"upper_bound": 60}]) == 12  # of $50 each, under a contract of $100
    assert found(award_amounts=[{"lower_bound": 60}]) == 0
    toptier = {"type": "awarding", "tier": "toptier"}
    assert found(agencies=[{**toptier, "name": "Department of Homeland Security"}]) == 12
    assert found(agencies=[{**toptier, "name": "Department of Justice"}]) == 0


def test_a_cursor_passes_over_what_it_cannot_tell_apart(server: SubawardsStandIn) -> None:
    cursor = {"last_record_unique_id": "1", "last_record_sort_value": MIDNIGHT}
    _, content = searched(server, sort="Sub-Award Date", order="asc", limit=100, **cursor)
    assert len(content["results"]) == 8  # of the day itself, four were not seen


def test_prime_awards_are_counted_by_group(server: SubawardsStandIn) -> None:
    _, content = post(server, COUNT, {"filters": {"keywords": ["DRONES"]}})
    assert (content["results"]["contracts"], content["results"]["grants"], content["results"]["other"]) == (1, 1, 0)
