"""Searching USAspending for lists of texts, in requests that its index accepts, even if it rejects one of the texts.

The index answers a request that is too large, or a text that its query parser cannot read, with an empty 503; the API's
own checks may reject a text with another status. Such a list is split in two and searched again, down to one text; a
text that fails alone becomes a failed step of its own. First, the same request with an impossible text shows whether
the search works at all. It must find nothing: the API ignores filters that it does not know, and returns everything.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog

from sources.base import FailedStep, FetchStep, Stored
from sources.errors import SourceChanged, SourceError
from sources.http.client import Client
from sources.usaspending.filters import CLAUSES, CLAUSES_OF_TYPES_AND_DATES, MAX_CLAUSES, batches_of
from sources.usaspending.plan import Search, level_of, step_of

log = structlog.get_logger(__name__)

IMPOSSIBLE = "QZXJV00000000QZXJV"  # no name, word or number of anything
CLAUSE_LIMIT = "most-clauses"  # a smaller limit that was found out, and the day
LIMIT_HOLDS_FOR = timedelta(days=30)
TEXT_REJECTED = (400, 422)  # the API's own checks; one of the texts may be the reason

Found = TypeVar("Found")
Find = Callable[[list[str]], Iterator[Found]]


def is_empty_503(error: SourceError) -> bool:
    """Whether an error is the API's answer to any error of its index (common/custom_exception_handler.py)."""
    return error.status == 503 and error.body_was_empty


def _works(find: Find[Found], texts: list[str]) -> bool:
    try:
        next(find(texts), None)
    except SourceError as error:
        if is_empty_503(error):
            return False
        raise
    return True


@dataclass(frozen=True, slots=True)
class TextBatches:
    """The texts of one step, to be searched for in batches."""

    client: Client
    stored: Stored
    step: FetchStep
    query: Search

    def search(self, find: Find[Found]) -> Iterator[Found | FailedStep]:
        """Give what `find` finds for all texts, and a failed step for each text that fails. Raises `SourceError`."""
        self._check_filter(find)
        for texts in batches_of(self._level, self.query.filter, self.query.texts, self._max_clauses()):
            yield from self._search_halves(find, texts)

    @property
    def _level(self) -> str:
        return level_of(self.query.group)

    def _search_halves(self, find: Find[Found], texts: list[str]) -> Generator[Found | FailedStep, None, bool]:
        """Search for texts, if need be in halves; return whether all of them were searched for."""
        try:
            yield from find(texts)
        except SourceError as error:
            if not (is_empty_503(error) or error.status in TEXT_REJECTED):
                raise
            for _row in find([IMPOSSIBLE]):  # raises if the search itself does not answer
                raise self._ignored() from error
            if len(texts) == 1:
                yield self._failed(texts[0], error)
                return False
        else:
            return True
        middle = len(texts) // 2
        first = yield from self._search_halves(find, texts[:middle])
        second = yield from self._search_halves(find, texts[middle:])
        if first and second:  # no text is at fault: there were too many
            self._store_limit(find, texts, len(texts) - middle)
        return first and second

    def _failed(self, text: str, error: SourceError) -> FailedStep:
        days = self.step.days if self.step.since else None
        label = self.step.key.partition("/")[0]
        step = step_of(label, f"awards that name {text!r}", {**self.step.query, "texts": [text]}, days)
        return FailedStep(step=step, reason=f"the search for {text!r} alone fails: {error.came_back}")

    def _check_filter(self, find: Find[Found]) -> None:
        """Check once a day that the filter is applied: an impossible text must find nothing."""
        name = f"filter/{self._level}/{self.query.filter}"
        today = datetime.now(UTC).date().isoformat()
        if self.stored.get_state(name) == today:
            return
        for _row in find([IMPOSSIBLE]):
            raise self._ignored()
        self.stored.set_state(name, today)

    def _ignored(self) -> SourceChanged:
        came_back = f"the filter {self.query.filter} is ignored: a text that nothing holds finds rows"
        return SourceChanged(self.client.source, f"a search of {self._level}", came_back)

    def _max_clauses(self) -> int:
        """Return how many clauses a request may have: the documented limit, or a smaller one that was found out."""
        limit, _, day = self.stored.get_state(CLAUSE_LIMIT).partition(" ")
        if not limit or datetime.now(UTC) - datetime.fromisoformat(f"{day}T00:00:00+00:00") > LIMIT_HOLDS_FOR:
            return MAX_CLAUSES
        return int(limit)

    def _store_limit(self, find: Find[Found], texts: list[str], fit: int) -> None:
        """Store that `fit` texts fit in a request and these do not, unless they do by now."""
        if self.query.filter == "award_ids":
            return
        most = fit * CLAUSES[self._level, self.query.filter] + CLAUSES_OF_TYPES_AND_DATES
        if most < self._max_clauses() and not _works(find, texts):
            log.warning("making requests smaller", source=self.client.source, clauses=most)
            self.stored.set_state(CLAUSE_LIMIT, f"{most} {datetime.now(UTC).date()}")
