"""The fake USAspending with subawards, and their prime awards as its awards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from procurewatch.demo.corpus import CorpusSubaward
from tests.upstreams.faults import Faulty
from tests.upstreams.usaspending.assistance import AssistanceStandIn

__all__ = ["CorpusSubaward", "FaultySubawards", "SubawardsStandIn"]


class SubawardsStandIn(AssistanceStandIn):
    """Serves subawards and their prime awards until closed; `subawards` may be changed `with editing()`."""

    def __init__(self, subawards: Sequence[CorpusSubaward], *, port: int = 0, wrong: Iterable[str] = ()) -> None:
        primes = {subaward.prime.key: subaward.prime for subaward in subawards}
        super().__init__(list(primes.values()), subawards=subawards, port=port, wrong=wrong)


class FaultySubawards(Faulty, SubawardsStandIn):
    """USAspending with subawards, failing."""

    renaming = (b'"prime_award_generated_internal_id"', b'"prime_award_key"')
