"""Milestones: an agency's first purchase from a vendor, and round sums, each in the entry it belongs to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest

from sources.records import Award
from storage.database import Database
from storage.models import EventKind, record_subject
from storage.reading.coverage import FIRST_DAY
from storage.reading.events import load_events_for
from storage.reading.export_rows import event_row
from storage.reading.summaries import feed_stats
from storage.reading.timelines import timeline_of
from storage.schema.tables import CoverageRow, MatchRow
from storage.search.query import Query
from storage.search.search import count_events_since, find_events
from storage.writing.changes import Change
from storage.writing.events import PublishRule, save_event
from storage.writing.publication import publish_changes
from storage.writing.reviews import Decision, ReviewDecision, save_decision
from storage.writing.save import save_record
from tests.records import (
    CLEARVIEW,
    CLEARVIEW_AT_FIRST,
    CLEARVIEW_FORENSIC,
    LATER,
    LATER_STILL,
    SEEN,
    acted,
    match,
    with_actions,
)
from tests.storage.database_helpers import load_events, publish_all, publish_none, save

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


def cover(database: Database, **facts: Any) -> None:
    """Note that the contracts of Clearview AI have been read from the first day on."""
    given = {"source": "usaspending", "vendor_id": "clearview-ai", "agency": "", "since": FIRST_DAY, "until": None}
    with database.writing() as session:
        session.add(CoverageRow(**{**given, "terms": "", "noted_at": SEEN, **facts}))


def record(
    database: Database,
    award: Award,
    *matches: MatchRow,
    now: datetime = SEEN,
    should_publish: PublishRule = publish_all,
    since: date | None = None,
) -> None:
    """Save an award as the pipeline does."""
    with database.writing() as session:
        found = matches or [match(award)]
        save_record(session, award, lambda _award: found, now, should_publish, since=since)


def told(database: Database) -> list[tuple[EventKind, str, list[EventKind]]]:
    """Return the entries of the feed of everything, each with its award's key and the milestones it includes."""
    with database.reading() as session:
        events = find_events(session, Query(), 100)
    return [(event.kind, event.record.key, [part.kind for part in event.milestones]) for event in events]


SMALL = replace(CLEARVIEW_AT_FIRST, obligated=Decimal("500000.00"))  # signed in 2021
LATE = replace(CLEARVIEW_FORENSIC, obligated=Decimal("100000.00"))  # signed in 2024


def test_a_first_purchase_is_part_of_the_award_and_names_it(database: Database) -> None:
    cover(database)
    record(database, SMALL)
    assert told(database) == [(EventKind.NEW_AWARD, SMALL.key, [EventKind.FIRST_PURCHASE])]
    with database.reading() as session:
        [part] = find_events(session, Query(), 1)[0].milestones
    assert SMALL.key in unquote(part.id)
    assert (part.amount, part.total, part.new_value, part.vendor_id) == (None, None, "2007-10-01", "clearview-ai")


@pytest.mark.parametrize(
    ("facts", "is_first"),
    [
        ({"vendor_id": "", "agency": "070"}, True),
        ({"agency": "7012"}, True),
        ({"agency": "7014"}, False),
        ({"vendor_id": "palantir"}, False),
        ({"since": date(2007, 10, 2)}, False),
        ({"until": date(2026, 11, 1)}, False),  # polls do not continue it
    ],
)
def test_a_first_purchase_needs_the_whole_history(database: Database, facts: dict[str, Any], is_first: bool) -> None:
    cover(database, **facts)
    record(database, SMALL)
    assert told(database) == [(EventKind.NEW_AWARD, SMALL.key, [EventKind.FIRST_PURCHASE] if is_first else [])]


def test_an_earlier_award_withdraws_a_first_purchase(database: Database) -> None:
    cover(database)
    record(database, LATE)
    record(database, SMALL, now=LATER)
    expected = [
        (EventKind.FIRST_PURCHASE_WITHDRAWN, LATE.key, []),
        (EventKind.NEW_AWARD, SMALL.key, [EventKind.FIRST_PURCHASE]),
        (EventKind.NEW_AWARD, LATE.key, [EventKind.FIRST_PURCHASE]),
    ]
    assert sorted(told(database), key=repr) == sorted(expected, key=repr)
    with database.reading() as session:
        [withdrawal] = find_events(session, Query(event=(EventKind.FIRST_PURCHASE_WITHDRAWN,)), 10)
    assert (withdrawal.old_value, withdrawal.new_value) == ("Clearview AI", f"{SMALL.piid}, signed 2021-09-03")
    record(database, replace(SMALL, ends=date(2029, 1, 1)), now=LATER_STILL)
    assert len([each for each in told(database) if each[0] is EventKind.FIRST_PURCHASE_WITHDRAWN]) == 1


def test_a_backfill_withdraws_a_first_purchase_and_tells_no_other(database: Database) -> None:
    cover(database)
    record(database, LATE)
    record(database, SMALL, now=LATER, should_publish=publish_none)
    assert told(database) == [
        (EventKind.FIRST_PURCHASE_WITHDRAWN, LATE.key, []),
        (EventKind.NEW_AWARD, LATE.key, [EventKind.FIRST_PURCHASE]),
    ]


