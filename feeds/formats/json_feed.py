"""Writes JSON Feed 1.1: what Atom and RSS say, with the facts as data besides."""

from __future__ import annotations

import json
from collections.abc import Sequence

from feeds.entries.entry import Entry
from feeds.feed import AUTHOR, LANGUAGE, FeedMeta
from feeds.text import one_line

VERSION = "https://jsonfeed.org/version/1.1"


def json_feed(feed: FeedMeta, entries: Sequence[Entry]) -> bytes:
    """Return a JSON Feed of these entries, in this order. Its `next_url` is the previous archive."""
    document: dict[str, object] = {
        "version": VERSION,
        "title": one_line(feed.title) or AUTHOR,
        "home_page_url": feed.html_url,
        "feed_url": feed.self_url,
        "description": one_line(feed.subtitle) or one_line(feed.title),
        "icon": feed.icon,
        "favicon": feed.favicon,
        "next_url": feed.archive_links.older,
        "language": LANGUAGE,
        "authors": [{"name": AUTHOR}],
        "_procurewatch": {"about": feed.about} if feed.about else {},
        "hubs": [{"type": "WebSub", "url": feed.hub}] if feed.hub else [],
    }
    stated = {name: value for name, value in document.items() if value}  # the format has no empty members
    items = [_item(entry) for entry in entries]
    return json.dumps({**stated, "items": items}, ensure_ascii=False, indent=1).encode()


def _item(entry: Entry) -> dict[str, object]:
    item: dict[str, object] = {
        "id": entry.id,
        "url": entry.link,
        "external_url": entry.official_url if entry.official_url != entry.link else "",
        "title": entry.title,
        "content_html": entry.content_html,
        "summary": entry.summary,
        "date_published": entry.first_seen.isoformat(),
        "date_modified": entry.first_seen.isoformat(),
        "tags": list(dict.fromkeys(category.label for category in entry.categories)),
        "_procurewatch": _facts(entry),
    }
    return {name: value for name, value in item.items() if value}


def _facts(entry: Entry) -> dict[str, object]:
    """Return what the other formats say only in words: the extension that docs/feeds.md describes."""
    return {
        "kind": entry.kind,
        "record": entry.record_key,
        "signed": entry.signed.isoformat() if entry.signed else None,
        "published": entry.published.isoformat() if entry.published else None,
        "days_late": entry.days_late,
        "categories": [
            {"scheme": category.scheme, "term": category.term, "label": category.label} for category in entry.categories
        ],
    }
