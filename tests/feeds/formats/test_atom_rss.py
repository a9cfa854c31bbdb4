"""Atom and RSS: read by a feed reader, held against the standards, and given hostile text."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import feedparser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from feeds.entries.entry import Entry, entry_for, in_feed_order
from feeds.feed import FeedMeta, feed_id
from feeds.formats.atom_rss import write_feed
from feeds.text import one_line
from feeds.urls import FeedFormat, permalink
from storage.models import EventKind
from tests.feeds.records import (
    BABEL,
    BABEL_ACTIONS,
    CLEARVIEW,
    CLEARVIEW_ACTIONS,
    PALANTIR,
    PALANTIR_ACTIONS,
    SEEN,
    event,
    hostile,
)

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
META = FeedMeta(
    id=feed_id("vendor", "clearview-ai"),
    title="Procurewatch: Clearview AI & others",
    subtitle="Federal contract actions",
    self_url="https://watch.example.org/vendor/clearview-ai.atom",
    html_url="https://watch.example.org/index.html",
    updated=datetime(2026, 1, 1, tzinfo=UTC),
)
RSS_META = replace(META, self_url="https://watch.example.org/vendor/clearview-ai.rss")
EVENTS = (
    event(CLEARVIEW, CLEARVIEW_ACTIONS[0], EventKind.NEW_AWARD, seen=SEEN - timedelta(days=2), earlier=4),
    event(BABEL, BABEL_ACTIONS[1], EventKind.OPTION_EXERCISED, seen=SEEN),
    event(PALANTIR, PALANTIR_ACTIONS[0], seen=SEEN - timedelta(days=1)),
)


def whole(fmt: FeedFormat, feed: FeedMeta, entries: list[Entry]) -> bytes:
    return write_feed(fmt, feed, in_feed_order(entries))


write_atom, write_rss = partial(whole, FeedFormat.ATOM), partial(whole, FeedFormat.RSS)


def told(events: Iterable[Any], base: str | None = "https://watch.example.org/") -> list[Entry]:
    return [entry_for(it, lambda of: permalink(base, of)) for it in events]


def parsed(document: bytes) -> Any:
    etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    feed = feedparser.parse(document)
    assert not feed.bozo, feed.get("bozo_exception")
    return feed


def test_both_formats_tell_the_same_in_the_same_order() -> None:
    entries = told(EVENTS)
    atom, rss = parsed(write_atom(META, entries)), parsed(write_rss(META, entries))
    ids = [EVENTS[1].id, EVENTS[2].id, EVENTS[0].id]
    for feed in (atom, rss):
        assert [entry.id for entry in feed.entries] == ids
        assert [entry.link for entry in feed.entries] == [entries[at].link for at in (1, 2, 0)]
        assert [html.unescape(entry.title) for entry in feed.entries] == [entries[at].title for at in (1, 2, 0)]
        assert feed.entries[0].published_parsed == feed.feed.updated_parsed == SEEN.utctimetuple()
    assert [entry.content[0].value for entry in atom.entries] == [entry.content[0].value for entry in rss.entries]
    assert "<b>BABEL STREET</b>" in rss.entries[0].content[0].value  # feedparser, as some readers, drops <mark>
    assert "modified" in [tag.term for tag in atom.entries[1].tags]


def test_output_is_the_same_byte_for_byte() -> None:
    assert write_atom(META, told(EVENTS)) == write_atom(META, told(EVENTS))
    assert write_rss(META, told(EVENTS)) == write_rss(META, told(EVENTS))


def test_atom_keeps_the_rules_of_rfc_4287() -> None:
    root = etree.fromstring(write_atom(META, told(EVENTS)))
    assert root.tag == f"{ATOM}feed"
    assert [root.findtext(ATOM + name) for name in ("id", "title", "updated")] == [
        META.id,
        META.title,
        "2026-11-20T14:05:09+00:00",
    ]
    assert root.findtext(f"{ATOM}author/{ATOM}name")
    for element in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            assert len(element.findall(ATOM + name)) == 1
        links = [(link.get("rel"), link.get("type"), link.get("hreflang")) for link in element.findall(f"{ATOM}link")]
        assert len(set(links)) == len(links)
        assert [link for link in links if link[0] == "alternate"] == [("alternate", "text/html", None)]
    ids = [entry.findtext(f"{ATOM}id") for entry in root.findall(f"{ATOM}entry")]
    assert len(set(ids)) == len(ids) == 3
    selves = [link.get("href") for link in root.findall(f"{ATOM}link") if link.get("rel") == "self"]
    assert selves == [META.self_url]
    via = [link for link in root.findall(f"{ATOM}entry/{ATOM}link") if link.get("rel") == "via"]
    assert [link.get("href") for link in via] == [EVENTS[at].record.url for at in (1, 2, 0)]


def test_rss_keeps_its_rules() -> None:
    document = write_rss(RSS_META, told(EVENTS))
    channel = etree.fromstring(document).find("channel")
    assert channel is not None
    assert all(channel.findtext(name) for name in ("title", "link", "description"))
    assert channel.findtext("link") == META.html_url
    itself = channel.find(f"{ATOM}link")
    assert itself is not None
    assert {name: itself.get(name) for name in ("href", "rel", "type")} == {
        "href": RSS_META.self_url,
        "rel": "self",
        "type": "application/rss+xml",
    }
    assert {guid.get("isPermaLink") for guid in channel.findall("item/guid")} == {"false"}
    assert channel.findtext("item/pubDate") == "Fri, 20 Nov 2026 14:05:09 +0000"
    assert len(channel.findall(f"item/{CONTENT}encoded")) == 3
    assert b"Clearview AI &#x26; others</title>" in document


def test_an_empty_feed_has_the_time_it_is_given() -> None:
    assert b"<updated>2026-01-01T00:00:00+00:00</updated>" in write_atom(META, [])
    assert b"<lastBuildDate>Thu, 01 Jan 2026 00:00:00 +0000<" in write_rss(META, [])
    for document in (write_atom(META, []), write_rss(META, [])):
        assert parsed(document).entries == []


def test_a_feed_that_is_only_a_file_names_no_dead_link() -> None:
    nowhere = replace(META, self_url=None, html_url="https://www.usaspending.gov/")
    for document in (write_atom(nowhere, told(EVENTS, None)), write_rss(nowhere, told(EVENTS, None))):
        feed = parsed(document)
        assert [entry.link for entry in feed.entries] == [EVENTS[at].record.url for at in (1, 2, 0)]
        assert b"watch.example.org" not in document


ANY_TEXT = st.text(st.characters(), max_size=60)  # every code point, lone surrogates too


@pytest.mark.parametrize("write", [write_atom, write_rss])
@given(text=ANY_TEXT)
@example("<script>alert(1)</script> & ]]> <b>x</b> &amp; &lt;")
@example("😀 \u202etxt.exe\u202c \x00\x08\x0b\x1f\x7f\x85 \ud800 \udfff \ufffe\uffff \U0001ffff")
@example("--><![CDATA[ x ]]>&#0; %00 \u2028 \r\n\t")
@example(" ")
def test_hostile_text_arrives_whole_and_harmless(write: Any, text: str) -> None:
    entry = told([hostile(text)])[0]
    document = write(replace(META, title=text + "x", subtitle=text), [entry])
    feed = parsed(document)
    root = etree.fromstring(document)
    item = root.find(f"{ATOM}entry") if write is write_atom else root.find("channel/item")
    assert item is not None
    title = item.findtext(f"{ATOM}title") if write is write_atom else item.findtext("title")
    assert title == entry.title
    assert one_line(text)[:50] in entry.title
    content = item.findtext(f"{ATOM}content") if write is write_atom else item.findtext(f"{CONTENT}encoded")
    assert content is not None
    fragment = etree.fromstring(f"<div>{content}</div>")  # well formed: nothing from outside opened a tag
    assert {str(element.tag) for element in fragment.iter()} <= {
        *("div", "p", "strong", "blockquote", "mark", "dl", "dt", "dd", "ul", "li", "a", "b")
    }
    assert one_line(text) in one_line("".join(str(part) for part in fragment.itertext()))
    assert feed.entries[0].id == "tag:procurewatch,2026:award/hostile"


@pytest.mark.parametrize("fmt", list(FeedFormat))
def test_text_that_looks_like_markup_stays_in_its_entry(fmt: FeedFormat) -> None:
    texts = ("\n  <entry>\n", "</entry>\n", "</item>\n    <item>\n", "]]>", "  </channel>\n</rss>\n", '"},\n {"id": 1')
    events = [
        replace(it, id=f"{it.id}/{at}", record=replace(it.record, description=text, recipient_name=text))
        for at, (it, text) in enumerate(zip(EVENTS * 2, texts, strict=True))
    ]
    document = whole(fmt, META, told(events))
    if fmt is FeedFormat.JSON:
        assert sorted(item["id"] for item in json.loads(document)["items"]) == sorted(it.id for it in events)
    else:
        assert sorted(entry.id for entry in parsed(document).entries) == sorted(it.id for it in events)
