"""What the tests of the adapters of grants and of subawards need: stand-ins with altered answers, and walks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from procurewatch.demo.stand_in import StandIn
from sources.contract import Fetched, Source, Step
from sources.http import Client, Pace, Patience
from sources.records import Payload, Problem, Record
from tests.sources.memory import Memory
from tests.sources.upstream import DAY, Alterable, action, award
from tests.upstreams.usaspending_assistance import CorpusGrant, FaultyAssistance
from tests.upstreams.usaspending_subawards import CorpusSubaward, FaultySubawards


class AlteredAssistance(Alterable, FaultyAssistance):
    """Grants whose answers a test may change."""


class AlteredSubawards(Alterable, FaultySubawards):
    """Subawards whose answers a test may change."""


@dataclass
class Walk:
    """Steps walked as far as they went: what came, and the error that ended it, if one did."""

    items: list[Fetched]
    error: Exception | None = None


def walk(source: Source, server: StandIn, steps: Sequence[Step], memory: Memory | None = None) -> Walk:
    """Walk steps with a client in a hurry; keep what came before an error."""
    done = Walk([])
    patience = Patience(connect=10, read=10, whole_answer=30, tries=2, first_wait=0.001)
    pace = Pace(seconds_between=0)
    base = server.base_url
    with Client(source.name, base_url=base, pace=pace, patience=patience, sleep=lambda _seconds: None) as client:
        try:
            for step in steps:
                for item in source.fetch(client, step, memory or Memory()):
                    done.items.append(item)
        except Exception as error:  # noqa: BLE001 - a test looks at what it was
            done.error = error
    return done


def items_of(source: Source, server: StandIn, steps: Sequence[Step], memory: Memory | None = None) -> list[Fetched]:
    """Walk steps to their ends."""
    done = walk(source, server, steps, memory)
    if done.error:
        raise done.error
    return done.items


def records_of(source: Source, items: Sequence[Fetched]) -> list[Record]:
    """The records of everything fetched, which must all be payloads or problems."""
    read: list[Record] = []
    for item in items:
        assert isinstance(item, (Payload, Problem)), item
        read += [item] if isinstance(item, Problem) else source.parse(item)
    return read


def step_of(
    group: str,
    texts: Sequence[str] = ("ACME",),
    filter_name: str = "recipient_search_text",
    *,
    date_type: str = "action_date",
    start: date = date(2024, 1, 1),
    end: date = date(2024, 12, 31),
) -> Step:
    """One search, as the adapters plan them."""
    query = {"group": group, "filter": filter_name, "date_type": date_type, "texts": tuple(texts)}
    return Step(key=f"test/{group}", query={**query, "start": start.isoformat(), "end": end.isoformat()})


def grant(number: int, *actions: Any, **fields: Any) -> CorpusGrant:
    """A grant to the police of ACME, its FAIN made of `number`, signed on the day of its first action."""
    actions = actions or (action(),)
    given: dict[str, Any] = {
        "piid": f"EMW2024SS{number:05}",
        "agency": "7022",
        "recipient_name": "ACME CITY POLICE DEPARTMENT",
        "date_signed": actions[0].action_date,
        "last_modified_date": actions[-1].action_date,
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
