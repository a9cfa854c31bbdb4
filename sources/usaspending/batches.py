"""Asking USAspending for lists of texts: in requests that its index can hold, and in spite of a text that it cannot.

The index refuses a request that is too large, or a text that its query parser cannot read, with an empty 503; the API's
own checks may refuse a text with another status. Such a list is halved and asked again, down to one text; a text that
fails alone becomes a failed step of its own. Before that the same request with an impossible text tells whether the
search answers at all. That request must find nothing: the API ignores filters that it does not know, and answers with
everything.
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
from sources.usaspending.filters import CLAUSES, CLAUSES_OF_TYPES_AND_DATES, MOST_CLAUSES, packed
from sources.usaspending.plan import Search, level_of, step_of

log = structlog.get_logger(__name__)

IMPOSSIBLE = "QZXJV00000000QZXJV"  # neither a name nor a word nor a number of anything
MOST_CLAUSES_NOTE = "most-clauses"  # a smaller limit that was found out, and the day
LIMIT_HOLDS_FOR = timedelta(days=30)
REFUSED_FOR_A_TEXT = (400, 422)  # what the API's own checks answer; a text of the list may be the reason

Found = TypeVar("Found")
Find = Callable[[list[str]], Iterator[Found]]


def is_empty_503(error: SourceError) -> bool:
    """Whether an error is the API's answer to any error of its index (common/custom_exception_handler.py)."""
    return error.status == 503 and error.body_was_empty


def _is_answered(find: Find[Found], texts: list[str]) -> bool:
    try:
        next(find(texts), None)
    except SourceError as error:
        if is_empty_503(error):
            return False
        raise
    return True


@dataclass(frozen=True, slots=True)
class Lists:
    """The texts of one step, and what is needed to ask for them. `source` is the client's."""

    client: Client
    stored: Stored
    step: FetchStep
    search: Search

    def found(self, find: Find[Found]) -> Iterator[Found | FailedStep]:
        """Give what `find` gives for all texts; a text that fails alone as a failed step. Raises `SourceError`."""
        self._check_filter(find)
        for texts in packed(self._level, self.search.filter, self.search.texts, self._most_clauses()):
            yield from self._halved(find, texts)

    @property
    def _level(self) -> str:
        return level_of(self.search.group)

    def _halved(self, find: Find[Found], texts: list[str]) -> Generator[Found | FailedStep, None, bool]:
        """Ask for texts, or for their halves; return whether all of them were answered."""
        try:
            yield from find(texts)
        except SourceError as error:
            if not (is_empty_503(error) or error.status in REFUSED_FOR_A_TEXT):
                raise
            for _row in find([IMPOSSIBLE]):  # raises if the search itself does not answer
                raise self._ignored() from error
            if len(texts) == 1:
                yield self._failed(texts[0], error)
                return False
        else:
            return True
        middle = len(texts) // 2
        first = yield from self._halved(find, texts[:middle])
        second = yield from self._halved(find, texts[middle:])
        if first and second:  # no text was at fault: there were too many
            self._note_limit(find, texts, len(texts) - middle)
        return first and second

    def _failed(self, text: str, error: SourceError) -> FailedStep:
        days = self.step.days if self.step.since else None
        label = self.step.key.partition("/")[0]
        step = step_of(label, f"awards that name {text!r}", {**self.step.query, "texts": [text]}, days)
        return FailedStep(step=step, reason=f"the search for {text!r} alone fails: {error.came_back}")

    def _check_filter(self, find: Find[Found]) -> None:
        """Once a day make sure that the filter filters: an impossible text must find nothing."""
        name = f"filter/{self._level}/{self.search.filter}"
        today = datetime.now(UTC).date().isoformat()
        if self.stored.get_state(name) == today:
            return
        for _row in find([IMPOSSIBLE]):
            raise self._ignored()
        self.stored.set_state(name, today)

    def _ignored(self) -> SourceChanged:
        came_back = f"the filter {self.search.filter} is ignored: a text that nothing holds finds rows"
        return SourceChanged(self.client.source, f"a search of {self._level}", came_back)

    def _most_clauses(self) -> int:
        """Return how many clauses a request may have: as many as the index is said to take, or has been seen to."""
        limit, _, day = self.stored.get_state(MOST_CLAUSES_NOTE).partition(" ")
        if not limit or datetime.now(UTC) - datetime.fromisoformat(f"{day}T00:00:00+00:00") > LIMIT_HOLDS_FOR:
            return MOST_CLAUSES
        return int(limit)

    def _note_limit(self, find: Find[Found], texts: list[str], fit: int) -> None:
        """Note that `fit` texts can be asked for at once and these cannot, unless by now they can."""
        if self.search.filter == "award_ids":
            return
        most = fit * CLAUSES[self._level, self.search.filter] + CLAUSES_OF_TYPES_AND_DATES
        if most < self._most_clauses() and not _is_answered(find, texts):
            log.warning("requests are made smaller", source=self.client.source, clauses=most)
            self.stored.set_state(MOST_CLAUSES_NOTE, f"{most} {datetime.now(UTC).date()}")
