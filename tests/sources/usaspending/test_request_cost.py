"""What the shipped watchlist costs at USAspending: requests on an ordinary day, in a sweep, and in a backfill."""

from __future__ import annotations

from datetime import date, timedelta

from monitors.runs.jobs import search_terms
from monitors.watchlist.loader import load_watchlist
from sources.base import SearchTerms, StoredVersion
from sources.usaspending.assistance import Assistance
from sources.usaspending.awards import Usaspending
from sources.usaspending.subawards import Subawards
from tests.sources.memory import Memory
from tests.sources.polling import Poller
from tests.sources.upstream import DAY, Json, action, award
from tests.sources.usaspending.more_records import AlteredAssistance, grant
from tests.upstreams.usaspending.search.index import clauses

ORDINARY_DAY, WEEKLY = 150, 600
MAX_CLAUSES = 960
SOURCES = (Usaspending(), Assistance(), Subawards())


def shipped() -> SearchTerms:
    return search_terms(load_watchlist().vendors)


def clauses_of(path: str, filters: Json) -> int:
    """About how many clauses the fake server's index counts in a request."""
    if "transaction" in path:
        named = {"keyword_search" if name == "keywords" else name: value for name, value in filters.items()}
        return clauses("transactions", named)
    return max(clauses("awards", filters), clauses("subawards", filters))


def test_an_ordinary_day_costs_less_than_150_requests_and_a_week_at_most_600_more() -> None:
    """An empty server, day after day as the sources are scheduled: contracts daily, grants and subawards weekly."""
    days: list[int] = []
    bricks = action(description="BRICKS")
    nobody = [award(1, bricks, recipient_name="NOBODY"), grant(1, bricks, recipient_name="NOBODY")]
    with AlteredAssistance(nobody) as server:
        pollers = [Poller(source=source, server=server, terms=shipped()) for source in SOURCES]
        for number in range(9):
            day, weekly = DAY + timedelta(days=number), number % 7 == 0
            for poller in pollers:  # each day is a new one to the notes of what was tried today
                poller.memory.notes.clear()
            polls = [poller.poll(day, sweep=weekly) for poller in (pollers if weekly else pollers[:1])]
            assert [(poll.items, poll.errors) for poll in polls] == [([], [])] * len(polls)
            days.append(sum(poll.requests for poll in polls))
        sizes = [clauses_of(request.path, request.json()["filters"]) for request in server.requests]
    assert max(sizes) <= MAX_CLAUSES
    assert len(set(days[1:7])) == 1
    assert days[1] < ORDINARY_DAY
    assert days[0] == days[7] < WEEKLY


def test_a_thousand_held_awards_cost_little_more() -> None:
    """Four lists of numbers, each in two windows, and in the sweep ten pages of counts."""
    awards = [award(n, recipient_name="DEALER", piid=f"70X{n:07}") for n in range(1000)]
    stored = {(each.modification, each.action_date, each.obligation) for each in awards[0].actions}
    records = {
        each.key: StoredVersion(
            key=each.key,
            revision="",
            actions=frozenset(stored),
            texts=frozenset({("0", "DRONES")}),
            action_count=1,
            matched=True,
        )
        for each in awards
    }
    day = date(2024, 8, 1)
    with AlteredAssistance(awards) as server:
        poller = Poller(source=SOURCES[0], server=server, terms=shipped(), memory=Memory(records=records))
        poller.watermark = day
        daily, weekly = poller.poll(day), poller.poll(day, sweep=True)
    assert (daily.read, daily.errors, weekly.read, weekly.errors) == ([], [], [], [])
    assert daily.requests < ORDINARY_DAY
    assert weekly.requests < 400
