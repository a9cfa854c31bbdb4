"""Citations of awards, events and searches, in four formats.

A citation states the claim, the agency and source, the retrieval time and the hashes of the stored evidence. Each
format escapes source text in its own way.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from urllib.parse import quote

from feeds.entries.matches import buyer_label, reseller_match, shorten_name
from feeds.entries.titles import title_for
from feeds.text import clean, format_date, format_money, format_time, one_line, pluralize, shorten, to_utc
from feeds.urls import award_page_name, event_anchor, official_page
from storage.models import StoredEvent, StoredEvidence, StoredRecord
from storage.possible_days import is_possible

MAX_HASHES = 5
_MAX_QUOTE_LENGTH = 200
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """The parts of a citation, cleaned but not escaped, each on one line.

    `key` is permanent and consists of ASCII letters, digits, dashes and underscores. `author` is the agency,
    `publisher` the source. `dated` is the award's, event's or search's date, `retrieved` the time of retrieval (UTC).
    `url` is the source's page, `our_url` ours ("" without a site). `hashes` are the SHA-256 of the newest of
    `evidence_count` stored responses, newest first. `coverage` says which contracts were read completely, in sentences.
    """

    key: str
    author: str
    title: str
    publisher: str
    dated: date | None
    retrieved: datetime
    url: str
    our_url: str = ""
    hashes: tuple[str, ...] = ()
    evidence_count: int = 0
    coverage: tuple[str, ...] = ()


def cite_award(
    record: StoredRecord, evidence: Sequence[StoredEvidence], *, publisher: str = "", our_url: str = ""
) -> Citation:
    """Return the citation of an award or publication as last retrieved.

    Args:
        publisher: the source as citations name it; "" for its short name.
        our_url: the URL of the award's page.
    """
    dated = record.signed if is_possible(record.signed) else record.published
    return _cite_record(record, evidence, publisher, our_url, title=_award_title(record), dated=dated)


def cite_event(
    event: StoredEvent, evidence: Sequence[StoredEvidence], *, publisher: str = "", our_url: str = ""
) -> Citation:
    """Return the citation of an event; `our_url` is its permalink."""
    title, number = title_for(event), shorten_name(event.record.piid)
    return _cite_record(
        event.record,
        evidence,
        publisher,
        our_url,
        key=event_anchor(event.id).removeprefix("event-"),
        title=title if number in title else f"{title} (award {number})",
        dated=event.signed if is_possible(event.signed) else event.published,
    )


def cite_search(
    description: str, found: str, searched_at: datetime, url: str, coverage: Sequence[str] = ()
) -> Citation:
    """Return the citation of a search.

    Args:
        description: the search in words, such as "with “cellebrite”"; "everything" for all records.
        found: how many records it found, such as "3 records".
        searched_at: when (UTC): the same search may find more later.
        url: the absolute URL of the search, "" without a site.
        coverage: which contracts were read completely, in sentences.
    """
    about = "" if description == "everything" else f" {shorten(one_line(description), _MAX_QUOTE_LENGTH)}"
    digest = hashlib.sha256(clean(description).encode()).hexdigest()[:16]
    return Citation(
        key=f"procurewatch-search-{digest}-{to_utc(searched_at):%Y%m%d}",
        author="Procurewatch",
        title=f"Search of federal procurement records{about}: {found} found",
        publisher="Procurewatch",
        dated=to_utc(searched_at).date(),
        retrieved=searched_at,
        url=one_line(url),
        coverage=tuple(coverage),
    )


def as_text(citation: Citation) -> str:
    """Return one paragraph of plain text."""
    return " ".join(
        [
            _sentence(citation.author),
            _sentence(citation.title),
            _sentence(citation.publisher),
            *_source(citation),
            *_evidence(citation),
            *citation.coverage,
        ]
    )


def as_markdown(citation: Citation) -> str:
    """Return one line of CommonMark, with the title as a link."""
    title = _markdown(citation.title)
    linked = f"[{title}](<{_bracketed(citation.url)}>)" if citation.url else title
    ours = f" ([archived copy](<{_bracketed(citation.our_url)}>))" if citation.our_url else ""
    hashes = ", ".join(f"`{digest}`" for digest in citation.hashes)
    proof = f" SHA-256 of the evidence: {hashes}{_earlier(citation)}." if hashes else ""
    retrieved = f"retrieved {format_time(citation.retrieved)}{ours}."
    coverage = "".join(f" {_markdown(line)}" for line in citation.coverage)
    return f"{_markdown(citation.author)}: {linked}. {_markdown(citation.publisher)}, {retrieved}{proof}{coverage}"


def as_bibtex(citation: Citation) -> str:
    """Return a BibTeX @misc entry with `url` and `urldate`, as BibLaTeX reads them."""
    fields = {
        "author": f"{{{_tex(citation.author)}}}",
        "title": f"{{{_tex(citation.title)}}}",
        "howpublished": _tex(citation.publisher),
        "year": f"{citation.dated:%Y}" if citation.dated else "",
        "url": _bracketed(citation.url),
        "urldate": to_utc(citation.retrieved).date().isoformat(),
        "note": _tex(" ".join([*_retrieved(citation), *_evidence(citation), *citation.coverage])),
    }
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items() if value]
    if citation.dated:
        lines.insert(4, f"  month = {_MONTHS[citation.dated.month - 1]},")  # a macro, so without braces
    return "\n".join([f"@misc{{{citation.key},", *lines, "}", ""])


def as_csl_json(citation: Citation) -> str:
    """Return CSL-JSON, a list of one item, for Zotero and pandoc."""
    retrieved = to_utc(citation.retrieved)
    item: dict[str, object] = {
        "id": citation.key,
        "type": "webpage",
        "title": citation.title,
        "author": [{"literal": citation.author}],
        "container-title": citation.publisher,
        "accessed": {"date-parts": [[retrieved.year, retrieved.month, retrieved.day]]},
        "URL": citation.url,
        "note": " ".join([*_retrieved(citation), *_evidence(citation), *citation.coverage]),
    }
    if citation.dated:
        item["issued"] = {"date-parts": [[citation.dated.year, citation.dated.month, citation.dated.day]]}
    return json.dumps([item], ensure_ascii=False, indent=2) + "\n"


class CitationFormat(StrEnum):
    """A format of citations."""

    TEXT = "text"
    MARKDOWN = "markdown"
    BIBTEX = "bibtex"
    CSL_JSON = "csl-json"


CITATION_WRITERS = {
    CitationFormat.TEXT: as_text,
    CitationFormat.MARKDOWN: as_markdown,
    CitationFormat.BIBTEX: as_bibtex,
    CitationFormat.CSL_JSON: as_csl_json,
}
_LABELS = {
    CitationFormat.TEXT: "Plain text",
    CitationFormat.MARKDOWN: "Markdown",
    CitationFormat.BIBTEX: "BibTeX",
    CitationFormat.CSL_JSON: "CSL-JSON (Zotero, pandoc)",
}


@dataclass(frozen=True, slots=True)
class FormattedCitation:
    """A citation in one format, with the format's label for readers."""

    format: CitationFormat
    label: str
    text: str


