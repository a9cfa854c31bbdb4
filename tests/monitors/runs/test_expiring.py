"""A contract that comes near its end has one entry for that end, in the feed of what ends soon alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from feeds.entries.details import event_details
from feeds.entries.titles import title_for
from procurewatch.context import AppContext
from procurewatch.websub import feeds_with_new_entries
from sources.records import Award
from storage.database import Database
from storage.models import EventKind, StoredEvent
from storage.reading.contracts.expiring import SOON
from storage.reading.summaries import feed_stats
from storage.search.query import Query
from storage.search.search import find_events
from storage.writing.runs import publish_expiring
from tests.app_context import app_context_with, ignore
from tests.records import CLEARVIEW_FORENSIC, match, with_actions
from tests.sources.fakes import GivenRecords
from tests.storage.database_helpers import save

ENDING = Query(event=(EventKind.EXPIRING,))


def ending(day: date, modified: date) -> Award:
    award = with_actions(CLEARVIEW_FORENSIC, CLEARVIEW_FORENSIC.actions)
    return replace(award, ends=day, may_end=day + timedelta(days=365), modified=modified)


def poll(app_context: AppContext, *awards: Award) -> Sequence[StoredEvent]:
    """Poll today; return the entries of what ends soon, newest first."""
    app_context.poll(GivenRecords(records=awards), app_context.database.now().date(), ignore)
    with app_context.database.reading() as session:
        return find_events(session, ENDING, 100)


def test_what_ends_soon_has_one_entry_for_each_last_day(tmp_path: Path) -> None:
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai") as app_context:
        now = app_context.database.now()
        today = now.date()
        assert poll(app_context, ending(today + SOON + timedelta(days=1), today)) == []
        [first] = poll(app_context, ending(today + SOON, today + timedelta(days=1)))
        assert first.first_seen >= now
        assert [event.id for event in poll(app_context)] == [first.id], "once"
        assert poll(app_context, ending(today + timedelta(days=800), today + timedelta(days=2))) == [first], "stays"
        last = today + timedelta(days=10)
        assert [event.new_value for event in poll(app_context, ending(last, today + timedelta(days=3)))] == [
            str(last), str(today + SOON),
        ]  # fmt: skip
        assert title_for(first) == (
            f"Clearview AI · $1,102,500 obligated to date · ICE · contract ends {today + SOON} · 70CMSD24P00000119"
        )
        options = {detail.label: detail.value for detail in event_details(first)}["Options left"]
        assert options == f"until {today + SOON + timedelta(days=365)}"
        with app_context.database.reading() as session:
            kinds = {event.kind for event in find_events(session, Query(), 100)}
            stats = feed_stats(session)
        assert EventKind.EXPIRING not in kinds, "other feeds do not have it"
        assert stats["expiring"]["expiring"].entries == 2
        assert stats["all"][""].entries == len(kinds) == 2
        assert [path for path in feeds_with_new_entries(app_context.database, now) if "expiring" in path] == [
            "expiring.atom", "expiring.rss", "expiring.json",
        ]  # fmt: skip


def test_what_has_ended_or_matches_nothing_is_not_told(tmp_path: Path) -> None:
    with app_context_with({"usaspending": {}}, tmp_path, "palantir") as app_context:
        today = app_context.database.now().date()
        assert poll(app_context, ending(today + timedelta(days=10), today)) == []
    with app_context_with({"usaspending": {}}, tmp_path / "2", "clearview-ai") as app_context:
        assert poll(app_context, ending(today - timedelta(days=1), today)) == []


def test_the_end_of_an_award_is_not_told_to_a_match_of_one_action(database: Database) -> None:
    award = replace(CLEARVIEW_FORENSIC, ends=database.now().date() + timedelta(days=10))
    save(database, award, match(award, action_keys=[award.actions[0].key]))
    with database.writing() as session:
        assert publish_expiring(session, database.now()) == 0
    save(database, award, match(award))
    with database.writing() as session:
        assert publish_expiring(session, database.now()) == 1
