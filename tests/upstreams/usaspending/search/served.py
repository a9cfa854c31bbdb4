"""What the fake USAspending answers from, which assumptions it breaks, and its pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.upstreams.server import refuse
from tests.upstreams.usaspending.corpus import CorpusAward, CorpusSubaward
from tests.upstreams.usaspending.search.tiny_shield import UNPROCESSABLE

Row = TypeVar("Row")

# What this program assumes of USAspending and cannot prove from here, and what the fake does when it is wrong.
WRONG = {
    "keyword-message": "A transaction search by keywords carries no message that keyword_search was not used.",
    "unquoted-award-ids": "An award id without quotes finds nothing; one in double quotes finds the award.",
    "quoted-award-ids-fail": "An award id in double quotes finds the award.",
    "clause-limit": "A request of more than 256 clauses, instead of 1,024, is answered 503 with an empty body.",
    "unknown-filter-ignored": "A filter that the API does not know is refused with status 422.",
    "transaction-count-grouped": "search/spending_by_transaction_grouped/ is not there: status 404.",
    "last-updated": "awards/last_updated/ answers with status 500.",
    "paging-past-end": "The page after the last repeats the last one, with hasNext true; a later page is a 422.",
    "subaward-count-linked": "The count of subawards counts all of them, also those without a linked prime award.",
    "mixed-types-in-transactions": "The transaction search and the grouped search refuse award types of two groups.",
}


def known_names(names: Iterable[str]) -> frozenset[str]:
    """Return the names of assumptions as a set.

    Raises:
        ValueError: one is not in `WRONG`.
    """
    chosen = frozenset(names)
    if unknown := sorted(chosen - WRONG.keys()):
        raise ValueError(f"no assumption is named {', '.join(unknown)}; there are: {', '.join(WRONG)}")
    return chosen


@dataclass(frozen=True, kw_only=True)
class Served:
    """The records that one request is answered from.

    `wrong` names the assumptions that do not hold; `turn` is the number of the request, which decides the order of
    rows with equal sort values.
    """

    awards: Sequence[CorpusAward] = ()
    subawards: Sequence[CorpusSubaward] = ()
    wrong: frozenset[str] = frozenset()
    turn: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is no record: then there is no search index either, which could fail to read a query."""
        return not self.awards and not self.subawards

    def holds(self, assumption: str) -> bool:
        """Whether an assumption of `WRONG` holds. Raises `KeyError` for another name."""
        return bool(WRONG[assumption]) and assumption not in self.wrong

    def page(self, rows: Sequence[Row], number: int, limit: int) -> tuple[Sequence[Row], bool]:
        """Return the rows of a page, none past the end, and whether there is a next one."""
        begin = (number - 1) * limit
        if begin >= len(rows) and number > 1 and not self.holds("paging-past-end"):
            last = max(1, -(-len(rows) // limit))
            if number > last + 1:
                raise refuse(UNPROCESSABLE, f"Page #{number} is past the end.")
            return rows[(last - 1) * limit :], True
        return rows[begin : begin + limit], len(rows) > begin + limit
