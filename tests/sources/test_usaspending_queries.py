"""What the adapter asks for: checked before it is sent, one group of types a call, few requests for many names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.contract import Interest, Step, Window
from sources.usaspending import Usaspending
from sources.usaspending_queries import (
    ALL_TYPES,
    AWARD_DATES,
    AWARD_TYPES,
    EARLIEST,
    TRANSACTION_DATES,
    text_filter,
    time_filter,
)
from tests.sources.upstream import SOURCE, AlteredUsaspending, fetched, fetched_all, filters_of, step_of, steps_of_poll

NAMES = tuple(f"VENDOR NUMBER {number}" for number in range(300))
UEIS = tuple(f"UEI{number:09}" for number in range(300))
PHRASES = tuple(f"PRODUCT {number}" for number in range(250))
PIIDS = {"contract": tuple(f"C{n}" for n in range(600)), "idv": tuple(f"I{n}" for n in range(100))}
WATCHLIST = Interest(names=NAMES, ueis=UEIS, phrases=PHRASES, held_piids=PIIDS)
SMALL = Interest(names=("ACME",), ueis=("UEI1",), phrases=("DRONES",), held_piids={"contract": ("70X1",)})


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("keyword", ["DRONES"]),
        ("recipient_id", ["ACME"]),
        ("", ["ACME"]),
        ("keywords", []),
        ("keywords", ["AI"]),
        ("keywords", ["DRONES", " AI "]),
        ("recipient_search_text", [""]),
        ("recipient_search_text", ["ACME", " \t"]),
        ("award_ids", [""]),
    ],
)
def test_a_text_filter_that_cannot_be_used_is_refused_here(name: str, texts: list[str]) -> None:
    with pytest.raises(ValueError, match="USAspending"):
        text_filter(name, texts)


@pytest.mark.parametrize(
    ("start", "end", "date_type", "known", "told"),
    [
        (date(2007, 9, 30), date(2008, 1, 1), "action_date", AWARD_DATES, "begins on 2007-10-01; 2007-09-30 is before"),
        (date(2024, 1, 2), date(2024, 1, 1), "action_date", AWARD_DATES, "ends .2024-01-01. before it begins"),
        (date(2024, 1, 1), date(2024, 1, 1), "signed_date", AWARD_DATES, "no date type 'signed_date'"),
        (date(2024, 1, 1), date(2024, 1, 1), "new_awards_only", TRANSACTION_DATES, "no date type 'new_awards_only'"),
    ],
)
def test_a_range_of_days_that_cannot_be_used_is_refused_here(
    start: date, end: date, date_type: str, known: Sequence[str], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        time_filter(start, end, date_type, known)


def test_filters_are_written_as_the_api_wants_them() -> None:
    assert text_filter("award_ids", ('"A1"', '"B2"')) == {"award_ids": ['"A1"', '"B2"']}
    assert time_filter(EARLIEST, EARLIEST, "date_signed", AWARD_DATES) == {
        "time_period": [{"start_date": "2007-10-01", "end_date": "2007-10-01", "date_type": "date_signed"}]
    }


@pytest.mark.parametrize("group", ["contracts", "idvs", "transactions"])
@pytest.mark.parametrize(
    "bad",
    [
        {"start": date(2007, 9, 30)},
        {"start": date(2025, 1, 1)},
        {"date_type": "signed"},
        {"texts": ()},
        {"filter_name": "keywords", "texts": ("AI",)},
        {"filter_name": "recipient_id"},
    ],
)
def test_a_wrong_search_reaches_no_server(group: str, bad: Mapping[str, object]) -> None:
    with AlteredUsaspending([]) as server:
        with pytest.raises(ValueError, match=r"USAspending|the range ends"):
            fetched(server, step_of(group, **bad))  # type: ignore[arg-type]
        assert server.requests == []
        fetched(server, step_of(group))
        assert len(server.requests) == 1  # the same search without the mistake is sent


def test_every_award_search_asks_for_one_group_of_types_and_is_accepted() -> None:
    types: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    with AlteredUsaspending([]) as server:
        steps = steps_of_poll(SMALL, sweep_since=date(2023, 1, 1)) + SOURCE.backfill_steps(SMALL, EARLIEST, EARLIEST)
        assert fetched_all(server, steps) == []
        for request in server.requests:
            types[request.path].add(tuple(filters_of(request.json())["award_type_codes"]))
    assert types["/api/v2/search/spending_by_award/"] == set(AWARD_TYPES.values())
    assert types["/api/v2/search/spending_by_transaction_count/"] == {ALL_TYPES}


def texts_by_search(steps: Sequence[Step]) -> dict[tuple[object, ...], list[str]]:
    """All texts asked for, by group, filter and kind of date."""
    asked: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for step in steps:
        query = step.query
        texts = query["texts"]
        assert isinstance(texts, tuple)
        asked[query["group"], query["filter"], query["date_type"]] += texts
    return asked


def test_a_poll_asks_three_ways_and_leaves_no_text_out() -> None:
    asked = texts_by_search(steps_of_poll(WATCHLIST))
    recipients = [*NAMES, *UEIS]
    assert asked == {
        **{(group, "recipient_search_text", "date_signed"): recipients for group in AWARD_TYPES},
        **{(group, "recipient_search_text", "last_modified_date"): recipients for group in AWARD_TYPES},
        **{(group, "keywords", "date_signed"): list(PHRASES) for group in AWARD_TYPES},
        **{(group, "keywords", "last_modified_date"): list(PHRASES) for group in AWARD_TYPES},
        ("transactions", "keywords", "last_modified_date"): list(PHRASES),
        ("contracts", "award_ids", "last_modified_date"): [f'"C{n}"' for n in range(600)],
        ("idvs", "award_ids", "last_modified_date"): [f'"I{n}"' for n in range(100)],
    }


def test_a_backfill_asks_for_awards_and_for_transactions_and_leaves_no_text_out() -> None:
    asked = texts_by_search(SOURCE.backfill_steps(WATCHLIST, date(2023, 10, 1), date(2024, 9, 30)))
    assert asked == {
        **{
            (group, "recipient_search_text", "action_date"): [*NAMES, *UEIS] for group in (*AWARD_TYPES, "transactions")
        },
        **{(group, "keywords", "action_date"): list(PHRASES) for group in (*AWARD_TYPES, "transactions")},
    }


def test_a_sweep_asks_also_for_whatever_acted_long_ago() -> None:
    since = date(2023, 3, 4)
    steps = steps_of_poll(WATCHLIST, sweep_since=since)
    acted = [step for step in steps if step.query["date_type"] == "action_date"]
    assert set(texts_by_search(acted)) == {
        *((group, name, "action_date") for group in AWARD_TYPES for name in ("recipient_search_text", "keywords")),
        ("transactions", "keywords", "action_date"),
    }
    assert {step.query["start"] for step in acted} == {since.isoformat()}
    assert set(texts_by_search(steps_of_poll(WATCHLIST))) - set(texts_by_search(steps)) == {
        ("transactions", "keywords", "last_modified_date")  # the wide look-back holds it
    }


@pytest.mark.parametrize(("sweep_since", "requests"), [(None, 43), (date(2023, 1, 1), 61)])
def test_polling_three_hundred_vendors_for_an_empty_day_costs_tens_of_requests(
    sweep_since: date | None, requests: int
) -> None:
    with AlteredUsaspending([]) as server:
        assert fetched_all(server, steps_of_poll(WATCHLIST, sweep_since=sweep_since)) == []
        assert len(server.requests) == requests < 100


def test_windows_are_told_to_the_day_and_never_begin_before_the_search_does() -> None:
    until, signed, modified = date(2008, 1, 2), date(2001, 1, 1), date(2007, 12, 30)
    window = Window(until=until, signed_since=signed, modified_since=modified)
    starts = {step.query["date_type"]: step.query["start"] for step in SOURCE.poll_steps(SMALL, window)}
    assert starts == {"date_signed": "2007-10-01", "last_modified_date": "2007-12-30"}
    assert {step.query["end"] for step in SOURCE.poll_steps(SMALL, window)} == {"2008-01-02"}


def test_an_empty_interest_asks_nothing() -> None:
    assert steps_of_poll(Interest(), sweep_since=date(2023, 1, 1)) == []
    assert SOURCE.backfill_steps(Interest(), EARLIEST, date(2024, 1, 1)) == []


DAYS = st.dates(min_value=date(2000, 1, 1), max_value=date(2045, 12, 31))


def fiscal_year(day: date) -> str:
    """The federal fiscal year of a day: it begins on October 1 of the year before."""
    return f"fy{day.year + 1 if day.month >= 10 else day.year}"


@given(since=DAYS, until=DAYS)
def test_a_backfill_covers_every_day_once_in_slices_of_fiscal_years(since: date, until: date) -> None:
    slices: dict[tuple[object, ...], list[tuple[date, date]]] = defaultdict(list)
    for step in Usaspending().backfill_steps(SMALL, since, until):
        query = step.query
        start, end = date.fromisoformat(str(query["start"])), date.fromisoformat(str(query["end"]))
        assert start <= end
        assert step.key.startswith(f"{fiscal_year(start)}/")
        assert fiscal_year(start) == fiscal_year(end)
        slices[query["group"], query["filter"]].append((start, end))
    first = max(since, EARLIEST)
    if first > until:
        assert slices == {}
        return
    ways = [(group, name) for group in (*AWARD_TYPES, "transactions") for name in ("recipient_search_text", "keywords")]
    assert set(slices) == set(ways)
    for periods in slices.values():
        assert (periods[0][0], periods[-1][1]) == (first, until)
        assert all(begin == end + timedelta(days=1) for (_, end), (begin, _) in pairwise(periods))


@given(since=DAYS, until=DAYS, names=st.integers(0, 250))
def test_the_keys_of_steps_are_unique_and_the_same_every_time(since: date, until: date, names: int) -> None:
    interest = Interest(names=NAMES[:names], ueis=UEIS[:3], phrases=PHRASES[:101], held_piids=PIIDS)
    window = Window(until=until, signed_since=since, modified_since=since, acted_since=since)
    polls = [SOURCE.poll_steps(interest, window) for _ in range(2)]
    backfills = [SOURCE.backfill_steps(interest, since, until) for _ in range(2)]
    for plan, again in (polls, backfills):
        keys = [step.key for step in plan]
        assert len(keys) == len(set(keys))
        assert plan == again
