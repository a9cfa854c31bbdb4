"""Feeds over real HTTP: any question, each format, walked to its beginning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import feedparser
import httpx
import pytest
from lxml import etree, html
from sqlalchemy import insert

from feeds.formats.atom_rss import write_feed
from feeds.urls import FeedFormat
from procurewatch.web.routes import feeds as web_feeds
from sources.records import Agency, Publication, PublicationKind, Recipient
from storage.database import Database
from storage.schema.tables import EventRow, RenumberedRow
from storage.writing.publication import snapshot_events
from storage.writing.save import save_publication
from tests.feeds.formats.feed_rules import check_atom, check_json_feed, check_rss
from tests.procurewatch.site import served
from tests.records import BABEL, CLEARVIEW, acted, match
from tests.storage.alerts.helpers import reject
from tests.storage.database_helpers import publish_all, save

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=100)


@contextmanager
def serve(database: Database, folder: Path, **settings: object) -> Iterator[httpx.Client]:
    """Serve a database over HTTP; give a client whose base is the site's own address."""
    with served(database, folder, **settings) as base, httpx.Client(base_url=base, timeout=30) as client:
        yield client


def fill(database: Database, *, actions: int = 0) -> None:
    """Store two awards, and so many entries more about the first, one an hour, from a hundred days ago on."""
    save(database, CLEARVIEW, match(CLEARVIEW), now=LONG_AGO)
    save(database, BABEL, match(BABEL, "babel-street"), now=LONG_AGO + timedelta(minutes=1))
    rows = [
        {
            "id": f"tag:procurewatch,2026:test/{number}",
            "record_key": CLEARVIEW.key,
            "action_key": "",
            "kind": "modified",
            "old_value": "",
            "new_value": "",
            "earlier_actions": 0,
            "vendor_id": "",
            "part_of": "",
            "is_published": True,
            "pending_review": False,
            "first_seen": LONG_AGO + timedelta(hours=number + 1),
        }
        for number in range(actions)
    ]
    with database.writing() as session:
        if rows:
            session.execute(insert(EventRow), rows)
            snapshot_events(session, {str(row["record_key"]) for row in rows})


def ids(document: bytes) -> list[str]:
    if document.startswith(b"{"):
        return [item["id"] for item in json.loads(document)["items"]]
    return [entry.id for entry in feedparser.parse(document).entries]


def older(document: bytes) -> str:
    if document.startswith(b"{"):
        return str(json.loads(document).get("next_url", ""))
    return linked(document, "prev-archive")


def linked(document: bytes, rel: str) -> str:
    """Return where a link leads, "" if there is none."""
    links = [element for element in etree.fromstring(document).iter() if element.get("rel") == rel]
    return str(links[0].get("href")) if links else ""


QUESTIONS = ("", "?q=clearview", "?vendor=babel-street", "?q=nothing-holds-this", "?agency=7012&since=2020-01-01")
CHECKS = {"atom": check_atom, "rss": check_rss, "json": check_json_feed}
TYPES = {"atom": "application/atom+xml", "rss": "application/rss+xml", "json": "application/feed+json"}


def test_a_search_feed_is_the_same_in_every_format(database: Database, tmp_path: Path) -> None:
    fill(database)
    with serve(database, tmp_path, websub_hub="https://hub.example.org/") as client:
        for question in QUESTIONS:
            answers = {fmt: client.get(f"/search.{fmt}{question}") for fmt in CHECKS}
            for fmt, answer in answers.items():
                assert answer.status_code == 200
                assert answer.headers["content-type"] == f"{TYPES[fmt]}; charset=utf-8"
                CHECKS[fmt](answer.content, address=str(answer.url))
            assert len({tuple(ids(answer.content)) for answer in answers.values()}) == 1
            atom, as_json = feedparser.parse(answers["atom"].content), json.loads(answers["json"].content)
            assert [entry.published for entry in atom.entries] == [item["date_published"] for item in as_json["items"]]
            assert "hubs" not in as_json, "the hub is not notified of searches"
            assert "link" not in answers["atom"].headers
        assert ids(client.get("/search.atom?vendor=babel-street").content) == ids(
            client.get("/vendor/babel-street.rss").content
        )
        assert len(ids(client.get("/search.json?q=clearview").content)) == 1
        named = client.get("/vendor/babel-street.json")
        assert named.json()["hubs"] == [{"type": "WebSub", "url": "https://hub.example.org/"}]
        assert named.headers["link"].startswith('<https://hub.example.org/>; rel="hub", <')


