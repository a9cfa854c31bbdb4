"""The XML parser of all sources: it expands no entity, loads no DTD, opens no URL and accepts no oversized node."""

from __future__ import annotations

from typing import TypedDict

from lxml import etree

Element = etree._Element


class _Options(TypedDict):
    resolve_entities: bool
    no_network: bool
    load_dtd: bool
    dtd_validation: bool
    huge_tree: bool


_HARDENED: _Options = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "huge_tree": False,
}


class InvalidXml(ValueError):
    """A document is not well-formed XML, or declares a document type. The message says which."""


def parse_xml(body: bytes) -> Element:
    """Return the root of a document. Raises `InvalidXml`."""
    try:
        root: Element = etree.fromstring(body, etree.XMLParser(**_HARDENED))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise InvalidXml(f"not XML: {error}") from error
    refuse_doctype(root)
    return root


def pull_parser(*tags: str) -> etree.XMLPullParser:
    """Return a parser to feed piece by piece, which gives the start and the end of elements with these tags."""
    return etree.XMLPullParser(events=("start", "end"), tag=tags, strip_cdata=False, **_HARDENED)


def refuse_doctype(root: Element) -> None:
    """Raise `InvalidXml` if a document declares a document type: no source's does."""
    if root.getroottree().docinfo.internalDTD is not None:
        raise InvalidXml("it declares a document type")
