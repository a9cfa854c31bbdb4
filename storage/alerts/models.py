"""Immutable views of subscriptions and of their deliveries. Times are UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import parse_qsl

from storage.search.query import Query, read_query


class ChannelKind(StrEnum):
    """How messages of a subscription are sent."""

    EMAIL = "email"
    APPRISE = "apprise"
    WEBHOOK = "webhook"


class Rhythm(StrEnum):
    """When messages of a subscription are sent."""

    AT_ONCE = "at-once"
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class SubscriptionState(StrEnum):
    """Whether messages of a subscription are sent now. `DISABLED`: its channel failed too often."""

    ACTIVE = "active"
    PAUSED = "paused"
    MUTED = "muted"
    DISABLED = "disabled"


class DeliveryState(StrEnum):
    """What has become of a message. `EMPTY`: all of its events were withdrawn before it could be sent."""

    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What somebody wants to be sent, and how far it was; fields as in `storage.schema.tables.SubscriptionRow`.

    `address` and `secret` are secrets; `shown` of `procurewatch.alerts.channels` returns the part that is not.
    """

    id: int
    title: str
    query: str
    award_key: str
    channel: ChannelKind
    address: str = field(repr=False)
    rhythm: Rhythm
    secret: str = field(repr=False)
    created: datetime
    begins: datetime
    position: datetime
    paused_at: datetime | None
    muted_until: datetime | None
    disabled_at: datetime | None
    disabled_reason: str

    @property
    def search(self) -> Query:
        """The search, without conditions if one award is followed."""
        return read_query(parse_qsl(self.query))

    def state(self, now: datetime) -> SubscriptionState:
        """Return whether messages are sent at a time."""
        if self.disabled_at:
            return SubscriptionState.DISABLED
        if self.paused_at:
            return SubscriptionState.PAUSED
        if self.muted_until and self.muted_until > now:
            return SubscriptionState.MUTED
        return SubscriptionState.ACTIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message; fields as in `storage.schema.tables.DeliveryRow`. `events` is how many are in it."""

    id: int
    subscription_id: int
    key: str
    state: DeliveryState
    since: datetime
    until: datetime
    attempts: int
    next_attempt: datetime
    error: str
    answer: str
    created: datetime
    sent: datetime | None
    events: int
