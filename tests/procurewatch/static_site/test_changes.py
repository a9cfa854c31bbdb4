"""A build of only what has changed leaves the same files as a build from nothing, after every kind of change."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, DictLoader, PackageLoader
from sqlalchemy.engine import make_url

from feeds.entries import render
from feeds.urls import SEARCH_INDEX
from procurewatch.context import AppContext
from procurewatch.static_site import inputs
from procurewatch.static_site.building import build_site
from procurewatch.static_site.inputs import digest_folder
from procurewatch.static_site.manifest import MANIFEST
from procurewatch.static_site.search_index import is_of_index
from procurewatch.static_site.writing import LOCK, Written
from sources.records import Award, Removal
from storage.database import open_database
from storage.models import record_subject
from storage.writing.reviews import Decision, ReviewDecision, delete_decision, save_decision
from storage.writing.runs import save_coverage, update_incident
from storage.writing.save import save_publication, save_removal
from tests.procurewatch.site import context_for, fill
from tests.records import BABEL, CLEARVIEW, COURT_REPORTER, EQUIPMENT, acted, match, with_actions
from tests.sources.fakes import publication
from tests.storage.database_helpers import publish_all, save

NOW = datetime.now(UTC)
SITE = "https://example.org/contracts/"
OTHER_NAME = replace(CLEARVIEW, revision="9", recipient=replace(CLEARVIEW.recipient, name="CLEARVIEW AI LLC"))
NOTICE = replace(publication("SAM_NOTICE_1"), award_key=CLEARVIEW.key)
CLOSED = Removal(
    source="usaspending", key=CLEARVIEW.key, action_key="", removed=date(2026, 11, 21), reason="deleted", documents=()
)


def numbered(number: str) -> Award:
    """Return the award to Clearview AI under another number."""
    text = "70CMSD21P00000127"
    actions = [replace(action, key=action.key.replace(text, number)) for action in CLEARVIEW.actions]
    return with_actions(replace(CLEARVIEW, key=CLEARVIEW.key.replace(text, number), piid=number), actions)


def decide(key: str, vendor: str, decision: Decision) -> Callable[[AppContext], object]:
    made = ReviewDecision(
        vendor_id=vendor, subject=record_subject(key), decision=decision, decided_by="me", note="", decided_at=NOW
    )

    def change(app_context: AppContext) -> None:
        with app_context.database.writing() as session:
            save_decision(session, made)

    return change


def undo(app_context: AppContext) -> None:
    with app_context.database.writing() as session:
        delete_decision(session, "babel-street", record_subject(BABEL.key), NOW)


def store(award: Award, *vendors: str) -> Callable[[AppContext], object]:
    return lambda app_context: save(
        app_context.database, award, *(match(award, vendor) for vendor in vendors), now=datetime.now(UTC)
    )


def announce(app_context: AppContext) -> None:
    with app_context.database.writing() as session:
        save_publication(session, NOTICE, [match(NOTICE)], datetime.now(UTC), publish_all)


def remove(app_context: AppContext) -> None:
    with app_context.database.writing() as session:
        save_removal(session, CLOSED, datetime.now(UTC), publish_all)


def cover(app_context: AppContext) -> None:
    with app_context.database.writing() as session:
        save_coverage(session, "usaspending", "clearview-ai", until=date(2024, 1, 1), terms="x", now=NOW)


def break_source(app_context: AppContext) -> None:
    with app_context.database.writing() as session:
        update_incident(session, "usaspending", good=False, status="blocked", message="403", now=NOW, at_once=True)


# Each with words of a file that must say so afterward: its path and the words, "" if it must be gone.
CHANGES: dict[str, tuple[Callable[[AppContext], object], str, str]] = {
    "a new event": (
        store(acted(CLEARVIEW, "P00099", "2025-09-12", "1000000.00", description="LIDAR"), "clearview-ai"),
        "vendor/clearview-ai.atom",
        "LIDAR",
    ),
    "a new award": (
        store(numbered("70CMSD24P00000009"), "clearview-ai"),
        "vendor/clearview-ai.html",
        "70CMSD24P00000009",
    ),
    "an order under a published agreement": (
        store(replace(numbered("70CMSD24F00000001"), parent_key=EQUIPMENT.key), "clearview-ai"),
        f"awards/{EQUIPMENT.key}.html",
        "70CMSD24F00000001",
    ),
    "a changed award": (
        store(OTHER_NAME, "clearview-ai"),
        "agency/7012.html",
        "CLEARVIEW AI LLC",
    ),
    "a match confirmed": (
        decide(COURT_REPORTER.key, "panamerica", Decision.CONFIRMED),
        f"awards/{COURT_REPORTER.key}.html",
        "Panamerica",
    ),
    "a match rejected": (decide(BABEL.key, "babel-street", Decision.REJECTED), f"awards/{BABEL.key}.html", ""),
    "a decision undone": (undo, f"awards/{BABEL.key}.html", "Babel Street"),
    "a linked publication": (announce, f"awards/{CLEARVIEW.key}.html", "Linked publications"),
    "an award that its source deleted": (remove, f"awards/{CLEARVIEW.key}.html", "deleted it on 2026-11-21"),
    "coverage": (cover, "vendor/clearview-ai.html", "2024-01-01"),
    "an outage": (break_source, "health.atom", "blocked"),
}


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (MANIFEST, LOCK) and SEARCH_INDEX not in path.parts
    }


def check(app_context: AppContext, folder: Path, *, every: bool = False) -> Written:
    """Build into a folder that has an earlier build, and into a new one, and compare.

    `every`: the change concerns every file, so that none can be kept.
    """
    shutil.rmtree(folder / "again", ignore_errors=True)
    done = build_site(app_context, folder / "site", SITE)
    whole = build_site(app_context, folder / "again", SITE)
    changed, built = files_of(folder / "site"), files_of(folder / "again")
    assert not done.failed
    assert changed.keys() == built.keys()
    assert [path for path in changed if changed[path] != built[path]] == []
    assert every or done.built < whole.built
    return done


@pytest.fixture
def app_context(sqlite_url: str, _sqlite_with_tables: Path, tmp_path: Path) -> Iterator[AppContext]:
    """Yield a context with a few records, of which the site is built."""
    shutil.copy(_sqlite_with_tables, str(make_url(sqlite_url).database))
    with closing(open_database(sqlite_url)) as database:
        fill(database)
        context = context_for(database, tmp_path)
        watched = [context.watchlist.by_id[vendor] for vendor in ("babel-street", "clearview-ai")]
        context = replace(context, watchlist=replace(context.watchlist, vendors=tuple(watched)))
        build_site(context, tmp_path / "site", SITE)
        yield context


def test_what_is_stored_changes(app_context: AppContext, tmp_path: Path) -> None:
    site = tmp_path / "site"
    for name, (change, path, words) in CHANGES.items():
        if words:
            assert not (site / path).exists() or words not in (site / path).read_text("utf-8"), name
        change(app_context)
        check(app_context, tmp_path)
        assert words in (site / path).read_text("utf-8") if words else not (site / path).exists(), name


def test_nothing_changes(app_context: AppContext, tmp_path: Path) -> None:
    done = check(app_context, tmp_path)
    assert (done.changed, done.removed) == ([], [])
    assert not [
        path for path in done.files if path.startswith(("awards/", "vendor/")) and done.files[path].inputs == ""
    ]


def test_the_watchlist_changes(app_context: AppContext, tmp_path: Path) -> None:
    watchlist = app_context.watchlist
    babel, clearview = watchlist.vendors
    renamed = replace(watchlist, vendors=(babel, replace(clearview, note="A note on this company.")))
    done = check(replace(app_context, watchlist=renamed), tmp_path)
    assert [path for path in done.changed if not is_of_index(path)] == ["vendor/clearview-ai.html"]
    gone = replace(watchlist, vendors=(clearview,))
    check(replace(app_context, watchlist=gone), tmp_path, every=True)


def test_a_template_and_the_address_change(
    app_context: AppContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, templates = render._environment(), PackageLoader("feeds", "templates")
    base = templates.get_source(environment, "base.html")[0].replace("</footer>", "New words</footer>")
    monkeypatch.setattr(environment, "loader", ChoiceLoader([DictLoader({"base.html": base}), templates]))
    monkeypatch.setattr(environment, "cache", {})
    monkeypatch.setattr(inputs, "program_digest", lambda: "of the program with this template")
    done = check(app_context, tmp_path, every=True)
    assert {path for path in done.changed if path.endswith(".html")} == {
        path for path in done.files if path.endswith(".html")
    }
    moved = build_site(app_context, tmp_path / "site", "https://example.org/moved/")
    assert len([path for path in moved.changed if path.endswith(".atom")]) > 5


def test_the_digest_of_the_program_is_of_the_bytes_of_each_file(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    file = tmp_path / "templates" / "award.html"
    seen = set()
    for content in ("a", "b"):
        file.write_text(content)
        seen.add(digest_folder(tmp_path))
    file.rename(file.with_name("other.html"))
    seen.add(digest_folder(tmp_path))
    assert len(seen) == 3
    (tmp_path / "__pycache__").mkdir()
    assert digest_folder(tmp_path) in seen
