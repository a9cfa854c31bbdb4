"""Writes the list of all feeds as OPML 2.0, which feed readers can import."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from feeds.feed import feed_id
from feeds.text import one_line

# OPML 2.0 has one link per feed, `xmlUrl` (Atom here). Links to the other formats need their own namespace.
NAMESPACE = feed_id("opml")
RSS_URL = f"{{{NAMESPACE}}}rssUrl"
JSON_URL = f"{{{NAMESPACE}}}jsonUrl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A feed in the list, in a `group` ("" for none). Feed readers need absolute URLs."""

    title: str
    group: str
    atom_url: str
    rss_url: str
    json_url: str
    html_url: str


def write_opml(title: str, outlines: Iterable[Outline]) -> bytes:
    """Return the OPML document, in the order given."""
    opml = etree.Element("opml", nsmap={"procurewatch": NAMESPACE}, version="2.0")
    etree.SubElement(etree.SubElement(opml, "head"), "title").text = one_line(title)
    body = etree.SubElement(opml, "body")
    groups: dict[str, etree._Element] = {"": body}
    for outline in outlines:
        name = one_line(outline.group)
        if name not in groups:
            groups[name] = etree.SubElement(body, "outline", text=name, title=name)
        _add(groups[name], outline)
    return etree.tostring(opml, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _add(group: etree._Element, outline: Outline) -> None:
    title = one_line(outline.title)
    # "rss" is OPML's only type of feed, for Atom too.
    feed = etree.SubElement(group, "outline", type="rss", text=title, title=title)
    feed.set("xmlUrl", outline.atom_url)
    feed.set("htmlUrl", outline.html_url)
    feed.set(RSS_URL, outline.rss_url)
    feed.set(JSON_URL, outline.json_url)
