"""The feeds with a fixed path: everything, and each vendor, agency and technology."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from sqlalchemy.orm import Session

from feeds.urls import FeedFormat, FeedKind, feed_path
from monitors.watchlist.model import Kind, Vendor, Watchlist
from storage.models import EventKind
from storage.reading.contracts.expiring import SOON
from storage.reading.records import known_agencies, known_vendors
from storage.search.query import InvalidQuery, Query

EXPIRING_TITLE = f"contracts that end within {SOON.days} days"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFeed:
    """A feed with a fixed path, and the query whose events it carries."""

    kind: FeedKind
    slug: str
    title: str
    query: Query

    @property
    def stem(self) -> str:
        """Its path without the file extension."""
        return feed_path(self.kind, self.slug, FeedFormat.ATOM).removesuffix(f".{FeedFormat.ATOM}")


@dataclass(frozen=True, slots=True)
class NamedFeeds:
    """All feeds with a fixed path, by stem; the titles of their subjects, of known vendors and of categories, by id."""

    by_stem: Mapping[str, NamedFeed]
    titles: Mapping[str, str]
    vendors: Mapping[str, str]
    categories: Mapping[str, str]

    def check(self, query: Query) -> None:
        """Raise `InvalidQuery` if a public query names an unknown vendor or category, which may be a typing error.

        Unknown agencies are allowed: they may buy something later.
        """
        if not query.is_public:
            return
        for kind, wanted, known in (
            ("vendor", query.vendor, self.vendors),
            ("category", query.category, self.categories),
        ):
            for slug in wanted:
                if slug not in known:
                    close = nearest_id(slug, known)
                    hint = f"did you mean {close!r}?" if close else "see the list of all feeds"
                    raise InvalidQuery(f"there is no {kind} {slug!r}; {hint}")


def all_named_feeds(session: Session, watchlist: Watchlist, min_change: Decimal) -> NamedFeeds:
    """Return all feeds with a fixed path, as `named_feeds` gives them."""
    feeds, stored = tuple(named_feeds(session, watchlist, min_change)), known_vendors(session)
    listed = {kind: {feed.slug: feed.title for feed in feeds if feed.kind is kind} for kind in FeedKind}
    return NamedFeeds(
        by_stem={feed.stem: feed for feed in feeds},
        titles={feed.slug.lower() if feed.kind is FeedKind.AGENCY else feed.slug: feed.title for feed in feeds},
        vendors=listed[FeedKind.VENDOR],
        categories=dict.fromkeys((category for _, _, category in stored), "") | listed[FeedKind.CATEGORY],
    )


def named_feeds(session: Session, watchlist: Watchlist, min_change: Decimal) -> Iterator[NamedFeed]:
    """Yield every feed with a fixed path: everything, vendors by name, agencies by name, technologies, what ends soon.

    A vendor on the watchlist has a feed before its first match, so that readers can subscribe early. Modifications that
    move fewer dollars than `min_change`, and do nothing else, are left out.
    """
    every = Query(min_change=min_change)
    yield NamedFeed(kind=FeedKind.ALL, slug="all", title="everything", query=every)
    vendors = {vendor.id: _title(vendor) for vendor in watchlist.vendors}
    vendors.update((vendor_id, name) for vendor_id, name, _ in known_vendors(session) if vendor_id not in vendors)
    for vendor_id, name in sorted(vendors.items(), key=lambda vendor: vendor[1].casefold()):
        yield NamedFeed(kind=FeedKind.VENDOR, slug=vendor_id, title=name, query=replace(every, vendor=(vendor_id,)))
    for code, name in known_agencies(session):
        yield NamedFeed(
            kind=FeedKind.AGENCY, slug=code, title=name or code, query=replace(every, agency=(code.lower(),))
        )
    for category in sorted({vendor.category for vendor in watchlist.vendors}):
        title = watchlist.categories.get(category, category)
        yield NamedFeed(kind=FeedKind.CATEGORY, slug=category, title=title, query=replace(every, category=(category,)))
    query = Query(event=(EventKind.EXPIRING,))
    yield NamedFeed(kind=FeedKind.EXPIRING, slug="expiring", title=EXPIRING_TITLE, query=query)


def nearest_id(given: str, known: Mapping[str, str]) -> str:
    """Return the id that was probably meant, "" if none is near. `known` has titles by id."""
    wanted = given.strip().casefold()
    ids = {title.casefold(): each for each, title in known.items()} | {each: each for each in known}
    words = {word: each for text, each in ids.items() for word in text.replace("-", " ").split()}
    close = difflib.get_close_matches(wanted, ids, n=1) or difflib.get_close_matches(wanted, words, n=1, cutoff=0.7)
    return (words | ids)[close[0]] if close else ""


def _title(vendor: Vendor) -> str:
    """Return the title of an entry's feed; topics are marked, because they are listed among the vendors."""
    return vendor.name if vendor.kind is Kind.VENDOR else f"{vendor.name} (topic)"
