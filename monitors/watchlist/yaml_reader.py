"""Reading a YAML file strictly: every complaint names file, line and entry; nothing clever in YAML is accepted."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

import yaml

from monitors.normalize import fold_text

LARGEST_FILE = 5_000_000
# libyaml where PyYAML was built with it: it reads the whole list ten times as fast, with the same line numbers.
LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEEPEST_NESTING = 8


class WatchlistError(ValueError):
    """A watchlist file cannot be used. The message is one line that names the file, the line and the vendor."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands, for an error message."""

    file: str
    line: int = 0
    vendor: str = ""

    def error(self, what: str) -> WatchlistError:
        """Return (not raise) an error that says what is wrong here."""
        line = f" line {self.line}" if self.line else ""
        vendor = f', vendor "{self.vendor}"' if self.vendor else ""
        return WatchlistError(" ".join(f"{self.file}{line}{vendor}: {what}".split()))

    def at(self, node: yaml.Node | yaml.Event) -> Place:
        """Return the same place, at the line of a node."""
        mark = node.start_mark
        return Place(self.file, mark.line + 1 if mark else 0, self.vendor)


def compose(file: Traversable | Path) -> tuple[Place, yaml.Node]:
    """Read one file into YAML nodes, which keep line numbers. Refuses huge files, anchors and deep nesting."""
    return compose_bytes(read_bytes(file), Place(file.name))


def read_bytes(file: Traversable | Path) -> bytes:
    """Return what a file holds. Raises `WatchlistError` if it cannot be read or is huge."""
    place = Place(file.name)
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_FILE + 1)
    except OSError as error:
        raise place.error(f"cannot be read: {error.strerror or type(error).__name__}") from error
    if len(content) > LARGEST_FILE:
        raise place.error(f"larger than {LARGEST_FILE // 1_000_000} MB")
    return content


def compose_bytes(content: bytes, place: Place) -> tuple[Place, yaml.Node]:
    """Read the content of a file into YAML nodes, as `compose` does."""
    try:
        text = content.decode("utf-8-sig")
        _refuse_tricks(text, place)
        node = yaml.compose(text, Loader=LOADER)
    except UnicodeDecodeError as error:
        raise place.error("not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Place(place.file, mark.line + 1 if mark else 0).error(f"not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise place.error("not valid YAML: characters that do not belong in a text file") from error
    if node is None:
        raise place.error("empty")
    return place, node


def _refuse_tricks(text: str, place: Place) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if getattr(event, "anchor", None):
            raise place.at(event).error("YAML anchors and aliases are not allowed")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST_NESTING:
            raise place.at(event).error("nested too deeply")


def mapping(node: yaml.Node, place: Place) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Return a mapping's key -> (key node, value node); raises on anything else and on a repeated key."""
    if not isinstance(node, yaml.MappingNode):
        raise place.at(node).error("expected fields (name: value)")
    fields: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise place.at(key).error("a field's name must be text")
        if key.value in fields:
            raise place.at(key).error(f'field "{key.value}" is given twice')
        fields[key.value] = (key, value)
    return fields


def refuse_unknown(fields: Mapping[str, tuple[yaml.Node, yaml.Node]], known: Iterable[str], place: Place) -> None:
    """Raise on the first field that is not known, with the known one it may have meant."""
    for name, (key, _) in fields.items():
        if name not in known:
            raise place.at(key).error(unknown("field", name, known))


def unknown(what: str, given: str, known: Iterable[str]) -> str:
    """Return the words for an error about a field or value that is not among the known ones."""
    close = difflib.get_close_matches(given, list(known), n=1)
    hint = f'did you mean "{close[0]}"?' if close else f"known are {', '.join(known)}"
    return f'unknown {what} "{given}", {hint}'


def items(node: yaml.Node, place: Place, name: str) -> list[yaml.Node]:
    """Return the nodes of a list; raises on anything else."""
    if not isinstance(node, yaml.SequenceNode):
        raise place.at(node).error(f'"{name}" must be a list')
    return list(node.value)


def string(node: yaml.Node, place: Place, name: str) -> str:
    """Return a text. Bare words that YAML reads as numbers or dates (BI2, 4PC, 360) are taken as written."""
    if not isinstance(node, yaml.ScalarNode) or node.tag.endswith((":null", ":bool")):
        raise place.at(node).error(f'"{name}" must be text')
    if len(fold_text(node.value).replace(" ", "")) < (1 if name in ("id", "note") else 2):
        raise place.at(node).error(f'"{name}" is empty or too short')
    return " ".join(node.value.split())


def truth(node: yaml.Node, place: Place, name: str) -> bool:
    """Return true or false; raises on anything else."""
    if not isinstance(node, yaml.ScalarNode) or node.value.lower() not in ("true", "false"):
        raise place.at(node).error(f'"{name}" must be true or false')
    return bool(node.value.lower() == "true")
