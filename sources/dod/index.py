"""The index of the Department of Defense's contract announcements: an RSS feed of the pages, without their text.

`DesktopModules/ArticleCS/RSS.ashx?ContentType=400&Site=945&max=N`: one item for each business day, newest first; asked
for 1,000 it gave 500, back to 13 May 2024 (seen 3 July 2026). Titles stand between line breaks; an item that is not
titled "Contracts for ..." is no page of announcements.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from lxml import etree

from sources.dod.article import ARTICLE_NUMBER
from sources.dod.wording import last_day
from sources.errors import SourceChanged, excerpt
from sources.http.client import Client
from sources.records import Problem

INDEX = "/DesktopModules/ArticleCS/RSS.ashx?ContentType=400&Site=945&max="
INDEX_TYPES = "application/rss+xml, application/xml, text/xml"
LONGEST_INDEX = 500
SATURDAY = 5
STRAY = timedelta(days=7)  # between the day of a title and the time given: beyond it the time is a slip
PUBLISHED_AT = time(21, tzinfo=UTC)  # 17:00 Eastern

_TITLE = re.compile(r"\s*Contracts? for\b", re.IGNORECASE)
_PATH = re.compile(r"/News/Contracts/Contract/Article/\d{4,10}(?:/[\w.%-]*)?/?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A page in the index. `published` is UTC; `path` its address below the site's."""

    number: str
    title: str
    path: str
    published: datetime

    @property
    def key(self) -> str:
        """The key of its payload, with which those of its records begin."""
        return f"DOD_{self.number}"


def listed(client: Client, since: date, until: date) -> tuple[list[Item], list[Problem], int]:
    """Return the index far enough back for a step, oldest first, and how many business days it does not reach."""
    wanted = min(LONGEST_INDEX, (until - since).days + 30)
    items, problems = read_index(client, wanted)
    if wanted < LONGEST_INDEX and items[0].published.date() >= since:
        items, problems = read_index(client, LONGEST_INDEX)
    oldest = items[0].published.date()
    beyond = [since + timedelta(days=days) for days in range((min(oldest, until + timedelta(days=1)) - since).days)]
    return items, problems, sum(day.weekday() < SATURDAY for day in beyond)


def read_index(client: Client, most: int) -> tuple[list[Item], list[Problem]]:
    """Return the pages that the index lists, oldest first, and problems for those it does not say enough of.

    Raises:
        SourceChanged: it is no RSS, or lists no page of contracts.
    """
    document = client.get(f"{INDEX}{most}", accept=INDEX_TYPES, follow=True)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document.body, parser)
    except etree.XMLSyntaxError as error:
        raise SourceChanged(client.source, document.url, f"not RSS: {excerpt(document.body)}") from error
    found: dict[str, Item] = {}
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


def _item(title: str, link: str, published: str) -> Item | None:
    try:
        path = urlsplit(link.strip()).path
        given = parsedate_to_datetime(published.strip())
    except (ValueError, OverflowError):
        return None
    number = ARTICLE_NUMBER.search(path)
    if not number or not _PATH.fullmatch(path):
        return None
    moment = _moment(title, given if given.tzinfo else given.replace(tzinfo=UTC))
    return Item(number=number[1], title=title, path=path, published=moment)


def _moment(title: str, given: datetime) -> datetime:
    """Return when a page was published: as given, unless that is far from the day in its title."""
    day = last_day(title)
    if day and abs(given.date() - day) > STRAY:
        return datetime.combine(day, PUBLISHED_AT)
    return given.astimezone(UTC)
