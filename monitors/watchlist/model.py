"""The watchlist's data: a vendor with all its names, or a topic, phrases that name no company.

The types say what is valid in a file; `monitors.watchlist.loader` checks them with pydantic. docs/watchlist.md
describes each field.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo, WrapSerializer, with_config

from monitors.normalize import NORM_VERSION, normalize_text
from monitors.watchlist.uei import has_form
from monitors.watchlist.yaml_reader import unknown

TOPIC_PREFIX = "topic-"
MIN_PHRASE_LENGTH = 3
MIN_YEAR, MAX_YEAR = 1800, 2100
FORBID_UNKNOWN = ConfigDict(extra="forbid")

_CODE = re.compile(r"[A-Z0-9]{4}|\d{6}")
_CAGE = re.compile(r"[A-HJ-NP-Z0-9]{5}")  # a US company's begins and ends with a digit; a foreign one's need not


class Kind(StrEnum):
    """A company, or a topic: phrases that say what is bought, not from whom."""

    VENDOR = "vendor"
    TOPIC = "topic"


class Strength(StrEnum):
    """What a phrase in a description is enough for: to publish, to ask for a review, or nothing by itself."""

    STRONG = "strong"
    MEDIUM = "medium"
    WEAK = "weak"


class Portfolio(StrEnum):
    """How much of what a vendor sells the government is surveillance technology: all, a part, or hardly any.

    The name alone of a `mixed` vendor goes to review. So does that of a `broad` one (an integrator, a carrier, a
    cloud), but only if it is exact, with the lowest score there is, and sources are not searched for it. A `broad`
    parent (an investor, a conglomerate) counts only together with a phrase.
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


def _min_length(length: int) -> Callable[[str], str]:
    """Return a validator that joins white space and wants so many letters and digits."""

    def check(value: str) -> str:
        value = " ".join(value.split())
        if len(normalize_text(value)) < length:
            raise ValueError(f'"{value}" is too short: at least {length} letters or digits')
        return value

    return check


def _check_category(value: str, info: ValidationInfo) -> str:
    if info.context and value not in info.context:
        raise ValueError(unknown("category", value, info.context))
    return value


def _check_code(is_valid: Callable[[str], object], kind: str) -> Callable[[str], str]:
    """Return a validator of codes, which are stored in upper case."""

    def check(value: str) -> str:
        value = value.strip().upper()
        if not is_valid(value):
            raise ValueError(f'"{value}" is not a {kind}')
        return value

    return check


def _check_url(value: str) -> str:
    if not value.startswith(("https://", "http://")) or " " in value:
        raise ValueError(f'source "{value}" is not a web address')
    return value


Uei = Annotated[str, AfterValidator(_check_code(has_form, "UEI (12 letters and digits, no I or O, no leading 0)"))]
Cage = Annotated[str, AfterValidator(_check_code(_CAGE.fullmatch, "CAGE code (5 letters and digits, no I or O)"))]
Url = Annotated[str, AfterValidator(_check_url)]
Phrase = Annotated[str, AfterValidator(_min_length(MIN_PHRASE_LENGTH))]
Year = Annotated[int, Field(ge=MIN_YEAR, le=MAX_YEAR)]


def _check_word(value: str) -> str:
    word = normalize_text(value)
    if not word or " " in word:
        raise ValueError(f'"near" lists single words, not "{value}"')
    return word


NearWord = Annotated[str, AfterValidator(_check_word)]
CodeText = Annotated[str, AfterValidator(_check_code(_CODE.fullmatch, "PSC (4 characters) or NAICS code (6 digits)"))]


@with_config(FORBID_UNKNOWN)
@dataclass(frozen=True, slots=True)
class Product:
    """A phrase that, in a description, points to an entry, and how strongly.

    `search` is false for phrases that mean too much else to search a source for (TASER, LPR): they only match. With
    `near` the phrase counts only if one of these words stands near it: COVERT near CAMERA. `portfolio` is set where
    the phrase names another part of a vendor's business: CONDUCTED ENERGY WEAPON.
    """

    phrase: Phrase
    strength: Strength
    search: bool = True
    near: tuple[NearWord, ...] = ()
    portfolio: Portfolio | None = None


@with_config(FORBID_UNKNOWN)
@dataclass(frozen=True, slots=True)
class Code:
    """A code of what is bought (PSC) or of the seller's industry (NAICS) that fits a topic: 1550 is UNMANNED AIRCRAFT.

    A record is compared by the code, or by its `name` where the source gives no code. A `medium` code asks for a review
    by itself; a `weak` one only supports the words of a description.
    """

    code: CodeText
    name: Phrase
    strength: Strength = Strength.WEAK


