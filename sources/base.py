"""The interface of a source, and the types of its arguments and results.

An adapter is one subclass of `Source` and one line in `sources/registry.py` (docs/add-a-source.md). It plans its work
as steps, because a run can finish, checkpoint and retry each step by itself. Only `health_check`, `data_version` and
`fetch` send requests; `parse` is pure.
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

from sources.candidates import Candidates
from sources.http.client import Client, RateLimit
from sources.records import AwardCategory, MatchedAward, Payload, Problem, Record, Removal


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVersion:
    """What is stored of a record of this source: enough to decide whether a search row is new.

    Of an award, `actions` holds (modification, date signed, obligation in dollars) of every stored action, and `texts`
    (modification, description). `action_count` is the number of actions this source listed when it was last fetched.
    `matched`: whether it matches the watchlist, so that its changes are searched for.
    """

    key: str
    revision: str
    actions: frozenset[tuple[str, date | None, Decimal | None]] = frozenset()
    texts: frozenset[tuple[str, str]] = frozenset()
    action_count: int = 0
    matched: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFile:
    """A file of many records that a source has read: the columns of `storage.schema.tables.ArchiveFileRow`."""

    name: str
    url: str
    kind: str = ""
    agency: str = ""
    fiscal_year: int | None = None
    is_delta: bool = False
    published: date | None = None
    size: int | None = None
    sha256: str = ""
    etag: str = ""
    modified: str = ""
    rows: int = 0
    is_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProgress:
    """How far a large file is: `done` of `total` bytes ("downloading", "reading") and the rows read so far."""

    name: str
    doing: str
    done: int
    total: int | None
    rows: int = 0


class Stored(Protocol):
    """What a source can ask the database."""

    def stored_version(self, key: str, /) -> StoredVersion | None:
        """Return what is stored of a record, `None` if this source has not fetched it."""

    def was_read(self, key: str, /) -> bool:
        """Whether this run has already fetched a record."""

    def is_matched(self, key: str, /) -> bool:
        """Whether an award is stored, from any source, and matches the watchlist."""

    def keys_with_piid(self, piid: str, /) -> Sequence[str]:
        """Return the keys of stored awards of this source that have a PIID."""

    def matches_watchlist(self, record: Record, /) -> bool:
        """Whether a record, as it is, matches the watchlist: whether further requests are worth their cost."""

    def candidates(self, *, known: bool = True) -> Candidates:
        """Return what decides which rows of a large file are wanted; with `known`, also those of stored awards."""

    def get_state(self, name: str, /) -> str:
        """Return a value that this source stored for itself on an earlier run (a token ...), "" if there is none."""

    def set_state(self, name: str, value: str, /) -> None:
        """Store a value for later runs, in a transaction of its own; "" deletes it."""

    def has_evidence(self, key: str, url: str, sha256: str, /) -> bool:
        """Whether a record has evidence with a URL and a hash, so that what the URL names was stored before."""

    def listed_actions(self, url: str, since: date, until: date, other_url: str = "", /) -> Mapping[str, str]:
        """Return the award of each action that this source has listed, by action key.

        Only of actions signed between two days, inclusive, of awards with evidence whose URL begins with `url`,
        without those that have evidence with another URL that begins with `other_url`.
        """

    def save_file(self, file: LargeFile, /) -> None:
        """Store which file was read, after everything that was read from it before."""

    def progress(self, reading: FileProgress, /) -> None:
        """Report how far a large file was read. Call it often: it ends the step when the program is to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTerms:
    """What a run searches for.

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
    `acted_since`: on a sweep only, late arrivals, by action date. `overlap`: how many of the days since
    `modified_since` earlier polls have covered.
    """

    until: date
    signed_since: date
    modified_since: date
    acted_since: date | None = None
    overlap: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchStep:
    """One part of a run: a search that is read to its end.

    `key` is made of the query, so that the same search has the same key on every run. `query` must be JSON. `since` and
    `until` are the days it covers, inclusive, `None` if it covers no days: the next run retries a failed step over its
    own days and those since. `part` says for a reader what it searches for, in the plural ("late awards"). `quiet_for`
    is set when a step is retried: the vendors of whose baseline it is a part, so that their records are stored and not
    published.
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
    """A record that is stored already, in the same version."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncompleteResult:
    """A search that gave fewer rows (`received`, distinct) than the source counts (`expected`)."""

    step: str
    expected: int
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStep:
    """A part of a step that failed, as a step of its own, and why. The rest of the step continues."""

    step: FetchStep
    reason: str


