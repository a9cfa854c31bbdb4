"""Write entries into a user's own watchlist file. The file is edited as text, so that the rest of it stays as it is.

The change is made on a copy. The copy replaces the file only if the program then reads what it should.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml
from filelock import FileLock
from pydantic import TypeAdapter

from monitors.watchlist.model import Vendor
from monitors.watchlist.yaml_reader import Place, WatchlistError, compose, read_bytes

HEADER = (
    "# Your own watchlist: entries here add to, or by their id replace, those of the program (docs/watchlist.md).\n"
)
_EMPTY_LIST = re.compile(rb"^vendors:[ \t]*\[[ \t]*\][ \t]*(#.*)?$", re.MULTILINE)
_VENDOR = TypeAdapter(Vendor)
# With libyaml, PyYAML writes an entry four times as fast.
DUMPER: type[yaml.SafeDumper | yaml.CSafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def write_entries(
    file: Path,
    vendors: Sequence[Vendor],
    read: Callable[[Path], Mapping[str, Vendor]],
    expected: Mapping[str, Vendor],
) -> None:
    """Append entries to a file, or replace those with the same ids. The file and its folder are made if need be.

    Args:
        file: the user's own file.
        vendors: the entries to write.
        read: reads a changed copy of the file.
        expected: what it must return.

    Raises:
        WatchlistError: the change would give something else; the file then stays as it was.
    """
    target = file.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(target.with_name(f".{target.name}.lock"), timeout=30):
        content = read_bytes(target) if target.exists() else f"{HEADER}vendors:\n".encode()
        content = _with_entries(content, vendors, target.name)
        # The copy has the file's name, in a folder of its own, because errors name the file.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".procurewatch-") as folder:
            copy = Path(folder) / target.name
            copy.write_bytes(content)
            if read(copy) != expected:
                raise WatchlistError(f"{file.name}: cannot be changed safely by this command; edit it by hand")
            if target.exists():
                shutil.copymode(target, copy)
            copy.replace(target)


def entry_text(vendor: Vendor, column: int = 2) -> str:
    """Return an entry as YAML, its dash in the given column."""
    fields = _VENDOR.dump_python(vendor, mode="json", by_alias=True, exclude_defaults=True)
    lines = [line for field, value in fields.items() for line in _field_lines(field, value)]
    return "".join(f"{' ' * column}{'  ' if number else '- '}{line}\n" for number, line in enumerate(lines))


def _field_lines(field: str, value: object) -> list[str]:
    flow = None if isinstance(value, list) else False  # lists in brackets, but a line for each name with years
    dumped = yaml.dump({field: value}, Dumper=DUMPER, allow_unicode=True, width=110, default_flow_style=flow)
    first, *others = dumped.splitlines()
    indent = "  " if others and others[0].startswith("-") else ""
    return [first, *(f"{indent}{line}" for line in others)]


def _with_entries(content: bytes, vendors: Sequence[Vendor], file: str) -> bytes:
    content = _EMPTY_LIST.sub(b"vendors:", content)
    lines = content.splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"
    found = _find_entries(content, lines, file)
    places = {entry: (start, end) for entry, start, end in found}
    column = lines[found[-1][1]].index(b"-") if found else 2
    new = {vendor.id: entry_text(vendor, column).encode() for vendor in vendors}
    for entry, (start, end) in reversed(places.items()):
        if entry in new:
            lines[start:end] = [new.pop(entry)]
    return b"".join((*lines, *new.values()))


def _find_entries(content: bytes, lines: Sequence[bytes], file: str) -> list[tuple[str, int, int]]:
    """Return the entries of a file as (id, first line, line after the last), without the comments after each.

    Raises:
        WatchlistError: they are not written with a dash each, on the line where the entry begins.
    """
    root = compose(content, file)
    found = [value for key, value in root.value if key.value == "vendors"] if isinstance(root, yaml.MappingNode) else []
    if not found or not isinstance(found[0], yaml.SequenceNode):
        return []
    nodes = found[0].value
    starts = [node.start_mark.line for node in nodes]
    entries = []
    for node, start, next_start in zip(nodes, starts, [*starts[1:], len(lines)], strict=True):
        if not lines[start].lstrip().startswith(b"-"):
            message = 'each entry of "vendors" must begin on a line with its dash to be changed by this command'
            raise Place(file, start + 1).error(message)
        end = next_start
        while lines[end - 1].lstrip()[:1] in (b"", b"#"):
            end -= 1
        fields = {key.value: value.value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
        entries.append((str(fields.get("id")), start, end))
    return entries
