"""Entries kept as they were written: found again, never mistaken, and never missed when the file is gone or broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import select

from feeds.urls import FeedFormat
from procurewatch.web.cache import entry_writer
from procurewatch.web.cache.entry_file import FOLDER, EntryFile
from procurewatch.web.cache.entry_writer import EntryWriter, write_all_ahead
from storage.database import Database
from storage.models import record_subject
from storage.search.archives import newest_entries
from storage.search.feed_items import Carried
from storage.search.query import Query
from storage.tables import EventRow
from storage.writing.reviews import Decision, Verdict, decide
from tests.procurewatch.web.test_feeds import fill
from tests.records import BABEL, CLEARVIEW, acted, match
from tests.storage.tables import save

SITE = "https://watch.example.org"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
ENTRY = Carried("tag:x,2026:1", NOW, ("clearview-ai",))


@contextmanager
def kept_in(folder: Path, site: str = SITE) -> Iterator[EntryFile]:
    with closing(EntryFile(folder, site)) as kept:
        yield kept


def written(database: Database, kept: EntryFile, fmt: FeedFormat = FeedFormat.ATOM) -> dict[str, bytes]:
    """Return all entries that the feed of everything carries, by the events' ids."""
    with database.reading() as session:
        _, carried = newest_entries(session, Query(), 1000, 1000, NOW)
        contents = EntryWriter(kept, SITE).entries(session, fmt, carried)
        return {entry.event_id: content for entry, content in zip(carried, contents, strict=True)}


