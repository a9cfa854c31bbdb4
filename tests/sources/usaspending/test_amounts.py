"""Held awards by number: the form in which numbers are asked for, and awards whose key the source corrects."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from sources.base import DateWindow, SearchTerms
from sources.errors import SourceChanged, Unreachable
from sources.records import MatchedAward, Payload
from sources.usaspending.filters import GROUPED_SEARCH, TRANSACTION_SEARCH
from tests.sources.polling import Poll, Poller
from tests.sources.upstream import DAY, SOURCE, AlteredUsaspending, action, awards_of, filters_of, kinds
from tests.sources.usaspending.known_awards import DETAIL, SECOND, TERMS, bought, change, late, poller_of, sweep


def numbers_asked(server: AlteredUsaspending) -> set[str]:
    """The award numbers asked for, without the impossible one."""
    bodies = [body for path in (TRANSACTION_SEARCH, GROUPED_SEARCH) for body in server.asked(path)]
    return {text for body in bodies for text in filters_of(body).get("award_ids", []) if "QZXJV" not in text}


KINDS = {
    "contracts": {},
    "idvs": {"category": "idv", "type": "IDV_C"},
    "blank type": {"type": None},
}


@pytest.mark.parametrize("fields", KINDS.values(), ids=KINDS.keys())
def test_numbers_are_asked_for_bare_whatever_kind_of_award_is_held(fields: dict[str, Any]) -> None:
    with AlteredUsaspending([bought(1, **fields)]) as server:
        poller = poller_of(server)
        change(server, late(modified=SECOND))
        assert poller.poll(SECOND).keys == [server.awards[0].key]
        assert numbers_asked(server) == {"70X00001"}


def test_the_form_is_tried_once_a_day() -> None:
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        trials = [body for body in server.asked(TRANSACTION_SEARCH) if body["limit"] == 1]
        assert trials == []
        for _ in range(3):
            poller.poll(SECOND)
        assert len([body for body in server.asked(TRANSACTION_SEARCH) if body["limit"] == 1]) == 1


def test_numbers_are_asked_for_bare_again_when_that_works_again() -> None:
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        poller.memory.notes |= {"assumption/unquoted-award-ids": "does not hold", "award-ids": "2024-05-01"}
        change(server, late(modified=SECOND))
        assert (poller.poll(SECOND).keys, poller.unfinished) == ([bought().key], [])
        assert numbers_asked(server) == {"70X00001"}


def test_numbers_that_find_nothing_in_any_form_mean_that_the_source_changed() -> None:
    """One or two may be gone; of three one must be there."""
    for number, failed in ((1, False), (2, False), (3, True)):
        with AlteredUsaspending([bought(n) for n in range(number)]) as server:
            poller = poller_of(server)
            with server.editing() as served:
                del served[:]
                served.append(bought(77, action(description="BRICKS")))
            errors = [error for _, error in poller.poll(SECOND).errors]
        assert [type(error) for error in errors] == ([SourceChanged] if failed else [])
        assert not failed or "none of 3 stored awards is found by its number" in str(errors[0])


def test_awards_that_only_other_sources_have_are_no_reason_to_doubt_the_search() -> None:
    elsewhere = tuple(MatchedAward(f"CONT_AWD_DOD{n:06}_9700_-NONE-_-NONE-", f"DOD{n:06}") for n in range(5))
    with AlteredUsaspending([bought(77, action(description="BRICKS"))]) as server:
        poller = Poller(source=SOURCE, server=server, terms=TERMS)
        window = DateWindow(until=SECOND, signed_since=DAY, modified_since=DAY, acted_since=DAY)
        done = poller.walk(SOURCE.poll_steps(SearchTerms(stored={"contract": elsewhere}), window))
    assert (done.errors, done.read) == ([], [])


def test_a_server_that_answers_nothing_is_not_taken_for_a_changed_one() -> None:
    with AlteredUsaspending([bought(n) for n in range(5)]) as server:
        poller = poller_of(server)
        poller.memory.notes.clear()
        server.fail(lambda request: request.method == "POST")
        errors = [error for _, error in poller.poll(SECOND).errors]
    assert errors
    assert {type(error) for error in errors} == {Unreachable}


# An award whose key the source corrects


def corrected(server: AlteredUsaspending) -> str:
    """Correct the parent of the first award, so that its key is another; return that."""
    change(server, parent_piid="70SCHEDULE2", parent_agency="7001", ceiling=Decimal(5))
    with server.editing() as served:
        served[0].actions[0].last_modified_date = SECOND
        served[0].actions[0].description = "NOTHING THAT A PHRASE FINDS"
    return server.awards[0].key


def documents(poll: Poll) -> list[tuple[str, dict[str, Any]]]:
    """The path and the content of each document of the only payload."""
    [payload] = [item for item in poll.items if isinstance(item, Payload)]
    return [(document.url.partition("/api/")[2], json.loads(document.body)) for document in payload.documents]


@pytest.mark.parametrize("in_sweep", [False, True])
def test_an_award_under_a_new_key_comes_with_the_answer_that_the_former_key_is_gone(in_sweep: bool) -> None:
    with AlteredUsaspending([bought(), bought(2)]) as server:
        poller = poller_of(server)
        new = corrected(server)
        poll = sweep(poller) if in_sweep else poller.poll(SECOND)
    [_, _, (path, content)] = documents(poll)
    assert path == f"v2/awards/{bought().key}/"
    assert content == {"detail": f"No Award found with: {{'generated_unique_award_id_legacy': '{bought().key}'}}"}
    [award] = awards_of([item for item in poll.items if isinstance(item, Payload)])
    assert (award.key, award.replaces) == (new, bought().key)


def test_an_award_whose_namesake_is_still_there_comes_alone() -> None:
    twin = bought(1, parent_piid="70SCHEDULE2", parent_agency="7001")
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        with server.editing() as served:
            twin.actions[0].last_modified_date = SECOND
            served.append(twin)
        poll = poller.poll(SECOND)
        server.requests.clear()
        again = poller.poll(SECOND)
        asked = [request.path for request in server.requests if request.path.startswith(DETAIL)]
    assert len(documents(poll)) == 2
    assert again.keys == [twin.key]  # it changed within the days in which a load may take its time
    assert asked == [f"{DETAIL}{twin.key}/"]  # once it is stored, its namesake is not asked for
    [award] = awards_of([item for item in poll.items if isinstance(item, Payload)])
    assert award.replaces == ""


def test_of_two_awards_that_are_gone_none_is_said_to_be_replaced() -> None:
    other = bought(1, parent_piid="70SCHEDULE1", parent_agency="7001")
    with AlteredUsaspending([bought(), other]) as server:
        poller = poller_of(server)
        corrected(server)
        with server.editing() as served:
            del served[1]
        [award] = awards_of([item for item in poller.poll(SECOND).items if isinstance(item, Payload)])
    assert (len(award.documents), award.replaces) == (4, "")


@pytest.mark.parametrize(
    "fields",
    [{"agency": "9700"}, {"piid": "70X00002"}, {"category": "idv", "type": "IDV_C"}],
    ids=["other agency", "other number", "an IDV"],
)
def test_another_award_replaces_none(fields: dict[str, Any]) -> None:
    other = {**{"parent_piid": "70SCHEDULE2", "parent_agency": "7001"}, **fields}
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        with server.editing() as served:
            served[0] = bought(1, action(modified=SECOND), **other)
        server.requests.clear()
        poll = poller.poll(SECOND)
        former = [request for request in server.requests if request.path == f"{DETAIL}{bought().key}/"]
    assert len(documents(poll)) == 2
    assert former == []


def test_a_former_key_that_cannot_be_asked_for_fails_its_award_alone_and_is_asked_for_again() -> None:
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        new = corrected(server)
        server.fail(lambda request: request.path == f"{DETAIL}{bought().key}/", 500)
        second = poller.poll(SECOND)
        assert ("FailedStep", poller.unfinished[0].key) in kinds(second.items)
        server.mend()
        third = poller.poll(SECOND)
    assert third.keys == [new]
    assert len(documents(third)) == 3
