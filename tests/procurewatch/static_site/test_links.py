"""The static site on a web host under a path: every link leads somewhere, and every page is linked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import feedparser
import pytest
from lxml import etree, html

from feeds import urls
from feeds.formats.sitemap import NAMESPACE
from procurewatch.static_site.building import build_site
from storage.database import open_database
from storage.models import record_subject
from storage.writing.reviews import Decision, ReviewDecision, save_decision
from storage.writing.save import save_publication
from tests.procurewatch.site import context_for, fill
from tests.procurewatch.static_site.crawling import Crawl, crawl, hosted, pages_in
from tests.records import BABEL, LATER, match
from tests.sources.fakes import announcement, publication
from tests.storage.database_helpers import publish_all

SITE = "https://example.org/contracts"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build a site with publications, and again after a reviewer has rejected a match."""
    data = tmp_path_factory.mktemp("data")
    rejected = ReviewDecision(
        vendor_id="babel-street",
        subject=record_subject(BABEL.key),
        decision=Decision.REJECTED,
        decided_by="me",
        note="",
        decided_at=LATER,
    )
    with closing(open_database(f"sqlite:///{data / 'procurewatch.sqlite3'}")) as database:
        fill(database)
        for made in (publication("SAM_NOTICE_1"), announcement("DOD_1", "W911QX21P0001")):
            with database.writing() as session:
                save_publication(session, made, [match(made)], LATER, publish_all)
        app_context = context_for(database, data)
        build_site(app_context, data / "site", SITE)
        assert (data / "site" / "awards" / f"{BABEL.key}.html").is_file()
        with database.writing() as session:
            save_decision(session, rejected)
        build_site(app_context, data / "site", SITE)
        yield data / "site"


@pytest.fixture(scope="module")
def found(folder: Path) -> Crawl:
    with hosted(folder) as address:
        return crawl(address)


def test_every_link_leads_to_a_file_and_an_element_of_it(found: Crawl) -> None:
    assert found.broken == []


def test_every_page_and_feed_is_linked(found: Crawl, folder: Path) -> None:
    written = pages_in(folder) - {urls.MISSING} | {
        path.relative_to(folder).as_posix() for path in folder.rglob("*.atom")
    }
    assert written - found.reached == set()
    assert f"awards/{BABEL.key}.html" not in written


def test_no_link_needs_a_server_or_leaves_the_path_of_the_site(found: Crawl) -> None:
    assert {link for link in found.outside if not link.startswith(("https://", "mailto:"))} == set()


def test_the_sitemap_lists_all_pages(folder: Path) -> None:
    sitemap = etree.fromstring((folder / urls.SITEMAP).read_bytes())
    listed = [str(url.text) for url in sitemap.iter(f"{{{NAMESPACE}}}loc")]
    assert len(set(listed)) == len(listed)
    paths = {url.removeprefix(f"{SITE}/") or urls.INDEX for url in listed}
    assert paths == pages_in(folder) - {urls.MISSING}
    assert f"Sitemap: {SITE}/{urls.SITEMAP}\n" in (folder / urls.ROBOTS).read_text()


def test_llms_txt_leads_to_files_of_the_site(folder: Path) -> None:
    text = (folder / urls.LLMS).read_text()
    links = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): \S", text, re.MULTILINE)
    assert len(links) > 8
    assert [link for link in links if not (folder / link.removeprefix(f"{SITE}/")).is_file()] == []
    assert all(link.startswith(f"{SITE}/") for link in links)


def test_the_page_for_missing_pages_links_to_the_site_from_any_depth(folder: Path) -> None:
    page = html.fromstring((folder / urls.MISSING).read_bytes())
    links = [str(each.get("href")) for each in page.iter("a", "link") if each.get("href") != "#main"]
    assert links
    assert all(link.startswith("/contracts/") for link in links)


def test_feeds_are_valid_and_link_to_pages_of_the_site(found: Crawl, folder: Path) -> None:
    for path in (*folder.rglob("*.atom"), *folder.rglob("*.rss")):
        parsed = feedparser.parse(path.read_bytes())
        assert not parsed.bozo, path
        for entry in parsed.entries:
            page = entry.link.partition("#")[0].removeprefix(f"{SITE}/")
            assert page in found.reached or entry.link.startswith("https://www.usaspending.gov/award/"), entry.link
    withdrawn = feedparser.parse((folder / "vendor" / "babel-street.atom").read_bytes()).entries[0]
    assert "withdrawn" in withdrawn.title.lower()
    assert withdrawn.link.startswith("https://www.usaspending.gov/award/")
