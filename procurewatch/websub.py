"""Telling a WebSub hub that feeds have news, so that readers need not keep asking."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

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
MOST_EVENTS = 10_000
AT_ONCE = 50  # addresses in one ping


def feeds_with_news(database: Database, since: datetime) -> list[str]:
    """Return the paths of the feeds that carry what was told since a moment (UTC): everything's first."""
    query = Query(seen_since=since.date())
    with database.reading() as session:
        events = [event for event in find_events(session, query, MOST_EVENTS) if event.first_seen >= since]
    return list(dict.fromkeys(path for event in events for path in _paths(event)))


def ping(hub: str, addresses: Sequence[str], contact: str, sleep: Callable[[float], object]) -> bool:
    """Tell a hub which feeds have news; whether it took note of all. A failure is logged and never raised."""
    timeouts = Timeouts(connect=5, read=10, total=20, tries=2)
    rate_limit = RateLimit(seconds_between=0)
    try:
        with Client(
            NAME, base_url=hub, rate_limit=rate_limit, contact=contact, timeouts=timeouts, sleep=sleep
        ) as client:
            for first in range(0, len(addresses), AT_ONCE):
                topics = [("hub.url", address) for address in addresses[first : first + AT_ONCE]]
                client.post_form("", [("hub.mode", "publish"), *topics])
    except SourceError as error:
        log.warning("the WebSub hub was not told of news", reason=str(error))
        return False
    return True


def announce(
    database: Database, *, hub: str, base_url: str, contact: str, since: datetime, sleep: Callable[[float], object]
) -> bool:
    """Tell the hub of all feeds that have had news since a moment; whether there was any, and the hub knows."""
    paths = feeds_with_news(database, since)
    return bool(paths) and ping(hub, [site_url(base_url, path) for path in paths], contact, sleep)


def _paths(event: StoredEvent) -> Iterator[str]:
    matches = published_matches(event.record)
    about = [(FeedKind.ALL, "all")]
    about += [(FeedKind.VENDOR, match.vendor_id) for match in matches]
    about += [(FeedKind.AGENCY, code) for code in (event.record.sub_agency_code, event.record.agency_code) if code]
    about += [(FeedKind.CATEGORY, match.category) for match in matches]
    for kind, slug in about:
        yield from (feed_path(kind, slug, fmt) for fmt in FeedFormat)
