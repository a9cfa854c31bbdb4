"""The attacked site, built and crawled once per run."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.procurewatch.web.security import attacked_site
from tests.procurewatch.web.security.crawl import Answer

Answers = dict[str, Answer]


@pytest.fixture(scope="session")
def attacked_folder(build_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The data folder of the site. No test changes it."""
    return build_once("attacked", attacked_site.build)


@pytest.fixture(scope="session")
def _crawled(attacked_folder: Path) -> tuple[Answers, dict[str, re.Pattern[str]]]:
    found: tuple[Answers, dict[str, re.Pattern[str]]] = pickle.loads((attacked_folder / "crawled").read_bytes())  # noqa: S301
    return found


@pytest.fixture(scope="session")
def answers(_crawled: tuple[Answers, dict[str, re.Pattern[str]]]) -> Answers:
    """All public responses, by URL."""
    return _crawled[0]


@pytest.fixture(scope="session")
def routes(_crawled: tuple[Answers, dict[str, re.Pattern[str]]]) -> dict[str, re.Pattern[str]]:
    """The pattern of each route that answers GET, by its template."""
    return _crawled[1]
