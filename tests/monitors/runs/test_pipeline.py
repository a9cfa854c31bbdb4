"""Polls and backfills of USAspending over real HTTP, on real databases, and what failures leave behind."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from procurewatch.context import AppContext
from sources.http.client import Timeouts
from sources.registry import SOURCES
from storage.models import RunStatus
from storage.schema.tables import EventRow, RecordRow
from storage.search.feed_pages import newest_events
from storage.search.query import Query
from storage.search.search import find_events
from storage.writing.runs import load_checkpoint
from tests.app_context import LAST_DAY, app_context_for, backfill, dump, later, poll
from tests.upstreams.faults import Fault, FaultyUsaspending
from tests.upstreams.usaspending.corpus import CorpusAction, CorpusAward, load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending


@pytest.fixture
def small_corpus() -> list[CorpusAward]:
    """The corpus's awards to Clearview AI, Cobwebs and a few that match nobody."""
    wanted = ("CLEARVIEW AI", "COBWEBS", "PARAGON SYSTEMS", "PANAMERICA")
    return [award for award in load_corpus() if any(name in (award.recipient_name or "") for name in wanted)]


def test_a_first_poll_seeds_a_baseline_and_a_second_finds_nothing_new(database_url: str, tmp_path: Path) -> None:
    with (
        FakeUsaspending(load_corpus()) as upstream,
        app_context_for(upstream.base_url, tmp_path, database_url) as app_context,
    ):
        first = poll(app_context)
        stored = dump(app_context.database, moments=True)
        second = poll(app_context)
        assert first.status is RunStatus.BASELINE_SEEDED
        assert first.tally.matched > 80
        assert second.status is RunStatus.NOTHING_NEW
        assert second.tally.read == 0, "nothing that is stored in the same state is fetched again"
        assert dump(app_context.database, moments=True) == stored
        with app_context.database.reading() as session:
            published = find_events(session, Query(), 1000)
            of_clearview = find_events(session, Query(vendor=("clearview-ai",)), 1000)
        history = sum(row[1] in {event.record.key for event in of_clearview} for row in stored["event"])
        assert 0 < len(of_clearview) < history, "a baseline tells the newest few"
        assert len(published) < first.tally.events / 3


def test_what_is_new_after_the_baseline_is_published_once(
    database_url: str, tmp_path: Path, small_corpus: list[CorpusAward]
) -> None:
    with (
        FakeUsaspending(small_corpus) as upstream,
        app_context_for(upstream.base_url, tmp_path, database_url) as app_context,
    ):
        poll(app_context)
        with app_context.database.reading() as session:
            before = {event.id for event in find_events(session, Query(), 1000)}
        with upstream.editing() as awards:
            award = next(award for award in awards if "CLEARVIEW AI" in (award.recipient_name or ""))
            action = CorpusAction(
                modification="P00099", action_date=later(1), obligation=Decimal("-1500.25"), description="DEOBLIGATE"
            )
            award.actions.append(action)
            award.last_modified_date = later(2)
        report = poll(app_context, later(3))
        again = poll(app_context, later(4))
        with app_context.database.reading() as session:
            new = [event for event in find_events(session, Query(), 1000) if event.id not in before]
        assert report.status is RunStatus.NEW
        assert again.status is RunStatus.NOTHING_NEW
        assert [(event.kind.value, event.amount) for event in new] == [("de-obligated", Decimal("-1500.25"))]


def test_a_modification_that_names_nothing_is_found_because_its_award_is_held(
    tmp_path: Path, small_corpus: list[CorpusAward]
) -> None:
    """A reseller's award: the modification says only ADD FUNDING, and the description no longer names the product."""
    with FakeUsaspending(small_corpus) as upstream, app_context_for(upstream.base_url, tmp_path) as app_context:
        poll(app_context)
        with upstream.editing() as awards:
            award = next(a for a in awards if a.piid == "70B03C23F00001053")
            award.actions = [
                replace(award.actions[0], description="SOFTWARE"),
                CorpusAction(
                    modification="P00050", action_date=later(1), obligation=Decimal("10.00"), description="ADD FUNDING"
                ),
            ]
            award.last_modified_date = later(1)
        report = poll(app_context, later(2))
        with app_context.database.reading() as session:
            newest = find_events(session, Query(vendor=("babel-street",)), 5)
        assert report.status is RunStatus.NEW
        assert any(event.action and event.action.modification == "P00050" for event in newest)


