"""Contracts that end soon: their page, their feed, and the search by the day on which contracts end."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import feedparser
import pytest
from httpx import Client

from procurewatch.web.routes import expiring
from storage.database import Database
from storage.writing.runs import publish_expiring
from tests.procurewatch.web.fixtures import tree_of
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, match
from tests.storage.database_helpers import save

TODAY = datetime.now(UTC).date()


def store(database: Database) -> None:
    for award, vendor, days in ((CLEARVIEW, "clearview-ai", 42), (BABEL, "babel-street", 7), (CLEARVIEW_FORENSIC, "clearview-ai", 91)):  # fmt: skip  # noqa: E501
        save(database, replace(award, ends=TODAY + timedelta(days=days)), match(award, vendor))
    with database.writing() as session:
        publish_expiring(session, database.now())


def test_what_ends_soon_is_on_a_page_and_in_a_feed(made: tuple[Client, Database]) -> None:
    client, database = made
    store(database)
    [link] = tree_of(client.get("/").content).xpath("//section[@aria-labelledby='ending']//p[@class='hint']/a/@href")
    page = tree_of(client.get(f"/{link}").content)
    rows = [" ".join(" ".join(row.itertext()).split()) for row in page.xpath("//table//tbody/tr")]
    assert [row[:21] for row in rows] == [
        f"{TODAY + timedelta(days=7)} in 7 days ", f"{TODAY + timedelta(days=42)} in 42 days",
    ]  # fmt: skip
    assert "2 contracts and orders with a match end between" in page.text_content()
    [feed] = page.xpath("//link[@type='application/atom+xml']/@href")
    entries = feedparser.parse(client.get(f"/{feed}").content).entries
    assert {entry.title.rpartition(" ends ")[2][:10] for entry in entries} == {
        str(TODAY + timedelta(days=days)) for days in (7, 42)
    }
    assert client.get("/expiring.json").json()["title"] == "Procurewatch: contracts that end within 90 days"
    assert len(feedparser.parse(client.get("/all.atom").content).entries) == 3, "the awards themselves alone"
    assert any("expiring.atom" in href for href in tree_of(client.get("/feeds.html").content).xpath("//a/@href"))
    [table] = [href for href in page.xpath("//a/@href") if href.startswith("search.csv")]
    found = list(csv.DictReader(client.get(f"/{table}").text.splitlines()))
    assert {row["piid"] for row in found} == {CLEARVIEW.piid, BABEL.piid}


def test_the_page_counts_no_more_than_it_says(made: tuple[Client, Database], monkeypatch: pytest.MonkeyPatch) -> None:
    client, database = made
    store(database)
    monkeypatch.setattr(expiring, "MAX_COUNTED", 1)
    page = tree_of(client.get("/expiring.html").content).text_content()
    assert "More than 1 contracts and orders with a match end between" in page


def test_a_search_by_the_day_on_which_contracts_end(made: tuple[Client, Database]) -> None:
    client, database = made
    store(database)

    def piids(query: str) -> set[str]:
        return {record["piid"] for record in client.get(f"/api/v1/records?{query}").json()["records"]}

    assert piids(f"ends_since={TODAY + timedelta(days=42)}") == {CLEARVIEW.piid, CLEARVIEW_FORENSIC.piid}
    assert piids(f"ends_until={TODAY + timedelta(days=41)}&vendor=babel-street") == {BABEL.piid}
    heading = tree_of(client.get(f"/search?ends_until={TODAY}").content).xpath("//h2[@id='results']")[0].text
    assert heading == f"0 records ending {TODAY} or earlier"
