"""Read YAML strictly: every error names file, line and entry. Anchors, deep nesting and huge files are refused."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

MAX_FILE_SIZE = 5_000_000
MAX_NESTING = 8
MAX_VALUES = 200_000  # names, numbers, lists ... in a file; the shipped files have 20,000 together
MAX_MESSAGE, MAX_LABEL = 600, 80  # characters of an error, which may quote the file
# With libyaml, PyYAML reads the shipped files in 30 ms instead of 370 ms.
LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class WatchlistError(ValueError):
    """A watchlist file cannot be used. The message is one line that names the file, the line and the vendor."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file, for error messages. `line` counts from 1; 0 if no line is known."""

    file: str
    line: int = 0
    vendor: str = ""

    def error(self, message: str) -> WatchlistError:
        """Return (not raise) an error that says what is wrong here."""
        line = f" line {self.line}" if self.line else ""
        vendor = f', vendor "{self.vendor[:MAX_LABEL]}"' if self.vendor else ""
        return WatchlistError(" ".join(f"{self.file}{line}{vendor}: {message[:MAX_MESSAGE]}".split()))


def read_bytes(file: Traversable | Path) -> bytes:
    """Return a file's content. Raises `WatchlistError` if the file cannot be read or is too large."""
    place = Place(file.name)
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise place.error(f"cannot be read: {error.strerror or type(error).__name__}") from error
    if len(content) > MAX_FILE_SIZE:
        raise place.error(f"larger than {MAX_FILE_SIZE // 1_000_000} MB")
    return content


def compose(content: bytes, file: str) -> yaml.Node:
    """Return the root of a file's YAML nodes, which know their lines. Raises `WatchlistError`."""
    try:
        text = content.decode("utf-8-sig")
        _check_structure(text, file)
        node = yaml.compose(text, Loader=LOADER)
    except UnicodeDecodeError as error:
        raise Place(file).error("not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Place(file, mark.line + 1 if mark else 0).error(f"not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise Place(file).error("not valid YAML: characters that do not belong in a text file") from error
    if node is None:
        raise Place(file).error("empty")
    return node


def _check_structure(text: str, file: str) -> None:
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=LOADER)):
        place = Place(file, event.start_mark.line + 1 if event.start_mark else 0)
        if getattr(event, "anchor", None):
            raise place.error("YAML anchors and aliases are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_NESTING:
            raise place.error("nested too deeply")
        if count > MAX_VALUES:
            raise place.error(f"more than {MAX_VALUES:,} values")


def to_python(node: yaml.Node, file: str) -> object:
    """Return a node's value: dicts, lists, text as written (BI2, 360, 2024-01-02), booleans and `None`.

    Raises:
        WatchlistError: a field is given twice, or its name is not text.
    """
    if isinstance(node, yaml.MappingNode):
        fields: dict[str, object] = {}
        for key, value in node.value:
            place = Place(file, key.start_mark.line + 1)
            if not isinstance(key, yaml.ScalarNode):
                raise place.error("a field's name must be text")
            if key.value in fields:
                raise place.error(f'field "{key.value}" is given twice')
            fields[key.value] = to_python(value, file)
        return fields
    if isinstance(node, yaml.SequenceNode):
        return [to_python(item, file) for item in node.value]
    if node.tag.endswith(":bool"):
        return node.value.lower() in ("true", "yes", "on")
    return None if node.tag.endswith(":null") else node.value


def line_of(node: yaml.Node, path: Sequence[str | int]) -> int:
    """Return the line (from 1) of what a path of field names and list positions leads to, as far as it leads."""
    line = node.start_mark.line
    for step in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode) and (pair := _field(node, step)):
            line, node = pair[0].start_mark.line, pair[1]
    return int(line) + 1


def _field(node: yaml.MappingNode, name: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    return next((pair for pair in node.value if pair[0].value == name), None)


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """Return the message about a field or value that is not among the known ones."""
    close = difflib.get_close_matches(given, list(known), n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
    return f'unknown {what} "{given}", {hint}'