# The database decides which entries a page has, and the format how they are written.
@pytest.mark.parametrize(
    ("database_url", "fmt"), [*(("sqlite", fmt) for fmt in CHECKS), ("postgresql", "atom")], indirect=["database_url"]
)
def test_archives_contain_every_entry_once_and_never_change(database: Database, tmp_path: Path, fmt: str) -> None:
    fill(database, actions=730)
    with serve(database, tmp_path) as client:

        def walk(start: str) -> dict[str, bytes]:
            documents: dict[str, bytes] = {}
            address = start
            while address:
                assert address not in documents
                answer = client.get(address)
                assert answer.status_code == 200
                CHECKS[fmt](answer.content, address=address)
                documents[address] = answer.content
                address = older(answer.content)
            return documents

        start = f"{client.base_url}/search.{fmt}?q=clearview".replace("//search", "/search")
        before = walk(start)
        archives = list(before)[1:]
        assert len(archives) >= 7
        told = [entry for address in archives for entry in ids(before[address])]
        assert len(set(told)) == len(told)
        assert len({*told, *ids(before[start])}) == 731
        # The award itself changes, which its old entries do not show, and feeds gain entries.
        more = acted(CLEARVIEW, "P00099", "2025-09-12", "1.00")
        save(database, more, match(more), now=NOW)
        after = walk(start)
        assert ids(after[start])[0] not in told
        assert {address: after[address] for address in archives} == {address: before[address] for address in archives}
        if fmt != "json":
            assert forward(client, archives[-1]) == [*reversed(archives), start]


def forward(client: httpx.Client, address: str) -> list[str]:
    """Walk from the oldest archive to the feed."""
    visited = [address]
    for _ in range(50):
        newer = linked(client.get(address).content, "next-archive")
        if not newer:
            break
        address = str(client.get(newer, follow_redirects=True).url)
        visited.append(address)
    return visited


def test_only_a_feed_with_new_entries_changes(database: Database, tmp_path: Path) -> None:
    fill(database)
    with serve(database, tmp_path) as client:
        before, everything = client.get("/vendor/babel-street.json"), client.get("/search.atom")
        more = acted(CLEARVIEW, "P00099", "2025-09-12", "1.00")
        save(database, more, match(more), now=NOW)
        after = client.get("/vendor/babel-street.json")
        assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
        assert after.headers["last-modified"] == before.headers["last-modified"]
        unchanged = {"If-None-Match": everything.headers["etag"]}
        assert client.get("/search.atom", headers=unchanged).status_code == 200


def test_concurrent_readers_build_a_feed_once(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, actions=200)
    built: list[FeedFormat] = []

    def write(fmt: FeedFormat, *given: Any) -> bytes:
        built.append(fmt)
        return write_feed(fmt, *given)

    monkeypatch.setattr(web_feeds, "write_feed", write)
    with serve(database, tmp_path) as client, ThreadPoolExecutor(16) as readers:
        bodies = {answer.content for answer in readers.map(lambda _: client.get("/search.rss"), range(32))}
        assert (len(bodies), len(built)) == (1, 1)
        assert client.get("/search.rss", headers={"If-None-Match": "*"}).status_code == 304
        assert len(built) == 1


def test_the_list_of_feeds_and_the_index_name_all_formats(database: Database, tmp_path: Path) -> None:
    fill(database)
    with serve(database, tmp_path) as client:
        page = client.get("/").text
        for kind in TYPES.values():
            assert f'type="{kind}"' in page
        outlines = etree.fromstring(client.get("/feeds.opml").content).findall(".//outline[@xmlUrl]")
        groups = [
            item.get("text") for item in etree.fromstring(client.get("/feeds.opml").content).findall("body/outline")
        ]
        assert groups == ["Everything", "Vendors", "Agencies", "Technologies", "Expiring"]
        urls = [str(url) for outline in outlines for name, url in outline.items() if str(name).endswith("Url")]
        assert len(urls) == 4 * len(outlines)
        for url in dict.fromkeys(urls):
            assert client.get(urlsplit(url).path).status_code == 200, url


def test_modifications_of_cents_are_left_out_of_main_feeds_by_a_setting(database: Database, tmp_path: Path) -> None:
    def address(path: str, **settings: object) -> list[str]:
        with serve(database, tmp_path, **settings) as client:
            return ids(client.get(path).content)

    save(database, CLEARVIEW, match(CLEARVIEW), now=LONG_AGO)
    award = CLEARVIEW
    for number, amount in enumerate(("0.00", "0.99", "-0.99", "1.00", "-1.00"), start=50):
        award = acted(award, f"P000{number}", "2025-09-12", amount)
    award = acted(award, "P00060", "2025-09-12", "0.00", action_type="F", action_type_text="TERMINATE FOR CONVENIENCE")
    save(database, award, match(award), now=LONG_AGO + timedelta(days=1))
    paths = ("all.atom", "vendor/clearview-ai.atom", "agency/7012.atom", "category/face-recognition.atom")
    for path in paths:
        assert len(address(path)) == 4, path
        assert len(address(path, feed_min_change=0)) == 7, path
    assert len(address(paths[0], feed_min_change=2)) == 2
    assert len(address(f"search.atom?q={CLEARVIEW.piid}")) == 7
    assert len(address(f"search.atom?q={CLEARVIEW.piid}&min_change=1")) == 4
    with serve(database, tmp_path) as client:
        page = client.get(f"awards/{CLEARVIEW.key}.html").text
        assert all(f"modified P000{number}" in page or f"de-obligated P000{number}" in page for number in range(50, 55))
        listed = etree.HTML(client.get("/feeds.html").text)
        assert listed.xpath("string(//tr[th//a[contains(@href, 'vendor/clearview-ai')]]/td[1])") == "4"


