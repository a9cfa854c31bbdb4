"""Words that only this project used do not come back to the documentation, the help texts and the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from procurewatch.cli import LazyCommand, app

ROOT = Path(__file__).parents[2]
# Each with what to write instead.
UNWANTED = {
    r"reading room": "website",
    r"stand-ins?": "fake server",
    r"verdicts?": "run status, or review decision",
    r"vintage": "reporting delay",
    r"sightings?": "source record",
    r"desk": "the thing itself",
    r"tell[- ]feeds|(tells?|told) feeds|feeds (tell|are told)": "publish in feeds",
    r"(is|are|was|were|be) told|told (of|as|by)": "published, notified, or reported",
    r"who(ever)? (asks|reads|has|sets|subscribes)": "the client, the reader, the user",
    r"(for|once) (ever|good)": "permanently",
    r"kept back|keep for good": "stored",
    r"what came of it|how a run ends|comes? to one": "run status",
    r"lest|whence|reckoned|parted by|held against|mend|just so": "plain words",
    r"waits? for (a )?(person|review|reviewer)": "pending review",
    r"what (nobody|it) can(not)? (see|tell)|cannot tell": "limitations, or not included",
    r"looks? through|looked through": "search",
    r"takes? (it |them )?in(?= (a|such|verdicts|decisions))": "import",
}
CODE = re.compile(r"```.*?```|`[^`\n]*`|^ {4,}.*$|\{[{%#].*?[}%#]\}|<[^>]*>", re.DOTALL | re.MULTILINE)


def help_texts(command: Any) -> Iterator[str]:
    """Yield the help of a command, its options and its subcommands."""
    yield command.help or ""
    yield from (getattr(param, "help", None) or "" for param in command.params)
    for inner in getattr(command, "commands", {}).values():
        yield from help_texts(inner.load() if isinstance(inner, LazyCommand) else inner)


def texts() -> Iterator[tuple[str, str]]:
    """Yield everything that a user reads, with its place, without code and markup."""
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("feeds/templates/**/*.html")]
    yield from (
        (page.name, CODE.sub(" ", page.read_text())) for page in [*pages, *ROOT.glob("feeds/templates/**/*.txt")]
    )
    yield "--help", "\n".join(help_texts(get_command(app)))


TEXTS = list(texts())


@pytest.mark.parametrize(("place", "text"), TEXTS, ids=[place for place, _ in TEXTS])
def test_no_unwanted_word(place: str, text: str) -> None:
    found = [
        f'"{match[0]}": write {instead}'
        for word, instead in UNWANTED.items()
        for match in re.finditer(rf"\b(?:{word})\b", text, re.IGNORECASE)
    ]
    assert not found, place
