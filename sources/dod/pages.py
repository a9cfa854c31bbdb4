"""The pages of announcements: the RSS index that lists them, and how each is fetched.

A page comes from war.gov, or from the Internet Archive where war.gov refuses it. The index is
`DesktopModules/ArticleCS/RSS.ashx?ContentType=400&Site=945&max=N`: an item for each business day,
newest first, without the page's text. Asked for 1,000 items it gave 500, back to 13 May 2024 (seen 3 July 2026).
An item that is not titled "Contracts for ..." is no page of announcements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlsplit

import structlog

from sources.dod.article import ARTICLE_NUMBER, SOURCE, read_article
from sources.dod.text import last_day
from sources.errors import Blocked, Refused, SourceChanged, SourceError, Unreachable, excerpt
from sources.fields import read_json
from sources.http.client import Client
from sources.records import Document, Payload, Problem
from sources.xml import InvalidXml, parse_xml

INDEX = "/DesktopModules/ArticleCS/RSS.ashx?ContentType=400&Site=945&max="
INDEX_TYPES = "application/rss+xml, application/xml, text/xml"
MAX_INDEX_SIZE = 500
SATURDAY = 5
STRAY = timedelta(days=7)  # between the day of a title and the time given: beyond it the time is a slip
PUBLISHED_AT = time(21, tzinfo=UTC)  # 17:00 Eastern

_TITLE = re.compile(r"\s*Contracts? for\b", re.IGNORECASE)
_PATH = re.compile(r"/News/Contracts/Contract/Article/\d{4,10}(?:/[\w.%-]*)?/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexItem:
    """A page in the index. `published` is UTC, `path` the page's path on the site."""

    number: str
    title: str
    path: str
    published: datetime

    @property
    def key(self) -> str:
        """The key of its payload; the keys of its records begin with it."""
        return f"DOD_{self.number}"


def read_index_since(client: Client, since: date, until: date) -> tuple[list[IndexItem], list[Problem], int]:
    """Return the index back to a day, oldest first, its problems, and how many business days it does not reach."""
    wanted = min(MAX_INDEX_SIZE, (until - since).days + 30)
    items, problems = read_index(client, wanted)
    if wanted < MAX_INDEX_SIZE and items[0].published.date() >= since:
        items, problems = read_index(client, MAX_INDEX_SIZE)
    oldest = items[0].published.date()
    beyond = [since + timedelta(days=days) for days in range((min(oldest, until + timedelta(days=1)) - since).days)]
    return items, problems, sum(day.weekday() < SATURDAY for day in beyond)


def read_index(client: Client, most: int) -> tuple[list[IndexItem], list[Problem]]:
    """Return the pages that the index lists, oldest first, and problems for items without a usable address or time.

    Raises:
        SourceChanged: it is no RSS, or lists no page of contracts.
    """
    document = client.get(f"{INDEX}{most}", accept=INDEX_TYPES, follow_redirects=True)
    try:
        root = parse_xml(document.body)
    except InvalidXml as error:
        raise SourceChanged(client.source, document.url, f"not RSS ({error}): {excerpt(document.body)}") from error
    found: dict[str, IndexItem] = {}
    problems: list[Problem] = []
    for entry in root.iterfind("channel/item"):
        title = " ".join((entry.findtext("title") or "").split())
        if not _TITLE.match(title):
            continue
        item = _item(title, entry.findtext("link") or "", entry.findtext("pubDate") or "")
        if item:
            found.setdefault(item.number, item)
        else:
            reason = f"the index says not enough of {title[:80]!r}: no article's address or no time"
            key = f"DOD_INDEX_{last_day(title) or 'UNDATED'}"
            problems.append(Problem(source=client.source, key=key, reason=reason, documents=(document,)))
    if not found:
        raise SourceChanged(client.source, document.url, "an index that lists no page of contracts")
    return sorted(found.values(), key=lambda item: (item.published, item.number)), problems


def _item(title: str, link: str, published: str) -> IndexItem | None:
    try:
        path = urlsplit(link.strip()).path
        given = parsedate_to_datetime(published.strip())
    except (ValueError, OverflowError):
        return None
    number = ARTICLE_NUMBER.search(path)
    if not number or not _PATH.fullmatch(path):
        return None
    moment = _published_at(title, given if given.tzinfo else given.replace(tzinfo=UTC))
    return IndexItem(number=number[1], title=title, path=path, published=moment)


def _published_at(title: str, given: datetime) -> datetime:
    """Return when a page was published: the time given, or the day in its title if the two are far apart."""
    day = last_day(title)
    if day and abs(given.date() - day) > STRAY:
        return datetime.combine(day, PUBLISHED_AT)
    return given.astimezone(UTC)


log = structlog.get_logger(__name__)

PAGE_TYPES = "text/html, application/xhtml+xml"
PUBLIC = "https://www.war.gov"  # the address that the archive knows pages by

