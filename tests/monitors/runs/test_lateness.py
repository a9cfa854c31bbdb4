"""Lateness measures the government, never the day on which we began to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from procurewatch.context import AppContext
from sources.records import Award
from storage.models import StoredEvent
from storage.search.query import Query
from storage.search.search import find_events
from tests.app_context import app_context_with, ignore
from tests.records import CLEARVIEW_FORENSIC, with_actions
from tests.sources.fakes import GivenRecords

FIRST_POLL = date(2026, 8, 1)
SECOND_POLL = FIRST_POLL + timedelta(days=9)


IN_THE_BREAK = FIRST_POLL + timedelta(days=30)


def signed_on(day: date) -> Award:
    action = replace(CLEARVIEW_FORENSIC.actions[0], signed=day)
    return replace(with_actions(CLEARVIEW_FORENSIC, [action]), signed=day, modified=SECOND_POLL)


def poll(app_context: AppContext, until: date, *awards: Award) -> list[StoredEvent]:
    app_context.poll(GivenRecords(records=awards), until, ignore)
    with app_context.database.reading() as session:
        return find_events(session, Query(), 100)


def backfill(app_context: AppContext, award: Award) -> list[StoredEvent]:
    vendor = app_context.watchlist.by_id["clearview-ai"]
    source = GivenRecords(records=(award,))
    app_context.backfill(source, vendor, date(2007, 10, 1), SECOND_POLL, ignore, notify=True)
    return poll(app_context, SECOND_POLL)


def second_poll(app_context: AppContext, award: Award) -> list[StoredEvent]:
    return poll(app_context, SECOND_POLL, award)


def after_a_break(app_context: AppContext, award: Award) -> list[StoredEvent]:
    return poll(app_context, IN_THE_BREAK + timedelta(days=10), award)


def test_what_a_poll_had_not_found_weeks_after_signing_is_late(tmp_path: Path) -> None:
    award = signed_on(FIRST_POLL - timedelta(days=81))  # as the Defense Department's: within what the first poll read
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai") as app_context:
        poll(app_context, FIRST_POLL)
        [event] = poll(app_context, SECOND_POLL, award)
        assert event.days_late == (event.first_seen.date() - event.record.signed).days >= 90  # type: ignore[operator]
        # A correction of its amount is of the day on which it was corrected.
        action = replace(award.actions[0], obligation=Decimal("1.00"))
        events = poll(app_context, SECOND_POLL, replace(with_actions(award, [action]), modified=SECOND_POLL))
    assert {event.kind: event.days_late > 0 for event in events} == {"new-award": True, "corrected": False}


@pytest.mark.parametrize(
    ("signed", "read"),
    [
        (FIRST_POLL - timedelta(days=790), second_poll),
        (FIRST_POLL - timedelta(days=5), second_poll),
        (FIRST_POLL - timedelta(days=81), backfill),
        (IN_THE_BREAK, after_a_break),
    ],
    ids=["before-the-baseline", "within-a-week", "backfill", "after-a-break"],
)
def test_what_was_not_asked_for_is_not_late(
    signed: date, read: Callable[[AppContext, Award], list[StoredEvent]], tmp_path: Path
) -> None:
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai") as app_context:
        poll(app_context, FIRST_POLL)
        [event] = read(app_context, signed_on(signed))
    assert event.days_late == 0


def test_a_baseline_is_not_late(tmp_path: Path) -> None:
    with app_context_with({"usaspending": {}}, tmp_path, "clearview-ai") as app_context:
        [event] = poll(app_context, FIRST_POLL, signed_on(FIRST_POLL - timedelta(days=81)))
    assert event.days_late == 0
