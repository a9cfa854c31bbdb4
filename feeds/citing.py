"""How to cite a record: plain text, BibTeX and Markdown, each with its official page and the day it was retrieved."""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import urlsplit

from feeds.layout import award_page_name, official_page
from feeds.naming import buyer, recipient
from feeds.text import one_line
from storage.stored import StoredRecord

_BIBTEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~])")


def plain_citation(record: StoredRecord, retrieved: date) -> str:
    """Return a citation as one line of plain text. `retrieved` is when the source was asked (UTC)."""
    return f"{buyer(record)}, {_what(record)}{_dated(record)}. {_host(record)}, retrieved {retrieved}. {_page(record)}"


def markdown_citation(record: StoredRecord, retrieved: date) -> str:
    """Return a citation as one line of Markdown; text from upstream is escaped."""
    what = f"[{_markdown(_what(record))}]({_page(record)})"
    return f"{_markdown(buyer(record))}, {what}{_dated(record)}. {_host(record)}, retrieved {retrieved}."


def bibtex_citation(record: StoredRecord, retrieved: date) -> str:
    """Return a citation as a BibTeX entry of kind @misc; text from upstream is escaped."""
    day = record.signed or record.published
    fields = {
        "author": f"{{{_bibtex(buyer(record))}}}",
        "title": f"{{{_bibtex(_what(record))}}}",
        "year": str(day.year) if day else "",
        "howpublished": _bibtex(_host(record)),
        "url": _page(record),
        "note": f"Retrieved {retrieved}",
    }
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@misc{{{award_page_name(record.key)},\n{lines}}}\n"


def _what(record: StoredRecord) -> str:
    if record.is_publication:
        return one_line(record.title) or f"{record.category} {one_line(record.key)}"
    return f"award {one_line(record.piid) or one_line(record.key)} to {recipient(record)}"


def _dated(record: StoredRecord) -> str:
    if record.signed:
        return f", signed {record.signed}"
    return f", published {record.published}" if record.published else ""


def _host(record: StoredRecord) -> str:
    return urlsplit(_page(record)).netloc.removeprefix("www.")


def _page(record: StoredRecord) -> str:
    # Brackets would end a link in Markdown, braces a field in BibTeX.
    escaped = official_page(record).replace("(", "%28").replace(")", "%29")
    return escaped.replace("[", "%5B").replace("]", "%5D")


def _bibtex(text: str) -> str:
    return "".join(_BIBTEX.get(sign, sign) for sign in text)


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
