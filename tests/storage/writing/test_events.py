"""What happened to an award: each change gives exactly its event, once, under an id that never changes."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from sources.records import Amount, AmountMeaning, Award, ContractAction
from storage.database import Database
from storage.models import EventKind, record_subject
from storage.reading.events import events_of
from storage.schema.tables import EventRow
from storage.search.query import Query
from storage.search.search import find_events
from storage.writing.changes import TAG, event_id
from storage.writing.reviews import Decision, ReviewDecision, save_decision
from storage.writing.save import save_publication
from tests.records import (
    BABEL,
    CLEARVIEW,
    CLEARVIEW_AT_FIRST,
    COURT_REPORTER,
    LATER,
    LATER_STILL,
    SEEN,
    acted,
    match,
    with_actions,
)
from tests.sources.fakes import announcement
from tests.storage.database_helpers import load_events, publish_all, publish_none, published_ids, save

KEY = "CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-"
NEW = f"{TAG}{KEY}/award/new-award"
LICENSES = replace(CLEARVIEW_AT_FIRST, ends=date(2022, 9, 4))


@dataclass(frozen=True)
class Entry:
    """The fields of a feed entry."""

    kind: EventKind
    amount: str | None = None
    modification: str = ""
    before: str = ""
    after: str = ""


def begin(database: Database, award: Award = LICENSES) -> None:
    """Store an award that concerns Clearview AI; feeds carry it."""
    save(database, award, match(award))
    assert [event.kind for event in load_events(database, award)][-1] is EventKind.NEW_AWARD


def news(database: Database, award: Award) -> list[Entry]:
    """Save what the source says a day later; return what feeds newly carry, which must be all that is new."""
    before = {event.id for event in load_events(database, award)}
    published = published_ids(database)
    saved = save(database, award, match(award), now=LATER)
    fresh = [event for event in load_events(database, award) if event.id not in before]
    assert {event.id for event in fresh} == published_ids(database) - published
    assert saved.events == len(fresh)
    assert saved.changed
    assert not saved.new
    assert all(event.first_seen == LATER for event in fresh)
    return [
        Entry(
            event.kind,
            str(event.amount) if event.amount is not None else None,
            event.action.modification if event.action else "",
            event.old_value,
            event.new_value,
        )
        for event in fresh
    ]


def test_a_new_award_is_one_entry(database: Database) -> None:
    saved = save(database, CLEARVIEW, match(CLEARVIEW))
    assert (saved.new, saved.matched, saved.events) == (True, True, 5)
    assert published_ids(database) == {NEW}
    first, *later = sorted(load_events(database, CLEARVIEW), key=lambda event: event.signed or date.min)
    assert (first.kind, first.amount, first.signed) == (EventKind.NEW_AWARD, Decimal("500000.00"), date(2021, 9, 3))
    assert first.earlier_actions == 4
    assert first.action is not None
    assert first.action.modification == "0"
    assert [(event.kind, event.earlier_actions) for event in later] == [(EventKind.MODIFIED, 0)] * 4
    assert [str(event.amount) for event in later] == ["0.00", "500000.00", "500000.00", "787500.00"]


@pytest.mark.parametrize(
    ("action_type", "obligation", "kind"),
    [
        ("", "787500.00", EventKind.MODIFIED),
        ("C", "0.00", EventKind.MODIFIED),
        ("M", "-939.00", EventKind.DEOBLIGATED),
        ("G", "500000.00", EventKind.OPTION_EXERCISED),
        ("E", "-0.01", EventKind.TERMINATED),
        ("F", "-2680.00", EventKind.TERMINATED),
        ("N", "-2680.00", EventKind.TERMINATED),
        ("X", "-2680.00", EventKind.TERMINATED),
    ],
)
def test_an_action_has_its_event_kind(database: Database, action_type: str, obligation: str, kind: EventKind) -> None:
    begin(database)
    assert news(database, acted(LICENSES, "P00001", "2021-11-29", obligation, action_type=action_type)) == [
        Entry(kind, obligation, "P00001")
    ]


LATE = [  # when signed, action type, the words of its entry; the award's latest action is of 2023-09-12
    ("2023-08-11", "M", EventKind.MODIFIED),
    ("2023-09-12", "M", EventKind.MODIFIED),
    ("2021-09-03", "C", EventKind.MODIFIED),
    ("2023-08-11", "F", EventKind.TERMINATED),
    ("2023-09-12", "E", EventKind.TERMINATED),
]


@pytest.mark.parametrize(("signed", "action_type", "kind"), LATE)
@pytest.mark.parametrize("modified", [None, date(2023, 9, 13)])
def test_a_late_modification_without_money_is_published_once(
    database: Database, signed: str, action_type: str, kind: EventKind, modified: date | None
) -> None:
    stored = replace(CLEARVIEW, modified=modified)
    begin(database, stored)
    late = acted(
        stored, "P00009", signed, "0.00", action_type=action_type, action_type_text="OTHER ADMINISTRATIVE ACTION"
    )
    assert news(database, late) == [Entry(kind, "0.00", "P00009")]
    event = next(event for event in load_events(database, late) if event.first_seen == LATER)
    assert event.action is not None
    assert event.action.action_type_text == "OTHER ADMINISTRATIVE ACTION"
    again = save(database, late, match(late), now=LATER_STILL)
    assert (again.events, again.changed) == (0, False)


def test_two_opposite_actions_of_a_day_are_two_events(database: Database) -> None:
    begin(database)
    paired = acted(acted(LICENSES, "P00001", "2021-11-29", "100.00"), "P00002", "2021-11-29", "-100.00")
    assert paired.obligated == LICENSES.obligated
    assert sorted(news(database, paired), key=lambda published: published.modification) == [
        Entry(EventKind.MODIFIED, "100.00", "P00001"),
        Entry(EventKind.DEOBLIGATED, "-100.00", "P00002"),
    ]


def partial_award(source: str, award: Award, *actions: ContractAction) -> Award:
    """Return an award of a source that lists only these actions."""
    return replace(with_actions(award, actions), source=source, is_partial=True, modified=None)


def test_older_actions_of_another_source_are_not_published(database: Database) -> None:
    begin(database, with_actions(CLEARVIEW, [*CLEARVIEW.actions[:2], *CLEARVIEW.actions[3:]]))
    published = published_ids(database)
    further = partial_award("fpds", CLEARVIEW, CLEARVIEW.actions[2])
    assert save(database, further, match(further), now=LATER).events == 1
    assert published_ids(database) == published


@pytest.mark.parametrize("signed", ["2023-09-12", "2023-10-01", "2026-11-20"])
def test_newer_actions_of_another_source_are_published(database: Database, signed: str) -> None:
    """Of the day of the latest action, later, or of the time since the award was first seen (SEEN)."""
    stored = acted(CLEARVIEW, "P00006", "2027-01-01", "1.00") if signed > "2026" else CLEARVIEW
    begin(database, stored)
    more = acted(stored, "P00009", signed, "0.00")
    further = partial_award("fpds", stored, next(action for action in more.actions if action.modification == "P00009"))
    assert news(database, further) == [Entry(EventKind.MODIFIED, "0.00", "P00009")]
    assert save(database, more, match(more), now=LATER_STILL).events == 0, "what two sources list is published once"


def test_an_unpublished_action_is_published_when_the_first_source_lists_it(database: Database) -> None:
    begin(database, CLEARVIEW)
    late = acted(CLEARVIEW, "P00009", "2023-08-11", "0.00", action_type="F")
    action = next(action for action in late.actions if action.modification == "P00009")
    further = partial_award("fpds", CLEARVIEW, action)
    save(database, further, match(further), now=LATER)
    assert published_ids(database) == {NEW}
    assert save(database, late, match(late), now=LATER_STILL).events == 0, "the event is stored, unpublished"
    assert [identifier for identifier in published_ids(database) if identifier.endswith("/terminated")]
    published = published_ids(database)
    save(database, CLEARVIEW, match(CLEARVIEW), now=LATER_STILL)
    save(database, late, match(late), now=LATER_STILL)
    assert published_ids(database) == published


def test_actions_before_the_first_sight_stay_unpublished(database: Database) -> None:
    first = partial_award("fpds", CLEARVIEW, *CLEARVIEW.actions[2:])
    save(database, first, match(first))
    without = with_actions(CLEARVIEW, [*CLEARVIEW.actions[:2], *CLEARVIEW.actions[3:]])
    save(database, without, match(without), now=LATER)
    published = published_ids(database)
    assert save(database, CLEARVIEW, match(CLEARVIEW), now=LATER_STILL).events == 0
    assert published_ids(database) == published


BASE = CLEARVIEW.actions[0]
WITHOUT_BASE = replace(with_actions(CLEARVIEW, CLEARVIEW.actions[1:]), signed=date(2021, 9, 3))
BASE_EVENT = Entry(EventKind.NEW_AWARD, "500000.00", "0")


@pytest.mark.parametrize("source", ["usaspending", "fpds"])
def test_a_late_base_action_is_published_with_its_amount(database: Database, source: str) -> None:
    begin(database, WITHOUT_BASE)
    assert load_events(database, WITHOUT_BASE)[-1].amount is None
    whole = replace(CLEARVIEW, source=source)
    assert news(database, whole) == [BASE_EVENT]
    again = save(database, whole, match(whole), now=LATER_STILL)
    assert (again.events, again.changed) == (0, False)
    base = next(event for event in load_events(database, CLEARVIEW) if event.first_seen == LATER)
    assert (base.signed, base.earlier_actions) == (date(2021, 9, 3), 4)


def test_a_base_action_of_an_unpublished_award_is_not_published(database: Database) -> None:
    save(database, WITHOUT_BASE, match(WITHOUT_BASE), should_publish=publish_none)
    further = partial_award("fpds", CLEARVIEW, BASE)
    assert save(database, further, match(further), now=LATER).events == 1
    assert published_ids(database) == set()


def test_a_confirmed_award_is_published_with_its_current_facts(database: Database) -> None:
    save(database, WITHOUT_BASE, match(WITHOUT_BASE, band="review"))
    save(database, CLEARVIEW, match(CLEARVIEW, band="review"), now=LATER)
    with database.writing() as session:
        subject, decision = record_subject(CLEARVIEW.key), Decision.CONFIRMED
        verdict = ReviewDecision(
            vendor_id="clearview-ai",
            subject=subject,
            decision=decision,
            decided_by="me",
            note="",
            decided_at=LATER_STILL,
        )
        save_decision(session, verdict)
    begun = next(event for event in load_events(database, CLEARVIEW) if event.id == NEW)
    assert (begun.amount, begun.action and begun.action.key) == (Decimal("500000.00"), BASE.key)
    assert published_ids(database) == {NEW, *(part.id for part in begun.milestones)}
    assert save(database, CLEARVIEW, match(CLEARVIEW), now=LATER_STILL).events == 0


def test_a_returning_action_is_published_only_if_changed(database: Database) -> None:
    begin(database, CLEARVIEW)
    without = with_actions(CLEARVIEW, [*CLEARVIEW.actions[:2], *CLEARVIEW.actions[3:]])
    save(database, without, match(without), now=LATER)
    assert save(database, CLEARVIEW, match(CLEARVIEW), now=LATER).events == 0
    save(database, without, match(without), now=LATER)
    changed = with_actions(
        CLEARVIEW, [*without.actions, replace(CLEARVIEW.actions[2], obligation=Decimal("400000.00"))]
    )
    assert news(database, changed) == [
        Entry(EventKind.CORRECTED, "400000.00", "P00002", "$500,000.00", "$400,000.00"),
    ]


def test_a_termination_deobligates(database: Database) -> None:
    before, after = with_actions(COURT_REPORTER, COURT_REPORTER.actions[:1]), COURT_REPORTER
    begin(database, before)
    assert news(database, after) == [Entry(EventKind.DEOBLIGATED, "-2680.00", "P00001")]
    assert {event.record.obligated for event in load_events(database, after)} == {Decimal("0.00")}


def test_a_late_action_is_published_when_first_seen(database: Database) -> None:
    later = with_actions(CLEARVIEW, [*CLEARVIEW.actions[:2], *CLEARVIEW.actions[3:]])
    begin(database, later)
    assert news(database, CLEARVIEW) == [Entry(EventKind.MODIFIED, "500000.00", "P00002")]
    late = next(event for event in load_events(database, CLEARVIEW) if event.first_seen == LATER)
    assert late.signed == date(2022, 6, 29)


def test_several_changes_at_once_are_separate_events(database: Database) -> None:
    begin(database)
    option = acted(LICENSES, "P00003", "2022-09-06", "500000.00", action_type="G")
    renamed = replace(
        option, recipient=replace(option.recipient, name="CLEARVIEW HOLDINGS, INC."), ends=date(2023, 9, 4)
    )
    assert sorted(published.kind for published in news(database, renamed)) == [
        "extended",
        "option-exercised",
        "recipient-changed",
    ]


@pytest.mark.parametrize(
    ("was", "amount", "shown"), [("500000.00", "450000.50", "$450,000.50"), ("1.00", "-2.50", "-$2.50")]
)
def test_a_changed_amount_is_a_correction(database: Database, was: str, amount: str, shown: str) -> None:
    base = LICENSES.actions[0]
    begin(database, with_actions(LICENSES, [replace(base, obligation=Decimal(was))]))
    corrected = with_actions(LICENSES, [replace(base, obligation=Decimal(amount))])
    assert news(database, corrected) == [
        Entry(EventKind.CORRECTED, amount, "0", f"${Decimal(was):,.2f}", shown),
    ]


def after_each(database: Database, *states: Award) -> list[str]:
    """Save what the source says, state after state; return the published changes, sorted."""
    begin(database, states[0])
    for state in states[1:]:
        for _ in range(2):
            save(database, state, match(state), now=LATER)
    published = [event for event in load_events(database, states[0]) if event.old_value or event.new_value]
    assert {event.id for event in published} <= published_ids(database)
    return sorted(f"{event.old_value} -> {event.new_value}" for event in published)


def test_a_value_that_changes_back_is_published_each_time(database: Database) -> None:
    """Though USAspending's last-modified date need not move: it is that of the action with the latest action date."""
    first = replace(LICENSES, modified=date(2021, 9, 4))
    other = replace(first, recipient=replace(first.recipient, name="CLEARVIEW HOLDINGS, INC."))
    there, back = "CLEARVIEW AI, INC. -> CLEARVIEW HOLDINGS, INC.", "CLEARVIEW HOLDINGS, INC. -> CLEARVIEW AI, INC."
    assert after_each(database, first, other, first, other, first, other) == [there, there, there, back, back]
    ids = {identifier for identifier in published_ids(database) if "recipient-changed" in identifier}
    assert sorted(identifier.partition("recipient-changed/")[2][12:] for identifier in ids) == [
        *("", "", "/2", "/2", "/3"),
    ]


