"""Every month a delta is read, or else the current fiscal year again; deletions become events, news is published."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from monitors.runs.pipeline import Progress
from monitors.runs.status import RunReport
from procurewatch.context import AppContext
from sources.records import Award
from sources.registry import SOURCES
from storage.models import EventKind, RunStatus
from storage.reading.archives import archive_files
from storage.reading.rematching import load_candidates
from storage.schema.tables import ActionRow, CoverageRow, EventRow
from storage.writing.save import save_award
from tests.app_context import shipped
from tests.archives import CONTROL, action, archive_context, archives_of, award, backfill, delta_of, hurried, poll
from tests.upstreams.usaspending.archive import FakeArchive, Serving
from tests.upstreams.usaspending.corpus import CorpusAward

AUGUST, SEPTEMBER, DELTA_DAY, NOVEMBER = date(2026, 8, 6), date(2026, 9, 6), date(2026, 9, 24), date(2026, 11, 6)
YEAR_BEGINS = date(2025, 10, 1)
CLEARVIEW = "CLEARVIEW AI, INC."
LICENSES = "CLEARVIEW AI LICENSES"
BASE = action("0", date(2026, 5, 4), "50000.00", LICENSES)
DOUBTED = action("P00001", date(2026, 6, 4), "7000.00")
FRESH = action("P00002", date(2026, 9, 2), "9000.00")
BEFORE = award("70CMSD26P00000001", BASE, DOUBTED, name=CLEARVIEW)
AFTER = award("70CMSD26P00000001", BASE, FRESH, name=CLEARVIEW)
OTHER = award("70CMSD26P00000002", action("0", date(2026, 9, 3), "1000.00", LICENSES))
STRANGER = award("70CMSD26P00000003", action("0", date(2026, 9, 3)))


@pytest.fixture(autouse=True)
def _haste() -> Iterator[None]:
    with hurried():
        yield


@contextmanager
def read_in_august(folder: Path, *awards: CorpusAward) -> Iterator[tuple[FakeArchive, AppContext]]:
    """Give a server and an app context that has read the archive of August."""
    with (
        FakeArchive(CONTROL | archives_of([BEFORE, STRANGER, *awards], AUGUST)) as server,
        archive_context(server, folder) as app_context,
    ):
        backfill(app_context, 2026)
        yield server, app_context


def events(app_context: AppContext, *, published: bool = True) -> set[tuple[str, str]]:
    """Return kind and PIID of the events."""
    with app_context.database.reading() as session:
        rows = session.scalars(select(EventRow).where(col(EventRow.is_published).is_(published)))
        return {(row.kind, row.record_key.split("_")[2]) for row in rows}


def removed(app_context: AppContext) -> dict[str, date | None]:
    with app_context.database.reading() as session:
        rows = session.scalars(select(ActionRow).where(col(ActionRow.removed).is_not(None)))
        return {row.key: row.removed for row in rows}


def covered_until(app_context: AppContext) -> dict[date, date | None]:
    """Return by first day up to which day archives cover contracts."""
    with app_context.database.reading() as session:
        rows = session.scalars(select(CoverageRow).where(col(CoverageRow.source) == "archive"))
        return {row.since: row.until for row in rows}


def downloads(server: FakeArchive) -> list[str]:
    return [request.path.rpartition("/")[2] for request in server.asked("/award_data_archive/")]


def test_without_a_backfill_there_is_nothing_to_poll(tmp_path: Path) -> None:
    with FakeArchive(CONTROL) as server, archive_context(server, tmp_path) as app_context:
        assert not app_context.has_something_to_poll(SOURCES["archive"])
        assert app_context.has_something_to_poll(SOURCES["usaspending"])
        assert server.requests == []


def test_without_news_a_poll_is_one_request(tmp_path: Path) -> None:
    with read_in_august(tmp_path) as (server, app_context):
        assert app_context.has_something_to_poll(SOURCES["archive"])
        assert poll(app_context, SEPTEMBER).status is RunStatus.NOTHING_NEW
        server.requests.clear()
        assert poll(app_context, SEPTEMBER).status is RunStatus.NOTHING_NEW
        [request] = server.requests
        assert request.json() == {"agency": 63, "fiscal_year": 2026, "type": "contracts"}
        assert covered_until(app_context) == {YEAR_BEGINS: AUGUST}


def test_a_delta_brings_changes_news_and_deletions(tmp_path: Path) -> None:
    with read_in_august(tmp_path) as (server, app_context):
        assert events(app_context) == set()
        changes = [(AFTER, FRESH), (OTHER, OTHER.actions[0]), (STRANGER, STRANGER.actions[0])]
        delta = delta_of(changes, [(BEFORE, DOUBTED)], published=DELTA_DAY)
        server.publish(CONTROL, archives_of([AFTER, OTHER, STRANGER], DELTA_DAY), delta)
        assert poll(app_context, date(2026, 9, 25)).status is RunStatus.NEW
        assert events(app_context) == {
            (EventKind.MODIFIED, BEFORE.piid),
            (EventKind.DELETED, BEFORE.piid),
            (EventKind.NEW_AWARD, OTHER.piid),
        }
        assert removed(app_context) == {BEFORE.action_key(DOUBTED).upper(): DELTA_DAY}
        assert set(downloads(server)) == {"FY%28All%29_070_Contracts_Delta_20260924.zip"}
        assert covered_until(app_context) == {YEAR_BEGINS: DELTA_DAY}
        server.requests.clear()
        poll(app_context, date(2026, 9, 26))
        assert len(server.requests) == 1
        assert downloads(server) == []


def test_september_2026_had_no_delta_of_homeland_security(tmp_path: Path) -> None:
    with read_in_august(tmp_path) as (server, app_context):
        server.publish(CONTROL, archives_of([AFTER, OTHER, STRANGER], SEPTEMBER))
        assert poll(app_context, date(2026, 9, 15)).status is RunStatus.NEW
        expected = {
            (EventKind.MODIFIED, BEFORE.piid),
            (EventKind.DELETED, BEFORE.piid),
            (EventKind.NEW_AWARD, OTHER.piid),
        }
        assert events(app_context) == expected
        assert removed(app_context) == {BEFORE.action_key(DOUBTED).upper(): SEPTEMBER}
        assert covered_until(app_context) == {YEAR_BEGINS: SEPTEMBER}
        server.requests.clear()
        poll(app_context, date(2026, 9, 16))
        assert len(server.requests) == 1
        # The delta comes three weeks late, with what is known, and one thing more.
        late = [(AFTER, FRESH), (STRANGER, STRANGER.actions[0])]
        published = archives_of([AFTER, OTHER, STRANGER], SEPTEMBER)
        server.publish(CONTROL, published, delta_of(late, [(OTHER, OTHER.actions[0])], published=DELTA_DAY))
        poll(app_context, date(2026, 9, 25))
        assert events(app_context) == expected | {(EventKind.DELETED, OTHER.piid)}
        assert covered_until(app_context) == {YEAR_BEGINS: DELTA_DAY}


def test_an_action_of_a_file_that_cannot_be_read_whole_is_not_taken_for_deleted(tmp_path: Path) -> None:
    with read_in_august(tmp_path) as (server, app_context):
        published = archives_of([AFTER, STRANGER], SEPTEMBER)
        server.publish(CONTROL, published)
        for name in published:
            server.serve(name, Serving.SHORT)
        report = poll(app_context, date(2026, 9, 15))
        assert report.status is RunStatus.INCOMPLETE
        assert "cut off" in report.message
        assert removed(app_context) == {}
        assert covered_until(app_context) == {YEAR_BEGINS: AUGUST}
        for name in published:
            server.serve(name, Serving.WELL)
        poll(app_context, date(2026, 9, 15))
        assert list(removed(app_context)) == [BEFORE.action_key(DOUBTED).upper()]
        assert covered_until(app_context) == {YEAR_BEGINS: SEPTEMBER}


def test_a_new_fiscal_year_is_read_when_its_first_file_appears(tmp_path: Path) -> None:
    october = award("70CMSD27P00000001", action("0", date(2026, 10, 9), "1000.00", LICENSES))
    with read_in_august(tmp_path) as (server, app_context):
        server.publish(CONTROL, archives_of([BEFORE, STRANGER], AUGUST))
        poll(app_context, date(2026, 10, 3))
        asked = [request.json()["fiscal_year"] for request in server.asked("list_monthly_files")]
        assert asked == [2027, 2026], "in October there is none of the new year"
        delta = delta_of([(AFTER, FRESH), (october, october.actions[0])], published=NOVEMBER)
        server.publish(CONTROL, archives_of([AFTER, october], NOVEMBER), delta)
        assert poll(app_context, date(2026, 11, 15)).status is RunStatus.NEW
        assert events(app_context) == {(EventKind.MODIFIED, BEFORE.piid), (EventKind.NEW_AWARD, october.piid)}
        until = covered_until(app_context)
        assert until[date(2026, 10, 1)] == NOVEMBER
        assert set(until) == {YEAR_BEGINS, date(2026, 10, 1)}


def test_old_news_of_an_entry_that_the_archives_were_not_read_for_is_history(tmp_path: Path) -> None:
    cellebrite = award("70CMSD26P00000009", action("0", date(2026, 9, 3), "1000.00", "CELLEBRITE UFED LICENSES"))
    with read_in_august(tmp_path) as (server, app_context):
        wider = replace(app_context.watchlist, vendors=(*app_context.watchlist.vendors, shipped().by_id["cellebrite"]))
        wider_context = replace(app_context, watchlist=wider)
        changes = [(AFTER, FRESH), (cellebrite, cellebrite.actions[0])]
        server.publish(CONTROL, delta_of(changes, published=DELTA_DAY))
        poll(wider_context, date(2026, 9, 25))
        assert events(app_context) == {(EventKind.MODIFIED, BEFORE.piid)}
        assert (EventKind.NEW_AWARD, cellebrite.piid) in events(app_context, published=False)


def stopped_poll(app_context: AppContext, calls: int) -> RunReport:
    """Poll, and stop the run at a call of its listener, if it comes so far."""
    left = iter(range(calls - 1))

    def stop(progress: Progress) -> None:
        if progress.reading is None and next(left, None) is None:
            app_context.stop.set()

    with app_context.claimed(SOURCES["archive"]) as claimed:
        return claimed.poll(SOURCES["archive"], date(2026, 9, 15), stop)


def test_a_poll_that_is_stopped_between_deletions_finds_them_again(tmp_path: Path) -> None:
    late = action("P00009", date(2026, 6, 5))
    before = award("70CMSD26P00000001", BASE, DOUBTED, late, name=CLEARVIEW)
    with (
        FakeArchive(CONTROL | archives_of([before, STRANGER], AUGUST)) as server,
        archive_context(server, tmp_path) as app_context,
    ):
        backfill(app_context, 2026)
        server.publish(CONTROL, archives_of([AFTER, STRANGER], SEPTEMBER))

        for calls in count(1):
            app_context.stop.clear()
            if stopped_poll(app_context, calls).status:
                break
        assert set(removed(app_context)) == {before.action_key(each).upper() for each in (DOUBTED, late)}
        assert covered_until(app_context) == {YEAR_BEGINS: SEPTEMBER}


def test_a_poll_that_is_stopped_after_its_last_file_covers_it_the_next_time(tmp_path: Path) -> None:
    with read_in_august(tmp_path) as (server, app_context):
        for code in ("015", "070"):
            server.publish(CONTROL, archives_of([BEFORE], AUGUST, agency=code))
            backfill(app_context, 2026, agency=code)
        deltas = [delta_of([(AFTER, FRESH)], published=DELTA_DAY, agency=code) for code in ("015", "070")]
        server.publish(CONTROL, *deltas)

        def stop(_progress: Progress) -> None:
            with app_context.database.reading() as session:
                if any(row.is_delta for row in archive_files(session, complete=True)):
                    app_context.stop.set()

        with app_context.claimed(SOURCES["archive"]) as claimed:
            assert claimed.poll(SOURCES["archive"], date(2026, 9, 25), stop).status is None
        app_context.stop.clear()
        server.requests.clear()
        poll(app_context, date(2026, 9, 26))
        assert set(downloads(server)) == {"FY%28All%29_070_Contracts_Delta_20260924.zip"}
        with app_context.database.reading() as session:
            rows = session.scalars(select(CoverageRow).where(col(CoverageRow.source) == "archive")).all()
            assert {(row.agency, row.until) for row in rows} == {("015", DELTA_DAY), ("070", DELTA_DAY)}


def test_a_year_that_is_backfilled_later_hides_no_delta_of_the_others(tmp_path: Path) -> None:
    old = award("70CMSD10P00000001", action("0", date(2010, 5, 4), "5.00", LICENSES), name=CLEARVIEW)
    with read_in_august(tmp_path) as (server, app_context):
        delta = delta_of([(AFTER, FRESH), (OTHER, OTHER.actions[0])], published=DELTA_DAY)
        server.publish(CONTROL, archives_of([AFTER, OTHER, STRANGER, old], DELTA_DAY), delta)
        backfill(app_context, 2010)
        poll(app_context, date(2026, 9, 25))
        assert events(app_context) == {(EventKind.MODIFIED, BEFORE.piid), (EventKind.NEW_AWARD, OTHER.piid)}
        assert covered_until(app_context)[YEAR_BEGINS] == DELTA_DAY


def test_what_a_delta_corrects_in_years_that_were_not_read_is_history(tmp_path: Path) -> None:
    base = action("0", date(2012, 5, 4), "5.00", LICENSES)
    modified = action("P00001", date(2012, 6, 4), "5.00", LICENSES)
    recent = action("P00002", date(2026, 5, 4), "7.00", LICENSES)
    single = award("70CMSD12P00000001", base, name=CLEARVIEW)
    whole = award("70CMSD12P00000002", base, modified, recent, name=CLEARVIEW)
    with read_in_august(tmp_path, replace(whole, actions=[recent])) as (server, app_context):
        fresh = [
            (replace(each, last_modified_date=DELTA_DAY), done) for each in (single, whole) for done in each.actions
        ]
        server.publish(CONTROL, delta_of([*fresh, (OTHER, OTHER.actions[0])], published=DELTA_DAY))
        poll(app_context, date(2026, 9, 25))
        assert events(app_context) == {(EventKind.NEW_AWARD, OTHER.piid)}
        stored = events(app_context, published=False)
        assert {(EventKind.NEW_AWARD, single.piid), (EventKind.MODIFIED, whole.piid)} <= stored


def test_an_award_whose_key_the_api_has_corrected_is_not_taken_for_deleted(tmp_path: Path) -> None:
    corrected = replace(BEFORE, parent_piid="70CMSD26A00000001", parent_agency="7012")
    with read_in_august(tmp_path) as (server, app_context):
        with app_context.database.writing() as session:
            [stored] = [found.record for found in load_candidates(session, [BEFORE.key])]
            assert isinstance(stored, Award)
            keys = {done.modification: corrected.action_key(done).upper() for done in BEFORE.actions}
            actions = tuple(replace(each, key=keys[each.modification]) for each in stored.actions)
            listed = replace(stored, source="usaspending", is_partial=False, key=corrected.key, replaces=BEFORE.key)
            save_award(session, replace(listed, actions=actions), (), app_context.database.now(), lambda _vendors: True)
        server.publish(CONTROL, archives_of([BEFORE, STRANGER], SEPTEMBER))
        assert poll(app_context, date(2026, 9, 15)).tally.read > 0
        assert removed(app_context) == {}
        assert (EventKind.DELETED, BEFORE.piid) not in events(app_context)


def test_an_action_of_another_department_is_not_taken_for_deleted(tmp_path: Path) -> None:
    everything, own = replace(BEFORE), replace(BEFORE, actions=[BASE])  # DOUBTED is an action of another department
    with (
        FakeArchive(CONTROL | archives_of([everything], AUGUST, agency="All")) as server,
        archive_context(server, tmp_path) as app_context,
    ):
        backfill(app_context, 2026, agency="all")
        server.publish(CONTROL, archives_of([own], AUGUST))
        backfill(app_context, 2026)
        server.publish(CONTROL, archives_of([own], SEPTEMBER), archives_of([everything], SEPTEMBER, agency="All"))
        poll(app_context, date(2026, 9, 15))
        assert removed(app_context) == {}
        server.publish(CONTROL, archives_of([own], DELTA_DAY), archives_of([own], DELTA_DAY, agency="All"))
        poll(app_context, date(2026, 9, 28))
        assert list(removed(app_context)) == [BEFORE.action_key(DOUBTED).upper()]
