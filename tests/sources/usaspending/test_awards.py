"""Contracts and IDVs over real HTTP: each award once and whole, evidence as sent, and what becomes of faults."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sources.base import FailedStep, SearchTerms
from sources.errors import Blocked, QuotaUsedUp, SourceChanged, SourceError, Unreachable
from sources.records import Award, Payload, Problem
from sources.usaspending.filters import (
    AWARD_SEARCH,
    LAST_UPDATED,
    TRANSACTIONS_PATH,
)
from tests.sources.usaspending.helpers import (
    DAY,
    SOURCE,
    AlteredUsaspending,
    action,
    award,
    awards_of,
    client_of,
    fetched,
    items_of,
    kinds,
    step_of,
    walk,
)
from tests.upstreams.faults import Fault
from tests.upstreams.usaspending.corpus import load_corpus

DETAIL = "/api/v2/awards/"


def test_evidence_is_stored_byte_for_byte() -> None:
    extra = {"new_upstream_field": {"b": 1.10, "a": "é"}, "zzz": None}
    with AlteredUsaspending([award(1, extra_detail=extra)]) as server:
        [found] = awards_of(fetched(server, step_of()))
        detail, transactions = found.documents
    assert [detail.body] == server.sent[f"{DETAIL}{found.key}/"]
    assert [transactions.body] == server.sent[TRANSACTIONS_PATH]
    assert b'"new_upstream_field": {"b": 1.1, "a": "\\u00e9"}' in detail.body
    assert detail.sha256 == hashlib.sha256(detail.body).hexdigest()
    assert (detail.url, detail.request) == (f"{server.base_url}{DETAIL}{found.key}/", "")
    assert (transactions.url, '"award_id": "CONT_AWD' in transactions.request) == (
        server.base_url + TRANSACTIONS_PATH,
        True,
    )


def test_all_pages_of_an_awards_transactions_are_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sources.usaspending.award_fetcher.MAX_TRANSACTIONS", 2)
    mods = [action(f"P{n:05}", DAY + timedelta(days=n // 2)) for n in range(5)]
    with AlteredUsaspending([award(1, *mods)]) as server:
        [found] = awards_of(fetched(server, step_of()))
        assert [body["page"] for body in server.asked(TRANSACTIONS_PATH)] == [1, 2, 3]
    assert [a.modification for a in found.actions] == [a.modification for a in mods]
    assert len(found.documents) == 4


def test_endless_transaction_pages_fail() -> None:
    with AlteredUsaspending([award(1)]) as server:
        server.alter(TRANSACTIONS_PATH, lambda answer: answer["page_metadata"].update(hasNext=True))
        [failure] = fetched(server, step_of())
        assert len(server.asked(TRANSACTIONS_PATH)) == 100
    assert isinstance(failure, FailedStep)
    assert f"pages without end for {award(1).key}" in failure.reason


@pytest.mark.parametrize("group", ["contracts", "transactions"])
def test_an_unreadable_award_fails_alone_and_is_retried_by_its_own_step(group: str) -> None:
    awards = [award(n) for n in range(3)]
    with AlteredUsaspending(awards) as server:
        server.fail(lambda request: awards[1].key in request.path, 500)
        items = fetched(server, step_of(group))
        server.mend()
        [failure] = [item for item in items if isinstance(item, FailedStep)]
        [again] = awards_of(fetched(server, failure.step))
    assert sorted(item.key for item in items if isinstance(item, Payload)) == [awards[0].key, awards[2].key]
    assert failure.step.part == f"the details of award {awards[1].key}"
    assert "HTTP 500" in failure.reason
    assert again.key == awards[1].key


def test_unreadable_transactions_fail_one_award() -> None:
    with AlteredUsaspending([award(n) for n in range(3)]) as server:
        server.fail(lambda request: award(1).key in str(request.body) and request.path == TRANSACTIONS_PATH, 500)
        assert [kind for kind, _ in kinds(fetched(server, step_of()))] == ["Payload", "FailedStep", "Payload"]


def test_two_unreadable_awards_in_a_row_end_the_step() -> None:
    awards = [award(n) for n in range(6)]
    with AlteredUsaspending(awards) as server:
        bad = {awards[1].key, awards[3].key, awards[4].key}
        server.fail(lambda request: any(key in request.path for key in bad), 500)
        done = walk(SOURCE, server, [step_of()])
        asked = {request.path for request in server.requests if request.path.startswith(DETAIL)}
    assert [kind for kind, _ in kinds(done.items)] == ["Payload", "FailedStep", "Payload", "FailedStep"]
    assert isinstance(done.error, Unreachable)
    assert f"{DETAIL}{awards[5].key}/" not in asked


@pytest.mark.parametrize(("status", "kind"), [(403, Blocked), (429, QuotaUsedUp)])
def test_a_refusal_ends_the_step_at_the_first_award(status: int, kind: type[SourceError]) -> None:
    with AlteredUsaspending([award(n) for n in range(3)]) as server:
        server.fail(lambda request: request.path.startswith(DETAIL), status)
        done = walk(SOURCE, server, [step_of()])
    assert type(done.error) is kind
    assert done.items == []


def test_an_invalid_amount_is_a_problem_of_one_award() -> None:
    odd = award(2, extra_detail={"total_obligation": 10.005})
    with AlteredUsaspending([award(1), odd, award(3)]) as server:
        items = fetched(server, step_of())
        records = [record for item in items if isinstance(item, Payload) for record in SOURCE.parse(item)]
    first, problem, last = records
    assert isinstance(first, Award)
    assert isinstance(last, Award)
    assert isinstance(problem, Problem)
    assert (problem.key, problem.reason) == (odd.key, "not an amount in whole cents within reason: Decimal('10.005')")
    assert problem.documents[0].url.endswith(f"{odd.key}/")


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (61241.34, "61241.34"),
        ("61241.35", "61241.35"),
        (0.1, "0.10"),
        (-0.01, "-0.01"),
        (100, "100.00"),
        ("-1e3", "-1000.00"),
        (23_456_789_012_345.67, "23456789012345.67"),
        ("9007199254740993.01", "9007199254740993.01"),
        (None, None),
        ("", None),
    ],
)
def test_amounts_are_exact_from_numbers_and_text(sent: object, read: str | None) -> None:
    with AlteredUsaspending([award(1, extra_detail={"base_and_all_options": sent})]) as server:
        [found] = awards_of(fetched(server, step_of()))
    assert found.ceiling == (None if read is None else Decimal(read))
    assert read is None or str(found.ceiling) == read


def other_key(place: int, key: str) -> Any:
    """A change of the key of one row, where there are rows."""
    return lambda answer: (answer["results"] and answer["results"][place].update(generated_internal_id=key)) or None


def test_a_deleted_award_is_a_problem_of_one_award() -> None:
    with AlteredUsaspending([award(1), award(2), award(3)]) as server:
        server.alter(AWARD_SEARCH, other_key(1, "CONT_AWD_GONE_7012_-NONE-_-NONE-"))
        items = fetched(server, step_of())
    assert [kind for kind, _ in kinds(items)] == ["Payload", "Problem", "Payload"]
    problem = items[1]
    assert isinstance(problem, Problem)
    assert problem.key == "CONT_AWD_GONE_7012_-NONE-_-NONE-"
    assert "HTTP 404" in problem.reason
    assert "No Award found" in problem.reason
    assert "\n" not in problem.reason


@pytest.mark.parametrize("key", ["", "\x00", "X" * 201, "X" * 100_000, "../../etc", "A B?x=1#é\ud800"])
def test_a_hostile_key_is_a_problem_of_one_award(key: str) -> None:
    with AlteredUsaspending([award(1), award(2)]) as server:
        server.alter(AWARD_SEARCH, other_key(0, key))
        items = fetched(server, step_of())
    assert [kind for kind, _ in kinds(items)] == ["Problem", "Payload"]
    problem = items[0]
    assert isinstance(problem, Problem)
    assert len(problem.key) <= 200
    problem.key.encode()
    assert len(problem.reason) < 900


def test_health_check_outcomes() -> None:
    path = "/api/v2/references/toptier_agencies/"
    with AlteredUsaspending([]) as server, client_of(server.base_url) as client:
        assert SOURCE.health_check(client)
        server.alter(path, lambda answer: answer["results"][0].update(toptier_code="071"))
        assert not SOURCE.health_check(client)
        server.alter(path, lambda answer: answer.pop("results") and None)
        with pytest.raises(SourceChanged, match="no results"):
            SOURCE.health_check(client)
        server.play(Fault.UNAVAILABLE, on=path)
        with pytest.raises(Unreachable):
            SOURCE.health_check(client)


@pytest.mark.parametrize(
    ("day", "said"), [("05/06/2024", ""), ("2024-05-06", "not a day"), ("", "not a day"), (None, "no last_updated")]
)
def test_data_version_is_last_updated(day: str | None, said: str) -> None:
    with AlteredUsaspending([award(1)]) as server, client_of(server.base_url) as client:
        server.alter(LAST_UPDATED, lambda answer: answer.update(last_updated=day))
        if said:
            with pytest.raises(SourceChanged, match=said):
                SOURCE.data_version(client)
        else:
            assert SOURCE.data_version(client) == day


def test_a_backfill_finds_the_whole_corpus() -> None:
    corpus = load_corpus()
    names, phrases = ("CLEARVIEW AI", "CELLEBRITE", "PANAMERICA"), ("BABEL STREET", "SKYDIO")
    sellers = {a.key for a in corpus if any(name in str(a.recipient_name) for name in names)}
    texts = {a.key: str([action.description for action in a.actions]).upper() for a in corpus}
    resold = {key for key, text in texts.items() if any(phrase in text for phrase in phrases)}
    assert min(len(sellers - resold), len(resold - sellers)) > 10
    with AlteredUsaspending(corpus) as server:
        steps = SOURCE.backfill_steps(SearchTerms(names=names, phrases=phrases), date(2020, 10, 1), date(2024, 9, 30))
        items = [item for item in items_of(SOURCE, server, steps) if isinstance(item, Payload)]
    awards = {award.key: award for award in awards_of(items)}
    assert set(awards) >= sellers | resold
    assert len(set(awards) - sellers - resold) < 5
    for original in corpus:
        if original.key in awards:
            award = awards[original.key]
            assert sorted(a.modification for a in award.actions) == sorted(a.modification for a in original.actions)
            assert award.obligated == original.total
