"""Subscriptions: adding, reading and changing them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.alerts.models import ChannelKind, DeliveryState, Rhythm, Subscription
from storage.rows import view_of
from storage.schema.tables import AlertedEventRow, DeliveryRow, SubscriptionRow
from storage.search.query import Query


def add_subscription(
    session: Session,
    *,
    channel: ChannelKind,
    address: str,
    rhythm: Rhythm,
    now: datetime,
    query: Query | None = None,
    award_key: str = "",
    title: str = "",
) -> Subscription:
    """Store a subscription to a search, or to one award, from now on.

    Args:
        address: as the channel's `check` returned it.
        title: what the user calls it; "" for a description of the search.
    """
    row = SubscriptionRow(
        title=title,
        query=query.unsorted.url_query() if query else "",
        award_key=award_key,
        channel=channel.value,
        address=address,
        rhythm=rhythm.value,
        secret=secrets.token_urlsafe(32),
        created=now,
        begins=now,
        position=now,
    )
    session.add(row)
    session.flush()
    return _view(row)


def list_subscriptions(session: Session) -> list[Subscription]:
    """Return all subscriptions, oldest first."""
    return [_view(row) for row in session.scalars(select(SubscriptionRow).order_by(col(SubscriptionRow.id)))]


def disabled_subscriptions(session: Session) -> list[Subscription]:
    """Return the subscriptions whose channel failed too often, oldest first."""
    query = select(SubscriptionRow).where(col(SubscriptionRow.disabled_at).is_not(None))
    return [_view(row) for row in session.scalars(query.order_by(col(SubscriptionRow.id)))]


def load_subscription(session: Session, subscription_id: int) -> Subscription | None:
    """Return a subscription, `None` if there is none with this number."""
    row = session.get(SubscriptionRow, subscription_id)
    return _view(row) if row else None


def pause_subscription(session: Session, subscription_id: int, now: datetime) -> None:
    """Send nothing until it is resumed. What happens meanwhile is in the next message."""
    _change(session, subscription_id, lambda row: setattr(row, "paused_at", row.paused_at or now))


def mute_subscription(session: Session, subscription_id: int, until: datetime) -> None:
    """Send nothing until a time. What happens meanwhile is in the next message."""
    _change(session, subscription_id, lambda row: setattr(row, "muted_until", until))


def resume_subscription(session: Session, subscription_id: int, now: datetime, *, from_now: bool = False) -> None:
    """Send messages again: end a pause, a mute and the disabled state. A message that had failed is tried again.

    With `from_now` what happened meanwhile is not sent.
    """

    def resume(row: SubscriptionRow) -> None:
        row.paused_at, row.disabled_at, row.disabled_reason = None, None, ""
        row.muted_until = now  # a digest is due at its next time, not at once
        if from_now:
            row.begins = row.position = now

    _change(session, subscription_id, resume)
    of_it = select(DeliveryRow).where(col(DeliveryRow.subscription_id) == subscription_id)
    unsent = (DeliveryState.PENDING.value, DeliveryState.FAILED.value)
    for row in session.scalars(of_it.where(col(DeliveryRow.state).in_(unsent))):
        row.state = DeliveryState.EMPTY.value if from_now else DeliveryState.PENDING.value
        row.attempts, row.next_attempt = 0, now


def set_rhythm(session: Session, subscription_id: int, rhythm: Rhythm) -> None:
    """Set when messages are sent."""
    _change(session, subscription_id, lambda row: setattr(row, "rhythm", rhythm.value))


def disable_subscription(session: Session, subscription_id: int, reason: str, now: datetime) -> None:
    """Send nothing until it is resumed, because its channel failed; `reason` is one line without secrets."""

    def disable(row: SubscriptionRow) -> None:
        row.disabled_at, row.disabled_reason = now, reason

    _change(session, subscription_id, disable)


def move_position(session: Session, subscription_id: int, position: datetime) -> None:
    """Note up to which time the events of a subscription were looked at."""
    _change(session, subscription_id, lambda row: setattr(row, "position", position))


def looked_until(subscription: Subscription, now: datetime) -> Subscription:
    """Return a subscription with a position that is not in the future, where a wrong clock had put it.

    Everything since it began is then looked at again; what was sent is not sent again.
    """
    if subscription.position <= now:
        return subscription
    begins = min(subscription.begins, now)
    return replace(subscription, begins=begins, position=begins)


def remove_subscription(session: Session, subscription_id: int) -> None:
    """Delete a subscription and its deliveries."""
    for table in (AlertedEventRow, DeliveryRow):
        session.execute(delete(table).where(col(table.subscription_id) == subscription_id))
    session.execute(delete(SubscriptionRow).where(col(SubscriptionRow.id) == subscription_id))


def _change(session: Session, subscription_id: int, change: Callable[[SubscriptionRow], None]) -> None:
    """Change a subscription; nothing if it was removed meanwhile."""
    row = session.get(SubscriptionRow, subscription_id)
    if row is not None:
        change(row)
        session.flush()


def _view(row: SubscriptionRow) -> Subscription:
    return view_of(Subscription, row, channel=ChannelKind(row.channel), rhythm=Rhythm(row.rhythm))
