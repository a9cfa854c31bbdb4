"""What the tests of the adapters of grants and of subawards need besides: made-up records and fake servers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.sources.upstream import DAY, Alterable, action, award
from tests.upstreams.usaspending.corpus import CorpusSubaward
from tests.upstreams.usaspending.grants import CorpusGrant, FaultyAssistance, FaultySubawards


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
