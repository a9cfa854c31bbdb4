"""Milestones: an agency's first purchase from a vendor, and round sums, each in the entry it belongs to."""

from __future__ import annotations

from decimal import Decimal

from storage.database import Database
from storage.models import EventKind
from storage.reading.events import load_events_for
from storage.reading.export_rows import event_row
from storage.reading.summaries import feed_stats
from storage.reading.timelines import timeline_of
from storage.search.query import Query
from storage.search.search import count_events_since, find_events
from storage.writing.changes import Change
from storage.writing.events import save_event
from storage.writing.publication import publish_changes
from tests.records import CLEARVIEW, SEEN, match
from tests.storage.database_helpers import load_events, save

TOTAL = Decimal("1034079462.77")


def test_a_milestone_that_is_part_of_an_event_has_no_entry_of_its_own(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    main = next(event for event in load_events(database, CLEARVIEW) if event.kind is EventKind.NEW_AWARD)
    change = Change(id="tag:x,2026:sum", kind=EventKind.ROUND_SUM, total=TOTAL, old_value="Clearview AI")
    with database.writing() as session:
        save_event(session, CLEARVIEW.key, change, SEEN, publish=True, part_of=main.id)
        publish_changes(session, {CLEARVIEW.key})
    with database.reading() as session:
        [entry] = find_events(session, Query(), 10)
        [found] = find_events(session, Query(event=(EventKind.ROUND_SUM,)), 10)
        assert find_events(session, Query(event=(EventKind.EXTENDED,)), 10) == []
        assert count_events_since(session, Query(), SEEN.date(), 10) == 1
        assert feed_stats(session)["vendor"]["clearview-ai"].entries == 1
        assert change.id not in [event.id for event in timeline_of(session, CLEARVIEW.key)]
        rows = [event_row({}, event) for event in load_events_for(session, [CLEARVIEW.key])[CLEARVIEW.key]]
    assert entry.id == found.id == main.id
    assert [(part.kind, part.amount, part.total, part.part_of) for part in entry.milestones] == [
        (EventKind.ROUND_SUM, None, TOTAL, main.id)
    ]
    [row] = [row for row in rows if row["event_id"] == change.id]
    assert (row["event_amount"], row["event_total"], row["event_part_of"]) == (None, TOTAL, main.id)
    assert sum(row["event_amount"] or 0 for row in rows if isinstance(row["event_amount"], Decimal)) < 3_000_000
