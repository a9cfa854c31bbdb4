"""WebSub: notify a hub of feeds with new entries, so that feed readers need not poll."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal

import structlog

from feeds.entries.matches import published_matches
from feeds.urls import FeedFormat, FeedKind, feed_path, site_url
from sources.errors import SourceError
from sources.http.client import Client, RateLimit, Timeouts
from storage.database import Database
from storage.models import StoredEvent
from storage.search.query import Query
from storage.search.search import find_events

log = structlog.get_logger(__name__)

NAME = "websub"
MAX_EVENTS = 10_000
BATCH_SIZE = 50  # URLs per request


def feeds_with_new_entries(database: Database, since: datetime, min_change: Decimal = Decimal(0)) -> list[str]:
    """Return the paths of the feeds with events published since a time (UTC), the feed of everything first."""
    query = Query(seen_since=since.date(), min_change=min_change)
    with database.reading() as session:
        events = [event for event in find_events(session, query, MAX_EVENTS) if event.first_seen >= since]
    return list(dict.fromkeys(path for event in events for path in _paths(event)))


def ping(hub: str, addresses: Sequence[str], contact: str, sleep: Callable[[float], object]) -> bool:
    """Send the URLs of feeds with new entries to a hub; return whether it accepted all. Failures are only logged."""
    timeouts = Timeouts(connect=5, read=10, total=20, tries=2)
    rate_limit = RateLimit(seconds_between=0)
    try:
        with Client(
            NAME, base_url=hub, rate_limit=rate_limit, contact=contact, timeouts=timeouts, sleep=sleep
        ) as client:
            for first in range(0, len(addresses), BATCH_SIZE):
                topics = [("hub.url", address) for address in addresses[first : first + BATCH_SIZE]]
                client.post_form("", [("hub.mode", "publish"), *topics])
    except SourceError as error:
        log.warning("the WebSub hub could not be notified", reason=str(error))
        return False
    return True


def announce(
    database: Database,
    *,
    hub: str,
    base_url: str,
    contact: str,
    since: datetime,
    sleep: Callable[[float], object],
    min_change: Decimal = Decimal(0),
) -> bool:
    """Notify the hub of all feeds with new entries since a time; return whether there were any and it accepted them.

    `min_change` is that of the feeds' queries.
    """
    paths = feeds_with_new_entries(database, since, min_change)
    return bool(paths) and ping(hub, [site_url(base_url, path) for path in paths], contact, sleep)


def _paths(event: StoredEvent) -> Iterator[str]:
    matches = published_matches(event.record)
    about = [(FeedKind.ALL, "all")]
    about += [(FeedKind.VENDOR, match.vendor_id) for match in matches]
    about += [(FeedKind.AGENCY, code) for code in (event.record.sub_agency_code, event.record.agency_code) if code]
    about += [(FeedKind.CATEGORY, match.category) for match in matches]
    for kind, slug in about:
        yield from (feed_path(kind, slug, fmt) for fmt in FeedFormat)
