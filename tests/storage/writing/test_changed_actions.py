"""A text, date or amount of an action that its source changes is an event with the old and the new value.

The award is a real one (tests/records.py). The changed text and date are those of the replay of real daily snapshots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from feeds.entries.details import Detail, event_details
from feeds.entries.titles import title_for
from sources.records import Award
from storage.database import Database
from storage.models import EventKind
from storage.reading.records import actions_of
from tests.records import CLEARVIEW_AT_FIRST, LATER, SEEN, acted, match, with_actions
from tests.storage.database_helpers import load_events, published_ids, save

BEFORE = "LICENSES TO SUPPORT CRIMINAL INVESTIGATIONS"
AFTER = "LICENSES AND COMMERCIAL DATA"
FIRST = acted(CLEARVIEW_AT_FIRST, "P00001", "2026-06-05", "2500.00", description=BEFORE)
KEY = FIRST.actions[1].key
Changed = tuple[EventKind, str, str, str]


def changed(award: Award = FIRST, number: int = 1, **facts: Any) -> Award:
    """Return the award with other facts of one of its actions."""
    actions = [replace(action, **facts) if n == number else action for n, action in enumerate(award.actions)]
    return replace(award, actions=tuple(actions))


def changes(database: Database, *states: Award) -> list[Changed]:
    """Save what sources say, each twice; return the published changes with kind, modification, old and new value."""
    for state in states:
        for now in (SEEN, LATER):
            save(database, state, match(state), now=now)
    events = [event for event in load_events(database, states[0]) if event.old_value or event.new_value]
    assert {event.id for event in events} <= published_ids(database)
    return [
        (event.kind, event.action.modification if event.action else "", event.old_value, event.new_value)
        for event in events
    ]


TEXT = (EventKind.DESCRIPTION_CHANGED, "P00001", BEFORE, AFTER)
TEXT_BACK = (EventKind.DESCRIPTION_CHANGED, "P00001", AFTER, BEFORE)
DAY = (EventKind.CORRECTED, "P00001", "signed 2026-06-05", "signed 2026-08-05")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"description": AFTER}, [TEXT]),
        ({"description": ""}, [(EventKind.DESCRIPTION_CHANGED, "P00001", BEFORE, "")]),
        ({"signed": date(2026, 8, 5)}, [DAY]),
        ({"signed": None}, [(EventKind.CORRECTED, "P00001", "signed 2026-06-05", "not stated")]),
        ({"description": AFTER, "signed": date(2026, 8, 5)}, [TEXT, DAY]),
        ({"obligation": Decimal(1)}, [(EventKind.CORRECTED, "P00001", "$2,500.00", "$1.00")]),
        ({"description": BEFORE.lower().replace(" ", "\n ")}, []),
    ],
)
def test_a_changed_action_is_an_event_with_both_values(
    database: Database, facts: Mapping[str, Any], expected: list[Changed]
) -> None:
    assert sorted(changes(database, FIRST, changed(**facts))) == sorted(expected)


def test_entries_of_a_changed_action_name_it(database: Database) -> None:
    state = changed(description=AFTER, signed=date(2026, 8, 5))
    changes(database, FIRST, state)
    events = {event.kind: event for event in load_events(database, state) if event.old_value}
    text, day = events[EventKind.DESCRIPTION_CHANGED], events[EventKind.CORRECTED]
    assert "description changed P00001 2026-11-" in title_for(text)
    assert {Detail("Description before", BEFORE), Detail("Description now", AFTER)} <= set(event_details(text))
    assert "corrected P00001: signed 2026-08-05, was 2026-06-05" in title_for(day)
    assert {Detail("Action before", DAY[2]), Detail("Action now", DAY[3])} <= set(event_details(day))
    assert (text.action and text.action.key, text.amount, day.signed) == (KEY, Decimal("2500.00"), date(2026, 8, 5))


@pytest.mark.parametrize("modified", [None, date(2026, 6, 6)])
def test_a_text_that_changes_to_and_fro_is_published_each_time(database: Database, modified: date | None) -> None:
    first = replace(FIRST, modified=modified)
    other = changed(first, description=AFTER)
    assert sorted(changes(database, first, other, first, other, first)) == [TEXT_BACK, TEXT_BACK, TEXT, TEXT]


def test_a_changed_base_action_is_published_once(database: Database) -> None:
    """USAspending describes an award in the words of its first action."""
    state = replace(changed(number=0, description=AFTER), description=AFTER)
    assert changes(database, FIRST, state) == [(EventKind.DESCRIPTION_CHANGED, "", FIRST.description, AFTER)]


def test_a_base_action_that_comes_late_changes_no_description(database: Database) -> None:
    late = replace(with_actions(FIRST, FIRST.actions[1:]), description=BEFORE)
    assert changes(database, late, FIRST) == []
    assert len(published_ids(database)) == 2


def test_another_source_that_words_an_action_differently_changes_nothing(database: Database) -> None:
    other = replace(changed(description="LICENCES", signed=date(2026, 6, 6)), source="fpds")
    assert changes(database, FIRST, other, FIRST, other) == []
    with database.reading() as session:
        assert [action.description for action in actions_of(session, FIRST.key)][-1] == BEFORE


def test_each_source_is_compared_with_what_it_said_before(database: Database) -> None:
    other = replace(changed(description="LICENCES"), source="fpds")
    assert changes(database, FIRST, other, replace(changed(description="DATA"), source="fpds")) == [
        (EventKind.DESCRIPTION_CHANGED, "P00001", "LICENCES", "DATA")
    ]


def test_a_change_that_another_source_made_before_is_not_repeated(database: Database) -> None:
    state = changed(description=AFTER, signed=date(2026, 8, 5))
    sources = [replace(each, source="fpds") for each in (FIRST, state)]
    assert sorted(changes(database, FIRST, sources[0], state, sources[1])) == sorted([TEXT, DAY])


def test_a_returning_action_is_compared_with_its_last_text(database: Database) -> None:
    without = with_actions(FIRST, FIRST.actions[:1])
    assert changes(database, FIRST, without, FIRST, without, changed(description=AFTER)) == [TEXT]
