"""Identifiers of feeds and of what entries are filed under: tag: URIs, which name no host and are for ever."""

from __future__ import annotations

from urllib.parse import quote

from feeds.text import clean

AUTHORITY = "procurewatch,2026"


def feed_id(kind: str, slug: str = "") -> str:
    """Return a feed's id, such as tag:procurewatch,2026:feed/vendor/clearview-ai."""
    return _tag("feed", kind, slug)


def category_scheme(kind: str) -> str:
    """Return the scheme that says what a category's term is: a vendor, an agency, a category or an event kind."""
    return _tag("scheme", kind)


def _tag(*parts: str) -> str:
    # "/" is escaped too, so that no slug can take the place of another kind's.
    return f"tag:{AUTHORITY}:" + "/".join(quote(clean(part), safe="") for part in parts if part)
