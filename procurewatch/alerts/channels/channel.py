"""What every channel of alerts does: check an address, show it without its secrets, and send a message."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from urllib.parse import unquote, urlsplit

from feeds.entries.entry import Entry
from storage.alerts.models import Subscription
from storage.models import StoredEvent

MIN_SECRET = 6  # characters of a part of an address that may be a secret


class InvalidAddress(ValueError):
    """An address cannot be used with a channel. The message is one line, without secrets, that says what to do."""


class Undelivered(Exception):
    """A message was not accepted, and is tried again. The message is one line without secrets.

    `retry_after`: how long the receiver asks to wait.
    """

    def __init__(self, reason: str, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class Refused(Exception):
    """A receiver has refused a message for good, so that trying again is useless. One line without secrets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What is sent: the same to every channel.

    `key` is the idempotency key: it is the same when a message is sent again. `title` is what the subscription is
    about, `subject` one line. `text` and `html` say the same. `entries` are those of the events, in the same order.
    `whole_url` is a page with all of them, `manage_url` the one that changes the subscription, "" if there is none.
    `is_test`: somebody tries the channel.
    """

    key: str
    subscription: Subscription
    title: str
    subject: str
    text: str
    html: str
    events: tuple[StoredEvent, ...]
    entries: tuple[Entry, ...]
    whole_url: str = ""
    manage_url: str = ""
    is_test: bool = False


class Channel(Protocol):
    """A way to send messages. It is made with the `AppContext` as its only argument, and used by one thread a time."""

    def check(self, address: str) -> str:
        """Return an address as it is stored. Raises `InvalidAddress`."""

    def shown(self, address: str) -> str:
        """Return an address without its secrets."""

    def send(self, message: Message) -> str:
        """Send a message to its subscription's address; return the receiver's answer as one line without secrets.

        Raises:
            Undelivered: it is to be tried again.
            Refused: it is not.
        """


def without_secrets(text: str, address: str) -> str:
    """Return a text without the parts of an address that may be secrets: all but its scheme and host."""
    try:
        host = urlsplit(address).hostname or ""
    except ValueError:
        host = ""
    rest = address.partition("://")[2]
    parts = {part for form in (rest, unquote(rest)) for part in re.split(r"[/?&=:@#,;+\s]+", form)}
    secrets = sorted((part for part in parts if len(part) >= MIN_SECRET and part.lower() != host), key=len)
    for secret in reversed(secrets):
        text = text.replace(secret, "[secret]")
    return text
