"""Load the watchlist from YAML files and validate it to the line. Reads files, has no other side effect.

The shipped files are in `monitors/vendors/`; a user's own file has the same form. An entry whose id is already known
replaces that entry as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import TypeAdapter, ValidationError, with_config
from pydantic_core import ErrorDetails

from monitors.normalize import parse_name
from monitors.watchlist.model import (
    FORBID_UNKNOWN,
    Code,
    Entry,
    Evidence,
    Kind,
    KnownName,
    Portfolio,
    Product,
    Strength,
    Vendor,
    Watchlist,
)
from monitors.watchlist.yaml_reader import Place, compose, line_of, read_bytes, to_python, unknown

Entries = dict[str, tuple[Vendor, Place]]
UNKNOWN_FIELD = "unexpected_keyword_argument"  # pydantic's name for it


@with_config(FORBID_UNKNOWN)
@dataclass(frozen=True, slots=True)
class _File:
    vendors: tuple[Entry, ...]


_FILE, _CATEGORIES = TypeAdapter(_File), TypeAdapter(dict[str, str])
_CHOICES = {"kind": Kind, "evidence": Evidence, "portfolio": Portfolio, "strength": Strength}


def load_watchlist(*extra: Path) -> Watchlist:
    """Return the shipped watchlist, extended or overridden entry by entry by the user's own files, in order.

    Raises:
        WatchlistError: a file cannot be read, is not a valid watchlist, or two vendors claim the same name.
    """
    categories = read_categories()
    entries = read_entries(*extra, categories=categories)
    for place, message in shared_names(entries.values()):
        raise place.error(message)
    return Watchlist(tuple(entries[key][0] for key in sorted(entries)), categories)


def read_entries(*extra: Path, categories: Mapping[str, str]) -> Entries:
    """Return id -> (entry, its place) of the shipped and the user's own files; two vendors may still share a name."""
    entries = dict(_shipped_entries())
    for path in extra:
        entries |= {vendor.id: (vendor, place) for vendor, place in read_file(path, categories)}
    return entries


@cache
def _shipped_entries() -> Mapping[str, tuple[Vendor, Place]]:
    """Return the entries of the shipped files, which do not change while the program runs."""
    entries: Entries = {}
    for file in sorted(_shipped().iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml") and file.name != "categories.yaml":
            for vendor, place in read_file(file, read_categories()):
                if vendor.id in entries:
                    raise place.error(f"id is already used in {entries[vendor.id][1].file}")
                entries[vendor.id] = (vendor, place)
    return entries


def shared_names(entries: Iterable[tuple[Vendor, Place]]) -> Iterator[tuple[Place, str]]:
    """Yield each name that two vendors have (legal forms and spaces aside): a record could not tell them apart."""
    owners: dict[str, Vendor] = {}
    for vendor, place in entries:
        for known in vendor.known_names:
            name = parse_name(known.name)
            owner = owners.setdefault(name.no_spaces, vendor) if name else vendor
            if owner.id != vendor.id:
                yield place, f'name "{known.name}" is also a name of vendor "{owner.id}"'


def _shipped() -> Traversable:
    return resources.files("monitors") / "vendors"


@cache
def read_categories() -> dict[str, str]:
    """Return the technology categories, slug -> title, in the order of their file."""
    file = _shipped() / "categories.yaml"
    return _CATEGORIES.validate_python(to_python(compose(read_bytes(file), file.name), file.name))


def read_file(file: Traversable | Path, categories: Mapping[str, str]) -> list[tuple[Vendor, Place]]:
    """Return the entries of one YAML file, each with its place.

    Raises:
        WatchlistError: the first thing that is wrong with it.
    """
    root = compose(read_bytes(file), file.name)
    data = to_python(root, file.name)

    def place_of(path: Sequence[str | int]) -> Place:
        label = _label(data["vendors"][path[1]]) if isinstance(data, dict) and len(path) > 1 else ""
        return Place(file.name, line_of(root, path), label)

    vendors = _validate(data, categories, place_of)
    return unique((vendor, place_of(("vendors", index))) for index, vendor in enumerate(vendors))


def read_entry(entry: Mapping[str, object], place: Place, categories: Mapping[str, str]) -> tuple[Vendor, Place]:
    """Return an entry from its fields, as YAML has them, and its place. Raises `WatchlistError`."""
    place = replace(place, vendor=_label(entry))
    (vendor,) = _validate({"vendors": [entry]}, categories, lambda _: place)
    return vendor, place


def unique(entries: Iterable[tuple[Vendor, Place]]) -> list[tuple[Vendor, Place]]:
    """Return the entries of one file as a list. Raises `WatchlistError` if two have the same id."""
    lines: dict[str, int] = {}
    found = list(entries)
    for vendor, place in found:
        if vendor.id in lines:
            raise place.error(f"duplicate id, first used on line {lines[vendor.id]}")
        lines[vendor.id] = place.line
    return found


def _label(entry: object) -> str:
    label = entry.get("id", entry.get("name")) if isinstance(entry, Mapping) else ""
    return label if isinstance(label, str) else ""


def _validate(
    data: object, categories: Mapping[str, str], place_of: Callable[[Sequence[str | int]], Place]
) -> tuple[Vendor, ...]:
    try:
        return _FILE.validate_python(data, context=categories).vendors
    except ValidationError as error:
        # A misspelt field comes first: it may explain why another one is missing.
        first = min(error.errors(), key=lambda each: each["type"] != UNKNOWN_FIELD)
        raise place_of(first["loc"]).error(_message(first)) from None


def _message(error: ErrorDetails) -> str:
    """Return what is wrong, with the value that was probably meant or what is expected instead."""
    kind, path = error["type"], error["loc"]
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == UNKNOWN_FIELD:
        return unknown("field", name, _known_fields(path))
    if kind == "enum":
        return unknown(name, str(error["input"]), list(_CHOICES[name]))
    messages = {
        "string_pattern_mismatch": f"{name} must be lower-case words joined by hyphens",
        "missing": f'missing field "{name}"',
        "tuple_type": f'"{name}" must be a list',
        "bool_parsing": f'"{name}" must be true or false',
        "dataclass_type": "expected fields (name: value)",
    }
    otherwise = "a year, such as 2019" if name in ("from", "until") else "text"
    return messages.get(kind, f'"{name}" must be {otherwise}')


def _known_fields(path: Sequence[str | int]) -> list[str]:
    if len(path) == 1:
        return ["vendors"]
    model = Vendor if len(path) == 3 else {"products": Product, "codes": Code}.get(str(path[2]), KnownName)
    return [{"since": "from"}.get(field.name, field.name) for field in fields(model)]