def format_citation(citation: Citation) -> tuple[FormattedCitation, ...]:
    """Return a citation in every format, plain text first."""
    return tuple(
        FormattedCitation(fmt, _LABELS[fmt], write(citation).rstrip("\n")) for fmt, write in CITATION_WRITERS.items()
    )


def _cite_record(
    record: StoredRecord,
    evidence: Sequence[StoredEvidence],
    publisher: str,
    our_url: str,
    *,
    key: str = "",
    title: str,
    dated: date | None,
) -> Citation:
    newest_first = sorted(evidence, key=lambda item: item.retrieved_at, reverse=True)
    hashes = tuple(dict.fromkeys(item.sha256 for item in newest_first))
    suffix = f"-{key}" if key else ""
    return Citation(
        key=f"procurewatch-{award_page_name(record.key)}{suffix}",
        author=buyer_label(record),
        title=title,
        publisher=publisher or shorten_name(record.source),
        dated=dated,
        retrieved=newest_first[0].retrieved_at if newest_first else record.last_changed,
        url=official_page(record),
        our_url=one_line(our_url),
        hashes=hashes[:MAX_HASHES],
        evidence_count=len(hashes),
    )


def _award_title(record: StoredRecord) -> str:
    number = shorten_name(record.piid or record.solicitation)
    what = shorten_name(record.title) or shorten_name(f"{record.type_text or record.category} {number}".strip())
    under = f" under {shorten_name(record.parent_piid)}" if record.parent_piid else ""
    to = f" to {shorten_name(record.recipient_name)}" if record.recipient_name else ""
    if resold := reseller_match(record):
        to += f" for {shorten_name(resold.vendor_name)} products"
    paid = (
        f", {format_money(record.obligated)} obligated to date"
        if record.obligated is not None and not record.amount_warning
        else ""
    )
    quoted = shorten(one_line(record.description), _MAX_QUOTE_LENGTH)
    described = f": \N{LEFT DOUBLE QUOTATION MARK}{quoted}\N{RIGHT DOUBLE QUOTATION MARK}" if quoted else ""
    return f"{what[:1].upper()}{what[1:]}{under}{to}{paid}{described}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _source(citation: Citation) -> list[str]:
    dated = [f"Dated {format_date(citation.dated)}."] if citation.dated else []
    link = [f"{citation.url} ."] if citation.url else []  # the space keeps the full stop out of the link
    return [*dated, *link, *_retrieved(citation)]


def _retrieved(citation: Citation) -> list[str]:
    ours = f" Archived copy: {citation.our_url} ." if citation.our_url else ""
    return [f"Retrieved {format_time(citation.retrieved)} by Procurewatch.{ours}"]


def _evidence(citation: Citation) -> list[str]:
    hashes = ", ".join(citation.hashes)
    return [f"SHA-256 of the evidence: {hashes}{_earlier(citation)}."] if hashes else []


def _earlier(citation: Citation) -> str:
    more = citation.evidence_count - len(citation.hashes)
    return f" and {pluralize(more, 'earlier response')}" if more > 0 else ""


def _markdown(text: str) -> str:
    # A backslash escapes ASCII punctuation (CommonMark 2.4).
    return re.sub(r"([\\`*_{}\[\]()<>#|~!&$@:])", r"\\\1", text)


def _bracketed(url: str) -> str:
    """Return a URL without characters that would end a <link> or a {field}."""
    return "".join(quote(character) if character in ' <>{}\\"|^`' else character for character in one_line(url))


_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",  # BibTeX counts braces, even after a backslash
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "@": r"{@}",
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
