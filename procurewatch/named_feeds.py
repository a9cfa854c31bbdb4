"""The feeds that have a path of their own: of everything, of each vendor, agency and technology."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from feeds.layout import FeedFormat, FeedKind, feed_path
from monitors.vendor import Kind, Vendor, Watchlist
from storage.query import Query
from storage.reading import known_agencies, known_vendors


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFeed:
    """A feed with a path: what it is about, what it is called, and the question it answers."""

    kind: FeedKind
    slug: str
    title: str
    query: Query

    @property
    def stem(self) -> str:
        """Its path without the format's ending."""
        return feed_path(self.kind, self.slug, FeedFormat.ATOM).removesuffix(f".{FeedFormat.ATOM}")


def named_feeds(session: Session, watchlist: Watchlist) -> Iterator[NamedFeed]:
    """Give every feed that has a path: first everything, then vendors by name, agencies by name and technologies.

    A vendor of the watchlist has a feed before there is anything to tell, so that it can be subscribed to.
    """
    yield NamedFeed(kind=FeedKind.ALL, slug="all", title="everything", query=Query())
    vendors = {vendor.id: _title(vendor) for vendor in watchlist.vendors}
    vendors.update((vendor_id, name) for vendor_id, name, _ in known_vendors(session) if vendor_id not in vendors)
    for vendor_id, name in sorted(vendors.items(), key=lambda vendor: vendor[1].casefold()):
        yield NamedFeed(kind=FeedKind.VENDOR, slug=vendor_id, title=name, query=Query(vendor=(vendor_id,)))
    for code, name in known_agencies(session):
        yield NamedFeed(kind=FeedKind.AGENCY, slug=code, title=name or code, query=Query(agency=(code.lower(),)))
    for category in sorted({vendor.category for vendor in watchlist.vendors}):
        title = watchlist.categories.get(category, category)
        yield NamedFeed(kind=FeedKind.CATEGORY, slug=category, title=title, query=Query(category=(category,)))


def _title(vendor: Vendor) -> str:
    """Return what the feed of an entry is called: a topic stands among the vendors, and says so."""
    return vendor.name if vendor.kind is Kind.VENDOR else f"{vendor.name} (topic)"
