"""Paths and links of the site. No other module builds them.

Static and served sites have the same paths: `index.html`, `style.css`, `icon.svg`, `favicon.ico`, `about.html`,
`feeds.html`, `expiring.html`, `coverage.html`, `feeds.opml`, `health.atom`, `all.atom`, `expiring.atom`,
`vendor/<id>.atom`, `agency/<sub-agency code>.atom`, `category/<slug>.atom`, `awards/<name>.atom` (each also as
`.rss` and `.json`) and `awards/<name>.html`. Pages link with paths relative to the site's root.

Feed entries need absolute links. With a base URL they link to the award's page, without one to the official page.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from urllib.parse import quote

from feeds.text import clean
from storage.models import MatchBand, StoredEvent, StoredRecord

INDEX = "index.html"
STYLESHEET = "style.css"
ICON = "icon.svg"
FAVICON = "favicon.ico"  # feed readers and old browsers ask for it without being told
OPML = "feeds.opml"
ABOUT = "about.html"  # what the feeds contain
FEED_LIST = "feeds.html"
EXPIRING = "expiring.html"  # contracts and orders that end soon
COVERAGE = "coverage.html"  # what was read completely
SEARCH = "search"
COMPARE = "compare"
REVIEW = "review"
SCRIPTS = "assets"  # folder of the scripts; only a served site has it
HEALTH = "health"  # the feed about the state of the sources, without its suffix

SEARCH_PAGE = "search.html"  # the search of a site of files, in the reader's browser
SEARCH_INDEX = "pagefind"  # the folder of its index
SEARCH_SCRIPT = "site-search.js"
RECORDS = "records/index.html"  # all records; only a site of files has it
MISSING = "404.html"  # what a web host answers for an address that is none
SITEMAP = "sitemap.xml"
ROBOTS = "robots.txt"
LLMS = "llms.txt"  # what language models look for
API = "api/v1"  # only a served site has it
SQL = "sql/"  # only a site that is served from SQLite has it

USASPENDING = "https://www.usaspending.gov/"

_URL_CHARACTERS = "%/:?#[]@!$&'()*+,;=~-._"
_PLAIN_AWARD = re.compile(r"CONT_[A-Z0-9_-]{1,115}")
_PLAIN_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}|[A-Z0-9]{1,8}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


class FeedKind(StrEnum):
    """What a feed covers. The value is part of the feed's path and id."""

    ALL = "all"
    VENDOR = "vendor"
    AGENCY = "agency"
    CATEGORY = "category"
    EXPIRING = "expiring"


# Feeds that there is only one of, in the root folder.
SINGLE_FEEDS = (FeedKind.ALL, FeedKind.EXPIRING)


class SubjectKind(StrEnum):
    """What a summary page covers. The value is part of the page's path."""

    VENDOR = "vendor"
    AGENCY = "agency"
    CATEGORY = "category"
    RECIPIENT = "recipient"


class FeedFormat(StrEnum):
    """A feed format. The value is the suffix of the feed's path."""

    ATOM = "atom"
    RSS = "rss"
    JSON = "json"


FEED_SUBTITLE = "Federal contract actions, as first seen in the public record: {}"
FEED_TYPES = {
    FeedFormat.ATOM: "application/atom+xml",
    FeedFormat.RSS: "application/rss+xml",
    FeedFormat.JSON: "application/feed+json",
}
FEED_NAMES = {FeedFormat.ATOM: "Atom", FeedFormat.RSS: "RSS", FeedFormat.JSON: "JSON Feed"}


def feed_path(kind: FeedKind, slug: str, fmt: FeedFormat) -> str:
    """Return a feed's path, such as vendor/clearview-ai.atom."""
    if kind in SINGLE_FEEDS:
        return f"{kind}.{fmt}"
    return f"{kind}/{_slug_name(slug)}.{fmt}"


def subject_path(kind: SubjectKind, slug: str) -> str:
    """Return the path of a summary page, such as vendor/clearview-ai.html."""
    return f"{kind}/{_slug_name(slug)}.html"


