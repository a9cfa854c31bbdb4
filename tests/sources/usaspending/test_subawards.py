"""Subawards over real HTTP: none is lost between pages, linked or not, and the prime award is read where it matters."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sources.base import IncompleteResult, NotModified, SearchTerms, StoredVersion
from sources.errors import SourceChanged, Unreachable
from sources.records import Payload, Problem, Publication, Record
from sources.usaspending.batches import IMPOSSIBLE
from sources.usaspending.filters import AWARD_COUNT, AWARD_SEARCH, SUBAWARD_FIELDS, SUBAWARD_TYPES
from sources.usaspending.subaward_parser import PRIME_KEY
from sources.usaspending.subawards import Subawards
from tests.sources.fakes import Memory
from tests.sources.usaspending.helpers import (
    DAY,
    PRIME,
    AlteredSubawards,
    Json,
    award,
    client_of,
    grant,
    items_of,
    kinds,
    records_of,
    step_of,
    subaward,
    walk,
)
from tests.upstreams.faults import Fault

SOURCE = Subawards()
STEP = step_of("subawards")
DETAIL = "/api/v2/awards/"


def everybody() -> Memory:
    """A program that nothing is stored of, and that everybody concerns."""
    return Memory(wanted=lambda _record: True)


def publications(items: Any) -> list[Publication]:
    records = records_of(SOURCE, items)
    assert all(isinstance(record, Publication) for record in records), records
    return [record for record in records if isinstance(record, Publication)]


def holding(items: Any) -> Memory:
    """The memory of a program that has stored these payloads."""
    held = {i.key: StoredVersion(key=i.key, revision=i.revision) for i in items if isinstance(i, Payload)}
    return Memory(records=held, wanted=lambda _record: True)


def test_subawards_under_contracts_idvs_and_grants_are_found() -> None:
    idv = award(2, category="idv", type="IDV_C", recipient_name="SCHEDULE HOLDER")
    primes = [award(1, **PRIME), idv, grant(3, recipient_name="CITY")]
    served = [subaward(n, prime=prime) for n, prime in enumerate(primes)]
    served.append(subaward(9, prime=primes[0], name="OTHER INC", uei=None))
    with AlteredSubawards(served) as server:
        found = publications(items_of(SOURCE, server, [STEP]))
        bodies = [body for body in server.asked(AWARD_SEARCH) if IMPOSSIBLE not in str(body)]
        assert server.asked(AWARD_COUNT) == []  # one page without a next one is complete
    assert [record.award_key for record in found] == [prime.key for prime in primes]
    assert [record.type_text for record in found] == ["sub-contract", "sub-contract", "sub-grant"]
    assert found[2].award_key == "ASST_NON_EMW2024SS00003_070"
    assert [body["filters"]["award_type_codes"] for body in bodies] == [list(t) for t in SUBAWARD_TYPES.values()]
    assert all((body["subawards"], body["spending_level"]) == (True, "subawards") for body in bodies)


def test_every_requested_field_exists() -> None:
    served = subaward(1, prime=grant(1, recipient_uei="U", awarding_sub_name="FEMA"))
    with AlteredSubawards([served]) as server:
        items_of(SOURCE, server, [STEP])
        [row] = [row for body in server.sent[AWARD_SEARCH] for row in json.loads(body)["results"]]
    assert {name for name in SUBAWARD_FIELDS if row[name] is None} == set()


def test_a_matched_subaward_is_checked_against_its_prime_award() -> None:
    prime = award(1, **PRIME, ceiling=Decimal("150.00"))
    served = [subaward(n, prime=prime, amount=Decimal(amount)) for n, amount in enumerate(("50", "120", "151"))]
    with AlteredSubawards(served) as server:
        found = publications(items_of(SOURCE, server, [STEP], everybody()))
        found.sort(key=lambda record: record.amounts[0].dollars)
        details = [request for request in server.requests if request.path.startswith(DETAIL)]
        assert len(details) == 1
        assert found[0].documents[1].body == server.sent[f"{DETAIL}{prime.key}/"][0]
    assert [record.amount_warning for record in found] == [
        "",
        "The amount is larger than what the prime award has obligated, $100.00.",
        "The amount is larger than the whole prime award, $150.00.",
    ]
    assert {fact.label: fact.value for fact in found[0].facts}["Prime award's amount"] == "$100.00"


def test_the_prime_award_of_an_unmatched_subaward_is_not_requested() -> None:
    def wanted(record: Record) -> bool:
        return isinstance(record, Publication) and record.recipient.name == "ACME DRONES LLC"

    other = subaward("PO 7654321", name="ACME BRICKS", uei=None, amount=Decimal(7654321), prime=award(7, **PRIME))
    with AlteredSubawards([subaward(1), other]) as server:
        found = publications(items_of(SOURCE, server, [STEP], Memory(wanted=wanted)))
        details = [request.path for request in server.requests if request.path.startswith(DETAIL)]
    assert details == [f"{DETAIL}{found[0].award_key}/"]
    assert [len(record.documents) for record in found] == [2, 1]
    assert found[1].amount_warning == "The amount has the digits of the subaward's number, PO 7654321."


def test_a_missing_prime_award_is_ignored() -> None:
    with AlteredSubawards([subaward(1)]) as server:
        with server.editing() as awards:
            awards.clear()
        [record] = publications(items_of(SOURCE, server, [STEP], everybody()))
    assert len(record.documents) == 1


def test_an_unchanged_subaward_is_not_modified() -> None:
    served = [subaward(n) for n in range(3)]
    with AlteredSubawards(served) as server:
        held = holding(items_of(SOURCE, server, [STEP], everybody()))
        again = items_of(SOURCE, server, [STEP], held)
        assert [type(item) for item in again] == [NotModified] * 3
        server.requests.clear()
        items_of(SOURCE, server, [STEP], held)
        assert len(server.requests) == 2
        with server.editing():
            server.subawards[1].amount = Decimal("51.00")
        changed = items_of(SOURCE, server, [STEP], held)
    [record] = publications([item for item in changed if isinstance(item, Payload)])
    assert record.key in held.records
    assert [amount.dollars for amount in record.amounts] == [Decimal("51.00")]


def test_a_subaward_reported_twice_is_one_record() -> None:
    served = [subaward(1, amount=Decimal(amount)) for amount in (50, 70)] + [subaward(1, description="SPARES")]
    steps = [STEP, step_of("subawards", "keywords", ["DRONES"])]
    with AlteredSubawards(served) as server:
        by_name, by_word = (items_of(SOURCE, server, [step]) for step in steps)
    assert len(by_name) == 2
    assert {(p.key, p.revision) for p in by_word if isinstance(p, Payload)} <= {
        (p.key, p.revision) for p in by_name if isinstance(p, Payload)
    }
    assert sorted(len(record.amounts) for record in publications(by_name)) == [1, 2]


def test_phrases_ignore_product_codes() -> None:
    janitor = subaward(2, name="JANITORS", prime=award(2, **PRIME, psc_description="BABEL STREET CLEANING"))
    served = [subaward(1, name="RESELLER", description="BABEL STREET LICENSES"), janitor]
    with AlteredSubawards(served) as server:
        [found] = publications(items_of(SOURCE, server, [step_of("subawards", "keywords", ["BABEL STREET"])]))
        assert sum(len(json.loads(body)["results"]) for body in server.sent[AWARD_SEARCH]) == 2
    assert found.recipient.name == "RESELLER"


def test_a_uei_finds_its_company_under_any_name() -> None:
    with AlteredSubawards([subaward(1, name="RENAMED INC")]) as server:
        assert len(items_of(SOURCE, server, [step_of("subawards", texts=["ACMEUEI00001"])])) == 1


def busy_day() -> list[Any]:
    """330 subawards of one day under three primes of one type, all of one amount: no page order can be trusted."""
    primes = [award(n, **PRIME) for n in range(3)]
    return [subaward(n, prime=primes[n % 3], description=f"PART {n}") for n in range(330)]


@pytest.mark.parametrize("number", [100, 101, 330])
def test_no_subaward_is_lost_between_pages(number: int) -> None:
    spread = [replace(s, day=DAY + timedelta(days=n % 40)) for n, s in enumerate(busy_day()[:number])]
    for served in (busy_day()[:number], spread):
        with AlteredSubawards(served) as server:
            items = items_of(SOURCE, server, [STEP])
            requests = len(server.requests)
        assert len({item.key for item in items if isinstance(item, Payload)}) == len(items) == number
        assert requests < 60


def test_the_api_cursor_loses_subawards() -> None:
    body: dict[str, Any] = {
        "filters": {"recipient_search_text": ["ACME"], "award_type_codes": ["D"]},
        "fields": ["Sub-Award ID", "Sub-Award Date"],
        "sort": "Sub-Award Date",
        "limit": 100,
        "subawards": True,
    }
    seen: set[str] = set()
    with AlteredSubawards(busy_day()) as server, client_of(server.base_url) as client:
        for _ in range(10):
            answer = json.loads(client.post(AWARD_SEARCH, body).body)
            seen |= {row["Sub-Award ID"] for row in answer["results"]}
            page = answer["page_metadata"]
            if not page["hasNext"]:
                break
            body |= {name: page[name] for name in ("last_record_unique_id", "last_record_sort_value")}
    assert len(seen) < 330


def unlinked(served: list[Any], every: int) -> list[Any]:
    """Subawards, one in `every` of them without a prime award that USAspending knows."""
    return [replace(s, is_linked=n % every > 0) for n, s in enumerate(served)]


@pytest.mark.parametrize("days", [1, 40])
@pytest.mark.parametrize("every", [1, 2, 10])
def test_unlinked_subawards_are_complete(every: int, days: int) -> None:
    served = [replace(s, day=DAY + timedelta(days=n % days)) for n, s in enumerate(unlinked(busy_day()[:150], every))]
    with AlteredSubawards(served) as server:
        items = items_of(SOURCE, server, [STEP])
        counted = [json.loads(body)["results"]["subcontracts"] for body in server.sent[AWARD_COUNT]]
    assert max(counted) == sum(s.is_linked for s in served)  # the count leaves the others out
    assert len({item.key for item in items if isinstance(item, Payload)}) == len(items) == 150


def losing(lost: set[str]) -> Any:
    """A change of answers from which some subawards are missing, by their numbers."""

    def change(answer: Json) -> None:
        answer["results"] = [row for row in answer["results"] if row["Sub-Award ID"] not in lost]

    return change


@pytest.mark.parametrize("days", [1, 40])
def test_missing_linked_subawards_are_an_incomplete_result(days: int) -> None:
    """Of 95 linked ones 85 come, and with 20 that are not linked more rows than the count says."""
    served = [replace(s, day=DAY + timedelta(days=n % days)) for n, s in enumerate(busy_day()[:115])]
    served = [replace(s, is_linked=n >= 20) for n, s in enumerate(served)]
    with AlteredSubawards(served) as server:
        server.alter(AWARD_SEARCH, losing({str(n) for n in range(100, 110)}))
        items = items_of(SOURCE, server, [STEP])
    assert [item for item in items if not isinstance(item, Payload)] == [
        IncompleteResult(step="test/subawards", expected=95, received=85)
    ]
    assert len(items) == 106


@pytest.mark.parametrize("number", [130, 150])
def test_a_count_of_all_subawards_is_recognized(number: int) -> None:
    """From one page of which all rows are known."""
    served = [replace(s, day=DAY + timedelta(days=n % 40)) for n, s in enumerate(unlinked(busy_day()[:number], 3))]
    with AlteredSubawards(served, wrong=["subaward-count-linked"]) as server:
        assert {kind for kind, _ in kinds(items_of(SOURCE, server, [STEP]))} == {"Payload"}
        # Where some are missing, it is still noticed.
        server.alter(AWARD_SEARCH, losing({"7"}))
        [missing] = [item for item in items_of(SOURCE, server, [STEP]) if not isinstance(item, Payload)]
    assert missing == IncompleteResult(step="test/subawards", expected=number, received=number - 1)


@pytest.mark.parametrize("key", [None, "", " "])
def test_a_subaward_without_a_prime_key_is_read(key: str | None) -> None:
    named = award(1, **PRIME, awarding_sub_name="U.S. Secret Service")
    odd = subaward(1, prime=named, is_linked=False, extra={PRIME_KEY: key})
    with AlteredSubawards([odd, subaward(2)]) as server:
        found = publications(items_of(SOURCE, server, [STEP], everybody()))
        asked = [request.path for request in server.requests if request.path.startswith(DETAIL)]
    unlinked = next(record for record in found if not record.award_key)
    assert unlinked.key.startswith("SUBAWARD_UNLINKED_70X00001_U-S-SECRET-SERVICE_1_")
    assert (unlinked.piid, unlinked.award_key, unlinked.amount_warning) == ("70X00001", "", "")
    assert unlinked.url == "https://www.usaspending.gov/search"
    assert unlinked.title == "Subaward to ACME DRONES LLC under 70X00001"
    assert len(asked) == 1  # of the other one's prime award


@pytest.mark.parametrize("extra", [{PRIME_KEY: None, "Prime Award ID": None}, {PRIME_KEY: "X" * 201}], ids=str)
def test_a_row_without_a_prime_award_is_a_problem(extra: Json) -> None:
    odd = subaward(1, extra=extra)
    with AlteredSubawards([odd, subaward(2)]) as server:
        items = items_of(SOURCE, server, [STEP], everybody())
    problem, payload = items
    assert isinstance(problem, Problem)
    assert isinstance(payload, Payload)
    assert 0 < len(problem.reason) < 300
    assert problem.key.startswith("SUBAWARD_")
    assert len(problem.documents) == 1


@pytest.mark.parametrize("key", ["../../etc", "A B?x=1#é", "CONT_AWD_A/B_9700_-NONE-_-NONE-"])
def test_a_hostile_prime_key_reaches_no_other_path(key: str) -> None:
    with AlteredSubawards([subaward(1, extra={PRIME_KEY: key})]) as server:
        [record] = publications(items_of(SOURCE, server, [STEP], everybody()))
        asked = [request.path for request in server.requests if request.method == "GET"]
    assert all(path.startswith(DETAIL) and path.count("/") == 5 for path in asked)
    assert record.url.startswith("https://www.usaspending.gov/award/")
    assert record.url.count("/") == 5


def test_a_backfill_finds_each_subaward_once() -> None:
    days = (date(2019, 9, 30), date(2019, 10, 1), date(2024, 5, 6), date(2024, 5, 7))
    served = [subaward(n, day=day) for n, day in enumerate(days)]
    steps = SOURCE.backfill_steps(SearchTerms(names=("ACME",)), date(2000, 1, 1), DAY)
    with AlteredSubawards(served) as server:
        items = items_of(SOURCE, server, steps)
    assert [record.signed for record in publications(items)] == list(days[:3])


def test_results_read_before_a_fault_are_kept() -> None:
    with AlteredSubawards([subaward(1), subaward(2, prime=grant(2))]) as server:
        memory = Memory()
        items_of(SOURCE, server, [step_of("subawards", texts=["NOBODY"])], memory)  # the daily check of the filter
        server.play(Fault.SERVER_ERROR, on=AWARD_SEARCH, after=1)
        done = walk(SOURCE, server, [STEP], memory)
    assert isinstance(done.error, Unreachable)
    assert [record.type_text for record in publications(done.items)] == ["sub-contract"]


@pytest.mark.parametrize(
    ("path", "change", "said"),
    [
        (AWARD_COUNT, lambda answer: answer.update(results={"contracts": 1, "grants": 1}), "no subcontracts"),
        (AWARD_SEARCH, lambda answer: answer.update(results={}), "no results"),
        (AWARD_SEARCH, lambda answer: answer.update(results=["x"]), "a row that is no object"),
        (AWARD_SEARCH, lambda answer: answer.update(page_metadata={"page": 1}), "no hasNext"),
        (
            AWARD_SEARCH,
            lambda answer: (answer["results"] and answer["results"][0].update({PRIME_KEY: 7})) or None,
            "no p",
        ),
    ],
)
def test_a_response_of_another_shape_is_a_changed_source(path: str, change: Any, said: str) -> None:
    with AlteredSubawards(busy_day()[:101]) as server:
        server.alter(path, change)
        done = walk(SOURCE, server, [STEP])
    assert isinstance(done.error, SourceChanged)
    assert said in str(done.error)


def test_a_placeholder_recipient_is_recognized() -> None:
    with AlteredSubawards([subaward(1, name="MULTIPLE RECIPIENTS", uei=None)]) as server:
        [record] = publications(items_of(SOURCE, server, [step_of("subawards", "keywords", ["DRONES"])]))
    assert record.recipient.is_placeholder
