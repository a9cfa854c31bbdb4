"""What an attacker writes into records, addresses and parameters: it stays text, leads nowhere and breaks nothing."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from httpx import Client
from lxml import etree, html

from monitors.watchlist.csv_io import FORMULA_STARTS
from storage.database import open_database
from tests.procurewatch.site import serve
from tests.procurewatch.web.security.attacked_site import FORMULA, HOSTILE, SCRIPT_URL, context
from tests.procurewatch.web.security.crawl import Answer, text_of
from tests.records import CLEARVIEW

HTML = "text/html"
XML = re.compile(r"(application|text)/([a-z]+\+)?xml")
VALUES = ("", "0", "-1", "9" * 40, "1e999", "NaN", "\x00", "\u202e", "%", "%00", "'\"`;--", "../../etc/passwd",
          "//evil.example", "https://evil.example/", "{{7*7}}", HOSTILE, "a" * 900, "\U0001f600" * 200)  # fmt: skip
PARAMETERS = ("q", "vendor", "agency", "category", "recipient", "since", "until", "min", "max", "page", "cursor",
              "limit", "sort", "kind", "archive", "after", "sql", "_facet", "_size", "_next", "utm_source")  # fmt: skip


Answers = dict[str, Answer]
Routes = dict[str, re.Pattern[str]]


@pytest.fixture(scope="module")
def client(attacked_folder: Path) -> Iterator[Client]:
    """A client of the site."""
    with (
        closing(open_database(f"sqlite:///{attacked_folder / 'procurewatch.sqlite3'}")) as database,
        serve(context(database, attacked_folder)) as address,
        Client(base_url=address, timeout=120) as opened,
    ):
        yield opened


def test_no_response_fails(answers: Answers) -> None:
    assert {url: answer.status for url, answer in answers.items() if answer.status >= 500} == {}
    assert sum("zztag" in text_of(answer) for answer in answers.values()) > 20  # the attack has arrived
    assert [url for url, answer in answers.items() if "x-zz" in answer.headers] == []


def test_no_page_contains_an_attackers_tag_attribute_or_link(answers: Answers) -> None:
    pages = {url: answer for url, answer in answers.items() if answer.kind.startswith(HTML)}
    pages = {
        url: page for url, page in pages.items() if "attachment" not in page.headers.get("content-disposition", "")
    }
    assert len(pages) > 20
    for url, page in pages.items():
        tree: Any = html.fromstring(page.content)
        assert tree.xpath("//zztag | //@*[starts-with(name(), 'on')] | //comment()[contains(., 'zz')]") == [], url
        links = [str(link) for link in tree.xpath("//@href | //@src | //@action | //@formaction")]
        assert [link for link in links if urlsplit(link.strip()).scheme not in ("", "http", "https", "mailto")] == [], (
            url
        )
        assert "49%0d" not in page.text  # {{7*7}} is no template


def test_feeds_and_other_xml_are_well_formed(answers: Answers) -> None:
    documents = [answer for answer in answers.values() if XML.match(answer.kind)]
    assert len(documents) > 10
    for document in documents:
        tree: Any = etree.fromstring(document.content)
        assert tree.xpath("//*[local-name() = 'zztag']") == []
        assert SCRIPT_URL not in [str(link) for link in tree.xpath("//@href | //*[local-name() = 'link']/text()")]


def test_evidence_is_a_download(answers: Answers) -> None:
    stored = [answer for url, answer in answers.items() if "/evidence/" in url]
    assert HOSTILE.encode() in [answer.content for answer in stored]
    for answer in stored:
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_no_csv_has_a_formula_and_no_zip_a_path(answers: Answers) -> None:
    packs = [
        zipfile.ZipFile(io.BytesIO(each.content)) for url, each in answers.items() if urlsplit(url).path[-4:] == ".zip"
    ]
    names = [name for pack in packs for name in pack.namelist()]
    assert names
    assert [name for name in names if name.startswith("/") or ".." in PurePosixPath(name).parts or "\\" in name] == []
    files = [each.text for url, each in answers.items() if urlsplit(url).path.endswith(".csv")]
    files += [pack.read(name).decode() for pack in packs for name in pack.namelist() if name.endswith(".csv")]
    cells = [cell for file in files for row in csv.reader(io.StringIO(file)) for cell in row]
    assert f"'{FORMULA}" in " ".join(cells)
    assert [cell for cell in cells if cell.lstrip(" ").startswith(FORMULA_STARTS) and not _is_number(cell)] == []


def _is_number(cell: str) -> bool:
    return cell.lstrip("-").replace(".", "", 1).isdigit()


def test_hostile_addresses_and_parameters_are_answered_in_one_line_or_a_page(
    client: Client,
    routes: Routes,
) -> None:
    assert len(routes) > 40
    for number, route in enumerate(routes):
        for place, value in enumerate(VALUES[number % 2 :: 2]):  # each value on every other route
            path = "/".join(quote(value, safe="") if "{" in part else part for part in route.split("/"))
            name = PARAMETERS[(number + place) % len(PARAMETERS)]
            answer = client.get(f"{path}?{name}={quote(value, safe='')}")
            assert answer.status_code < 500, (path, name, value)
            assert "x-zz" not in answer.headers
            target = urlsplit(answer.headers.get("location", ""))
            assert target.netloc in ("", urlsplit(str(client.base_url)).netloc), (path, name, value)


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/assets/..%2f..%2fapp.py", "/evidence/..%2f..%2fx", "/%2e%2e/%2e%2e/etc/passwd"]
)
def test_no_path_leaves_the_site(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_nothing_changes_without_a_form(client: Client, routes: Routes) -> None:
    for route in [*routes, "/review/decide", "/review/undo", "/review/sign-out"]:
        answer = client.post(route, data={"record": CLEARVIEW.key}, headers={"Origin": "https://evil.example"})
        assert answer.status_code in (403, 404, 405), route
