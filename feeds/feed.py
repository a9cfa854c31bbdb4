"""What identifies and describes a feed, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from feeds.text import clean

AUTHOR = "Procurewatch"
LANGUAGE = "en"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # the date of feeds and pages without entries
AUTHORITY = "procurewatch,2026"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLinks:
    """Links from one document of a feed to its other documents (RFC 5005): absolute URLs, or "" where there is none.

    `older` is the previous archive. Archives never change; they also link to the feed (`current`) and to the next
    archive (`newer`).
    """

    older: str = ""
    newer: str = ""
    current: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMeta:
    """The head of one document of a feed.

    `id` is a permanent tag: URI. `html_url` is the absolute URL of the page it belongs to. `self_url` is absolute, or
    None if the site's address is not known. `updated` dates a feed without entries; any other feed is dated by its
    newest entry. `hub` is the URL of the WebSub hub, "" without one. `icon` and `favicon` are absolute URLs of the
    site's icon (SVG, ICO), `about` that of the page that explains the feeds, "" if the site's address is not known.
    """

    id: str
    title: str
    subtitle: str
    self_url: str | None
    html_url: str
    updated: datetime
    hub: str = ""
    icon: str = ""
    favicon: str = ""
    about: str = ""
    archive_links: ArchiveLinks = ArchiveLinks()


def feed_id(kind: str, slug: str = "") -> str:
    """Return a feed's permanent id, such as tag:procurewatch,2026:feed/vendor/clearview-ai."""
    return _tag("feed", kind, slug)


def category_scheme(kind: str) -> str:
    """Return the scheme URI of an entry's category: vendor, agency, category or kind."""
    return _tag("scheme", kind)


def _tag(*parts: str) -> str:
    # "/" is escaped too, so that no slug can imitate another feed's id.
    return f"tag:{AUTHORITY}:" + "/".join(quote(clean(part), safe="") for part in parts if part)
