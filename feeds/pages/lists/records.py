"""Lists of records by fiscal year, for a site of files, which has no queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from feeds.pages.page_context import PageContext
from storage.models import StoredRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class ListLink:
    """A list of records: its name (a fiscal year), its path from the root of the site, its number of records."""

    name: str
    path: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordList:
    """One page of a list. `about` is the title and the path of the page that it belongs to.

    `years` are all years of the same list, `pages` the pages of this year.
    """

    about: tuple[str, str]
    name: str
    records: tuple[StoredRecord, ...]
    years: tuple[ListLink, ...]
    pages: tuple[ListLink, ...]


def render_record_list(context: PageContext, page: RecordList) -> bytes:
    """Return one page of a list."""
    return context.render("records.html", page=page)


def render_list_of_lists(context: PageContext, years: Sequence[ListLink], recipients: Sequence[ListLink]) -> bytes:
    """Return the page that leads to the lists of all records and of all recipients."""
    return context.render("all_records.html", years=years, recipients=recipients)


def render_recipients(
    context: PageContext, recipients: Sequence[ListLink], pages: Sequence[ListLink], name: str
) -> bytes:
    """Return one page of the list of recipients, whose links are to their pages."""
    return context.render("recipients.html", recipients=recipients, pages=pages, which=name)