def test_a_change_published_for_one_source_is_not_repeated_for_another(database: Database) -> None:
    begin(database, replace(LICENSES, ceiling=Decimal("500000.00"), modified=date(2021, 9, 4)))
    renamed = replace(
        LICENSES,
        ceiling=Decimal("900000.00"),
        modified=date(2021, 9, 4),
        recipient=replace(LICENSES.recipient, name="CLEARVIEW HOLDINGS, INC."),
        actions=(replace(LICENSES.actions[0], obligation=Decimal(1)),),
    )
    before = replace(LICENSES, source="fpds", ceiling=Decimal("500000.00"), modified=date(2021, 9, 4))
    save(database, before, match(before), now=LATER)
    assert save(database, replace(renamed, source="fpds"), match(renamed), now=LATER).events == 3
    assert save(database, renamed, match(renamed), now=LATER_STILL).events == 0


BASE_ACTION = LICENSES.actions[0]
HOLDINGS = "CLEARVIEW HOLDINGS, INC."
DESCRIBED = "CLEARVIEW LICENSES, 500 USERS"


@pytest.mark.parametrize(
    ("before", "after", "entries"),
    [
        ({}, {"ends": date(2023, 9, 4)}, [Entry(EventKind.EXTENDED, before="2022-09-04", after="2023-09-04")]),
        ({}, {"ends": date(9999, 12, 31)}, []),  # a placeholder
        ({"ends": date(2023, 9, 4)}, {}, []),
        ({"ends": None}, {}, []),
        (
            {},
            {"recipient": replace(LICENSES.recipient, name=HOLDINGS)},
            [Entry(EventKind.RECIPIENT_CHANGED, before="CLEARVIEW AI, INC.", after=HOLDINGS)],
        ),
        (
            {},
            {"description": DESCRIBED},
            [Entry(EventKind.DESCRIPTION_CHANGED, before=LICENSES.description, after=DESCRIBED)],
        ),
        # Spaces and case are no change.
        ({}, {"recipient": replace(LICENSES.recipient, name="Clearview  AI, Inc. ")}, []),
        ({}, {"description": LICENSES.description.lower().replace(" ", "\n")}, []),
        (
            {"actions": (replace(BASE_ACTION, obligation=None),)},
            {},
            [Entry(EventKind.CORRECTED, "500000.00", "0", "not stated", "$500,000.00")],
        ),
    ],
)
def test_a_changed_field_has_both_values(
    database: Database, before: dict[str, Any], after: dict[str, Any], entries: list[Entry]
) -> None:
    begin(database, replace(LICENSES, **before))
    assert news(database, replace(LICENSES, **after)) == entries


