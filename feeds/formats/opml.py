"""All feeds as one OPML 2.0 list, which feed readers import at a stroke."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lxml import etree

from feeds.feed import feed_id
from feeds.text import one_line

# OPML 2.0 allows foreign attributes only in a namespace. Readers take `xmlUrl` (Atom);
# who prefers another format finds it here.
NAMESPACE = feed_id("opml")
RSS_URL = f"{{{NAMESPACE}}}rssUrl"
JSON_URL = f"{{{NAMESPACE}}}jsonUrl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One feed in the list, filed under `group` ("" at the top). The list can only be imported if URLs are absolute."""

    title: str
    group: str
    atom_url: str
    rss_url: str
    json_url: str
    html_url: str


def write_opml(title: str, outlines: Iterable[Outline]) -> bytes:
    """Return the list as an OPML document: groups and feeds in the order given."""
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
    # "rss" is what every reader expects here, for Atom too: OPML 2.0 knows no other type of feed.
    feed = etree.SubElement(group, "outline", type="rss", text=title, title=title)
    feed.set("xmlUrl", outline.atom_url)
    feed.set("htmlUrl", outline.html_url)
    feed.set(RSS_URL, outline.rss_url)
    feed.set(JSON_URL, outline.json_url)
