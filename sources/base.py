"""The contract that every source follows, and the words in which it is asked.

A source is one module with one class of this shape and one line in `sources/registry.py`
(docs/add-a-source.md). It plans its work as `FetchStep`s, because a step is what a run can finish, checkpoint and never
repeat; `fetch` is the only part that touches the network; `parse` is pure.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from sources.http.client import Client, RateLimit
from sources.records import AwardCategory, MatchedAward, Payload, Problem, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """What is stored of a record of this source: enough to say whether a search row tells anything new.

    `actions` holds (modification, date signed, obligation in dollars) of every stored action, of an award, and `texts`
    (modification, description). `action_count` is how many actions this source listed when it was last read whole.
    `matched`: whether it matches the watchlist, so that its changes are followed.
    """

    key: str
    revision: str
    actions: frozenset[tuple[str, date | None, Decimal | None]] = frozenset()
    texts: frozenset[tuple[str, str]] = frozenset()
    action_count: int = 0
    matched: bool = False


class Stored(Protocol):
    """What a source may know of what is stored."""

    def stored_version(self, key: str, /) -> StoredVersion | None:
        """Look a record up by its key; `None` when this source has not brought it."""

    def was_read(self, key: str, /) -> bool:
        """Whether this run has already read a record whole."""

    def is_matched(self, key: str, /) -> bool:
        """Whether an award is stored, by whatever source, and concerns anybody: then its changes are asked for."""

    def keys_with_piid(self, piid: str, /) -> Sequence[str]:
        """Return the keys of stored awards of this source that have a PIID."""

    def matches_watchlist(self, record: Record, /) -> bool:
        """Whether a record concerns anybody on the watchlist, as it stands: worth the cost of asking for more."""

    def get_state(self, name: str, /) -> str:
        """Return what this source noted for itself on an earlier run (a token ...), "" if nothing."""

    def set_state(self, name: str, value: str, /) -> None:
        """Note something for later runs, at once and for good; "" forgets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTerms:
    """What a run looks for, in words any source can use.

    `names`: recipient names, upper case, without legal forms where what is left is distinctive. `short_names`: short or
    common names that must be the recipient's whole name (`sources.names`); a search for them finds many others.
    `ueis`: unique entity identifiers. `phrases`: product and vendor phrases for descriptions.
    `stored`: stored awards that matched, by award category ("contract", "idv", "assistance").
    """

    names: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    ueis: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    stored: Mapping[str, tuple[MatchedAward, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DateWindow:
    """The dates a poll covers, all inclusive.

    `signed_since`: new awards, by date signed. `modified_since`: changes, by the source's last-modified date.
    `acted_since`: set on a sweep only, the wide look-back for what arrived late, by action date. `overlap`: how much of
    the time since `modified_since` earlier polls have covered already.
    """

    until: date
    signed_since: date
    modified_since: date
    acted_since: date | None = None
    overlap: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchStep:
    """One part of a run: a search that is walked to its end.

    `key` is made of what is asked, not of its place in a list, so that the same search has the same key on every run.
    `query` holds what can be written as JSON. `since` and `until` are the days it covers, inclusive, `None` where it
    covers no days: a step that failed is tried again by the next run, over its own days and those since. `part` names
    for a reader what it looks for ("held awards"), in the plural. `quiet_for` is set by a run that tries a step again:
    the vendors whose baseline it belongs to, so that what it brings of them is stored and not published.
    """

    key: str
    query: Mapping[str, object]
    since: date | None = None
    until: date | None = None
    part: str = "records"
    quiet_for: frozenset[str] = frozenset()

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day it covers. Raises `ValueError` if it covers none."""
        if self.since is None or self.until is None:
            raise ValueError(f"the step {self.key} covers no days")
        return self.since, self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class NotModified:
    """A search row whose award is stored already, in the same state."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncompleteResult:
    """Pages that could not be proved complete: `expected` rows by the source's own count, `received` distinct ones."""

    step: str
    expected: int
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStep:
    """A part of a step that failed by itself, as a step of its own, and why. The rest of the step goes on."""

    step: FetchStep
    reason: str


Fetched = Payload | Problem | NotModified | IncompleteResult | FailedStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Something an adapter takes for granted about its upstream, and how to find out whether it holds.

    `name` is lower case with hyphens, for commands and notes. `says` is the assumption in one sentence, `otherwise`
    what the program does where it does not hold, `basis` what it rests on (a page of the API's documentation, a file
    of its published code). `probe` asks with one cheap request whether it holds, and raises `SourceError` when it
    cannot tell. The answer is noted under `assumption/NAME` as "holds" or "does not hold" (`Stored.get_state`).
    """

    name: str
    says: str
    otherwise: str
    basis: str
    probe: Callable[[Client], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRows:
    """How many rows a healthy poll of the whole watchlist brings. Outside them the run is not believed."""

    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyQuota:
    """How many requests a key may make in one UTC day. Sources that share a quota give it the same name."""

    name: str
    requests_per_day: int


class Source(ABC):
    """One upstream. An adapter states what is its own; everything else has a default."""

    name: str
    """Its name in commands, settings and the database: lower case, one word."""
    title: str
    """Its name for readers."""
    publisher: str = ""
    """Who publishes it, for citations; "" if that is its title."""
    lists_every: frozenset[AwardCategory] = frozenset()
    """The categories of which it lists every award, so that pages say where one is missing in it."""
    base_url: str
    """Where it is, unless the settings say otherwise."""
    rate_limit: RateLimit
    """How politely it must be asked."""
    expected_rows: ExpectedRows
    """How many rows a poll brings."""
    api_key_header: str | None = None
    """The header its key travels in (the key is the setting `sources.NAME.key`); `None` when everybody may ask."""
    api_key_parameter: str = ""
    """The query parameter its key goes in where the header is not accepted; "" if there is none."""
    extra_hosts: Mapping[str, str] = MappingProxyType({})
    """Other hosts it is read from: what `Client.get(..., host=NAME)` calls each, and where it is."""
    quota: DailyQuota | None = None
    """The quota its key has, `None` if there is none."""
    min_poll_interval: timedelta = timedelta(0)
    """The least time between two polls: more would bring nothing. Zero when there is no such limit."""
    store_unmatched: bool = True
    """Whether everything it gives is stored; else only what concerns somebody or is stored already."""
    enabled_by_default: bool = True
    """Whether it is asked unless the settings say otherwise."""
    reporting_delay: str = ""
    """One sentence on what it cannot tell yet ("DoD awards appear 90 days after ..."), "" if nothing."""
    assumptions: Sequence[Assumption] = ()
    """What it assumes of its upstream and cannot know for sure: what `procurewatch doctor` probes."""

    @abstractmethod
    def health_check(self, client: Client) -> bool:
        """Ask for something that always exists; whether it was there. Raises `SourceError` as `fetch` does."""

    @abstractmethod
    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> Sequence[FetchStep]:
        """Plan the searches of a poll, oldest news first. Touches no network."""

    @abstractmethod
    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> Sequence[FetchStep]:
        """Plan the searches for the whole history between two days, inclusive, in slices. Touches no network."""

    @abstractmethod
    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Walk one step to its end, one item per record or group of records found.

        Raises:
            SourceError: one of its leaves says what is wrong. This step is then tried again by the next run.
        """

    @abstractmethod
    def parse(self, payload: Payload) -> Sequence[Record]:
        """Read a payload into the records it holds, and problems for what could not be read. Pure."""

    def is_wanted(self, step: FetchStep, terms: SearchTerms) -> bool:  # noqa: ARG002
        """Whether a step that failed is still to be tried again: the watchlist may have changed since. Pure."""
        return True

    def data_version(self, client: Client) -> str:  # noqa: ARG002
        """Return what changes when the upstream's data does, "" if it does not say. Raises `SourceError`."""
        return ""


@runtime_checkable
class FileSource(Protocol):
    """A source whose records can also be read from files that people hold."""

    @property
    def import_notifies(self) -> bool:
        """Whether such a file holds what is new (a page saved today), or an archive."""

    def read_file(self, file: Path) -> Iterator[Fetched]:
        """Read a file, in bounded memory. Raises `SourceChanged` when it is not what this source publishes."""
