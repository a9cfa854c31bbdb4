"""llms.txt on the website: in the form of llmstxt.org, with links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

from httpx import Client

from feeds import urls
from storage.database import Database
from tests.procurewatch.site import context_for, fill, serve

LINK = re.compile(r"^- \[[^\]]+\]\(([^)]+)\): \S", re.MULTILINE)


def test_it_names_the_site_and_every_link_answers(database: Database, tmp_path: Path) -> None:
    fill(database)
    with (
        serve(context_for(database, tmp_path)) as address,
        Client(base_url=address, follow_redirects=True, timeout=60) as client,
    ):
        response = client.get("/llms.txt")
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert re.match(r"# Procurewatch\n\n> \w", response.text)
        assert re.findall(r"^## (.*)$", response.text, re.MULTILINE) == ["Pages", "Data", "Feeds", "Optional"]
        links = LINK.findall(response.text)
        assert all(link.startswith(f"{address}/") for link in links)
        paths = {link.removeprefix(f"{address}/") for link in links}
        assert {"", urls.SEARCH, urls.COMPARE, f"{urls.API}/openapi.json", f"{urls.SEARCH}.csv", urls.OPML} < paths
        assert (urls.SQL in paths) == (database.engine.dialect.name == "sqlite")
        assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)


def test_its_links_have_the_path_of_the_site(database: Database, tmp_path: Path) -> None:
    site = "https://example.org/contracts"
    with serve(context_for(database, tmp_path), site) as address, Client(base_url=address) as client:
        links = LINK.findall(client.get("/llms.txt", headers={"Host": "example.org"}).text)
    assert len(links) > 10
    assert all(link.startswith(f"{site}/") for link in links)
