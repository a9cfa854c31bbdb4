"""WebSub: notify a hub of feeds with new entries, so that feed readers need not poll."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from feeds.entries.matches import published_matches
from feeds.urls import FeedFormat, FeedKind, feed_path, site_url
from sources.errors import SourceError
from sources.http.client import Client, RateLimit, Timeouts
from storage.database import Database, server_time
from storage.models import EventKind, StoredEvent
from storage.search.feed_pages import KEPT_IN_FEED
from storage.search.query import Query
from storage.search.search import find_events
from storage.writing.runs import load_checkpoint, save_checkpoint

log = structlog.get_logger(__name__)

NAME = "websub"
MAX_EVENTS = 10_000
NOTIFIED = "notified-until"
OVERLAP = timedelta(minutes=5)  # a transaction may store an event some time after it was first seen


def feeds_with_new_entries(database: Database, since: datetime, min_change: Decimal = Decimal(0)) -> list[str]:
    """Return the paths of the feeds with events published since a time (UTC), the feed of everything first."""
    query = Query(seen_since=since.date(), min_change=min_change)
    ending = Query(seen_since=since.date(), event=(EventKind.EXPIRING,))
    with database.reading() as session:
        events = [event for event in find_events(session, query, MAX_EVENTS) if event.first_seen >= since]
        is_ending = any(event.first_seen >= since for event in find_events(session, ending, 1))
    paths = [path for event in events for path in _paths(event)]
    paths += [feed_path(FeedKind.EXPIRING, "expiring", fmt) for fmt in FeedFormat if is_ending]
    return list(dict.fromkeys(paths))


def ping(hub: str, addresses: Sequence[str], contact: str, sleep: Callable[[float], object]) -> bool:
    """Send the URLs of feeds with new entries to a hub; return whether it accepted all. Failures are only logged."""
    timeouts = Timeouts(connect=5, read=10, total=20, tries=2)
    rate_limit = RateLimit(seconds_between=0)
    try:
        with Client(
            NAME, base_url=hub, rate_limit=rate_limit, contact=contact, timeouts=timeouts, sleep=sleep
        ) as client:
            for address in addresses:
                # The specification leaves the publisher's request to the hub. Some read hub.url, others hub.topic, and
                # some only the first one.
                client.post_form("", [("hub.mode", "publish"), ("hub.url", address), ("hub.topic", address)])
    except (SourceError, ValueError) as error:  # the latter: a proxy or certificate that cannot be used
        log.warning("the WebSub hub could not be notified", reason=str(error))
        return False
    return True


def announce(
    database: Database,
    *,
    hub: str,
    base_url: str,
    contact: str,
    sleep: Callable[[float], object],
    min_change: Decimal = Decimal(0),
) -> bool:
    """Notify the hub of all feeds with entries that it has not been notified of; return whether it accepted them.

    What it does not accept is part of the next notification. `min_change` is that of the feeds' queries.
    """
    with database.reading() as session:
        now = server_time(session)
        notified = load_checkpoint(session, NAME, NOTIFIED)
    since = datetime.fromisoformat(notified) if notified else now - KEPT_IN_FEED
    if since > now:  # noted under a wrong clock
        since = now - KEPT_IN_FEED
    paths = feeds_with_new_entries(database, since, min_change)
    if not paths or not ping(hub, [site_url(base_url, path) for path in paths], contact, sleep):
        return False
    with database.writing() as session:
        save_checkpoint(session, NAME, NOTIFIED, (now - OVERLAP).isoformat(), now)
    return True


def _paths(event: StoredEvent) -> Iterator[str]:
    matches = published_matches(event.record)
    about = [(FeedKind.ALL, "all")]
    about += [(FeedKind.VENDOR, match.vendor_id) for match in matches]
    about += [(FeedKind.AGENCY, code) for code in (event.record.sub_agency_code, event.record.agency_code) if code]
    about += [(FeedKind.CATEGORY, match.category) for match in matches]
    for kind, slug in about:
        yield from (feed_path(kind, slug, fmt) for fmt in FeedFormat)
