"""Parsing a page of the daily contract announcements: HTML to records. Pure.

Markup, as seen: `h1.maintitle` "Contracts For Feb. 24, 2025" (months abbreviated in several ways, sometimes a range of
days), `div.body` with headings in capitals ("NAVY"), a paragraph for each announcement, and a footer that explains the
stars ("*Small business"). Lines are read from the text, not from `<p>`: copies differ in markup, not in words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from selectolax.lexbor import LexborHTMLParser, LexborNode

from sources.dod.awardees import Awardee
from sources.dod.corrections import MARK, is_correction_lead
from sources.dod.paragraph import Announcement, is_continuation, read_paragraph, split_announcements
from sources.dod.text import last_day
from sources.errors import SourceChanged
from sources.fields import decode_entities
from sources.records import (
    Agency,
    Document,
    Payload,
    Problem,
    Publication,
    PublicationKind,
    Recipient,
    Record,
    SourceFact,
)

SOURCE = "dod"
PAGE = "https://www.war.gov/News/Contracts/Contract/Article/"
ARTICLE_NUMBER = re.compile(r"/Article/(\d{4,10})(?![\d])")
DATE_KEY = re.compile(r"DOD_\d{4}-\d{2}-\d{2}")
# USAspending's code of the department, so that its awards and these announcements are of one agency.
DEPARTMENT = ("097", "Department of Defense")

# Real pages have up to 0.2 MB, 2,000 tags and 100,000 characters, the longest paragraph 15,000. The time to parse
# nested elements grows with the square of their number.
MAX_PAGE_SIZE = 5_000_000  # bytes
MAX_TAGS = 30_000
MAX_TEXT = 500_000  # characters of all announcements
MAX_PARAGRAPH = 30_000  # characters

_TITLE = re.compile(r"^contracts?\s+for\b", re.IGNORECASE)
_SAVED_FROM = re.compile(rb"saved from url=\(\d+\)(\S{1,300})")
_ARCHIVED = re.compile(r"/web/(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:id_)?/")
_BLOCK, _BREAK = "\x1e", "\x1f"
_BLOCKS = "p, div, ul, ol, li, h1, h2, h3, h4, h5, h6, table, tr, td, section, article, blockquote, hr"
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufffd\ud800-\udfff]"
)
_HYPHENS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2212\ufe63\uff0d", "-"))
_FOOTER = re.compile(r"(\*+)\s*(?=[A-Za-z])([^$*]{3,120})")
_NOT_NEWS = re.compile(
    r"products you want delivered|delivered to your inbox|valued at \$[\d.]+ million or more", re.IGNORECASE
)
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_CHARSET_SENT = re.compile(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
# What browsers read these as (https://encoding.spec.whatwg.org/#names-and-labels).
_READ_AS = dict.fromkeys(("iso-8859-1", "iso8859-1", "latin-1", "latin1", "ascii", "us-ascii"), "windows-1252")
_CORRECTION_HEADING = re.compile(r"(?:CORRECTION|UPDATE|CLARIFICATION|AMENDMENT)S?\W*", re.IGNORECASE)
_HEADING_WORD = re.compile(
    r"\b(?:Army|Navy|Air Force|Space Force|Marine Corps|Agency|Command|Headquarters|Services"
    r"|Department|Office|University|Activity)\b"
)
_AWARD_WORDS = re.compile(r"\$|\b(?:contract|awarded|award|modification)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """One announcement. `correction`: the heading above it says that it corrects an earlier one."""

    section: str
    text: str
    correction: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """A page. `number` is "" if unknown; `day` is the last day in its title; `legend` explains the stars.

    `lost` is how many characters are invalid in the encoding that the page declares.
    """

    number: str
    title: str
    day: date | None
    paragraphs: tuple[Paragraph, ...]
    legend: dict[str, str]
    lost: int = 0


def read_article(document: Document) -> Article:
    """Read a page. Raises `SourceChanged` when it is no page of contract announcements, or too large for one."""
    if len(document.body) > MAX_PAGE_SIZE:
        raise SourceChanged(SOURCE, document.url, f"larger than a page can be: {len(document.body)} bytes")
    text = _decoded(document)
    if text.count("<") > MAX_TAGS:
        raise SourceChanged(SOURCE, document.url, f"more than {MAX_TAGS} tags, so it is no page of announcements")
    tree = LexborHTMLParser(text.replace(_BLOCK, "").replace(_BREAK, ""))
    title = _title(tree)
    body = max(tree.css("div.body"), key=lambda node: len(node.text()), default=None)
    if not title or body is None:
        raise SourceChanged(SOURCE, document.url, "a page that holds no contract announcements")
    number = _number(document, tree)
    paragraphs, legend = _paragraphs(_lines(body))
    if not paragraphs:
        raise SourceChanged(SOURCE, document.url, f"{title[:80]!r} holds no announcement")
    if sum(len(paragraph.text) for paragraph in paragraphs) > MAX_TEXT:
        raise SourceChanged(SOURCE, document.url, f"{title[:80]!r} has more than {MAX_TEXT} characters")
    lost = text.count("\ufffd")
    return Article(number=number, title=title, day=last_day(title), paragraphs=paragraphs, legend=legend, lost=lost)


def _decoded(document: Document) -> str:
    """Decode a page: in the declared encoding, else as UTF-8, else as windows-1252, as browsers do."""
    sent, said = _CHARSET_SENT.search(document.content_type), _CHARSET.search(document.body[:4000])
    declared = sent[1].lower() if sent else said[1].decode().lower() if said else ""
    try:
        return document.body.decode(_READ_AS.get(declared, declared) or "utf-8", "replace" if declared else "strict")
    except LookupError:
        return document.body.decode("utf-8", "replace")
    except UnicodeDecodeError:
        return document.body.decode("windows-1252", "replace")


def parse(payload: Payload) -> list[Record]:
    """Read a page into a publication for each awardee of each announcement, and problems for what cannot be read."""
    document = payload.documents[0]
    try:
        article = read_article(document)
    except SourceChanged as error:
        return [Problem(source=SOURCE, key=payload.key, reason=error.came_back, documents=payload.documents)]
    records: list[Record] = []
    for number, paragraph in enumerate(article.paragraphs, 1):
        key = f"{payload.key}_{number}"
        is_short = len(paragraph.text) <= MAX_PARAGRAPH
        read = read_paragraph(paragraph.text, article.day, correction=paragraph.correction) if is_short else None
        if read is None:
            reason = f"{'no awardee is named' if is_short else 'too long for an announcement'}: {paragraph.text[:300]}"
            records.append(Problem(source=SOURCE, key=f"{key}_1", reason=reason, documents=payload.documents))
            continue
        awardees = read.awardees or (Awardee(name=""),)
        for place, awardee in enumerate(awardees, 1):
            of_awardee = read.numbers.by_awardee[place - 1] if read.numbers.by_awardee else read.numbers.piid
            own = read.own[place - 1] if read.own else ()
            one = _publication(paragraph, read, awardee, article, payload)
            records.append(replace(one, key=f"{key}_{place}", piid=of_awardee, amounts=(*own, *read.amounts)))
    return records


def provenance(url: str) -> str:
    """Return in words where a page was read from: war.gov, a copy in the archive, or a file."""
    archived = _ARCHIVED.search(url)
    if archived:
        year, month, day, hour, minute, second = archived.groups()
        return f"the Internet Archive's copy of {year}-{month}-{day} {hour}:{minute}:{second} UTC"
    return "a saved file" if url.startswith("file:") else "war.gov"


def _publication(
    paragraph: Paragraph, read: Announcement, awardee: Awardee, article: Article, payload: Payload
) -> Publication:
    heading = f": {paragraph.section}" if paragraph.section else ""
    code, department = DEPARTMENT
    link = "" if DATE_KEY.fullmatch(payload.key) else payload.key.removeprefix("DOD_") + "/"
    return Publication(
        key=payload.key,
        source=SOURCE,
        kind=PublicationKind.ANNOUNCEMENT,
        type_text=read.type_text,
        title=article.title + heading,
        description=paragraph.text,
        recipient=Recipient(name=awardee.name, state=awardee.state),
        awarding=Agency(code=code, name=department, sub_name=paragraph.section, office=read.activity),
        published=article.day,
        url=PAGE + link if link else "https://www.war.gov/News/Contracts/",
        revision=hashlib.sha256(f"{paragraph.section}\n{paragraph.text}".encode()).hexdigest()[:16],
        parent_piid=read.numbers.parent,
        modification=read.numbers.modification,
        solicitation=read.numbers.solicitation,
        signed=read.signed,
        ends=read.ends,
        corrects=read.corrects,
        amount_warning=read.doubt,
        extent_competed=read.competition,
        place=_without_shares(read.work),
        facts=tuple(_facts(awardee, read, article, payload)),
        documents=payload.documents,
    )


def _facts(awardee: Awardee, read: Announcement, article: Article, payload: Payload) -> Iterator[SourceFact]:
    stated = {
        "place of the awardee": awardee.town,
        "the awardee is described as": awardee.described,
        "small business": _meaning(awardee.stars, article.legend),
        "work places": read.work,
        "completion": read.completion,
        "contracting activity": read.activity,
        "offers received": read.offers,
        "funds": read.funds,
        "the announced amount is": "a minimum" if read.is_minimum else "",
        "other amounts": "; ".join(read.others),
        "contract number, damaged": read.numbers.damaged,
        "other contract numbers": ", ".join(read.numbers.others),
        "awardees together": str(len(read.awardees)) if len(read.awardees) > 1 else "",
        "characters of the page that could not be read": str(article.lost or ""),
        "read from": provenance(payload.documents[0].url),
        "article": "" if not DATE_KEY.fullmatch(payload.key) else "its number is not in the file; the key is its date",
    }
    return (SourceFact(label=label, value=value) for label, value in stated.items() if value)


def _meaning(stars: str, legend: dict[str, str]) -> str:
    """Return what the footer says about a company's stars, else the stars."""
    return f"{stars} {legend.get(stars, '')}".strip() if stars else ""


