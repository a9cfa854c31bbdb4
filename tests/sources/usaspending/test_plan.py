"""What the adapters of USAspending plan: every text is asked for in each way, none twice, in requests that fit."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitors.runs.jobs import search_terms
from monitors.watchlist.loader import load_watchlist
from sources.base import DateWindow, FetchStep, SearchTerms, Source, StoredVersion
from sources.records import MatchedAward
from sources.usaspending.assistance import Assistance
from sources.usaspending.award_fetcher import award_step
from sources.usaspending.awards import Usaspending
from sources.usaspending.filters import ASSISTANCE_TYPES, AWARD_TYPES, EARLIEST
from sources.usaspending.subawards import Subawards
from tests.sources.fakes import Memory
from tests.sources.usaspending.helpers import DAY, AlteredAssistance, Json, action, award, grant
from tests.sources.usaspending.poller import Poller
from tests.upstreams.usaspending.search.index import clauses

Way = tuple[object, ...]
GROUPS: dict[str, tuple[str, ...]] = {"usaspending": tuple(AWARD_TYPES), "assistance": tuple(ASSISTANCE_TYPES)}
AWARDS = (Usaspending(), Assistance())
ALL = (*AWARDS, Subawards())
WINDOW = DateWindow(
    until=DAY, signed_since=date(2024, 1, 1), modified_since=date(2024, 4, 22), overlap=timedelta(days=14)
)
SWEEP = replace(WINDOW, acted_since=date(2023, 3, 4))
# The estimates of issue 12, replayed in Lucene; `award_ids` costs one clause each and is limited by its number.
CLAUSES = {
    ("awards", "recipient_search_text"): 32,
    ("awards", "keywords"): 34,
    ("transactions", "recipient_search_text"): 32,
    ("transactions", "keywords"): 50,
    ("subawards", "recipient_search_text"): 31,
    ("subawards", "keywords"): 34,
    ("transactions", "award_ids"): 1,
    ("awards", "award_ids"): 1,
}
MAX_CLAUSES = 960

each_source = pytest.mark.parametrize("source", ALL, ids=lambda source: source.name)
each_of_awards = pytest.mark.parametrize("source", AWARDS, ids=lambda source: source.name)


def interest_of(names: int = 0, short: int = 0, ueis: int = 0, phrases: int = 0, held: int = 0) -> SearchTerms:
    """So many of each."""
    awards = tuple(MatchedAward(f"CONT_AWD_X{n:07}_7012_-NONE-_-NONE-", f"X{n:07}") for n in range(held))
    return SearchTerms(
        names=tuple(f"VENDOR NUMBER {n}" for n in range(names)),
        short_names=tuple(f"V{n}" for n in range(short)),
        ueis=tuple(f"UEI{n:09}" for n in range(ueis)),
        phrases=tuple(f"PRODUCT {n}" for n in range(phrases)),
        stored={"contract": awards[::2], "idv": awards[1::2], "assistance": awards},
    )


SIZES = st.sampled_from((0, 1, 27, 28, 29, 60))
INTERESTS = st.builds(interest_of, SIZES, SIZES, SIZES, SIZES, st.sampled_from((0, 1, 251, 501)))
DAYS = st.dates(date(2000, 1, 1), date(2045, 12, 31))


def texts_of(step: FetchStep) -> list[str]:
    texts = step.query["texts"]
    assert isinstance(texts, list)
    assert texts
    return texts


def asked(steps: Sequence[FetchStep]) -> dict[Way, list[str]]:
    """All texts, by group, filter, kind of date, and whether they must be the whole name."""
    found: dict[Way, list[str]] = defaultdict(list)
    for step in steps:
        query = step.query
        found[query["group"], query["filter"], query.get("date_type", "action_date"), bool(query.get("exact"))] += (
            texts_of(step)
        )
    return dict(found)


def ways(terms: SearchTerms, group: str, date_type: str) -> dict[Way, list[str]]:
    """What must be asked of a group by name and by phrase."""
    every: dict[Way, list[str]] = {
        (group, "recipient_search_text", date_type, False): [*terms.names, *terms.ueis],
        (group, "recipient_search_text", date_type, True): list(terms.short_names),
        (group, "keywords", date_type, False): list(terms.phrases),
    }
    return {way: texts for way, texts in every.items() if texts}


def numbers(terms: SearchTerms, source: Source) -> list[str]:
    kinds = ("assistance",) if source.name == "assistance" else ("contract", "idv")
    return sorted(award.piid for kind in kinds for award in terms.stored[kind])


@each_of_awards
@given(terms=INTERESTS)
def test_a_poll_searches_transactions_for_every_text_and_stored_award(source: Source, terms: SearchTerms) -> None:
    expected = ways(terms, "transactions", "last_modified_date")
    if held := numbers(terms, source):
        expected["transactions", "award_ids", "last_modified_date", False] = held
    assert asked(source.poll_steps(terms, WINDOW)) == expected


@each_of_awards
@given(terms=INTERESTS)
def test_a_sweep_also_searches_older_actions_and_counts(source: Source, terms: SearchTerms) -> None:
    """Assistance is asked for by transaction alone; contracts by award, and phrases by transaction, too."""
    expected = asked(source.poll_steps(terms, WINDOW))
    for group in GROUPS[source.name] if source.name == "usaspending" else ("transactions",):
        expected |= ways(terms, group, "action_date")
    if terms.phrases:
        expected["transactions", "keywords", "action_date", False] = list(terms.phrases)
    if held := numbers(terms, source):
        expected["counts", "award_ids", "action_date", False] = held
    assert asked(source.poll_steps(terms, SWEEP)) == expected


@each_of_awards
@given(terms=INTERESTS)
def test_a_backfill_searches_awards_transactions_and_counts(source: Source, terms: SearchTerms) -> None:
    expected: dict[Way, list[str]] = {}
    for group in (*GROUPS[source.name], "transactions"):
        expected |= ways(terms, group, "action_date")
    if held := numbers(terms, source):
        expected["counts", "award_ids", "action_date", False] = held
    assert asked(source.backfill_steps(terms, date(2023, 10, 1), date(2024, 9, 30))) == expected


@given(terms=INTERESTS)
def test_subawards_are_searched_by_name_and_phrase(terms: SearchTerms) -> None:
    expected = ways(terms, "subawards", "action_date")
    plans = [
        Subawards().poll_steps(terms, WINDOW),
        Subawards().poll_steps(terms, SWEEP),
        Subawards().backfill_steps(terms, date(2023, 10, 1), date(2024, 9, 30)),
    ]
    assert [asked(plan) for plan in plans] == [expected] * 3


def level_of(step: FetchStep) -> str:
    group = str(step.query["group"])
    return group if group in {"transactions", "subawards"} else "awards"


@each_source
@given(terms=INTERESTS)
def test_requests_are_as_large_as_the_index_allows(source: Source, terms: SearchTerms) -> None:
    for plan in (source.poll_steps(terms, SWEEP), source.backfill_steps(terms, DAY, DAY)):
        smaller: Counter[Way] = Counter()
        for step in plan:
            each = CLAUSES[level_of(step), str(step.query["filter"])]
            most = 250 if step.query["filter"] == "award_ids" else (MAX_CLAUSES - 40) // each
            assert each * len(texts_of(step)) + 40 <= MAX_CLAUSES
            assert len(texts_of(step)) <= most
            smaller[tuple(asked([step]))] += len(texts_of(step)) < most
        assert all(number <= 1 for number in smaller.values())


@each_source
def test_maximum_texts_per_request(source: Source) -> None:
    terms = interest_of(names=300, phrases=300, held=600)
    largest: dict[tuple[str, str], int] = defaultdict(int)
    for step in [*source.poll_steps(terms, SWEEP), *source.backfill_steps(terms, DAY, DAY)]:
        way = (level_of(step), str(step.query["filter"]))
        largest[way] = max(largest[way], len(texts_of(step)))
    expected = {
        ("awards", "recipient_search_text"): 28,
        ("awards", "keywords"): 27,
        ("transactions", "recipient_search_text"): 28,
        ("transactions", "keywords"): 18,
        ("transactions", "award_ids"): 250,
        ("awards", "award_ids"): 250,
    }
    assert largest == (
        {("subawards", "recipient_search_text"): 29, ("subawards", "keywords"): 27}
        if source.name == "subawards"
        else expected
    )


# Numbers that `award_ids` cannot be asked for: too short, or with signs that the API takes for a pattern.
ODD = ("0001", "F00001", "70CMSD2.P1", "70CMSD21/0001", "70CMSD21 0001", "70CMSD21P@", "Ä0CMSD210001", '"70CMSD21"', "")
GOOD = ("70CMSD21P00000127", "70X00001", "2021-DS-BX-0001")


@each_of_awards
def test_unsearchable_numbers_are_counted_one_by_one(source: Source) -> None:
    awards = tuple(MatchedAward(f"KEY {piid}", piid) for piid in (*ODD, *GOOD, GOOD[0].lower()))
    terms = SearchTerms(stored={"contract": awards, "assistance": awards})
    daily, weekly = source.poll_steps(terms, WINDOW), source.poll_steps(terms, SWEEP)
    assert [texts_of(step) for step in daily] == [sorted(GOOD)]
    assert asked(weekly) == {
        ("transactions", "award_ids", "last_modified_date", False): sorted(GOOD),
        ("counts", "award_ids", "action_date", False): sorted(GOOD),
        ("counts", "key", "action_date", False): sorted(f"KEY {piid}" for piid in ODD),
    }
    one_by_one = [texts_of(step) for step in weekly if step.query["filter"] == "key"]
    assert [len(texts) for texts in one_by_one] == [1] * len(ODD)


@each_source
def test_two_awards_of_one_number_are_searched_once(source: Source) -> None:
    twins = (MatchedAward("A", GOOD[0]), MatchedAward("B", GOOD[0]))
    terms = SearchTerms(stored={"contract": twins, "idv": twins[:1], "assistance": twins})
    assert [texts_of(step) for step in source.poll_steps(terms, WINDOW)] == (
        [] if source.name == "subawards" else [[GOOD[0]]]
    )


@each_source
def test_step_keys_do_not_depend_on_days_or_order(source: Source) -> None:
    names = interest_of(names=28 * 3).names
    today = {step.key for step in source.poll_steps(SearchTerms(names=names), WINDOW)}
    later = replace(WINDOW, until=DAY + timedelta(days=9), modified_since=DAY, signed_since=DAY)
    assert {step.key for step in source.poll_steps(SearchTerms(names=names), later)} == today
    first = {step.key for step in source.poll_steps(SearchTerms(names=names[:28]), WINDOW)}
    assert len(today & first) == (0 if source.name == "subawards" else 1)
    assert not first & {step.key for step in source.poll_steps(SearchTerms(names=(*names[:27], "OTHER")), WINDOW)}
    assert not first & {step.key for step in source.poll_steps(SearchTerms(short_names=names[:28]), WINDOW)}


@each_of_awards
def test_the_days_of_a_poll(source: Source) -> None:
    terms = interest_of(names=1, short=1, phrases=1, held=2)
    for step in source.poll_steps(terms, WINDOW):
        assert step.days == (date(2024, 4, 22), DAY)
        assert step.query.get("overlap") == (14 if step.query["filter"] == "award_ids" else None)
        assert step.query.get("reveals") is (None if step.query["filter"] == "award_ids" else True)


@each_of_awards
def test_the_days_of_a_sweep(source: Source) -> None:
    terms = interest_of(names=1, short=1, phrases=1, held=2)
    for step in source.poll_steps(terms, SWEEP):
        match step.query:
            case {"filter": "award_ids", "group": "counts"}:
                assert (step.since, step.until) == (None, None)
            case {"filter": "award_ids", "overlap": overlap}:  # three weeks of held awards are read whole
                assert (step.days, overlap) == ((DAY - timedelta(days=21), DAY), 0)
            case {"reveals": True}:
                assert step.days == (date(2024, 4, 22), DAY)
            case _:
                assert step.days == (date(2023, 3, 4), DAY)


@each_of_awards
def test_a_sweep_after_a_pause_reads_stored_awards_since_the_last_poll(source: Source) -> None:
    away = replace(SWEEP, modified_since=date(2024, 1, 2))
    [held] = [step for step in source.poll_steps(interest_of(held=2), away) if step.since]
    assert held.days == (date(2024, 1, 2), DAY)


def test_the_days_of_subaward_searches() -> None:
    plans = [Subawards().poll_steps(interest_of(names=1), window) for window in (WINDOW, SWEEP)]
    assert [step.days for plan in plans for step in plan] == [(date(2024, 1, 1), DAY), (date(2023, 3, 4), DAY)]


@each_source
def test_an_exact_name_is_not_searched_as_part_of_a_name(source: Source) -> None:
    terms = SearchTerms(names=("TEEL, INC", "STEELWORKS", "THORN LABS OF OHIO"), short_names=("TEEL", "THORN"))
    for steps in (source.poll_steps(terms, SWEEP), source.backfill_steps(terms, DAY, DAY)):
        by_part = {text for step in steps if not step.query.get("exact") for text in texts_of(step)}
        whole = {text for step in steps if step.query.get("exact") for text in texts_of(step)}
        assert (by_part, whole) == ({"STEELWORKS", "THORN LABS OF OHIO"}, {"TEEL", "THORN"})


@each_source
def test_a_failed_step_is_wanted_while_a_text_is_on_the_watchlist(source: Source) -> None:
    terms = interest_of(2, 2, 2, 2, 2)
    steps = source.poll_steps(terms, SWEEP)
    assert all(source.is_wanted(step, terms) for step in steps)
    assert not any(source.is_wanted(step, SearchTerms()) for step in steps)
    assert all(source.is_wanted(step, SearchTerms(names=tuple(texts_of(step)[-1:]))) for step in steps)
    assert source.is_wanted(award_step("CONT_AWD_1"), SearchTerms())


def fiscal_year(day: date) -> str:
    """The federal fiscal year of a day: it begins on October 1 of the year before."""
    return f"fy{day.year + 1 if day.month >= 10 else day.year}"


@each_source
@given(since=DAYS, until=DAYS)
def test_a_backfill_covers_every_day_once_by_fiscal_year(source: Source, since: date, until: date) -> None:
    slices: dict[Way, list[tuple[date, date]]] = defaultdict(list)
    for step in source.backfill_steps(interest_of(1, 1, 1, 1), since, until):
        start, end = step.days
        assert start <= end
        assert step.key.startswith(f"{fiscal_year(start)}/")
        assert fiscal_year(start) == fiscal_year(end)
        slices[step.query["group"], step.query["filter"], step.query.get("exact")].append((start, end))
    first = max(since, EARLIEST)
    groups = (*GROUPS[source.name], "transactions") if source.name in GROUPS else ("subawards",)
    assert len(slices) == (3 * len(groups) if first <= until else 0)
    for periods in slices.values():
        assert (periods[0][0], periods[-1][1]) == (first, until)
        assert all(begin == end + timedelta(days=1) for (_, end), (begin, _) in pairwise(periods))


ORDINARY_DAY, WEEKLY = 150, 650
SOURCES = (Usaspending(), Assistance(), Subawards())


def shipped() -> SearchTerms:
    return search_terms(load_watchlist().vendors)


def clauses_of(path: str, filters: Json) -> int:
    """About how many clauses the fake server's index counts in a request."""
    if "transaction" in path:
        named = {"keyword_search" if name == "keywords" else name: value for name, value in filters.items()}
        return clauses("transactions", named)
    return max(clauses("awards", filters), clauses("subawards", filters))


def test_requests_per_day_and_per_week() -> None:
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
