"""Deliveries: each message of a subscription, stored before it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.alerts.models import Delivery, DeliveryState
from storage.rows import view_of
from storage.schema.tables import AlertedEventRow, DeliveryRow

MAX_WAIT = timedelta(days=1)  # until the next attempt


def queue_delivery(
    session: Session, subscription_id: int, event_ids: Sequence[str], *, since: datetime, until: datetime, now: datetime
) -> Delivery:
    """Store a message about events first seen in a period, to be sent at once.

    Each event is in one message of a subscription: it is an error to give one that is in another.
    """
    row = DeliveryRow(
        subscription_id=subscription_id,
        key=str(uuid4()),
        state=DeliveryState.PENDING.value,
        since=since,
        until=until,
        next_attempt=now,
        created=now,
    )
    session.add(row)
    session.flush()
    session.add_all(
        AlertedEventRow(subscription_id=subscription_id, event_id=event_id, delivery_id=row.id or 0)
        for event_id in event_ids
    )
    session.flush()
    return _view(row, len(event_ids))


def pending_deliveries(session: Session, now: datetime | None = None) -> list[Delivery]:
    """Return the messages that are not sent yet, oldest first; with `now`, those that may be tried at that time.

    One that should wait for longer than `MAX_WAIT` was noted under a wrong clock, and may be tried.
    """
    query = _with_events().where(col(DeliveryRow.state) == DeliveryState.PENDING.value)
    if now is not None:
        query = query.where(~and_(col(DeliveryRow.next_attempt) > now, col(DeliveryRow.next_attempt) <= now + MAX_WAIT))
    return list(_views(session, query.order_by(col(DeliveryRow.id))))


def list_deliveries(session: Session, subscription_id: int | None = None, limit: int = 50) -> list[Delivery]:
    """Return the latest messages, newest first, of one subscription or of all."""
    query = _with_events().order_by(col(DeliveryRow.id).desc()).limit(limit)
    if subscription_id is not None:
        query = query.where(col(DeliveryRow.subscription_id) == subscription_id)
    return list(_views(session, query))


def load_delivery(session: Session, delivery_id: int) -> Delivery | None:
    """Return a message, `None` if there is none with this number."""
    return next(_views(session, _with_events().where(col(DeliveryRow.id) == delivery_id)), None)


def begin_attempt(session: Session, delivery_id: int, next_attempt: datetime) -> bool:
    """Note that a message is about to be sent, and when it may be tried again; return whether it is still pending.

    After a crash between sending and noting the answer, it is sent once more at that time.
    """
    row = session.get(DeliveryRow, delivery_id)
    if row is None or row.state != DeliveryState.PENDING.value:
        return False
    row.attempts, row.next_attempt = row.attempts + 1, next_attempt
    return True


def end_attempt(
    session: Session,
    delivery_id: int,
    state: DeliveryState,
    *,
    answer: str = "",
    error: str = "",
    next_attempt: datetime | None = None,
    sent: datetime | None = None,
) -> None:
    """Note how an attempt ended; `PENDING` if it is to be tried again, at `next_attempt` if that is given."""
    row = session.get(DeliveryRow, delivery_id)
    if row is not None:
        row.state, row.answer, row.error = state.value, answer, error
        row.sent, row.next_attempt = sent or row.sent, next_attempt or row.next_attempt


def replay_delivery(session: Session, delivery_id: int, now: datetime) -> bool:
    """Send a message again, with the same idempotency key and events; return whether it exists."""
    row = session.get(DeliveryRow, delivery_id)
    if row is None:
        return False
    row.state, row.attempts, row.next_attempt, row.error = DeliveryState.PENDING.value, 0, now, ""
    return True


def _with_events() -> Select[DeliveryRow, int]:
    counted = select(func.count()).where(col(AlertedEventRow.delivery_id) == col(DeliveryRow.id)).scalar_subquery()
    return select(DeliveryRow, counted)


def _views(session: Session, query: Select[DeliveryRow, int]) -> Iterator[Delivery]:
    for row, events in session.execute(query):
        yield _view(row, events)


def _view(row: DeliveryRow, events: int) -> Delivery:
    return view_of(Delivery, row, state=DeliveryState(row.state), events=events)
