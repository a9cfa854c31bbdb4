"""Entries written as Atom 1.0 and RSS 2.0: the same entries, ids, order and times in both, byte for byte repeatable."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator

from feeds.entries import Entry, in_feed_order
from feeds.text import one_line, utc

AUTHOR = "Procurewatch"
GENERATOR = "Procurewatch"
LANGUAGE = "en"

_ATOM_LINK = "{http://www.w3.org/2005/Atom}link"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMeta:
    """What a feed is: `id` is a tag: URI and for ever, `html_url` the page it belongs to (absolute).

    The self URLs are absolute, or None when nobody knows where the feed will be found. `updated` is the time of a
    feed without entries; any other was updated when its newest entry was first seen, never "now".
    """

    id: str
    title: str
    subtitle: str
    self_url_atom: str | None
    self_url_rss: str | None
    html_url: str
    updated: datetime


def write_atom(feed: FeedMeta, entries: Sequence[Entry]) -> bytes:
    """Return the feed as an Atom document, newest entry first."""
    document: bytes = _generator(feed, entries, feed.self_url_atom, "application/atom+xml").atom_str(pretty=True)
    return document


def write_rss(feed: FeedMeta, entries: Sequence[Entry]) -> bytes:
    """Return the feed as an RSS document, newest item first."""
    document: bytes = _generator(feed, entries, feed.self_url_rss, "application/rss+xml").rss_str(pretty=True)
    return re.sub(rb"<title>[^<]*</title>", _plain_text_title, document)


class _Entry(FeedEntry):  # type: ignore[misc]  # feedgen has no types
    """An entry whose Atom links keep their attributes (feedgen 1.0.0 writes only href) and whose RSS text is HTML."""

    def atom_entry(self, extensions: bool = True) -> Any:
        """Return the Atom element, its links as they were given."""
        element = super().atom_entry(extensions)
        for link in [child for child in element if child.tag in ("link", _ATOM_LINK)]:
            given = next(wanted for wanted in self.link() if wanted["href"] == link.get("href"))
            link.attrib.update(given)
        return element

    def rss_entry(self, extensions: bool = True) -> Any:
        """Return the RSS element; readers take its description for HTML, so plain text is escaped once more."""
        element = super().rss_entry(extensions)
        description = element.find("description")
        if description is not None and description.text:
            description.text = html.escape(description.text, quote=False)
        return element


def _generator(feed: FeedMeta, entries: Sequence[Entry], self_url: str | None, self_type: str) -> FeedGenerator:
    ordered = in_feed_order(entries)
    generator = FeedGenerator()
    generator.id(feed.id)
    generator.title(one_line(feed.title))
    generator.subtitle(one_line(feed.subtitle) or one_line(feed.title))
    generator.description(one_line(feed.subtitle) or one_line(feed.title))
    generator.language(LANGUAGE)
    generator.author({"name": AUTHOR})
    generator.generator(GENERATOR)
    generator.updated(ordered[0].first_seen if ordered else utc(feed.updated))
    if self_url:
        generator.link(href=self_url, rel="self", type=self_type)
    # Last, because feedgen takes the last link for the channel's own.
    generator.link(href=feed.html_url, rel="alternate", type="text/html")
    for entry in ordered:
        generator.add_entry(_feed_entry(entry), order="append")
    return generator


def _feed_entry(entry: Entry) -> _Entry:
    item = _Entry()
    item.id(entry.id)
    item.title(entry.title)
    item.updated(entry.first_seen)
    item.published(entry.first_seen)
    item.link(href=entry.link, rel="alternate", type="text/html")
    if entry.official_url != entry.link:
        item.link(href=entry.official_url, rel="via", type="text/html", title="Official page of the award")
    item.content(entry.content_html, type="html")
    item.summary(entry.summary)
    for category in entry.categories:
        item.category(term=category.term, scheme=category.scheme, label=category.label)
    return item


def _plain_text_title(found: re.Match[bytes]) -> bytes:
    # RSS does not say whether a title is text or HTML; readers agree on characters written as hexadecimal references.
    return found[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;").replace(b"&gt;", b"&#x3E;")
