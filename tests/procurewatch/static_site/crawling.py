"""Serves a folder under a path, as a static web host does, and follows all links of its pages."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import httpx
from lxml import html

PREFIX = "/contracts/"
RECIPE = Path(__file__).parents[3] / "deploy" / "static" / "_headers"
POLICY = re.findall(r"^  Content-Security-Policy: (.*)$", RECIPE.read_text(), re.MULTILINE)[0]


class Handler(SimpleHTTPRequestHandler):
    """Answers as a web host does: only under `PREFIX`, no lists of folders, with the policy of the recipes."""

    def translate_path(self, path: str) -> str:
        """Return the file of a path."""
        if not path.startswith(PREFIX):
            return str(Path(self.directory) / "no such file")
        return super().translate_path(path.removeprefix(PREFIX.rstrip("/")))

    def end_headers(self) -> None:
        """Add the policy to the headers."""
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def list_directory(self, path: object) -> None:  # noqa: ARG002
        """Refuse to list a folder."""
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        """Log nothing."""


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """Serve a folder, and yield its address, with a slash at the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
        finally:
            server.shutdown()
            thread.join()


@dataclass(slots=True)
class Crawl:
    """What a crawl found: the paths of all files reached, links that lead nowhere (page, link), and absolute links."""

    reached: set[str] = field(default_factory=set)
    broken: list[tuple[str, str]] = field(default_factory=list)
    outside: set[str] = field(default_factory=set)


def crawl(address: str) -> Crawl:
    """Follow every link from the home page that stays on the site; anchors must exist too."""
    found, waiting, anchors = Crawl(), ["index.html"], []
    pages: dict[str, html.HtmlElement] = {}
    with httpx.Client(timeout=120) as client:
        while waiting:
            path = waiting.pop()
            if path in found.reached:
                continue
            answer = client.get(address + path)
            if answer.status_code != 200:
                found.broken.append(("", path))
                continue
            found.reached.add(path)
            if not path.endswith(".html"):
                continue
            pages[path] = html.fromstring(answer.content)
            for _, attribute, link, _ in pages[path].iterlinks():
                if attribute == "action":
                    continue
                target, fragment = urldefrag(urljoin(address + path, link))
                if not target.startswith(address):
                    found.outside.add(link)
                    continue
                name = target.removeprefix(address)
                waiting.append(name)
                anchors.append((path, name, fragment))
    found.broken += [
        (page, f"{name}#{fragment}")
        for page, name, fragment in anchors
        if name not in found.reached
        or (fragment and name in pages and pages[name].get_element_by_id(fragment, None) is None)
    ]
    return found


def pages_in(folder: Path) -> set[str]:
    """Return the paths of all pages in a folder."""
    return {page.relative_to(folder).as_posix() for page in folder.rglob("*.html")}
