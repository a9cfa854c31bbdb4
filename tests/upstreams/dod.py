"""A fake server for war.gov's contract announcements and for the Internet Archive, both on one address.

What is known of them: the RSS index answers plain clients, newest first, 500 items at most; pages may answer 403 with
an "Access Denied" page (seen May to October 2026); a page's address works with or without its last part. The archive:
https://archive.org/help/wayback_api.php (`closest` to the time asked for, `{}` when there is none); `/web/TIMEid_/URL`
serves the copy as made, and sends to the nearest copy when there is none of that time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.upstreams.faults import Faulty
from tests.upstreams.server import HTML_TYPE, Answer, FakeServer, LoggedRequest, json_answer

SITE = "https://www.war.gov"
LONGEST = 500
RSS_TYPE = "text/xml; charset=utf-8"
DENIED = (
    b"<HTML><HEAD>\n<TITLE>Access Denied</TITLE>\n</HEAD><BODY>\n<H1>Access Denied</H1>\n \nYou don't have permission"
    b" to access this page on this server.<P>\nReference&#32;&#35;18&#46;2f\n</BODY>\n</HTML>\n"
)
NO_PAGE = b"<html><head><title>404</title></head><body><h1>Page not found</h1></body></html>"


@dataclass(kw_only=True)
class Page:
    """A page of announcements; `copies` are the times, as the archive writes them, at which it was copied."""

    number: str
    title: str
    published: datetime
    body: bytes
    copies: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        slug = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return f"/News/Contracts/Contract/Article/{self.number}/{slug}/"


class FakeDod(FakeServer):
    """Serves `pages`. `refuses`: pages answer 403, the index does not. `others` are items of the test's own.

    `hidden` pages are served but not listed; the index lists `longest` pages at most.
    """

    def __init__(
        self, pages: Sequence[Page], *, refuses: bool = False, others: str = "", longest: int = LONGEST
    ) -> None:
        self.pages = list(pages)
        self.hidden: list[Page] = []
        self.longest = longest
        self.refuses = refuses
        self.others = others
        super().__init__()

    def answer(self, request: LoggedRequest) -> Answer:
        """Return what the host that a path belongs to answers."""
        parts = urlsplit(request.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if request.method != "GET":
            return Answer(status=405, body=NO_PAGE, content_type=HTML_TYPE)
        if parts.path == "/DesktopModules/ArticleCS/RSS.ashx":
            return self._index(query)
        if parts.path == "/wayback/available":
            return self._available(query)
        if parts.path.startswith("/web/"):
            return self._copy(request.path)
        return self._page(parts.path)

    def asked(self, part: str) -> list[str]:
        """The paths requested that hold `part`."""
        return [request.path for request in self.requests if part in request.path]

    def _index(self, query: dict[str, str]) -> Answer:
        listed = query.get("ContentType") == "400" and query.get("Site") == "945"
        most = min(int(query.get("max", "10")), self.longest) if listed else 0
        newest = sorted(self.pages, key=lambda page: page.published, reverse=True)[:most]
        items = "".join(
            f"<item><title>\n{escape(page.title)}\n</title><link>{SITE}{page.path}</link>"
            f"<description>Today's contracts</description>"
            f"<pubDate>{format_datetime(page.published, usegmt=True)}</pubDate></item>"
            for page in newest
        )
        body = (
            '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom">'
            f"<channel><title>Contracts - U.S. Dept. of War</title>{self.others}{items}</channel></rss>"
        )
        return Answer(body=body.encode(), content_type=RSS_TYPE)

    def _found(self, path: str) -> Page | None:
        number = re.match(r"/News/Contracts/Contract/Article/(\d+)(?:/|$)", path)
        return next((page for page in [*self.pages, *self.hidden] if number and page.number == number[1]), None)

    def _page(self, path: str) -> Answer:
        if self.refuses:
            return Answer(status=403, body=DENIED, content_type=HTML_TYPE)
        page = self._found(path)
        if page is None:
            return Answer(status=404, body=NO_PAGE, content_type=HTML_TYPE)
        return Answer(body=page.body, content_type=HTML_TYPE)

    def _available(self, query: dict[str, str]) -> Answer:
        url = query.get("url", "")
        page = self._found(urlsplit(url).path) if url.startswith(SITE) else None
        if page is None or not page.copies:
            return json_answer({"url": url, "archived_snapshots": {}})
        closest = _closest(page.copies, query.get("timestamp", "99999999999999"))
        snapshot = {
            "status": "200",
            "available": True,
            "url": f"http://web.archive.org/web/{closest}/{url}",
            "timestamp": closest,
        }
        return json_answer(
            {"url": url, "archived_snapshots": {"closest": snapshot}, "timestamp": query.get("timestamp")}
        )

    def _copy(self, path: str) -> Answer:
        asked = re.fullmatch(r"/web/(\d{1,14})id_/(.*)", path)
        page = self._found(urlsplit(unquote(asked[2])).path) if asked else None
        if asked is None or page is None or not page.copies:
            return Answer(status=404, body=NO_PAGE, content_type=HTML_TYPE)
        closest = _closest(page.copies, asked[1])
        if closest != asked[1]:
            return Answer(status=302, headers={"Location": f"/web/{closest}id_/{asked[2]}"})
        return Answer(body=page.body, content_type=HTML_TYPE)


def _closest(copies: Sequence[str], wanted: str) -> str:
    return min(copies, key=lambda copy: abs(int(copy) - int(wanted.ljust(14, "0"))))


class FaultyDod(Faulty, FakeDod):
    """War.gov and the archive, failing."""

    renaming = (b"<item>", b"<entry>")
