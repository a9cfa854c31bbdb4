"""Fetch everything that a visitor without a login can reach, and look into the files."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urldefrag, urljoin, urlsplit

import pyarrow.parquet
from httpx import Client
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route

LINK = re.compile(
    r"""(?:href|src|action|xmlUrl|htmlUrl|url|first_url|feed_url)\s*["']?\s*[=:]\s*["']([^"'<>\s]+)["']"""
)
LISTS = ("search?", "api/v1/")


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. The names of its headers are in lower case."""

    url: str
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def kind(self) -> str:
        """The content type."""
        return self.headers.get("content-type", "")

    @property
    def text(self) -> str:
        """The content as text."""
        return self.content.decode("utf-8", "replace")


def public_answers(client: Client, starts: list[str], most: int = 600) -> dict[str, Answer]:
    """Return the responses to these paths and to all links found in them, by URL; of lists only what `starts` names."""
    base = str(client.base_url).rstrip("/") + "/"
    waiting = [urljoin(base, path) for path in starts]
    answers: dict[str, Answer] = {}
    while waiting:
        url = waiting.pop(0)
        if url in answers:
            continue
        assert len(answers) < most, "the crawl has no end"
        response = client.get(url)
        answers[url] = Answer(url, response.status_code, dict(response.headers), response.content)
        links = (link for link in links_of(answers[url]) if link.startswith(base))
        waiting += [link for link in links if not _is_list(link.removeprefix(base))]
    return answers


def links_of(answer: Answer) -> Iterator[str]:
    """Yield the absolute URLs of the links in a response."""
    if answer.kind.startswith(("text/html", "application/", "text/xml")):
        for link in LINK.findall(answer.text):
            yield urldefrag(urljoin(answer.url, link.replace("&amp;", "&").replace("\\/", "/"))).url


def _is_list(path: str) -> bool:
    """Whether a path is one of a list's endless variants, or Datasette's, whose pages link to many more."""
    parts = urlsplit(path)
    return parts.path.startswith("sql/") or (bool(parts.query) and f"{parts.path}?".startswith(LISTS))


def text_of(answer: Answer) -> str:
    """Return a response with its headers, and what is in a file."""
    return f"{answer.headers}\n{text_in(answer.content)}"


def text_in(content: bytes) -> str:
    """Return the text of a file, of all files of a zip, of all cells of a Parquet file."""
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as opened:
            return "\n".join(f"{name}\n{text_in(opened.read(name))}" for name in opened.namelist())
    if content.startswith(b"PAR1"):
        return repr(pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist())
    return content.decode("utf-8", "replace")


def get_routes(app: Starlette) -> dict[str, re.Pattern[str]]:
    """Return the pattern of the full path of each route that answers GET, by its template."""
    return dict(_patterns("", app.routes))


def _patterns(prefix: str, routes: list[BaseRoute]) -> Iterator[tuple[str, re.Pattern[str]]]:
    for route in routes:
        if included := getattr(route, "original_router", None):  # FastAPI's included routers
            yield from _patterns(prefix, included.routes)
        elif isinstance(route, Mount):
            yield from _patterns(prefix + route.path, list(route.routes or []))
        elif isinstance(route, Route) and "GET" in (route.methods or ()):
            yield prefix + route.path, re.compile(re.escape(prefix) + route.path_regex.pattern.removeprefix("^"))
