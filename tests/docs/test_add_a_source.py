"""The source in docs/add-a-source.md is taken at its word: its code is run, and its notices are stored and told."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

from procurewatch.context import AppContext
from sources.base import Source
from sources.registry import SOURCES
from storage.models import RunStatus
from storage.search.query import Query
from storage.search.search import find_events
from tests.app_context import app_context_with, ignore
from tests.upstreams.server import Answer, FakeServer, LoggedRequest, json_answer

PAGE = Path(__file__).parents[2] / "docs" / "add-a-source.md"
NOTICE = {"id": "1", "version": "1", "title": "Face recognition", "text": "Clearview AI licenses", "day": "2026-11-02"}


def written() -> Source:
    """Return the source of the page."""
    [code] = re.findall(r"^   ```python\n(.*?)^   ```$", PAGE.read_text("utf-8"), re.M | re.S)
    module = ModuleType("example")
    exec(compile(textwrap.dedent(code), str(PAGE), "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    made: Callable[[], Source] = module.__dict__["Example"]
    return made()


class ExampleCity(FakeServer):
    """Serves `notices`, all of them."""

    def __init__(self, *notices: Mapping[str, Any]) -> None:
        self.notices = list(notices)
        self.count = 0
        super().__init__()

    def answer(self, request: LoggedRequest) -> Answer:
        """Return a page of notices."""
        if not request.path.startswith("/notices?since="):
            return Answer(status=404, body=json.dumps({"message": "no such page"}).encode())
        return json_answer({"notices": self.notices, "count": self.count or len(self.notices)})


@contextmanager
def city(folder: Path) -> Iterator[tuple[ExampleCity, AppContext, Source]]:
    source = written()
    with (
        patch.dict(SOURCES, {source.name: source}),
        ExampleCity(NOTICE) as upstream,
        app_context_with({source.name: {"base_url": upstream.base_url}}, folder, "clearview-ai") as app_context,
    ):
        assert app_context.sources == [source]
        yield upstream, app_context, source


def test_the_source_of_the_page_is_polled_stored_and_told(tmp_path: Path) -> None:
    with city(tmp_path) as (upstream, app_context, source):
        assert app_context.poll(source, date(2026, 11, 18), ignore).status is RunStatus.BASELINE_SEEDED
        assert app_context.poll(source, date(2026, 11, 19), ignore).status is RunStatus.NOTHING_NEW
        upstream.notices.append({**NOTICE, "id": "2", "day": "2026-11-19"})
        assert app_context.poll(source, date(2026, 11, 20), ignore).status is RunStatus.NEW
        with app_context.database.reading() as session:
            told = {event.record.key: event.record.source for event in find_events(session, Query(), limit=10)}
        assert told == {"EXAMPLE_1": "example", "EXAMPLE_2": "example"}


def test_the_source_of_the_page_notices_what_is_wrong(tmp_path: Path) -> None:
    with city(tmp_path) as (upstream, app_context, source):
        assert app_context.poll(source, date(2026, 11, 18), ignore).status is RunStatus.BASELINE_SEEDED
        upstream.count = 5
        assert "notices (1 of 5 rows came)" in app_context.poll(source, date(2026, 11, 19), ignore).message
        upstream.count = 0
        upstream.notices = [{**NOTICE, "version": "2", "title": ""}]
        assert app_context.poll(source, date(2026, 11, 20), ignore).status is RunStatus.SOURCE_CHANGED
        upstream.notices = []
        empty = app_context.poll(source, date(2026, 11, 21), ignore)
        assert (empty.status, "what always exists" in empty.message) == (RunStatus.SOURCE_CHANGED, True)
