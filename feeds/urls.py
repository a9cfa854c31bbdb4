"""Where everything of a built site is: every path and link is made here and nowhere else.

A site is the same as files on a static host and served: `index.html`, `style.css`, `icon.svg`, `feeds.opml`,
`health.atom`, `all.atom`, `vendor/<id>.atom`, `agency/<sub-agency code>.atom`, `category/<slug>.atom` (each also
`.rss` and `.json`) and `awards/<name>.html`. Paths are relative to its root, and pages link with them.

A feed cannot: a reader sees it far from the site. With a base URL its entries link to the award page there. Without
one (files on somebody's disk) they link to the official page instead, so that no reader is sent to a dead file.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from urllib.parse import quote

from feeds.text import clean
from storage.models import StoredEvent, StoredRecord

INDEX = "index.html"
STYLESHEET = "style.css"
ICON = "icon.svg"
OPML = "feeds.opml"
SEARCH = "search"
REVIEW = "review"
SCRIPTS = "assets"  # the folder of the scripts; only a served site has any
HEALTH = "health"  # the feed of the sources' own troubles, with a format's ending

USASPENDING = "https://www.usaspending.gov/"

_URL_CHARACTERS = "%/:?#[]@!$&'()*+,;=~-._"
_PLAIN_AWARD = re.compile(r"CONT_[A-Z0-9_-]{1,115}")
_PLAIN_SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}|[A-Z0-9]{1,8}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


class FeedKind(StrEnum):
    """What a feed is about. The value is part of its path and of its id."""

    ALL = "all"
    VENDOR = "vendor"
    AGENCY = "agency"
    CATEGORY = "category"


class SubjectKind(StrEnum):
    """What a page that gathers many records is about. The value is part of its path."""

    VENDOR = "vendor"
    AGENCY = "agency"
    CATEGORY = "category"
    RECIPIENT = "recipient"


class FeedFormat(StrEnum):
    """How a feed is written. The value is the end of its path."""

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
    if kind is FeedKind.ALL:
        return f"{kind}.{fmt}"
    return f"{kind}/{_slug_name(slug)}.{fmt}"


def subject_path(kind: SubjectKind, slug: str) -> str:
    """Return the path of the page on a vendor, an agency, a category or a recipient: vendor/clearview-ai.html."""
    return f"{kind}/{_slug_name(slug)}.html"


def feed_page(kind: FeedKind, slug: str) -> str:
    """Return the path of the page on what a feed is about."""
    return INDEX if kind is FeedKind.ALL else f"{kind}/{_slug_name(slug)}.html"


def is_named(slug: str, name: str) -> bool:
    """Whether a slug is what a path calls by this name."""
    return _slug_name(slug) == name


def recipient_slug(name: str, uei: str) -> str:
    """Return what a recipient is called in a path: its UEI, else the letters and digits of its name."""
    if re.fullmatch(r"[A-Z0-9]{12}", uei):
        return uei.lower()
    return re.sub(r"[^a-z0-9]+", "-", name.casefold())[:80].strip("-") or name


def evidence_path(sha256: str) -> str:
    """Return where the bytes of a payload are downloaded."""
    return f"evidence/{sha256}"


def award_page_name(key: str) -> str:
    """Return a file name (without .html) for an award: safe on any system, no two keys alike, at most 120 long.

    A USAspending key is its own name. Any other key keeps what is safe of it and gets a hash, since file systems
    that ignore case, forbid characters or reserve names (CON, NUL) would mix keys up.
    """
    return key if _PLAIN_AWARD.fullmatch(key) else f"award-{_hashed(key)}"


def award_path(key: str) -> str:
    """Return an award page's path."""
    return f"awards/{award_page_name(key)}.html"


def letter_path(key: str) -> str:
    """Return the path of the request for an award's records, without the ending (.txt, .docx)."""
    return f"foia/{award_page_name(key)}"


def pack_path(key: str) -> str:
    """Return the path of an award's story pack."""
    return f"packs/{award_page_name(key)}.zip"


def event_anchor(event_id: str) -> str:
    """Return the id of the element that tells this event on its award's page."""
    return "event-" + hashlib.sha256(clean(event_id).encode()).hexdigest()[:16]


def event_path(event: StoredEvent) -> str:
    """Return the path of an event on its award's page."""
    return f"{award_path(event.record.key)}#{event_anchor(event.id)}"


def official_page(award: StoredRecord) -> str:
    """Return the address of the award's official page: the one the source gave, else USAspending's."""
    url = clean(award.url).strip()
    if not re.match(r"https?://[^/\s]", url, re.IGNORECASE):
        url = f"{USASPENDING}award/{quote(clean(award.key), safe='-_')}/"
    return quote(url, safe=_URL_CHARACTERS)


def site_url(base_url: str, path: str) -> str:
    """Return the absolute address of a path of a site that lives at `base_url`."""
    return f"{base_url.rstrip('/')}/{path}"


def permalink(base_url: str | None, event: StoredEvent) -> str:
    """Return where an entry's title leads: our page of the award, or the official one when we have no address."""
    if base_url is None:
        return official_page(event.record)
    return site_url(base_url, event_path(event))


def _slug_name(slug: str) -> str:
    plain = _PLAIN_SLUG.fullmatch(slug) and not _RESERVED.fullmatch(slug)
    return slug if plain else f"x-{_hashed(slug)}"


def _hashed(text: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", text)[:80].strip("-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    return f"{safe}-{digest}".lstrip("-")
