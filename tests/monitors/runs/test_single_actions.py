"""A match that concerns single actions of an award publishes those actions, and no others.

The order of phones is ICE's, with some of its actions as the public record has them: one for $296.79 names body-worn
cameras. What else happens to it here is made up.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlmodel import col

from monitors.matching.matcher import Matcher
from monitors.runs.pipeline import RunContext
from monitors.runs.rematch import rematch
from procurewatch.context import AppContext
from sources.records import Award, Record, Removal
from storage.models import EventKind, StoredEvent, record_subject
from storage.reading.events import events_of
from storage.reading.summaries import GroupBy, SummaryScope, feed_stats, spending
from storage.schema.tables import EventRow, MatchRow
from storage.search.query import read_query
from storage.search.search import find_events
from storage.writing.reviews import Decision, ReviewDecision, save_decision
from tests.app_context import app_context_with, ignore, shipped
from tests.records import ICE, LATER, award, match
from tests.sources.fakes import GivenRecords
from tests.storage.database_helpers import publish_none, save

DAY = date(2022, 7, 29)
TOPIC, CATEGORY = "topic-body-worn-cameras", shipped().by_id["topic-body-worn-cameras"].category
ORDER = award(
    "CONT_AWD_70CTD021FR0000053_7012_70RTAC21D00000001_7001",
    "WIDEPOINT INTEGRATED SOLUTIONS CORP",
    ICE,
    ("IT AND TELECOM - MOBILE DEVICE PRODUCTS", "TELECOMMUNICATIONS RESELLERS"),
    [
        ("0", "2021-03-16", "7466012.00", "DHS CWMS IDIQ TASK ORDER"),
        ("P00005", "2022-05-12", "6044.58", "DHS CWMS IDIQ TASK ORDER ADMIN ACTION-CHANGE ACOR"),
        ("P00007", "2022-07-01", "13800206.32", "DHS CWMS IDIQ TASK ORDER FUNDING FOR REMAINDER OF OY1"),
        ("P00008", "2022-07-22", "296.79", "DHS CWMS IDIQ TASK ORDER BODY WORN CAMERA SUPPORT PROGRAM"),
        ("P00009", "2022-07-28", "33394.08", "DHS CWMS IDIQ TASK ORDER ADD 87 TACCOM SONIM DEVICES"),
        ("P00022", "2023-09-25", "2100.00", "DHS CWMS IDIQ TASK ORDER ADD FUNDS"),
        ("P00024", "2024-03-15", "7003260.40", "DHS CWMS IDIQ TASK ORDER EXERCISE OPTION THREE"),
    ],
)
ORDER = replace(ORDER, ends=date(2026, 3, 15), ceiling=Decimal(80_000_000))  # made up
CAMERAS = ORDER.actions[3]


def until(number: str) -> Award:
    """Return the order as its source listed it after a modification."""
    last = next(n for n, action in enumerate(ORDER.actions) if action.modification == number)
    return replace(ORDER, actions=ORDER.actions[: last + 1])


@contextmanager
def watching(folder: Path, *entries: str, database_url: str | None = None) -> Iterator[AppContext]:
    """Open an app context for which these entries of the watchlist are nothing new."""
    with app_context_with({"usaspending": {}}, folder, *entries, database_url=database_url) as app_context:
        for source in ("usaspending", "samawards"):
            app_context.poll(GivenRecords(name=source), DAY - timedelta(days=9), ignore)
        yield app_context


def poll(app_context: AppContext, record: Record, day: date = DAY) -> list[tuple[str, Decimal | None]]:
    """Poll a source that lists this; return the kinds and amounts of what feeds newly carry."""
    before = {event.id for event in entries(app_context)}
    report = app_context.poll(GivenRecords(name=record.source, records=[record]), day, ignore)
    assert report.status, report
    assert report.status.is_good, report
    return [(event.kind.value, event.amount) for event in entries(app_context) if event.id not in before]


def entries(app_context: AppContext, **query: str) -> list[StoredEvent]:
    with app_context.database.reading() as session:
        return find_events(session, read_query(query), 100)


def matched(app_context: AppContext) -> MatchRow:
    with app_context.database.reading() as session:
        return session.scalars(select(MatchRow).where(col(MatchRow.vendor_id) == TOPIC)).one()


SUPPORT = ("modified", Decimal("296.79"))


def test_only_the_action_with_the_words_is_published(database_url: str, tmp_path: Path) -> None:
    with watching(tmp_path, TOPIC, database_url=database_url) as app_context:
        assert poll(app_context, until("P00007")) == []
        assert poll(app_context, until("P00008")) == [SUPPORT]
        for number in ("P00009", "P00022", "P00024"):
            assert poll(app_context, until(number), DAY + timedelta(days=1)) == []
        longer = replace(ORDER, ends=date(2027, 1, 1), ceiling=Decimal(90_000_000))
        assert poll(app_context, longer, DAY + timedelta(days=2)) == []
        for query in ({"vendor": TOPIC}, {"category": CATEGORY}, {"q": "camera"}, {"agency": "7012"}):
            assert [event.amount for event in entries(app_context, **query)] == [Decimal("296.79")]
        with app_context.database.reading() as session:
            assert len(events_of(session, ORDER.key)) == 9, "the award's own timeline has all"
            published = session.scalars(select(EventRow).where(col(EventRow.is_published))).all()
            assert [row.action_key for row in published] == [CAMERAS.key]
            stats = feed_stats(session)
            spent = spending(session, SummaryScope(vendor=TOPIC), list(GroupBy))
        assert (stats["vendor"][TOPIC].entries, stats["category"][CATEGORY].entries) == (1, 1)
        assert {row.dollars for rows in spent.values() for row in rows} == {Decimal("296.79")}


@pytest.mark.parametrize("day", [DAY, date(2021, 6, 1), date(2030, 1, 1)])
def test_an_award_first_seen_gives_the_action_with_the_words(day: date, tmp_path: Path) -> None:
    """Whether the order or the action is recent then or not."""
    with watching(tmp_path, TOPIC) as app_context:
        assert poll(app_context, ORDER, day) == [SUPPORT]
        [event] = entries(app_context)
        assert event.is_first_sight
        assert [found.vendor_id for found in event.record.matches] == [TOPIC]
        with app_context.database.reading() as session:
            begun = next(each for each in events_of(session, ORDER.key) if each.kind is EventKind.NEW_AWARD)
        assert begun.record.matches == (), "the order of phones does not concern the topic"


def test_a_vendor_of_the_whole_award_does_not_lend_its_entries_to_a_topic(tmp_path: Path) -> None:
    recipient = replace(ORDER.recipient, name="AXON ENTERPRISE, INC.")
    with watching(tmp_path, TOPIC, "axon") as app_context:
        poll(app_context, replace(until("P00008"), recipient=recipient))
        assert poll(app_context, replace(until("P00009"), recipient=recipient)) == [("modified", Decimal("33394.08"))]
        assert [event.amount for event in entries(app_context, vendor=TOPIC)] == [Decimal("296.79")]
        newest = next(event for event in entries(app_context) if event.amount == Decimal("33394.08"))
        assert [found.vendor_id for found in newest.record.matches] == ["axon"]
        with app_context.database.reading() as session:
            stats = feed_stats(session)
            spent = spending(session, SummaryScope(agency="7012"), [GroupBy.VENDOR])[GroupBy.VENDOR]
        assert {row.code: row.dollars for row in spent} == {
            "axon": sum(action.obligation or 0 for action in ORDER.actions[:5]),
            TOPIC: Decimal("296.79"),
        }
        assert stats["vendor"]["axon"].entries == len(entries(app_context, vendor="axon"))
        assert stats["category"][CATEGORY].entries == len(entries(app_context, category=CATEGORY))


def test_published_entries_stay_when_a_match_concerns_other_actions(tmp_path: Path) -> None:
    """Its source changes the text of the action, and a later one has the words."""
    with watching(tmp_path, TOPIC) as app_context:
        poll(app_context, until("P00008"))
        reworded = replace(CAMERAS, description="DHS CWMS IDIQ TASK ORDER SUPPORT PROGRAM")
        later = replace(ORDER.actions[4], description="BODY WORN CAMERAS")
        new = poll(app_context, replace(ORDER, actions=(*ORDER.actions[:3], reworded, later)), DAY + timedelta(days=1))
        assert sorted(kind for kind, _ in new) == ["description-changed", "modified"]
        assert len(entries(app_context, vendor=TOPIC)) == 3


def test_published_entries_stay_when_a_match_no_longer_concerns_the_whole_award(tmp_path: Path) -> None:
    with watching(tmp_path, TOPIC) as app_context:
        whole = replace(until("P00007"), description="BODY WORN CAMERAS", signed=DAY)
        whole = replace(whole, actions=(replace(whole.actions[0], description="BODY WORN CAMERAS", signed=DAY),))
        assert poll(app_context, whole) == [("new-award", Decimal("7466012.00"))]
        poll(app_context, until("P00008"), DAY + timedelta(days=1))
        assert set(matched(app_context).action_keys) >= {ORDER.actions[0].key, CAMERAS.key}
        assert EventKind.NEW_AWARD in [event.kind for event in entries(app_context, vendor=TOPIC)]
        assert poll(app_context, until("P00009"), DAY + timedelta(days=2)) == []


@pytest.mark.parametrize("number", [3, 4])
def test_a_source_that_lists_single_actions_does_not_speak_of_the_whole_award(number: int, tmp_path: Path) -> None:
    """It gives the award the text of the modification."""
    action = replace(ORDER.actions[number], description=CAMERAS.description)
    listed = replace(ORDER, source="samawards", is_partial=True, description=action.description, actions=(action,))
    with watching(tmp_path, TOPIC) as app_context:
        assert poll(app_context, listed) == [("modified", action.obligation)]
        assert matched(app_context).action_keys == [action.key]
        assert poll(app_context, until("P00024"), DAY + timedelta(days=1)) == []


def test_a_match_of_the_whole_award_stays_one_when_a_source_lists_a_single_action(tmp_path: Path) -> None:
    said = "BODY WORN CAMERAS"
    order = replace(ORDER, description=said, actions=(replace(ORDER.actions[0], description=said), *ORDER.actions[1:]))
    listed = replace(order, source="samawards", is_partial=True, description=CAMERAS.description, actions=(CAMERAS,))
    with watching(tmp_path, TOPIC) as app_context:
        poll(app_context, replace(order, actions=order.actions[:1]))
        poll(app_context, listed)
        assert matched(app_context).action_keys == []


def deleted(action_key: str = "") -> Removal:
    return Removal(
        source="usaspending", key=ORDER.key, action_key=action_key, removed=DAY, reason="deleted", documents=()
    )


def test_a_deletion_of_the_award_concerns_every_match(tmp_path: Path) -> None:
    with watching(tmp_path, TOPIC) as app_context:
        poll(app_context, ORDER)
        assert poll(app_context, deleted(ORDER.actions[4].key)) == []
        assert [kind for kind, _ in poll(app_context, deleted())] == ["deleted"]
        assert len(entries(app_context, vendor=TOPIC)) == 2


def test_a_rematch_publishes_the_actions_that_it_finds(tmp_path: Path) -> None:
    with watching(tmp_path, "axon") as app_context:
        assert poll(app_context, ORDER) == []
        matcher = Matcher(replace(shipped(), vendors=(shipped().by_id[TOPIC],)))
        run_context = RunContext(database=app_context.database, matcher=matcher, stop=threading.Event())
        assert rematch(run_context).published == 1
        assert [event.amount for event in entries(app_context)] == [Decimal("296.79")]
        assert rematch(run_context).published == 0


def decide(app_context: AppContext, decision: Decision) -> int:
    verdict = ReviewDecision(
        vendor_id="babel-street",
        subject=record_subject(ORDER.key),
        decision=decision,
        decided_by="me",
        note="",
        decided_at=LATER,
    )
    with app_context.database.writing() as session:
        return save_decision(session, verdict)


def test_a_decision_publishes_and_withdraws_the_actions_of_its_match(tmp_path: Path) -> None:
    with watching(tmp_path, TOPIC) as app_context:
        reviewed = match(ORDER, "babel-street", band="review", action_keys=[ORDER.actions[4].key])
        other = match(ORDER, "nuix", band="review", action_keys=[ORDER.actions[6].key])
        published = match(ORDER, "panamerica", action_keys=[CAMERAS.key])
        save(app_context.database, ORDER, reviewed, other, published)
        assert [event.amount for event in entries(app_context)] == [CAMERAS.obligation]
        assert decide(app_context, Decision.CONFIRMED) == 1
        [event] = entries(app_context, vendor="babel-street")
        assert (event.amount, [found.vendor_id for found in event.record.matches]) == (
            Decimal("33394.08"),
            ["babel-street"],
        )
        assert decide(app_context, Decision.REJECTED) == 1
        [withdrawn] = entries(app_context, vendor="babel-street")
        assert withdrawn.kind is EventKind.WITHDRAWN
        assert len(entries(app_context)) == 2


def test_a_match_of_which_nothing_was_published_is_not_withdrawn(tmp_path: Path) -> None:
    with watching(tmp_path, TOPIC) as app_context:
        save(app_context.database, ORDER, match(ORDER, "panamerica", action_keys=[CAMERAS.key]))
        unheard = match(ORDER, "babel-street", action_keys=[ORDER.actions[4].key])
        save(app_context.database, ORDER, unheard, should_publish=publish_none)
        assert decide(app_context, Decision.REJECTED) == 0