def test_a_changed_field_has_the_date_of_the_latest_action(database: Database) -> None:
    longer = acted(CLEARVIEW, "P00009", "2023-10-01", "1.00")
    begin(database, replace(longer, ends=date(2029, 9, 4)))
    save(database, replace(longer, ends=date(2030, 9, 4)), match(longer), now=LATER)
    extended = next(event for event in load_events(database, longer) if event.kind is EventKind.EXTENDED)
    assert extended.signed == date(2023, 10, 1)


@pytest.mark.parametrize(("shared", "amount"), [((False, False), 5), ((True, False), 7), ((True, True), None)])
def test_an_announcement_has_the_first_amount_that_awardees_do_not_share(
    database: Database, shared: tuple[bool, bool], amount: int | None
) -> None:
    amounts = tuple(
        Amount(meaning=AmountMeaning.ANNOUNCED, dollars=Decimal(dollars), shared=is_shared)
        for dollars, is_shared in zip((5, 7), shared, strict=True)
    )
    record = announcement("DOD_1_1_1", "W9124C26C0001", amounts=amounts)
    with database.writing() as session:
        save_publication(session, record, [match(record)], SEEN, publish_all)
    [event] = load_events(database, record)
    assert event.amount == (None if amount is None else Decimal(amount))


def test_an_older_action_alone_changes_no_field(database: Database) -> None:
    begin(database, replace(LICENSES, is_partial=True))
    longer = replace(acted(LICENSES, "P1", "2022-03-04", "0.00"), is_partial=True, ends=date(2023, 9, 4))
    assert [entry.kind for entry in news(database, longer)] == [EventKind.MODIFIED, EventKind.EXTENDED]
    published = published_ids(database)
    save(database, replace(longer, actions=longer.actions[:1], ends=date(2024, 9, 4)), match(longer), now=LATER_STILL)
    assert published_ids(database) == published


