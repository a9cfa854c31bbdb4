"""Writing entries into a user's own watchlist file: appended or replaced as text, so that the file's comments stay.

A change is made on a copy, the copy is read as the program will read it, and only then takes the file's place.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from filelock import FileLock

from monitors.watchlist.model import Evidence, Kind, KnownName, Portfolio, Product, Vendor
from monitors.watchlist.yaml_reader import Place, WatchlistError, compose_bytes, items, mapping, read_bytes

HEADER = (
    "# Your own watchlist: entries here add to, or by their id replace, those of the program (docs/watchlist.md).\n"
)
NAME_FIELDS = ("legal_names", "former_names", "dba_names", "aliases", "parents", "subsidiaries")
TEXT_FIELDS = ("ueis", "cages", "exclusions", "resellers", "sources")
EMPTY_LIST = re.compile(rb"^vendors:[ \t]*\[[ \t]*\][ \t]*(#.*)?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Item:
    """An entry in a file: its id, the column of its dash, and its lines, first and last, counted from 0."""

    id: str
    column: int
    first: int
    last: int


def write_entries(file: Path, vendors: Sequence[Vendor], verify: Callable[[Path], None]) -> None:
    """Append entries to a file, or put them in the place of those with the same id; the file is made if need be.

    Args:
        file: the user's own file.
        vendors: the entries, with the evidence, names and all that they shall have.
        verify: reads the changed copy and raises `WatchlistError` if it is not right; the file then stays as it is.
    """
    target = file.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f".{target.name}.lock"), timeout=30):
        content = read_bytes(target) if target.exists() else f"{HEADER}vendors:\n".encode()
        for vendor in vendors:
            content = _with_entry(content, vendor, Place(target.name))
        # A folder of its own lets the copy bear the file's name, which stands in every complaint about it.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".procurewatch-") as folder:
            copy = Path(folder) / target.name
            copy.write_bytes(content)
            verify(copy)
            if target.exists():
                shutil.copymode(target, copy)
            copy.replace(target)


def entry_text(vendor: Vendor, column: int = 2) -> str:
    """Return an entry as it stands in a file, its dash in the given column."""
    lines = [line for field, value in _plain(vendor).items() for line in _field_lines(field, value)]
    return "".join(f"{' ' * column}{'  ' if number else '- '}{line}\n" for number, line in enumerate(lines))


def _field_lines(field: str, value: object) -> list[str]:
    flow = None if isinstance(value, list) else False  # lists in brackets, but a line for each name with years
    dumped = yaml.safe_dump({field: value}, allow_unicode=True, width=110, default_flow_style=flow)
    return [f"  {line}" if line.startswith("-") else line for line in dumped.splitlines()]


def _plain(vendor: Vendor) -> dict[str, object]:
    """Return the fields of an entry that say something, as YAML has them."""
    plain: dict[str, object] = {"id": vendor.id, "name": vendor.name, "category": vendor.category}
    if vendor.kind is not Kind.VENDOR:
        plain["kind"] = vendor.kind.value
    if vendor.evidence is not Evidence.OWN:
        plain["evidence"] = vendor.evidence.value
    if vendor.portfolio is not Portfolio.PURE:
        plain["portfolio"] = vendor.portfolio.value
    for field in NAME_FIELDS:
        plain[field] = [_plain_name(known) for known in getattr(vendor, field)]
    plain["products"] = [_plain_product(product) for product in vendor.products]
    for field in TEXT_FIELDS:
        plain[field] = list(getattr(vendor, field))
    plain["note"] = vendor.note
    return {field: value for field, value in plain.items() if value}


def _plain_name(known: KnownName) -> str | dict[str, object]:
    said = {"from": known.since, "until": known.until, "portfolio": known.portfolio and known.portfolio.value}
    said = {field: value for field, value in said.items() if value is not None}
    return {"name": known.name, **said} if said else known.name


def _plain_product(product: Product) -> dict[str, object]:
    plain: dict[str, object] = {"phrase": product.phrase, "strength": product.strength.value}
    return plain if product.search else {**plain, "search": False}


def _with_entry(content: bytes, vendor: Vendor, place: Place) -> bytes:
    """Return a file's content with an entry in it."""
    content = EMPTY_LIST.sub(b"vendors:", content)
    entries = _items(content, place)
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    old = next((entry for entry in entries if entry.id == vendor.id), None)
    column = old.column if old else entries[0].column if entries else 2
    new = entry_text(vendor, column).encode()
    if old:
        lines[old.first : old.last + 1] = [new]
    else:
        lines.append(new)
    return b"".join(lines)


def _items(content: bytes, place: Place) -> list[_Item]:
    """Return the entries of a file, in order. Raises `WatchlistError` if they are not in block style, one a dash."""
    place, root = compose_bytes(content, place)
    node = mapping(root, place).get("vendors", (None, None))[1]
    if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
        return []
    if isinstance(node, yaml.SequenceNode) and node.flow_style:
        raise place.at(node).error('"vendors" is written in brackets; write it with a dash for each entry')
    lines = content.decode("utf-8-sig").splitlines()
    return [_item(entry, lines, place) for entry in items(node, place, "vendors")]


def _item(node: yaml.Node, lines: Sequence[str], place: Place) -> _Item:
    line, column = node.start_mark.line, lines[node.start_mark.line].find("-")
    if column < 0 or lines[line][:column].strip():
        raise place.at(node).error("an entry must begin on the line of its dash to be changed by this command")
    fields = mapping(node, place)
    identity = fields["id"][1].value if "id" in fields else ""
    return _Item(id=str(identity), column=column, first=line, last=_last_line(node))


def _last_line(node: yaml.Node) -> int:
    """Return the last line that belongs to a node, comments after it left out."""
    if isinstance(node, yaml.ScalarNode) or getattr(node, "flow_style", False) or not node.value:
        end: int = node.end_mark.line
        return end - 1 if node.end_mark.column == 0 and end > node.start_mark.line else end
    last = node.value[-1]
    return _last_line(last[1] if isinstance(last, tuple) else last)


def reading(read: Callable[[Path], object], expected: object) -> Callable[[Path], None]:
    """Return a `verify` that wants what is read from the copy to be what is expected."""

    def verify(copy: Path) -> None:
        if read(copy) != expected:
            raise WatchlistError(f"{copy.name}: cannot be changed safely by this command; edit it by hand")

    return verify
