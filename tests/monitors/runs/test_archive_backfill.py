"""A backfill from award archives finds what the API has, in any state of the files, and covers what it has read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from monitors.runs.archive_jobs import mark_changed_entries, plan_archive_poll
from monitors.runs.status import RunReport
from monitors.watchlist.model import Watchlist
from procurewatch.archives.backfill import plan_import, read_archives
from procurewatch.context import AppContext
from sources.registry import SOURCES
from storage.models import RunStatus
from storage.schema.tables import ActionRow, ArchiveFileRow, CoverageRow, EventRow, EvidenceRow, MatchRow, QuarantineRow
from storage.writing.save import save_publication
from tests.app_context import app_context_with, dump
from tests.app_context import ignore as nothing
from tests.archives import (
    CONTROL,
    PUBLISHED,
    action,
    archive_context,
    archives_of,
    award,
    backfill,
    delta_of,
    hurried,
    zipped,
)
from tests.records import match
from tests.sources.fakes import publication
from tests.upstreams.usaspending.archive import FakeArchive, Serving
from tests.upstreams.usaspending.archive_rows import archive_rows, file_stem
from tests.upstreams.usaspending.corpus import load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

YEARS = (2021, 2022, 2023, 2024)
VENDORS = ("clearview-ai", "cellebrite")
SAME = ("record_key", "vendor_id", "band", "rule")

# Named only by its first modification; the others, in other years, say nothing of it.
SILENT = award(
    "70CMSD22P00000007",
    action("0", date(2021, 11, 2)),
    action("P00001", date(2022, 11, 2), text="CLEARVIEW AI LICENSES"),
    action("P00002", date(2023, 11, 2)),
    action("P00003", date(2023, 12, 2)),
)
STRANGERS = [award(f"70CMSD24P000001{n:02}", action("0", date(2023, 10, 1 + n))) for n in range(20)]
FULL_2024 = "FY2024_070_Contracts_Full_20260906.zip"


def matches(app_context: AppContext) -> set[tuple[object, ...]]:
    with app_context.database.reading() as session:
        rows = session.scalars(select(MatchRow)).all()
        return {tuple(getattr(row, name) for name in SAME) for row in rows}


def actions(app_context: AppContext, key: str = "") -> set[str]:
    with app_context.database.reading() as session:
        query = select(col(ActionRow.key))
        return set(session.scalars(query.where(col(ActionRow.award_key) == key) if key else query))


def actions_by_award(app_context: AppContext) -> set[tuple[str, str]]:
    with app_context.database.reading() as session:
        return {(row.award_key, row.key) for row in session.scalars(select(ActionRow))}


def covered(app_context: AppContext) -> list[tuple[str, str, date, date | None]]:
    with app_context.database.reading() as session:
        rows = session.scalars(select(CoverageRow).where(col(CoverageRow.source) == "archive"))
        return sorted((row.vendor_id, row.agency, row.since, row.until) for row in rows)


def files(app_context: AppContext) -> dict[str, ArchiveFileRow]:
    with app_context.database.reading() as session:
        return {row.name: row for row in session.scalars(select(ArchiveFileRow))}


@pytest.fixture(autouse=True)
def _haste() -> Iterator[None]:
    with hurried():
        yield


@pytest.fixture
def silent() -> Iterator[FakeArchive]:
    """Serve the archives of an award with silent actions, two rows in each file in them."""
    with FakeArchive(CONTROL | archives_of([*STRANGERS, SILENT], rows_per_member=2)) as server:
        yield server


def test_archives_give_the_matches_and_actions_of_the_api(tmp_path: Path) -> None:
    corpus = load_corpus()
    vendors = {"usaspending": {"base_url": ""}}
    with FakeUsaspending(corpus) as api:
        vendors["usaspending"]["base_url"] = api.base_url
        with app_context_with(vendors, tmp_path / "api", *VENDORS) as app_context:
            for vendor in app_context.watchlist.vendors:
                app_context.backfill(
                    app_context.sources[0], vendor, date(2020, 10, 1), date(2024, 9, 30), nothing, notify=False
                )
            wanted, wanted_actions = matches(app_context), actions_by_award(app_context)
    with (
        FakeArchive(archives_of(corpus, rows_per_member=100)) as server,
        archive_context(server, tmp_path / "archive", *VENDORS) as app_context,
    ):
        assert backfill(app_context, *YEARS).status is RunStatus.NEW
        assert len(wanted) > 15
        assert matches(app_context) == wanted
        keys = {key for key, *_ in wanted}
        assert actions_by_award(app_context) == {pair for pair in wanted_actions if pair[0] in keys}
        with app_context.database.reading() as session:
            assert not any(session.scalars(select(col(EventRow.is_published)))), "history is not news"


def test_an_award_of_both_is_one_and_published_once(tmp_path: Path) -> None:
    both = [each for each in load_corpus() if "CLEARVIEW" in (each.recipient_name or "")]
    with FakeUsaspending(both) as api, FakeArchive(CONTROL | archives_of(both)) as server:
        sources: dict[str, dict[str, object]] = {
            "usaspending": {"base_url": api.base_url},
            "archive": {"base_url": server.base_url, "extra_hosts": {"files": server.base_url}},
        }
        with app_context_with(sources, tmp_path, "clearview-ai") as app_context:
            entry = app_context.watchlist.by_id["clearview-ai"]
            days = date(2020, 10, 1), date(2024, 9, 30)
            app_context.backfill(SOURCES["usaspending"], entry, *days, nothing, notify=True)
            before = dump(app_context.database)
            assert any(before["event"])
            backfill(app_context, *YEARS, notify=True)
            after = dump(app_context.database)
    assert {row[:2] for row in after["source_record"]} == {
        (row[0], source) for row in before["record"] for source in ("usaspending", "archive")
    }
    for table in ("event", "action", "match"):
        assert [row[0] for row in after[table]] == [row[0] for row in before[table]], table


def test_silent_actions_of_other_years_are_found(silent: FakeArchive, tmp_path: Path) -> None:
    with archive_context(silent, tmp_path) as app_context:
        report = backfill(app_context, 2022, 2023, 2024)
        assert report.status is RunStatus.NEW
        assert len(actions(app_context, SILENT.key)) == 4
        assert actions(app_context) == actions(app_context, SILENT.key)
        evidence = dump(app_context.database)["evidence"]
        places = {str(row[2]).partition("#")[2] for row in evidence if ":" in str(row[2]).partition("#")[2]}
        assert places >= {"FY2022_070_Contracts_Full_20260906_1.csv:2", "FY2023_070_Contracts_Full_20260906_1.csv:2"}
    assert len(silent.asked("/award_data_archive/")) == 6, "a size and a download for each file"
    assert list((tmp_path / "archives").iterdir()) == []


def test_a_stream_gives_the_same_and_stores_no_file(silent: FakeArchive, tmp_path: Path) -> None:
    with archive_context(silent, tmp_path / "a") as app_context:
        backfill(app_context, 2022, 2023, 2024)
        wanted = dump(app_context.database)
    with archive_context(silent, tmp_path / "b") as app_context:
        backfill(app_context, 2022, 2023, 2024, stream=True)
        found = dump(app_context.database)
    assert found == wanted
    assert not (tmp_path / "b" / "archives").exists()


def test_what_was_read_is_stored_and_covers_the_watchlist(silent: FakeArchive, tmp_path: Path) -> None:
    with archive_context(silent, tmp_path, "clearview-ai", "cellebrite") as app_context:
        backfill(app_context, 2022, 2024)
        read = files(app_context)[FULL_2024]
        body = silent.files[FULL_2024].body
        assert (read.kind, read.agency, read.fiscal_year, read.published) == ("contracts", "070", 2024, PUBLISHED)
        assert (read.rows, read.size, read.is_complete) == (22, len(body), True)
        assert read.etag == silent.files[FULL_2024].etag
        years = {2022: (date(2021, 10, 1), date(2022, 9, 30)), 2024: (date(2023, 10, 1), date(2024, 9, 30))}
        assert covered(app_context) == [
            (vendor, "070", *days) for vendor in ("cellebrite", "clearview-ai") for days in years.values()
        ]


def test_a_named_vendor_alone_is_looked_for(silent: FakeArchive, tmp_path: Path) -> None:
    with archive_context(silent, tmp_path, "clearview-ai", "cellebrite") as app_context:
        backfill(app_context, 2024, vendors=["cellebrite"])
        assert matches(app_context) == set()
        assert {row[0] for row in covered(app_context)} == {"cellebrite"}


def test_what_is_found_for_a_named_vendor_is_compared_with_the_whole_watchlist(tmp_path: Path) -> None:
    both = award("70CMSD24P00000009", action("0", date(2023, 11, 2), text="CELLEBRITE UFED"), name="CLEARVIEW AI, INC.")
    with (
        FakeArchive(archives_of([both])) as server,
        archive_context(server, tmp_path, "clearview-ai", "cellebrite") as app_context,
    ):
        backfill(app_context, 2024)
        wanted = matches(app_context)
        assert len(wanted) == 2
    with (
        FakeArchive(archives_of([both])) as server,
        archive_context(server, tmp_path / "b", "clearview-ai", "cellebrite") as app_context,
    ):
        backfill(app_context, 2024, vendors=["clearview-ai"])
        assert matches(app_context) == wanted
        assert {row[0] for row in covered(app_context)} == {"clearview-ai"}


def test_an_award_of_a_noticed_solicitation_is_reviewed(tmp_path: Path) -> None:
    number = "70B06C23Q00000123"
    bought = award("70CMSD24P00000009", action("0", date(2023, 11, 2)), solicitation=number)
    notice = publication("NOTICE_1", solicitation=number)
    with (
        FakeArchive(archives_of([bought, *STRANGERS])) as server,
        archive_context(server, tmp_path) as app_context,
    ):
        with app_context.database.writing() as session:
            found = [match(notice, "clearview-ai", band="published")]
            save_publication(session, notice, found, app_context.database.now(), lambda _vendors: True)
        backfill(app_context, 2024)
        assert (bought.key, "clearview-ai", "review", "solicitation") in matches(app_context)


def test_two_files_of_one_name_are_not_taken_for_the_same(tmp_path: Path) -> None:
    base, named = action("0", date(2023, 11, 1)), action("P00001", date(2023, 11, 2), text="CLEARVIEW AI")
    first, second = action("P00002", date(2023, 11, 3)), action("P00003", date(2023, 11, 4))
    with FakeArchive(CONTROL) as server, archive_context(server, tmp_path) as app_context:
        for done in (first, second):
            sold = award("70CMSD24P00000009", base, named, done)
            (tmp_path / "mine.zip").write_bytes(zipped("mine", archive_rows([sold])))
            read_archives(app_context, plan_import(app_context, [str(tmp_path / "mine.zip")]), notify=False)
        assert actions(app_context) == {sold.action_key(each).upper() for each in (base, named, first, second)}


def test_a_year_that_goes_on_is_covered_to_the_day_of_its_file(tmp_path: Path) -> None:
    current = award("70CMSD26P00000001", action("0", date(2026, 8, 2)), name="CLEARVIEW AI, INC.")
    with FakeArchive(archives_of([current], agency="All")) as server, archive_context(server, tmp_path) as app_context:
        backfill(app_context, 2026, agency="all")
        assert covered(app_context) == [("clearview-ai", "", date(2025, 10, 1), PUBLISHED)]


def test_notify_publishes_what_is_found(silent: FakeArchive, tmp_path: Path) -> None:
    with archive_context(silent, tmp_path) as app_context:
        assert backfill(app_context, 2022, 2023, 2024, notify=True).tally.events
        with app_context.database.reading() as session:
            assert any(session.scalars(select(col(EventRow.is_published))))


def damaged(body: bytes, member: str) -> bytes:
    """Return an archive with some bytes of a file in it changed."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        info = archive.getinfo(member)
    at = info.header_offset + 30 + len(member) + info.compress_size // 2
    return body[:at] + b"\xff\xff\xff\xff" + body[at + 4 :]


