"""A program that polls a source day after day: what it asks, what it stores, and what it tries again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from monitors.runs.jobs import Lookback, poll_window
from sources.base import FailedStep, Fetched, FetchStep, IncompleteResult, SearchTerms, Source
from sources.errors import SourceError
from sources.records import Award, MatchedAward, Payload, Problem, Publication
from tests.sources.fakes import Memory
from tests.sources.usaspending.helpers import DAY, SOURCE, AlteredUsaspending, action, award, client_of, stored_version
from tests.upstreams.server import FakeServer
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward
from tests.upstreams.usaspending.server import FakeUsaspending

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
                self.memory.records[record.key] = stored_version(record, matched=self.concerns(record))
            elif isinstance(record, Problem):
                done.items.append(record)

    def _interest(self) -> SearchTerms:
        stored: dict[str, list[MatchedAward]] = {}
        for key in sorted({*self.memory.records, *self.memory.followed}):
            if self.memory.is_matched(key):
                kind = "assistance" if key.startswith("ASST") else "idv" if key.startswith("CONT_IDV") else "contract"
                stored.setdefault(kind, []).append(MatchedAward(key, key.split("_")[2]))
        return replace(self.terms, stored={kind: tuple(awards) for kind, awards in stored.items()})


TERMS = SearchTerms(phrases=("DRONES",))
FIRST = DAY + timedelta(days=5)
SECOND = FIRST + timedelta(days=1)
SWEPT = SECOND + timedelta(days=30)
AGES_AGO = DAY - timedelta(days=60)
DETAIL = "/api/v2/awards/"


def days_before(number: int, day: date = SECOND) -> date:
    """The date so many days before."""
    return day - timedelta(days=number)


def bought(number: int = 1, *actions: CorpusAction, **fields: Any) -> CorpusAward:
    """An award to a dealer; its only action says what is watched, unless others are given."""
    return award(number, *(actions or (action(),)), recipient_name="DEALER INC", **fields)


def late(number: str = "P00001", day: date = DAY, amount: str | None = "0.00", *, modified: date) -> CorpusAction:
    """A modification of which the words say nothing."""
    return action(number, day, amount, "ADMINISTRATIVE", modified=modified)


def poller_of(server: AlteredUsaspending, **given: Any) -> Poller:
    """A program that has polled once, and stored what there was."""
    poller = Poller(source=SOURCE, server=server, terms=TERMS, **given)
    first = poller.poll(FIRST)
    assert (first.errors, first.failures) == ([], [])
    return poller


def quiet(poller: Poller, until: date) -> Poller:
    """Let polls that bring nothing pass until a day."""
    poller.watermark = until - timedelta(days=1)
    return poller


def sweep(poller: Poller) -> Poll:
    """Sweep after a month in which polls brought nothing."""
    return quiet(poller, SWEPT).poll(SWEPT, sweep=True)


def change(server: FakeUsaspending, *actions: CorpusAction, **fields: Any) -> None:
    """Add actions to the first award, and set its fields."""
    with server.editing() as served:
        served[0].actions += actions
        for name, value in fields.items():
            setattr(served[0], name, value)


def in_no_window(server: FakeUsaspending) -> None:
    """Let an action of the first award arrive that was signed and modified long before any window."""
    change(server, late(day=AGES_AGO, modified=AGES_AGO))
