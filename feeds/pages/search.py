"""The search page: form, results, filters, feeds and exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from feeds.citations import cite_search, format_citation
from feeds.entries.details import reporting_delay_note
from feeds.pages.page_context import PageContext
from feeds.text import pluralize
from feeds.urls import SEARCH
from storage.models import StoredRecord
from storage.search.query import Sort
from storage.search.spending import Total

FORMATS = {"atom": "Atom", "rss": "RSS", "json": "JSON Feed"}
EXPORTS = {
    "csv": "CSV",
    "xlsx": "Excel",
    "parquet": "Parquet",
    "sqlite3": "SQLite",
    "ocds.json": "OCDS",
    "zip": "Story pack",
}
# Above these the page says "more than", because an exact count would take too long.
MAX_COUNTED = 10_000
MAX_ENTRIES = 1_000
FACET_TITLES = {
    "vendor": "Vendor",
    "category": "Technology",
    "agency": "Agency",
    "kind": "Kind of record",
    "source": "Source",
    "state": "State of the recipient",
    "competition": "Competition",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """A value of a facet: its number of records, and the link that selects it (or removes it if `is_chosen`).

    `id` is the id of its link, so that the keyboard focus stays when the page updates in place.
    """

    id: str
    label: str
    count: int
    href: str
    is_chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """A facet and its most frequent values."""

    title: str
    values: tuple[FacetValue, ...]


SORT_TITLES = {
    Sort.DATE: "newest signed",
    Sort.OLDEST: "oldest signed",
    Sort.OBLIGATED: "largest obligation",
    Sort.SEEN: "newest on record",
    Sort.ENDS: "ends first",
    Sort.AGENCY: "agency",
    Sort.VENDOR: "vendor",
    Sort.RECIPIENT: "recipient",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SortLink:
    """An order of the results, and the link that sorts by it."""

    sort: Sort
    href: str
    is_chosen: bool

    @property
    def title(self) -> str:
        """Its name on the page."""
        return SORT_TITLES[self.sort]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    """The data of the page. `description` is the search in words, `query` the URL's query without paging,
    `feed_query` also without the order.
    `other_params` are the parameters that the form passes on besides its own. `after` is the cursor of the next page,
    "" on the last one. `spent` is the total of the actions that the search finds, `None` if there are too many to add
    up. `entries_a_month` counts the entries of the search's feed in the last 30 days. `is_private` searches, which
    only reviewers may run, have no feeds, exports or citations. `coverage` says which contracts were read completely,
    in sentences. `may_lack_defense`: recent awards of the Defense Department may be missing. `left_out` are the keys of
    records that could not be read.
    """

    description: str = ""
    query: str = ""
    feed_query: str = ""
    sorts: tuple[SortLink, ...] = ()
    form_values: dict[str, str]
    other_params: tuple[tuple[str, str], ...]
    total: int = 0
    records: tuple[StoredRecord, ...] = ()
    facets: tuple[Facet, ...] = ()
    after: str = ""
    entries_a_month: int = 0
    spent: Total | None = None
    coverage: tuple[str, ...] = ()
    may_lack_defense: bool = True
    left_out: tuple[str, ...] = ()
    is_first: bool = True
    is_private: bool = False
    problem: str = ""

    @property
    def is_by_date(self) -> bool:
        """Whether the records are in the usual order, newest signed first."""
        return not any(each.is_chosen and each.sort is not Sort.DATE for each in self.sorts)


def render_search(context: PageContext, page: SearchPage, *, now: datetime) -> bytes:
    """Return the page. `now` (UTC) is the time of the search, which its citation states."""
    found = _at_most(page.total, MAX_COUNTED, "record")
    url = context.address(_with_query(SEARCH, page.query))
    return context.render(
        "search.html",
        page=page,
        formats=[(title, _with_query(f"{SEARCH}.{end}", page.feed_query)) for end, title in FORMATS.items()],
        left_out=pluralize(len(page.left_out), "record"),
        exports=[(title, _with_query(f"{SEARCH}.{end}", page.query)) for end, title in EXPORTS.items()],
        dictionary=_with_query(f"{SEARCH}.csv.datapackage.json", page.query),
        missing=reporting_delay_note(now.date()) if page.may_lack_defense else "",
        found=found,
        entries=_at_most(page.entries_a_month, MAX_ENTRIES, "entry", "entries"),
        citations=format_citation(cite_search(page.description, found, now, url, page.coverage)),
    )


def _at_most(count: int, most: int, one: str, many: str = "") -> str:
    return f"more than {most:,} {many or one + 's'}" if count > most else pluralize(count, one, many)


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path
