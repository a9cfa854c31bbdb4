"""Webhooks: a message as JSON, posted to an address and signed with the subscription's secret. See docs/alerts.md."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from feeds.text import excerpt
from procurewatch.alerts.channels.channel import InvalidAddress, Message, Refused, Undelivered, without_secrets
from procurewatch.context import AppContext
from sources.http.client import Timeouts
from sources.http.post import NotSent, PostResponse, post_once
from sources.http.public_addresses import PrivateAddress, resolve_public

TIMEOUTS = Timeouts(connect=5, read=10, total=15)
SIGNATURE, TIMESTAMP, KEY = "Procurewatch-Signature", "Procurewatch-Timestamp", "Idempotency-Key"
MAX_ANSWER = 200  # characters of a response in the log of deliveries
GONE = 410  # the receiver wants no more messages
ALLOW = "set alerts_to_private_addresses to allow it"


class WebhookChannel:
    """Posts messages; see `procurewatch.alerts.channels.channel.Channel`."""

    def __init__(self, app_context: AppContext) -> None:
        self._app = app_context

    def check(self, address: str) -> str:
        """Return the URL. Raises `InvalidAddress`."""
        parts = _split(address)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidAddress("a webhook's address is a URL such as https://example.org/hook")
        if parts.fragment or not address.isprintable() or " " in address:
            raise InvalidAddress("a webhook's URL has no spaces and no #")
        if not self._app.settings.alerts_to_private_addresses:
            try:
                resolve_public(parts.hostname, parts.port or 443)
            except PrivateAddress as error:
                raise InvalidAddress(f"{error}; {ALLOW}") from None
            except (OSError, UnicodeError):
                pass  # it may have an address later
        return address

    def shown(self, address: str) -> str:
        """Return the scheme and host of the URL: its path and query are often a password."""
        parts = _split(address)
        if parts is None or not parts.hostname:
            return "webhook"
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname}{port}/" + ("..." if parts.path.strip("/") or parts.query else "")

    def send(self, message: Message) -> str:
        """Post a message. Raises `Undelivered` or `Refused`."""
        settings = self._app.settings
        body = webhook_body(message, settings.site_url)
        try:
            response = post_once(
                message.subscription.address,
                body,
                signed_headers(message, body, datetime.now(UTC)),
                timeouts=TIMEOUTS,
                contact=settings.contact,
                resolve=None if settings.alerts_to_private_addresses else resolve_public,
                is_stopping=self._app.stop.is_set,
            )
        except PrivateAddress as error:
            raise Undelivered(f"{error}; {ALLOW}") from None
        except NotSent as error:
            raise Undelivered(str(error)) from None
        return _read(response, message.subscription.address)


def webhook_body(message: Message, base_url: str) -> bytes:
    """Return the body of a message: what it is about, and its events as GET /api/v1/events gives them."""
    subscription = message.subscription
    body = {
        "type": "test" if message.is_test else "events",
        "key": message.key,
        "subscription": {
            "id": subscription.id,
            "title": message.title,
            "query": subscription.query,
            "award": subscription.award_key,
        },
        "subject": message.subject,
        "events": _events(message, base_url),
    }
    return json.dumps(body, ensure_ascii=False).encode()


def signed_headers(message: Message, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a message: the signature is the HMAC-SHA256 of the timestamp, a dot and the body."""
    timestamp = str(int(now.timestamp()))
    signed = timestamp.encode() + b"." + body
    signature = hmac.new(message.subscription.secret.encode(), signed, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        KEY: message.key,
        TIMESTAMP: timestamp,
        SIGNATURE: f"sha256={signature}",
    }


def _events(message: Message, base_url: str) -> Sequence[dict[str, Any]]:
    # The models of the API take long to import; only this channel needs them.
    from procurewatch.exports.api_json import EventWithRecord, event_values, record_values  # noqa: PLC0415

    found = []
    for event, entry in zip(message.events, message.entries, strict=True):
        facts = {
            **event_values(event, base_url),
            "record": record_values(event.record, base_url),
            "milestones": [event_values(part, base_url) for part in event.milestones],
        }
        own = {"title": entry.title, "summary": entry.summary, "link": entry.link}
        found.append({**own, **EventWithRecord.model_validate(facts).model_dump(mode="json")})
    return found


def _read(response: PostResponse, address: str) -> str:
    """Return the answer of a receiver that has accepted a message. Raises `Undelivered` or `Refused`."""
    answer = without_secrets(excerpt(f"HTTP {response.status} {response.excerpt}", MAX_ANSWER), address)
    if 200 <= response.status < 300:
        return answer
    if 300 <= response.status < 400:
        moved = "the address has moved; redirects are not followed; add the alert with its new address"
        raise Undelivered(f"HTTP {response.status}: {moved}")
    if response.status == GONE:
        raise Refused(answer)
    raise Undelivered(answer, None if response.retry_after is None else timedelta(seconds=response.retry_after))


def _split(address: str) -> Any:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts
