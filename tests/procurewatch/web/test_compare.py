"""Comparing spending: the page, its CSV file and the API give the same totals."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from lxml import html

from storage.database import open_database
from tests.procurewatch.site import served
from tests.records import BABEL, CLEARVIEW, CLEARVIEW_FORENSIC, EQUIPMENT, match
from tests.storage.database_helpers import save


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("compare")
    with closing(open_database(f"sqlite:///{folder / 'desk.sqlite3'}")) as database:
        save(database, CLEARVIEW, match(CLEARVIEW), match(CLEARVIEW, "face-recognition", is_topic=True))
        save(database, CLEARVIEW_FORENSIC, match(CLEARVIEW_FORENSIC, "face-recognition", is_topic=True))
        save(database, BABEL, match(BABEL, "babel-street"), match(BABEL, "panamerica"))
        save(database, EQUIPMENT, match(EQUIPMENT, "nuix", band="review"))
        with served(database, folder) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield client


def table_of(page: httpx.Response) -> dict[str, list[str]]:
    assert page.status_code == 200
    tree: Any = html.fromstring(page.content)
    rows = tree.xpath("//main//table//tr")
    texts = [
        [" ".join(cell.text_content().split()) for cell in row.xpath("th|td[contains(@class, 'number')]")]
        for row in rows
    ]
    return {cells[0]: cells[1:] for cells in texts}


def test_the_question_is_answered_in_two_clicks_from_home(site: httpx.Client) -> None:
    home: Any = html.fromstring(site.get("/").content)
    (compare,) = {link.get("href") for link in home.xpath("//nav//a[.='Compare']")}
    first: Any = html.fromstring(site.get(f"/{compare}").content)
    rows = first.xpath("//main//table//tr[contains(th, 'ace recognition')]//a/@href")
    (chosen,) = [href for href in rows if parse_qs(urlsplit(href).query).get("fiscal_year") == ["2024"]]
    assert table_of(site.get(f"/{chosen}"))["U.S. Immigration and Customs Enforcement"][:2] == ["1", "$1,102,500"]


def test_page_csv_and_api_have_the_same_totals(site: httpx.Client) -> None:
    asked = "category=face-recognition&rows=agency&columns=year"
    found = table_of(site.get(f"/compare?{asked}"))
    assert found["U.S. Immigration and Customs Enforcement"] == [
        *("2", "$3,390,000"),
        *("$500,000", "$1,000,000", "$787,500", "$1,102,500"),
    ]
    assert found["Total"] == found["U.S. Immigration and Customs Enforcement"]
    rows = list(csv.DictReader(io.StringIO(site.get(f"/compare.csv?{asked}").text)))
    cells = {row["column"]: row["obligated"] for row in rows if row["is_total"] == "no"}
    assert cells == {"2021": "500000.00", "2022": "1000000.00", "2023": "787500.00", "2024": "1102500.00"}
    assert (rows[-1]["obligated"], rows[-1]["actions"], rows[-1]["is_total"]) == ("3390000.00", "6", "yes")
    api: dict[str, Any] = site.get(f"/api/v1/spending?{asked}").json()
    assert {cell["column"]: cell["dollars"] for cell in api["cells"]} == cells
    assert api["total"] == {"dollars": "3390000.00", "actions": 6, "awards": 2}


def test_rows_that_overlap_have_a_note_and_a_total_that_counts_once(site: httpx.Client) -> None:
    page = site.get("/compare?rows=vendor")
    found = table_of(page)
    assert found["Babel Street"][1] == found["Panamerica Computers"][1] == "$5,906,000"
    assert found["no vendor, matched by a topic"] == ["1", "$1,102,500"]
    assert found["Total"] == ["3", "$9,296,000"]
    assert "counts in full in both" in page.text
    assert "counts in full in both" not in site.get("/compare?rows=agency&columns=year").text
    api = site.get("/api/v1/spending?rows=vendor").json()
    assert (api["rows_overlap"], api["columns"], api["cells"]) == (True, [], [])


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ("rows=x", "unknown rows 'x'; there are agency, year, vendor, topic, category, recipient"),
        ("rows=agncy", "did you mean 'agency'?"),
        ("rows=year&columns=year", "rows=year and columns=year do not go together"),
        ("rows=vendor&columns=topic", "do not go together"),
        ("fiscal_year=soon", "is not a fiscal year"),
    ],
)
def test_what_cannot_be_compared_gets_one_line(site: httpx.Client, asked: str, complaint: str) -> None:
    for path in ("/compare", "/compare.csv", "/api/v1/spending"):
        answer = site.get(f"{path}?{asked}")
        assert answer.status_code == 400
        assert complaint in answer.text.replace("&#39;", "'")


def test_matches_that_are_not_published_are_never_compared(site: httpx.Client) -> None:
    assert site.get("/compare?band=review").status_code == 400
    assert site.get("/api/v1/spending?band=review").status_code == 403
    assert "nuix" not in site.get("/compare.csv?rows=vendor").text


def test_a_table_that_finds_nothing_says_so(site: httpx.Client) -> None:
    page = site.get("/compare?vendor=clearview-ai&fiscal_year=1999&rows=agency")
    assert page.status_code == 200
    assert "No contract actions match" in page.text
    read = "No period has been read completely, so contracts may be missing."
    assert read in page.text
    assert read in site.get("/api/v1/spending?vendor=clearview-ai&fiscal_year=1999&rows=agency").json()["coverage"]
