"""When a subscription's next message is due, by its rhythm."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from feeds.text import format_time, pluralize
from storage.alerts.models import Delivery, Rhythm, Subscription, SubscriptionState


def next_time(subscription: Subscription, hour: int, zone: str) -> datetime:
    """Return when the next message may be sent at the earliest (UTC).

    A digest is sent at an hour of the time zone: each day, on Mondays, or on the first of the month. `position` is when
    the last one was due.
    """
    after = max(subscription.position, subscription.muted_until or subscription.position)
    return next_after(subscription.rhythm, after, hour, zone)


def next_after(rhythm: Rhythm, after: datetime, hour: int, zone: str) -> datetime:
    """Return the first time of a rhythm after a moment (UTC); the moment itself for messages at once."""
    if rhythm is Rhythm.AT_ONCE:
        return after
    local = ZoneInfo(zone)
    day = after.astimezone(local).date()
    while True:
        due = datetime.combine(day, time(hour), local).astimezone(UTC)
        if due > after and _is_day(rhythm, day):
            return due
        day += timedelta(days=1)


def _is_day(rhythm: Rhythm, day: date) -> bool:
    if rhythm is Rhythm.WEEKLY:
        return day.weekday() == 0
    return rhythm is Rhythm.DAILY or day.day == 1


def describe_state(subscription: Subscription, waiting: Delivery | None, now: datetime, hour: int, zone: str) -> str:
    """Return the state of a subscription in words: when its next message is due, or why it waits (`waiting`)."""
    state = subscription.state(now)
    if state is SubscriptionState.DISABLED:
        return f"disabled: {subscription.disabled_reason}"
    if state is SubscriptionState.MUTED and subscription.muted_until:
        return f"muted until {format_time(subscription.muted_until)}"
    if waiting and waiting.error:
        return f"{state}; tried {pluralize(waiting.attempts, 'time')}: {waiting.error}"
    if state is SubscriptionState.ACTIVE and subscription.rhythm is not Rhythm.AT_ONCE:
        return f"next {format_time(next_time(subscription, hour, zone))}"
    return state.value
