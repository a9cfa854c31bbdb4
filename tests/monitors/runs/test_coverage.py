"""First purchases: published only where a complete backfill has read a vendor's history, and with the award's entry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from monitors.runs.archive_jobs import archive_terms
from procurewatch.context import AppContext
from sources.base import Fetched, FetchStep, IncompleteResult, Stored
from sources.http.client import Client
from sources.records import Problem, Record
from storage.models import EventKind
from storage.reading.coverage import ARCHIVE, FIRST_DAY, Coverage, ReadPeriod, coverage_of, read_periods
from storage.schema.tables import CoverageRow
from storage.search.query import Query
from storage.search.search import find_events
from tests.app_context import app_context_with, ignore
from tests.records import CLEARVIEW_FORENSIC, document
from tests.sources.fakes import GivenRecords

DAY = date(2026, 11, 18)
AWARD = replace(CLEARVIEW_FORENSIC, modified=DAY)


@contextmanager
def polled(folder: Path) -> Iterator[AppContext]:
    """Open an app context that has polled USAspending once, for Clearview AI."""
    with app_context_with({"usaspending": {}}, folder, "clearview-ai") as app_context:
        app_context.poll(GivenRecords(), DAY - timedelta(days=9), ignore)
        yield app_context


def backfill(
    app_context: AppContext, source: GivenRecords | None = None, vendor: str = "clearview-ai", since: date = FIRST_DAY
) -> None:
    entry = app_context.watchlist.by_id[vendor]
    app_context.backfill(source or GivenRecords(), entry, since, DAY, ignore, notify=False)


def poll(app_context: AppContext, *records: Record, until: date = DAY) -> list[EventKind]:
    """Poll USAspending, which brings these records; return the kinds of the milestones in the feed."""
    app_context.poll(GivenRecords(records=records), until, ignore)
    with app_context.database.reading() as session:
        return [part.kind for event in find_events(session, Query(), 100) for part in event.milestones]


def coverage(app_context: AppContext) -> list[tuple[str, date, date | None]]:
    """Return what backfills have read."""
    with app_context.database.reading() as session:
        rows = session.scalars(select(CoverageRow).where(col(CoverageRow.since) == FIRST_DAY))
        return [(row.vendor_id, row.since, row.until) for row in rows]


def periods(app_context: AppContext, vendor: str = "clearview-ai", agency: str = "") -> list[ReadPeriod]:
    with app_context.database.reading() as session:
        return read_periods(session, vendor, [agency])


class ShortAnswer(GivenRecords):
    """A source whose searches give fewer rows than it counts."""

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Give all there is, and say that there is more."""
        yield from super().fetch(client, step, stored)
        yield IncompleteResult(step=step.key, expected=2, received=1)


UNREADABLE = Problem(source="usaspending", key="CONT_AWD_X", reason="no amount", documents=(document("x", {}),))


def test_a_complete_backfill_makes_a_first_purchase_news(tmp_path: Path) -> None:
    with polled(tmp_path) as app_context:
        backfill(app_context)
        assert coverage(app_context) == [("clearview-ai", FIRST_DAY, DAY)]
        assert EventKind.FIRST_PURCHASE in poll(app_context, AWARD)
        assert coverage(app_context) == [("clearview-ai", FIRST_DAY, None)], "polls continue it"


def test_the_earlier_of_two_new_awards_is_the_first_purchase(tmp_path: Path) -> None:
    key = AWARD.key.replace(AWARD.piid, "70CMSD24P00009999")
    assert AWARD.signed is not None
    earlier = replace(AWARD, key=key, piid="70CMSD24P00009999", signed=AWARD.signed - timedelta(days=1), actions=())
    with polled(tmp_path) as app_context:
        backfill(app_context)
        assert poll(app_context, AWARD, earlier).count(EventKind.FIRST_PURCHASE) == 1
        with app_context.database.reading() as session:
            events = find_events(session, Query(), 100)
    assert {event.record.key for event in events if event.milestones} == {earlier.key}
    assert EventKind.FIRST_PURCHASE_WITHDRAWN not in {event.kind for event in events}


def test_without_a_backfill_nothing_is_called_a_first_purchase(tmp_path: Path) -> None:
    with polled(tmp_path) as app_context:
        assert EventKind.FIRST_PURCHASE not in poll(app_context, AWARD)


@pytest.mark.parametrize(
    ("source", "since"),
    [
        (GivenRecords(), FIRST_DAY + timedelta(days=1)),
        (GivenRecords(name="dod"), FIRST_DAY),
        (ShortAnswer(), FIRST_DAY),
        (GivenRecords(records=(UNREADABLE,)), FIRST_DAY),
    ],
    ids=["not-from-the-first-day", "announcements-alone", "incomplete", "unreadable-record"],
)
def test_an_incomplete_backfill_covers_nothing(source: GivenRecords, since: date, tmp_path: Path) -> None:
    with polled(tmp_path) as app_context:
        backfill(app_context, source, since=since)
        assert coverage(app_context) == []
        assert EventKind.FIRST_PURCHASE not in poll(app_context, AWARD)


@pytest.mark.parametrize("entry", ["topic-face-recognition", "att-hemisphere"])
def test_a_backfill_that_searches_no_name_covers_nothing(entry: str, tmp_path: Path) -> None:
    """A topic has no names, and those of a broad portfolio are not searched."""
    with app_context_with({"usaspending": {}}, tmp_path, entry) as app_context:
        backfill(app_context, vendor=entry)
        assert coverage(app_context) == []


