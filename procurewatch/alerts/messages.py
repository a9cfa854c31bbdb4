"""What a message says: its events as a digest, which every channel sends in its own form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from feeds.digests.contents import DigestFrame
from feeds.digests.digest import make_digest
from feeds.entries.entry import entry_for
from feeds.urls import SEARCH, award_path, permalink, site_url
from procurewatch.alerts.channels.channel import Message
from procurewatch.alerts.links import how_to_stop, manage_url
from procurewatch.context import AppContext
from procurewatch.named_feeds import all_named_feeds
from storage.alerts.models import Subscription
from storage.errors import left_out
from storage.models import StoredEvent
from storage.reading.records import find_by_identifier
from storage.reading.source_health import load_health


def make_message(
    app_context: AppContext,
    session: Session,
    subscription: Subscription,
    events: Sequence[StoredEvent],
    *,
    key: str,
    since: datetime,
    until: datetime,
    is_test: bool = False,
) -> Message:
    """Return the message about events first seen in a period. `key` is its idempotency key."""
    base_url = app_context.settings.site_url
    title = describe(session, subscription, subject_titles(app_context, session))
    answering = app_context.settings.answering_url
    whole = _whole_url(subscription, since, base_url, answering)
    frame = DigestFrame(
        title=title,
        rhythm=subscription.rhythm,
        since=since,
        until=until,
        base_url=base_url,
        whole_url=whole,
        manage_url=manage_url(subscription, answering),
        how_to_stop=how_to_stop(subscription),
        unreadable=tuple(left_out(session)),
    )
    health = [load_health(session, name, limit) for name, limit in app_context.silences.items()]
    digest = make_digest(events, frame, health, app_context.source_titles)
    return Message(
        key=key,
        subscription=subscription,
        title=title,
        subject=f"Test: {digest.subject}" if is_test else digest.subject,
        text=digest.text,
        html=digest.html,
        events=tuple(events),
        entries=tuple(entry_for(event, lambda each: permalink(base_url, each)) for event in events),
        whole_url=whole,
        is_test=is_test,
    )


def describe(session: Session, subscription: Subscription, titles: Mapping[str, str]) -> str:
    """Return what a subscription is about: its title, or else its search or award in words.

    `titles` are those of `subject_titles`.
    """
    if subscription.title:
        return subscription.title
    if subscription.award_key:
        found = find_by_identifier(session, subscription.award_key)
        return f"award {found[0].piid or found[0].key}" if found else f"award {subscription.award_key}"
    search = subscription.search
    return f"records {search.describe(titles)}" if search.url_params() else "all records"


def subject_titles(app_context: AppContext, session: Session) -> Mapping[str, str]:
    """Return the titles of vendors, agencies and categories, by id."""
    return all_named_feeds(session, app_context.watchlist, app_context.settings.feed_min_change).titles


def _whole_url(subscription: Subscription, since: datetime, base_url: str, answering_url: str) -> str:
    """Return the page with every entry, "" if there is none.

    It is the award's page, or the search for what was first seen since a day, which only a server answers.
    """
    if subscription.award_key:
        return site_url(base_url, award_path(subscription.award_key)) if base_url else ""
    params = [param for param in subscription.search.url_params() if param[0] != "seen_since"]
    query = urlencode([*params, ("seen_since", since.date().isoformat())])
    return site_url(answering_url, f"{SEARCH}?{query}") if answering_url else ""