LOW = replace(LICENSES, ceiling=Decimal("500000.00"), modified=date(2021, 9, 4))
LESS = with_actions(LICENSES, [replace(BASE_ACTION, obligation=Decimal(1))])


@pytest.mark.parametrize(
    ("first", "other", "changes"),
    [
        (LICENSES, LESS, ["$1.00 -> $500,000.00", *["$500,000.00 -> $1.00"] * 2]),
        (LOW, replace(LOW, ceiling=Decimal("900000.00")), ["$500,000.00 -> $900,000.00"] * 2),
    ],
    ids=["amount", "ceiling"],
)
def test_a_change_that_is_repeated_is_published_each_time(
    database: Database, first: Award, other: Award, changes: list[str]
) -> None:
    assert after_each(database, first, other, first, other) == changes


@pytest.mark.parametrize(
    ("uei", "kind"),
    [
        ("XD4CRB8GFKZ4", EventKind.RECIPIENT_CHANGED),
        ("XD4CRB8GFKZ5", EventKind.RECIPIENT_RENAMED),
        ("XD4CRB8GFKZ6", EventKind.RECIPIENT_CHANGED),
    ],
)
def test_only_the_same_uei_is_the_same_recipient(database: Database, uei: str, kind: EventKind) -> None:
    known = replace(LICENSES, recipient=replace(LICENSES.recipient, uei="XD4CRB8GFKZ5"))
    begin(database, known)
    recipient = replace(known.recipient, name="CLEARVIEW HOLDINGS, INC.", uei=uei)
    assert [published.kind for published in news(database, replace(known, recipient=recipient))] == [kind]