def test_a_damaged_file_is_one_line_and_the_others_are_read(silent: FakeArchive, tmp_path: Path) -> None:
    whole = silent.files[FULL_2024].body
    silent.files[FULL_2024].body = damaged(whole, "FY2024_070_Contracts_Full_20260906_3.csv")
    with archive_context(silent, tmp_path) as app_context:
        report = backfill(app_context, 2022, 2023, 2024)
        assert report.status is RunStatus.INCOMPLETE
        assert "FY2024_070_Contracts_Full_20260906_3.csv" in report.message
        assert "damaged" in report.message
        assert "\n" not in report.message
        assert len(actions(app_context, SILENT.key)) == 4, "the others were read"
        assert {row[2].year for row in covered(app_context)} == {2021, 2022}
        assert not files(app_context)[FULL_2024].is_complete
        # It is published again, whole, and read by the next backfill, which reads nothing else.
        silent.files[FULL_2024].body = whole
        assert backfill(app_context, 2022, 2023, 2024).status is RunStatus.NOTHING_NEW
        assert {row[2].year for row in covered(app_context)} == {2021, 2022, 2023}


@pytest.mark.parametrize(
    ("serving", "words"),
    [
        (Serving.MISSING, "HTTP 404"),
        (Serving.WEB_PAGE, "not a ZIP archive: <!doctype html>"),
        (Serving.SHORT, "an incomplete or damaged ZIP archive"),
        (Serving.UNAVAILABLE, "HTTP 503"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_file_that_cannot_be_had_stops_no_other(
    serving: Serving, words: str, *, stream: bool, silent: FakeArchive, tmp_path: Path
) -> None:
    silent.serve(FULL_2024, serving)
    with archive_context(silent, tmp_path) as app_context:
        report = backfill(app_context, 2022, 2023, 2024, stream=stream)
        assert report.status is RunStatus.INCOMPLETE
        expected = {"not a ZIP archive": "no ZIP archive", "an incomplete": "cut off"} if stream else {}
        shown = next((new for old, new in expected.items() if words.startswith(old)), words)
        assert shown in report.message, report.message
        assert len(actions(app_context, SILENT.key)) == 2
        assert {row[2].year for row in covered(app_context)} == {2021, 2022}
        silent.serve(FULL_2024, Serving.WELL)
        assert backfill(app_context, 2022, 2023, 2024, stream=stream).status is RunStatus.NEW
        assert len(actions(app_context, SILENT.key)) == 4
        assert len(covered(app_context)) == 3


@pytest.mark.parametrize("serving", [Serving.CUT, Serving.NO_RANGES])
@pytest.mark.parametrize("stream", [False, True])
def test_a_lost_connection_loses_nothing(
    serving: Serving, *, stream: bool, silent: FakeArchive, tmp_path: Path
) -> None:
    silent.serve(FULL_2024, Serving.CUT, serving, Serving.WELL)
    with archive_context(silent, tmp_path) as app_context:
        assert backfill(app_context, 2022, 2023, 2024, stream=stream).status is RunStatus.NEW
        assert len(actions(app_context, SILENT.key)) == 4


def test_a_file_with_a_row_that_cannot_be_read_covers_nothing(tmp_path: Path) -> None:
    stem = file_stem(2024, "070", "Contracts", PUBLISHED)
    rows = [dict(row) for row in archive_rows([SILENT]) if row["action_date_fiscal_year"] == "2024"]
    bad = {**rows[0], "transaction_description": "CLEARVIEW AI", "action_date": "the other day"}
    body = zipped(stem, [bad, *rows[1:]])
    with FakeArchive({f"{stem}.zip": body}) as server, archive_context(server, tmp_path) as app_context:
        report: RunReport = backfill(app_context, 2024)
        assert report.tally.problems == 1
        assert covered(app_context) == []
        with app_context.database.reading() as session:
            [row] = session.scalars(select(QuarantineRow)).all()
            assert session.scalars(select(EvidenceRow).where(col(EvidenceRow.record_key) == row.record_key)).all()


def test_an_entry_that_changes_is_not_covered_any_more(silent: FakeArchive, tmp_path: Path) -> None:
    def covered_vendors(watchlist: Watchlist) -> frozenset[str]:
        mark_changed_entries(app_context.database, watchlist)
        return frozenset(plan_archive_poll(app_context.database, watchlist, PUBLISHED).covered)

    with archive_context(silent, tmp_path) as app_context:
        backfill(app_context, 2024)
        [entry] = app_context.watchlist.vendors
        assert covered_vendors(app_context.watchlist) == {"clearview-ai"}
        other = replace(app_context.watchlist, vendors=(replace(entry, exclusions=("SOMETHING ELSE",)),))
        assert covered_vendors(other) == frozenset()
        with app_context.database.reading() as session:
            assert all(session.scalars(select(col(CoverageRow.is_outdated)))), "pages do not say it any more"
        noted = replace(app_context.watchlist, vendors=(replace(entry, note="Another note"),))
        assert covered_vendors(noted) == {"clearview-ai"}
        with app_context.database.reading() as session:
            assert not any(session.scalars(select(col(CoverageRow.is_outdated))))


def test_a_delta_is_listed_beside_the_files_and_not_read_by_a_backfill(tmp_path: Path) -> None:
    published = archives_of([SILENT]) | delta_of([(SILENT, SILENT.actions[0])], published=date(2026, 9, 24))
    with FakeArchive(published) as server, archive_context(server, tmp_path) as app_context:
        backfill(app_context, 2024)
        assert list(files(app_context)) == [FULL_2024]
