"""What the tests of USAspending's adapters need: made-up awards, a fake server with altered answers, walks of steps."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from sources.base import FailedStep, Fetched, FetchStep, IncompleteResult, NotModified, Source, StoredVersion
from sources.http.client import Client
from sources.records import Award, Payload, Problem, Publication, Record, Removal
from sources.registry import SOURCES
from sources.usaspending.award_parser import parse
from sources.usaspending.awards import Usaspending
from tests.sources.clients import client_for
from tests.sources.fakes import Memory
from tests.sources.payloads import payload
from tests.upstreams.faults import FaultyUsaspending
from tests.upstreams.server import Answer, FakeServer, LoggedRequest
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward, CorpusSubaward
from tests.upstreams.usaspending.grants import CorpusGrant, FaultyAssistance, FaultySubawards

SOURCE = Usaspending()
DAY = date(2024, 5, 6)
Json = dict[str, Any]
Change = Callable[[Json], object]


class Alterable(FakeServer):
    """To be mixed in before a fake server whose answers a test may change: see `alter` and `fail`.

    `sent` holds the bodies it sent, by path.
    """

    @cached_property
    def sent(self) -> dict[str, list[bytes]]:
        return defaultdict(list)

    @cached_property
    def _changes(self) -> list[tuple[str, Change]]:
        return []

    @cached_property
    def _failures(self) -> list[tuple[Callable[[LoggedRequest], bool], int]]:
        return []

    def alter(self, on: str, change: Change) -> None:
        """Let `change` edit the JSON of answers whose path ends with `on`; what it returns, if anything, is sent."""
        with self.paused():
            self._changes.append((on, change))

    def fail(self, when: Callable[[LoggedRequest], bool], status: int = 503) -> None:
        """Answer such requests with a status and an empty body, as the API does when its index fails."""
        with self.paused():
            self._failures.append((when, status))

    def mend(self) -> None:
        """Change and fail no more."""
        with self.paused():
            self._changes.clear()
            self._failures.clear()

    def answer(self, request: LoggedRequest) -> Answer:
        """Return the true answer as the changes have left it."""
        for when, status in self._failures:
            if when(request):
                return Answer(status=status)
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
    """The fake server whose answers a test may change."""


def action(
    modification: str = "0",
    day: date = DAY,
    amount: str | None = "100.00",
    description: str | None = "DRONES",
    *,
    modified: date | None = None,
) -> CorpusAction:
    """An action; `amount` in dollars. It was last modified on its own day unless `modified` says otherwise."""
    return CorpusAction(
        modification=modification,
        action_date=day,
        obligation=None if amount is None else Decimal(amount),
        description=description,
        last_modified_date=modified or day,
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
        **fields,
    }
    return CorpusAward(actions=list(actions), **given)


def client_of(base_url: str, source: str = SOURCE.name) -> AbstractContextManager[Client]:
    """Open a client of a source that waits for nothing."""
    return client_for(SOURCES[source], base_url)


@dataclass
class Walk:
    """Steps walked as far as they went: what came, and the error that ended it, if one did."""

    items: list[Fetched] = field(default_factory=list)
    error: Exception | None = None


def walk(source: Source, server: FakeServer, steps: Sequence[FetchStep], memory: Memory | None = None) -> Walk:
    """Walk steps, one after the other; keep what came before an error."""
    done, stored = Walk(), memory or Memory()
    with client_of(server.base_url, source.name) as client:
        try:
            for step in steps:
                for item in source.fetch(client, step, stored):
                    done.items.append(item)
        except Exception as error:  # noqa: BLE001 - a test looks at what it was
            done.error = error
    return done


def items_of(
    source: Source, server: FakeServer, steps: Sequence[FetchStep], memory: Memory | None = None
) -> list[Fetched]:
    """Walk steps to their ends."""
    done = walk(source, server, steps, memory)
    if done.error:
        raise done.error
    return done.items


def fetched(server: FakeServer, step: FetchStep, memory: Memory | None = None) -> list[Fetched]:
    """Walk one step of contracts and IDVs to its end."""
    return items_of(SOURCE, server, [step], memory)


def records_of(source: Source, items: Sequence[Fetched]) -> list[Record]:
    """The records of everything fetched, which must all be payloads or problems."""
    read: list[Record] = []
    for item in items:
        assert isinstance(item, (Payload, Problem)), item
        read += [item] if isinstance(item, Problem) else source.parse(item)
    return read


def awards_of(items: Sequence[Fetched], source: Source = SOURCE) -> list[Award]:
    """The awards of what was fetched, all of which must be payloads that can be read."""
    records = records_of(source, items)
    assert all(isinstance(record, Award) for record in records), records
    return [record for record in records if isinstance(record, Award)]


def kinds(items: Sequence[Fetched]) -> list[tuple[str, str]]:
    """What was fetched, as (kind, key) in order."""
    return [(type(item).__name__, name_of(item)) for item in items]


def name_of(item: Fetched) -> str:
    """What an item calls its award or its step."""
    match item:
        case Payload(key=key) | Problem(key=key) | Removal(key=key) | NotModified(key=key):
            return key
        case IncompleteResult(step=name):
            return name
        case FailedStep(step=step):
            return step.key


def stored_version(record: Award | Publication, *, matched: bool = True) -> StoredVersion:
    """What a program has stored of a record."""
    actions = record.actions if isinstance(record, Award) else ()
    return StoredVersion(
        key=record.key,
        revision=record.revision,
        actions=frozenset((a.modification, a.signed, a.obligation) for a in actions),
        texts=frozenset((a.modification, a.description) for a in actions),
        action_count=len(actions),
        matched=matched,
    )


def remembering(items: Sequence[Fetched], source: Source = SOURCE, *, matched: bool = True) -> Memory:
    """The memory of a program that has stored what was fetched; `matched`: it concerns somebody on the watchlist."""
    records = [record for record in records_of(source, items) if isinstance(record, (Award, Publication))]
    return Memory(records={record.key: stored_version(record, matched=matched) for record in records})


def step_of(
    group: str = "contracts",
    filter_name: str = "recipient_search_text",
    texts: Sequence[str] = ("ACME",),
    *,
    since: date | None = date(2024, 1, 1),
    until: date | None = date(2024, 12, 31),
    **also: object,
) -> FetchStep:
    """One search, in the words of the adapters' plans."""
    query = {"group": group, "filter": filter_name, "texts": list(texts), **also}
    return FetchStep(key=f"test/{group}", query=query, since=since, until=until)