@pytest.fixture
def no_wording(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing may be worded."""

    def refuse(*_given: object) -> None:
        raise AssertionError("an entry was worded that is kept")

    with monkeypatch.context() as patch:
        patch.setattr(entry_writer, "entry_for", refuse)
        yield


def test_an_entry_is_found_again_by_all_that_decides_what_it_says(tmp_path: Path) -> None:
    others = [ENTRY._replace(event_id="tag:x,2026:2"), ENTRY._replace(vendors=()), ENTRY._replace(vendors=("a", "b"))]
    with kept_in(tmp_path) as kept, kept_in(tmp_path, "http://other.example") as elsewhere:
        kept.keep(FeedFormat.ATOM, [(ENTRY, b"<entry/>")])
        assert kept.read(FeedFormat.ATOM, [ENTRY]) == {ENTRY.event_id: b"<entry/>"}
        assert kept.missing(FeedFormat.ATOM, [ENTRY, others[0]]) == others[:1]
        assert [kept.read(FeedFormat.ATOM, [other]) for other in others] == [{}, {}, {}]
        assert kept.read(FeedFormat.RSS, [ENTRY]) == elsewhere.read(FeedFormat.ATOM, [ENTRY]) == {}
        # Another database in the same folder may have seen it at another time.
        assert not kept.read(FeedFormat.ATOM, [ENTRY._replace(first_seen=datetime(2020, 1, 1, tzinfo=UTC))])
    with kept_in(tmp_path) as kept:
        assert kept.read(FeedFormat.ATOM, [ENTRY]) == {ENTRY.event_id: b"<entry/>"}


def test_what_another_version_wrote_is_deleted_and_nothing_else(tmp_path: Path) -> None:
    names = ("entries-0123456789abcdef.sqlite3", "entries-0123456789abcdef.sqlite3-wal", "entries-2025.sqlite3", "mine")
    (tmp_path / FOLDER).mkdir()
    for name in names:
        (tmp_path / FOLDER / name).touch()
    with kept_in(tmp_path) as kept:
        left = {file.name for file in (tmp_path / FOLDER).iterdir() if not file.name.startswith(kept.path.name)}
        assert left == {"entries-2025.sqlite3", "mine"}


def test_a_feed_is_the_same_whether_its_entries_are_kept_or_not(
    database: Database, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    fill(database, actions=30)
    with kept_in(tmp_path) as kept:
        first = {fmt: written(database, kept, fmt) for fmt in FeedFormat}
        assert all(len(entries) == 32 for entries in first.values())
        request.getfixturevalue("no_wording")
        assert {fmt: written(database, kept, fmt) for fmt in FeedFormat} == first
    with kept_in(tmp_path) as kept:  # after a new start too
        assert {fmt: written(database, kept, fmt) for fmt in FeedFormat} == first


def test_a_verdict_reaches_an_entry_that_is_kept(database: Database, tmp_path: Path) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), match(CLEARVIEW, "babel-street"), now=NOW)
    with kept_in(tmp_path) as kept:
        before = written(database, kept)
        with database.writing() as session:
            subject = record_subject(CLEARVIEW.key)
            verdict = Verdict(
                vendor_id="babel-street",
                subject=subject,
                decision=Decision.REJECTED,
                who="Ana",
                note="another company",
                decided_at=NOW,
            )
            decide(session, verdict)
        after = written(database, kept)
        changed = [before[entry] for entry in before if before[entry] != after[entry]]
        assert changed
        assert all(b"babel-street" in entry for entry in changed)


def test_all_that_is_told_is_written_ahead(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    fill(database, actions=450)
    with kept_in(tmp_path) as kept:
        writer = EntryWriter(kept, SITE)
        assert write_all_ahead(database, kept, writer, Event()) == 452
        assert write_all_ahead(database, kept, writer, Event()) == 0
        more = acted(CLEARVIEW, "P00099", "2025-09-12", "1.00")
        save(database, more, match(more), now=NOW)
        assert write_all_ahead(database, kept, writer, Event()) == 1
        request.getfixturevalue("no_wording")
        assert {len(written(database, kept, fmt)) for fmt in FeedFormat} == {453}


def test_what_was_interrupted_goes_on(database: Database, tmp_path: Path) -> None:
    fill(database, actions=450)

    class Soon(Event):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return super().wait(timeout)

    with kept_in(tmp_path) as kept:
        writer = EntryWriter(kept, SITE)
        first = write_all_ahead(database, kept, writer, Soon())
        assert 0 < first < 452
        assert first + write_all_ahead(database, kept, writer, Event()) == 452


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>" * 500, b"", b"SQLite format 3\0" + bytes(4000)])
def test_a_file_that_is_no_database_is_begun_anew(database: Database, tmp_path: Path, content: bytes) -> None:
    fill(database)
    with kept_in(tmp_path) as kept:
        path, first = kept.path, written(database, kept)
    path.write_bytes(content)
    with kept_in(tmp_path) as kept:
        assert written(database, kept) == first
        assert path.read_bytes() != content
    with kept_in(tmp_path) as kept:
        assert not kept.missing(FeedFormat.ATOM, [ENTRY][:0])


def test_feeds_are_written_where_nothing_can_be_kept(database: Database, tmp_path: Path) -> None:
    fill(database)
    with kept_in(tmp_path) as kept:
        first = written(database, kept)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / FOLDER).write_text("a file where the folder should be")
    with kept_in(blocked) as kept:
        assert written(database, kept) == first
        assert not kept.can_keep
        assert write_all_ahead(database, kept, EntryWriter(kept, SITE), Event()) == 0


def test_a_file_that_breaks_or_is_full_costs_no_feed(database: Database, tmp_path: Path) -> None:
    fill(database, actions=20)
    with kept_in(tmp_path) as kept:
        first = written(database, kept)
        with closing(sqlite3.connect(kept.path)) as other, other:
            other.execute("UPDATE entry SET content = x'00'")
        assert written(database, kept) == first  # what is damaged is written again
        with closing(sqlite3.connect(kept.path)) as other, other:
            other.execute("DROP TABLE entry")
        assert written(database, kept) == first
    other_site = tmp_path / "full"
    with kept_in(other_site) as kept:
        assert kept._open is not None
        kept._open.execute("PRAGMA max_page_count=1")  # as a full disk
        assert written(database, kept) == first
        assert not kept.can_keep
        assert write_all_ahead(database, kept, EntryWriter(kept, SITE), Event()) == 0


def test_threads_and_processes_share_a_file(database: Database, tmp_path: Path) -> None:
    fill(database, actions=100)
    with kept_in(tmp_path) as one, kept_in(tmp_path) as two, ThreadPoolExecutor(8) as readers:
        found = list(readers.map(lambda kept: written(database, kept), [one, two] * 8))
    assert all(each == found[0] for each in found)
    assert len(found[0]) == 102


def test_what_is_not_told_is_not_written(database: Database, tmp_path: Path) -> None:
    save(database, BABEL, match(BABEL, "babel-street"), now=NOW, tell=lambda _vendors: False)
    with database.reading() as session:
        assert session.scalars(select(EventRow)).all()
    with kept_in(tmp_path) as kept:
        assert write_all_ahead(database, kept, EntryWriter(kept, SITE), Event()) == 0