def test_fields_without_events_are_updated(database: Database) -> None:
    begin(database)
    assert news(database, replace(LICENSES, psc="7A21", ceiling=Decimal("2287500.00"))) == []
    award = load_events(database, LICENSES)[0].record
    assert (award.psc, award.ceiling, award.last_changed, award.first_seen) == (
        "7A21",
        Decimal("2287500.00"),
        LATER,
        SEEN,
    )


def test_an_action_missing_from_its_source_is_kept(database: Database) -> None:
    begin(database, CLEARVIEW)
    assert news(database, CLEARVIEW_AT_FIRST) == []
    assert len([event for event in load_events(database, CLEARVIEW) if event.action]) == 5


def test_unpublished_events_are_stored(database: Database) -> None:
    begin(database)
    saved = save(database, CLEARVIEW, match(CLEARVIEW), now=LATER, should_publish=publish_none)
    assert saved.events == 4
    assert published_ids(database) == {NEW}


def test_should_publish_receives_the_published_vendors(database: Database) -> None:
    asked: list[tuple[str, ...]] = []

    def should_publish(vendors: object) -> bool:
        assert isinstance(vendors, list)
        asked.append(tuple(vendors))
        return True

    rows = [match(BABEL, "panamerica"), match(BABEL, "babel-street"), match(BABEL, "clearview-ai", band="review")]
    save(database, BABEL, *rows, should_publish=should_publish)
    assert asked == [("babel-street", "panamerica")]


