"""What a page says of a feed before somebody subscribes: where it is, and how much it would have sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from feeds.layout import FEED_NAMES, FEED_TYPES, FeedFormat
from feeds.text import plural


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLink:
    """A feed in one format: what to show (`name`), its media type and its address."""

    name: str
    media_type: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A feed on offer. `title` says what it is about; `last_year` counts its entries of the last twelve months."""

    title: str
    links: tuple[FeedLink, ...]
    last_year: int

    @property
    def volume(self) -> str:
        """What it would have sent, as a sentence's part: "14 entries in the last 12 months"."""
        return f"{plural(self.last_year, 'entry', 'entries') if self.last_year else 'no entry'} in the last 12 months"


def subscription(title: str, addresses: Mapping[FeedFormat, str], last_year: int) -> Subscription:
    """Return what a page offers: the addresses by format, in the order Atom, RSS, JSON Feed."""
    links = tuple(
        FeedLink(name=FEED_NAMES[fmt], media_type=FEED_TYPES[fmt], href=addresses[fmt])
        for fmt in FeedFormat
        if fmt in addresses
    )
    return Subscription(title=title, links=links, last_year=last_year)
