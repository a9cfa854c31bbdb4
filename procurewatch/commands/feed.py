"""Reading an entry of the watchlist from options, by the same rules as from a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
import yaml

from monitors.normalize import fold_text
from monitors.watchlist.loader import read_categories, read_entry
from monitors.watchlist.model import Strength, Vendor
from monitors.watchlist.yaml_reader import Place, compose_bytes

PhraseOption = Annotated[
    list[str] | None,
    typer.Option("--phrase", help="Words of a description: WORDS=strong, WORDS=medium (if left out) or WORDS=weak."),
]
LegalNameOption = Annotated[list[str] | None, typer.Option("--legal-name", help="A name as registered.")]
AliasOption = Annotated[list[str] | None, typer.Option("--alias", help="Another name.")]
ExcludeOption = Annotated[list[str] | None, typer.Option("--exclude", help="Words that mean something else.")]
UeiOption = Annotated[list[str] | None, typer.Option("--uei", help="A unique entity identifier.")]


def entry_from(
    texts: Mapping[str, str], lists: Mapping[str, Sequence[str] | None], phrases: Sequence[str] | None
) -> Vendor:
    """Return the entry that options describe; its id is made of its name if none is given.

    Raises:
        monitors.watchlist.yaml_reader.WatchlistError: what a file with such an entry would be refused for.
    """
    name = texts.get("name") or (phrases or [""])[0].partition("=")[0]
    entry: dict[str, object] = {field: text for field, text in {**texts, "name": name}.items() if text}
    entry.setdefault("id", re.sub(r"[^a-z0-9]+", "-", fold_text(name).lower()).strip("-"))
    entry |= {field: list(values) for field, values in lists.items() if values}
    if phrases:
        entry["products"] = [_phrase(each) for each in phrases]
    place, node = compose_bytes(yaml.safe_dump(entry).encode(), Place("the options"))
    vendor, _ = read_entry(node, place, read_categories())
    return vendor


def _phrase(written: str) -> dict[str, str]:
    phrase, equals, strength = written.rpartition("=")
    return (
        {"phrase": phrase, "strength": strength} if equals else {"phrase": written, "strength": Strength.MEDIUM.value}
    )
