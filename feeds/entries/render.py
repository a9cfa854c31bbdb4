"""The templates: autoescaped, strict about what they are given, and cleaned of what is not text."""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Iterable
from functools import partial

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from feeds import urls
from feeds.entries.details import describe_obligation
from feeds.entries.highlight import Piece, marked_pieces, signals_on
from feeds.entries.matches import category_label, published_matches, record_label
from feeds.text import (
    ELLIPSIS,
    clean,
    excerpt,
    format_count,
    format_date,
    format_money,
    format_time,
    one_line,
    pluralize,
)
from storage.models import StoredRecord
from storage.reading.summaries import SellerRow, SpendRow


def render(name: str, **context: object) -> str:
    """Return a template of `feeds/templates/` filled in. Strings are cleaned and escaped unless they are `Markup`."""
    return _environment().get_template(name).render(context)


def stylesheet() -> bytes:
    """Return the one style sheet of the pages."""
    return importlib.resources.files("feeds").joinpath("templates", "style.css").read_bytes()


def icon() -> bytes:
    """Return the picture that browsers show beside a page's title."""
    return importlib.resources.files("feeds").joinpath("templates", "icon.svg").read_bytes()


def scripts() -> dict[str, bytes]:
    """Return the scripts of the served pages by their names: the review's keys, and htmx (docs/developing.md)."""
    pages = importlib.resources.files("feeds").joinpath("templates")
    return {file.name: file.read_bytes() for file in pages.iterdir() if file.name.endswith(".js")}


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
        "number": format_count,
        "record_label": record_label,
        "category_label": category_label,
        "marked": _marked,
        "time": format_time,
        "money": format_money,
        "obligation": describe_obligation,
        "official_page": urls.official_page,
        "one_line": one_line,
        "plural": pluralize,
        "recipient_path": _recipient_path,
        "excerpt": excerpt,
        "published_matches": published_matches,
        "breakdown_path": _breakdown_path,
        "vendor_path": partial(urls.subject_path, urls.SubjectKind.VENDOR),
    }
    return environment


def _beginning(record: StoredRecord, longest: int) -> tuple[Piece, ...]:
    """Return the beginning of a description, what matched marked."""
    pieces = marked_pieces(record.description[:longest], signals_on(record, "description"))
    return (*pieces, Piece(ELLIPSIS, marked=False)) if len(record.description) > longest else pieces


def _marked(pieces: Iterable[Piece]) -> Markup:
    """Return pieces of text as HTML. Feed readers that strip <mark> leave the <b>."""
    texts = ((piece.marked, escape(clean(piece.text))) for piece in pieces)
    joined = "".join(f"<mark><b>{text}</b></mark>" if marked else text for marked, text in texts)
    return Markup(joined)  # noqa: S704  each text in it is escaped


def _recipient_path(seller: SellerRow) -> str:
    return urls.subject_path(urls.SubjectKind.RECIPIENT, urls.recipient_slug(seller.name, seller.uei))


def _breakdown_path(row: SpendRow, kind: urls.SubjectKind) -> str:
    if kind is urls.SubjectKind.RECIPIENT:
        return urls.subject_path(kind, urls.recipient_slug(row.name, row.code))
    return urls.subject_path(kind, row.code)


def _finalize(value: object) -> object:
    # Cleaning here, where everything passes, leaves no template the chance to forget it.
    return clean(value) if type(value) is str else value  # neither `Markup`, which is clean, nor our own names
