"""Matching stored awards anew when the watchlist changes."""

from __future__ import annotations

import json
from pathlib import Path

from monitors.matching.matcher import Matcher
from monitors.runs.pipeline import RunContext
from monitors.runs.rematch import RematchReport, rematch
from procurewatch.context import AppContext
from storage.search.query import BandFilter, Query
from storage.search.search import count_records, find_events
from tests.app_context import app_context_for, dump, poll
from tests.upstreams.usaspending.corpus import CorpusAward, load_corpus
from tests.upstreams.usaspending.server import FakeUsaspending

RESELLER = "PANAMERICA COMPUTERS, INC."


def awards() -> list[CorpusAward]:
    """Some awards of Clearview AI and of a reseller."""
    return [award for award in load_corpus() if (award.recipient_name or "") in ("CLEARVIEW AI, INC.", RESELLER)]


def matched_anew(app_context: AppContext) -> RematchReport:
    """Match as the command does."""
    return rematch(
        RunContext(database=app_context.database, matcher=Matcher(app_context.watchlist), stop=app_context.stop)
    )


def watchlist(folder: Path, *names: str) -> Path:
    """Write a watchlist of one more vendor."""
    file = folder / "own.yaml"
    listed = json.dumps(names)
    file.write_text(
        "vendors:\n  - id: the-reseller\n    name: The Reseller\n    category: device-forensics\n"
        f"    legal_names: {listed}\n    sources: [https://example.org/why]\n"
    )
    return file


def test_an_unchanged_watchlist_changes_nothing(database_url: str, tmp_path: Path) -> None:
    with (
        FakeUsaspending(awards()) as upstream,
        app_context_for(upstream.base_url, tmp_path, database_url) as app_context,
    ):
        poll(app_context)
        before = dump(app_context.database, moments=True)
        report = matched_anew(app_context)
        assert (report.awards > 10, report.published, report.gained, report.lost) == (True, 0, {}, {})
        assert dump(app_context.database, moments=True) == before


def test_a_new_vendor_gains_what_is_stored_and_feeds_get_its_newest(database_url: str, tmp_path: Path) -> None:
    with FakeUsaspending(awards()) as upstream:
        with app_context_for(upstream.base_url, tmp_path, database_url) as app_context:
            poll(app_context)
            with app_context.database.reading() as session:
                before = {event.id for event in find_events(session, Query(), 1000)}
        with app_context_for(
            upstream.base_url, tmp_path, database_url, watchlist=[watchlist(tmp_path, RESELLER)]
        ) as app_context:
            report = matched_anew(app_context)
            again = matched_anew(app_context)
            with app_context.database.reading() as session:
                stored = count_records(session, Query(vendor=("the-reseller",)))
                after = {event.id for event in find_events(session, Query(), 1000)}
        assert report.gained["the-reseller"] == stored > 5
        assert before <= after
        assert len(after - before) == report.published <= 3
        assert (again.published, again.gained, again.lost) == (0, {}, {})


def test_a_vendor_taken_off_loses_its_matches_but_not_its_awards(tmp_path: Path) -> None:
    with FakeUsaspending(awards()) as upstream:
        with app_context_for(upstream.base_url, tmp_path, watchlist=[watchlist(tmp_path, RESELLER)]) as app_context:
            poll(app_context)
            with app_context.database.reading() as session:
                had = count_records(session, Query(vendor=("the-reseller",)))
                everything = count_records(session, Query(band=BandFilter.ALL))
        with app_context_for(upstream.base_url, tmp_path) as app_context:
            report = matched_anew(app_context)
            with app_context.database.reading() as session:
                assert count_records(session, Query(vendor=("the-reseller",))) == 0
                assert count_records(session, Query(band=BandFilter.ALL)) == everything
        assert report.lost == {"the-reseller": had}
        assert had > 5
