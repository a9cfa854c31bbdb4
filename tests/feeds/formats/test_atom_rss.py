"""Atom, RSS and JSON Feed: read by a feed reader, checked against the standards, and given hostile text."""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
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
from storage.models import EventKind, StoredEvent
from tests.feeds.formats.feed_rules import ATOM, CONTENT, check_atom, check_json_feed, check_rss
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

ADDRESS = "https://watch.example.org/vendor/clearview-ai.atom"
META = FeedMeta(
    id=feed_id("vendor", "clearview-ai"),
    title="Procurewatch: Clearview AI & others",
    subtitle="Federal contract actions",
    self_url=ADDRESS,
    html_url="https://watch.example.org/index.html",
    updated=datetime(2026, 1, 1, tzinfo=UTC),
)
EVENTS = (
    event(BABEL, BABEL_ACTIONS[1], EventKind.OPTION_EXERCISED, seen=SEEN),
    event(PALANTIR, PALANTIR_ACTIONS[0], seen=SEEN - timedelta(days=1)),
    event(CLEARVIEW, CLEARVIEW_ACTIONS[0], EventKind.NEW_AWARD, seen=SEEN - timedelta(days=2), earlier=4),
)
XML_FORMATS = (FeedFormat.ATOM, FeedFormat.RSS)
CHECKS = {FeedFormat.ATOM: check_atom, FeedFormat.RSS: check_rss, FeedFormat.JSON: check_json_feed}


def entries_of(events: Iterable[StoredEvent], base: str = "https://watch.example.org/") -> list[Entry]:
    return in_feed_order(entry_for(each, lambda of: permalink(base, of)) for each in events)


def parsed(document: bytes) -> Any:
    etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    feed = feedparser.parse(document)
    assert not feed.bozo, feed.get("bozo_exception")
    return feed


@pytest.mark.parametrize("fmt", FeedFormat)
@pytest.mark.parametrize("events", [EVENTS, ()])
def test_a_feed_keeps_the_rules_of_its_format(fmt: FeedFormat, events: tuple[StoredEvent, ...]) -> None:
    document = write_feed(fmt, META, entries_of(events))
    CHECKS[fmt](document, address=ADDRESS)
    assert document == write_feed(fmt, META, entries_of(events))


def test_all_formats_have_the_same_entries_in_the_same_order() -> None:
    entries = entries_of(reversed(EVENTS))
    atom, rss = (parsed(write_feed(fmt, META, entries)) for fmt in XML_FORMATS)
    for feed in (atom, rss):
        assert [entry.id for entry in feed.entries] == [each.id for each in EVENTS]
        assert [entry.link for entry in feed.entries] == [entry.link for entry in entries]
        assert [html.unescape(entry.title) for entry in feed.entries] == [entry.title for entry in entries]
        assert feed.entries[0].published_parsed == feed.feed.updated_parsed == SEEN.utctimetuple()
    assert [entry.content[0].value for entry in atom.entries] == [entry.content[0].value for entry in rss.entries]
    assert "<b>BABEL STREET</b>" in rss.entries[0].content[0].value  # feedparser, as some readers, drops <mark>
    assert "modified" in [tag.term for tag in atom.entries[1].tags]
    assert [entry["id"] for entry in json.loads(write_feed(FeedFormat.JSON, META, entries))["items"]] == [
        each.id for each in EVENTS
    ]


def test_an_entry_links_to_the_official_page_too() -> None:
    root = etree.fromstring(write_feed(FeedFormat.ATOM, META, entries_of(EVENTS)))
    via = root.findall(f"{ATOM}entry/{ATOM}link[@rel='via']")
    assert [link.get("href") for link in via] == [each.record.url for each in EVENTS]


def test_an_empty_feed_has_the_time_it_is_given() -> None:
    assert b"<updated>2026-01-01T00:00:00+00:00</updated>" in write_feed(FeedFormat.ATOM, META, [])
    assert b"<lastBuildDate>Thu, 01 Jan 2026 00:00:00 +0000<" in write_feed(FeedFormat.RSS, META, [])


@pytest.mark.parametrize("fmt", XML_FORMATS)
def test_a_feed_without_a_site_has_no_dead_link(fmt: FeedFormat) -> None:
    nowhere = replace(META, self_url=None, html_url="https://www.usaspending.gov/")
    document = write_feed(fmt, nowhere, entries_of(EVENTS, ""))
    assert [entry.link for entry in parsed(document).entries] == [each.record.url for each in EVENTS]
    assert b"watch.example.org" not in document


ANY_TEXT = st.text(st.characters(), max_size=60)  # every code point, lone surrogates too


@pytest.mark.parametrize("fmt", XML_FORMATS)
@given(text=ANY_TEXT)
@example("<script>alert(1)</script> & ]]> <b>x</b> &amp; &lt;")
@example("😀 \u202etxt.exe\u202c \x00\x08\x0b\x1f\x7f\x85 \ud800 \udfff \ufffe\uffff \U0001ffff")
@example("--><![CDATA[ x ]]>&#0; %00 \u2028 \r\n\t")
@example(" ")
def test_hostile_text_arrives_whole_and_harmless(fmt: FeedFormat, text: str) -> None:
    (entry,) = entries_of([hostile(text)])
    document = write_feed(fmt, replace(META, title=text + "x", subtitle=text), [entry])
    feed = parsed(document)
    root = etree.fromstring(document)
    item = root.find(f"{ATOM}entry") if fmt is FeedFormat.ATOM else root.find("channel/item")
    assert item is not None
    title = item.findtext(f"{ATOM}title") if fmt is FeedFormat.ATOM else item.findtext("title")
    assert title == entry.title
    assert one_line(text)[:50] in entry.title
    content = item.findtext(f"{ATOM}content") if fmt is FeedFormat.ATOM else item.findtext(f"{CONTENT}encoded")
    assert content is not None
    fragment = etree.fromstring(f"<div>{content}</div>")  # well formed: nothing from outside opened a tag
    assert {str(element.tag) for element in fragment.iter()} <= {
        *("div", "p", "br", "strong", "blockquote", "mark", "dl", "dt", "dd", "ul", "li", "a", "b")
    }
    assert one_line(text) in one_line("".join(str(part) for part in fragment.itertext()))
    assert feed.entries[0].id == "tag:procurewatch,2026:award/hostile"


@pytest.mark.parametrize("fmt", FeedFormat)
def test_text_that_looks_like_markup_stays_in_its_entry(fmt: FeedFormat) -> None:
    texts = ("\n  <entry>\n", "</entry>\n", "</item>\n    <item>\n", "]]>", "  </channel>\n</rss>\n", '"},\n {"id": 1')
    events = [
        replace(it, id=f"{it.id}/{at}", record=replace(it.record, description=text, recipient_name=text))
        for at, (it, text) in enumerate(zip(EVENTS * 2, texts, strict=True))
    ]
    document = write_feed(fmt, META, entries_of(events))
    if fmt is FeedFormat.JSON:
        assert sorted(item["id"] for item in json.loads(document)["items"]) == sorted(it.id for it in events)
    else:
        assert sorted(entry.id for entry in parsed(document).entries) == sorted(it.id for it in events)
