"""Each assumption about USAspending holds at the fake one, and does not where it is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.upstreams.usaspending.client import (
    ACTIONS,
    AWARDS,
    AWARDS_COUNT,
    CONTRACTS,
    GROUPED,
    SIGNED,
    Api,
    Json,
    an_action,
    an_award,
    asking,
)
from tests.upstreams.usaspending.corpus import CorpusSubaward
from tests.upstreams.usaspending.search.served import WRONG
from tests.upstreams.usaspending.server import FakeUsaspending

PIID = "70CMSD24P00000001"
QUOTED = f'"{PIID}"'
LINKED = CorpusSubaward(
    prime=an_award(PIID, an_action(text="DRONES")), number="S1", name="BOLTS LLC", day=SIGNED, amount=None
)


def server(*wrong: str) -> FakeUsaspending:
    """One award with two subawards, of which one is not linked to it."""
    loose = replace(LINKED, number="S2", is_linked=False)
    return FakeUsaspending([LINKED.prime], subawards=[LINKED, loose], wrong=wrong)


def says_keywords_were_not_used(api: Api) -> bool:
    answers = api.actions(keywords=["DRONES"]).json(), api.grouped(keywords=["DRONES"]).json()
    notes = ["{'keyword_search'}" in " ".join(answer["messages"]) for answer in answers]
    assert [len(answer["results"]) for answer in answers] == [1, 1], "they are used all the same"
    assert api.actions(keywords=["HELICOPTERS"]).json()["results"] == []
    return all(notes)


def finds_bare_numbers(api: Api) -> bool:
    return [len(search(award_ids=[PIID]).json()["results"]) for search in (api.awards, api.actions, api.grouped)] == [
        1,
        1,
        1,
    ]


def fails_on_quotes(api: Api) -> bool:
    answer = api.actions(award_ids=[QUOTED])
    assert answer.content == b"" or len(answer.json()["results"]) == 1
    return answer.status_code == 503


def takes_25_names(api: Api) -> bool:
    assert api.actions(recipient_search_text=["ACME"] * 7).status_code == 200
    return api.actions(recipient_search_text=["ACME"] * 25).status_code == 200


def ignores_unknown_filters(api: Api) -> bool:
    answers = [api.awards(colour="red"), api.actions(colour="red"), api.grouped(colour="red")]
    answers.append(api.post(AWARDS_COUNT, json={"filters": {"colour": "red", "keywords": ["DRONES"]}}))
    statuses = {answer.status_code for answer in answers}
    if statuses == {200}:
        notes = ["{'colour'}" in " ".join(answer.json()["messages"]) for answer in answers]
        assert notes == [True, False, False, True], "only the award search and its count say so"
    else:
        assert statuses == {422}
    return statuses == {200}


def counts_transactions(api: Api) -> bool:
    answer = api.grouped(award_ids=[PIID])
    assert answer.status_code in {200, 404}
    return answer.status_code == 200


def tells_when_it_was_updated(api: Api) -> bool:
    answer = api.get("awards/last_updated/")
    assert answer.status_code in {200, 500}
    return answer.status_code == 200


def ends_past_the_end(api: Api) -> bool:
    """Whether page 2 of one row is empty in every search; otherwise it repeats page 1, and page 3 is refused."""
    filters = {"award_type_codes": CONTRACTS}
    searches: dict[str, Json] = {
        AWARDS: {"filters": filters, "fields": ["Award ID"]},
        ACTIONS: {"filters": filters, "fields": ["Award ID"], "sort": "Award ID"},
        GROUPED: {"filters": filters},
        "transactions/": {"award_id": LINKED.prime.key},
    }
    pages = [[api.post(path, json={**body, "page": number}) for number in (1, 2, 3)] for path, body in searches.items()]
    seen = {
        tuple(
            (len(p.json()["results"]), p.json()["page_metadata"]["hasNext"]) if p.is_success else p.status_code
            for p in each
        )
        for each in pages
    }
    assert seen in ({((1, False), (0, False), (0, False))}, {((1, False), (1, True), 422)})
    return seen == {((1, False), (0, False), (0, False))}


def counts_linked_subawards_only(api: Api) -> bool:
    filters = {"award_type_codes": CONTRACTS}
    rows = api.awards(level="subawards").json()["results"]
    assert sorted(str(row["prime_award_internal_id"]) for row in rows) == ["1", "None"]
    counted = api.count(AWARDS_COUNT, filters=filters, subawards=True)
    assert counted["subcontracts"] in {1, 2}
    return counted == {"subgrants": 0, "subcontracts": 1}


def mixes_types(api: Api) -> bool:
    answers = [search(award_type_codes=["A", "IDV_A", "02"]) for search in (api.actions, api.grouped)]
    statuses = {answer.status_code for answer in answers}
    assert statuses == {200} or all(set(answer.json()) == {"message", "award_type_groups"} for answer in answers)
    return statuses == {200}


CHECKS: dict[str, Callable[[Api], bool]] = {
    "keyword-message": says_keywords_were_not_used,
    "unquoted-award-ids": finds_bare_numbers,
    "quoted-award-ids-fail": fails_on_quotes,
    "clause-limit": takes_25_names,
    "unknown-filter-ignored": ignores_unknown_filters,
    "transaction-count-grouped": counts_transactions,
    "last-updated": tells_when_it_was_updated,
    "paging-past-end": ends_past_the_end,
    "subaward-count-linked": counts_linked_subawards_only,
    "mixed-types-in-transactions": mixes_types,
}


def test_every_assumption_is_checked() -> None:
    assert CHECKS.keys() == WRONG.keys()


@pytest.mark.parametrize("name", CHECKS)
def test_it_holds_unless_it_is_broken(name: str) -> None:
    with asking(server()) as api:
        assert CHECKS[name](api)
    with asking(server(name)) as api:
        assert not CHECKS[name](api)


@pytest.mark.parametrize("name", CHECKS)
def test_breaking_one_leaves_the_others(name: str) -> None:
    others = CHECKS.keys() - {name}
    if name == "unquoted-award-ids":
        others -= {"quoted-award-ids-fail"}  # quoted ids are then the way that works
    if name == "transaction-count-grouped":
        others = {"quoted-award-ids-fail", "clause-limit", "last-updated", "subaward-count-linked"}
    with asking(server(name)) as api:
        assert {other for other in others if not CHECKS[other](api)} == set()


def test_a_page_past_the_end_repeats_the_rest_of_the_last_one() -> None:
    awards = [an_award(f"70CMSD24P{number:08}") for number in range(13)]
    with asking(FakeUsaspending(awards, wrong=["paging-past-end"])) as api:
        pages = [api.grouped(page=number) for number in (1, 2, 3, 4)]
    assert [len(page.json()["results"]) for page in pages[:3]] == [10, 3, 3]
    assert pages[1].json()["results"] == pages[2].json()["results"]
    assert pages[3].status_code == 422


def test_a_subaward_without_a_link_comes_last_among_its_equals_and_its_cursor_leads_nowhere() -> None:
    loose = replace(LINKED, number="S2", is_linked=False)
    later = replace(LINKED, number="S3", day=SIGNED + timedelta(days=1))
    with asking(FakeUsaspending([LINKED.prime], subawards=[loose, LINKED, later])) as api:
        body = {"filters": {"award_type_codes": CONTRACTS}, "fields": ["Sub-Award Date"], "subawards": True}
        pages = [api.post(AWARDS, json={**body, "limit": 1, "page": n, "order": "asc"}).json() for n in (1, 2, 3)]
        assert [page["results"][0]["internal_id"] for page in pages] == ["S1", "S2", "S3"]
        metadata = pages[1]["page_metadata"]
        assert metadata["last_record_unique_id"] is None
        names = ("last_record_unique_id", "last_record_sort_value")
        cursor = {name: metadata[name] for name in names}
        assert api.post(AWARDS, json={**body, **cursor}).status_code == 500