ABOUT = Publication(
    key="notice-1",
    source="samnotices",
    kind=PublicationKind.NOTICE,
    type_text="notice",
    title="Facial recognition software",
    description="CLEARVIEW licenses",
    awarding=Agency(code="070", name="Department of Homeland Security", sub_code="7012", sub_name="ICE"),
    recipient=Recipient(name=""),
    published=NOW.date(),
    url="https://sam.gov/opp/1",
    award_key=CLEARVIEW.key,
)


def test_an_award_has_a_feed_of_its_own(database: Database, tmp_path: Path) -> None:
    path = f"/awards/{CLEARVIEW.key}"
    with serve(database, tmp_path, websub_hub="https://hub.example.org/") as client:
        fill(database, actions=3)
        with database.writing() as session:
            save_publication(session, ABOUT, [match(CLEARVIEW, record_key=ABOUT.key)], NOW, publish_all)
        page = html.fromstring(client.get(f"{path}.html").content)
        linked = [str(link.get("href")) for link in page.iter("link") if link.get("rel") == "alternate"]
        assert linked[:3] == [f"..{path}.{fmt}" for fmt in FeedFormat], "its own feed is the first"
        answers = {fmt: client.get(f"{path}.{fmt}") for fmt in FeedFormat}
        etag = answers[FeedFormat.ATOM].headers["etag"]
        assert client.get(f"{path}.atom", headers={"If-None-Match": etag}).status_code == 304
        assert client.options(f"{path}.atom").status_code == 204
        assert client.get("/awards/CONT_AWD_NONE.atom").status_code == 404
        everything, base = set(ids(client.get("/all.atom").content)), str(client.base_url).rstrip("/")
    for fmt, check in ((FeedFormat.ATOM, check_atom), (FeedFormat.RSS, check_rss), (FeedFormat.JSON, check_json_feed)):
        check(answers[fmt].content, address=f"{base}{path}.{fmt}")
        assert answers[fmt].headers["access-control-allow-origin"] == "*"
        assert len(ids(answers[fmt].content)) == 5, "its own four, and the notice about it"
        assert set(ids(answers[fmt].content)) < everything
        assert BABEL.key not in answers[fmt].text
    feed = feedparser.parse(answers[FeedFormat.ATOM].content).feed
    assert feed.title == f"Procurewatch: award {CLEARVIEW.piid}, CLEARVIEW AI, INC."
    assert feed.link == f"{base}{path}.html"
    assert not [link for link in feed.links if link.rel == "hub"], "the hub is not notified of this feed"


def test_every_entry_links_to_a_page_that_exists(database: Database, tmp_path: Path) -> None:
    """Also that of an award whose only match was withdrawn: it has no page any more."""
    with serve(database, tmp_path) as client:
        fill(database, actions=2)
        reject(database, CLEARVIEW.key, NOW)
        answers = {path: client.get(path).json() for path in ("/all.json", "/search.json", "/api/v1/events")}
        links = {item["url"] for path in ("/all.json", "/search.json") for item in answers[path]["items"]}
        links |= {event["page"] for event in answers["/api/v1/events"]["events"]}
        base = str(client.base_url)
        [official] = [link for link in links if not link.startswith(base)]
        assert official == CLEARVIEW.url
        own = {link.partition("#")[0] for link in links - {official}}
        assert {client.get(link).status_code for link in own} == {200}


def test_the_feed_of_an_award_moves_with_its_key(database: Database, tmp_path: Path) -> None:
    moved = CLEARVIEW.key.replace("CONT_AWD_", "CONT_AWD_FORMER")
    fill(database)
    with database.writing() as session:
        session.add(RenumberedRow(old_key=moved, new_key=CLEARVIEW.key, source="usaspending", first_seen=NOW))
    with serve(database, tmp_path) as client:
        answer = client.get(f"/awards/{moved}.rss")
        assert answer.status_code == 302
        assert client.get(str(answer.url.join(answer.headers["location"]))).status_code == 200
