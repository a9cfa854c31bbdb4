"""How to cite what is shown: what is claimed, who says so and where, when it was retrieved, and the hash of the proof.

A citation is made once (of an award, an event or a search) and written in the form that is wanted. Each form escapes
what comes from outside in its own way.
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

from feeds.entries.matches import buyer_label, shorten_name
from feeds.entries.titles import title_for
from feeds.text import clean, format_date, format_money, format_time, one_line, pluralize, shorten, to_utc
from feeds.urls import award_page_name, event_anchor, official_page
from storage.models import StoredEvent, StoredEvidence, StoredRecord

MAX_HASHES = 5
_LONGEST_QUOTE = 200
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """What is cited, cleaned but not escaped, each field on one line.

    `key` is the same for ever, of ASCII letters, digits, dashes and underscores. `author` is the agency that says so,
    `publisher` the source. `dated` is the day of what is cited, `retrieved` when the source was asked (UTC). `url` is
    the source's page, `our_url` ours ("" without a site). `hashes` are SHA-256 of the stored answers, the newest first,
    of `proofs` in all.
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
    proofs: int = 0


def cite_award(
    record: StoredRecord, evidence: Sequence[StoredEvidence], *, publisher: str = "", our_url: str = ""
) -> Citation:
    """Return the citation of an award or a publication as last retrieved.

    Args:
        publisher: whom to cite; the name of the source if it is "".
        our_url: the address of the award's page.
    """
    dated = record.signed or record.published
    return _of_record(record, evidence, publisher, our_url, title=_award_title(record), dated=dated)


def cite_event(
    event: StoredEvent, evidence: Sequence[StoredEvidence], *, publisher: str = "", our_url: str = ""
) -> Citation:
    """Return the citation of one thing that happened to an award; `our_url` is the entry's permalink."""
    title, number = title_for(event), shorten_name(event.record.piid)
    return _of_record(
        event.record,
        evidence,
        publisher,
        our_url,
        key=event_anchor(event.id).removeprefix("event-"),
        title=title if number in title else f"{title} (award {number})",
        dated=event.signed or event.published,
    )


def cite_search(description: str, found: str, searched_at: datetime, url: str) -> Citation:
    """Return the citation of a search.

    Args:
        description: the search in words.
        found: how many records it found, such as "3 records".
        searched_at: when (UTC): the same search may find more later.
        url: the absolute URL of the search, "" without a site.
    """
    words = shorten(one_line(description), _LONGEST_QUOTE) or "everything"
    digest = hashlib.sha256(clean(description).encode()).hexdigest()[:16]
    return Citation(
        key=f"procurewatch-search-{digest}-{to_utc(searched_at):%Y%m%d}",
        author="Procurewatch",
        title=f"Search of federal procurement records for {words}: {found} found",
        publisher="Procurewatch",
        dated=to_utc(searched_at).date(),
        retrieved=searched_at,
        url=one_line(url),
    )


def as_text(citation: Citation) -> str:
    """Return one paragraph of plain text, with what the claim rests on."""
    return " ".join(
        [
            _ended(citation.author),
            _ended(citation.title),
            _ended(citation.publisher),
            *_where(citation),
            *_proof(citation),
        ]
    )


def as_markdown(citation: Citation) -> str:
    """Return one line of Markdown (CommonMark): the title as a link, the source, the dates and the hashes."""
    title = _markdown(citation.title)
    linked = f"[{title}](<{_bracketed(citation.url)}>)" if citation.url else title
    ours = f" ([kept copy](<{_bracketed(citation.our_url)}>))" if citation.our_url else ""
    hashes = ", ".join(f"`{digest}`" for digest in citation.hashes)
    proof = f" SHA-256 of the evidence: {hashes}{_further(citation)}." if hashes else ""
    retrieved = f"retrieved {format_time(citation.retrieved)}{ours}."
    return f"{_markdown(citation.author)}: {linked}. {_markdown(citation.publisher)}, {retrieved}{proof}"


def as_bibtex(citation: Citation) -> str:
    """Return a BibTeX entry: @misc with `url` and `urldate`, which BibLaTeX knows too. Text is escaped for TeX."""
    fields = {
        "author": f"{{{_tex(citation.author)}}}",
        "title": f"{{{_tex(citation.title)}}}",
        "howpublished": _tex(citation.publisher),
        "year": f"{citation.dated:%Y}" if citation.dated else "",
        "url": _bracketed(citation.url),
        "urldate": to_utc(citation.retrieved).date().isoformat(),
        "note": _tex(" ".join([*_retrieved(citation), *_proof(citation)])),
    }
    lines = [f"  {field} = {{{value}}}," for field, value in fields.items() if value]
    if citation.dated:
        lines.insert(4, f"  month = {_MONTHS[citation.dated.month - 1]},")  # a macro of every style: without braces
    return "\n".join([f"@misc{{{citation.key},", *lines, "}", ""])


