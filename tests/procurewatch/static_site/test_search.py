"""The search of the static site: its index is made again when a page has changed, and needs Pagefind."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import sleep

import pytest

from feeds import urls
from procurewatch.context import AppContext
from procurewatch.static_site import building, search_index
from procurewatch.static_site.building import build_site
from procurewatch.static_site.manifest import SiteError
from storage.database import open_database
from tests.procurewatch.site import context_for, fill
from tests.records import CLEARVIEW as AWARD
from tests.records import LATER_STILL, acted, match
from tests.storage.database_helpers import save

ENTRY = Path(urls.SEARCH_INDEX) / "pagefind-entry.json"


@pytest.fixture(scope="module")
def app_context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    folder = tmp_path_factory.mktemp("data")
    with closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database:
        fill(database)
        yield context_for(database, folder)


@pytest.fixture(scope="module")
def site(app_context: AppContext, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build_site(app_context, folder, "https://example.org/contracts")
    return folder


def test_the_index_is_made_again_only_when_a_page_has_changed(
    app_context: AppContext, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, run = [], search_index._run

    def counted_run(command: list[str], is_stopping: Callable[[], bool]) -> None:
        runs.append(command)
        run(command, is_stopping)

    monkeypatch.setattr(search_index, "_run", counted_run)
    build_site(app_context, site, "https://example.org/contracts")
    assert runs == []
    first = json.loads((site / ENTRY).read_bytes())
    changed = acted(AWARD, "P00099", "2025-09-12", "1000000.00", description="LIDAR")
    save(app_context.database, changed, match(changed), now=LATER_STILL)
    build_site(app_context, site, "https://example.org/contracts")
    assert len(runs) == 1
    assert json.loads((site / ENTRY).read_bytes()) != first
    metadata = {path.name for path in (site / urls.SEARCH_INDEX).glob("*.pf_meta")}
    assert len(metadata) == 1, "what is of the former index is removed"
    (site / ENTRY).unlink()
    build_site(app_context, site, "https://example.org/contracts")
    assert len(runs) == 2
    assert (site / ENTRY).is_file()


def test_the_site_without_pagefind(app_context: AppContext, site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (search_index, building):
        monkeypatch.setattr(module, "pagefind_command", list)
    done = build_site(app_context, site, "https://example.org/contracts")
    assert not (site / urls.SEARCH_INDEX).exists()
    assert urls.SEARCH_PAGE not in done.files
    assert urls.SEARCH_PAGE not in (site / urls.INDEX).read_text()
    assert "data-pagefind-filter" not in (site / urls.award_path(AWARD.key)).read_text()


def test_a_pagefind_that_fails_leaves_the_pages(
    app_context: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "pagefind_command", lambda: ["sh", "-c", "echo no space left >&2; exit 3"])
    with pytest.raises(SiteError, match=r"the pages are written, but not the search index: .* no space left"):
        build_site(app_context, tmp_path, "")
    assert (tmp_path / urls.INDEX).is_file()


def test_a_build_that_is_to_stop_does_not_wait_for_pagefind(
    app_context: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        search_index, "pagefind_command", lambda: ["sh", "-c", f"echo > {tmp_path}/began; exec sleep 999"]
    )
    own = replace(app_context, stop=Event())
    with ThreadPoolExecutor(1) as thread:
        build = thread.submit(build_site, own, tmp_path / "site", "")
        while not (tmp_path / "began").exists() and not build.done():
            sleep(0.02)
        own.stop.set()
        with pytest.raises(SiteError, match="stopped; the pages are written"):
            build.result()
    assert (tmp_path / "site" / urls.INDEX).is_file()