def test_a_late_arrival_is_published_when_first_seen(tmp_path: Path, small_corpus: list[CorpusAward]) -> None:
    """Signed 289 days before it appeared, as seen in real daily pulls, with an old last-modified date."""
    late = next(award for award in small_corpus if "CLEARVIEW AI" in (award.recipient_name or ""))
    others = [award for award in small_corpus if award is not late]
    with (
        FakeUsaspending(others) as upstream,
        app_context_for(upstream.base_url, tmp_path, full_sweep_days=400) as app_context,
    ):
        assert poll(app_context).status is RunStatus.BASELINE_SEEDED
        signed = LAST_DAY - timedelta(days=280)
        with upstream.editing() as awards:
            late.date_signed, late.last_modified_date = signed, signed
            late.actions = [replace(late.actions[0], modification="0", action_date=signed)]
            awards.append(late)
        report = poll(app_context, later(9))
        with app_context.database.reading() as session:
            keys = {event.record.key for event in find_events(session, Query(), 1000)}
        assert report.status is RunStatus.NEW
        assert late.key in keys


def test_a_new_vendor_on_the_watchlist_gets_a_baseline_of_its_own(
    tmp_path: Path, small_corpus: list[CorpusAward]
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "vendors:\n  - id: paragon-systems\n    name: Paragon Systems\n    category: face-recognition\n"
        "    legal_names: [PARAGON SYSTEMS INC]\n    sources: [https://example.org/why]\n"
    )
    with FakeUsaspending(small_corpus) as upstream:
        with app_context_for(upstream.base_url, tmp_path) as app_context:
            poll(app_context)
            with app_context.database.reading() as session:
                before = find_events(session, Query(), 1000)
        with app_context_for(upstream.base_url, tmp_path, watchlist=[own]) as app_context:
            report = poll(app_context, later(1))
            with app_context.database.reading() as session:
                published = find_events(session, Query(vendor=("paragon-systems",)), 1000)
                others = [event for event in find_events(session, Query(), 1000) if event not in published]
        assert report.status is RunStatus.BASELINE_SEEDED
        assert 0 < len(published) <= 3
        assert {event.id for event in others} == {event.id for event in before}
        with app_context_for(upstream.base_url, tmp_path) as app_context:
            assert poll(app_context, later(2)).status is RunStatus.NOTHING_NEW, "a vendor that has gone is not new"


def test_a_backfill_stores_history_and_publishes_only_when_asked(
    database_url: str, tmp_path: Path, small_corpus: list[CorpusAward]
) -> None:
    with (
        FakeUsaspending(small_corpus) as upstream,
        app_context_for(upstream.base_url, tmp_path, database_url) as app_context,
    ):
        quiet = backfill(app_context, "clearview-ai")
        with app_context.database.reading() as session:
            assert find_events(session, Query(), 1000) == []
        assert (quiet.status, quiet.message) == (RunStatus.NEW, "")
        assert (quiet.tally.new_awards, quiet.tally.read, quiet.tally.matched) == (2, 2, 2)
        assert backfill(app_context, "clearview-ai").status is RunStatus.NOTHING_NEW
        loud = backfill(app_context, "penlink", notify=True)
        with app_context.database.reading() as session:
            published = find_events(session, Query(), 1000)
        assert loud.tally.new_awards > 0
        assert published
        assert all(match.vendor_id == "penlink" for event in published for match in event.record.matches)


def test_zero_rows_count_only_after_the_control_query(tmp_path: Path) -> None:
    with FakeUsaspending([]) as upstream, app_context_for(upstream.base_url, tmp_path) as app_context:
        report = poll(app_context)
        assert report.status is RunStatus.NOTHING_MATCHES
        assert upstream.requests[-1].path.endswith("/references/toptier_agencies/")