def _without_shares(work: str) -> str:
    """Return the places of work without percentages, "" where they are to be determined."""
    return "" if work.startswith(("Work", "Performance")) else re.sub(r"\s*\(\s*[\d.]+\s*%\s*\)", "", work)


def _title(tree: LexborHTMLParser) -> str:
    titles = (_clean(heading.text()) for heading in tree.css("h1"))
    return next((title[:200] for title in titles if _TITLE.match(title)), "")


def _number(document: Document, tree: LexborHTMLParser) -> str:
    """Return the article's number from the address it was read from, or from the page's own address in its HTML."""
    addresses = [document.url]
    for selector, attribute in (("link[rel=canonical]", "href"), ('meta[property="og:url"]', "content")):
        node = tree.css_first(selector)
        addresses.append((node.attributes.get(attribute) or "") if node else "")
    saved = _SAVED_FROM.search(document.body[:4000])
    addresses.append(saved[1].decode("latin-1") if saved else "")
    found = (ARTICLE_NUMBER.search(address) for address in addresses)
    return next((hit[1] for hit in found if hit), "")


def _lines(body: LexborNode) -> list[str]:
    """Return the text of a node, one line per block or line break."""
    for node in body.css("script, style, noscript, template"):
        node.decompose()
    for node in body.css("br"):
        node.replace_with(_BREAK)
    for node in body.css(_BLOCKS):
        node.insert_before(_BLOCK)
        node.insert_after(_BLOCK)
    return [line for line in (_clean(part) for part in re.split(f"[{_BLOCK}{_BREAK}]", body.text())) if line]


