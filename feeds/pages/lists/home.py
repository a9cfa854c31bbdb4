"""The home page: how much is on record, where the money goes, and what is new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby

from feeds.entries.details import reporting_delay_note
from feeds.entries.ending import ending_award
from feeds.entries.entry import Entry
from feeds.entries.matches import category_label
from feeds.pages.charts import Chart, is_possible_year, share, years_chart
from feeds.pages.compare import table_url
from feeds.pages.lists.feeds import FeedRow
from feeds.pages.page_context import PageContext
from feeds.urls import COMPARE
from storage.models import StoredRecord
from storage.reading.contracts.expiring import SOON
from storage.search.query import Query
from storage.search.spending import Dimension, SpendingTable

MAX_AWARDS = 5  # with new entries
MAX_ENTRIES = 2  # of one award and day
MAX_CATEGORIES = 6  # as bars
MAX_YEARS = 12  # in the chart
MAX_COLUMNS = 6  # years in the table
CHART_HEIGHT = 140.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What is on record, in figures.

    `spending` has technologies as rows and fiscal years as columns; `categories` are the titles of the
    watchlist's technologies by slug; only these have a page. `vendors` counts the vendors of the watchlist with a
    published record, `watched` all vendors. `largest` are the awards with the largest obligations of those signed in
    `fiscal_year`. `ending` are the contracts and orders that end next, within `SOON`.
    """

    spending: SpendingTable
    categories: Mapping[str, str]
    vendors: int
    watched: int
    fiscal_year: int
    largest: tuple[StoredRecord, ...] = ()
    ending: tuple[StoredRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRow:
    """A technology: its dollars, its bar in per cent of the largest, and its dollars in each year of the table.

    `compare` leads to its dollars by agency and year; that of a year to those by agency and vendor.
    """

    code: str
    title: str
    dollars: Decimal
    percent: float
    compare: str
    by_year: tuple[tuple[Decimal | None, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOfAward:
    """The entries of one award that were first seen on one day, newest first, and how many more there are."""

    entries: tuple[Entry, ...]
    more: int


def render_index(
    context: PageContext,
    latest: Sequence[Entry],
    everything: FeedRow | None,
    *,
    today: date | None,
    overview: Overview | None = None,
    health: str = "",
) -> bytes:
    """Return the home page.

    Args:
        latest: entries, newest first.
        everything: the feed of everything, `None` if there is none.
        overview: what is on record, `None` for a page without figures.
        health: one line on the state of the sources.
    """
    years = _years(overview.spending)[-MAX_COLUMNS:] if overview else []
    return context.render(
        "index.html",
        everything=[everything] if everything else [],
        days=list(_days(latest)),
        missing=reporting_delay_note(today),
        health=health,
        overview=overview,
        ending=[ending_award(record, today) for record in overview.ending] if overview else [],
        soon=SOON.days,
        chart=_chart(overview.spending) if overview else None,
        years=years,
        categories=_categories(overview, years) if overview else [],
        max_bars=MAX_CATEGORIES,
    )


def _years(spending: SpendingTable) -> list[str]:
    return [year.code for year in spending.columns if is_possible_year(year.code)]


def _chart(spending: SpendingTable) -> Chart | None:
    known = {year.code: year.total.dollars for year in spending.columns}
    return years_chart([(int(year), known[year]) for year in _years(spending)[-MAX_YEARS:]], CHART_HEIGHT)


def _categories(overview: Overview, years: Sequence[str]) -> list[CategoryRow]:
    spending = overview.spending
    most = max((row.total.dollars for row in spending.rows), default=Decimal(0))
    return [
        CategoryRow(
            code=row.code,
            title=overview.categories.get(row.code) or category_label(row.code),
            dollars=row.total.dollars,
            percent=share(row.total.dollars, most),
            compare=table_url(COMPARE, Query(category=(row.code,)), Dimension.AGENCY, Dimension.YEAR),
            by_year=tuple(_cell(spending, row.code, year) for year in years),
        )
        for row in spending.rows
    ]


def _cell(spending: SpendingTable, category: str, year: str) -> tuple[Decimal | None, str]:
    query = Query(category=(category,), fiscal_year=(int(year),))
    cell = spending.cells.get((category, year))
    return cell.dollars if cell else None, table_url(COMPARE, query, Dimension.AGENCY, Dimension.VENDOR)


def _days(latest: Sequence[Entry]) -> Iterator[tuple[date, list[NewOfAward]]]:
    """Yield each day with its awards; both in the order of their newest entries, up to `MAX_AWARDS` in all."""
    left = MAX_AWARDS
    for day, entries in groupby(latest, key=lambda entry: entry.first_seen.date()):
        awards: dict[str, list[Entry]] = {}
        for entry in entries:
            awards.setdefault(entry.record_key, []).append(entry)
        shown = list(awards.values())[:left]
        yield day, [NewOfAward(entries=tuple(each[:MAX_ENTRIES]), more=len(each[MAX_ENTRIES:])) for each in shown]
        left -= len(shown)
        if not left:
            return
