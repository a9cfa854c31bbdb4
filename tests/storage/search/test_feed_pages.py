"""The pages of a feed and of its history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from storage.database import Database
from storage.models import EventKind
from storage.schema.tables import EventRow
from storage.search import search
from storage.search.feed_pages import (
    ArchivePage,
    archived_events,
    is_complete,
    newest_events,
    page_after,
    page_before,
    read_archive_page,
)
from storage.search.query import Query, read_query
from storage.search.search import count_events_since, event_cursor, find_events
from storage.writing.changes import Change
from storage.writing.events import save_event
from tests.records import BABEL, CLEARVIEW, LATER, acted, match
from tests.storage.database_helpers import save


def add_events(database: Database, name: str, moments: list[datetime], key: str = CLEARVIEW.key) -> None:
    facts = {"record_key": key, "action_key": "", "kind": "modified", "old_value": "", "new_value": ""}
    facts |= {"vendor_id": "", "part_of": ""}
    more = {"earlier_actions": 0, "is_published": True, "pending_review": False}
    with database.writing() as session:
        rows = [
            {"id": f"tag:x,2026:{name}/{at}", **facts, **more, "first_seen": seen} for at, seen in enumerate(moments)
        ]
        session.execute(insert(EventRow), rows)


def newest(session: Session, query: Query, now: datetime) -> tuple[ArchivePage | None, int]:
    """Return the newest complete page, and how many entries a feed carries that wants at least one."""
    page, entries = newest_events(session, query, 1, now)
    events = [event.id for event in find_events(session, query, 1000)]
    for least in (1, 120, 1000):  # whether what is newer is looked up or at hand
        again, carried = newest_events(session, query, least, now)
        assert again == page
        assert [event.id for event in carried] == events[: max(least, len(entries))]
    return page, len(entries)


def test_a_history_falls_into_pages_that_stay(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), now=datetime(2025, 1, 31, 23, 59, 59, tzinfo=UTC))
    march = datetime(2025, 3, 1, tzinfo=UTC)
    add_events(database, "march", [march + timedelta(hours=hour) for hour in range(250)])
    add_events(database, "alike", [march + timedelta(days=20)] * 60)
    january, first, second, third, fourth = (
        ArchivePage(2025, 1, 1),
        *(ArchivePage(2025, 3, part) for part in (1, 2, 3, 4)),
    )
    soon = datetime(2025, 4, 1, 0, 59, tzinfo=UTC)  # the month before may still gain what was seen in its last hour
    over = datetime(2025, 4, 1, 1, tzinfo=UTC)
    with database.reading() as session:
        for now in (datetime(2025, 3, 31, tzinfo=UTC), soon):
            assert newest(session, Query(), now) == (third, 10)
            assert not is_complete(session, Query(), fourth, now)
            assert page_after(session, Query(), third, now) is None
        assert newest(session, Query(), over) == (fourth, 1)
        assert newest(session, Query(), datetime(2025, 3, 1, 0, 30, tzinfo=UTC)) == (january, 310)
        assert newest(session, read_query({"vendor": "nobody"}), over) == (None, 0)
        pages = [january, first, second, third, fourth]
        assert [page_before(session, Query(), page) for page in pages] == [None, *pages[:-1]]
        assert [page_after(session, Query(), page, over) for page in pages] == [*pages[1:], None]
        assert [page for page in pages if is_complete(session, Query(), page, over)] == pages
        assert not is_complete(session, Query(), ArchivePage(2025, 2, 1), over)
        archived = [event.id for page in reversed(pages) for event in archived_events(session, Query(), page)]
        assert archived == [event.id for event in find_events(session, Query(), 1000)]
        before = archived_events(session, Query(), third)
    add_events(database, "later", [datetime(2025, 4, 2, tzinfo=UTC)] * 3)
    with database.reading() as session:
        now = datetime(2025, 4, 2, 0, 30, tzinfo=UTC)
        assert archived_events(session, Query(), third) == before
        assert newest(session, Query(), now) == (fourth, 3)
        assert page_after(session, Query(), fourth, now) is None


def test_a_feed_has_every_entry_of_the_last_seven_days(database: Database) -> None:
    now = datetime(2025, 3, 31, tzinfo=UTC)
    save(database, CLEARVIEW, match(CLEARVIEW), now=datetime(2025, 1, 31, tzinfo=UTC))
    add_events(database, "older", [now - timedelta(days=7, minutes=1)] * 60)
    add_events(database, "one poll", [now - timedelta(days=7)] * 192)
    with database.reading() as session:
        page, carried = newest_events(session, Query(), 100, now)
        assert page == ArchivePage(2025, 3, 2)  # most readers do not follow the link to it
        assert [event.id for event in carried] == [event.id for event in find_events(session, Query(), 192)]
        assert len(newest_events(session, Query(), 200, now)[1]) == 200


@pytest.mark.parametrize("name", ["", "2025-13.1", "2025-1.1", "2025-01.0", "0000-01.1", "9999-12.1", "\uff12025-01.1"])
def test_what_names_no_page(name: str) -> None:
    assert read_archive_page(name) is None
    assert str(read_archive_page("2025-01.12")) == "2025-01.12"


def test_a_small_modification_whose_entry_includes_a_milestone_stays(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    small = acted(CLEARVIEW, "P00099", "2025-09-12", "0.00")
    save(database, small, match(small), now=LATER)
    query = Query(min_change=Decimal(1))
    with database.reading() as session:
        [event] = [event for event in find_events(session, Query(), 10) if event.kind is EventKind.MODIFIED]
        assert event.id not in {other.id for other in find_events(session, query, 10)}
    milestone = Change(id="tag:x,2026:sum", kind=EventKind.ROUND_SUM, old_value="Clearview AI", new_value="5000000")
    with database.writing() as session:
        save_event(session, CLEARVIEW.key, milestone, LATER, publish=True, part_of=event.id)
    with database.reading() as session:
        assert event.id in {other.id for other in find_events(session, query, 10)}


def test_the_newest_of_many_events_are_those_of_few(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for award, vendor in ((CLEARVIEW, "clearview-ai"), (BABEL, "babel-street")):
        save(database, award, match(award, vendor), now=datetime(2025, 1, 1, tzinfo=UTC))
    began = datetime(2025, 2, 1, tzinfo=UTC)
    add_events(database, "old", [began + timedelta(hours=hour) for hour in range(90)], BABEL.key)
    add_events(database, "new", [began + timedelta(days=30, hours=hour) for hour in range(90)])
    add_events(database, "alike", [began + timedelta(days=30)] * 20, BABEL.key)
    queries = [
        read_query(asked)
        for asked in ({}, {"vendor": "clearview-ai"}, {"vendor": "babel-street"}, {"agency": "7012"}, {"q": "babel"})
    ]
    now = began + timedelta(days=33)

    def answers() -> list[object]:
        found: list[object] = []
        with database.reading() as session:
            for query in queries:
                found += [[event.id for event in find_events(session, query, limit)] for limit in (1, 20, 100, 300)]
                place = event_cursor(find_events(session, query, 15)[-1])
                found.append([event.id for event in find_events(session, query, 20, place)])
                page, events = newest_events(session, query, 10, now)
                found.append((page, [event.id for event in events]))
                found += [event.id for event in archived_events(session, query, page)] if page else []
                found.append(count_events_since(session, query, began.date(), 1000))
        return found

    expected = answers()
    monkeypatch.setattr(search, "MANY", 0)
    for looked_at in (0, 7, 200):
        monkeypatch.setattr(search, "LOOKED_AT", looked_at)
        assert answers() == expected
