"""docs/architecture.md: every path and every dotted name on it exists."""

from __future__ import annotations

import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGES = "sources|monitors|storage|feeds|procurewatch"


@pytest.mark.parametrize("name", sorted(set(re.findall(rf"\b(?:{PACKAGES})(?:\.\w+)+", PAGE))))
def test_a_dotted_name_exists(name: str) -> None:
    assert resolve_name(name)


@pytest.mark.parametrize("path", sorted(set(re.findall(rf"\b(?:{PACKAGES}|tests)/[\w./]*", PAGE))))
def test_a_path_exists(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("package", PACKAGES.split("|"))
def test_every_package_is_on_the_page(package: str) -> None:
    assert f"{package}/" in PAGE
