"""The contract that every source follows, and the words in which it is asked.

A source is one module with one class of this shape and one line in `sources/registry.py`
(docs/add-a-source.md). It plans its work as `Step`s, because a step is what a run can finish, checkpoint and never
repeat; `fetch` is the only part that touches the network; `parse` is pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Protocol, runtime_checkable

from sources.http import Client, Pace
from sources.records import Payload, Problem, Record


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRecord:
    """What is stored of a record of this source: enough to say whether a search row tells anything new.

    `actions` holds (modification, date signed, obligation in dollars) of every stored action, of an award.
    """

    key: str
    revision: str
    actions: frozenset[tuple[str, date | None, Decimal | None]] = frozenset()


class Stored(Protocol):
    """What a source may know of what is stored."""

    def held(self, key: str, /) -> HeldRecord | None:
        """Look a record up by its key; `None` when this source has not brought it."""

    def concerns(self, record: Record, /) -> bool:
        """Whether a record concerns anybody on the watchlist, as it stands: worth the cost of asking for more."""

    def note(self, name: str, /) -> str:
        """Return what this source noted for itself on an earlier run (a token ...), "" if nothing."""

    def keep_note(self, name: str, value: str, /) -> None:
        """Note something for later runs, at once and for good; "" forgets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interest:
    """What a run looks for, in words any source can use.

    `names`: recipient names, upper case, without legal forms where what is left is distinctive.
    `ueis`: unique entity identifiers. `phrases`: product and vendor phrases for descriptions.
    `held_piids`: PIIDs, by award category ("contract", "idv"), of stored awards that matched and may still change.
    """

    names: tuple[str, ...] = ()
    ueis: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    held_piids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The dates a poll covers, all inclusive.

    `signed_since`: new awards, by date signed. `modified_since`: changes, by the source's last-modified date.
    `acted_since`: set on a sweep only, the wide look-back for what arrived late, by action date.
    """

    until: date
    signed_since: date
    modified_since: date
    acted_since: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One part of a run: a search that is walked to its end. `key` is the same on every run over the same window."""

    key: str
    query: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A search row whose award is stored already, in the same state."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """Pages that could not be proved complete: `expected` rows by the source's own count, `received` distinct ones."""

    step: str
    expected: int
    received: int


Fetched = Payload | Problem | Unchanged | Shortfall


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBounds:
    """How many rows a healthy poll of the whole watchlist brings. Outside them the run is not believed."""

    at_least: int
    at_most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How many requests a key may make in one UTC day. Sources that share a quota give it the same name."""

    name: str
    a_day: int


class Source(Protocol):
    """One upstream."""

    @property
    def name(self) -> str:
        """Its name in commands, settings and the database: lower case, one word."""

    @property
    def title(self) -> str:
        """Its name for readers."""

    @property
    def base_url(self) -> str:
        """Where it is, unless the settings say otherwise."""

    @property
    def needs_key(self) -> str | None:
        """The header its key travels in (the key is the setting `sources.NAME.key`); `None` when everybody may ask."""

    @property
    def pace(self) -> Pace:
        """How politely it must be asked."""

    @property
    def expects(self) -> RowBounds:
        """How many rows a poll brings."""

    @property
    def also(self) -> Mapping[str, str]:
        """Other hosts it is read from: what `Client.get(..., at=NAME)` calls each, and where it is."""

    @property
    def quota(self) -> Quota | None:
        """The quota its key has, `None` if there is none."""

    @property
    def rests(self) -> timedelta:
        """The least time between two polls: more would bring nothing. Zero when there is no such limit."""

    @property
    def keeps_all(self) -> bool:
        """Whether everything it gives is stored; else only what concerns somebody or is stored already."""

    @property
    def on_by_default(self) -> bool:
        """Whether it is asked unless the settings say otherwise."""

    @property
    def delay(self) -> str:
        """One sentence on what it cannot tell yet ("DoD awards appear 90 days after ..."), "" if nothing."""

    def control(self, client: Client) -> bool:
        """Ask for something that always exists; whether it was there. Raises `SourceError` as `fetch` does."""

    def poll_steps(self, interest: Interest, window: Window) -> Sequence[Step]:
        """Plan the searches of a poll, oldest news first. Touches no network."""

    def backfill_steps(self, interest: Interest, since: date, until: date) -> Sequence[Step]:
        """Plan the searches for the whole history between two days, inclusive, in slices. Touches no network."""

    def fetch(self, client: Client, step: Step, stored: Stored) -> Iterator[Fetched]:
        """Walk one step to its end, one item per record or group of records found.

        Raises:
            SourceError: one of its leaves says whether the source is unreachable, blocked or changed.
        """

    def parse(self, payload: Payload) -> Sequence[Record]:
        """Read a payload into the records it holds, and problems for what could not be read. Pure."""


@runtime_checkable
class FileSource(Protocol):
    """A source whose records can also be read from files that people hold."""

    @property
    def files_are_news(self) -> bool:
        """Whether such a file holds what is new (a page saved today), or an archive."""

    def read_file(self, file: Path) -> Iterator[Fetched]:
        """Read a file, in bounded memory. Raises `SourceChanged` when it is not what this source publishes."""
