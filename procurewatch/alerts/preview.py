"""What an alert would have sent: the same messages, of events that are stored already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from feeds.text import format_time, pluralize
from procurewatch.alerts.schedule import next_after
from procurewatch.settings import Settings
from storage.alerts.due import past_events
from storage.alerts.models import ChannelKind, Rhythm, Subscription
from storage.database import server_time
from storage.models import StoredEvent
from storage.search.query import Query

DAYS = 90
SAME_POLL = timedelta(minutes=5)  # events first seen so close together would have been in one message


@dataclass(frozen=True, slots=True)
class PastMessage:
    """A message that would have been, or will be, sent at a time (UTC), with its events, newest first."""

    when: datetime
    events: tuple[StoredEvent, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """The messages of a number of days, newest first, and what the coming digest would have so far."""

    days: int
    messages: tuple[PastMessage, ...]
    coming: PastMessage | None = None

    @property
    def shown(self) -> tuple[PastMessage, ...]:
        """All messages, the coming one first."""
        return (self.coming, *self.messages) if self.coming else self.messages

    def __str__(self) -> str:
        """Return how often there would have been a message, in sentences."""
        if not self.coming:
            return self._past()
        entries = pluralize(len(self.coming.events), "entry", "entries")
        return f"{self._past()} The next message, of {format_time(self.coming.when)}, would have {entries} so far."

    def _past(self) -> str:
        if not self.messages:
            return f"In the last {self.days} days, it would have sent nothing."
        count, events = len(self.messages), sum(len(message.events) for message in self.messages)
        sent = f"{pluralize(count, 'message')} with {pluralize(events, 'entry', 'entries')}"
        every = self.days / count
        often = f"one every {every:.0f} days" if every >= 1.5 else f"{count / self.days:.0f} a day"
        return f"In the last {self.days} days, it would have sent {sent}" + (f", about {often}." if count > 1 else ".")


def preview(session: Session, subscription: Subscription, settings: Settings, days: int = DAYS) -> Preview:
    """Return what a subscription, stored or not, would have sent in the last days."""
    now = server_time(session)
    events = past_events(session, subscription, now - timedelta(days=days), now, settings.feed_min_change)
    if subscription.rhythm is Rhythm.AT_ONCE:
        return Preview(days, tuple(_at_once(events)))
    digests: dict[datetime, list[StoredEvent]] = {}
    for event in events:
        when = next_after(subscription.rhythm, event.first_seen, settings.alert_hour, settings.alert_time_zone)
        digests.setdefault(when.astimezone(UTC), []).append(event)
    messages = [PastMessage(when, tuple(found)) for when, found in digests.items()]
    coming = next((message for message in messages if message.when > now), None)
    return Preview(days, tuple(message for message in messages if message.when <= now), coming)


def _at_once(events: Sequence[StoredEvent]) -> Iterator[PastMessage]:
    group: list[StoredEvent] = []
    for event in events:
        if group and group[-1].first_seen - event.first_seen > SAME_POLL:
            yield PastMessage(group[0].first_seen, tuple(group))
            group = []
        group.append(event)
    if group:
        yield PastMessage(group[0].first_seen, tuple(group))


def unsaved(query: Query | None, award_key: str, *, now: datetime) -> Subscription:
    """Return the alert that `add` would store."""
    return Subscription(
        id=0,
        title="",
        query=query.url_query() if query else "",
        award_key=award_key,
        channel=ChannelKind.EMAIL,
        address="",
        rhythm=Rhythm.AT_ONCE,
        secret="",
        created=now,
        begins=now,
        position=now,
        paused_at=None,
        muted_until=None,
        disabled_at=None,
        disabled_reason="",
    )
