"""Which events a subscription is yet to be sent.

An event is due once: the first time that a message of the subscription can say it. A long transaction may store an
event some time after it was first seen, so the period that was looked at before is looked at again for `GRACE`, without
the events that were sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.alerts.models import DeliveryState, Subscription
from storage.models import MILESTONES, EventKind, StoredEvent
from storage.reading.events import load_events
from storage.schema.tables import AlertedEventRow, DeliveryRow, EventRow, LinkRow, RenumberedRow
from storage.search.filters import withdrawn_filter
from storage.search.query import Query
from storage.search.search import dialect_of, event_conditions, feed_order

GRACE = timedelta(hours=1)
# What withdraws an earlier event: news only to somebody who was sent that event.
WITHDRAWALS = (EventKind.WITHDRAWN, EventKind.FIRST_PURCHASE_WITHDRAWN)
# What corrects earlier events: news to everybody who was sent one of them, whatever else they search for.
CORRECTIONS = (EventKind.CORRECTED, EventKind.DELETED, EventKind.RENUMBERED, EventKind.NOTICE_WITHDRAWN)
# What may be an entry: also what only those searches find that name it, such as the end of a contract.
ENTRIES = tuple(kind for kind in EventKind if kind not in MILESTONES)


def due_events(session: Session, subscription: Subscription, min_change: Decimal) -> list[str]:
    """Return the ids of the events that a subscription is yet to be sent, in the order of feeds.

    `min_change` is that of feeds, for searches that do not have their own.
    """
    since = max(subscription.position - GRACE, subscription.begins)
    sent = exists().where(
        col(AlertedEventRow.subscription_id) == subscription.id, col(AlertedEventRow.event_id) == col(EventRow.id)
    )
    wanted = or_(
        and_(*_of_subscription(session, subscription, min_change), col(EventRow.kind).not_in(WITHDRAWALS)),
        and_(_is_about_what_was_sent(subscription.id), *_corrections(session, subscription)),
    )
    published = (col(EventRow.is_published).is_(True), col(EventRow.part_of) == "")
    query = select(col(EventRow.id)).where(*published, col(EventRow.first_seen) >= since, wanted, ~sent)
    return list(session.scalars(query.order_by(*feed_order(dialect_of(session)))))


def past_events(
    session: Session, subscription: Subscription, since: datetime, until: datetime, min_change: Decimal
) -> list[StoredEvent]:
    """Return the events that a subscription would have been sent of a period, in the order of feeds."""
    seen = col(EventRow.first_seen)
    query = select(EventRow).where(*_of_subscription(session, subscription, min_change), seen >= since, seen < until)
    return load_events(
        session, query.where(col(EventRow.kind).not_in(WITHDRAWALS)).order_by(*feed_order(dialect_of(session)))
    )


def newest_events(session: Session, subscription: Subscription, min_change: Decimal, limit: int) -> list[StoredEvent]:
    """Return the newest events of a subscription's search or award, sent or not."""
    query = select(EventRow).where(*_of_subscription(session, subscription, min_change))
    return load_events(session, query.order_by(*feed_order(dialect_of(session))).limit(limit))


def award_events(session: Session, award_key: str, limit: int) -> list[StoredEvent]:
    """Return the newest events of an award's feed: its own, and those of the publications that are linked with it."""
    query = select(EventRow).where(*award_event_conditions(session, award_key))
    return load_events(session, query.order_by(*feed_order(dialect_of(session))).limit(limit))


def events_of_delivery(session: Session, subscription: Subscription, delivery_id: int) -> list[StoredEvent]:
    """Return the events of a message, in the order of feeds, without those that were withdrawn since it was stored."""
    dialect = dialect_of(session)
    search = subscription.search
    holds = event_conditions(Query(vendor=search.vendor, category=search.category, event=ENTRIES), dialect)
    own = select(col(AlertedEventRow.event_id)).where(col(AlertedEventRow.delivery_id) == delivery_id)
    corrects = col(EventRow.kind).in_((*WITHDRAWALS, *CORRECTIONS))
    query = select(EventRow).where(col(EventRow.id).in_(own), or_(and_(*holds), corrects))
    return load_events(session, query.order_by(*feed_order(dialect)))


def award_event_conditions(session: Session, award_key: str) -> list[ColumnElement[bool]]:
    """Return the conditions that narrow a select over `EventRow` to what feeds carry about an award.

    That includes what the publications that are linked with it say, what it did under former keys, and its end.
    """
    key = session.scalar(select(col(RenumberedRow.new_key)).where(col(RenumberedRow.old_key) == award_key)) or award_key
    linked = select(col(LinkRow.record_key)).where(col(LinkRow.award_key) == key)
    return [
        *event_conditions(Query(event=ENTRIES), dialect_of(session), in_period=True),
        or_(col(EventRow.record_key) == key, col(EventRow.record_key).in_(linked)),
    ]


def _of_subscription(
    session: Session, subscription: Subscription, min_change: Decimal
) -> Sequence[ColumnElement[bool]]:
    if subscription.award_key:
        return award_event_conditions(session, subscription.award_key)
    search = subscription.search
    if search.min_change is None:
        search = replace(search, min_change=min_change)
    return event_conditions(search, dialect_of(session), in_period=True)


def _is_about_what_was_sent(subscription_id: int) -> ColumnElement[bool]:
    """Return the condition that an event is of a record of which a subscription was sent an event."""
    keys = (
        select(col(EventRow.record_key))
        .join(AlertedEventRow, col(AlertedEventRow.event_id) == col(EventRow.id))
        .join(DeliveryRow, col(DeliveryRow.id) == col(AlertedEventRow.delivery_id))
        .where(
            col(AlertedEventRow.subscription_id) == subscription_id, col(DeliveryRow.state) == DeliveryState.SENT.value
        )
    )
    return col(EventRow.record_key).in_(keys)


def _corrections(session: Session, subscription: Subscription) -> list[ColumnElement[bool]]:
    """Return the conditions that an event corrects what a subscription may have been sent of its record."""
    search = subscription.search
    about = Query(vendor=search.vendor, category=search.category)
    kinds = or_(withdrawn_filter(about), col(EventRow.kind).in_((*CORRECTIONS, EventKind.FIRST_PURCHASE_WITHDRAWN)))
    vendors = [col(EventRow.vendor_id).in_(("", *search.vendor))] if search.vendor else []
    return [kinds, *vendors, *event_conditions(about, dialect_of(session), in_period=True)]
