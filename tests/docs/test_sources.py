"""docs/sources.md describes every source, and agrees with its code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sources.base import FileSource
from sources.registry import SOURCES

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text("utf-8")
SECTIONS = {
    name: (title, text)
    for title, name, text in re.findall(r"^## ([^\n]+) \(`(\w+)`\)\n(.*?)(?=^## )", PAGE, re.M | re.S)
}


def test_every_source_has_its_section() -> None:
    assert sorted(SECTIONS) == sorted(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_a_section_says_what_the_code_says(name: str) -> None:
    source, (title, text) = SOURCES[name], SECTIONS[name]
    assert title == source.title
    for label in ("Contains", "Key and quota", "Delay", "Not included"):
        assert f"- **{label}**: " in text
    assert ("**Key and quota**: none" in text) == (source.api_key_header is None)
    if isinstance(source, FileSource):
        assert f"procurewatch import {name} FILE" in text
    if not source.enabled_by_default:
        assert f"PROCUREWATCH_SOURCES__{name.upper()}__ENABLED" in text
