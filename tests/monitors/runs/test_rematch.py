"""Matching stored awards anew when the watchlist changes."""

from __future__ import annotations

import json
from pathlib import Path

from monitors.matching.matcher import Matcher
from monitors.runs.pipeline import Workshop
from monitors.runs.rematch import RematchReport, rematch
from procurewatch.context import Desk
from procurewatch.demo.upstream import CorpusAward, UsaspendingStandIn, load_corpus
from storage.search.query import Band, Query
from storage.search.search import count_records, find_events
from tests.app_context import desk_over, dump, poll

RESELLER = "PANAMERICA COMPUTERS, INC."


def awards() -> list[CorpusAward]:
    """Some awards of Clearview AI and of a reseller."""
    return [award for award in load_corpus() if (award.recipient_name or "") in ("CLEARVIEW AI, INC.", RESELLER)]


def matched_anew(desk: Desk) -> RematchReport:
    """Match as the command does."""
    return rematch(Workshop(database=desk.database, matcher=Matcher(desk.watchlist), stop=desk.stop))


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
    with UsaspendingStandIn(awards()) as upstream, desk_over(upstream.base_url, tmp_path, database_url) as desk:
        poll(desk)
        before = dump(desk.database, moments=True)
        report = matched_anew(desk)
        assert (report.awards > 10, report.told, report.gained, report.lost) == (True, 0, {}, {})
        assert dump(desk.database, moments=True) == before


def test_a_new_vendor_gains_what_is_stored_and_feeds_get_its_newest(database_url: str, tmp_path: Path) -> None:
    with UsaspendingStandIn(awards()) as upstream:
        with desk_over(upstream.base_url, tmp_path, database_url) as desk:
            poll(desk)
            with desk.database.reading() as session:
                before = {event.id for event in find_events(session, Query(), 1000)}
        with desk_over(upstream.base_url, tmp_path, database_url, watchlist=[watchlist(tmp_path, RESELLER)]) as desk:
            report = matched_anew(desk)
            again = matched_anew(desk)
            with desk.database.reading() as session:
                stored = count_records(session, Query(vendor=("the-reseller",)))
                after = {event.id for event in find_events(session, Query(), 1000)}
        assert report.gained["the-reseller"] == stored > 5
        assert before <= after
        assert len(after - before) == report.told <= 3
        assert (again.told, again.gained, again.lost) == (0, {}, {})


def test_a_vendor_taken_off_loses_its_matches_but_not_its_awards(tmp_path: Path) -> None:
    with UsaspendingStandIn(awards()) as upstream:
        with desk_over(upstream.base_url, tmp_path, watchlist=[watchlist(tmp_path, RESELLER)]) as desk:
            poll(desk)
            with desk.database.reading() as session:
                had = count_records(session, Query(vendor=("the-reseller",)))
                everything = count_records(session, Query(band=Band.ALL))
        with desk_over(upstream.base_url, tmp_path) as desk:
            report = matched_anew(desk)
            with desk.database.reading() as session:
                assert count_records(session, Query(vendor=("the-reseller",))) == 0
                assert count_records(session, Query(band=Band.ALL)) == everything
        assert report.lost == {"the-reseller": had}
        assert had > 5