def test_a_match_pending_review_publishes_nothing(database: Database) -> None:
    save(database, CLEARVIEW_AT_FIRST, match(CLEARVIEW_AT_FIRST, band="review"))
    save(database, CLEARVIEW, match(CLEARVIEW, band="review"), now=LATER)
    assert published_ids(database) == set()
    save(database, CLEARVIEW, match(CLEARVIEW), now=LATER_STILL)
    assert published_ids(database) == {NEW}
    published = next(event for event in load_events(database, CLEARVIEW) if event.id == NEW)
    assert published.first_seen == LATER_STILL
    saved = save(database, CLEARVIEW, match(CLEARVIEW), now=LATER_STILL)
    assert (saved.events, saved.changed, published_ids(database)) == (0, False, {NEW})


def test_rejected_matches_are_not_pending_review(database: Database) -> None:
    save(database, CLEARVIEW, match(CLEARVIEW, band="rejected"))
    with database.reading() as session:
        assert not any(row.pending_review or row.is_published for row in session.scalars(select(EventRow)))


def test_an_unmatched_award_has_no_events(database: Database) -> None:
    save(database, CLEARVIEW_AT_FIRST)
    saved = save(database, CLEARVIEW, now=LATER)
    assert (saved.matched, saved.events, load_events(database, CLEARVIEW)) == (False, 0, [])
    save(database, CLEARVIEW, match(CLEARVIEW), now=LATER_STILL)
    assert published_ids(database) == {NEW}
    assert {event.first_seen for event in load_events(database, CLEARVIEW)} == {LATER_STILL}


def test_a_stored_match_publishes_later_events(database: Database) -> None:
    begin(database)
    more = acted(LICENSES, "P00001", "2021-11-29", "0.00")
    assert save(database, more, now=LATER).matched
    assert len(published_ids(database)) == 2


def test_event_ids_are_stable(database: Database) -> None:
    begin(database)
    option = acted(LICENSES, "P00003", "2022-09-06", "500000.00", action_type="G")
    save(database, option, match(option), now=LATER)
    moved = replace(option, ends=date(2023, 9, 4))
    save(database, moved, match(moved), now=LATER_STILL)
    described = replace(moved, description="LICENSES", modified=date(2022, 9, 7))
    save(database, described, match(described), now=LATER_STILL)
    with database.reading() as session:
        found = {row.kind: row.id for row in session.scalars(select(EventRow))}
    # Written down: a reader's program has stored them.
    assert found == {
        "new-award": "tag:procurewatch,2026:CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-/award/new-award",
        "option-exercised": "tag:procurewatch,2026:CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-"
        "/7012_-NONE-_70CMSD21P00000127_P00003_-NONE-_0/option-exercised",
        "extended": "tag:procurewatch,2026:CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-/award/extended/aa7a64258efc",
        "description-changed": "tag:procurewatch,2026:CONT_AWD_70CMSD21P00000127_7012_-NONE-_-NONE-"
        "/award/description-changed/4f227a20a32b",
    }