@pytest.mark.parametrize("band", ["review", "name-only"])
def test_an_earlier_undecided_award_leaves_the_first_purchase_open(database: Database, band: str) -> None:
    cover(database)
    record(database, SMALL, match(SMALL, band=band))
    record(database, LATE, now=LATER)
    assert told(database) == [(EventKind.NEW_AWARD, LATE.key, [])]


ODD_DAYS = (date(1, 1, 1), date(9999, 12, 31))


@pytest.mark.parametrize("day", ODD_DAYS)
def test_an_award_whose_day_cannot_be_true_withdraws_no_first_purchase(database: Database, day: date) -> None:
    cover(database)
    record(database, LATE)
    record(database, replace(SMALL, signed=day), now=LATER)
    kinds = [kind for kind, _, _ in told(database)]
    assert kinds == [EventKind.NEW_AWARD, EventKind.NEW_AWARD]


@pytest.mark.parametrize("day", ODD_DAYS)
def test_an_award_whose_day_cannot_be_true_leaves_the_first_purchase_open(database: Database, day: date) -> None:
    cover(database)
    record(database, replace(SMALL, signed=day))
    record(database, LATE, now=LATER)
    assert [parts for _, _, parts in told(database)] == [[], []]


def test_a_modification_of_an_old_award_is_no_first_purchase_and_passes_only_its_own_amount(database: Database) -> None:
    cover(database)
    record(database, acted(CLEARVIEW, "P00009", "2026-11-10", "100000.00"), since=date(2026, 8, 1))
    [(kind, _, parts)] = told(database)
    assert (kind, parts) == (EventKind.MODIFIED, []), "it had passed $1,000,000 before"


def test_a_round_sum_states_the_total_and_amounts_stay_those_of_actions(database: Database) -> None:
    before = with_actions(CLEARVIEW, [replace(CLEARVIEW.actions[0], obligation=TOTAL - Decimal("68800000.00"))])
    record(database, before, now=SEEN)
    record(database, acted(before, "P00009", "2026-11-10", "68800000.00"), now=LATER)
    with database.reading() as session:
        [event] = find_events(session, Query(seen_since=LATER.date()), 10)
        rows = [event_row({}, each) for each in load_events_for(session, [CLEARVIEW.key])[CLEARVIEW.key]]
    [part] = event.milestones
    assert (event.amount, event.total) == (Decimal("68800000.00"), None)
    assert (part.amount, part.total, part.new_value) == (None, TOTAL, "1000000000")
    assert sum(row["event_amount"] or 0 for row in rows if isinstance(row["event_amount"], Decimal)) == TOTAL


def test_only_the_actions_that_a_match_concerns_count(database: Database) -> None:
    option = acted(SMALL, "P00001", "2022-09-06", "600000.00", description="CLEARVIEW AI")
    record(database, option, match(option, action_keys=[option.actions[1].key]))
    assert told(database) == [(EventKind.MODIFIED, option.key, [])], "$1,100,000 in all"
    more = acted(option, "P00002", "2022-10-06", "400000.00", description="CLEARVIEW AI")
    keys = [action.key for action in more.actions[1:]]
    record(database, more, match(more, action_keys=keys), now=LATER)
    assert told(database)[0][2] == [EventKind.ROUND_SUM]


def test_a_milestone_belongs_to_an_event_that_its_vendor_concerns(database: Database) -> None:
    option = acted(SMALL, "P00001", "2022-09-06", "1600000.00", description="CLEARVIEW AI")
    more = acted(option, "P00002", "2022-10-06", "5000000.00", description="BABEL STREET")
    own, other = ([action.key] for action in more.actions[1:])
    record(database, more, match(more, action_keys=own), match(more, "babel-street", action_keys=other))
    with database.reading() as session:
        events = find_events(session, Query(), 10)
    found = {event.amount: [part.old_value for part in event.milestones] for event in events}
    assert found == {Decimal("1600000.00"): ["Clearview AI"], Decimal("5000000.00"): ["Babel Street"]}


def test_a_topic_has_no_milestones(database: Database) -> None:
    cover(database)
    record(database, CLEARVIEW, match(CLEARVIEW, is_topic=True))
    assert told(database) == [(EventKind.NEW_AWARD, CLEARVIEW.key, [])]


def test_a_confirmed_match_reaches_its_milestones(database: Database) -> None:
    cover(database)
    record(database, CLEARVIEW, match(CLEARVIEW, band="review"))
    assert told(database) == []
    decision = ReviewDecision(
        vendor_id="clearview-ai",
        subject=record_subject(CLEARVIEW.key),
        decision=Decision.CONFIRMED,
        decided_by="me",
        note="",
        decided_at=LATER,
    )
    with database.writing() as session:
        save_decision(session, decision)
    parts = [EventKind.FIRST_PURCHASE, EventKind.ROUND_SUM]
    assert told(database) == [(EventKind.NEW_AWARD, CLEARVIEW.key, parts)]


def test_a_run_killed_before_its_commit_publishes_each_milestone_once(database: Database) -> None:
    cover(database)

    def killed() -> None:
        with database.writing() as session:
            save_record(session, CLEARVIEW, lambda _award: [match(CLEARVIEW)], SEEN, publish_all)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert told(database) == []
    for now in (LATER, LATER_STILL):
        record(database, CLEARVIEW, now=now)
    parts = [EventKind.FIRST_PURCHASE, EventKind.ROUND_SUM]
    assert told(database) == [(EventKind.NEW_AWARD, CLEARVIEW.key, parts)]
