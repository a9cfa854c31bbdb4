"""Stored awards: which rows are news of them, and how they are found by number, whatever its form."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from sources.base import DateWindow, SearchTerms
from sources.errors import SourceChanged, Unreachable
from sources.records import MatchedAward, Payload
from sources.usaspending.filters import GROUPED_SEARCH, TRANSACTION_SEARCH
from tests.sources.usaspending.helpers import (
    DAY,
    SOURCE,
    AlteredUsaspending,
    action,
    award,
    awards_of,
    fetched,
    filters_of,
    kinds,
    remembering,
    step_of,
)
from tests.sources.usaspending.poller import DETAIL, SECOND, TERMS, Poll, Poller, bought, change, late, poller_of, sweep
from tests.upstreams.usaspending.corpus import CorpusAction


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
def test_award_numbers_are_searched_unquoted(fields: dict[str, Any]) -> None:
    with AlteredUsaspending([bought(1, **fields)]) as server:
        poller = poller_of(server)
        change(server, late(modified=SECOND))
        assert poller.poll(SECOND).keys == [server.awards[0].key]
        assert numbers_asked(server) == {"70X00001"}


def test_the_unquoted_form_is_checked_once_a_day() -> None:
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        trials = [body for body in server.asked(TRANSACTION_SEARCH) if body["limit"] == 1]
        assert trials == []
        for _ in range(3):
            poller.poll(SECOND)
        assert len([body for body in server.asked(TRANSACTION_SEARCH) if body["limit"] == 1]) == 1


def test_award_numbers_are_searched_unquoted_again() -> None:
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        poller.memory.notes |= {"assumption/unquoted-award-ids": "does not hold", "award-ids": "2024-05-01"}
        change(server, late(modified=SECOND))
        assert (poller.poll(SECOND).keys, poller.unfinished) == ([bought().key], [])
        assert numbers_asked(server) == {"70X00001"}


def test_numbers_that_find_nothing_are_a_changed_source() -> None:
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


def test_awards_of_other_sources_may_be_missing() -> None:
    elsewhere = tuple(MatchedAward(f"CONT_AWD_DOD{n:06}_9700_-NONE-_-NONE-", f"DOD{n:06}") for n in range(5))
    with AlteredUsaspending([bought(77, action(description="BRICKS"))]) as server:
        poller = Poller(source=SOURCE, server=server, terms=TERMS)
        window = DateWindow(until=SECOND, signed_since=DAY, modified_since=DAY, acted_since=DAY)
        done = poller.walk(SOURCE.poll_steps(SearchTerms(stored={"contract": elsewhere}), window))
    assert (done.errors, done.read) == ([], [])


def test_an_unreachable_server_is_not_a_changed_source() -> None:
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
def test_a_new_key_comes_with_the_404_of_the_former_key(in_sweep: bool) -> None:
    with AlteredUsaspending([bought(), bought(2)]) as server:
        poller = poller_of(server)
        new = corrected(server)
        poll = sweep(poller) if in_sweep else poller.poll(SECOND)
    [_, _, (path, content)] = documents(poll)
    assert path == f"v2/awards/{bought().key}/"
    assert content == {"detail": f"No Award found with: {{'generated_unique_award_id_legacy': '{bought().key}'}}"}
    [award] = awards_of([item for item in poll.items if isinstance(item, Payload)])
    assert (award.key, award.replaces) == (new, bought().key)


def test_an_award_with_the_same_number_as_another_is_no_replacement() -> None:
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


def test_two_deleted_awards_have_no_replacement() -> None:
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
def test_an_unrelated_award_is_no_replacement(fields: dict[str, Any]) -> None:
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


def test_a_failed_former_key_request_is_retried() -> None:
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


@pytest.mark.parametrize("group", ["contracts", "transactions"])
@pytest.mark.parametrize("name", ["REDACTED DUE TO PII", "Multiple Recipients", " MISCELLANEOUS FOREIGN AWARDEES "])
def test_a_placeholder_is_found_by_phrase_only(name: str, group: str) -> None:
    awards = [award(1, recipient_name=name), award(2, recipient_name=f"{name}LLC")]
    with AlteredUsaspending(awards) as server:
        by_name = awards_of(fetched(server, step_of(group, texts=[name.strip().upper()])))
        by_word = awards_of(fetched(server, step_of(group, "keywords", ["DRONES"])))
    assert [found.key for found in by_name] == [awards[1].key]
    assert {found.key: found.recipient.is_placeholder for found in by_word} == {
        awards[0].key: True,
        awards[1].key: False,
    }


SHORT = {"THORN": True, "THORN INC.": True, "Thorn, L.L.C.": True, "THORN USA INC": True, "ACME (DBA THORN)": True}
LONGER = {"HAWTHORNE HARDWARE": False, "THORNTON & SONS": False, "THORN HILL FARMS LLC": False, "": False}


@pytest.mark.parametrize("group", ["contracts", "transactions"])
def test_a_short_name_must_match_exactly(group: str) -> None:
    """A recipient whose name does not hold it is found by its parent's name, which no row shows."""
    awards = [award(n, recipient_name=name) for n, name in enumerate(SHORT | LONGER)]
    awards.append(award(99, recipient_name="DAUGHTER LLC", recipient_parent_name="THORN"))
    with AlteredUsaspending(awards) as server:
        found = awards_of(fetched(server, step_of(group, texts=["THORN"], exact=True)))
        loosely = awards_of(fetched(server, step_of(group, texts=["THORN"])))
    assert sorted(found.recipient.name for found in found) == sorted([*SHORT, "DAUGHTER LLC"])
    assert len(loosely) == len(awards) - 1


