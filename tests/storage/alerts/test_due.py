"""Which events an alert is yet to be sent: each once, also when it was stored late, and what corrects it later."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy.exc import IntegrityError

from storage.alerts.due import events_of_delivery, past_events
from storage.alerts.models import DeliveryState, Subscription
from storage.alerts.subscriptions import move_position
from storage.database import Database
from storage.models import EventKind, record_subject
from storage.schema.tables import EventRow, SubscriptionRow
from storage.writing.reviews import Decision, ReviewDecision, import_decisions
from storage.writing.runs import publish_expiring
from storage.writing.save import save_publication
from tests.records import (
    BABEL,
    CLEARVIEW,
    CLEARVIEW_AT_FIRST,
    CLEARVIEW_FORENSIC,
    EQUIPMENT,
    LATER,
    LATER_STILL,
    SEEN,
    acted,
    match,
)
from tests.sources.fakes import publication
from tests.storage.alerts.helpers import NEW, WITHDRAWN, add, decide, deliver, due, reject
from tests.storage.database_helpers import publish_all, publish_none, save

HOUR = timedelta(hours=1)
OPTION = acted(CLEARVIEW_AT_FIRST, "P00001", "2024-09-12", "-400000.00")


def kinds(found: list[tuple[str, str]]) -> set[str]:
    return {kind for kind, _ in found}


def test_only_what_was_seen_since_it_was_added_is_due(database: Database) -> None:
    save(database, CLEARVIEW_AT_FIRST, match(CLEARVIEW_AT_FIRST), now=SEEN - timedelta(minutes=1))
    alert = add(database)
    assert due(database, alert) == []
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC), now=LATER)
    assert due(database, alert) == [(NEW, CLEARVIEW_FORENSIC.key)]


def test_an_event_is_due_once_for_each_alert(database: Database) -> None:
    first, second = add(database), add(database)
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC), now=LATER)
    deliver(database, first, LATER)
    assert due(database, first) == []
    assert due(database, second) == [(NEW, CLEARVIEW_FORENSIC.key)]


def test_an_event_that_a_long_transaction_stored_late_is_due(database: Database) -> None:
    alert = add(database)
    with database.writing() as session:
        move_position(session, alert.id, LATER)
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC), now=LATER - HOUR / 2)
    save(database, CLEARVIEW_AT_FIRST, match(CLEARVIEW_AT_FIRST), now=LATER - HOUR * 2)
    assert due(database, alert) == [(NEW, CLEARVIEW_FORENSIC.key)]


def test_only_published_events_of_the_search_are_due(database: Database) -> None:
    alert = add(database, "vendor=clearview-ai min_amount=1000000")
    save(database, CLEARVIEW_AT_FIRST, match(CLEARVIEW_AT_FIRST), now=LATER)
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC), now=LATER)
    save(database, BABEL, match(BABEL, "babel-street"), now=LATER)
    assert due(database, alert) == [(NEW, CLEARVIEW_FORENSIC.key)]


def test_what_was_not_published_is_not_due(database: Database) -> None:
    alert = add(database)
    save(database, EQUIPMENT, match(EQUIPMENT, "panamerica"), now=LATER, should_publish=publish_none)
    save(database, BABEL, match(BABEL, "babel-street", "review"), now=LATER)
    assert due(database, alert) == []
    decide(database, BABEL.key, Decision.CONFIRMED, LATER_STILL, "babel-street")
    assert kinds(due(database, alert)) == {NEW}


def test_small_changes_are_left_out_as_in_feeds(database: Database) -> None:
    save(database, CLEARVIEW_AT_FIRST, match(CLEARVIEW_AT_FIRST), now=SEEN - HOUR)
    alert, own = add(database), add(database, "min_change=0")
    small = acted(CLEARVIEW_AT_FIRST, "P00001", "2024-09-12", "0.50")
    save(database, small, match(small), now=LATER)
    assert due(database, alert, Decimal(1)) == []
    assert kinds(due(database, own, Decimal(1))) == {EventKind.MODIFIED}


def test_a_withdrawal_is_due_for_an_alert_that_was_sent_the_award(database: Database) -> None:
    narrow, wide = add(database, "vendor=clearview-ai event=new-award"), add(database)
    unsent, failing = add(database), add(database)
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC), now=SEEN)
    for alert in (narrow, wide):
        deliver(database, alert, SEEN)
    deliver(database, failing, SEEN, DeliveryState.FAILED)
    reject(database, CLEARVIEW_FORENSIC.key, LATER)
    for alert in (narrow, wide):
        assert due(database, alert) == [(WITHDRAWN, CLEARVIEW_FORENSIC.key)]
        deliver(database, alert, LATER)
        assert due(database, alert) == []
    for alert in (unsent, failing):
        assert due(database, alert) == []


def test_a_withdrawal_about_another_vendor_is_not_due(database: Database) -> None:
    about_babel, about_both = add(database, "vendor=babel-street"), add(database)
    save(database, BABEL, match(BABEL, "babel-street"), match(BABEL, "panamerica"), now=SEEN)
    for alert in (about_babel, about_both):
        deliver(database, alert, SEEN)
    reject(database, BABEL.key, LATER, "panamerica")
    assert due(database, about_babel) == []
    assert due(database, about_both) == [(WITHDRAWN, BABEL.key)]


def test_a_first_purchase_that_was_none_is_a_correction_for_its_vendor_only(database: Database) -> None:
    about_babel, about_reseller = add(database, "vendor=babel-street"), add(database, "vendor=panamerica")
    save(database, BABEL, match(BABEL, "babel-street"), match(BABEL, "panamerica"), now=SEEN)
    for alert in (about_babel, about_reseller):
        deliver(database, alert, SEEN)
    kind = EventKind.FIRST_PURCHASE_WITHDRAWN.value
    with database.writing() as session:
        session.add(
            EventRow(
                id="tag:none",
                record_key=BABEL.key,
                action_key="",
                kind=kind,
                vendor_id="panamerica",
                is_published=True,
                first_seen=LATER,
            )
        )
    assert due(database, about_babel) == []
    assert due(database, about_reseller) == [(kind, BABEL.key)]


def test_what_is_withdrawn_before_it_is_sent_is_not_in_the_message(database: Database) -> None:
    alert = add(database, "vendor=clearview-ai")
    for award in (CLEARVIEW_FORENSIC, CLEARVIEW_AT_FIRST):
        save(database, award, match(award), match(award, "face-recognition", is_topic=True), now=LATER)
    message = deliver(database, alert, LATER, DeliveryState.PENDING)
    reject(database, CLEARVIEW_FORENSIC.key, LATER_STILL)
    with database.reading() as session:
        found = events_of_delivery(session, alert, message)
    assert {event.record.key for event in found} == {CLEARVIEW_AT_FIRST.key}


def test_an_alert_follows_an_award_and_what_is_linked_with_it(database: Database) -> None:
    alert = add(database, award_key=CLEARVIEW.key)
    save(database, CLEARVIEW_AT_FIRST, match(CLEARVIEW_AT_FIRST), now=LATER)
    save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC), now=LATER)
    notice = publication("SAM_NOTICE_1", award_key=CLEARVIEW.key)
    with database.writing() as session:
        save_publication(session, notice, [match(notice)], LATER, publish_all)
    assert set(due(database, alert)) == {(NEW, CLEARVIEW.key), (EventKind.NEW_NOTICE, notice.key)}
    with database.reading() as session:
        assert len(past_events(session, alert, SEEN, LATER_STILL, Decimal(0))) == 2
        assert past_events(session, alert, LATER_STILL, LATER_STILL + HOUR, Decimal(0)) == []


def test_the_end_of_a_contract_is_due_for_whoever_follows_it_or_asks_for_ends(database: Database) -> None:
    following, asking = add(database, award_key=CLEARVIEW_FORENSIC.key), add(database, "event=expiring")
    about_vendor = add(database, "vendor=clearview-ai")
    ending = replace(CLEARVIEW_FORENSIC, ends=LATER_STILL.date() + timedelta(days=30))
    save(database, ending, match(ending), now=LATER)
    with database.writing() as session:
        assert publish_expiring(session, LATER_STILL) == 1
    end, new = (EventKind.EXPIRING.value, ending.key), (NEW, ending.key)
    assert (due(database, following), due(database, asking), due(database, about_vendor)) == ([end, new], [end], [new])
    for alert, expected in ((following, [end[0], NEW]), (asking, [end[0]])):
        message = deliver(database, alert, LATER_STILL, DeliveryState.PENDING)
        with database.reading() as session:
            assert [event.kind for event in events_of_delivery(session, alert, message)] == expected
    reject(database, ending.key, LATER_STILL + HOUR)
    with database.reading() as session:
        assert events_of_delivery(session, asking, message) == []


def test_an_alert_follows_an_award_that_gets_another_number(database: Database) -> None:
    save(database, CLEARVIEW_AT_FIRST, match(CLEARVIEW_AT_FIRST), now=SEEN - HOUR)
    alert = add(database, award_key=CLEARVIEW.key)
    key = CLEARVIEW.key.replace("-NONE-_-NONE-", "GS35F_4730")
    renumbered = replace(CLEARVIEW_AT_FIRST, key=key, replaces=CLEARVIEW.key)
    save(database, renumbered, match(renumbered), now=LATER)
    assert due(database, alert) == [(EventKind.RENUMBERED, key)]


def test_secrets_are_in_no_representation_and_no_error(database: Database) -> None:
    alert: Subscription = add(database)
    with pytest.raises(IntegrityError) as failure, database.writing() as session:
        session.add(SubscriptionRow(**{**asdict(alert), "channel": "webhook", "rhythm": "daily"}))
    for text in (repr(alert), str(failure.value)):
        assert alert.secret not in text
        assert "example.org" not in text


def test_a_decision_that_was_made_elsewhere_long_ago_is_news_now(database: Database) -> None:
    save(database, BABEL, match(BABEL, "babel-street", "review"), now=SEEN)
    alert = add(database, now=LATER)
    with database.writing() as session:
        import_decisions(
            session,
            [
                ReviewDecision(
                    vendor_id="babel-street",
                    subject=record_subject(BABEL.key),
                    decision=Decision.CONFIRMED,
                    decided_by="a colleague",
                    note="",
                    decided_at=SEEN - HOUR * 500,
                )
            ],
        )
    assert kinds(due(database, alert)) == {NEW}
