"""The rules of the W3C feed validator that concern us, by the names of its messages, and those of JSON Feed 1.1.

Its own program is on no package index; each rule here is one of its classes of errors and warnings.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from lxml import etree, html

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
HISTORY = "{http://purl.org/syndication/history/1.0}"
ATOM_CHILDREN = {"author", "category", "contributor", "generator", "icon", "id", "link", "logo", "rights", "subtitle"}
ATOM_CHILDREN |= {"title", "updated"}
ENTRY_CHILDREN = {"author", "category", "content", "id", "link", "published", "rights", "source", "summary", "title"}
ENTRY_CHILDREN |= {"updated"}
CHANNEL_CHILDREN = {"title", "link", "description", "language", "lastBuildDate", "generator", "docs", "ttl", "item"}
CREATOR = "{http://purl.org/dc/elements/1.1/}creator"
ITEM_CHILDREN = {"title", "link", "description", "category", "guid", "pubDate"}
NOT_SECURE = {"script", "style", "iframe", "object", "embed", "form", "meta", "link", "base"}


def _root(document: bytes) -> Any:
    """UndeclaredPrefix, InvalidEncoding, BadCharacters: it is well formed UTF-8."""
    assert document.startswith((b"<?xml version='1.0' encoding='UTF-8'?>", b'<?xml version="1.0" encoding="UTF-8"?>'))
    document.decode("utf-8")
    return etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))


def _is_full(uri: str) -> bool:
    """InvalidFullLink, InvalidURIAttribute, InvalidIRI."""
    return bool(re.fullmatch(r"https?://[^\s<>\"{}|\\^`]+", uri)) and uri.isascii()


def _is_tag(uri: str) -> bool:
    """InvalidTAG (RFC 4151): authority, date, and a specific part without spaces."""
    return bool(re.fullmatch(r"tag:[a-z0-9.-]+,\d{4}(-\d\d(-\d\d)?)?:[A-Za-z0-9._~!$&'()*+,;=:@/?%-]+", uri))


def _check_html(fragment: str) -> None:
    """NotHtml, SecurityRisk, ContainsRelRef, InvalidHTML."""
    assert fragment.strip()
    for element in html.fragment_fromstring(fragment, create_parent="div").iter():
        assert element.tag not in NOT_SECURE
        assert not [name for name in element.attrib if name.startswith("on") or name == "style"]
        for name in ("href", "src"):
            assert element.get(name) is None or _is_full(str(element.get(name)))


def _check_links(links: list[Any], address: str, media_type: str) -> None:
    """MissingSelf, SelfDoesntMatchLocation, DuplicateAtomLink, MissingCurrentInArchive, UnregisteredAtomLinkRel."""
    rels = [link.get("rel") for link in links]
    assert set(rels) <= {"self", "alternate", "hub", "current", "prev-archive", "next-archive"}
    assert len(set(rels)) == len(rels)
    selves = [link for link in links if link.get("rel") == "self"]
    assert [(link.get("href"), link.get("type")) for link in selves] == [(address, media_type)]
    assert all(_is_full(link.get("href")) for link in links)
    archive = links[0].getparent().find(f"{HISTORY}archive") is not None
    assert archive == ("current" in rels)


def _now() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


def check_atom(document: bytes, *, address: str) -> None:
    """Hold an Atom document against RFC 4287 as the validator does, warnings included."""
    root = _root(document)
    assert root.tag == f"{ATOM}feed"
    assert {child.tag for child in root} <= {f"{ATOM}{name}" for name in ATOM_CHILDREN} | {
        f"{ATOM}entry",
        f"{HISTORY}archive",
    }  # UndefinedElement
    _check_links(root.findall(f"{ATOM}link"), address, "application/atom+xml")
    assert root.find(f"{ATOM}author/{ATOM}name") is not None  # MissingAuthor
    for element in (root, *root.findall(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):  # MissingElement, DuplicateElement, NotBlank
            (found,) = element.findall(ATOM + name)
            assert (found.text or "").strip()
        assert _is_tag(element.findtext(f"{ATOM}id"))
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", element.findtext(f"{ATOM}updated")
        )  # InvalidRFC3339Date
        assert datetime.fromisoformat(element.findtext(f"{ATOM}updated")) < _now()  # ImplausibleDate
        assert element.find(f"{ATOM}title").get("type", "text") == "text"
    ids = [entry.findtext(f"{ATOM}id") for entry in root.findall(f"{ATOM}entry")]
    assert len(set(ids)) == len(ids)  # DuplicateEntries, DuplicateIds
    updates = [entry.findtext(f"{ATOM}updated") for entry in root.findall(f"{ATOM}entry")]
    assert updates == sorted(updates, reverse=True)
    for entry in root.findall(f"{ATOM}entry"):
        _check_atom_entry(entry)


def _check_atom_entry(entry: Any) -> None:
    assert {child.tag for child in entry} <= {f"{ATOM}{name}" for name in ENTRY_CHILDREN}
    links = [(link.get("rel"), link.get("type"), link.get("hreflang")) for link in entry.findall(f"{ATOM}link")]
    assert len(set(links)) == len(links)  # DuplicateAtomLink
    assert [rel for rel, _, _ in links].count("alternate") == 1  # MissingAlternateLink
    assert all(_is_full(link.get("href")) for link in entry.findall(f"{ATOM}link"))
    content = entry.find(f"{ATOM}content")
    assert content.get("type") == "html"
    _check_html(content.text)
    assert len(entry.findall(f"{ATOM}summary")) == 1
    for category in entry.findall(f"{ATOM}category"):
        assert category.get("term")  # MissingAttribute
        assert _is_tag(category.get("scheme"))


def check_rss(document: bytes, *, address: str) -> None:
    """Hold an RSS 2.0 document against its specification and the validator's advice."""
    root = _root(document)
    assert (root.tag, root.get("version"), len(root)) == ("rss", "2.0", 1)
    (channel,) = root
    known = CHANNEL_CHILDREN | {f"{ATOM}link", f"{HISTORY}archive"}
    assert {child.tag for child in channel} <= known  # UndefinedElement
    for name in (
        "title",
        "link",
        "description",
        "language",
        "lastBuildDate",
        "ttl",
    ):  # MissingElement, DuplicateElement
        assert len(channel.findall(name)) == 1
    assert _is_full(channel.findtext("link"))
    assert int(channel.findtext("ttl")) > 0  # InvalidPositiveInteger
    _check_links(channel.findall(f"{ATOM}link"), address, "application/rss+xml")  # MissingAtomSelfLink
    _check_rfc_822(channel.findtext("lastBuildDate"))
    guids = [guid.text for guid in channel.findall("item/guid")]
    assert len(set(guids)) == len(guids)  # DuplicateItem guid
    for item in channel.findall("item"):
        _check_rss_item(item)
    for title in re.findall(rb"<title>([^<]*)</title>", document):
        assert not re.search(rb"&(?:amp|lt|gt);", title)  # CharacterData: "&#x26;", which every reader shows alike


