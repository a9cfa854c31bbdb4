"""What cannot be asked of USAspending is refused here, before it is sent; what can be is accepted there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest

from sources.base import SearchTerms, Source
from sources.records import MatchedAward
from sources.usaspending.assistance import Assistance
from sources.usaspending.awards import Usaspending
from sources.usaspending.batches import IMPOSSIBLE
from sources.usaspending.filters import (
    ALL_ASSISTANCE_TYPES,
    ALL_TYPES,
    ASSISTANCE_TYPES,
    AWARD_DATES,
    AWARD_SEARCH,
    AWARD_TYPES,
    EARLIEST,
    GROUPED_SEARCH,
    SUBAWARD_TYPES,
    TEXT_FILTERS,
    TRANSACTION_DATES,
    TRANSACTION_SEARCH,
    text_filter,
    time_filter,
)
from sources.usaspending.subawards import Subawards
from tests.sources.upstream import AlteredUsaspending, award, fetched, filters_of, step_of, walk
from tests.sources.usaspending.more_records import AlteredSubawards, grant, subaward
from tests.sources.usaspending.test_plan import SWEEP

HELD = (MatchedAward("CONT_AWD_70X00001_7012_-NONE-_-NONE-", "70X00001"), MatchedAward("ASST", "EMW2024SS00001"))
TERMS = SearchTerms(
    names=("NOBODY",),
    short_names=("NONE",),
    ueis=("UEI1",),
    phrases=("NOTHING",),
    stored={"contract": HELD, "assistance": HELD},
)


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
    ("start", "end", "date_type", "known", "said"),
    [
        (date(2007, 9, 30), date(2008, 1, 1), "action_date", AWARD_DATES, "begins on 2007-10-01; 2007-09-30 is before"),
        (date(2024, 1, 2), date(2024, 1, 1), "action_date", AWARD_DATES, "ends .2024-01-01. before it begins"),
        (date(2024, 1, 1), date(2024, 1, 1), "signed_date", AWARD_DATES, "no date type 'signed_date'"),
        (date(2024, 1, 1), date(2024, 1, 1), "new_awards_only", TRANSACTION_DATES, "no date type 'new_awards_only'"),
    ],
)
def test_a_range_of_days_that_cannot_be_used_is_refused_here(
    start: date, end: date, date_type: str, known: Sequence[str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        time_filter(start, end, date_type, known)


def test_filters_are_written_as_the_api_wants_them() -> None:
    assert text_filter("award_ids", ("A1", "B2")) == {"award_ids": ["A1", "B2"]}
    expected = {"start_date": "2007-10-01", "end_date": "2007-10-01", "date_type": "date_signed"}
    assert time_filter(EARLIEST, EARLIEST, "date_signed", AWARD_DATES) == expected


@pytest.mark.parametrize("group", ["contracts", "idvs", "transactions"])
@pytest.mark.parametrize(
    "bad",
    [
        {"since": date(2007, 9, 30)},
        {"since": date(2025, 1, 1)},
        {"date_type": "signed"},
        {"filter_name": "keywords", "texts": ("AI",)},
        {"filter_name": "recipient_id"},
    ],
)
def test_a_wrong_search_reaches_no_server(group: str, bad: Mapping[str, object]) -> None:
    with AlteredUsaspending([]) as server:
        with pytest.raises(ValueError, match=r"USAspending|the range ends"):
            fetched(server, step_of(group, **bad))  # type: ignore[arg-type]
        assert {text for body in server.asked("/") for text in texts_in(body)} <= {IMPOSSIBLE}
        fetched(server, step_of(group))
        assert "ACME" in texts_in(server.asked("/")[-1])  # the same search without the mistake is sent


def texts_in(body: Mapping[str, Any]) -> list[str]:
    """The texts a request asks for."""
    return [str(text) for name in TEXT_FILTERS for text in filters_of(body).get(name, [])]


TYPES: dict[str, dict[str, set[tuple[str, ...]]]] = {
    "usaspending": {
        AWARD_SEARCH: set(AWARD_TYPES.values()),
        TRANSACTION_SEARCH: {ALL_TYPES},
        GROUPED_SEARCH: {ALL_TYPES},
    },
    "assistance": {
        AWARD_SEARCH: set(ASSISTANCE_TYPES.values()),
        TRANSACTION_SEARCH: {ALL_ASSISTANCE_TYPES},
        GROUPED_SEARCH: {ALL_ASSISTANCE_TYPES},
    },
    "subawards": {AWARD_SEARCH: set(SUBAWARD_TYPES.values())},
}


@pytest.mark.parametrize("source", [Usaspending(), Assistance(), Subawards()], ids=lambda source: source.name)
def test_every_search_is_accepted_and_asks_for_the_types_it_may_ask_for_at_once(source: Source) -> None:
    """Award types of one group in award searches, of all groups in transaction searches."""
    types: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    steps = [*source.poll_steps(TERMS, SWEEP), *source.backfill_steps(TERMS, EARLIEST, EARLIEST)]
    with AlteredSubawards([subaward(1, prime=award(1)), subaward(2, prime=grant(1))]) as server:
        done = walk(source, server, steps)
        assert (done.items, done.error) == ([], None)
        for request in server.requests:
            types[request.path].add(tuple(filters_of(request.json())["award_type_codes"]))
    assert types == TYPES[source.name]
