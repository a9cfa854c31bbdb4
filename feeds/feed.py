"""What one document of a feed says of itself, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

AUTHOR = "Procurewatch"
LANGUAGE = "en"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # of feeds and pages that nothing has been told in yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """Where a reader goes on from one document of a feed to the others (RFC 5005), all absolute; "" where to nowhere.

    `older` is the archive before this one. An archive, which never changes again, names the feed it belongs to
    (`current`) and what comes after it (`newer`); the feed itself has neither.
    """

    older: str = ""
    newer: str = ""
    current: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMeta:
    """What one document of a feed is: `id` is a tag: URI and for ever, `html_url` the page it belongs to (absolute).

    `self_url` is absolute, or None when nobody knows where the feed will be found. `updated` is the time of a feed
    without entries; any other was updated when its newest entry was first seen, never "now". `hub` is the address of
    the WebSub hub that passes news on, "" without one.
    """

    id: str
    title: str
    subtitle: str
    self_url: str | None
    html_url: str
    updated: datetime
    hub: str = ""
    walk: Walk = Walk()