_SNAPSHOT = re.compile(r"/web/(\d{14})(?:id_)?/")


class PageFetcher:
    """Fetches pages from war.gov, or from the archive once war.gov has refused one. `count` is how many were read.

    After a refusal, nothing more is requested from that host in the same step. If war.gov fails on one page, that page
    is read from the archive, and `failure` is the error; a second failure is raised.
    """

    def __init__(self, client: Client) -> None:
        self.count = 0
        self.failure: Unreachable | None = None
        self.refusal: SourceError | None = None
        self.archive_failure: SourceError | None = None
        self._client = client

    def read(self, item: IndexItem) -> Payload | Problem | None:
        """Return a page, the problem with it, or `None` when war.gov refuses it and the archive lacks it."""
        document: Document | None = None
        try:
            document = self._direct(item)
        except Refused as error:
            # The key of the page's first record closes the problem once the page can be read.
            return Problem(source=self._client.source, key=f"{item.key}_1_1", reason=str(error), documents=())
        except Unreachable as error:
            if self.failure:  # it is not just one page
                raise
            self.failure = error
        document = document or self._archived(item)
        if document is None:
            return None
        self.count += 1
        return Payload(source=self._client.source, key=item.key, revision="", documents=(document,))

    def read_current(self, item: IndexItem) -> Payload | None:
        """Return war.gov's page as it is now, `None` if it cannot be read."""
        try:
            document = self._direct(item)
        except (Refused, SourceChanged, Unreachable):  # the stored page stays, and new pages are still read
            return None
        key = item.key
        return Payload(source=self._client.source, key=key, revision="", documents=(document,)) if document else None

    def _direct(self, item: IndexItem) -> Document | None:
        if self.refusal:
            return None
        try:
            document = self._client.get(item.path, accept=PAGE_TYPES, follow_redirects=True)
        except Blocked as error:
            self.refusal = error
            return None
        _check(document, item)
        return document

    def _archived(self, item: IndexItem) -> Document | None:
        if self.archive_failure:
            return None
        try:
            time = snapshot(self._client, item)
            path = f"/web/{time}id_/{PUBLIC}{item.path}"
            document = (
                self._client.get(path, host="archive", accept=PAGE_TYPES, follow_redirects=True) if time else None
            )
            copied = _SNAPSHOT.search(document.url) if document else None
            if document is None or copied is None or not _is_later(copied[1], item):
                return None
            _check(document, item)
        except (Refused, SourceChanged) as error:  # this one copy is not to be used
            log.info("no usable copy in the archive", source=self._client.source, page=item.number, reason=str(error))
            return None
        except SourceError as error:
            self.archive_failure = error
            return None
        return document


def snapshot(client: Client, item: IndexItem) -> str:
    """Return the timestamp of the archive's copy of a page (14 digits), "" if there is none after its publication.

    https://archive.org/help/wayback_api.php: `closest` is the copy nearest to the time asked for.
    """
    wanted = f"{item.published + timedelta(days=1):%Y%m%d%H%M%S}"
    path = f"/wayback/available?url={quote(PUBLIC + item.path, safe='')}&timestamp={wanted}"
    document = client.get(path, host="availability")
    snapshots = read_json(document, client.source).get("archived_snapshots")
    if not isinstance(snapshots, dict):
        raise SourceChanged(client.source, path, "the archive's answer names no archived_snapshots")
    closest = snapshots.get("closest")
    if not isinstance(closest, dict) or str(closest.get("status")) != "200" or not closest.get("available"):
        return ""
    copied = str(closest.get("timestamp"))
    return copied if re.fullmatch(r"\d{14}", copied) and _is_later(copied, item) else ""


def _is_later(time: str, item: IndexItem) -> bool:
    """Whether a copy was made after the page was published."""
    return f"{item.published:%Y%m%d%H%M%S}" < time


def _check(document: Document, item: IndexItem) -> None:
    """Raise `SourceChanged` if a document is not the page that the index lists."""
    article = read_article(document)
    day = last_day(item.title)
    if (article.number and article.number != item.number) or (day and article.day and day != article.day):
        raise SourceChanged(SOURCE, document.url, f"{article.title[:80]!r} where the index lists {item.title[:80]!r}")


def blocked_error(missing: list[IndexItem], pages: PageFetcher) -> Blocked:
    """Return the error that says how many pages are missing, why, and what to do."""
    archive = str(pages.archive_failure) if pages.archive_failure else "the Internet Archive has no copy"
    came_back = (
        f"{pages.refusal.came_back if pages.refusal else 'refused'}; {archive}; {len(missing)} pages could not be read."
        " Open them in a browser, save them, and run: procurewatch import dod FILE..."
    )
    return Blocked(SOURCE, f"GET {missing[0].path}", came_back, status=pages.refusal.status if pages.refusal else None)