def _check_rss_item(item: Any) -> None:
    assert {child.tag for child in item} <= ITEM_CHILDREN | {f"{CONTENT}encoded", CREATOR}
    assert item.findtext(CREATOR)
    guid = item.find("guid")
    assert guid.get("isPermaLink") == "false"  # InvalidHttpGUID: it is no address
    assert _is_tag(guid.text)
    assert _is_full(item.findtext("link"))
    _check_rfc_822(item.findtext("pubDate"))
    _check_html(item.findtext("description"))
    _check_html(item.findtext(f"{CONTENT}encoded"))
    children = [child.tag for child in item]
    assert children.count("title") == 1
    assert children.count("description") == 1


def _check_rfc_822(text: str) -> None:
    """InvalidRFC2822Date, IncorrectDOW, ImplausibleDate."""
    moment = parsedate_to_datetime(text)
    assert text == f"{moment:%a, %d %b %Y %H:%M:%S} +0000"
    assert moment < _now()


FEED_FIELDS: dict[str, type] = {
    **dict.fromkeys(("version", "title", "home_page_url", "feed_url", "description", "user_comment", "next_url"), str),
    **dict.fromkeys(("icon", "favicon", "language"), str),
    **dict.fromkeys(("authors", "hubs", "items"), list),
    "expired": bool,
    "_procurewatch": dict,
}
ITEM_FIELDS: dict[str, type] = {
    **dict.fromkeys(("id", "url", "external_url", "title", "content_html", "content_text", "summary", "image"), str),
    **dict.fromkeys(("banner_image", "date_published", "date_modified", "language"), str),
    **dict.fromkeys(("authors", "tags", "attachments"), list),
}


def check_json_feed(document: bytes, *, address: str) -> None:
    """Hold a JSON Feed against version 1.1: every field known, of its type, and never empty or null."""
    feed = json.loads(document.decode("utf-8"), object_pairs_hook=_no_name_twice)
    _check_fields(feed, FEED_FIELDS)
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["title"]
    assert isinstance(feed["items"], list)
    assert feed["feed_url"] == address
    assert _is_full(feed.get("_procurewatch", {"about": address})["about"])
    for name in ("home_page_url", "feed_url", "next_url", "icon", "favicon"):
        assert name not in feed or _is_full(feed[name])
    assert feed.get("next_url") != feed["feed_url"]
    assert re.fullmatch(r"[a-z]{2}(-[A-Z]{2})?", feed["language"])
    assert all(set(author) <= {"name", "url", "avatar"} and author for author in feed["authors"])
    assert all(set(hub) == {"type", "url"} and _is_full(hub["url"]) for hub in feed.get("hubs", ()))
    ids = [item["id"] for item in feed["items"]]
    assert len(set(ids)) == len(ids)
    for item in feed["items"]:
        _check_item(item)


def _check_item(item: dict[str, Any]) -> None:
    _check_fields(item, ITEM_FIELDS)
    assert item["id"]
    assert _is_tag(item["id"])
    assert item.get("content_html") or item.get("content_text")
    _check_html(item["content_html"])
    assert all(_is_full(item[name]) for name in ("url", "external_url") if name in item)
    for name in ("date_published", "date_modified"):
        assert datetime.fromisoformat(item[name]).tzinfo
    assert all(isinstance(tag, str) and tag for tag in item["tags"])
    assert len(set(item["tags"])) == len(item["tags"])
    assert urlsplit(item["url"]).netloc


def _check_fields(found: dict[str, Any], fields: dict[str, type]) -> None:
    for name, value in found.items():
        if name.startswith("_"):  # an extension: an object, whose name has no period
            assert isinstance(value, dict)
            assert "." not in name
        else:
            assert isinstance(value, fields[name]), name
            assert value or name == "items", name


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)
