"""A question in two parts: its shape, which decides how the database is asked, and its values, which are handed in.

Making a statement takes longer than most answers do. Of a shape it is made once; what is asked comes in by name when it
is executed. Nothing that makes statements sees a value, so that none of one question can stay behind for another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from storage.models import AWARDS, PUBLICATIONS
from storage.search.full_text import (
    Either,
    agency_term,
    asked_terms,
    excluded_terms,
    for_index,
    is_agency_code,
    pattern,
)
from storage.search.index import department_of, first_place
from storage.search.query import BandFilter, Query

Dialect = Literal["sqlite", "postgresql"]
Pairs = Iterator[tuple[str, object]]

MOST_KEPT = 100  # shapes of each kind of statement; one with very many values takes a megabyte
WHOLE_CODE = {"psc": 4, "naics": 6}
KIND_GROUPS = {"award": sorted(AWARDS), "publication": sorted(PUBLICATIONS)}


class Forms(NamedTuple):
    """A term: in how many forms it may stand, and whether one of them is several words in a row."""

    number: int
    in_a_row: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What of a question decides how it is asked. Numbers are those of the values of a part.

    `agency` has for each agency the columns that it may stand in, if any is given by its code (names alone are
    `terms`); `psc` and `naics` the lengths of codes, 0 of a whole one; `resold` whether the recipient must (not) be
    somebody else than the vendor.
    """

    dialect: Dialect
    band: BandFilter
    terms: tuple[Forms, ...]
    without: tuple[Forms, ...]
    vendor: int
    category: int
    kind: int
    event: int
    state: int
    source: int
    agency: tuple[tuple[str, ...], ...]
    competition: int
    psc: tuple[int, ...]
    naics: tuple[int, ...]
    since: bool
    until: bool
    seen_since: bool
    seen_until: bool
    min_amount: bool
    max_amount: bool
    resold: bool | None
    verdict: bool

    @property
    def is_public(self) -> bool:
        """Whether every reader may ask this, as `Query.is_public`."""
        return self.band is BandFilter.PUBLISHED and not self.verdict


class Asked(NamedTuple):
    """A question as the database is asked: its shape, and the values by the names that `storage.search.filters`
    gives."""

    shape: Shape
    values: Mapping[str, Any]


@lru_cache(MOST_KEPT)
def asked(query: Query, dialect: Dialect) -> Asked:
    """Return a question in its two parts, for a database of this kind."""
    terms, without = asked_terms(query), excluded_terms(query)
    values = dict(_values(query))
    values |= dict(_patterns("term", terms)) | dict(_patterns("without", without))
    if terms:
        values["index"] = for_index(terms, dialect)
    shape = Shape(
        dialect=dialect,
        band=query.band,
        terms=tuple(_forms(either) for either in terms),
        without=tuple(_forms(either) for either in without),
        vendor=len(query.vendor),
        category=len(query.category),
        kind=len(_kinds(query)),
        event=len(query.event),
        state=len(query.state),
        source=len(query.source),
        agency=tuple(_columns_of(agency) for agency in query.agency) if _has_agency_code(query) else (),
        competition=len(query.competition),
        psc=tuple(_length("psc", code) for code in query.psc),
        naics=tuple(_length("naics", code) for code in query.naics),
        since=query.since is not None,
        until=query.until is not None,
        seen_since=query.seen_since is not None,
        seen_until="seen_until" in values,
        min_amount=query.min_amount is not None,
        max_amount=query.max_amount is not None,
        resold=query.reseller != "no" if query.reseller else None,
        verdict=bool(query.verdict),
    )
    return Asked(shape, MappingProxyType(values))


def nth(name: str, number: int) -> str:
    """Return under which name a value of several comes in: not kind_1, as SQLAlchemy names what it binds by itself."""
    return f"{name}{number}"


def _values(query: Query) -> Pairs:
    for name in ("vendor", "category", "event", "state", "source", "competition", "psc", "naics"):
        yield from _numbered(name, getattr(query, name))
    yield from _numbered("kind", _kinds(query))
    if _has_agency_code(query):
        for number, agency in enumerate(query.agency):
            yield from (
                (f"{nth('agency', number)}{column}", _in_column(agency, column)) for column in _columns_of(agency)
            )
    for name in ("since", "until", "min_amount", "max_amount", "verdict"):
        if (value := getattr(query, name)) not in (None, ""):
            yield name, value
    yield from _dates(query)


def _dates(query: Query) -> Pairs:
    if query.since or query.until:
        yield "first_place", first_place(query.since or date(1, 1, 2))
    if query.seen_since:
        yield "seen_since", _midnight(query.seen_since)
    if query.seen_until and query.seen_until < date.max:
        yield "seen_until", _midnight(query.seen_until + timedelta(days=1))


def _numbered(name: str, values: tuple[str, ...]) -> Pairs:
    return ((nth(name, number), str(value)) for number, value in enumerate(values))


def _patterns(name: str, terms: list[Either]) -> Pairs:
    for number, either in enumerate(terms):
        yield from _numbered(f"{nth(name, number)}form", tuple(pattern(term) for term in either))


def _forms(either: Either) -> Forms:
    return Forms(len(either), any(len(term.tokens) > 1 for term in either))


def _kinds(query: Query) -> tuple[str, ...]:
    return tuple(sorted({kind for given in query.kind for kind in KIND_GROUPS.get(given, [given])}))


def _has_agency_code(query: Query) -> bool:
    return any(is_agency_code(agency) for agency in query.agency)


def _columns_of(agency: str) -> tuple[str, ...]:
    if not is_agency_code(agency):
        return ("words",)
    sub = ("sub_agency_code",) if len(agency) == 4 else ()
    return (*sub, "department") if len(department_of(agency.upper())) == 3 else sub


def _in_column(agency: str, column: str) -> str:
    if column == "words":
        return pattern(agency_term(agency))
    return department_of(agency.upper()) if column == "department" else agency.upper()


def _length(name: str, code: str) -> int:
    return 0 if len(code) >= WHOLE_CODE[name] else len(code)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)
