"""What is news of an award that a poll sees for the first time: the award, or the modification that it came with.

The order is ICE's of Nuix, as the public record has it; its modification of 2026 has a made-up number.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from feeds.entries.details import Detail, event_details
from feeds.entries.titles import title_for
from sources.records import Award, ContractAction
from storage.database import Database
from storage.models import EventKind, StoredEvent
from storage.search.query import Query
from storage.search.search import find_events
from tests.records import ICE, LATER, LATER_STILL, acted, award, match, with_actions
from tests.storage.database_helpers import load_events, save

SINCE = date(2026, 7, 23)
SERVERS = (
    "IT AND TELECOM - COMPUTE: SERVERS (HARDWARE AND PERPETUAL LICENSE SOFTWARE)",
    "OTHER COMPUTER RELATED SERVICES",
)
NUIX = award(
    "CONT_AWD_70CMSD24FR0000144_7012_HSHQDC12D00012_7001",
    "BLUE TECH INC.",
    ICE,
    SERVERS,
    [("0", "2024-09-10", "429100.00", "NUIX WORKSTATION"), ("P00001", "2024-09-23", "135585.00", "NUIX WORKSTATION")],
)
REDUCED = acted(NUIX, "P00002", "2026-08-03", "-22675.00")
PRODUCT = [
    {
        **{"kind": "product", "field": "description", "text": "NUIX", "term": "Nuix", "start": 0, "end": 4},
        **{"score": 0.9, "action_key": ""},
    }
]


def see(database: Database, seen: Award, since: date | None = SINCE, **when: object) -> list[StoredEvent]:
    """Save an award that concerns Nuix; return what feeds newly carry."""
    before = {event.id for event in published(database)}
    save(database, seen, match(seen, "nuix", signals=PRODUCT), since=since, **when)  # type: ignore[arg-type]
    return [event for event in published(database) if event.id not in before]


def published(database: Database) -> list[StoredEvent]:
    with database.reading() as session:
        return find_events(session, Query(), 100)


def kinds(events: list[StoredEvent]) -> list[tuple[str, str | None]]:
    return [(event.kind.value, str(event.amount) if event.amount is not None else None) for event in events]


def only(*numbers: str) -> Award:
    """Return the award as a source lists it that lists only these actions."""
    return replace(
        with_actions(REDUCED, [action for action in REDUCED.actions if action.modification in numbers]),
        signed=date(2024, 9, 10),
    )


def test_a_modification_of_an_old_award_is_the_news(database: Database) -> None:
    [event] = see(database, REDUCED)
    assert (event.kind, event.amount, event.is_first_sight) == (EventKind.DEOBLIGATED, Decimal("-22675.00"), True)
    title = title_for(event)
    assert "-$22,675" in title.replace("\N{MINUS SIGN}", "-")
    assert title.endswith(", award of 2024 seen for the first time")
    assert "429,100" not in title
    assert Detail("Award", "signed 2024-09-10, seen for the first time") in event_details(event)
    history = [each for each in load_events(database, REDUCED) if each.id != event.id]
    assert [(each.kind, each.is_first_sight) for each in history] == [
        (EventKind.MODIFIED, False),
        (EventKind.NEW_AWARD, False),
    ]
    more = acted(REDUCED, "P00003", "2026-08-10", "5.00")
    assert [(each.amount, each.is_first_sight) for each in see(database, more, now=LATER)] == [(Decimal("5.00"), False)]


@pytest.mark.parametrize(
    ("seen", "since", "news"),
    [
        (REDUCED, date(2024, 9, 10), [("new-award", "429100.00")]),  # begun within the window
        (REDUCED, None, [("new-award", "429100.00")]),  # a backfill
        (NUIX, SINCE, [("new-award", "429100.00")]),  # nothing happened within the window
        (replace(NUIX, modified=date(2026, 8, 3)), SINCE, [("modified", "135585.00")]),  # it was listed late
        (only("0"), SINCE, [("new-award", "429100.00")]),  # nothing but its base action
        (only("P00002"), SINCE, [("de-obligated", "-22675.00")]),
        (replace(only("P00002"), signed=None), SINCE, [("de-obligated", "-22675.00")]),
        (only("P00001"), date(2024, 9, 1), [("modified", "135585.00")]),
        (acted(REDUCED, "P00003", "2026-08-10", "5.00"), SINCE, [("modified", "5.00"), ("de-obligated", "-22675.00")]),
    ],
)
def test_what_is_news_of_an_award_seen_for_the_first_time(
    database: Database, seen: Award, since: date | None, news: list[tuple[str, str]]
) -> None:
    assert kinds(see(database, seen, since)) == news
    assert see(database, seen, since, now=LATER) == []


def test_an_award_without_a_date_says_no_year(database: Database) -> None:
    [event] = see(database, replace(only("P00002"), signed=None))
    assert title_for(event).endswith(", award seen for the first time")


def test_a_stored_award_that_matches_later_is_not_seen_for_the_first_time(database: Database) -> None:
    save(database, NUIX)
    [event] = see(database, REDUCED, now=LATER)
    assert (event.kind, event.is_first_sight) == (EventKind.DEOBLIGATED, False)


def test_the_beginning_that_another_source_adds_to_an_old_award_is_history(database: Database) -> None:
    see(database, replace(only("P00002"), source="samawards", is_partial=True))
    assert see(database, REDUCED, now=LATER) == []
    assert [event.kind for event in load_events(database, REDUCED)].count(EventKind.NEW_AWARD) == 1


@pytest.mark.parametrize("source", ["usaspending", "samawards"])
def test_a_recent_base_action_is_published_when_it_comes(database: Database, source: str) -> None:
    """The replay's case "base": a base action of $581,826.61 was listed after its modification."""
    base = ContractAction(
        key="7014_7001_70B03C26F00000777_0_HSHQDC12D00013_0",
        modification="0",
        signed=date(2026, 8, 1),
        obligation=Decimal("581826.61"),
        description="NUIX LICENSES",
    )
    more = replace(
        base,
        key=base.key.replace("_0_H", "_P00001_H"),
        modification="P00001",
        signed=date(2026, 8, 5),
        obligation=Decimal("0.00"),
        description="NUIX, CHANGE OF COR",
    )
    whole = with_actions(replace(NUIX, description=base.description, signed=base.signed), [base, more])
    first = replace(with_actions(whole, [more]), source=source, is_partial=source != "usaspending")
    [modified] = see(database, replace(first, description=more.description))
    assert (modified.kind, modified.amount, modified.is_first_sight) == (EventKind.MODIFIED, Decimal("0.00"), True)
    [begun] = see(database, whole, now=LATER)
    assert (begun.kind, begun.amount, begun.earlier_actions) == (EventKind.NEW_AWARD, Decimal("581826.61"), 1)
    assert see(database, whole, now=LATER_STILL) == []
