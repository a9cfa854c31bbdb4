"""A program that polls a source day after day: what it asks, what it stores, and what it tries again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from monitors.runs.jobs import Lookback, poll_window
from sources.base import FailedStep, Fetched, FetchStep, IncompleteResult, SearchTerms, Source
from sources.errors import SourceError
from sources.records import Award, MatchedAward, Payload, Problem, Publication
from tests.sources.memory import Memory
from tests.sources.upstream import client_of, held_record
from tests.upstreams.server import FakeServer

Record = Award | Publication


@dataclass
class Poll:
    """One poll: what came, the records that were read, the steps that failed whole, and the number of requests."""

    items: list[Fetched] = field(default_factory=list)
    read: list[Record] = field(default_factory=list)
    errors: list[tuple[FetchStep, SourceError]] = field(default_factory=list)
    requests: int = 0

    @property
    def keys(self) -> list[str]:
        """The keys of the records that were read, in order of key."""
        return sorted(record.key for record in self.read)

    @property
    def problems(self) -> list[Problem]:
        return [item for item in self.items if isinstance(item, Problem)]

    @property
    def short(self) -> list[IncompleteResult]:
        return [item for item in self.items if isinstance(item, IncompleteResult)]

    @property
    def failures(self) -> list[FetchStep]:
        """The steps that the next poll tries again, each once."""
        steps = [step for step, _ in self.errors] + [item.step for item in self.items if isinstance(item, FailedStep)]
        return list({step.key: step for step in steps}.values())


@dataclass
class Poller:
    """Polls as `monitors.runs.pipeline` does: windows from the watermark, failed steps first, what was read is stored.

    `concerns`: whether a record concerns somebody on the watchlist.
    """

    source: Source
    server: FakeServer
    terms: SearchTerms
    concerns: Callable[[Record], bool] = lambda _record: True
    memory: Memory = field(default_factory=Memory)
    watermark: date | None = None
    swept: date | None = None
    unfinished: list[FetchStep] = field(default_factory=list)

    def poll(self, until: date, *, sweep: bool = False) -> Poll:
        """Poll once; with `sweep` a sweep is due, otherwise it is not."""
        swept = until - timedelta(days=1) if not sweep else None
        window = poll_window(until, self.watermark, swept, Lookback())
        planned = {step.key: step for step in self.source.poll_steps(self._interest(), window)}
        steps: list[FetchStep] = []
        for failed in self.unfinished:
            again = planned.pop(failed.key, failed)
            if again.since and failed.since:
                again = replace(again, since=min(again.since, failed.since))
            steps.append(again)
        done = self.walk([*steps, *planned.values()])
        self.unfinished = done.failures
        self.watermark = until
        return done

    def backfill(self, since: date, until: date) -> Poll:
        """Read a whole history."""
        return self.walk(self.source.backfill_steps(self._interest(), since, until))

    def walk(self, steps: Sequence[FetchStep]) -> Poll:
        """Walk steps, each on its own, and store what they bring."""
        done = Poll()
        self.memory.read = set()
        with client_of(self.server.base_url, self.source.name) as client:
            for step in steps:
                try:
                    for item in self.source.fetch(client, step, self.memory):
                        done.items.append(item)
                        self._store(item, done)
                except SourceError as error:
                    done.errors.append((step, error))
            done.requests = client.requests_sent
        return done

    def _store(self, item: Fetched, done: Poll) -> None:
        for record in self.source.parse(item) if isinstance(item, Payload) else []:
            if isinstance(record, (Award, Publication)):
                done.read.append(record)
                self.memory.read.add(record.key)
                self.memory.records[record.key] = held_record(record, matched=self.concerns(record))
            elif isinstance(record, Problem):
                done.items.append(record)

    def _interest(self) -> SearchTerms:
        held: dict[str, list[MatchedAward]] = {}
        for key in sorted({*self.memory.records, *self.memory.followed}):
            if self.memory.is_matched(key):
                kind = "assistance" if key.startswith("ASST") else "idv" if key.startswith("CONT_IDV") else "contract"
                held.setdefault(kind, []).append(MatchedAward(key, key.split("_")[2]))
        return replace(self.terms, stored={kind: tuple(awards) for kind, awards in held.items()})
