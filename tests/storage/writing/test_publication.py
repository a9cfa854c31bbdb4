"""Event snapshots, the publication version and stable archive pages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from storage.database import Database
from storage.models import record_subject
from storage.reading.events import events_of
from storage.reading.records import load_publication_version
from storage.schema.tables import EventRow
from storage.search.query import Query
from storage.search.search import find_events
from storage.writing.reviews import Decision, ReviewDecision, save_decision
from storage.writing.runs import publish_newest
from tests.records import BABEL, CLEARVIEW, LATER, LATER_STILL, SEEN, acted, match
from tests.storage.database_helpers import publish_none, save


def numbered(database: Database) -> int:
    with database.reading() as session:
        return int(load_publication_version(session)[0])


def test_an_entry_is_not_changed_with_its_award(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW))
    with database.reading() as session:
        before = find_events(session, Query(), 10)
    more = acted(CLEARVIEW, "P00099", "2025-09-12", "1000000.00")
    save(database, more, match(more), now=LATER)
    with database.reading() as session:
        after = find_events(session, Query(), 10)
        assert after[1:] == before
        assert after[0].record.obligated != before[0].record.obligated
        assert {event.record.obligated for event in events_of(session, CLEARVIEW.key)} == {after[0].record.obligated}


def test_the_later_of_two_like_events_is_marked(database: Database) -> None:
    base = replace(CLEARVIEW, actions=CLEARVIEW.actions[:1])
    twin = replace(base, key="CONT_AWD_70CMSD24P00000001_7012_-NONE-_-NONE-", piid="70CMSD24P00000001")
    twin = replace(twin, actions=(replace(base.actions[0], key="7012_-NONE-_70CMSD24P00000001_0_-NONE-_0"),))
    elsewhere = replace(BABEL, actions=twin.actions)
    for award, when in ((base, SEEN), (twin, LATER), (elsewhere, LATER_STILL)):
        save(database, award, match(award), now=when)
    with database.reading() as session:
        found = find_events(session, Query(), 10)
    assert [(event.record.piid, event.has_twin) for event in found if event.kind == "new-award"] == [
        (BABEL.piid, False),
        (twin.piid, True),
        (CLEARVIEW.piid, False),
    ]


def test_an_event_published_later_has_a_snapshot(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), should_publish=publish_none)
    with database.writing() as session:
        assert publish_newest(session, ["clearview-ai"], 1, LATER) == 1
    more = acted(CLEARVIEW, "P00099", "2025-09-12", "1.00")
    save(database, more, match(more), now=LATER_STILL, should_publish=publish_none)
    with database.reading() as session:
        (event,) = find_events(session, Query(), 10)
        assert (event.first_seen, event.record.obligated) == (LATER, CLEARVIEW.obligated)


def test_a_rejected_vendor_is_withdrawn(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW), match(CLEARVIEW, "babel-street"))
    with database.writing() as session:
        subject = record_subject(CLEARVIEW.key)
        save_decision(session, verdict(subject))
    with database.reading() as session:
        found = find_events(session, Query(), 10)
    assert [event.kind for event in found] == ["withdrawn", "new-award"]
    assert [match.vendor_id for match in found[1].record.matches] == ["clearview-ai"]


def verdict(subject: str) -> ReviewDecision:
    return ReviewDecision(
        vendor_id="babel-street",
        subject=subject,
        decision=Decision.REJECTED,
        decided_by="me",
        note="no",
        decided_at=LATER,
    )


def test_the_publication_version_counts_changes(database: Database) -> None:
    with database.reading() as session:
        assert load_publication_version(session) == ("0", None)
    save(database, CLEARVIEW, match(CLEARVIEW))
    first = numbered(database)
    assert first > 0
    save(database, CLEARVIEW, match(CLEARVIEW), now=LATER)
    assert numbered(database) == first
    save(database, BABEL, match(BABEL, "babel-street"), now=LATER_STILL)
    assert numbered(database) == first + 1
    with pytest.raises(RuntimeError), database.writing() as session:
        session.add(session.get_one(EventRow, find_events(session, Query(), 1)[0].id))
        raise RuntimeError
    assert numbered(database) == first + 1