def feed_page(kind: FeedKind, slug: str) -> str:
    """Return the path of the page that belongs to a feed."""
    if kind in SINGLE_FEEDS:
        return INDEX if kind is FeedKind.ALL else EXPIRING
    return f"{kind}/{_slug_name(slug)}.html"


def matches_slug(slug: str, name: str) -> bool:
    """Return whether a path's name stands for this slug."""
    return _slug_name(slug) == name


def recipient_slug(name: str, uei: str) -> str:
    """Return a recipient's slug: its UEI, else the letters and digits of its name."""
    if re.fullmatch(r"[A-Z0-9]{12}", uei):
        return uei.lower()
    return re.sub(r"[^a-z0-9]+", "-", name.casefold())[:80].strip("-") or name


def list_path(name: str, number: int) -> str:
    """Return the path of a page of a list of records, such as records/2024.html; `number` counts from 1."""
    return f"records/{name}.html" if number == 1 else f"records/{name}-{number}.html"


def subject_list_path(kind: SubjectKind, slug: str, name: str, number: int) -> str:
    """Return the path of a page of a list of a subject's records, such as records/vendor/clearview-ai/2024.html."""
    return list_path(f"{kind}/{_slug_name(slug)}/{name}", number)


def evidence_path(sha256: str) -> str:
    """Return the download path of a stored payload."""
    return f"evidence/{sha256}"


def award_page_name(key: str) -> str:
    """Return an award's file name without .html: unique, at most 120 characters, valid on any system.

    A USAspending key is used as it is. Other keys get a hash, because file systems may ignore case, forbid characters
    or reserve names (CON, NUL).
    """
    return key if _PLAIN_AWARD.fullmatch(key) else f"award-{_with_hash(key)}"


def award_path(key: str) -> str:
    """Return an award page's path."""
    return f"awards/{award_page_name(key)}.html"


def award_feed_path(key: str, fmt: FeedFormat) -> str:
    """Return the path of an award's feed, beside its page."""
    return f"awards/{award_page_name(key)}.{fmt}"


def letter_path(key: str) -> str:
    """Return the path of an award's FOIA letter, without its suffix (.txt, .docx)."""
    return f"foia/{award_page_name(key)}"


def pack_path(key: str) -> str:
    """Return the path of an award's story pack."""
    return f"packs/{award_page_name(key)}.zip"


def event_anchor(event_id: str) -> str:
    """Return the id of an event's element on its award's page."""
    return "event-" + hashlib.sha256(clean(event_id).encode()).hexdigest()[:16]


def event_path(event: StoredEvent) -> str:
    """Return the path of an event on its award's page; a milestone is in the event that includes it."""
    return f"{award_path(event.record.key)}#{event_anchor(event.part_of or event.id)}"


def usaspending_page(key: str) -> str:
    """Return the URL of an award's page on USAspending.gov."""
    return f"{USASPENDING}award/{quote(clean(key), safe='-_')}/"


def official_page(award: StoredRecord) -> str:
    """Return the URL of the award's official page: the source's, else USAspending's."""
    url = clean(award.url).strip()
    if not re.match(r"https?://[^/\s]", url, re.IGNORECASE):
        url = usaspending_page(award.key)
    return quote(url, safe=_URL_CHARACTERS)


def site_url(base_url: str, path: str) -> str:
    """Return the absolute URL of a path of the site at `base_url`."""
    return f"{base_url.rstrip('/')}/{path}"


def permalink(base_url: str, event: StoredEvent) -> str:
    """Return an entry's link: the event on its award's page.

    It is the official page if the site's URL is not known, or if all matches were withdrawn, so that there is no page.
    """
    if not (base_url and any(match.band == MatchBand.PUBLISHED for match in event.record.matches)):
        return official_page(event.record)
    return site_url(base_url, event_path(event))


def _slug_name(slug: str) -> str:
    plain = _PLAIN_SLUG.fullmatch(slug) and not _RESERVED.fullmatch(slug)
    return slug if plain else f"x-{_with_hash(slug)}"


def _with_hash(text: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:80].strip("-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    return f"{safe}-{digest}".lstrip("-")
