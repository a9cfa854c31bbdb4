"""What is wrong with alerts, in lines for whoever runs the program."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy.orm import Session

from feeds.text import one_line, pluralize
from storage.alerts.deliveries import pending_deliveries
from storage.alerts.subscriptions import disabled_subscriptions

MAX_TRIES = 3  # of a message; after more, it is a problem that it is not sent


def alert_problems(session: Session) -> Iterator[str]:
    """Yield a line for each alert that is disabled, and each message that was tried several times."""
    for alert in disabled_subscriptions(session):
        title = f" ({one_line(alert.title)})" if alert.title else ""
        yield f"alert {alert.id}{title} is disabled: {alert.disabled_reason}; `alerts resume {alert.id}` tries again"
    for message in pending_deliveries(session):
        if message.attempts >= MAX_TRIES:
            tries = pluralize(message.attempts, "try", "tries")
            yield f"alert {message.subscription_id}: not sent after {tries}: {message.error}"
