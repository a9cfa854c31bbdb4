"""No change of a held award is missed: what came late, in place, in pairs, without money or under another key.

The awards are bought through a dealer and found by what their first action says. What comes later says nothing of the
kind, so that only their numbers find it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from functools import cache

import pytest

from sources.base import NotModified, SearchTerms, Source
from sources.errors import SourceError, Unreachable
from sources.records import Award
from sources.usaspending.assistance import Assistance
from sources.usaspending.awards import Usaspending
from sources.usaspending.filters import GROUPED_SEARCH, TRANSACTION_SEARCH
from sources.usaspending.subawards import Subawards
from tests.sources.usaspending.helpers import (
    DAY,
    SOURCE,
    AlteredAssistance,
    AlteredUsaspending,
    Json,
    action,
    award,
    client_of,
    filters_of,
    grant,
    items_of,
    step_of,
    subaward,
)
from tests.sources.usaspending.poller import (
    AGES_AGO,
    DETAIL,
    FIRST,
    SECOND,
    SWEPT,
    Poll,
    Poller,
    bought,
    change,
    days_before,
    in_no_window,
    late,
    poller_of,
    quiet,
    sweep,
)
from tests.upstreams.usaspending.corpus import CorpusAction
from tests.upstreams.usaspending.search.served import WRONG

COUNT = "/api/v2/awards/count/transaction/"


def modifications(poll: Poll) -> list[str]:
    [read] = poll.read
    assert isinstance(read, Award)
    return [done.modification for done in read.actions]


ARRIVALS = {
    "today, signed today": [late(day=SECOND, modified=SECOND)],
    "no money, on the day of the known action": [late(modified=SECOND)],
    "no amount, on the day of the known action": [late(amount=None, modified=SECOND)],
    "dated a month back": [late(day=days_before(30), modified=SECOND)],
    "a month back, modified before the last poll": [late(day=days_before(30), modified=days_before(9))],
    "modified with the known action": [late(modified=DAY)],
    "modified when the overlap begins": [late(day=days_before(30), modified=days_before(15))],
    "a pair that adds up to nothing": [
        late("P00001", amount="100.00", modified=DAY),
        late("P00002", amount="-100.00", modified=DAY),
    ],
    "the same amount again": [late("P00001", amount="100.00", modified=DAY)],
}


@pytest.mark.parametrize("actions", ARRIVALS.values(), ids=ARRIVALS.keys())
def test_the_next_poll_finds_a_new_action(actions: list[CorpusAction]) -> None:
    with AlteredUsaspending([bought(), bought(2)]) as server:
        poller = poller_of(server)
        change(server, *actions)
        second = poller.poll(SECOND)
        later = quiet(poller, SECOND + timedelta(days=5)).poll(SECOND + timedelta(days=6))
    assert set(modifications(second)) == {"0", *(each.modification for each in actions)}
    assert (second.keys, second.short, second.errors) == ([bought().key], [], [])
    assert later.read == []


def test_a_poll_finds_actions_of_every_day_of_its_window() -> None:
    awards = [bought(n) for n in range(16)]
    with AlteredUsaspending(awards) as server:
        poller = poller_of(server)
        with server.editing() as served:
            for n, each in enumerate(served):
                each.actions.append(late(day=AGES_AGO, modified=days_before(n)))
        assert poller.poll(SECOND).keys == [award.key for award in awards]


def test_a_late_base_action_is_found() -> None:
    known = action("P00001", DAY, "10.00")
    with AlteredUsaspending([bought(1, known)]) as server:
        poller = poller_of(server)
        change(server, action("0", days_before(200), "581826.61", "SOFTWARE", modified=days_before(10)))
        assert modifications(poller.poll(SECOND)) == ["0", "P00001"]


@pytest.mark.parametrize("lag", [0, 1, 2])
@pytest.mark.parametrize("which", [0, 1])
def test_the_next_poll_finds_a_raised_ceiling(which: int, lag: int) -> None:
    """Whether the latest action was corrected or an older one, and though the load takes two days."""
    with AlteredUsaspending([bought(1, action(), action("P00001", DAY, "1.00"))]) as server:
        poller = poller_of(server)
        change(server, ceiling=Decimal(9_000_000))
        with server.editing() as served:
            served[0].actions[which].last_modified_date = SECOND
        # The polls until then came before the load that brought it.
        [found] = quiet(poller, SECOND + timedelta(days=lag + 1)).poll(SECOND + timedelta(days=lag + 1)).read
    assert isinstance(found, Award)
    assert found.ceiling == Decimal(9_000_000)


def test_the_sweep_finds_a_late_raised_ceiling() -> None:
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        poller.watermark = SECOND
        change(server, ceiling=Decimal(9_000_000))
        with server.editing() as served:
            served[0].actions[0].last_modified_date = days_before(18, SWEPT)
        assert quiet(poller, SWEPT).poll(SWEPT).read == []
        assert sweep(poller).keys == [bought().key]


@pytest.mark.parametrize(
    ("which", "text"), [(0, "DRONES AND COMMERCIAL DATA"), (1, "CHANGED"), (1, None), (0, "DRONES; CORRECTED")]
)
def test_a_changed_description_is_found(which: int, text: str | None) -> None:
    with AlteredUsaspending([bought(1, action(), late(modified=DAY))]) as server:
        poller = poller_of(server)
        with server.editing() as served:
            served[0].actions[which].description = text
        [found] = poller.poll(SECOND + timedelta(days=4)).read
    assert isinstance(found, Award)
    assert (text or "") in {done.description for done in found.actions}


def test_the_sweep_finds_a_new_action_by_count() -> None:
    with AlteredUsaspending([bought(), bought(2)]) as server:
        poller = poller_of(server)
        in_no_window(server)
        assert poller.poll(SECOND).read == []
        server.requests.clear()
        swept = sweep(poller)
        assert len(server.asked(GROUPED_SEARCH)) == 2  # the daily check of the filter, and all awards at once
        assert sweep(poller).read == []
    assert sorted(modifications(swept)) == ["0", "P00001"]


def test_a_backfill_finds_an_action_outside_the_windows() -> None:
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        in_no_window(server)
        assert sorted(modifications(poller.backfill(date(2023, 10, 1), SECOND))) == ["0", "P00001"]


def test_the_sweep_finds_a_removed_action_by_count() -> None:
    with AlteredUsaspending([bought(1, action(), late(modified=DAY))]) as server:
        poller = poller_of(server)
        with server.editing() as served:
            del served[0].actions[1]
        assert modifications(sweep(poller)) == ["0"]


def test_counts_are_read_page_by_page() -> None:
    awards = [bought(n) for n in range(230)]
    with AlteredUsaspending(awards) as server:
        poller = poller_of(server)
        with server.editing() as served:
            for n in (0, 99, 100, 229):
                served[n].actions.append(late(day=AGES_AGO, modified=AGES_AGO))
        swept = sweep(poller)
    assert swept.keys == sorted(awards[n].key for n in (0, 99, 100, 229))


def test_unrelated_awards_with_the_same_number_are_not_read() -> None:
    stranger = bought(1, action(description="BRICKS"), agency="9700")
    with AlteredUsaspending([bought(), stranger]) as server:
        poller = poller_of(server)
        with server.editing() as served:
            for each in served:
                each.actions.append(late(modified=SECOND))
        server.requests.clear()
        assert poller.poll(SECOND).keys == [bought().key]
        assert sweep(poller).read == []
        assert not [request for request in server.requests if stranger.key in request.path]


def test_an_award_from_another_source_is_polled() -> None:
    other = bought(2, action(description="BRICKS"))
    with AlteredUsaspending([bought(), other]) as server:
        poller = poller_of(server)
        poller.memory.followed.add(other.key)
        with server.editing() as served:
            served[1].actions.append(late(modified=SECOND))
        assert poller.poll(SECOND).keys == [other.key]


def test_an_unmatched_award_is_not_polled() -> None:
    stranger = bought(1, action(description="DRONES"), agency="9700")
    with AlteredUsaspending([bought(), stranger]) as server:
        poller = poller_of(server, concerns=lambda record: record.key == bought().key)
        assert set(poller.memory.records) == {bought().key, stranger.key}
        with server.editing() as served:
            for each in served:
                each.actions.append(late(modified=SECOND))
        assert poller.poll(SECOND).keys == [bought().key]


@pytest.mark.parametrize("piid", ["0001", "F00001", "70CMSD.1P1", "70X 00001", "70X/0001", "70X?00#1"])
def test_the_sweep_counts_unsearchable_numbers_one_by_one(piid: str) -> None:
    odd = bought(1, piid=piid, parent_piid="70SCHEDULE1", parent_agency="7001")
    others = [bought(n, action(description="BRICKS"), piid=piid, agency=f"{n:04}") for n in range(2, 5)]
    with AlteredUsaspending([odd, *others]) as server:
        poller = poller_of(server)
        change(server, late(modified=SECOND))
        assert poller.poll(SECOND).read == []
        server.requests.clear()
        swept = sweep(poller)
        counted = [request.path for request in server.requests if request.path.startswith(COUNT)]
        by_number = [body for path in server.sent for body in server.asked(path) if "award_ids" in str(body)]
        again = sweep(poller)
    assert (swept.keys, sorted(modifications(swept))) == ([odd.key], ["0", "P00001"])
    assert len(counted) == 1
    assert by_number == []
    assert (again.read, again.errors) == ([], [])
    assert NotModified(key=odd.key) in again.items


@pytest.mark.parametrize("key", ["A B\ud800\x00", "X" * 300, ""])
def test_a_count_with_an_invalid_key_is_ignored(key: str) -> None:
    def also(answer: Json) -> None:
        answer["results"].append({"award_generated_internal_id": key, "transaction_count": 7})

    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        server.alter(GROUPED_SEARCH, lambda answer: also(answer) if answer["results"] else None)
        in_no_window(server)
        assert sweep(poller).keys == [bought().key]


def test_an_award_counted_twice_is_read_once() -> None:
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        server.alter(GROUPED_SEARCH, lambda answer: answer.update(results=answer["results"] * 2))
        in_no_window(server)
        assert sweep(poller).keys == [bought().key]


def test_an_award_read_in_this_run_is_not_read_again() -> None:
    with AlteredUsaspending([bought()]) as server:
        poller = poller_of(server)
        in_no_window(server)
        poller.memory.read = {bought().key}
        step = step_of("counts", "award_ids", ["70X00001"], since=None, until=None)
        assert items_of(SOURCE, server, [step], poller.memory) == [NotModified(key=bought().key)]


def test_a_deleted_award_is_no_error() -> None:
    awards = [bought(1, piid="0001"), bought(2), bought(3)]
    with AlteredUsaspending(awards) as server:
        poller = poller_of(server)
        with server.editing() as served:
            del served[:2]
        swept = sweep(poller)
    assert (swept.read, swept.errors, swept.problems) == ([], [], [])


def test_a_stored_award_that_cannot_be_counted_fails_alone() -> None:
    awards = [bought(n, piid=f"000{n}") for n in range(4)]
    with AlteredUsaspending(awards) as server:
        poller = poller_of(server)
        server.fail(lambda request: request.path.startswith(COUNT) and awards[1].key in request.path, 500)
        swept = sweep(poller)
    [(step, _)] = swept.errors
    assert step.query["texts"] == [awards[1].key]
    assert len([item for item in swept.items if isinstance(item, NotModified)]) >= 3


PROCEEDS: dict[str, Callable[[AlteredUsaspending], object]] = {
    "grouped search": lambda server: server.fail(lambda request: request.path == GROUPED_SEARCH, 404),
    "its shape": lambda server: server.alter(GROUPED_SEARCH, lambda answer: answer.pop("results") and None),
    "its index": lambda server: server.fail(lambda request: request.path == GROUPED_SEARCH, 503),
}


@pytest.mark.parametrize("breaks", PROCEEDS.values(), ids=PROCEEDS.keys())
def test_without_counts_all_transactions_are_compared(breaks: Callable[[AlteredUsaspending], object]) -> None:
    with AlteredUsaspending([bought(n) for n in range(3)]) as server:
        poller = poller_of(server)
        in_no_window(server)
        breaks(server)
        swept = sweep(poller)
    assert (swept.keys, swept.errors) == ([bought(0).key], [])
    assert sorted(modifications(swept)) == ["0", "P00001"]


def test_an_unreadable_award_does_not_stop_the_counts() -> None:
    awards = [bought(n) for n in range(3)]
    with AlteredUsaspending(awards) as server:
        poller = poller_of(server)
        with server.editing() as served:
            for each in served:
                each.actions.append(late(day=AGES_AGO, modified=AGES_AGO))
        server.fail(lambda request: request.path in {f"{DETAIL}{award.key}/" for award in awards[:2]}, 500)
        server.requests.clear()
        swept = sweep(poller)
        starts = [filters_of(body)["time_period"] for body in server.asked(TRANSACTION_SEARCH) if body["limit"] > 1]
    assert [type(error) for _, error in swept.errors] == [Unreachable]
    assert not [periods for periods in starts if periods[0]["start_date"] == "2007-10-01"]


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
