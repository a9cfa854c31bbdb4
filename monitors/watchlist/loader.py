"""Reading the watchlist: YAML files, validated to the line. Pure but for reading those files.

The files shipped with the program are in `monitors/vendors/`; a user's own file has the same form. An entry whose id is
already known replaces that entry as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

import yaml

from monitors.normalize import fold_text, parse_name
from monitors.watchlist.model import (
    TOPIC_PREFIX,
    Evidence,
    Kind,
    KnownName,
    Portfolio,
    Product,
    Strength,
    Vendor,
    Watchlist,
)
from monitors.watchlist.search_terms import SHORTEST_PHRASE
from monitors.watchlist.uei import has_form
from monitors.watchlist.yaml_reader import (
    Place,
    WatchlistError,
    compose,
    items,
    mapping,
    refuse_unknown,
    string,
    truth,
    unknown,
)

__all__ = [
    "Entries",
    "Evidence",
    "Kind",
    "KnownName",
    "Portfolio",
    "Product",
    "Strength",
    "Vendor",
    "Watchlist",
    "WatchlistError",
    "load_watchlist",
    "read_categories",
    "read_entries",
    "read_entry",
    "read_file",
    "shared_names",
]

EARLIEST_YEAR, LATEST_YEAR = 1800, 2100

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_CAGE = re.compile(r"[A-HJ-NP-Z0-9]{5}")  # that of a US company begins and ends with a digit, a foreign one's need not

_Choice = TypeVar("_Choice", bound=StrEnum)
_Item = TypeVar("_Item")
Entries = dict[str, tuple[Vendor, Place]]


def load_watchlist(*extra: Path) -> Watchlist:
    """Return the shipped watchlist, extended or overridden entry by entry by the user's own files, in order.

    Raises:
        WatchlistError: a file is unreadable, not the YAML it should be, or two vendors claim the same name.
    """
    categories = read_categories()
    entries = read_entries(*extra, categories=categories)
    for place, message in shared_names(entries.values()):
        raise place.error(message)
    return Watchlist(tuple(entries[key][0] for key in sorted(entries)), categories)


def read_entries(*extra: Path, categories: Mapping[str, str]) -> Entries:
    """Return id -> (entry, where it stands) of the shipped files and the user's own; names may still clash."""
    entries: Entries = {}
    for file in sorted(_shipped().iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml") and file.name != "categories.yaml":
            for vendor, place in read_file(file, categories):
                if vendor.id in entries:
                    raise place.error(f"id is already used in {entries[vendor.id][1].file}")
                entries[vendor.id] = (vendor, place)
    for path in extra:
        entries |= {vendor.id: (vendor, place) for vendor, place in read_file(path, categories)}
    return entries


def shared_names(entries: Iterable[tuple[Vendor, Place]]) -> Iterator[tuple[Place, str]]:
    """Give each name that two vendors have (legal forms and spaces aside): a record could not tell them apart."""
    owners: dict[str, Vendor] = {}
    for vendor, place in entries:
        for known in vendor.known_names:
            name = parse_name(known.name)
            owner = owners.setdefault(name.tight, vendor) if name else vendor
            if owner.id != vendor.id:
                yield place, f'name "{known.name}" is also a name of vendor "{owner.id}"'


def _shipped() -> Traversable:
    return resources.files("monitors") / "vendors"


def read_categories() -> dict[str, str]:
    """Return the technology categories, slug -> title, in the order of their file."""
    place, node = compose(_shipped() / "categories.yaml")
    return {key: string(value, place, key) for key, (_, value) in mapping(node, place).items()}


def read_file(file: Traversable | Path, categories: Mapping[str, str]) -> list[tuple[Vendor, Place]]:
    """Return the entries of one file, each with the place it stands at.

    Raises:
        WatchlistError: the first thing that is wrong with it.
    """
    place, root = compose(file)
    top = mapping(root, place)
    refuse_unknown(top, ("vendors",), place)
    if "vendors" not in top:
        raise place.error('missing field "vendors"')
    found: dict[str, tuple[Vendor, Place]] = {}
    for node in items(top["vendors"][1], place, "vendors"):
        vendor, where = read_entry(node, place, categories)
        if vendor.id in found:
            raise where.error(f"duplicate id, first used on line {found[vendor.id][1].line}")
        found[vendor.id] = (vendor, where)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the fields of one entry, each as what it is."""

    fields: Mapping[str, tuple[yaml.Node, yaml.Node]]
    place: Place

    def text(self, name: str) -> str:
        return string(self.fields[name][1], self.place, name) if name in self.fields else ""

    def many(self, name: str, read: Callable[[yaml.Node, Place, str], _Item]) -> tuple[_Item, ...]:
        if name not in self.fields:
            return ()
        return tuple(read(item, self.place, name) for item in items(self.fields[name][1], self.place, name))

    def choice(self, name: str, kind: type[_Choice], default: _Choice) -> _Choice:
        return _choice(kind, self.fields[name][1], self.place) if name in self.fields else default

    def error(self, name: str, what: str) -> WatchlistError:
        return self.place.at(self.fields[name][1]).error(what)


FIELDS = tuple(Vendor.__dataclass_fields__)
_OF_A_TOPIC = ("id", "name", "category", "kind", "products", "exclusions", "sources", "evidence", "note")


def read_entry(node: yaml.Node, place: Place, categories: Mapping[str, str]) -> tuple[Vendor, Place]:
    """Return one entry from its YAML node, and where it stands.

    Raises:
        WatchlistError: the first thing that is wrong with it, with file, line and vendor.
    """
    where = place.at(node)
    fields = mapping(node, where)
    identity = fields.get("id", fields.get("name"))
    if identity and isinstance(identity[1], yaml.ScalarNode):
        where = Place(where.file, where.line, identity[1].value)
    refuse_unknown(fields, FIELDS, where)
    for required in ("id", "name", "category"):
        if required not in fields:
            raise where.error(f'missing field "{required}"')
    reader = _Reader(fields, where)
    vendor = Vendor(
        id=reader.text("id"),
        name=reader.text("name"),
        category=reader.text("category"),
        kind=reader.choice("kind", Kind, Kind.VENDOR),
        legal_names=reader.many("legal_names", _known_name),
        former_names=reader.many("former_names", _known_name),
        dba_names=reader.many("dba_names", _known_name),
        aliases=reader.many("aliases", _known_name),
        parents=reader.many("parents", _known_name),
        subsidiaries=reader.many("subsidiaries", _known_name),
        ueis=reader.many("ueis", _uei),
        cages=reader.many("cages", _cage),
        products=_by_strength(reader.many("products", _product)),
        exclusions=reader.many("exclusions", _phrase),
        portfolio=reader.choice("portfolio", Portfolio, Portfolio.PURE),
        resellers=reader.many("resellers", _phrase),
        sources=reader.many("sources", _source),
        evidence=reader.choice("evidence", Evidence, Evidence.OWN),
        note=reader.text("note"),
    )
    _check_identity(vendor, reader, categories)
    return vendor, where


def _check_identity(vendor: Vendor, reader: _Reader, categories: Mapping[str, str]) -> None:
    if not _ID.fullmatch(vendor.id):
        raise reader.error("id", "id must be lower-case words joined by hyphens")
    if vendor.category not in categories:
        raise reader.error("category", unknown("category", vendor.category, categories))
    if vendor.id.startswith(TOPIC_PREFIX) != (vendor.kind is Kind.TOPIC):
        raise reader.error("id", f'the id of a topic, and of nothing else, begins with "{TOPIC_PREFIX}"')
    if vendor.kind is Kind.TOPIC:
        for name, (key, _) in reader.fields.items():
            if name not in _OF_A_TOPIC:
                raise reader.place.at(key).error(f'a topic names no company: it has no "{name}"')
        if not vendor.products:
            raise reader.place.error('a topic needs "products", the phrases it is recognised by')


def _by_strength(products: tuple[Product, ...]) -> tuple[Product, ...]:
    """Return products in one order, the strongest first, so that two ways to write an entry make no difference."""
    order = list(Strength)
    return tuple(sorted(products, key=lambda product: order.index(product.strength)))


def _long_enough(value: str, node: yaml.Node, place: Place, name: str) -> str:
    if len(fold_text(value)) < SHORTEST_PHRASE:
        raise place.at(node).error(f'"{value}" in "{name}" is shorter than {SHORTEST_PHRASE} characters')
    return value


def _phrase(node: yaml.Node, place: Place, name: str) -> str:
    """Return a phrase that is long enough to mean something."""
    return _long_enough(string(node, place, name), node, place, name)


def _known_name(node: yaml.Node, place: Place, name: str) -> KnownName:
    """Return a name, written as plain text or with its years: {name: ..., from: 2019, until: 2023}."""
    if not isinstance(node, yaml.MappingNode):
        return KnownName(_phrase(node, place, name))
    where = place.at(node)
    fields = mapping(node, where)
    refuse_unknown(fields, ("name", "from", "until", "portfolio"), where)
    if "name" not in fields:
        raise where.error(f'a name in "{name}" needs "name"')
    reader = _Reader(fields, where)
    since, until = _year(reader, "from"), _year(reader, "until")
    if since and until and since > until:
        raise where.error(f'"from" {since} is after "until" {until}')
    portfolio = _choice(Portfolio, fields["portfolio"][1], where) if "portfolio" in fields else None
    return KnownName(_phrase(fields["name"][1], where, name), since, until, portfolio)


def _year(reader: _Reader, name: str) -> int | None:
    written = reader.text(name)
    if not written:
        return None
    if not re.fullmatch(r"\d{4}", written, re.ASCII) or not EARLIEST_YEAR <= int(written) <= LATEST_YEAR:
        raise reader.error(name, f'"{name}" must be a year, such as 2019')
    return int(written)


def _uei(node: yaml.Node, place: Place, name: str) -> str:
    value = string(node, place, name).upper()
    if not has_form(value):
        raise place.at(node).error(f'"{value}" is not a UEI (12 letters and digits, no I or O, no leading 0)')
    return value


def _cage(node: yaml.Node, place: Place, name: str) -> str:
    value = string(node, place, name).upper()
    if not _CAGE.fullmatch(value):
        raise place.at(node).error(f'"{value}" is not a CAGE code (5 letters and digits, no I or O)')
    return value


def _source(node: yaml.Node, place: Place, name: str) -> str:
    value = string(node, place, name)
    if not value.startswith(("https://", "http://")) or " " in value:
        raise place.at(node).error(f'source "{value}" is not a web address')
    return value


def _product(node: yaml.Node, place: Place, _name: str) -> Product:
    where = place.at(node)
    fields = mapping(node, where)
    refuse_unknown(fields, ("phrase", "strength", "search"), where)
    if "phrase" not in fields or "strength" not in fields:
        raise where.error('a product needs "phrase" and "strength"')
    phrase = string(fields["phrase"][1], where, "phrase")
    if len(fold_text(phrase)) < SHORTEST_PHRASE:
        raise where.error(f'phrase "{phrase}" is shorter than {SHORTEST_PHRASE} characters')
    search = truth(fields["search"][1], where, "search") if "search" in fields else True
    return Product(phrase, _choice(Strength, fields["strength"][1], where), search)


def _choice(kind: type[_Choice], node: yaml.Node, place: Place) -> _Choice:
    value = string(node, place, kind.__name__.lower())
    try:
        return kind(value)
    except ValueError:
        raise place.at(node).error(unknown(kind.__name__.lower(), value, [choice.value for choice in kind])) from None
