"""The fake USAspending fails where the real one's search index fails: status 503 with an empty body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from procurewatch.demo.corpus import CorpusSubaward
from procurewatch.demo.upstream import UsaspendingStandIn
from procurewatch.demo.usaspending.query_text import is_readable
from tests.upstreams.usaspending.client import (
    ACTIONS_COUNT,
    AWARDS_COUNT,
    GROUPED,
    SIGNED,
    Api,
    an_award,
    asking,
)

PIID = "70CMSD24P00000001"


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    prime = an_award(PIID)
    subaward = CorpusSubaward(prime=prime, number="S1", name="BOLTS LLC", day=SIGNED, amount=None)
    with asking(UsaspendingStandIn([prime], subawards=[subaward])) as api:
        yield api


def failed(answer: httpx.Response) -> bool:
    """Whether the index failed; otherwise the search was answered."""
    assert answer.status_code in {200, 503}, answer.text
    assert (answer.status_code == 503) == (answer.content == b"")
    return answer.status_code == 503


def texts(number: int) -> list[str]:
    return [f"SOMETHING {n}" for n in range(number)]


def test_award_ids_in_quotes_make_every_search_fail(api: Api) -> None:
    quoted: dict[str, Any] = {"award_ids": [f'"{PIID}"']}
    assert failed(api.awards(**quoted))
    assert failed(api.actions(**quoted))
    assert failed(api.grouped(**quoted))
    assert failed(api.post(AWARDS_COUNT, json={"filters": quoted}))
    assert failed(api.post(ACTIONS_COUNT, json={"filters": quoted}))
    assert failed(api.awards(level="subawards", **quoted))


@pytest.mark.parametrize("search", ["awards", "actions", "grouped"])
def test_award_ids_without_quotes_are_case_sensitive_and_whole(api: Api, search: str) -> None:
    def found(award_id: str) -> int:
        return len(getattr(api, search)(award_ids=[award_id]).raise_for_status().json()["results"])

    assert found(PIID) == found(PIID[:-1] + ".") == 1
    assert found(PIID.lower()) == found(PIID[:-1]) == found(PIID[:-1] + "*") == 0


@pytest.mark.parametrize(
    ("search", "name", "most"),
    [
        ("awards", "recipient_search_text", 31),
        ("awards", "keywords", 30),
        ("awards", "award_ids", 1000),
        ("actions", "recipient_search_text", 31),
        ("actions", "keywords", 20),
        ("actions", "award_ids", 1000),
        ("grouped", "award_ids", 1000),
    ],
)
def test_more_than_1024_clauses_are_too_many(api: Api, search: str, name: str, most: int) -> None:
    period = {"start_date": "2024-01-01", "end_date": "2024-12-31", "date_type": "action_date"}
    assert not failed(getattr(api, search)(time_period=[period], **{name: texts(most)}))
    assert failed(getattr(api, search)(time_period=[period], **{name: texts(most + most // 30 + 1)}))


def test_subawards_have_a_clause_less_for_each_name(api: Api) -> None:
    assert not failed(api.awards(level="subawards", recipient_search_text=texts(33)))
    assert failed(api.awards(level="subawards", recipient_search_text=texts(34)))
    assert failed(api.awards(recipient_search_text=texts(32)))


def test_the_clauses_of_all_filters_add_up(api: Api) -> None:
    half: dict[str, Any] = {"keywords": texts(16)}
    assert not failed(api.awards(**half))
    assert failed(api.awards(**half, recipient_search_text=texts(16)))


def test_each_period_costs_two_clauses(api: Api) -> None:
    period = {"start_date": "2024-01-01", "end_date": "2024-12-31"}
    names = texts(31)  # 992 clauses, and one for the award types
    assert not failed(api.actions(recipient_search_text=names, time_period=[period] * 15))
    assert failed(api.actions(recipient_search_text=names, time_period=[period] * 16))


@pytest.mark.parametrize("text", ["AND GATES", "OR MORE", "BLACK AND AND WHITE", "NOT NOT X"])
def test_keywords_that_begin_with_an_operator_fail_everywhere(api: Api, text: str) -> None:
    assert failed(api.awards(keywords=[text]))
    assert failed(api.actions(keywords=[text]))
    assert failed(api.grouped(keywords=["FINE", text]))


@pytest.mark.parametrize("text", ["THIS OR", "THIS AND", "THIS NOT", "(THIS", "THIS)", 'A "THIS', "THIS ()", "THIS +"])
def test_some_keywords_fail_in_transactions_only(api: Api, text: str) -> None:
    """The award search removes brackets and quotes, and ends each keyword with a star."""
    assert failed(api.actions(keywords=[text]))
    assert failed(api.post(ACTIONS_COUNT, json={"filters": {"keywords": [text]}}))
    assert not failed(api.awards(keywords=[text]))


@pytest.mark.parametrize(
    "text", ["NOT THIS", "(THIS)", '"THIS AND THAT"', "ORDER ANDES", "AT&T", "A/B", "C-130", "[ABC", "X: Y", "A + B"]
)
def test_other_keywords_are_read(api: Api, text: str) -> None:
    assert not failed(api.awards(keywords=[text]))
    assert not failed(api.actions(keywords=[text]))


@pytest.mark.parametrize(
    ("query", "is_right"),
    [
        ("", True),
        ("A (B OR C) D", True),
        ("A NOT AND B", False),
        (")(", False),
        ("A) (B", False),
        ("A || B", True),
        ("|| B", False),
    ],
)
def test_queries_as_lucene_reads_them(query: str, is_right: bool) -> None:
    assert is_readable(query) == is_right


def test_recipients_names_are_never_parsed(api: Api) -> None:
    assert not failed(api.awards(recipient_search_text=['AND "(OR']))
    assert not failed(api.actions(recipient_search_text=['AND "(OR']))


@pytest.mark.parametrize(
    ("level", "sort"),
    [("subawards", "Sub-Recipient UEI"), ("subawards", "Recipient Location"), ("awards", "sub_pop_city_name")],
)
def test_some_fields_cannot_be_sorted(api: Api, level: str, sort: str) -> None:
    assert failed(api.awards(level=level, sort=sort))


@pytest.mark.parametrize("sort", ["Sub-Award Amount", "Sub-Awardee Name", "Prime Award ID", "Sub-Award Description"])
def test_most_fields_of_subawards_can(api: Api, sort: str) -> None:
    assert not failed(api.awards(level="subawards", sort=sort))


def test_filters_that_only_the_fake_does_not_know_are_not_ignored(api: Api) -> None:
    answer = api.actions(recipient_scope="domestic")
    assert (answer.status_code, "recipient_scope" in answer.json()["detail"]) == (501, True)


def test_without_records_there_is_no_index_to_fail() -> None:
    with asking(UsaspendingStandIn([])) as empty:
        assert not failed(empty.actions(award_ids=[f'"{PIID}"'], keywords=["AND"]))
        assert not failed(empty.awards(recipient_search_text=texts(200)))
        assert not failed(empty.awards(level="subawards", sort="Sub-Recipient UEI"))
        assert empty.awards(recipient_scope="foreign").json()["results"] == []
        assert empty.post(GROUPED, json={"filters": {"award_type_codes": ["07"]}}).json()["results"] == []
        assert empty.get("awards/last_updated/").status_code == 500