def test_the_watermark_moves_with_the_clock_and_back_when_that_was_wrong(tmp_path: Path) -> None:
    name = SOURCES["usaspending"].name
    with FakeUsaspending([]) as upstream, app_context_for(upstream.base_url, tmp_path) as app_context:
        poll(app_context)
        with app_context.database.reading() as session:
            assert load_checkpoint(session, name, "poll/until") == LAST_DAY.isoformat()
        poll(app_context, date(2024, 1, 1))
        with app_context.database.reading() as session:
            assert (
                load_checkpoint(session, name, "poll/until")
                == load_checkpoint(session, name, "poll/swept")
                == "2024-01-01"
            )


def test_what_a_clock_a_year_ahead_has_dated_is_dated_anew_by_a_good_poll(
    database_url: str, tmp_path: Path, small_corpus: list[CorpusAward]
) -> None:
    with (
        FakeUsaspending(small_corpus) as upstream,
        app_context_for(upstream.base_url, tmp_path, database_url) as app_context,
    ):
        poll(app_context)
        ahead = app_context.database.now() + timedelta(days=366)
        with app_context.database.writing() as session:
            dated = {event.id for event in find_events(session, Query(), 1000)}
            session.execute(update(EventRow).values(first_seen=ahead))
            session.execute(update(RecordRow).values(first_seen=ahead, last_changed=ahead))
        with app_context.database.reading() as session:  # until then everything is in the feed, and on no archive page
            page, events = newest_events(session, Query(), 1, app_context.database.now())
            assert (page, {event.id for event in events}) == (None, dated)
        report = poll(app_context, later(1))
        now = app_context.database.now()
        assert "events that a wrong clock had dated in the future, now dated today: " in report.message
        with upstream.editing() as awards:
            award = next(award for award in awards if "CLEARVIEW AI" in (award.recipient_name or ""))
            award.actions.append(replace(award.actions[0], modification="P00077", action_date=later(1)))
            award.last_modified_date = later(2)
        assert "clock" not in poll(app_context, later(2)).message
        with app_context.database.reading() as session:
            events = find_events(session, Query(), 1000)
            assert dated < {event.id for event in events}
            assert events[0].id not in dated
            assert all(event.first_seen <= now for event in events[1:])
            times = session.execute(select(col(RecordRow.first_seen), col(RecordRow.last_changed))).all()
            assert max(max(pair) for pair in times) < ahead - timedelta(days=300)


def test_one_award_that_can_never_be_read_does_not_stop_every_poll(
    tmp_path: Path, small_corpus: list[CorpusAward]
) -> None:
    with FakeUsaspending(small_corpus) as upstream, app_context_for(upstream.base_url, tmp_path) as app_context:
        assert poll(app_context).status is RunStatus.BASELINE_SEEDED
        with upstream.editing() as awards:
            award = next(award for award in awards if "CLEARVIEW AI" in (award.recipient_name or ""))
            award.actions[0].obligation, award.last_modified_date = Decimal("1.001"), later(1)
        first, second = poll(app_context, later(2)), poll(app_context, later(3))
        assert (first.status, first.message) == (RunStatus.SOURCE_CHANGED, "1 of 1 records could not be read")
        assert (second.status, second.tally.problems) == (RunStatus.NOTHING_NEW, 1)
        with app_context.database.reading() as session:
            assert load_checkpoint(session, "usaspending", "poll/until") == later(3).isoformat()


def test_one_award_in_ten_unreadable_is_quarantined_and_many_mean_the_source_changed(
    tmp_path: Path, small_corpus: list[CorpusAward]
) -> None:
    with FakeUsaspending(small_corpus) as upstream, app_context_for(upstream.base_url, tmp_path) as app_context:
        with upstream.editing() as awards:
            award = next(award for award in awards if "CLEARVIEW AI" in (award.recipient_name or ""))
            award.actions[0].obligation = Decimal("1.001")
        report = poll(app_context)
        assert report.status is RunStatus.BASELINE_SEEDED
        assert report.tally.problems == 1
        assert len(dump(app_context.database)["quarantine"]) == 1
        with upstream.editing() as awards:
            for award in awards:
                award.actions[0].obligation, award.last_modified_date = Decimal("0.001"), later(1)
        broken = poll(app_context, later(2))
        assert broken.status is RunStatus.SOURCE_CHANGED
        with app_context.database.reading() as session:
            assert load_checkpoint(session, "usaspending", "poll/until") == LAST_DAY.isoformat()


