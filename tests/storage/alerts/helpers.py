"""What the tests of alerts share: adding one, and looking at what it is yet to be sent."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from storage.alerts.deliveries import begin_attempt, end_attempt, queue_delivery
from storage.alerts.due import due_events
from storage.alerts.models import ChannelKind, DeliveryState, Rhythm, Subscription
from storage.alerts.subscriptions import add_subscription, load_subscription, move_position
from storage.database import Database
from storage.models import EventKind, record_subject
from storage.schema.tables import EventRow
from storage.search.query import read_query
from storage.writing.reviews import Decision, ReviewDecision, save_decision
from tests.records import SEEN


def add(
    database: Database, query: str = "", *, now: datetime = SEEN, award_key: str = "", rhythm: Rhythm = Rhythm.AT_ONCE
) -> Subscription:
    """Add an alert about a search (`vendor=nuix event=new-award`) or an award."""
    params = dict(pair.split("=") for pair in query.split())
    with database.writing() as session:
        return add_subscription(
            session,
            channel=ChannelKind.WEBHOOK,
            address="https://example.org/hook",
            rhythm=rhythm,
            now=now,
            query=None if award_key else read_query(params),
            award_key=award_key,
        )


def due(database: Database, alert: Subscription, min_change: Decimal = Decimal(0)) -> list[tuple[str, str]]:
    """Return the kind and the record of what an alert is yet to be sent, newest first."""
    with database.reading() as session:
        present = load_subscription(session, alert.id)
        assert present is not None
        rows = [session.get_one(EventRow, event_id) for event_id in due_events(session, present, min_change)]
        return [(row.kind, row.record_key) for row in rows]


def deliver(database: Database, alert: Subscription, now: datetime, state: DeliveryState = DeliveryState.SENT) -> int:
    """Store a message with everything that is due, and note how it ended; return its number."""
    with database.writing() as session:
        present = load_subscription(session, alert.id)
        assert present is not None
        found = due_events(session, present, Decimal(0))
        queued = queue_delivery(session, alert.id, found, since=present.position, until=now, now=now)
        move_position(session, alert.id, now)
        begin_attempt(session, queued.id, now)
        end_attempt(session, queued.id, state)
        return queued.id


def reject(database: Database, record_key: str, now: datetime, vendor_id: str = "clearview-ai") -> None:
    """Withdraw a match."""
    decide(database, record_key, Decision.REJECTED, now, vendor_id)


def decide(database: Database, record_key: str, decision: Decision, now: datetime, vendor_id: str) -> None:
    """Save a review decision about one record."""
    with database.writing() as session:
        save_decision(
            session,
            ReviewDecision(
                vendor_id=vendor_id,
                subject=record_subject(record_key),
                decision=decision,
                decided_by="me",
                note="",
                decided_at=now,
            ),
        )


NEW, WITHDRAWN = EventKind.NEW_AWARD.value, EventKind.WITHDRAWN.value
