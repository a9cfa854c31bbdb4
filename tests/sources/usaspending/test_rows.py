"""Which rows of USAspending's searches are meant, and which show something that is not stored."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from sources.base import SearchTerms
from tests.sources.polling import Poller
from tests.sources.upstream import (
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
from tests.upstreams.usaspending.corpus import CorpusAction

DETAIL = "/api/v2/awards/"


@pytest.mark.parametrize("group", ["contracts", "transactions"])
@pytest.mark.parametrize("name", ["REDACTED DUE TO PII", "Multiple Recipients", " MISCELLANEOUS FOREIGN AWARDEES "])
def test_a_placeholder_is_never_found_by_its_name_but_by_what_is_said(name: str, group: str) -> None:
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
def test_of_a_short_name_only_the_whole_is_read(group: str) -> None:
    """A recipient whose name does not hold it is found by its parent's name, which no row shows."""
    awards = [award(n, recipient_name=name) for n, name in enumerate(SHORT | LONGER)]
    awards.append(award(99, recipient_name="DAUGHTER LLC", recipient_parent_name="THORN"))
    with AlteredUsaspending(awards) as server:
        found = awards_of(fetched(server, step_of(group, texts=["THORN"], exact=True)))
        loosely = awards_of(fetched(server, step_of(group, texts=["THORN"])))
    assert sorted(found.recipient.name for found in found) == sorted([*SHORT, "DAUGHTER LLC"])
    assert len(loosely) == len(awards) - 1


@pytest.mark.parametrize("group", ["contracts", "transactions"])
def test_an_award_that_is_stored_as_the_row_shows_it_is_not_read_again(group: str) -> None:
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
def test_a_changed_row_of_an_award_counts_for_those_that_are_followed_in_no_other_way(
    change: dict[str, Any], matched: bool
) -> None:
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
def test_any_change_of_a_transaction_makes_its_award_worth_reading(change: CorpusAction) -> None:
    same = action(description="Drones!")  # punctuation and case are none
    with AlteredUsaspending([award(1)]) as server:
        held = remembering(fetched(server, step_of("transactions")))
        for new, kind in ((same, "NotModified"), (change, "Payload")):
            with server.editing() as served:
                served[0].actions = [new]
            assert [kind for kind, _ in kinds(fetched(server, step_of("transactions"), held))] == [kind]


@pytest.mark.parametrize("lag", [86, 88, 90, 92, 106, 107])
def test_what_a_delay_of_ninety_days_has_kept_back_is_found_when_it_appears(lag: int) -> None:
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


def test_a_poll_of_the_first_days_of_the_search_asks_for_none_before_them() -> None:
    day = date(2007, 11, 1)
    with AlteredUsaspending([award(1, action(day=day))]) as server:
        poller = Poller(source=SOURCE, server=server, terms=SearchTerms(names=("ACME",), phrases=("DRONES",)))
        assert poller.poll(day).keys == [award(1).key]
        starts = {
            period["start_date"] for body in server.asked("transaction/") for period in filters_of(body)["time_period"]
        }
    assert min(starts) == "2007-10-01"


def test_each_award_comes_once_in_a_step_however_many_rows_it_has() -> None:
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


def test_phrases_bring_resellers_but_not_what_only_its_industry_code_names() -> None:
    reseller = award(1, action(description="BABEL STREET - SOFTWARE"), recipient_name="PANAMERICA COMPUTERS, INC.")
    industry = award(2, recipient_name="JANITORS INC", psc_description="BABEL STREET CLEANING")
    with AlteredUsaspending([reseller, industry, award(3)]) as server:
        for group in ("contracts", "transactions"):
            found = awards_of(fetched(server, step_of(group, "keywords", ("BABEL STREET",))))
            assert [award.key for award in found] == [reseller.key]