Fetched = Payload | Problem | Removal | NotModified | IncompleteResult | FailedStep


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """Something an adapter assumes about its upstream, and how to check it.

    `name` is lower case with hyphens. `says` states the assumption in one sentence, `otherwise` what the program does
    if it does not hold, `basis` the evidence for it (a page of the API's documentation, a file of its published code).
    `probe` checks it with one cheap request, and raises `SourceError` if it cannot. The result is stored as the state
    `assumption/NAME`, "holds" or "does not hold" (`Stored.get_state`).
    """

    name: str
    says: str
    otherwise: str
    basis: str
    probe: Callable[[Client], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedRows:
    """How many rows a healthy poll of the whole watchlist finds. With more or fewer, the run is not trusted."""

    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyQuota:
    """How many requests a key may make per UTC day. Sources that share a quota use the same `name`."""

    name: str
    requests_per_day: int


class Source(ABC):
    """One upstream. An adapter declares only what differs from the defaults."""

    name: str
    """Its name in commands, settings and the database: lower case, one word."""
    title: str
    """Its name for readers."""
    publisher: str = ""
    """Who publishes it, for citations; "" if that is its title."""
    lists_every: frozenset[AwardCategory] = frozenset()
    """The categories of which it lists every award, so that pages say where one is missing in it."""
    base_url: str
    """Its URL, unless the settings override it."""
    rate_limit: RateLimit
    """How many requests it may be sent."""
    expected_rows: ExpectedRows
    """How many rows a poll finds."""
    api_key_header: str | None = None
    """The header for its API key (setting `sources.NAME.key`); `None` if it needs no key."""
    api_key_parameter: str = ""
    """The query parameter for its API key if it does not read the header; "" if it has none."""
    extra_hosts: Mapping[str, str] = MappingProxyType({})
    """The URLs of its other hosts, by the name used in `Client.get(..., host=NAME)`."""
    quota: DailyQuota | None = None
    """The daily quota of its key, `None` if there is none."""
    min_poll_interval: timedelta = timedelta(0)
    """The minimum time between two polls: an earlier one would find nothing new."""
    store_unmatched: bool = True
    """Whether records that match nobody are stored; else only those that match or are stored already."""
    reads_archives: bool = False
    """Whether it has whole files instead of searches: it is polled only for what was backfilled from them."""
    is_sample: bool = False
    """Whether it has only some of the upstream's records, so that reading it covers no period."""
    enabled_by_default: bool = True
    """Whether it is polled unless the settings override it."""
    reporting_delay: str = ""
    """One sentence on what it does not contain yet ("DoD awards appear 90 days after ..."), "" if nothing."""
    assumptions: Sequence[Assumption] = ()
    """Its unproven assumptions about the upstream, which `procurewatch doctor` checks."""

    @abstractmethod
    def health_check(self, client: Client) -> bool:
        """Request something that always exists; whether it is there. Raises `SourceError` like `fetch`."""

    @abstractmethod
    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> Sequence[FetchStep]:
        """Plan the searches of a poll, oldest news first. Sends no request."""

    @abstractmethod
    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> Sequence[FetchStep]:
        """Plan the searches for the whole history between two days, inclusive, in slices. Sends no request."""

    @abstractmethod
    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Read one step to its end; give one item per record or group of records.

        Raises:
            SourceError: one of its subclasses. The next run retries the step.
        """

    @abstractmethod
    def parse(self, payload: Payload) -> Sequence[Record]:
        """Parse a payload into records, and problems for what cannot be parsed. Pure."""

    def is_wanted(self, step: FetchStep, terms: SearchTerms) -> bool:  # noqa: ARG002
        """Whether to retry a failed step: the watchlist may have changed since. Pure."""
        return True

    def data_version(self, client: Client) -> str:  # noqa: ARG002
        """Return a value that changes with the upstream's data, "" if it has none. Raises `SourceError`."""
        return ""


@runtime_checkable
class FileSource(Protocol):
    """A source whose records can also be imported from files."""

    @property
    def import_notifies(self) -> bool:
        """Whether importing a file publishes its records as news (a page saved today), or not (an archive)."""

    def read_file(self, file: Path) -> Iterator[Fetched]:
        """Read a file in bounded memory. Raises `SourceChanged` if it is not of this source."""
