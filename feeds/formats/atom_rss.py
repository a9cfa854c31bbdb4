"""Writes feeds as Atom 1.0 and RSS 2.0 with feedgen, and as JSON Feed: the same ids, order and times in each format.

The same entries always give the same bytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from feeds.entries.entry import Entry
from feeds.feed import AUTHOR, LANGUAGE, FeedMeta
from feeds.formats.json_feed import json_feed
from feeds.text import one_line, to_utc
from feeds.urls import FEED_TYPES, FeedFormat

GENERATOR = "Procurewatch"
TTL_MINUTES = 60
_HISTORY = "http://purl.org/syndication/history/1.0"
_ATOM_LINK = "{http://www.w3.org/2005/Atom}link"


def write_feed(fmt: FeedFormat, feed: FeedMeta, entries: Sequence[Entry]) -> bytes:
    """Return a feed in a format. The entries must be newest first, without duplicates."""
    if fmt is FeedFormat.JSON:
        return json_feed(feed, entries)
    generator = _generator(feed, to_utc(entries[0].first_seen if entries else feed.updated), FEED_TYPES[fmt])
    for entry in entries:
        generator.add_entry(_feed_entry(entry), order="append")
    document: bytes = generator.atom_str(pretty=True) if fmt is FeedFormat.ATOM else generator.rss_str(pretty=True)
    return document if fmt is FeedFormat.ATOM else re.sub(rb"<title>[^<]*</title>", _plain_text_title, document)


class _Links(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """Adds links to the hub and to archives (RFC 5005), which feedgen does not support in RSS."""

    def __init__(self) -> None:
        self.meta: FeedMeta | None = None

    def extend_ns(self) -> dict[str, str]:
        """Return the namespace of RFC 5005 in archives."""
        return {"fh": _HISTORY} if self.meta and self.meta.archive_links.current else {}

    def extend_atom(self, atom_feed: Any) -> Any:
        """Add to the Atom feed, before its entries."""
        self._add(atom_feed, "link")
        return atom_feed

    def extend_rss(self, rss_feed: Any) -> Any:
        """Add to the RSS channel, before its items."""
        self._add(rss_feed[0], _ATOM_LINK)
        return rss_feed

    def _add(self, parent: Any, tag: str) -> None:
        if self.meta is None:
            return
        archive = self.meta.archive_links
        if archive.current:
            etree.SubElement(parent, f"{{{_HISTORY}}}archive")
        links = (("hub", self.meta.hub), ("current", archive.current), ("prev-archive", archive.older))
        for rel, href in (*links, ("next-archive", archive.newer)):
            if href:
                etree.SubElement(parent, tag, rel=rel, href=href)


class _Entry(FeedEntry):  # type: ignore[misc]  # feedgen has no types
    """An entry whose Atom links keep their attributes (feedgen 1.0.0 writes only href) and whose RSS text is HTML."""

    def atom_entry(self, extensions: bool = True) -> Any:
        """Return the Atom element, with all attributes of its links."""
        element = super().atom_entry(extensions)
        for link in [child for child in element if child.tag in ("link", _ATOM_LINK)]:
            given = next(wanted for wanted in self.link() if wanted["href"] == link.get("href"))
            link.attrib.update(given)
        return element

    def rss_entry(self, extensions: bool = True) -> Any:
        """Return the RSS element. Readers take its description for HTML, so the plain text is escaped twice."""
        element = super().rss_entry(extensions)
        description = element.find("description")
        if description is not None and description.text:
            description.text = html.escape(description.text, quote=False)
        return element


def _generator(feed: FeedMeta, updated: datetime, self_type: str) -> FeedGenerator:
    generator = FeedGenerator()
    generator.id(feed.id)
    generator.title(one_line(feed.title))
    generator.subtitle(one_line(feed.subtitle) or one_line(feed.title))
    generator.description(one_line(feed.subtitle) or one_line(feed.title))
    generator.language(LANGUAGE)
    generator.author({"name": AUTHOR})
    generator.generator(GENERATOR)
    generator.updated(updated)
    generator.ttl(TTL_MINUTES)
    generator.load_extension("dc", atom=False)
    generator.register_extension("procurewatch", _Links)
    generator.procurewatch.meta = feed
    if feed.icon:
        generator.icon(feed.icon)
    if feed.self_url:
        generator.link(href=feed.self_url, rel="self", type=self_type)
    # Last, because feedgen uses the last link as the channel's link.
    generator.link(href=feed.html_url, rel="alternate", type="text/html")
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
    item.load_extension("dc", atom=False)  # RSS has no author without an e-mail address
    item.dc.dc_creator(AUTHOR)
    item.content(entry.content_html, type="html")
    item.summary(entry.summary)
    for category in entry.categories:
        item.category(term=category.term, scheme=category.scheme, label=category.label)
    return item


def _plain_text_title(found: re.Match[bytes]) -> bytes:
    # RSS does not define whether a title is text or HTML. All readers decode hexadecimal references once.
    return found[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;").replace(b"&gt;", b"&#x3E;")
