"""What an entry of the watchlist is: a vendor with all its names, or a topic, a term that names nobody. Pure data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from monitors.normalize import NORM_VERSION

TOPIC_PREFIX = "topic-"


class Kind(StrEnum):
    """What an entry is: a company, or a topic, words that tell what is bought and not from whom."""

    VENDOR = "vendor"
    TOPIC = "topic"


class Strength(StrEnum):
    """How much a phrase in a description says on its own: enough to publish, to ask a person, or nothing."""

    STRONG = "strong"
    MEDIUM = "medium"
    WEAK = "weak"


class Portfolio(StrEnum):
    """How much of what a vendor sells the government is surveillance technology: all, a part, or hardly any.

    The name alone of a `mixed` vendor goes to review. So does that of a `broad` one (an integrator, a carrier, a
    cloud), but only exactly, with the lowest score there is, and sources are not asked for it; as the name of
    a mere owner (an investor, a conglomerate) it says nothing without a phrase.
    """

    PURE = "pure"
    MIXED = "mixed"
    BROAD = "broad"


class Evidence(StrEnum):
    """Where the knowledge about an entry comes from; `own` is a user's entry, `background` is not verified."""

    PRIMARY = "primary"
    PRESS = "press"
    OSINT = "osint"
    BACKGROUND = "background"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Product:
    """Words that, in a description, point to an entry, and how strongly.

    `search` is false for words that mean too much else to ask a source for (TASER, LPR): they are only recognised.
    """

    phrase: str
    strength: Strength
    search: bool = True


@dataclass(frozen=True, slots=True)
class KnownName:
    """A name with the years it was borne (or the company owned), where they are known, both inclusive.

    `portfolio` is set where this name alone says more, or less, than those of the rest of the entry.
    """

    name: str
    since: int | None = None
    until: int | None = None
    portfolio: Portfolio | None = None

    def covers(self, first: int, last: int) -> bool:
        """Whether the name was borne in one of the years `first` to `last`; it may live a year longer."""
        return (self.since is None or self.since <= last) and (self.until is None or self.until >= first - 1)

    @property
    def years(self) -> str:
        """The years in words, "" where none are known: "from 2019", "until 2023", "2019 to 2023"."""
        if self.since and self.until:
            return f"{self.since} to {self.until}"
        return f"from {self.since}" if self.since else f"until {self.until}" if self.until else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One entry of the watchlist, as written in its file. docs/watchlist.md says what each field does."""

    id: str
    name: str
    category: str
    kind: Kind = Kind.VENDOR
    legal_names: tuple[KnownName, ...] = ()
    former_names: tuple[KnownName, ...] = ()
    dba_names: tuple[KnownName, ...] = ()
    aliases: tuple[KnownName, ...] = ()
    parents: tuple[KnownName, ...] = ()
    subsidiaries: tuple[KnownName, ...] = ()
    ueis: tuple[str, ...] = ()
    cages: tuple[str, ...] = ()
    products: tuple[Product, ...] = ()
    exclusions: tuple[str, ...] = ()
    portfolio: Portfolio = Portfolio.PURE
    resellers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    evidence: Evidence = Evidence.OWN
    note: str = ""

    @property
    def known_names(self) -> Iterator[KnownName]:
        """Every name of the company itself: display name, legal, former, DBA names, aliases; none for a topic."""
        if self.kind is Kind.VENDOR:
            yield KnownName(self.name)
            yield from (*self.legal_names, *self.former_names, *self.dba_names, *self.aliases)

    @property
    def names(self) -> tuple[str, ...]:
        """The same, as plain text; the display name of a topic too."""
        return tuple(known.name for known in self.known_names) or (self.name,)

    def portfolio_of(self, known: KnownName) -> Portfolio:
        """Return what one of the entry's names says about what is bought."""
        return known.portfolio or self.portfolio


@dataclass(frozen=True)
class Watchlist:
    """All entries, ordered by id, and the categories they are sorted into (slug -> title)."""

    vendors: tuple[Vendor, ...]
    categories: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> Mapping[str, Vendor]:
        """The entries by their id."""
        return {vendor.id: vendor for vendor in self.vendors}

    @cached_property
    def version(self) -> str:
        """A short hash of all that decides how records match: the entries and the normalisation rules."""
        return hashlib.sha256(repr((NORM_VERSION, self.vendors)).encode()).hexdigest()[:12]
