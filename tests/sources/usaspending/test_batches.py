"""Asking USAspending for lists of texts: one that the index cannot take, filters that are ignored, smaller limits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sources.base import FailedStep, Fetched, FetchStep
from sources.errors import Refused, SourceChanged, Unreachable
from sources.records import Payload
from sources.usaspending.batches import IMPOSSIBLE
from sources.usaspending.filters import AWARD_SEARCH, GROUPED_SEARCH, TRANSACTION_SEARCH
from sources.usaspending.subawards import Subawards
from tests.sources.fakes import Memory
from tests.sources.usaspending.helpers import (
    SOURCE,
    Alterable,
    AlteredSubawards,
    AlteredUsaspending,
    Json,
    action,
    award,
    filters_of,
    items_of,
    kinds,
    remembering,
    step_of,
    subaward,
    walk,
)
from tests.upstreams.server import Answer, LoggedRequest
from tests.upstreams.usaspending.corpus import CorpusAward

SUBAWARDS = Subawards()
NAMES = [f"VENDOR {n:02}" for n in range(28)]
FILTERS = ("recipient_search_text", "keywords", "award_ids")


def vendors(number: int = len(NAMES)) -> list[CorpusAward]:
    """An award to each of the companies of `NAMES`, each with a description of its own."""
    return [award(n, action(description=f"{NAMES[n]} CASE"), recipient_name=f"{NAMES[n]} INC") for n in range(number)]


def texts_of(body: Json) -> list[str]:
    """The texts a request asks for."""
    return [text for name in FILTERS for text in filters_of(body).get(name, [])]


def holding(text: str, path: str = "") -> Any:
    """Whether a request asks for a text, at a path if one is given."""
    return lambda request: path in request.path and request.method == "POST" and text in texts_in(request)


def texts_in(request: LoggedRequest) -> list[str]:
    body = request.json() if request.method == "POST" else {}
    return texts_of(body) if "filters" in body else []


def more_than(number: int) -> Any:
    return lambda request: len(texts_in(request)) > number


def lists_asked(server: Alterable, path: str) -> list[list[str]]:
    """The lists of texts asked for at a path, but for the impossible one."""
    return [texts for body in server.asked(path) if (texts := texts_of(body)) != [IMPOSSIBLE]]


def keys_of(items: Sequence[Fetched]) -> list[str]:
    return sorted(item.key for item in items if isinstance(item, Payload))


class Deaf(AlteredUsaspending):
    """Ignores the filters named in `ignored`, and says nothing of it."""

    ignored: tuple[str, ...] = ()

    def answer(self, request: LoggedRequest) -> Answer:
        body = request.json() if request.method == "POST" else {}
        if self.ignored and "filters" in body:
            body["filters"] = {name: value for name, value in body["filters"].items() if name not in self.ignored}
            request = replace(request, body=json.dumps(body).encode())
        return super().answer(request)


WAYS = [
    ("contracts", "recipient_search_text"),
    ("contracts", "keywords"),
    ("transactions", "recipient_search_text"),
    ("transactions", "keywords"),
    ("transactions", "award_ids"),
    ("counts", "award_ids"),
]


@pytest.mark.parametrize(("group", "name"), WAYS)
def test_a_silently_ignored_filter_stops_the_step(group: str, name: str) -> None:
    days: Json = {"since": None, "until": None} if group == "counts" else {}
    step = step_of(group, name, ["70X00001"], **days)
    with Deaf(vendors()) as server:
        server.ignored = (name,)
        done = walk(SOURCE, server, [step])
        asked = [text for path in server.sent for body in server.asked(path) for text in texts_of(body)]
    assert isinstance(done.error, SourceChanged)
    assert f"the filter {name} is ignored: a text that nothing holds finds rows" in str(done.error)
    assert done.items == []
    assert set(asked) <= {IMPOSSIBLE}


def test_each_filter_is_checked_once_a_day_per_index() -> None:
    steps = [step_of(group, name, texts) for group, name in WAYS[:4] for texts in (["NOBODY"], ["NO ONE"])]
    memory = Memory()
    with AlteredUsaspending(vendors(1)) as server:
        items_of(SOURCE, server, steps, memory)
        tried = [texts_of(body) for path in server.sent for body in server.asked(path)].count([IMPOSSIBLE])
        assert tried == 4
        assert len(server.requests) == 4 + len(steps)
        items_of(SOURCE, server, [*steps, step_of("idvs", texts=["NOBODY"])], memory)
        assert len(server.requests) == 4 + 2 * len(steps) + 1
        yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
        memory.notes = dict.fromkeys(memory.notes, yesterday)
        items_of(SOURCE, server, steps[:2], memory)
        assert len(server.requests) == 4 + 2 * len(steps) + 1 + 1 + 2


def test_a_failed_filter_check_is_repeated() -> None:
    memory = Memory()
    with Deaf(vendors(1)) as server:
        server.ignored = ("recipient_search_text",)
        for _ in range(2):
            assert isinstance(walk(SOURCE, server, [step_of(texts=NAMES)], memory).error, SourceChanged)
        server.ignored = ()
        assert len(items_of(SOURCE, server, [step_of(texts=NAMES)], memory)) == 1


@pytest.mark.parametrize("group", ["contracts", "transactions"])
@pytest.mark.parametrize("bad", [[0], [27], [13], [3, 20], list(range(28))], ids=str)
def test_a_text_that_the_index_rejects_fails_alone(group: str, bad: list[int]) -> None:
    awards = vendors()
    step = replace(step_of(group, texts=NAMES), key=f"changed/{group}/test")
    with AlteredUsaspending(awards) as server:
        for n in bad:
            server.fail(holding(NAMES[n]))
        items = items_of(SOURCE, server, [step])
        failed = [item for item in items if isinstance(item, FailedStep)]
        searches = len(lists_asked(server, AWARD_SEARCH if group == "contracts" else TRANSACTION_SEARCH))
        server.mend()
        again = items_of(SOURCE, server, [item.step for item in failed])
    assert keys_of(items) == sorted(a.key for n, a in enumerate(awards) if n not in bad)
    assert [item.step.part for item in failed] == [f"awards that name {NAMES[n]!r}" for n in bad]
    assert all(
        f"the search for {NAMES[n]!r} alone fails: HTTP 503" in item.reason for n, item in zip(bad, failed, strict=True)
    )
    assert keys_of(again) == sorted(awards[n].key for n in bad)
    assert searches <= 2 * 2 * 2 * 5 * len(bad)  # tries, halves, levels


def test_a_failed_text_is_retried_by_the_same_search() -> None:
    step = step_of("transactions", texts=NAMES[:2], date_type="last_modified_date", exact=True)
    with AlteredUsaspending(vendors()) as server:
        server.fail(holding(NAMES[1]))
        items = items_of(SOURCE, server, [step])
        [failure] = [item for item in items if isinstance(item, FailedStep)]
        again = items_of(SOURCE, server, [failure.step])
    assert failure.step.query == {**step.query, "texts": [NAMES[1]]}
    assert failure.step.days == step.days
    # It fails again as the same step, so that it stays one unfinished step.
    assert kinds(again) == [("FailedStep", failure.step.key)]


def test_a_failing_number_does_not_stop_other_stored_awards() -> None:
    awards = vendors(4)
    numbers = [award.piid for award in awards]
    with AlteredUsaspending(awards) as server:
        memory = remembering(items_of(SOURCE, server, [step_of(texts=NAMES)]))
        with server.editing() as served:
            for changed in served:
                changed.actions.append(action("P00001", amount="0.00"))
        server.fail(holding(numbers[2], TRANSACTION_SEARCH))
        server.fail(holding(numbers[1], GROUPED_SEARCH))
        memory.notes |= {"award-ids": datetime.now(UTC).date().isoformat()}
        held = items_of(SOURCE, server, [step_of("transactions", "award_ids", numbers)], memory)
        counted = items_of(SOURCE, server, [step_of("counts", "award_ids", numbers, since=None, until=None)], memory)
    assert keys_of(held) == [awards[n].key for n in (0, 1, 3)]
    assert keys_of(counted) == [awards[n].key for n in (0, 2, 3)]
    assert [kind for kind, _ in kinds([*held, *counted])].count("FailedStep") == 2


def test_a_failing_name_does_not_stop_other_subawards() -> None:
    served = [subaward(n, name=name) for n, name in enumerate(NAMES)]
    with AlteredSubawards(served) as server:
        server.fail(holding(NAMES[7]))
        items = items_of(SUBAWARDS, server, [step_of("subawards", texts=NAMES)])
    assert len(keys_of(items)) == 27
    assert [item.step.part for item in items if isinstance(item, FailedStep)] == [f"awards that name {NAMES[7]!r}"]


@pytest.mark.parametrize("tried_today", [False, True])
def test_an_unreachable_server_does_not_split_lists(tried_today: bool) -> None:
    memory = Memory()
    with AlteredUsaspending(vendors()) as server:
        if tried_today:
            items_of(SOURCE, server, [step_of(texts=["NOBODY"])], memory)
        server.fail(lambda _request: True)
        server.requests.clear()
        done = walk(SOURCE, server, [step_of(texts=NAMES)], memory)
        # The client tries twice; the list once, and the impossible text.
        assert [texts_in(request) for request in server.requests] == ([NAMES] * 2 if tried_today else []) + [
            [IMPOSSIBLE]
        ] * 2
    assert isinstance(done.error, Unreachable)
    assert done.items == []


@pytest.mark.parametrize("status", [400, 422])
def test_a_text_that_is_refused_fails_alone(status: int) -> None:
    with AlteredUsaspending(vendors()) as server:
        server.fail(holding(NAMES[7]), status)
        items = items_of(SOURCE, server, [step_of("transactions", texts=NAMES)])
    assert len(keys_of(items)) == 27
    assert [item.step.part for item in items if isinstance(item, FailedStep)] == [f"awards that name {NAMES[7]!r}"]


@pytest.mark.parametrize("status", [400, 422])
def test_a_search_refused_for_any_text_is_not_split(status: int) -> None:
    with AlteredUsaspending(vendors()) as server:
        server.fail(lambda _request: True, status)
        done = walk(SOURCE, server, [step_of("contracts", texts=NAMES)], Memory())
        assert {len(texts) for texts in lists_asked(server, AWARD_SEARCH)} <= {28}
    assert isinstance(done.error, Refused)


@pytest.mark.parametrize("status", [500, 502, 504])
def test_other_errors_do_not_split_lists(status: int) -> None:
    with AlteredUsaspending(vendors()) as server:
        server.fail(more_than(5), status)
        done = walk(SOURCE, server, [step_of(texts=NAMES)])
        assert {len(texts) for texts in lists_asked(server, AWARD_SEARCH)} == {28}
    assert isinstance(done.error, Unreachable)


def test_a_503_with_a_body_does_not_split_lists() -> None:
    class Busy(AlteredUsaspending):
        def answer(self, request: LoggedRequest) -> Answer:
            if len(texts_in(request)) > 1:
                return Answer(status=503, body=b"<h1>Service Unavailable</h1>")
            return super().answer(request)

    with Busy(vendors()) as server:
        done = walk(SOURCE, server, [step_of(texts=NAMES)])
        assert {len(texts) for texts in lists_asked(server, AWARD_SEARCH)} == {28}
    assert isinstance(done.error, Unreachable)


def learned(memory: Memory, server: Alterable, step: FetchStep) -> int:
    """Walk a step; return the size of the largest list that it asked for."""
    server.requests.clear()
    items_of(SOURCE, server, [step], memory)
    return max(len(texts) for texts in lists_asked(server, AWARD_SEARCH))


@pytest.mark.parametrize("limit", [1, 2, 6, 7, 13, 14, 27])
def test_a_smaller_clause_limit_is_detected_and_remembered(limit: int) -> None:
    memory, step = Memory(), step_of(texts=NAMES)
    with AlteredUsaspending(vendors()) as server:
        server.fail(more_than(limit))
        items = items_of(SOURCE, server, [step], memory)
        assert keys_of(items) == [award.key for award in vendors()]  # all came, and no text was blamed
        assert len(items) == len(NAMES)
        assert limit // 2 <= learned(memory, server, step) <= limit
        refused = [request for request in server.requests if len(texts_in(request)) > limit]
        assert refused == []
        noted = memory.notes["most-clauses"]
        day = datetime.now(UTC).date()
        memory.notes["most-clauses"] = f"{noted.split()[0]} {day - timedelta(days=29)}"
        assert learned(memory, server, step) <= limit
        memory.notes["most-clauses"] = f"{noted.split()[0]} {day - timedelta(days=31)}"
        assert learned(memory, server, step) == 28  # after thirty days it is tried again


def test_the_largest_accepted_list_is_the_limit() -> None:
    memory, step = Memory(), step_of(texts=NAMES[:27])
    with AlteredUsaspending(vendors()) as server:
        server.fail(more_than(14))
        items_of(SOURCE, server, [step], memory)  # 13 and 14
        assert learned(memory, server, step) == 14


def test_the_limit_of_names_applies_to_phrases() -> None:
    memory = Memory()
    with AlteredUsaspending(vendors()) as server:
        server.fail(more_than(14))
        items_of(SOURCE, server, [step_of(texts=NAMES)], memory)
        assert learned(memory, server, step_of("contracts", "keywords", NAMES)) == 13  # 14 * 32 // 34


def test_a_failing_text_does_not_change_the_limit() -> None:
    memory = Memory()
    with AlteredUsaspending(vendors()) as server:
        server.fail(holding(NAMES[27]))
        items_of(SOURCE, server, [step_of(texts=NAMES[24:])], memory)
    assert "most-clauses" not in memory.notes


def test_a_passing_server_error_does_not_change_the_limit() -> None:
    memory, step = Memory(), step_of(texts=NAMES)
    with AlteredUsaspending(vendors()) as server:
        refused = iter([True, True])
        server.fail(lambda request: len(texts_in(request)) == len(NAMES) and next(refused, False))
        assert len(keys_of(items_of(SOURCE, server, [step], memory))) == len(NAMES)
        assert learned(memory, server, step) == len(NAMES)
    assert "most-clauses" not in memory.notes