def test_an_event_id_is_a_tag_uri() -> None:
    identifier = event_id('CONT_AWD_A/B C_"<é>_-NONE-_-NONE-', "A/B#?", EventKind.CORRECTED, "$1.00", "$2.00")
    assert re.fullmatch(r"tag:procurewatch,2026:[A-Za-z0-9%_.~-]+/[A-Za-z0-9%_.~-]+/corrected/[0-9a-f]{12}", identifier)
    assert identifier != event_id('CONT_AWD_A/B C_"<é>_-NONE-_-NONE-', "A/B#?", EventKind.CORRECTED, "$1.00$", "2.00")


def test_a_correction_is_an_announcement_for_another_vendor(database: Database) -> None:
    wrong = announcement("DOD_1_1_1", "W9124C26C0001")
    right = announcement("DOD_2_1_1", "W9124C26C0001", corrects="CORRECTION: the recipient is Babel Street.")
    with database.writing() as session:
        save_publication(session, wrong, [match(wrong)], SEEN, publish_all)
        save_publication(session, right, [match(right, "babel-street")], LATER, publish_all)
    with database.reading() as session:
        kinds = {key: {event.kind for event in events_of(session, key)} for key in (wrong.key, right.key)}
        published = find_events(session, Query(vendor=("babel-street",)), 10)
    assert kinds[wrong.key] == {EventKind.ANNOUNCED, EventKind.CORRECTED}
    assert [(event.kind, event.record.key) for event in published] == [(EventKind.ANNOUNCED, right.key)]


def test_the_id_of_a_change_holds_the_last_modified_date(database: Database) -> None:
    """If a text becomes B, A and B again, the second B is another event, with the same id in every installation."""
    begin(database, replace(LICENSES, description="A"))
    for month, text in ((1, "B"), (2, "A"), (3, "B")):
        changed = replace(LICENSES, description=text, modified=date(2024, month, 1))
        save(database, changed, match(changed), now=LATER)
    kind = EventKind.DESCRIPTION_CHANGED
    assert published_ids(database) == {
        NEW,
        event_id(KEY, "", kind, "A", "B", "2024-01-01"),
        event_id(KEY, "", kind, "B", "A", "2024-02-01"),
        event_id(KEY, "", kind, "A", "B", "2024-03-01"),
    }


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_correction_applies_to_the_latest_announcement(database: Database, order: tuple[int, ...]) -> None:
    announcements = [
        announcement("DOD_1_1_1", "W9124C26C0001", published=date(2026, 1, 5)),
        announcement("DOD_2_1_1", "W9124C26C0001", published=date(2026, 2, 5)),
        announcement("DOD_3_1_1", "W9124C26C0001", published=date(2026, 2, 6), corrects="CORRECTION: the amount."),
    ]
    with database.writing() as session:
        for number in order:
            save_publication(session, announcements[number], [match(announcements[number])], SEEN, publish_all)
    with database.reading() as session:
        kinds = {each.key: {event.kind for event in events_of(session, each.key)} for each in announcements}
    assert EventKind.CORRECTED in kinds["DOD_2_1_1"]
    assert EventKind.CORRECTED not in kinds["DOD_1_1_1"]


def test_events_of_a_rejected_match_stay_unpublished(database: Database) -> None:
    save(database, LICENSES, match(LICENSES, band="rejected"))
    option = acted(LICENSES, "P00003", "2022-09-06", "500000.00", action_type="G")
    save(database, option, match(option, band="rejected"), now=LATER)
    with database.writing() as session:
        subject = record_subject(CLEARVIEW.key)
        confirmed = ReviewDecision(
            vendor_id="clearview-ai", subject=subject, decision=Decision.CONFIRMED, decided_by="me", note="",
            decided_at=LATER_STILL,
        )  # fmt: skip
        assert save_decision(session, confirmed) == 0
    assert published_ids(database) == set()
