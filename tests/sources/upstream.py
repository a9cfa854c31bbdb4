"""What the tests of the adapter of USAspending need: made-up awards, a stand-in with altered answers, a client."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Any

from procurewatch.demo.stand_in import StandIn
from procurewatch.demo.upstream import Answer, CorpusAction, CorpusAward, LoggedRequest
from sources.contract import Fetched, HeldRecord, Interest, Step, Unchanged, Window
from sources.http import Client, Pace, Patience
from sources.records import Award, Payload, Problem
from sources.usaspending import Usaspending
from tests.sources.memory import Memory
from tests.upstreams.faults import FaultyUsaspending

SOURCE = Usaspending()
DAY = date(2024, 5, 6)
Json = dict[str, Any]
Change = Callable[[Json], object]


class Alterable(StandIn):
    """To be mixed in before a stand-in whose answers a test may change: see `alter`.

    `sent` holds the bodies it sent, by path.
    """

    @cached_property
    def sent(self) -> dict[str, list[bytes]]:
        return defaultdict(list)

    @cached_property
    def _changes(self) -> list[tuple[str, Change]]:
        return []

    def alter(self, on: str, change: Change) -> None:
        """Let `change` edit the JSON of answers whose path ends with `on`; what it returns, if anything, is sent."""
        with self.answers_held_back():
            self._changes.append((on, change))

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the true answer as the changes have left it."""
        answer = super().answer(request)
        for on, change in self._changes:
            if request.path.endswith(on) and answer.status == 200:
                content = json.loads(answer.body)
                changed = change(content)
                answer = replace(answer, body=json.dumps(content if changed is None else changed).encode())
        self.sent[request.path].append(answer.body)
        return answer

    def asked(self, on: str) -> list[Json]:
        """The bodies of the requests whose path ends with `on`."""
        return [request.json() for request in self.requests if request.path.endswith(on)]


class AlteredUsaspending(Alterable, FaultyUsaspending):
    """The stand-in whose answers a test may change."""


def action(
    modification: str = "0", day: date = DAY, amount: str | None = "100.00", description: str | None = "DRONES"
) -> CorpusAction:
    """An action; `amount` in dollars."""
    return CorpusAction(
        modification=modification,
        action_date=day,
        obligation=None if amount is None else Decimal(amount),
        description=description,
    )


def award(number: int, *actions: CorpusAction, **fields: Any) -> CorpusAward:
    """An award to ACME, its PIID made of `number`, signed on the day of its first action."""
    actions = actions or (action(),)
    given: Json = {
        "piid": f"70X{number:05}",
        "agency": "7012",
        "recipient_name": "ACME DRONES LLC",
        "type": "B",
        "date_signed": actions[0].action_date,
        "last_modified_date": actions[-1].action_date,
        **fields,
    }
    return CorpusAward(actions=list(actions), **given)


@contextmanager
def client_of(base_url: str, *, tries: int = 2) -> Iterator[Client]:
    """A client in a hurry."""
    pace = Pace(seconds_between=0)
    patience = Patience(connect=10, read=10, whole_answer=30, tries=tries, first_wait=0.001)
    with Client(SOURCE.name, base_url=base_url, pace=pace, patience=patience, sleep=lambda _seconds: None) as client:
        yield client


def remembering(awards: Sequence[Award]) -> Memory:
    """The memory of a program that has stored these awards."""
    memory = Memory()
    for award in awards:
        actions = frozenset((a.modification, a.signed, a.obligation) for a in award.actions)
        memory.records[award.key] = HeldRecord(key=award.key, revision=award.revision, actions=actions)
    return memory


def fetched(server: AlteredUsaspending, step: Step, stored: Memory | None = None) -> list[Fetched]:
    """Walk one step to its end."""
    return fetched_all(server, [step], stored)


def fetched_all(server: AlteredUsaspending, steps: Sequence[Step], stored: Memory | None = None) -> list[Fetched]:
    """Walk steps to their ends, one after the other."""
    memory = stored or Memory()
    with client_of(server.base_url) as client:
        return [item for step in steps for item in SOURCE.fetch(client, step, memory)]


def parsed(items: Sequence[Fetched]) -> list[Award]:
    """The awards of what was fetched, all of which must be payloads that can be read."""
    records = [record for item in items if isinstance(item, Payload) for record in SOURCE.parse(item)]
    awards = [record for record in records if isinstance(record, Award)]
    assert len(awards) == len(items), [item for item in [*items, *records] if not isinstance(item, (Payload, Award))]
    return awards


def kinds(items: Sequence[Fetched]) -> list[tuple[str, str]]:
    """What was fetched, as (kind, award key) in order."""
    return [
        (type(item).__name__, item.key) if isinstance(item, (Payload, Problem, Unchanged)) else ("Shortfall", item.step)
        for item in items
    ]


def step_of(
    group: str = "contracts",
    filter_name: str = "recipient_search_text",
    texts: Sequence[str] = ("ACME",),
    *,
    date_type: str = "action_date",
    start: date = date(2024, 1, 1),
    end: date = date(2024, 12, 31),
) -> Step:
    """One search, as the adapter plans them."""
    query = {"group": group, "filter": filter_name, "date_type": date_type, "texts": tuple(texts)}
    return Step(key=f"test/{group}", query={**query, "start": start.isoformat(), "end": end.isoformat()})


def steps_of_poll(interest: Interest, *, until: date = DAY, sweep_since: date | None = None) -> list[Step]:
    """The steps of a poll that looks back four months."""
    window = Window(until=until, signed_since=date(2024, 1, 1), modified_since=DAY, acted_since=sweep_since)
    return SOURCE.poll_steps(interest, window)


def filters_of(body: Mapping[str, Any]) -> Json:
    """The filters a request was sent with."""
    filters: Json = body["filters"]
    return filters
