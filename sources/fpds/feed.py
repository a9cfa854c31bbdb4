"""Splitting FPDS ATOM feeds into entries as they stream: bytes in, one entry at a time out. Pure.

Memory holds one entry at a time, whatever the size of the feed. A feed that declares a document type, which FPDS never
does, is refused at its first element.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import cast

from lxml import etree

from sources.errors import excerpt
from sources.fpds.entry_parser import DELETED_FEED, EntryIdentity, identify, link_of
from sources.records import InvalidRecord
from sources.xml import Element, InvalidXml, pull_parser, refuse_doctype

ATOM = "{http://www.w3.org/2005/Atom}"
FEED, LINK, ENTRY = f"{ATOM}feed", f"{ATOM}link", f"{ATOM}entry"
MAX_ENTRY_SIZE = 16 * 1024 * 1024  # a real one has some twenty thousand bytes
BLANKS = b" \t\r\n\xef\xbb\xbf"
ROOT_MAY_END = re.compile(rb"feed\s*>")
HREF_START = re.compile(r"[?&]start=(\d{1,9})(?:&|$)")


class NotAFeed(ValueError):
    """What was read is no ATOM feed, or not a whole one; the message says why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as XML, serialized by the parser.

    `identity` is `None` when the entry does not say which action it is; `trouble` then says why. `link` is FPDS's page
    on it, "" if it names none. `deleted`: its feed lists deleted records.
    """

    xml: bytes
    identity: EntryIdentity | None
    trouble: str
    link: str
    deleted: bool


@dataclass(slots=True)
class FeedLinks:
    """What the links of a feed say: where its last and its next page start, and whether it lists deleted records.

    `feeds` counts the feeds begun, `entries` the entries read, over everything that was read.
    """

    last: int | None = None
    next: int | None = None
    deleted: bool = False
    feeds: int = 0
    entries: int = 0

    def begin(self) -> None:
        """Start a new feed: forget the links of the one before."""
        self.last, self.next, self.deleted = None, None, False
        self.feeds += 1

    def note(self, link: Element) -> None:
        """Read a link of the feed itself."""
        href, relation = link.get("href") or "", link.get("rel")
        self.deleted |= DELETED_FEED in href
        start = HREF_START.search(href)
        if start and relation == "last":
            self.last = int(start[1])
        elif start and relation == "next":
            self.next = int(start[1])


def read_entries(blocks: Iterable[bytes], links: FeedLinks) -> Iterator[Entry]:
    """Yield the entries of one feed, or of several one after another, keeping `links` up to date.

    Raises:
        NotAFeed: it is something else, breaks off or is not well-formed; what came before has been given.
    """
    splitter = _EntrySplitter(links)
    for piece in _split_at_feeds(blocks):
        for element in splitter.split(piece):
            if element.tag == FEED:
                links.begin()
            elif element.tag == LINK:
                links.note(element)
            else:
                links.entries += 1
                yield _entry(element, links.deleted)
    splitter.end()
    if not links.feeds:
        raise NotAFeed("not an ATOM feed: an empty body")


def _entry(element: Element, deleted: bool) -> Entry:
    identity, trouble = None, ""
    try:
        identity = identify(element)
    except InvalidRecord as error:
        trouble = str(error)
    xml = etree.tostring(element, encoding="utf-8", with_tail=False)
    return Entry(xml=xml, identity=identity, trouble=trouble, link=link_of(element), deleted=deleted)


class _EntrySplitter:
    """Feeds pieces of a stream to a parser, a new one for each feed, and gives the elements that are complete."""

    def __init__(self, links: FeedLinks) -> None:
        self._links = links
        self._parser: etree.XMLPullParser | None = None
        self._beginning = b""
        self._feeds_before = 0
        self._unbroken = 0

    def split(self, piece: bytes) -> Iterator[Element]:
        """Yield each feed at its beginning, and each whole link and entry right below it. Raises `NotAFeed`."""
        if self._parser is None:
            piece = piece.lstrip(BLANKS)
            if not piece:
                return
            self._parser, self._beginning, self._feeds_before = pull_parser(FEED, LINK, ENTRY), piece, self._links.feeds
        self._unbroken += len(piece)
        parser = self._parser
        trouble = _feed(parser, piece)
        for event, element in cast(Iterator[tuple[str, Element]], parser.read_events()):
            yield from self._met(event, element)
        if trouble:
            raise self._error(trouble)
        if self._unbroken > MAX_ENTRY_SIZE:
            raise self._error(_close(parser) or f"more than {MAX_ENTRY_SIZE} bytes without the end of an entry")

    def end(self) -> None:
        """There is no more. Raises `NotAFeed` if a feed has not come to its end."""
        if self._parser is not None:
            error = _close(self._parser)
            raise self._error(f"it breaks off, or is {error}" if error else "it breaks off")

    def _met(self, event: str, element: Element) -> Iterator[Element]:
        above = element.getparent()
        if above is None:
            if event == "start":
                _check_root(element, self._beginning)
                yield element
            else:
                self._parser = None
        elif event == "end" and above.tag == FEED and above.getparent() is None and element.tag != FEED:
            yield element
            self._unbroken = 0
            element.clear()
            while element.getprevious() is not None:
                del above[0]

    def _error(self, trouble: str) -> NotAFeed:
        if self._links.feeds == self._feeds_before:
            return NotAFeed(f"not an ATOM feed: {excerpt(self._beginning)}")
        return NotAFeed(f"{trouble} after {self._links.entries} entries")


def _split_at_feeds(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Split a stream wherever a feed may end, because another one may follow in the same file."""
    rest = b""
    for block in blocks:
        rest += block
        end = rest.rfind(b">") + 1
        if end == 0 and len(rest) <= MAX_ENTRY_SIZE:
            continue
        ready, rest = (rest[:end], rest[end:]) if end else (rest, b"")
        start = 0
        for found in ROOT_MAY_END.finditer(ready):
            yield ready[start : found.end()]
            start = found.end()
        if start < len(ready):
            yield ready[start:]
    if rest:
        yield rest


def _feed(parser: etree.XMLPullParser, piece: bytes) -> str:
    """Feed a piece to the parser; return why it could not be read, "" if it could."""
    try:
        parser.feed(piece)
    except etree.XMLSyntaxError as error:
        return _not_well_formed(error)
    return ""


def _close(parser: etree.XMLPullParser) -> str:
    """Close the parser; return an error that it has not reported yet, "" if there is none."""
    try:
        parser.close()
    except etree.XMLSyntaxError as error:
        return "" if error.msg and error.msg.startswith("Premature end") else _not_well_formed(error)
    return ""


def _not_well_formed(error: etree.XMLSyntaxError) -> str:
    return f"not well-formed ({excerpt(str(error.msg).encode())})"


def _check_root(root: Element, beginning: bytes) -> None:
    try:
        refuse_doctype(root)
    except InvalidXml as error:
        raise NotAFeed(str(error)) from error
    if root.tag != FEED:
        raise NotAFeed(f"not an ATOM feed: {excerpt(beginning)}")