def _clean(text: str) -> str:
    return " ".join(_CONTROL.sub("", decode_entities(text).translate(_HYPHENS)).split())


def _paragraphs(lines: list[str]) -> tuple[tuple[Paragraph, ...], dict[str, str]]:
    """Sort lines into headings, footers and announcements; join paragraphs that a page split."""
    found: list[Paragraph] = []
    legend: dict[str, str] = {}
    section, correction, open_one = "", False, False
    for line in lines:
        is_footer = line.startswith("*") and "$" not in line and not MARK.match(line)
        notes = _FOOTER.findall(line) if is_footer else []
        if notes:
            legend |= {stars: _clean(meaning).strip(" .;,") for stars, meaning in notes}
        elif _CORRECTION_HEADING.fullmatch(line):
            correction, open_one = True, False
        elif _is_heading(line):
            section, correction, open_one = line.strip(" :*"), False, False
        elif open_one and (is_continuation(line) or is_correction_lead(found[-1].text)):
            last = found[-1]
            found[-1] = Paragraph(section=last.section, text=f"{last.text} {line}", correction=last.correction)
        elif (_AWARD_WORDS.search(line) or is_correction_lead(line)) and not _NOT_NEWS.search(line):
            found += [Paragraph(section=section, text=one, correction=correction) for one in split_announcements(line)]
            open_one = True
    return tuple(found), legend


def _is_heading(line: str) -> bool:
    """Whether a line is the name of a service or an agency: short, in capitals, without an amount."""
    if len(line) > 90 or "$" in line or not re.search(r"[^\W\d_]{2}", line):
        return False
    plain = line.strip(" :*")
    return plain.isupper() or (plain.istitle() and bool(_HEADING_WORD.search(plain)) and not re.search(r"[,;.]", plain))
