"""docs/add-a-source.md is followed to the letter: its source is added to a copy of the tree and the suite is run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest

from procurewatch.context import AppContext
from sources.base import Source
from sources.registry import SOURCES
from storage.models import RunStatus
from storage.search.query import Query
from storage.search.search import find_events
from tests.app_context import app_context_with, ignore
from tests.upstreams.server import Answer, FakeServer, LoggedRequest, json_answer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "add-a-source.md").read_text("utf-8")
[ADAPTER] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
[REGISTRY_LINE] = re.findall(r"^```text\n(.*?)^```$", PAGE, re.M | re.S)
[EXAMPLE] = re.findall(r"^```json\n(.*?)^```$", PAGE, re.M | re.S)
NOTICE = json.loads(EXAMPLE)["payload"]["documents"][0]["body"]["notices"][0]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree with the three things that the page adds, and nothing else."""
    copy = tmp_path_factory.mktemp("tree")
    for name in ("sources", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("monitors", "storage", "feeds", "procurewatch", "pyproject.toml"):
        (copy / name).symlink_to(ROOT / name)
    (copy / "sources" / "example.py").write_text(ADAPTER, "utf-8")
    folder = copy / "tests" / "data" / "examples" / "example"
    folder.mkdir()
    (folder / "notice.json").write_text(EXAMPLE, "utf-8")
    registry = copy / "sources" / "registry.py"
    before, end, after = registry.read_text("utf-8").partition("\n)\n")
    registry.write_text(f"{before}\n{REGISTRY_LINE.rstrip()}{end}{after}", "utf-8")
    return copy


def run_suite(tree: Path, *tests: str) -> str:
    """Run tests in the copy; return what pytest said, the summary last."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-rs", *tests]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=280, check=False).stdout


def test_the_suite_finds_the_example_and_plays_every_fault_to_the_source(tree: Path) -> None:
    first = run_suite(tree, "tests/sources/test_examples.py")
    assert "stated no records: they are written into it now; review them" in first
    assert "1 failed" in first.splitlines()[-1], first
    base = run_suite(tree, "tests/sources/test_examples.py", "tests/sources/test_base.py")
    assert re.search(r"^\d+ passed", base.splitlines()[-1]), base
    faults = run_suite(tree, "tests/monitors/runs/test_every_source.py", "-k", "example")
    passed = re.search(r"^(\d+) passed", faults.splitlines()[-1])
    assert passed, faults
    assert int(passed[1]) >= 11, "each fault that a source judges itself, each step, and faults that pass"


def test_a_source_without_an_example_is_told_where_to_put_one(tree: Path) -> None:
    example = tree / "tests" / "data" / "examples" / "example" / "notice.json"
    moved = example.rename(tree / "notice.json")
    said = run_suite(tree, "tests/sources/test_examples.py", "-k", "has_a_recorded")
    moved.rename(example)
    assert "no example: put one into tests/data/examples/example/" in said


def test_the_adapter_is_of_about_a_hundred_lines() -> None:
    assert len(ADAPTER.splitlines()) <= 110


def source_of_the_page() -> Source:
    module = ModuleType("example")
    exec(compile(ADAPTER, "add-a-source.md", "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    made: Callable[[], Source] = module.__dict__["Example"]
    return made()


class ExampleCity(FakeServer):
    """Serves `notices`, all of them."""

    def __init__(self, *notices: Mapping[str, Any]) -> None:
        self.notices = list(notices)
        self.count = 0
        super().__init__()

    def answer(self, _request: LoggedRequest) -> Answer:
        """Return a page of notices."""
        return json_answer({"notices": self.notices, "count": self.count or len(self.notices)})


@contextmanager
def city(folder: Path) -> Iterator[tuple[ExampleCity, AppContext, Source]]:
    source = source_of_the_page()
    with (
        patch.dict(SOURCES, {source.name: source}),
        ExampleCity(NOTICE) as upstream,
        app_context_with({source.name: {"base_url": upstream.base_url}}, folder, "clearview-ai") as app_context,
    ):
        assert app_context.sources == [source]
        yield upstream, app_context, source


def test_the_source_of_the_page_is_polled_stored_and_published(tmp_path: Path) -> None:
    with city(tmp_path) as (upstream, app_context, source):
        assert app_context.poll(source, date(2026, 11, 18), ignore).status is RunStatus.BASELINE_SEEDED
        assert app_context.poll(source, date(2026, 11, 19), ignore).status is RunStatus.NOTHING_NEW
        upstream.notices.append({**NOTICE, "id": "2", "day": "2026-11-19"})
        assert app_context.poll(source, date(2026, 11, 20), ignore).status is RunStatus.NEW
        with app_context.database.reading() as session:
            published = {event.record.key: event.record.source for event in find_events(session, Query(), limit=10)}
        assert published == {"EXAMPLE_1": "example", "EXAMPLE_2": "example"}


def test_the_source_of_the_page_notices_what_is_wrong(tmp_path: Path) -> None:
    with city(tmp_path) as (upstream, app_context, source):
        assert app_context.poll(source, date(2026, 11, 18), ignore).status is RunStatus.BASELINE_SEEDED
        upstream.count = 5
        assert "notices (1 of 5 rows received)" in app_context.poll(source, date(2026, 11, 19), ignore).message
        upstream.count = 0
        upstream.notices = [{**NOTICE, "version": "2", "title": ""}]
        assert app_context.poll(source, date(2026, 11, 20), ignore).status is RunStatus.SOURCE_CHANGED
        upstream.notices = []
        empty = app_context.poll(source, date(2026, 11, 21), ignore)
        assert (empty.status, "always exists" in empty.message) == (RunStatus.SOURCE_CHANGED, True)
