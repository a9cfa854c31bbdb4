"""What the tests of matching share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

import pytest

from monitors.watchlist import loader
from monitors.watchlist.loader import read_file
from monitors.watchlist.model import Vendor
from monitors.watchlist.yaml_reader import Place

SHIPPED = resources.files("monitors") / "vendors"


@pytest.fixture(autouse=True, scope="session")
def _shipped_files_are_read_once() -> Iterator[None]:
    """Keep what a shipped file says: many a test reads a file of its own, and all of those after them each time."""

    @cache
    def kept(name: str, categories: tuple[tuple[str, str], ...]) -> list[tuple[Vendor, Place]]:
        return read_file(SHIPPED / name, dict(categories))

    def read(file: Traversable | Path, categories: Mapping[str, str]) -> list[tuple[Vendor, Place]]:
        if isinstance(file, Path) and file.parent == SHIPPED:
            return kept(file.name, tuple(categories.items()))
        return read_file(file, categories)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loader, "read_file", read)
        yield
