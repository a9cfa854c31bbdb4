"""The fake USAspending is as strict as the real one: refusals, filters and ways of paging, over real HTTP."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from procurewatch.demo.upstream import CorpusAction, CorpusAward, UsaspendingStandIn
from tests.upstreams.faults import Fault, FaultyUsaspending

AWARDS = "search/spending_by_award/"
ACTIONS = "search/spending_by_transaction/"
AWARDS_COUNT = "search/spending_by_award_count/"
ACTIONS_COUNT = "search/spending_by_transaction_count/"
CONTRACTS = ["A", "B", "C", "D"]
FIELDS = ["Award ID", "Recipient Name", "Award Amount", "Last Modified Date", "generated_internal_id"]
ACTION_FIELDS = ["Award ID", "Mod", "Action Date", "Transaction Amount"]
Json = dict[str, Any]
TLS = ssl.create_default_context()  # made once: it takes longer than a test


def action(
    modification: str = "0", day: str = "2022-03-01", amount: str | None = "100.00", text: str = ""
) -> CorpusAction:
    obligation = None if amount is None else Decimal(amount)
    return CorpusAction(
        modification=modification, action_date=date.fromisoformat(day), obligation=obligation, description=text
    )


def small_world() -> list[CorpusAward]:
    """Four awards that tell every filter apart."""
    return [
        CorpusAward(
            piid="70CMSD21P00000127",
            agency="7012",
            recipient_name="CLEARVIEW AI, INC.",
            recipient_uei="E5BEYXDQYJS6",
            date_signed=date(2021, 9, 1),
            last_modified_date=datetime(2023, 5, 6, 7, 8, 9, tzinfo=UTC),
            awarding_sub_name="U.S. Immigration and Customs Enforcement",
            actions=[
                action("0", "2021-09-01", "500000.00", "FACIAL RECOGNITION LICENSES"),
                action("P00001", "2023-02-01", "-1000.10", "CLOSEOUT OF THE MOD"),
            ],
        ),
        CorpusAward(
            piid="70B03C21F00001121",
            agency="7014",
            parent_piid="HSHQDC12D00013",
            parent_agency="7001",
            recipient_name="PANAMERICA COMPUTERS, INC.",
            type="C",
            type_description="DELIVERY ORDER",
            date_signed=date(2022, 9, 20),
            psc_code="7A21",
            psc_description="IT AND TELECOM SOFTWARE",
            naics_code="541519",
            awarding_sub_name="U.S. Customs and Border Protection",
            actions=[action("0", "2022-09-20", "3799814.18", "BABEL STREET SOFTWARE PHONES")],
        ),
        CorpusAward(
            piid="70B03C20A00000044",
            agency="7014",
            category="idv",
            type="IDV_E",
            recipient_name="GRAYSHIFT, LLC",
            recipient_parent_name="MAGNET FORENSICS LLC",
            recipient_parent_uei="PARENTUEI123",
            date_signed=date(2020, 1, 15),
            ends=date(2025, 1, 14),
            actions=[action("0", "2020-01-15", "0.00", "BPA FOR MOBILE TOOLS")],
        ),
        CorpusAward(
            piid="HSCEMD16P00009",
            agency="7012",
            recipient_name="OLD HAND LLC",
            actions=[action("P00003", "2022-06-01", None, "ADMINISTRATIVE CHANGE")],
        ),
    ]


def crowd(count: int = 130) -> list[CorpusAward]:
    """Many awards that tie: two amounts, three days."""
    return [
        CorpusAward(
            piid=f"70X{number:05}",
            agency="7012",
            recipient_name=f"VENDOR {number}",
            date_signed=date(2022, 1, 1 + number % 3),
            actions=[
                action("0", f"2022-01-0{1 + number % 3}", f"{number % 2}.00"),
                action("P00001", f"2022-02-0{1 + number % 3}", "0.00"),
            ],
        )
        for number in range(count)
    ]


class Api:
    """A client of one stand-in."""

    def __init__(self, server: UsaspendingStandIn) -> None:
        self.server = server
        self.client = httpx.Client(base_url=f"{server.base_url}/api/v2/", timeout=10, verify=TLS)

    def post(self, path: str, body: object) -> httpx.Response:
        return self.client.post(path, json=body)

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def found(self, **filters: object) -> set[str]:
        """The PIIDs an award search finds."""
        answer = self.post(AWARDS, awards_body(**filters))
        assert answer.status_code == 200, answer.text
        return {row["Award ID"] for row in answer.json()["results"]}

    def found_actions(self, **filters: object) -> set[tuple[str, str]]:
        """(PIID, modification) of the actions a transaction search finds."""
        answer = self.post(ACTIONS, actions_body(**filters))
        assert answer.status_code == 200, answer.text
        return {(row["Award ID"], row["Mod"]) for row in answer.json()["results"]}


def awards_body(**filters: object) -> Json:
    return {
        "filters": {"award_type_codes": CONTRACTS, **filters},
        "fields": FIELDS,
        "sort": "generated_internal_id",
        "limit": 100,
    }


def actions_body(**filters: object) -> Json:
    return {
        "filters": {"award_type_codes": CONTRACTS, **filters},
        "fields": ACTION_FIELDS,
        "sort": "Action Date",
        "limit": 100,
    }


def without(body: Json, *names: str) -> Json:
    return {name: value for name, value in body.items() if name not in names}


@pytest.fixture
def api() -> Iterator[Api]:
    with UsaspendingStandIn(small_world()) as server:
        api = Api(server)
        yield api
        api.client.close()


@pytest.fixture
def crowded() -> Iterator[Api]:
    with UsaspendingStandIn(crowd()) as server:
        api = Api(server)
        yield api
        api.client.close()


@pytest.fixture
def faulty() -> Iterator[Api]:
    with FaultyUsaspending(small_world()) as server:
        api = Api(server)
        yield api
        api.client.close()


CLEARVIEW, RESELLER, BPA, OLD = "70CMSD21P00000127", "70B03C21F00001121", "70B03C20A00000044", "HSCEMD16P00009"
PERIOD = {"start_date": "2022-01-01", "end_date": "2022-12-31"}


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"filters": None}, 422, "filters"),
        ({"fields": []}, 422, "fields"),
        ({"filters": {}}, 422, "award_type_codes"),
        ({"filters": {"award_type_codes": []}}, 422, "award_type_codes"),
        ({"limit": 101}, 422, "Field 'limit' value '101' is above max '100'"),
        ({"limit": 0}, 422, "below min"),
        ({"page": 0}, 500, ""),
        ({"order": "up"}, 500, ""),
        ({"spending_level": "actions"}, 500, ""),
        ({"sort": "Description"}, 400, "not found in requested fields"),
        ({"sort": "Recipient UEI"}, 200, ""),
        ({"sort": "No Such Field", "fields": ["No Such Field"]}, 400, "not found in Contract Award mappings"),
        ({"page": 501}, 422, "over the maximum result limit 50000"),
        ({"page": 500}, 200, ""),
        ({"last_record_unique_id": 3}, 500, ""),
        ({"last_record_sort_value": "X"}, 500, ""),
        ({"last_record_unique_id": 3, "last_record_sort_value": 5}, 422, "last_record_sort_value"),
        ({"last_record_unique_id": None, "last_record_sort_value": "None"}, 500, ""),
        ({"last_record_unique_id": 3, "last_record_sort_value": "None", "sort": "Award Amount"}, 503, ""),
        ({"last_record_unique_id": 3, "last_record_sort_value": "X", "sort": "NAICS", "fields": ["NAICS"]}, 503, ""),
    ],
)
def test_award_search_refuses(api: Api, change: Json, status: int, words: str) -> None:
    answer = api.post(AWARDS, awards_body() | change)
    assert answer.status_code == status
    if status in {400, 422}:
        assert words in answer.json()["detail"]
    elif status == 503:
        assert answer.content == b""


@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ({"keywords": ["AI"]}, 422),
        ({"keywords": "CLEARVIEW"}, 422),
        ({"recipient_search_text": [""]}, 422),
        ({"description": ["BABEL"]}, 422),
        ({"naics_codes": [541519]}, 422),
        ({"award_amounts": [{"lower_bound": 1000.5}]}, 422),
        ({"time_period": [{"start_date": "2022-01-01"}]}, 422),
        ({"time_period": [{"end_date": "2022-01-01"}]}, 422),
        ({"time_period": [{"start_date": "2007-09-30", "end_date": "2022-01-01"}]}, 500),
        ({"time_period": [{"start_date": "01/02/2022", "end_date": "2022-01-01"}]}, 500),
        ({"time_period": [PERIOD | {"date_type": "signed"}]}, 500),
        ({"time_period": [{"start_date": "2007-10-01", "end_date": "2027-12-31"}]}, 200),
        ({"time_period": [{"start_date": "2022-01-01", "end_date": "2021-01-01"}]}, 200),
        ({"recipient_scope": "domestic"}, 501),
    ],
)
def test_award_search_checks_its_filters(api: Api, filters: Json, status: int) -> None:
    assert api.post(AWARDS, awards_body(**filters)).status_code == status


def test_a_missing_date_is_told_with_misleading_words(api: Api) -> None:
    answer = api.post(AWARDS, awards_body(time_period=[{"start_date": "2022-01-01"}]))
    assert answer.json() == {"detail": "Missing value: 'filters' is a required field"}


def test_award_types_of_two_groups_are_refused_with_message_not_detail(api: Api) -> None:
    answer = api.post(AWARDS, awards_body(award_type_codes=["A", "IDV_A"]))
    assert answer.status_code == 422
    assert set(answer.json()) == {"message", "award_type_groups"}
    assert answer.json()["message"] == "'award_type_codes' must only contain types from one group."
    assert set(answer.json()["award_type_groups"]["contracts"]) == set(CONTRACTS)


def test_no_intersection_is_an_empty_page_without_cursor(api: Api) -> None:
    answer = api.post(AWARDS, awards_body(award_type_codes=["no intersection"])).json()
    assert answer["results"] == []
    assert answer["page_metadata"] == {"page": 1, "hasNext": False}


@pytest.mark.parametrize("name", ["recipient_search_txt", "recipient_id", "Keywords"])
def test_an_unknown_filter_returns_everything_and_only_a_message_tells(api: Api, name: str) -> None:
    answer = api.post(AWARDS, awards_body(**{name: ["NOBODY"]})).json()
    assert {row["Award ID"] for row in answer["results"]} == {CLEARVIEW, RESELLER, OLD}
    assert any(
        m.startswith(f"The following filters from the request were not used: {{'{name}'}}") for m in answer["messages"]
    )


def test_a_good_request_carries_no_message_of_unused_filters(api: Api) -> None:
    answer = api.post(AWARDS, awards_body(keywords=["CLEARVIEW"]) | {"unknown": 1}).json()
    assert not any("not used" in message for message in answer["messages"])


def test_unknown_fields_are_null_and_the_ids_are_always_there(api: Api) -> None:
    body = awards_body(keywords=["CLEARVIEW"]) | {"fields": ["Award ID", "Recipient Parent"], "sort": "Award ID"}
    (row,) = api.post(AWARDS, body).json()["results"]
    assert row == {
        "internal_id": 1,
        "Award ID": CLEARVIEW,
        "Recipient Parent": None,
        "generated_internal_id": f"CONT_AWD_{CLEARVIEW}_7012_-NONE-_-NONE-",
    }


def test_award_rows_carry_dates_amounts_and_agency(api: Api) -> None:
    fields = [*FIELDS, "Awarding Agency", "Awarding Sub Agency", "Base Obligation Date", "Description"]
    body = awards_body(keywords=["CLEARVIEW"]) | {"fields": fields}
    (row,) = api.post(AWARDS, body).json()["results"]
    assert row["Award Amount"] == 498999.9
    assert row["Last Modified Date"] == "2023-05-06"
    assert row["Base Obligation Date"] == "2021-09-01"
    assert row["Description"] == "FACIAL RECOGNITION LICENSES"
    assert row["agency_slug"] == "department-of-homeland-security"


def test_the_sort_is_the_first_field_when_none_is_named(api: Api) -> None:
    body = without(awards_body(), "sort") | {"fields": ["Award Amount", "Award ID"]}
    rows = api.post(AWARDS, body).json()["results"]
    assert [row["Award ID"] for row in rows] == [RESELLER, CLEARVIEW, OLD]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"recipient_search_text": ["clearview ai"]}, {CLEARVIEW}),
        ({"recipient_search_text": ["RVIEW AI, IN"]}, {CLEARVIEW}),
        ({"recipient_search_text": ["CLEARVIEW AI INC"]}, set()),
        ({"recipient_search_text": ["E5BEYXDQYJS6"]}, {CLEARVIEW}),
        ({"recipient_search_text": ["NOBODY", "PANAMERICA", "OLD HAND"]}, {RESELLER, OLD}),
        ({"keywords": ["BABEL STREET"]}, {RESELLER}),
        ({"keyword": "BABEL STREET"}, {RESELLER}),
        ({"keywords": ["babel str"]}, {RESELLER}),
        ({"keywords": ["STREET BABEL"]}, set()),
        ({"keywords": ["ABEL STREET"]}, set()),
        ({"keywords": ["SOFTWARE PHONE"]}, {RESELLER}),
        ({"keywords": ["CLEARVIEW"]}, {CLEARVIEW}),
        ({"keywords": ["70CMSD21"]}, {CLEARVIEW}),
        ({"keywords": ["E5BEYX"]}, {CLEARVIEW}),
        ({"keywords": ["CLOSEOUT"]}, set()),
        ({"description": "FACIAL RECOG"}, {CLEARVIEW}),
        ({"award_ids": [CLEARVIEW]}, {CLEARVIEW}),
        ({"award_ids": [CLEARVIEW.lower()]}, set()),
        ({"award_ids": ["70CMSD21P0000012"]}, set()),
        ({"award_ids": ["70CMSD21P0000012."]}, {CLEARVIEW}),
        ({"award_ids": ["70@"]}, {CLEARVIEW, RESELLER}),
        ({"award_ids": ["70.*"]}, set()),
        ({"award_unique_id": f"CONT_AWD_{OLD}_7012_-NONE-_-NONE-"}, {OLD}),
        ({"naics_codes": ["5415"]}, {RESELLER}),
        ({"naics_codes": {"require": ["54"], "exclude": ["5416"]}}, {RESELLER}),
        ({"naics_codes": {"require": ["54"], "exclude": ["5415"]}}, set()),
        ({"psc_codes": ["7A21"]}, {RESELLER}),
        ({"psc_codes": {"require": [["Product", "7A"]]}}, {RESELLER}),
        ({"psc_codes": {"require": [["Service"]]}}, set()),
        ({"keywords": ["BABEL(STREET)"]}, set()),
        ({"keywords": ["(BABEL) STREET"]}, {RESELLER}),
        ({"keywords": ["???"]}, {CLEARVIEW, RESELLER, OLD}),
        ({"award_type_codes": ["C"]}, {CLEARVIEW, RESELLER, OLD}),
        ({"award_type_codes": ["D"]}, {CLEARVIEW, OLD}),
        ({"award_type_codes": ["IDV_E"]}, {BPA}),
        ({"award_type_codes": ["IDV_A"]}, set()),
        ({"award_type_codes": ["02"]}, set()),
        ({"award_amounts": [{"lower_bound": 1_000_000}]}, {RESELLER}),
        ({"award_amounts": [{"upper_bound": 500_000}]}, {CLEARVIEW}),
        (
            {"agencies": [{"type": "awarding", "tier": "subtier", "name": "U.S. Customs and Border Protection"}]},
            {RESELLER},
        ),
        ({"agencies": [{"type": "awarding", "tier": "toptier", "name": "All"}]}, set()),
        ({"agencies": [{"type": "funding", "tier": "toptier", "name": "Department of Homeland Security"}]}, set()),
    ],
)
def test_award_filters(api: Api, filters: Json, expected: set[str]) -> None:
    assert api.found(**filters) == expected


def test_keywords_do_not_look_at_the_parent_name_but_the_recipient_search_does(api: Api) -> None:
    assert api.found(award_type_codes=["IDV_E"], keywords=["MAGNET FORENSICS"]) == set()
    assert api.found(award_type_codes=["IDV_E"], recipient_search_text=["MAGNET FORENSICS"]) == {BPA}
    assert api.found(award_type_codes=["IDV_E"], recipient_search_text=["PARENTUEI123"]) == {BPA}
    assert api.found_actions(award_type_codes=["IDV_E"], keywords=["MAGNET FORENSICS"]) == {(BPA, "0")}


@pytest.mark.parametrize(
    ("date_type", "first", "last", "expected"),
    [
        (None, "2022-01-01", "2022-12-31", {CLEARVIEW, RESELLER}),
        (None, "2023-01-01", "2023-12-31", {CLEARVIEW}),
        (None, "2010-01-01", "2021-08-31", set()),
        ("action_date", "2022-01-01", "2022-12-31", {RESELLER, OLD}),
        ("action_date", "2023-02-01", "2023-02-01", {CLEARVIEW}),
        ("date_signed", "2021-09-01", "2021-09-01", {CLEARVIEW}),
        ("new_awards_only", "2022-01-01", "2022-12-31", {RESELLER}),
        ("last_modified_date", "2023-05-06", "2023-05-06", {CLEARVIEW}),
        ("last_modified_date", "2007-10-01", "2023-05-05", set()),
    ],
)
def test_award_periods(api: Api, date_type: str | None, first: str, last: str, expected: set[str]) -> None:
    period = {"start_date": first, "end_date": last} | ({"date_type": date_type} if date_type else {})
    assert api.found(time_period=[period]) == expected


@pytest.mark.parametrize(
    ("date_type", "first", "last", "expected"),
    [
        (None, "2022-01-01", "2022-12-31", {(RESELLER, "0"), (OLD, "P00003")}),
        ("action_date", "2023-01-01", "2023-12-31", {(CLEARVIEW, "P00001")}),
        ("date_signed", "2021-01-01", "2021-12-31", {(CLEARVIEW, "0"), (CLEARVIEW, "P00001")}),
        ("new_awards_only", "2021-01-01", "2021-12-31", {(CLEARVIEW, "0")}),
        ("last_modified_date", "2023-05-06", "2023-05-06", {(CLEARVIEW, "0"), (CLEARVIEW, "P00001")}),
    ],
)
def test_transaction_periods(
    api: Api, date_type: str | None, first: str, last: str, expected: set[tuple[str, str]]
) -> None:
    period = {"start_date": first, "end_date": last} | ({"date_type": date_type} if date_type else {})
    assert api.found_actions(time_period=[period]) == expected


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"fields": []}, 422, "fields"),
        ({"filters": {}}, 422, "award_type_codes"),
        ({"fields": ["Award ID", "Nonsense"]}, 400, "Transaction Description"),
        ({"sort": None}, 400, "sort"),
        ({"sort": {}}, 422, "sort"),
        ({"sort": "Nonsense"}, 400, "sort"),
        ({"sort": "Recipient Name"}, 400, "Sort value not found in fields"),
        ({"limit": 101}, 422, "above max"),
        ({"page": 0}, 422, "below min"),
        ({"order": "up"}, 400, "order"),
        ({"page": 501}, 422, "over the maximum result limit"),
        ({"page": 500}, 503, ""),
        ({"page": 499}, 200, ""),
    ],
)
def test_transaction_search_refuses(api: Api, change: Json, status: int, words: str) -> None:
    answer = api.post(ACTIONS, actions_body() | change)
    assert answer.status_code == status
    if status in {400, 422}:
        assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("filters", "status"),
    [
        ({"keywords": ["AI"]}, 422),
        ({"award_type_codes": ["A", "IDV_E", "02"]}, 200),
        ({"award_type_codes": ["Z"]}, 400),
        ({"award_amounts": [{"lower_bound": 1000.5}]}, 200),
        ({"time_period": [{"start_date": "2022-01-01"}]}, 200),
        ({"time_period": [{"end_date": "2022-01-01"}]}, 200),
        ({"time_period": [{"start_date": "01/02/2022"}]}, 400),
    ],
)
def test_transaction_search_checks_its_filters(api: Api, filters: Json, status: int) -> None:
    assert api.post(ACTIONS, actions_body(**filters)).status_code == status


def test_transaction_rows_are_text_and_have_no_cursor(api: Api) -> None:
    answer = api.post(ACTIONS, actions_body(keywords=["BABEL STREET"])).json()
    assert answer["results"] == [
        {
            "Award ID": RESELLER,
            "Mod": "0",
            "Action Date": "2022-09-20",
            "Transaction Amount": "3799814.18",
            "generated_internal_id": f"CONT_AWD_{RESELLER}_7014_HSHQDC12D00013_7001",
            "internal_id": "2",
        }
    ]
    assert answer["page_metadata"] == {
        "page": 1,
        "next": None,
        "previous": None,
        "hasNext": False,
        "hasPrevious": False,
    }


@pytest.mark.parametrize(
    ("keyword", "expected"),
    [
        ("CLOSEOUT", {(CLEARVIEW, "P00001")}),
        ("FACIAL RECOGNITION", {(CLEARVIEW, "0"), (CLEARVIEW, "P00001")}),
        ("P00003", {(OLD, "P00003")}),
        ("Customs and Border", {(RESELLER, "0")}),
        (f"{RESELLER} OTHER", {(RESELLER, "0")}),
    ],
)
def test_transaction_keywords_look_at_more_fields(api: Api, keyword: str, expected: set[tuple[str, str]]) -> None:
    assert api.found_actions(keywords=[keyword]) == expected


def test_recipients_have_no_ids(api: Api) -> None:
    assert api.found_actions(recipient_id="5c8ae9d8-9fa1-4cb8-9ba6-6a1c4e1b7f10-C") == set()


def test_transaction_searches_ignore_the_whitespace_around_a_text(api: Api) -> None:
    assert api.found_actions(recipient_search_text=[" PANAMERICA\n"]) == {(RESELLER, "0")}
    assert api.found(recipient_search_text=[" PANAMERICA"]) == set()


def test_counts(api: Api) -> None:
    codes = {"award_type_codes": [*CONTRACTS, "IDV_E"]}
    assert api.post(AWARDS_COUNT, {"filters": codes}).json()["results"]["contracts"] == 3
    assert api.post(ACTIONS_COUNT, {"filters": codes}).json()["results"] == {
        "contracts": 4,
        "idvs": 1,
        "grants": 0,
        "direct_payments": 0,
        "loans": 0,
        "other": 0,
    }
    assert api.post(AWARDS_COUNT, {"filters": {"keywords": ["BABEL"]}}).json()["results"]["contracts"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (AWARDS_COUNT, {}, 400),
        (AWARDS_COUNT, {"filters": {}}, 400),
        (AWARDS_COUNT, {"filters": {"keywords": ["AI"]}}, 422),
        (ACTIONS_COUNT, {}, 500),
        (ACTIONS_COUNT, {"filters": {}}, 500),
    ],
)
def test_counts_refuse(api: Api, path: str, body: Json, status: int) -> None:
    answer = api.post(path, body)
    assert answer.status_code == status
    if status == 400:
        assert answer.json() == {"detail": "Missing required request parameters: 'filters'"}


def test_award_detail(api: Api) -> None:
    key = f"CONT_AWD_{RESELLER}_7014_HSHQDC12D00013_7001"
    detail = api.get(f"awards/{key}/").json()
    assert detail == api.get("awards/2/").json()
    assert detail["generated_unique_award_id"] == key
    assert (detail["type"], detail["category"], detail["total_obligation"]) == ("C", "contract", 3799814.18)
    assert detail["parent_award"]["generated_unique_award_id"] == "CONT_IDV_HSHQDC12D00013_7001"
    assert detail["latest_transaction_contract_data"]["product_or_service_code"] == "7A21"
    assert detail["recipient"]["recipient_uei"] is None
    assert detail["base_and_all_options"] is None
    assert detail["awarding_agency"]["subtier_agency"]["name"] == "U.S. Customs and Border Protection"


def test_an_idv_has_its_own_key_and_no_parent(api: Api) -> None:
    detail = api.get(f"awards/CONT_IDV_{BPA}_7014/").json()
    assert (detail["category"], detail["type"], detail["parent_award"]) == ("idv", "IDV_E", None)
    assert detail["recipient"]["parent_recipient_name"] == "MAGNET FORENSICS LLC"
    rows = api.post("transactions/", {"award_id": f"CONT_IDV_{BPA}_7014"}).json()["results"]
    assert rows[0]["id"] == f"CONT_TX_7014_-NONE-_{BPA}_0_-NONE-_-NONE-"


def test_the_page_of_an_award_says_when_it_was_modified(api: Api) -> None:
    detail = api.get("awards/1/").json()
    assert detail["period_of_performance"]["last_modified_date"] == "2023-05-06 07:08:09"


@pytest.mark.parametrize(
    ("path", "status", "is_json"),
    [
        ("awards/CONT_AWD_NOTHING_7012_-NONE-_-NONE-/", 404, True),
        ("awards/999/", 404, True),
        ("awards/NONSENSE/", 404, False),
        ("awards/count/transaction/999/", 404, True),
        ("nowhere/", 404, False),
        (AWARDS, 405, True),
        ("transactions/", 405, True),
        ("awards/1", 301, False),
    ],
)
def test_addresses_that_lead_nowhere(api: Api, path: str, status: int, is_json: bool) -> None:
    answer = api.get(path)
    assert answer.status_code == status
    if is_json:
        assert set(answer.json()) == {"detail"}


def test_a_post_without_the_trailing_slash_is_lost_on_the_way(api: Api) -> None:
    answer = api.client.post("transactions", json={"award_id": 1}, follow_redirects=True)
    assert answer.status_code == 405
    assert api.client.post(AWARDS.rstrip("/"), json=awards_body()).status_code == 200


def test_a_body_that_is_not_json(api: Api) -> None:
    answer = api.client.post(AWARDS, content=b'{"filters": ')
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("JSON parse error")
    assert api.client.post(AWARDS, data={"filters": "x"}).status_code == 500


def test_small_reference_endpoints(api: Api) -> None:
    assert api.get("awards/last_updated/").json() == {"last_updated": "05/06/2023"}
    api.server.last_updated = date(2026, 11, 22)
    assert api.get("awards/last_updated/").json() == {"last_updated": "11/22/2026"}
    assert api.get("awards/count/transaction/1/").json() == {"transactions": 2}
    assert api.get("references/toptier_agencies/").json()["results"][0]["toptier_code"] == "070"


def test_transactions_of_an_award(api: Api) -> None:
    key = f"CONT_AWD_{CLEARVIEW}_7012_-NONE-_-NONE-"
    answer = api.post("transactions/", {"award_id": key}).json()
    assert [row["id"] for row in answer["results"]] == [
        f"CONT_TX_7012_-NONE-_{CLEARVIEW}_P00001_-NONE-_0",
        f"CONT_TX_7012_-NONE-_{CLEARVIEW}_0_-NONE-_0",
    ]
    assert answer["results"][0]["federal_action_obligation"] == -1000.1
    first = api.post(
        "transactions/", {"award_id": key, "limit": 1, "sort": "federal_action_obligation", "order": "asc"}
    )
    assert [row["modification_number"] for row in first.json()["results"]] == ["P00001"]
    assert first.json()["page_metadata"] == {
        "page": 1,
        "next": 2,
        "previous": None,
        "hasNext": True,
        "hasPrevious": False,
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"award_id": 1, "limit": 5000}, 200),
        ({"award_id": 1, "limit": 5001}, 422),
        ({"award_id": 1, "sort": "nonsense"}, 400),
        ({"award_id": "CONT_AWD_NOTHING_7012_-NONE-_-NONE-"}, 200),
    ],
)
def test_transactions_endpoint_checks(api: Api, body: Json, status: int) -> None:
    assert api.post("transactions/", body).status_code == status


def naive_pager(api: Api, sort: str) -> list[tuple[str, str]]:
    """Page 1, 2, 3 ... of a transaction search, believing every page."""
    seen: list[tuple[str, str]] = []
    for page in range(1, 10):
        answer = api.post(ACTIONS, actions_body() | {"sort": sort, "page": page}).json()
        seen += [(row["generated_internal_id"], row["Mod"]) for row in answer["results"]]
        if not answer["page_metadata"]["hasNext"]:
            return seen
    raise AssertionError("the pages have no end")


@pytest.mark.parametrize("sort", ["Transaction Amount", "Action Date"])
def test_a_naive_pager_of_transactions_loses_rows_and_repeats_others(crowded: Api, sort: str) -> None:
    seen = naive_pager(crowded, sort)
    told = crowded.post(ACTIONS_COUNT, {"filters": {"award_type_codes": CONTRACTS}}).json()["results"]["contracts"]
    assert len(seen) == told == 260
    assert len(set(seen)) < told


def test_the_same_page_of_transactions_differs_from_request_to_request(crowded: Api) -> None:
    first, again = (crowded.post(ACTIONS, actions_body()).json()["results"] for _ in range(2))
    assert first != again


@pytest.mark.parametrize("sort", ["generated_internal_id", "Award ID", "Award Amount", "Base Obligation Date"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_the_award_cursor_loses_nothing(crowded: Api, sort: str, order: str) -> None:
    body = awards_body() | {"limit": 7, "order": order, "sort": sort, "fields": [*FIELDS, "Base Obligation Date"]}
    seen: list[str] = []
    while True:
        answer = crowded.post(AWARDS, body).json()
        seen += [row["generated_internal_id"] for row in answer["results"]]
        if not answer["page_metadata"]["hasNext"]:
            break
        names = ("last_record_unique_id", "last_record_sort_value")
        body |= {name: answer["page_metadata"][name] for name in names}
        assert isinstance(body["last_record_sort_value"], str)
    assert len(seen) == len(set(seen)) == 130
    assert answer["page_metadata"]["last_record_unique_id"] is None
    assert answer["page_metadata"]["last_record_sort_value"] == "None"
    last = {name: answer["page_metadata"][name] for name in ("last_record_unique_id", "last_record_sort_value")}
    assert crowded.post(AWARDS, body | last).status_code == 500


def test_award_pages_by_number_lose_nothing_either(crowded: Api) -> None:
    pages = [crowded.post(AWARDS, awards_body() | {"limit": 50, "page": page}).json() for page in (1, 2, 3)]
    assert [len(page["results"]) for page in pages] == [50, 50, 30]
    assert len({row["internal_id"] for page in pages for row in page["results"]}) == 130


def test_dates_travel_as_milliseconds_in_the_cursor(api: Api) -> None:
    with api.server.editing() as awards:
        awards[1].last_modified_date = date(2021, 5, 24)
    body = awards_body() | {"sort": "Last Modified Date", "order": "asc", "limit": 1}
    metadata = api.post(AWARDS, body).json()["page_metadata"]
    assert metadata["last_record_sort_value"] == "1621814400000"
    assert metadata["last_record_unique_id"] == 2


def test_awards_change_between_two_requests(api: Api) -> None:
    with api.server.editing() as awards:
        awards[0].recipient_name = "NEW NAME LLC"
        awards[0].actions.append(action("P00002", "2024-01-01", "5.00", "OPTION"))
        awards.append(CorpusAward(piid="NEW1", agency="7012", recipient_name="NEWCOMER", actions=[action()]))
    assert api.found(recipient_search_text=["NEW NAME"]) == {CLEARVIEW}
    assert api.found(recipient_search_text=["NEWCOMER"]) == {"NEW1"}
    assert api.get("awards/count/transaction/1/").json() == {"transactions": 3}
    assert api.get("awards/CONT_AWD_NEW1_7012_-NONE-_-NONE-/").json()["id"] == 5


def test_requests_are_logged(api: Api) -> None:
    api.client.post(AWARDS, json=awards_body(), headers={"X-Test": "yes"})
    logged = api.server.requests[-1]
    assert (logged.method, logged.path) == ("POST", f"/api/v2/{AWARDS}")
    assert logged.json() == awards_body()
    assert logged.headers["x-test"] == "yes"


def test_one_connection_carries_many_requests(api: Api) -> None:
    ports = set()
    for _ in range(3):
        with api.client.stream("GET", "awards/last_updated/") as answer:
            ports.add(answer.extensions["network_stream"].get_extra_info("client_addr"))
            answer.read()
    assert len(ports) == 1


def test_closing_drops_the_connections() -> None:
    server = UsaspendingStandIn(small_world())
    api = Api(server)
    assert api.get("awards/last_updated/").status_code == 200
    server.close()
    with pytest.raises(httpx.TransportError):
        api.get("awards/last_updated/")
    api.client.close()


def play(api: Api, fault: Fault, **how: Any) -> None:
    assert isinstance(api.server, FaultyUsaspending)
    api.server.play(fault, **how)


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (Fault.TOO_MANY, 429, b"throttled"),
        (Fault.TOO_MANY_DATE, 429, b"throttled"),
        (Fault.TOO_MANY_HOUR, 429, b"throttled"),
        (Fault.UNAVAILABLE, 503, None),
        (Fault.GATEWAY_TIMEOUT, 504, None),
        (Fault.EMPTY, 200, None),
        (Fault.HTML_OK, 200, b"<html>"),
        (Fault.FORBIDDEN, 403, b"<html>"),
        (Fault.SERVER_ERROR, 500, b"Server Error"),
    ],
)
def test_faults_that_are_answers(faulty: Api, fault: Fault, status: int, body: bytes | None) -> None:
    play(faulty, fault, on="last_updated", times=1)
    answer = faulty.get("awards/last_updated/")
    assert answer.status_code == status
    assert answer.content == b"" if body is None else body in answer.content
    assert faulty.get("awards/last_updated/").json()["last_updated"]


def test_retry_after_as_seconds_as_a_date_and_as_an_hour(faulty: Api) -> None:
    for fault in (Fault.TOO_MANY, Fault.TOO_MANY_DATE, Fault.TOO_MANY_HOUR):
        play(faulty, fault, times=1)
    values = [faulty.get("awards/last_updated/").headers["retry-after"] for _ in range(3)]
    assert (values[0], values[2]) == ("1", "3600")
    assert -2 < (parsedate_to_datetime(values[1]) - datetime.now(UTC)).total_seconds() <= 1


@pytest.mark.parametrize(
    ("fault", "error"), [(Fault.RESET, httpx.ReadError), (Fault.CUT_TRANSFER, httpx.RemoteProtocolError)]
)
def test_faults_of_the_connection(faulty: Api, fault: Fault, error: type[Exception]) -> None:
    play(faulty, fault, times=1)
    with pytest.raises(error):
        faulty.get("awards/last_updated/")
    assert faulty.get("awards/last_updated/").status_code == 200


def test_truncated_json_is_a_whole_http_answer(faulty: Api) -> None:
    play(faulty, Fault.TRUNCATED_JSON, on="transactions/", times=1)
    answer = faulty.post("transactions/", {"award_id": 1})
    assert answer.status_code == 200
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
        answer.json()


def test_a_renamed_field_and_an_unused_filter(faulty: Api) -> None:
    play(faulty, Fault.RENAMED_FIELD, on=AWARDS, times=1)
    play(faulty, Fault.UNUSED_FILTER, on=AWARDS, times=1)
    rows = faulty.post(AWARDS, awards_body() | {"fields": ["Award ID"], "sort": "Award ID"}).json()["results"]
    assert all("generated_internal_identifier" in row and "generated_internal_id" not in row for row in rows)
    assert "not used" in faulty.post(AWARDS, awards_body()).json()["messages"][-1]


def test_a_slow_drip_arrives_whole_but_late(faulty: Api) -> None:
    assert isinstance(faulty.server, FaultyUsaspending)
    faulty.server.drip_seconds = 0.002
    play(faulty, Fault.SLOW_DRIP, times=1)
    begun = time.monotonic()
    assert faulty.get("awards/last_updated/").json()["last_updated"] == "05/06/2023"
    assert time.monotonic() - begun > 0.15


def test_faults_come_after_and_on_and_for_good_until_healed(faulty: Api) -> None:
    play(faulty, Fault.UNAVAILABLE, on="awards/", after=2)
    statuses = [faulty.get("awards/last_updated/").status_code for _ in range(4)]
    assert statuses == [200, 200, 503, 503]
    assert faulty.get("references/toptier_agencies/").status_code == 200
    assert isinstance(faulty.server, FaultyUsaspending)
    faulty.server.heal()
    assert faulty.get("awards/last_updated/").status_code == 200
