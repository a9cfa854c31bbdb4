"""Sitemaps for search engines (https://www.sitemaps.org/protocol.html), and robots.txt, which names them."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
MAX_URLS = 50_000  # of one sitemap


def write_sitemap(addresses: Sequence[str]) -> bytes:
    """Return a sitemap of at most `MAX_URLS` absolute URLs."""
    return _document("urlset", "url", addresses)


def write_sitemap_index(addresses: Sequence[str]) -> bytes:
    """Return the index of several sitemaps, from their absolute URLs."""
    return _document("sitemapindex", "sitemap", addresses)


def write_robots(sitemap: str) -> bytes:
    """Return a robots.txt that allows everything and names a sitemap by its absolute URL."""
    return f"User-agent: *\nAllow: /\n\nSitemap: {sitemap}\n".encode()


def _document(root: str, item: str, addresses: Sequence[str]) -> bytes:
    document = etree.Element(root, xmlns=NAMESPACE)
    for address in addresses:
        etree.SubElement(etree.SubElement(document, item), "loc").text = address
    body: bytes = etree.tostring(document, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return body
