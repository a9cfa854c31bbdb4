"""Sending what is due: each message is stored before it is sent, and noted after the receiver has accepted it.

A message is sent at least once, and each event is in one message. After a crash between sending and noting, that one
message is sent again, with the same idempotency key. A claim keeps two processes from sending at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import uuid4

import structlog
from sqlalchemy.exc import DBAPIError

from feeds.text import one_line, pluralize
from procurewatch.alerts.channels.channel import Message, Refused, Undelivered, without_secrets
from procurewatch.alerts.channels.kinds import channel_of
from procurewatch.alerts.messages import make_message
from procurewatch.alerts.notice import send_notice
from procurewatch.alerts.schedule import next_time
from procurewatch.alerts.until_stop import Stopped, call_until_stopped
from procurewatch.context import AppContext
from procurewatch.logs import DEBUG_LOG
from storage.alerts.deliveries import MAX_WAIT, begin_attempt, end_attempt, pending_deliveries, queue_delivery
from storage.alerts.due import GRACE, due_events, events_of_delivery, newest_events
from storage.alerts.models import ChannelKind, Delivery, DeliveryState, Rhythm, Subscription, SubscriptionState
from storage.alerts.subscriptions import (
    disable_subscription,
    list_subscriptions,
    load_subscription,
    looked_until,
    move_position,
)
from storage.claims import AlreadyClaimed, ClaimLost
from storage.database import server_time
from storage.errors import describe_error, left_out

log = structlog.get_logger(__name__)

CLAIM = "alerts"
AT_ONCE = 4  # messages that are sent at the same time
EVENTS_PER_WEBHOOK = 100
ENTRIES_OF_TEST = 3
# After each failed try, the time until the next; the last one counts for all further tries.
BACKOFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))


@dataclass(frozen=True, slots=True, kw_only=True)
class SendReport:
    """What one pass did: messages sent, and those that failed. `disabled` are the numbers of subscriptions that were
    disabled. `is_busy`: another process is sending, so that this one did nothing."""

    sent: int = 0
    failed: int = 0
    disabled: tuple[int, ...] = ()
    is_busy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """How an attempt ended. `is_final`: no other one is made, because it failed for good."""

    state: DeliveryState
    answer: str = ""
    error: str = ""
    retry_after: timedelta | None = None

    @property
    def is_final(self) -> bool:
        return self.state is DeliveryState.FAILED


def send_due(app_context: AppContext) -> SendReport:
    """Store the messages that are due, and send those that are pending. One that fails does not stop the others."""
    with app_context.database.reading() as session:
        if not list_subscriptions(session):
            return SendReport()
    try:
        with app_context.database.claim(CLAIM) as claimed:
            own = replace(app_context, database=claimed)
            _queue_due(own)
            return _send_pending(own)
    except (AlreadyClaimed, ClaimLost) as other:
        log.info("another process is sending alerts", process=str(other))
        return SendReport(is_busy=True)


def send_test(app_context: AppContext, subscription: Subscription) -> str:
    """Send the newest events of a subscription to its address, as a test that is not noted; return the answer.

    Raises:
        Undelivered: it was not accepted.
        Refused: as before; trying again is useless.
    """
    with app_context.database.reading() as session:
        now = server_time(session)
        events = newest_events(session, subscription, app_context.settings.feed_min_change, ENTRIES_OF_TEST)
        message = make_message(
            app_context, session, subscription, events, key=str(uuid4()), since=now, until=now, is_test=True
        )
    return channel_of(app_context, subscription.channel).send(message)


def _queue_due(app_context: AppContext) -> None:
    """Store a message for each subscription that has news and is due."""
    with app_context.database.reading() as session:
        subscriptions = list_subscriptions(session)
        waiting = {delivery.subscription_id for delivery in pending_deliveries(session)}
    for subscription in subscriptions:
        if subscription.id in waiting:
            continue
        try:
            _queue(app_context, subscription)
        except (DBAPIError, ClaimLost):
            raise
        except Exception:
            log.exception("the news of an alert could not be looked for", subscription=subscription.id)


def _queue(app_context: AppContext, subscription: Subscription) -> None:
    """Store the messages of one subscription, if it is due and has news, and move its position."""
    settings, database = app_context.settings, app_context.database
    with database.reading() as session:
        now = server_time(session)
        looked = looked_until(subscription, now)
        due = next_time(looked, settings.alert_hour, settings.alert_time_zone)
        if subscription.state(now) is not SubscriptionState.ACTIVE or due > now:
            return
        found = due_events(session, looked, settings.feed_min_change)
    if not found and subscription.rhythm is Rhythm.AT_ONCE and timedelta(0) <= now - subscription.position < GRACE:
        return  # else every look at every subscription would write
    with database.writing() as session:
        present = load_subscription(session, subscription.id)
        if present != subscription:
            return  # somebody has changed it: the next pass looks again
        for part in _parts(subscription, found):
            queue_delivery(session, subscription.id, part, since=looked.position, until=now, now=now)
        move_position(session, subscription.id, now)


def _parts(subscription: Subscription, found: Sequence[str]) -> list[Sequence[str]]:
    """Return the events of each message, oldest message first; people get one message, programs short ones."""
    size = EVENTS_PER_WEBHOOK if subscription.channel is ChannelKind.WEBHOOK else max(len(found), 1)
    oldest_first = found[::-1]
    return [oldest_first[first : first + size] for first in range(0, len(found), size)]


def _send_pending(app_context: AppContext) -> SendReport:
    """Send the messages that may be tried now: those of one subscription in turn, those of others at the same time."""
    with app_context.database.reading() as session:
        now = server_time(session)
        subscriptions = {each.id: each for each in list_subscriptions(session)}
        pending: dict[int, list[Delivery]] = {}
        for delivery in pending_deliveries(session, now):
            if subscriptions[delivery.subscription_id].state(now) is SubscriptionState.ACTIVE:
                pending.setdefault(delivery.subscription_id, []).append(delivery)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="alerts") as threads:
        jobs = [
            threads.submit(_send_in_turn, app_context, subscriptions[number], pending[number]) for number in pending
        ]
    results = {number: job.result() for number, job in zip(pending, jobs, strict=True)}
    everything = [result for own in results.values() for result in own]
    return SendReport(
        sent=sum(result.state is DeliveryState.SENT for result in everything),
        failed=sum(bool(result.error) for result in everything),
        disabled=tuple(number for number, own in results.items() if any(result.is_final for result in own)),
    )


def _send_in_turn(app_context: AppContext, subscription: Subscription, deliveries: Sequence[Delivery]) -> list[_Result]:
    """Send the messages of one subscription, oldest first, up to one that fails."""
    results: list[_Result] = []
    for delivery in deliveries:
        if app_context.stop.is_set() or (results and results[-1].error):
            break
        results.append(_send(app_context, subscription, delivery))
    return results


def _send(app_context: AppContext, subscription: Subscription, delivery: Delivery) -> _Result:
    """Send a message and note the answer."""
    with app_context.database.writing() as session:
        now = server_time(session)
        if not begin_attempt(session, delivery.id, now + _backoff(delivery)):
            return _Result(state=DeliveryState.EMPTY)
    result = _attempt(app_context, subscription, delivery)
    if result.error and app_context.stop.is_set():
        return result  # as after a crash: it may have failed because the program stops
    if result.state is DeliveryState.PENDING and delivery.attempts + 1 >= app_context.settings.alert_tries:
        result = replace(result, state=DeliveryState.FAILED)
    _note(app_context, subscription, delivery, result)
    return result


def _attempt(app_context: AppContext, subscription: Subscription, delivery: Delivery) -> _Result:
    """Send a message; return how that ended."""
    try:
        message = _message(app_context, subscription, delivery)
        if message is None:
            return _Result(state=DeliveryState.EMPTY)
        send = partial(channel_of(app_context, subscription.channel).send, message)
        answer = call_until_stopped(send, app_context.stop)
    except Stopped:
        return _Result(state=DeliveryState.PENDING, error="stopped before it was accepted")
    except Refused as refusal:
        return _Result(state=DeliveryState.FAILED, error=one_line(str(refusal)))
    except Undelivered as failure:
        error = one_line(str(failure))
        return _Result(state=DeliveryState.PENDING, error=error, retry_after=failure.retry_after)
    except (DBAPIError, ClaimLost):
        raise
    except Exception as unexpected:
        log.exception("a message could not be sent", subscription=subscription.id)
        error = f"unexpected error: {DEBUG_LOG.redact(describe_error(unexpected))}"
        return _Result(state=DeliveryState.PENDING, error=without_secrets(error, subscription.address))
    return _Result(state=DeliveryState.SENT, answer=answer)


def _message(app_context: AppContext, subscription: Subscription, delivery: Delivery) -> Message | None:
    """Return a message, `None` if all of its events were withdrawn.

    Raises:
        Undelivered: none of its events can be read. If some can, the message has those, and names the others' records.
    """
    since, until = delivery.since, delivery.until
    with app_context.database.reading() as session:
        events = events_of_delivery(session, subscription, delivery.id)
        if not events and (failed := left_out(session)):
            raise Undelivered(f"{next(iter(failed))} cannot be read; run procurewatch db check")
        if not events:
            return None
        return make_message(app_context, session, subscription, events, key=delivery.key, since=since, until=until)


def _note(app_context: AppContext, subscription: Subscription, delivery: Delivery, result: _Result) -> None:
    """Store how an attempt ended, and disable the subscription after a final failure."""
    tries, error = delivery.attempts + 1, result.error
    reason = f"{error} (after {pluralize(tries, 'try', 'tries')})"
    with app_context.database.writing() as session:
        now = server_time(session)
        end_attempt(
            session,
            delivery.id,
            result.state,
            answer=result.answer,
            error=error,
            next_attempt=None if result.retry_after is None else now + _later(delivery, result.retry_after),
            sent=now if result.state is DeliveryState.SENT else None,
        )
        if result.is_final:
            disable_subscription(session, subscription.id, reason, now)
    facts = {"subscription": subscription.id, "delivery": delivery.id, "tries": tries}
    if result.is_final:
        log.error("an alert is disabled, because its channel failed", reason=error, **facts)
        send_notice(app_context, subscription, reason)
    elif error:
        log.warning("an alert could not be sent; it is tried again", reason=error, **facts)
    else:
        log.info("an alert was sent", state=result.state.value, **facts)


def _backoff(delivery: Delivery) -> timedelta:
    """Return how long to wait after the next try of a message."""
    return BACKOFF[min(delivery.attempts, len(BACKOFF) - 1)]


def _later(delivery: Delivery, retry_after: timedelta) -> timedelta:
    """Return how long to wait if the receiver asks for a time: at least our own, at most a day."""
    return max(_backoff(delivery), min(retry_after, MAX_WAIT))
