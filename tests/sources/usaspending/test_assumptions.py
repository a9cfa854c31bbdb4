"""Each thing that the adapters of USAspending take for granted, wrong in turn: everything comes all the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

import pytest

from sources.base import SearchTerms, Source
from sources.errors import SourceError
from sources.usaspending.assistance import Assistance
from sources.usaspending.awards import Usaspending
from sources.usaspending.subawards import Subawards
from tests.sources.usaspending.helpers import DAY, AlteredAssistance, action, award, client_of, grant, subaward
from tests.sources.usaspending.poller import AGES_AGO, FIRST, SECOND, SWEPT, Poll, Poller, late
from tests.upstreams.usaspending.search.served import WRONG

NAMES = tuple(f"VENDOR {n:02}" for n in range(10))
TERMS = SearchTerms(names=NAMES, short_names=("THORN",), phrases=("DRONES", *(f"PRODUCT {n}" for n in range(8))))
# All of contracts and IDVs; of the others what they share with those, and what is their own.
IN_TURN = [
    *(("usaspending", wrong) for wrong in WRONG if wrong != "subaward-count-linked"),
    ("assistance", "mixed-types-in-transactions"),
    ("assistance", "unquoted-award-ids"),
    ("subawards", "subaward-count-linked"),
    ("subawards", "clause-limit"),
]
ten_rows_a_page = pytest.mark.usefixtures("short_pages")
SOURCES: dict[str, Source] = {source.name: source for source in (Usaspending(), Assistance(), Subawards())}


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sources.usaspending.search.PAGE_SIZE", 10)


def served(wrong: tuple[str, ...]) -> AlteredAssistance:
    """Contracts, IDVs and grants of the watched vendors and of a dealer, and subawards that are linked or not.

    More than a page of ten of each, some on one day, so that they must be cut, counted and reordered.
    """
    bricks = action(description="BRICKS")
    contracts = [award(n, recipient_name=f"{NAMES[n % 10]} INC", type="ABCD"[n % 2]) for n in range(24)]
    idvs = [award(200 + n, category="idv", type="IDV_C", recipient_name=f"{NAMES[n]} INC") for n in range(5)]
    dealer = [award(300 + n, recipient_name="DEALER LLC") for n in range(5)]
    short = [award(400, recipient_name="THORN"), award(401, bricks, recipient_name="HAWTHORNE")]
    grants = [grant(n, recipient_name=f"{NAMES[n % 10]} CITY", type=("04", "06", "11")[n % 3]) for n in range(24)]
    strangers = [award(300, bricks, agency="9700", recipient_name="DEALER LLC")]
    prime = award(500, bricks, recipient_name="PRIME INC", type="D")
    subs = [
        subaward(n, prime=prime, name=f"{NAMES[n % 10]} INC", day=DAY + timedelta(days=n % 2), is_linked=n % 7 > 0)
        for n in range(24)
    ]
    awards = [*contracts, *idvs, *dealer, *short, *grants, *strangers, prime]
    return AlteredAssistance(awards, subawards=subs, wrong=wrong)


def story(name: str, wrong: tuple[str, ...]) -> list[Poll]:
    """A first poll; one after changes; one after a quiet month; a sweep and a backfill that find what came late."""
    with served(wrong) as server:
        poller = Poller(source=SOURCES[name], server=server, terms=TERMS)
        polls = [poller.poll(FIRST)]
        with server.editing() as awards:
            for each in awards[::6]:
                each.actions.append(late(modified=SECOND))
            for reported in server.subawards[::6]:
                reported.amount = Decimal(51)
        polls.append(poller.poll(SECOND))
        poller.watermark = SWEPT - timedelta(days=1)
        polls.append(poller.poll(SWEPT))
        with server.editing() as awards:
            for each in awards[::5]:
                each.actions.append(late("P00002", AGES_AGO, modified=AGES_AGO))
            server.subawards.append(replace(server.subawards[0], number="LATE", day=date(2023, 11, 1)))
        polls.append(poller.poll(SWEPT, sweep=True))
        with server.editing() as awards:
            for each in awards[::5]:
                each.actions.append(late("P00003", AGES_AGO, modified=AGES_AGO))
        polls.append(poller.backfill(date(2023, 10, 1), SWEPT))
    return polls


@cache
def right(name: str) -> list[list[str]]:
    """What comes in each part of the story when every assumption holds."""
    return [poll.keys for poll in story(name, ())]


@ten_rows_a_page
@pytest.mark.parametrize(("name", "wrong"), IN_TURN, ids=str)
def test_nothing_is_missed_if_one_assumption_is_wrong(name: str, wrong: str) -> None:
    polls = story(name, (wrong,))
    assert [poll.keys for poll in polls] == right(name)
    assert [(poll.errors, poll.failures, poll.short, poll.problems) for poll in polls] == [([], [], [], [])] * 5


@ten_rows_a_page
@pytest.mark.parametrize("name", SOURCES)
def test_nothing_is_missed_if_all_assumptions_are_wrong(name: str) -> None:
    polls = story(name, tuple(WRONG))
    assert [poll.keys for poll in polls] == right(name)
    assert [(poll.errors, poll.failures, poll.short, poll.problems) for poll in polls] == [([], [], [], [])] * 5


@ten_rows_a_page
def test_each_poll_of_the_story_finds_records() -> None:
    """So that the tests above say something."""
    contracts, grants, subs = (right(name) for name in SOURCES)
    assert [len(keys) for keys in contracts] == [35, 6, 0, 7, 7]
    assert [len(keys) for keys in grants] == [24, 4, 0, 4, 4]
    assert [len(keys) for keys in subs] == [24, 4, 0, 1, 0]


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_without_last_updated_there_is_no_data_version(source: Source) -> None:
    with served(("last-updated",)) as server, client_of(server.base_url) as client, pytest.raises(SourceError):
        source.data_version(client)
    with served(()) as server, client_of(server.base_url) as client:
        assert source.data_version(client) == "05/06/2024"
