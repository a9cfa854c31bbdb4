"""The signed link in a message, by which its reader changes the subscription without a login.

The signature is made with the subscription's own secret: it holds on every process, and ends with the subscription.
"""

from __future__ import annotations

from itsdangerous import BadSignature, Signer
from sqlalchemy.orm import Session

from feeds.urls import site_url
from storage.alerts.models import Subscription
from storage.alerts.subscriptions import load_subscription

LINK = "alerts/link"  # the path of the page, without the token
SALT = b"procurewatch.alerts.link"
MAX_NUMBER = 18  # digits of a subscription's number


def manage_url(subscription: Subscription, base_url: str) -> str:
    """Return the URL of the page that unsubscribes, pauses or changes a subscription; "" without a site's URL."""
    return site_url(base_url, f"{LINK}/{link_token(subscription)}") if base_url else ""


def how_to_stop(subscription: Subscription) -> str:
    """Return a sentence that says how to unsubscribe where there is no link."""
    return (
        "To stop these messages, ask the operator of this site, "
        f"or run there: procurewatch alerts remove {subscription.id}"
    )


def link_token(subscription: Subscription) -> str:
    """Return the signed number of a subscription."""
    return Signer(subscription.secret, salt=SALT).sign(str(subscription.id)).decode()


def read_link(session: Session, token: str) -> Subscription | None:
    """Return the subscription of a link, `None` if it was removed or the link is not ours."""
    number = token.partition(".")[0]
    if not (token.isascii() and number.isdigit() and len(number) <= MAX_NUMBER):
        return None
    subscription = load_subscription(session, int(number))
    if subscription is None:
        return None
    try:
        Signer(subscription.secret, salt=SALT).unsign(token)
    except BadSignature:
        return None
    return subscription
