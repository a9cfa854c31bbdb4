"""An amended notice of SAM.gov through the whole program: one record, and an event that says what is new."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from feeds.entries.titles import title_for
from procurewatch.context import AppContext
from storage.models import EventKind, RunStatus, StoredEvent
from storage.schema.tables import RecordRow
from storage.search.query import Query
from storage.search.search import find_events
from tests.app_context import app_context_with, ignore
from tests.upstreams.sam_opportunities import KEY, FaultySamOpportunities, notice

FIRST = date(2026, 11, 18)
DAY = timedelta(days=1)


@pytest.fixture
def server() -> Iterator[FaultySamOpportunities]:
    with FaultySamOpportunities() as server:
        server.notices = [
            notice(
                1,
                title="CLEARVIEW AI LICENSES",
                postedDate=FIRST.isoformat(),
                responseDeadLine="2030-01-02T12:00:00-05:00",
            )
        ]
        server.texts = {f"{1:032x}": "<p>One hundred licenses.</p>", f"{2:032x}": "<p>Two hundred licenses.</p>"}
        yield server


@contextmanager
def desk_of(server: FaultySamOpportunities, folder: Path, *, requests_per_day: int = 100) -> Iterator[AppContext]:
    asked = {"base_url": server.base_url, "key": KEY, "requests_per_day": requests_per_day}
    with app_context_with({"samnotices": asked}, folder, "clearview-ai") as app_context:
        yield app_context


def poll(app_context: AppContext, until: date) -> list[StoredEvent]:
    """Poll, and return the events that are new."""
    before = {event.id for event in events(app_context)}
    app_context.poll(app_context.sources[0], until, ignore)
    return [event for event in events(app_context) if event.id not in before]


def events(app_context: AppContext) -> list[StoredEvent]:
    with app_context.database.reading() as session:
        return list(find_events(session, Query(), limit=100))


def records(app_context: AppContext) -> list[RecordRow]:
    with app_context.database.reading() as session:
        return list(session.scalars(select(RecordRow)))


def test_an_amendment_is_published_as_one_change(server: FaultySamOpportunities, tmp_path: Path) -> None:
    with desk_of(server, tmp_path) as app_context:
        assert app_context.poll(app_context.sources[0], FIRST, ignore).status is RunStatus.BASELINE_SEEDED
        moved = {"postedDate": (FIRST + DAY).isoformat(), "responseDeadLine": "2030-02-02T12:00:00-05:00"}
        server.amend(1, 2, **moved)
        new = poll(app_context, FIRST + DAY)
        assert {event.kind for event in new} == {EventKind.DEADLINE_MOVED, EventKind.NOTICE_CHANGED}
        titles = sorted(title_for(event).partition("CLEARVIEW AI LICENSES: ")[2] for event in new)
        assert [title.partition(" · ")[0] for title in titles] == [
            f"amended {datetime.now(UTC).date()}",
            "now due 2030-02-02 12:00 EST, was 2030-01-02 12:00 EST",
        ]
        (row,) = records(app_context)
        assert row.description.endswith("Two hundred licenses.")
        assert row.url.endswith(f"{2:032x}/view")
        assert poll(app_context, FIRST + DAY) == []


def test_a_missing_text_is_fetched_by_a_later_poll(server: FaultySamOpportunities, tmp_path: Path) -> None:
    with desk_of(server, tmp_path) as app_context:
        poll(app_context, FIRST)
        server.amend(1, 2, postedDate=(FIRST + DAY).isoformat())
    with desk_of(server, tmp_path, requests_per_day=6) as app_context:  # two are spent, and three are kept for others
        assert poll(app_context, FIRST + DAY) == []
        (row,) = records(app_context)
        assert row.description.endswith("One hundred licenses.")
    with desk_of(server, tmp_path) as app_context:
        (told,) = poll(app_context, FIRST + 2 * DAY)
        assert told.kind is EventKind.NOTICE_CHANGED
        assert told.new_value.endswith("Two hundred licenses.")


def test_a_withdrawn_notice_returns_as_the_same_record(server: FaultySamOpportunities, tmp_path: Path) -> None:
    with desk_of(server, tmp_path) as app_context:
        poll(app_context, FIRST)
        kept = server.notices.pop()
        (removed,) = poll(app_context, FIRST + DAY)
        assert removed.kind is EventKind.DELETED
        server.notices.append({**kept, "noticeId": f"{2:032x}", "postedDate": (FIRST + 2 * DAY).isoformat()})
        poll(app_context, FIRST + 2 * DAY)
        assert len(records(app_context)) == 1