def as_csl_json(citation: Citation) -> str:
    """Return a list of one item of CSL-JSON, as Zotero and pandoc read it."""
    retrieved = to_utc(citation.retrieved)
    item: dict[str, object] = {
        "id": citation.key,
        "type": "webpage",
        "title": citation.title,
        "author": [{"literal": citation.author}],
        "container-title": citation.publisher,
        "accessed": {"date-parts": [[retrieved.year, retrieved.month, retrieved.day]]},
        "URL": citation.url,
        "note": " ".join([*_retrieved(citation), *_proof(citation)]),
    }
    if citation.dated:
        item["issued"] = {"date-parts": [[citation.dated.year, citation.dated.month, citation.dated.day]]}
    return json.dumps([item], ensure_ascii=False, indent=2) + "\n"


class CitationFormat(StrEnum):
    """What a citation can be written as."""

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
    """A citation in one form, for a page: its form, that form's label for people, and the text."""

    form: CitationFormat
    label: str
    text: str


def format_citation(citation: Citation) -> tuple[FormattedCitation, ...]:
    """Return a citation in every form, plain text first."""
    return tuple(
        FormattedCitation(form, _LABELS[form], write(citation).rstrip("\n")) for form, write in CITATION_WRITERS.items()
    )


def _of_record(
    record: StoredRecord,
    evidence: Sequence[StoredEvidence],
    publisher: str,
    our_url: str,
    *,
    key: str = "",
    title: str,
    dated: date | None,
) -> Citation:
    proofs = sorted(evidence, key=lambda proof: proof.retrieved_at, reverse=True)
    hashes = tuple(dict.fromkeys(proof.sha256 for proof in proofs))
    suffix = f"-{key}" if key else ""
    return Citation(
        key=f"procurewatch-{award_page_name(record.key)}{suffix}",
        author=buyer_label(record),
        title=title,
        publisher=publisher or shorten_name(record.source),
        dated=dated,
        retrieved=proofs[0].retrieved_at if proofs else record.last_changed,
        url=official_page(record),
        our_url=one_line(our_url),
        hashes=hashes[:MAX_HASHES],
        proofs=len(hashes),
    )


def _award_title(record: StoredRecord) -> str:
    number = shorten_name(record.piid or record.solicitation)
    what = shorten_name(record.title) or shorten_name(f"{record.type_text or record.category} {number}".strip())
    under = f" under {shorten_name(record.parent_piid)}" if record.parent_piid else ""
    to = f" to {shorten_name(record.recipient_name)}" if record.recipient_name else ""
    paid = (
        f", {format_money(record.obligated)} obligated to date"
        if record.obligated is not None and not record.amount_warning
        else ""
    )
    quoted = shorten(one_line(record.description), _LONGEST_QUOTE)
    described = f": \N{LEFT DOUBLE QUOTATION MARK}{quoted}\N{RIGHT DOUBLE QUOTATION MARK}" if quoted else ""
    return f"{what[:1].upper()}{what[1:]}{under}{to}{paid}{described}"


def _ended(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _where(citation: Citation) -> list[str]:
    dated = [f"Dated {format_date(citation.dated)}."] if citation.dated else []
    link = [f"{citation.url} ."] if citation.url else []  # apart from the full stop, which is no part of the address
    return [*dated, *link, *_retrieved(citation)]


def _retrieved(citation: Citation) -> list[str]:
    ours = f" Kept copy: {citation.our_url} ." if citation.our_url else ""
    return [f"Retrieved {format_time(citation.retrieved)} by Procurewatch.{ours}"]


def _proof(citation: Citation) -> list[str]:
    hashes = ", ".join(citation.hashes)
    return [f"SHA-256 of the evidence: {hashes}{_further(citation)}."] if hashes else []


def _further(citation: Citation) -> str:
    more = citation.proofs - len(citation.hashes)
    return f" and {pluralize(more, 'earlier answer')}" if more > 0 else ""


def _markdown(text: str) -> str:
    # A backslash before any ASCII punctuation makes it plain (CommonMark 2.4); letters stay as they are.
    return re.sub(r"([\\`*_{}\[\]()<>#|~!&$@:])", r"\\\1", text)


def _bracketed(url: str) -> str:
    """Return an address without what would end a <link> or a {field}."""
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