@pytest.mark.parametrize("group", ["contracts", "transactions"])
def test_an_unchanged_award_is_not_read_again(group: str) -> None:
    awards = [award(n, action("0"), action("P00001", DAY, "5.00")) for n in range(3)]
    with AlteredUsaspending(awards) as server:
        items = fetched(server, step_of(group))
        server.requests.clear()
        again = fetched(server, step_of(group), remembering(items, matched=False))
        assert not [request for request in server.requests if DETAIL in request.path]
    assert sorted(kinds(again)) == [("NotModified", award.key) for award in awards]


CHANGES = [
    {"recipient_name": "ACME LTD"},
    {"recipient_uei": "UEI"},
    {"description": "OTHER"},
    {"last_modified_date": date(2024, 6, 7)},
    {"starts": date(2024, 6, 7)},
    {"ends": date(2024, 6, 7)},
    {"actions": [action(amount="100.01")]},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
@pytest.mark.parametrize("matched", [False, True])
def test_a_changed_row_is_read_for_unmatched_awards(change: dict[str, Any], matched: bool) -> None:
    """Awards that concern somebody are asked for by number: the row of an award is that of its latest action only."""
    with AlteredUsaspending([award(1)]) as server:
        held = remembering(fetched(server, step_of()), matched=matched)
        with server.editing() as served:
            for name, value in change.items():
                setattr(served[0], name, value)
        found = fetched(server, step_of(), held)
    assert [kind for kind, _ in kinds(found)] == ["NotModified" if matched else "Payload"]


@pytest.mark.parametrize(
    "change",
    [
        action(amount="100.01"),
        action(amount=None),
        action(day=DAY + timedelta(days=1)),
        action(modification="P00001"),
        action(description="DRONES AND MORE"),
        action(description=None),
    ],
    ids=str,
)
def test_any_changed_transaction_reads_the_award(change: CorpusAction) -> None:
    same = action(description="Drones!")  # punctuation and case are none
    with AlteredUsaspending([award(1)]) as server:
        held = remembering(fetched(server, step_of("transactions")))
        for new, kind in ((same, "NotModified"), (change, "Payload")):
            with server.editing() as served:
                served[0].actions = [new]
            assert [kind for kind, _ in kinds(fetched(server, step_of("transactions"), held))] == [kind]


@pytest.mark.parametrize("lag", [86, 88, 90, 92, 106, 107])
def test_awards_delayed_ninety_days_are_found(lag: int) -> None:
    """As the Department of Defense's awards: with the last-modified date they had long before.

    Two days more or less make no difference, nor does the fortnight by which windows overlap.
    """
    later = DAY + timedelta(days=lag)
    with AlteredUsaspending([award(1, action(day=later))]) as server:
        poller = Poller(source=SOURCE, server=server, terms=SearchTerms(names=("ACME",)))
        poller.watermark = later - timedelta(days=1)
        with server.editing() as served:
            served.append(award(2, action(day=DAY)))
        found = poller.poll(later).keys
    assert (award(2).key in found) is (88 <= lag <= 107)


def test_a_poll_starts_at_the_earliest_date() -> None:
    day = date(2007, 11, 1)
    with AlteredUsaspending([award(1, action(day=day))]) as server:
        poller = Poller(source=SOURCE, server=server, terms=SearchTerms(names=("ACME",), phrases=("DRONES",)))
        assert poller.poll(day).keys == [award(1).key]
        starts = {
            period["start_date"] for body in server.asked("transaction/") for period in filters_of(body)["time_period"]
        }
    assert min(starts) == "2007-10-01"


def test_each_award_is_read_once_per_step() -> None:
    many = award(1, *(action(f"P{n:05}", DAY + timedelta(days=n), f"{n}.00") for n in range(9)))
    twice = award(2, action(), action("P00001"))
    with AlteredUsaspending([many, twice]) as server:
        items = fetched(server, step_of("transactions"))
        assert sorted(kinds(items)) == [("Payload", many.key), ("Payload", twice.key)]
        again = fetched(server, step_of("transactions"), remembering(items))
        assert sorted(kinds(again)) == [("NotModified", many.key), ("NotModified", twice.key)]
        # One new action among known ones: its award is read, and not given as unchanged as well.
        with server.editing() as served:
            served[0].actions.append(action("P00009", DAY + timedelta(days=4), "0.00"))
        changed = fetched(server, step_of("transactions"), remembering(items))
    assert sorted(kinds(changed)) == [("NotModified", twice.key), ("Payload", many.key)]


def test_an_award_that_this_run_has_read_is_not_read_again() -> None:
    with AlteredUsaspending([award(1)]) as server:
        memory = remembering(fetched(server, step_of()))
        memory.read = {award(1).key}
        with server.editing() as served:
            served[0].actions.append(action("P00001"))
        assert kinds(fetched(server, step_of("transactions"), memory)) == [("NotModified", award(1).key)]


def test_phrases_ignore_industry_codes() -> None:
    reseller = award(1, action(description="BABEL STREET - SOFTWARE"), recipient_name="PANAMERICA COMPUTERS, INC.")
    industry = award(2, recipient_name="JANITORS INC", psc_description="BABEL STREET CLEANING")
    with AlteredUsaspending([reseller, industry, award(3)]) as server:
        for group in ("contracts", "transactions"):
            found = awards_of(fetched(server, step_of(group, "keywords", ("BABEL STREET",))))
            assert [award.key for award in found] == [reseller.key]