def test_another_name_ends_the_coverage(tmp_path: Path) -> None:
    with polled(tmp_path) as app_context:
        backfill(app_context)
        vendor = app_context.watchlist.by_id["clearview-ai"]
        renamed = replace(
            vendor, former_names=(*vendor.former_names, replace(vendor.legal_names[0], name="Smartcheckr LLC"))
        )
        other = replace(app_context, watchlist=replace(app_context.watchlist, vendors=(renamed,)))
        assert EventKind.FIRST_PURCHASE not in poll(other, AWARD)
        assert coverage(other) == [("clearview-ai", FIRST_DAY, DAY)]


def test_days_that_nothing_has_read_end_the_coverage(tmp_path: Path) -> None:
    later = DAY + timedelta(days=400)
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai") as app_context:
        backfill(app_context)
        app_context.poll(GivenRecords(), later, ignore)  # the first poll: it looks back 120 days
        assert EventKind.FIRST_PURCHASE not in poll(app_context, AWARD, until=later)
        assert coverage(app_context) == [("clearview-ai", FIRST_DAY, DAY)]


BASELINE = DAY - timedelta(days=9 + 120)  # what a first poll nine days ago looks back to


def test_polls_cover_what_they_look_back_to(tmp_path: Path) -> None:
    with polled(tmp_path) as app_context:
        assert periods(app_context) == [ReadPeriod(since=BASELINE, until=None)]
        poll(app_context)
        assert periods(app_context) == [ReadPeriod(since=BASELINE, until=None)], "the first day stays"
        backfill(app_context)
        assert periods(app_context) == [ReadPeriod(since=FIRST_DAY, until=None)]


@pytest.mark.parametrize("source", [GivenRecords(records=(UNREADABLE,)), ShortAnswer()], ids=["unreadable", "short"])
def test_a_poll_that_did_not_read_everything_covers_nothing(source: GivenRecords, tmp_path: Path) -> None:
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai") as app_context:
        app_context.poll(source, DAY, ignore)
        assert periods(app_context) == []


class Recorded(GivenRecords):
    """A source that has only some of the records."""

    is_sample = True


def test_a_sample_covers_nothing(tmp_path: Path) -> None:
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai") as app_context:
        app_context.poll(Recorded(records=(AWARD,)), DAY, ignore)
        backfill(app_context, Recorded())
        assert periods(app_context) == []


def test_polls_continue_what_was_read_from_archives(tmp_path: Path) -> None:
    with polled(tmp_path) as app_context:
        read_archives(app_context, agency="070", years=range(2008, 2028))
        published = date(2026, 11, 6)
        whole = ReadPeriod(since=FIRST_DAY, until=None, archive_until=published)
        assert periods(app_context, agency="070") == [whole]
        assert periods(app_context) == [ReadPeriod(since=BASELINE, until=None)], "only one department was read"
        assert EventKind.FIRST_PURCHASE in poll(app_context, AWARD)
        with app_context.database.reading() as session:
            assert coverage_of(session, ["clearview-ai", "palantir"]) == [
                Coverage(agency="", period=ReadPeriod(since=BASELINE, until=None), entries=1),
                Coverage(agency="", period=None, entries=1),
                Coverage(agency="070", period=whole, entries=1),
            ]


def test_archives_do_not_cover_a_name_that_was_added_later(tmp_path: Path) -> None:
    with polled(tmp_path) as app_context:
        read_archives(app_context, agency="", years=range(2008, 2028))
        vendor = app_context.watchlist.by_id["clearview-ai"]
        renamed = replace(
            vendor, former_names=(*vendor.former_names, replace(vendor.legal_names[0], name="Smartcheckr LLC"))
        )
        other = replace(app_context, watchlist=replace(app_context.watchlist, vendors=(renamed,)))
        assert EventKind.FIRST_PURCHASE not in poll(other, AWARD)
        assert [period.archive_until for period in periods(other)] == [None]
        poll(app_context)  # with the entry as it was
        assert [period.since for period in periods(app_context)] == [FIRST_DAY]


def test_a_year_that_was_not_read_parts_the_periods(tmp_path: Path) -> None:
    with polled(tmp_path) as app_context:
        read_archives(app_context, agency="", years=[2008, 2009, 2011])
        assert [(period.since.year, period.until and period.until.year) for period in periods(app_context)] == [
            (2007, 2009),
            (2010, 2011),
            (BASELINE.year, None),
        ]
        assert EventKind.FIRST_PURCHASE not in poll(app_context, AWARD)


def read_archives(app_context: AppContext, *, agency: str, years: Iterable[int]) -> None:
    """Note that the archives of fiscal years were read for Clearview AI, published on 6 November 2026."""
    with app_context.database.writing() as session:
        for year in years:
            until = min(date(year, 9, 30), date(2026, 11, 6))
            row = CoverageRow(
                source=ARCHIVE,
                vendor_id="clearview-ai",
                agency=agency,
                since=date(year - 1, 10, 1),
                until=until,
                terms=archive_terms(app_context.watchlist)["clearview-ai"],
                noted_at=datetime.now(UTC),
            )
            session.add(row)
