"""A site under a path behind a proxy, which removes the path and asks for the address that the program listens on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from procurewatch.web.app import make_app
from storage.database import open_database
from tests.procurewatch.site import context_for, fill, serve
from tests.procurewatch.web.fixtures import TOKEN, csrf
from tests.procurewatch.web.security.crawl import Answer, get_routes, links_of, public_answers, text_of
from tests.records import CLEARVIEW

SITE = "https://example.org/watch"
MORE = (
    "no-such-page.html", "awards/no-such-award.html", "search?q=clearview", "search.atom?q=clearview", "api/v1/none",
    "search.atom?archive=2026-11.1", "search?since=never", f"api/v1/records/{CLEARVIEW.key}", "api/v1/events?limit=1",
    "api/v1/records?limit=1", "sql/procurewatch/awards", "sql/procurewatch/awards.json", "sql/procurewatch/awards.csv",
    "sql/procurewatch/earliest-awards", "sql/no-such-page", "search.csv?rows=events",
    "alerts/1", "alerts/1/mail", "alerts/link/1.none",
)  # fmt: skip

OF_MONITORS = {"/health/sources/{name}"}  # it answers 503 for a source that is not available


class Proxy(httpx.BaseTransport):
    """Removes the site's path and sends requests on, as nginx does without `proxy_set_header Host`."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._inner = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the program's response."""
        assert str(request.url).startswith(f"{SITE}/"), request.url
        target = httpx.URL(self._address + str(request.url).removeprefix(SITE))
        headers = [pair for pair in request.headers.raw if pair[0].lower() != b"host"]
        headers.append((b"Host", target.netloc))
        return self._inner.handle_request(
            httpx.Request(request.method, target, headers=headers, content=request.read())
        )

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the site behind the proxy."""
    folder = tmp_path_factory.mktemp("prefix")
    with closing(open_database(f"sqlite:///{folder / 'procurewatch.sqlite3'}")) as database:
        fill(database)
        hub = {"site_url": SITE, "websub_hub": "https://hub.example/"}
        with (
            serve(context_for(database, folder, **hub), SITE) as address,
            httpx.Client(
                base_url=SITE, transport=Proxy(address), timeout=120, headers={"Accept": "text/html,*/*"}
            ) as it,
        ):
            yield it


def targets(answer: Answer) -> Iterator[str]:
    """Yield the absolute URLs of the links in a response, and where it redirects."""
    yield from links_of(answer)
    if location := answer.headers.get("location"):
        yield urljoin(answer.url, location)


def is_inside(url: str) -> bool:
    """Whether a URL is of the site, or of another one."""
    return url.startswith(f"{SITE}/") or url == SITE or urlsplit(url).hostname != "example.org"


def test_every_link_leads_into_the_site(client: httpx.Client, tmp_path: Path) -> None:
    with closing(open_database(f"sqlite:///{tmp_path / 'empty.sqlite3'}")) as database:
        app = make_app(context_for(database, tmp_path), SITE)
        routes = get_routes(app)
    starts = [path.lstrip("/") for path in routes if "{" not in path]
    answers = public_answers(client, [*starts, *MORE])
    visited = [urlsplit(url).path.removeprefix(urlsplit(SITE).path) for url in answers]
    assert {route for route, path in routes.items() if not any(map(path.match, visited))} <= OF_MONITORS
    for answer in answers.values():
        assert answer.status < 500, answer.url
        assert re.findall(r"127\.0\.0\.1|//example\.org(?!/watch)", text_of(answer)) == [], answer.url
        assert [link for link in targets(answer) if not is_inside(link)] == [], answer.url


def test_a_reviewer_stays_in_the_site(client: httpx.Client) -> None:
    signed_in = client.post("review/sign-in", data={"name": "Ana", "token": TOKEN})
    assert urljoin(str(signed_in.request.url), signed_in.headers["location"]).startswith(f"{SITE}/review")
    page = client.get("review")
    word = csrf(page.text)
    assert "127.0.0.1" not in page.text
    out = client.post("review/sign-out", data={"csrf": word})
    assert urljoin(f"{SITE}/review/sign-out", out.headers["location"]).startswith(f"{SITE}/")