DETAIL = "/awards/CONT"


@pytest.fixture
def _haste() -> Iterator[None]:
    """Wait moments instead of seconds before another try: the same code, in a hurry."""
    hurried = Timeouts(tries=2, first_wait=0.01, max_retry_after=5)
    with patch("procurewatch.context.Timeouts", lambda tries: hurried):  # noqa: ARG005
        yield


def keys(app_context: AppContext) -> set[str]:
    """Return the keys of all stored awards."""
    with app_context.database.reading() as session:
        return set(session.scalars(select(col(RecordRow.key))))


@contextmanager
def polled(corpus: list[CorpusAward], folder: Path) -> Iterator[tuple[FaultyUsaspending, AppContext]]:
    """A fake server, and an app context with its baseline and something new for the next poll."""
    held_back = [award for award in corpus if "PANAMERICA" in (award.recipient_name or "")]
    others = [award for award in corpus if award not in held_back]
    with FaultyUsaspending(others) as upstream, app_context_for(upstream.base_url, folder) as app_context:
        assert poll(app_context).status is RunStatus.BASELINE_SEEDED
        with upstream.editing() as awards:
            awards.extend(held_back)
            for award in held_back:
                award.last_modified_date = later(1)
        yield upstream, app_context


@pytest.mark.usefixtures("_haste")
def test_a_long_wait_is_noted_and_not_sat_out(small_corpus: list[CorpusAward], tmp_path: Path) -> None:
    with polled(small_corpus, tmp_path) as (upstream, app_context):
        upstream.play(Fault.TOO_MANY_HOUR)
        report = poll(app_context, later(2))
        assert report.status is RunStatus.QUOTA_USED_UP
        assert report.retry_at is not None
        with app_context.database.reading() as session:
            assert load_checkpoint(session, "usaspending", "not-before") == report.retry_at.isoformat()


@pytest.mark.usefixtures("_haste")
def test_a_backfill_goes_on_after_a_failure(small_corpus: list[CorpusAward], tmp_path: Path) -> None:
    with FaultyUsaspending(small_corpus) as upstream:
        with app_context_for(upstream.base_url, tmp_path / "undisturbed") as app_context:
            backfill(app_context, "magnet-forensics")
            wanted = dump(app_context.database)
        with app_context_for(upstream.base_url, tmp_path / "disturbed") as app_context:
            for number in range(1, 6):
                upstream.play(Fault.UNAVAILABLE, on="/v2/", after=3 * number)
                failed = backfill(app_context, "magnet-forensics")
                upstream.heal()
                assert failed.status is RunStatus.UNREACHABLE
            assert backfill(app_context, "magnet-forensics").status in (RunStatus.NEW, RunStatus.NOTHING_NEW)
            assert dump(app_context.database) == wanted


@pytest.mark.usefixtures("_haste")
def test_a_backfill_reads_again_what_it_could_not_read(small_corpus: list[CorpusAward], tmp_path: Path) -> None:
    with FaultyUsaspending(small_corpus) as upstream:
        with app_context_for(upstream.base_url, tmp_path / "undisturbed") as app_context:
            backfill(app_context, "magnet-forensics")
            wanted = keys(app_context)
        with app_context_for(upstream.base_url, tmp_path / "disturbed") as app_context:
            upstream.play(Fault.TRUNCATED_JSON, on=DETAIL)
            failed = backfill(app_context, "magnet-forensics")
            assert (failed.status, keys(app_context)) == (RunStatus.SOURCE_CHANGED, set())
            upstream.heal()
            assert backfill(app_context, "magnet-forensics").status is RunStatus.NEW
            assert keys(app_context) == wanted
            assert all(row[-1] is not None for row in dump(app_context.database, moments=True)["quarantine"]), (
                "all solved"
            )


@pytest.mark.usefixtures("_haste")
def test_an_unreachable_network_changes_nothing(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with app_context_for(address, tmp_path) as app_context:
            empty = dump(app_context.database)
            report = poll(app_context)
            assert report.status is RunStatus.UNREACHABLE
            assert dump(app_context.database) == empty