@with_config(FORBID_UNKNOWN)
@dataclass(frozen=True, slots=True)
class KnownName:
    """A name with the first and last year of its use (or of the ownership), where they are known.

    `portfolio` is set where this name says more, or less, about what is bought than the entry's others.
    """

    name: Phrase
    since: Annotated[Year | None, Field(alias="from")] = None
    until: Year | None = None
    portfolio: Portfolio | None = None

    def covers(self, first: int, last: int) -> bool:
        """Return whether the name was in use in one of the years `first` to `last`; it may linger a year."""
        return (self.since is None or self.since <= last) and (self.until is None or self.until >= first - 1)

    @property
    def years(self) -> str:
        """The years in words, "" where none are known: "from 2019", "until 2023", "2019 to 2023"."""
        if self.since and self.until:
            return f"{self.since} to {self.until}"
        return f"from {self.since}" if self.since else f"until {self.until}" if self.until else ""


def _check_years(known: KnownName) -> KnownName:
    if known.since and known.until and known.since > known.until:
        raise ValueError(f'"from" {known.since} is after "until" {known.until}')
    return known


# In a file, a name without years or portfolio is plain text.
_Name = Annotated[
    KnownName,
    BeforeValidator(lambda value: value if isinstance(value, dict) else {"name": value}),
    AfterValidator(_check_years),
    WrapSerializer(lambda known, to_dict: to_dict(known) if len(to_dict(known)) > 1 else known.name),
]
Names = tuple[_Name, ...]
# The strongest first, so that two ways to write an entry make no difference.
_Products = Annotated[
    tuple[Product, ...],
    AfterValidator(lambda products: tuple(sorted(products, key=lambda each: list(Strength).index(each.strength)))),
]


@with_config(FORBID_UNKNOWN)
@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One entry of the watchlist, as written in its file."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    name: Annotated[str, AfterValidator(_min_length(2))]
    category: Annotated[str, AfterValidator(_check_category)]
    kind: Kind = Kind.VENDOR
    evidence: Evidence = Evidence.OWN
    portfolio: Portfolio = Portfolio.PURE
    legal_names: Names = ()
    former_names: Names = ()
    dba_names: Names = ()
    aliases: Names = ()
    parents: Names = ()
    subsidiaries: Names = ()
    ueis: tuple[Uei, ...] = ()
    cages: tuple[Cage, ...] = ()
    products: _Products = ()
    codes: tuple[Code, ...] = ()
    exclusions: tuple[Phrase, ...] = ()
    resellers: tuple[Phrase, ...] = ()
    sources: tuple[Url, ...] = ()
    note: Annotated[str, AfterValidator(_min_length(1))] = ""

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


def _check_topic(vendor: Vendor) -> Vendor:
    if vendor.id.startswith(TOPIC_PREFIX) != (vendor.kind is Kind.TOPIC):
        raise ValueError(f'the id of a topic, and of nothing else, begins with "{TOPIC_PREFIX}"')
    if vendor.kind is Kind.VENDOR and vendor.codes:
        raise ValueError('only a topic has "codes"')
    if any(code.strength is Strength.STRONG for code in vendor.codes):
        raise ValueError("a code is medium or weak: it never publishes alone")
    if vendor.kind is Kind.TOPIC:
        for name in ("portfolio", *NAME_FIELDS, "ueis", "cages", "resellers"):
            if getattr(vendor, name) not in ((), Portfolio.PURE):
                raise ValueError(f'a topic names no company: it has no "{name}"')
        if not vendor.products:
            raise ValueError('a topic needs "products", the phrases it is recognised by')
    return vendor


NAME_FIELDS = ("legal_names", "former_names", "dba_names", "aliases", "parents", "subsidiaries")
TEXT_FIELDS = ("ueis", "cages", "exclusions", "resellers", "sources")
Entry = Annotated[Vendor, AfterValidator(_check_topic)]


@dataclass(frozen=True)
class Watchlist:
    """All entries, ordered by id, and the categories they are sorted into (slug -> title)."""

    vendors: tuple[Vendor, ...]
    categories: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> Mapping[str, Vendor]:
        """The entries by their ids."""
        return {vendor.id: vendor for vendor in self.vendors}

    @cached_property
    def version(self) -> str:
        """A short hash of everything that decides what matches: the entries and the normalization rules."""
        return hashlib.sha256(repr((NORM_VERSION, self.vendors)).encode()).hexdigest()[:12]
