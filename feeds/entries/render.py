"""Renders the Jinja templates, which escape and clean every string."""

from __future__ import annotations

import functools
import importlib.resources
import re
from collections.abc import Iterable
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from feeds import urls
from feeds.entries.details import describe_obligation
from feeds.entries.highlight import Piece, marked_pieces, signals_on
from feeds.entries.matches import buyer_name, category_label, published_matches, record_label
from feeds.text import (
    ELLIPSIS,
    MINUS,
    clean,
    excerpt,
    format_count,
    format_date,
    format_dollars,
    format_money,
    format_short_money,
    format_signed,
    format_time,
    one_line,
    pluralize,
)
from storage.models import StoredRecord
from storage.possible_days import fiscal_year_of, is_possible
from storage.reading.contracts.purchases import PayeeRow
from storage.reading.summaries import SpendRow

_AMOUNT = re.compile(rf"{MINUS}\$[\d,.]*\d")


def render(name: str, **context: object) -> str:
    """Return a template of `feeds/templates/` filled in. Strings other than `Markup` are cleaned and escaped."""
    return _environment().get_template(name).render(context)


def stylesheet() -> bytes:
    """Return the style sheet."""
    return importlib.resources.files("feeds").joinpath("assets", "style.css").read_bytes()


def icon() -> bytes:
    """Return the site's icon as SVG."""
    return importlib.resources.files("feeds").joinpath("assets", "icon.svg").read_bytes()


def favicon() -> bytes:
    """Return the site's icon as an ICO file with images of 16, 32 and 48 pixels."""
    return importlib.resources.files("feeds").joinpath("assets", "favicon.ico").read_bytes()


def scripts() -> dict[str, bytes]:
    """Return the scripts of served pages by file name: the review shortcuts and htmx (docs/developing.md)."""
    assets = importlib.resources.files("feeds").joinpath("assets")
    return {file.name: file.read_bytes() for file in assets.iterdir() if file.name.endswith(".js")}


@functools.cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("feeds", "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "award_path": urls.award_path,
        "beginning": _beginning,
        "date": format_date,
        "signed_date": format_signed,
        "fiscal_year": fiscal_year_of,
        "number": format_count,
        "possible": is_possible,
        "record_label": record_label,
        "buyer": buyer_name,
        "category_label": category_label,
        "marked": _marked,
        "time": format_time,
        "money": format_money,
        "dollars": format_dollars,
        "short_money": format_short_money,
        "obligation": describe_obligation,
        "official_page": urls.official_page,
        "one_line": one_line,
        "plural": pluralize,
        "recipient_path": _recipient_path,
        "excerpt": excerpt,
        "published_matches": published_matches,
        "breakdown_path": _breakdown_path,
        "usaspending_page": urls.usaspending_page,
        "unbroken": _unbroken,
        "vendor_path": partial(urls.subject_path, urls.SubjectKind.VENDOR),
    }
    return environment


def _beginning(record: StoredRecord, longest: int) -> tuple[Piece, ...]:
    """Return the beginning of a description, with the matched words marked."""
    pieces = marked_pieces(record.description[:longest], signals_on(record, "description"))
    return (*pieces, Piece(ELLIPSIS, marked=False)) if len(record.description) > longest else pieces


def _marked(pieces: Iterable[Piece]) -> Markup:
    """Return pieces of text as HTML, with the source's line breaks. Some feed readers remove <mark> but not <b>."""
    texts = ((piece.marked, escape(clean(piece.text)).replace("\n", Markup("<br/>\n"))) for piece in pieces)
    joined = "".join(f"<mark><b>{text}</b></mark>" if marked else text for marked, text in texts)
    return Markup(joined)  # noqa: S704  each text in it is escaped


def _unbroken(title: str) -> Markup:
    """Return a title as HTML in which no amount is broken over two lines: browsers break after a minus sign."""
    escaped = str(escape(clean(title)))
    return Markup(_AMOUNT.sub(r'<span class="unbroken">\g<0></span>', escaped))  # noqa: S704


def _recipient_path(payee: PayeeRow) -> str:
    return urls.subject_path(urls.SubjectKind.RECIPIENT, urls.recipient_slug(payee.name, payee.uei))


def _breakdown_path(row: SpendRow, kind: urls.SubjectKind) -> str:
    if kind is urls.SubjectKind.RECIPIENT:
        return urls.subject_path(kind, urls.recipient_slug(row.name, row.code))
    return urls.subject_path(kind, row.code)


def _finalize(value: object) -> object:
    # All template output passes here, so no template can forget to clean.
    return clean(value) if type(value) is str else value  # `Markup` is clean already
