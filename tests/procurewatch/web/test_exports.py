"""Downloads over real HTTP: a search in every format, story packs, requests for records."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import repeat
from pathlib import Path

import pyarrow.parquet
import pytest
from docx import Document
from fastapi import Request, Response
from httpx import Client
from sqlalchemy import text
from sqlalchemy.orm import Session
from starlette.requests import ClientDisconnect
from starlette.types import Message

from feeds.urls import letter_path, pack_path
from procurewatch.context import AppContext
from procurewatch.web.app import make_context
from procurewatch.web.routes.exports import MAX_DOWNLOADS, MAX_PER_CLIENT, Downloads
from procurewatch.web.security.guard import RequestRejected
from tests.procurewatch.web.fixtures import CLEARVIEW, tree_of
from tests.records import BABEL
from tests.records import CLEARVIEW as CLEARVIEW_AWARD

SEARCH = "?vendor=clearview-ai"


def test_a_search_can_be_exported_in_every_format(client: Client, tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get(f"/search.csv{SEARCH}").text)))
    keys = {row["record_key"] for row in rows}
    assert CLEARVIEW_AWARD.key in keys
    assert BABEL.key not in keys
    releases = json.loads(client.get(f"/search.ocds.json{SEARCH}").content)["releases"]
    assert {release["ocid"].removeprefix("procurewatch-") for release in releases} == keys
    table = pyarrow.parquet.read_table(io.BytesIO(client.get(f"/search.parquet{SEARCH}").content))
    assert table.num_rows == len(rows)
    file = tmp_path / "search.sqlite3"
    file.write_bytes(client.get(f"/search.sqlite3{SEARCH}").content)
    with sqlite3.connect(file) as database:
        assert {key for (key,) in database.execute("SELECT key FROM record")} == keys
    with zipfile.ZipFile(io.BytesIO(client.get(f"/search.zip{SEARCH}").content)) as pack:
        assert {"README.txt", "records.csv", "timeline.html", "citations.bib", "SHA256SUMS"} <= set(pack.namelist())


def test_an_award_has_an_evidence_pack_and_a_foia_letter(client: Client) -> None:
    page = client.get(CLEARVIEW).text
    for path in (pack_path(CLEARVIEW_AWARD.key), f"{letter_path(CLEARVIEW_AWARD.key)}.txt"):
        assert path in page
    with zipfile.ZipFile(io.BytesIO(client.get(f"/{pack_path(CLEARVIEW_AWARD.key)}").content)) as pack:
        assert pack.testzip() is None
    letter = client.get(f"/{letter_path(CLEARVIEW_AWARD.key)}.txt")
    assert "70CMSD21P00000127" in letter.text
    assert "5 U.S.C." in letter.text
    word = client.get(f"/{letter_path(CLEARVIEW_AWARD.key)}.docx")
    told = "\n".join(paragraph.text for paragraph in Document(io.BytesIO(word.content)).paragraphs)
    assert "70CMSD21P00000127" in told


def test_concurrent_downloads_are_limited(app_context: AppContext) -> None:
    downloads, taken = Downloads(make_context(app_context, "http://x.example")), []

    def endless(session: Session) -> Iterator[bytes]:
        while True:
            taken.append(session.scalar(text("SELECT 1")))
            yield b"x"

    def ask(method: str = "GET", client: int = 0) -> Response:
        state = {"client": f"203.0.113.{client // MAX_PER_CLIENT}"}
        asking = Request({"type": "http", "method": method, "path": "/", "headers": [], "state": state})
        try:
            return downloads.response(asking, endless, "text/plain", "x")
        except RequestRejected as rejected:
            return Response(rejected.line, rejected.status, headers=rejected.headers)

    for _ in range(3 * MAX_DOWNLOADS):
        assert ask("HEAD").status_code == 200  # reads as much as tells that there is something, and is done
    assert len(taken) == 3 * MAX_DOWNLOADS
    answers = [ask(client=number) for number in range(MAX_PER_CLIENT)]
    assert {answer.status_code for answer in answers} == {200}
    assert (ask().status_code, ask("HEAD").headers["retry-after"]) == (429, "60")  # others still have all the rest
    answers += [ask(client=number) for number in range(MAX_PER_CLIENT, MAX_DOWNLOADS)]
    assert {answer.status_code for answer in answers} == {200}
    assert (ask(client=99).status_code, ask("HEAD", client=99).headers["retry-after"]) == (503, "60")
    assert ask().status_code == 429
    answers.pop(0)  # a client has it, or is gone
    answers.append(ask())
    assert answers[-1].status_code == 200
    assert ask().status_code == 429


def test_a_disconnected_client_frees_its_download(app_context: AppContext) -> None:
    downloads, closed = Downloads(make_context(app_context, "http://x.example")), []

    def endless(_session: Session) -> Iterator[bytes]:
        try:
            yield from repeat(b"x")
        finally:
            closed.append(True)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def gone(_message: Message) -> None:
        raise OSError("the client has gone")

    scope = {
        "type": "http",
        "asgi": {"spec_version": "2.4"},
        "method": "GET",
        "path": "/",
        "headers": [],
        "state": {"client": "x"},
    }
    kept = []  # nothing is let go: that it is closed is nobody's tidying up
    for number in range(2 * MAX_DOWNLOADS):
        answer = downloads.response(Request(scope), endless, "text/plain", "x")
        assert answer.status_code == 200
        # In a thread of its own: a browser may have a loop in this one.
        with ThreadPoolExecutor(1) as server, pytest.raises(ClientDisconnect) as caught:
            server.submit(asyncio.run, answer(scope, receive, gone)).result(30)
        kept.append((answer, caught))
        assert len(closed) == number + 1


def test_a_file_links_the_data_dictionary_with_its_coverage(client: Client) -> None:
    answer = client.get(f"/search.csv{SEARCH}&rows=actions")
    address, relation, media_type = answer.headers["link"].split("; ")
    assert (relation, media_type) == ('rel="describedby"', 'type="application/json"')
    dictionary = client.get(answer.url.join(address.strip("<>"))).json()
    (resource,) = dictionary["resources"]
    assert client.get(resource["path"]).content == answer.content
    fields = [field["name"] for field in resource["schema"]["fields"]]
    assert fields == answer.text.partition("\r\n")[0].split(",")
    (linked,) = tree_of(client.get(f"/search{SEARCH}").content).xpath("//a[.='What the columns mean']/@href")
    assert client.get(f"/{linked}").json()["resources"][0]["name"] == "records"
    assert dictionary["coverage"] == client.get(f"/api/v1/records{SEARCH}").json()["coverage"]
    assert dictionary["freshness"][0].startswith("USAspending: last polled without a failure 20")
    assert client.get("/search.csv.datapackage.json?rows=x").status_code == 400
    assert "link" not in client.get(f"/search.ocds.json{SEARCH}").headers


def test_page_and_file_have_the_same_order(client: Client) -> None:
    page, found = client.get("/search?sort=obligated"), []
    tree = tree_of(page.content)
    assert tree.xpath("//p[@class='sort']/a[@aria-current]/text()") == ["largest obligation"]
    assert [href for href in tree.xpath("//link[@rel='alternate']/@href") if "sort" in href] == []
    while True:
        tree = tree_of(page.content)
        found += tree.xpath("//article//span[@class='unbroken']/text()")
        following = tree.xpath("//a[@rel='next']/@href")
        if not following:
            break
        page = client.get(f"/{following[0]}")
    rows = list(csv.DictReader(io.StringIO(client.get("/search.csv?sort=obligated").text)))
    amounts = [Decimal(row["award_obligated_total"]) for row in rows if row["award_obligated_total"]]
    assert amounts == sorted(amounts, reverse=True)
    assert [row["piid"] for row in rows] == found
    assert len(found) > 25
    assert client.get("/search.atom?sort=obligated").content == client.get("/search.atom").content
    assert "did you mean &#39;agency&#39;?" in client.get("/search?sort=agencey").text