def filters_of(body: Mapping[str, Any]) -> Json:
    """The filters a request was sent with."""
    filters: Json = body["filters"]
    return filters


class AlteredAssistance(Alterable, FaultyAssistance):
    """Grants whose answers a test may change."""


class AlteredSubawards(Alterable, FaultySubawards):
    """Subawards whose answers a test may change."""


def grant(number: int, *actions: Any, **fields: Any) -> CorpusGrant:
    """A grant to the police of ACME, its FAIN made of `number`, signed on the day of its first action."""
    actions = actions or (action(),)
    given: dict[str, Any] = {
        "piid": f"EMW2024SS{number:05}",
        "agency": "7022",
        "recipient_name": "ACME CITY POLICE DEPARTMENT",
        "date_signed": actions[0].action_date,
        **fields,
    }
    return CorpusGrant(actions=list(actions), **given)


PRIME = {"type": "D", "recipient_name": "BIG PRIME CORPORATION", "recipient_uei": "PRIMEUEI0001"}


def subaward(number: object, *, prime: Any = None, **fields: Any) -> CorpusSubaward:
    """A subaward of $50 to ACME under a contract of $100, numbered `number`."""
    given: dict[str, Any] = {
        "prime": prime or award(1, **PRIME),
        "number": None if number is None else str(number),
        "name": "ACME DRONES LLC",
        "uei": "ACMEUEI00001",
        "day": DAY,
        "amount": Decimal("50.00"),
        "description": "DRONES",
        **fields,
    }
    return CorpusSubaward(**given)


DATA = Path(__file__).parents[2] / "data" / "usaspending"
CONTRACT: Json = json.loads((DATA / "award_contract.json").read_text("utf-8"))
IDV: Json = json.loads((DATA / "award_idv.json").read_text("utf-8"))
BASE: Json = {
    "id": "CONT_TX_9700_9700_H907_0_SPE2DX16D1500_0",
    "type": "C",
    "type_description": "DELIVERY ORDER",
    "action_date": "2016-06-24",
    "action_type": None,
    "action_type_description": None,
    "modification_number": "0",
    "description": "4534723185!PV PHARM BRANCH, VENDOR, CAGE 0U9U0",
    "federal_action_obligation": 61241.34,
    "face_value_loan_guarantee": None,
    "original_loan_subsidy_cost": None,
    "cfda_number": None,
}
CHANGE: Json = {
    **BASE,
    "id": "cont_tx_9700_9700_h907_p00001_spe2dx16d1500_0",
    "modification_number": "P00001",
    "action_date": "2017-01-02",
    "action_type": "C",
    "action_type_description": "FUNDING ONLY ACTION",
    "federal_action_obligation": -10.5,
    "description": "DEOBLIGATE",
}
PAGE: Json = {"page_metadata": {"page": 1, "hasNext": False}, "results": [CHANGE, BASE]}


def read(*contents: object, key: str = CONTRACT["generated_unique_award_id"]) -> Record:
    return parse(payload(SOURCE.name, key, *contents))


def is_problem(record: Record) -> bool:
    """Whether a record is a problem that says why, in one line of reasonable length, and keeps its evidence."""
    return (
        isinstance(record, Problem)
        and 0 < len(record.reason) < 500
        and record.key == CONTRACT["generated_unique_award_id"]
        and len(record.documents) == 2
    )
