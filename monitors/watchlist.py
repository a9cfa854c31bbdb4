"""The watchlist: which vendors to look for, read from YAML files and validated. Pure but for reading those files.

The files shipped with the program are in `monitors/vendors/`; a user's own file has the same form. An entry whose id is
already known replaces that entry as a whole.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

import yaml

from monitors.names import NORM_VERSION, fold_text, is_common, parse_name
from monitors.strictyaml import Place, WatchlistError, compose, items, mapping, refuse_unknown, string, unknown

__all__ = [
    "Evidence",
    "Portfolio",
    "Product",
    "Strength",
    "Vendor",
    "Watchlist",
    "WatchlistError",
    "load_watchlist",
    "mentions",
    "search_names",
    "search_phrases",
]

SHORTEST_PHRASE = 3
SHORTEST_SEARCH = 7

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# A UEI is 12 letters and digits without I and O and does not start with 0. GSA has not published how its check
# character is worked out, so that is not verified.
_UEI = re.compile(r"[A-HJ-NP-Z1-9][A-HJ-NP-Z0-9]{11}")

_Choice = TypeVar("_Choice", bound=StrEnum)


class Strength(StrEnum):
    """How much a phrase in a description says on its own: enough to publish, to ask a person, or nothing."""

    STRONG = "strong"
    MEDIUM = "medium"
    WEAK = "weak"


class Portfolio(StrEnum):
    """Whether all that a vendor sells the government is surveillance technology, or only a part."""

    PURE = "pure"
    MIXED = "mixed"


class Evidence(StrEnum):
    """Where the knowledge about an entry comes from; `own` is a user's entry, `background` is not verified."""

    PRIMARY = "primary"
    PRESS = "press"
    OSINT = "osint"
    BACKGROUND = "background"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Product:
    """Words that, in a description, point to a vendor, and how strongly."""

    phrase: str
    strength: Strength


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """One entry of the watchlist, as written in its file. docs/matching.md says what each field does."""

    id: str
    name: str
    category: str
    legal_names: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    ueis: tuple[str, ...] = ()
    products: tuple[Product, ...] = ()
    exclusions: tuple[str, ...] = ()
    portfolio: Portfolio = Portfolio.PURE
    resellers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    evidence: Evidence = Evidence.OWN
    note: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the company itself: display name, legal and former names, aliases; no parents."""
        return (self.name, *self.legal_names, *self.former_names, *self.aliases)


@dataclass(frozen=True)
class Watchlist:
    """All vendors, ordered by id, and the categories they are sorted into (slug -> title)."""

    vendors: tuple[Vendor, ...]
    categories: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> Mapping[str, Vendor]:
        """The vendors by their id."""
        return {vendor.id: vendor for vendor in self.vendors}

    @cached_property
    def version(self) -> str:
        """A short hash of all that decides how records match: the entries and the normalisation rules."""
        return hashlib.sha256(repr((NORM_VERSION, self.vendors)).encode()).hexdigest()[:12]


def load_watchlist(*extra: Path) -> Watchlist:
    """Return the shipped watchlist, extended or overridden entry by entry by the user's own files, in order.

    Raises:
        WatchlistError: a file is unreadable, not the YAML it should be, or two vendors claim the same name.
    """
    shipped = resources.files("monitors") / "vendors"
    categories = _read_categories(shipped / "categories.yaml")
    entries: dict[str, tuple[Vendor, Place]] = {}
    for file in sorted(shipped.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml") and file.name != "categories.yaml":
            for vendor, place in _read_vendors(file, categories):
                if vendor.id in entries:
                    raise place.error(f"id is already used in {entries[vendor.id][1].file}")
                entries[vendor.id] = (vendor, place)
    for path in extra:
        entries |= {vendor.id: (vendor, place) for vendor, place in _read_vendors(path, categories)}
    _refuse_shared_names(entries.values())
    return Watchlist(tuple(entries[key][0] for key in sorted(entries)), categories)


def _refuse_shared_names(entries: Iterable[tuple[Vendor, Place]]) -> None:
    """Raise when two vendors have the same name (legal forms and spaces aside): a record could not tell them apart."""
    owners: dict[str, Vendor] = {}
    for vendor, place in entries:
        for written in vendor.names:
            name = parse_name(written)
            owner = owners.setdefault(name.tight, vendor) if name else vendor
            if owner.id != vendor.id:
                raise place.error(f'name "{written}" is also a name of vendor "{owner.id}"')


def _read_categories(file: Traversable) -> dict[str, str]:
    place, node = compose(file)
    return {key: string(value, place, key) for key, (_, value) in mapping(node, place).items()}


def _read_vendors(file: Traversable | Path, categories: Mapping[str, str]) -> list[tuple[Vendor, Place]]:
    """Return the vendors of one file, each with the place it stands at."""
    place, root = compose(file)
    top = mapping(root, place)
    refuse_unknown(top, ("vendors",), place)
    if "vendors" not in top:
        raise place.error('missing field "vendors"')
    found: dict[str, tuple[Vendor, Place]] = {}
    for node in items(top["vendors"][1], place, "vendors"):
        vendor, where = _read_vendor(node, place, categories)
        if vendor.id in found:
            raise where.error(f"duplicate id, first used on line {found[vendor.id][1].line}")
        found[vendor.id] = (vendor, where)
    return list(found.values())


_TEXTS = ("id", "name", "category", "note")
_LISTS = ("legal_names", "former_names", "aliases", "parents", "exclusions", "resellers")
_FIELDS = (*_TEXTS, *_LISTS, "ueis", "products", "portfolio", "sources", "evidence")


def _read_vendor(node: yaml.Node, place: Place, categories: Mapping[str, str]) -> tuple[Vendor, Place]:
    where = place.at(node)
    fields = mapping(node, where)
    identity = fields.get("id", fields.get("name"))
    if identity and isinstance(identity[1], yaml.ScalarNode):
        where = Place(where.file, where.line, identity[1].value)
    refuse_unknown(fields, _FIELDS, where)
    for required in ("id", "name", "category"):
        if required not in fields:
            raise where.error(f'missing field "{required}"')
    texts = {key: string(fields[key][1], where, key) for key in _TEXTS if key in fields}
    lists = {key: _strings(fields[key][1], where, key) for key in _LISTS if key in fields}
    if not _ID.fullmatch(texts["id"]):
        raise where.at(fields["id"][1]).error("id must be lower-case words joined by hyphens")
    if texts["category"] not in categories:
        raise where.at(fields["category"][1]).error(unknown("category", texts["category"], categories))
    vendor = Vendor(
        id=texts["id"],
        name=texts["name"],
        category=texts["category"],
        note=texts.get("note", ""),
        legal_names=lists.get("legal_names", ()),
        former_names=lists.get("former_names", ()),
        aliases=lists.get("aliases", ()),
        parents=lists.get("parents", ()),
        exclusions=lists.get("exclusions", ()),
        resellers=lists.get("resellers", ()),
        ueis=_ueis(fields["ueis"][1], where) if "ueis" in fields else (),
        products=_products(fields["products"][1], where) if "products" in fields else (),
        portfolio=_choice(Portfolio, fields["portfolio"][1], where) if "portfolio" in fields else Portfolio.PURE,
        sources=_sources(fields["sources"][1], where) if "sources" in fields else (),
        evidence=_choice(Evidence, fields["evidence"][1], where) if "evidence" in fields else Evidence.OWN,
    )
    return vendor, where


def _strings(node: yaml.Node, place: Place, name: str) -> tuple[str, ...]:
    """Return a list of phrases, each long enough to mean something."""
    values = []
    for item in items(node, place, name):
        values.append(string(item, place, name))
        if len(fold_text(values[-1])) < SHORTEST_PHRASE:
            raise place.at(item).error(f'"{values[-1]}" in "{name}" is shorter than {SHORTEST_PHRASE} characters')
    return tuple(values)


def _ueis(node: yaml.Node, place: Place) -> tuple[str, ...]:
    values = []
    for item in items(node, place, "ueis"):
        values.append(string(item, place, "ueis").upper())
        if not _UEI.fullmatch(values[-1]):
            raise place.at(item).error(f'"{values[-1]}" is not a UEI (12 letters and digits, no I or O, no leading 0)')
    return tuple(values)


def _sources(node: yaml.Node, place: Place) -> tuple[str, ...]:
    values = []
    for item in items(node, place, "sources"):
        values.append(string(item, place, "sources"))
        if not values[-1].startswith(("https://", "http://")):
            raise place.at(item).error(f'source "{values[-1]}" is not a web address')
    return tuple(values)


def _products(node: yaml.Node, place: Place) -> tuple[Product, ...]:
    values = []
    for item in items(node, place, "products"):
        where = place.at(item)
        fields = mapping(item, where)
        refuse_unknown(fields, ("phrase", "strength"), where)
        if len(fields) < 2:
            raise where.error('a product needs "phrase" and "strength"')
        phrase = string(fields["phrase"][1], where, "phrase")
        if len(fold_text(phrase)) < SHORTEST_PHRASE:
            raise where.error(f'phrase "{phrase}" is shorter than {SHORTEST_PHRASE} characters')
        values.append(Product(phrase, _choice(Strength, fields["strength"][1], where)))
    return tuple(values)


def _choice(kind: type[_Choice], node: yaml.Node, place: Place) -> _Choice:
    value = string(node, place, kind.__name__.lower())
    try:
        return kind(value)
    except ValueError:
        raise place.at(node).error(unknown(kind.__name__.lower(), value, [choice.value for choice in kind])) from None


def mentions(vendor: Vendor) -> tuple[Product, ...]:
    """Return the ways a description may name the company, with their strength.

    A name of several distinctive words is strong. One word, or words many companies use, is medium: a person looks at
    it, unless the entry lists the same words among its products with a strength of its own. Short ones are left out.
    """
    listed = {fold_text(product.phrase).replace(" ", "") for product in vendor.products}
    found: dict[str, Product] = {}
    for written in vendor.names:
        name = parse_name(written)
        words = fold_text(name.core) if name else ""
        tight = words.replace(" ", "")
        single = " " not in words
        if len(tight) < 6 or tight in listed or (single and is_common(words)):
            continue
        found.setdefault(tight, Product(words, Strength.MEDIUM if single or is_common(words) else Strength.STRONG))
    return tuple(found.values())


def _without_form(written: str) -> str:
    """Return a name in upper case without legal form, its punctuation kept: PEN-LINK, LIMITED -> PEN-LINK."""
    whole = written.upper()
    name = parse_name(whole)
    words = whole.split()
    while name and len(words) > 1:
        shorter = parse_name(" ".join(words[:-1]))
        if shorter is None or shorter.core != name.core:
            break
        words = words[:-1]
    return " ".join(words).strip(" ,.")


def _spellings(phrase: str) -> set[str]:
    """Return a phrase as written, without its punctuation, and with spaces for it."""
    gone = re.sub(r"[^\w\s]", "", phrase.replace("&", " AND "))
    spaced = re.sub(r"[^\w]+", " ", phrase.replace("&", " AND "))
    return {" ".join(spelling.split()) for spelling in (phrase, gone, spaced)}


def search_names(vendor: Vendor) -> tuple[str, ...]:
    """Return what to ask an upstream whose recipient search looks for a substring and takes punctuation literally.

    Legal forms are left out where what remains is distinctive (two words, or six letters that are not a common word);
    a name that contains another one is dropped; nothing is shorter than seven characters.
    """
    wanted: set[str] = set()
    for written in vendor.names:
        bare = _without_form(written)
        distinctive = len(bare.split()) > 1 or (len(fold_text(bare)) >= 6 and not is_common(fold_text(bare)))
        wanted |= _spellings(bare if distinctive else written.upper().rstrip(" ."))
    usable = {name for name in wanted if len(name) >= SHORTEST_SEARCH or (len(name) == 6 and name.isalpha())}
    return tuple(sorted(name for name in usable if not any(other != name and other in name for other in usable)))


def search_phrases(vendor: Vendor) -> tuple[str, ...]:
    """Return what to ask an upstream whose keyword search looks for words (at least 3 characters) in descriptions.

    Strong and medium phrases and the vendor's own name; a phrase that contains all words of another, in order, is
    dropped, since the shorter one finds it too.
    """
    wanted: set[str] = set()
    for product in (*vendor.products, *mentions(vendor)):
        if product.strength is not Strength.WEAK:
            wanted |= {spelling for spelling in _spellings(product.phrase.upper()) if len(spelling) >= SHORTEST_PHRASE}
    return tuple(
        sorted(
            phrase
            for phrase in wanted
            if not any(other != phrase and f" {other} " in f" {phrase} " for other in wanted)
        )
    )
