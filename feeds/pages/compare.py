"""The page that compares spending: totals of a query by two dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from feeds.entries.matches import category_label
from feeds.pages.charts import is_possible_year, share, years_chart
from feeds.pages.page_context import PageContext
from feeds.urls import COMPARE, SEARCH
from storage.search.query import Query
from storage.search.spending import OF_MATCHES, Dimension, Heading, SpendingTable, Total

MAX_ROWS, MAX_COLUMNS = 50, 10  # of the page; the CSV has all
TITLES = {
    Dimension.AGENCY: "Agency",
    Dimension.YEAR: "Fiscal year",
    Dimension.VENDOR: "Vendor",
    Dimension.TOPIC: "Topic",
    Dimension.CATEGORY: "Technology",
    Dimension.RECIPIENT: "Recipient",
}
NO_VALUE = {
    Dimension.YEAR: "no date",
    Dimension.VENDOR: "no vendor, matched by a topic",
    Dimension.TOPIC: "no topic, matched by a vendor",
}
FILTERS = {
    Dimension.AGENCY: "agency",
    Dimension.YEAR: "fiscal_year",
    Dimension.VENDOR: "vendor",
    Dimension.TOPIC: "vendor",
    Dimension.CATEGORY: "category",
}
NEXT = (Dimension.AGENCY, Dimension.VENDOR, Dimension.YEAR)  # the dimensions of a table that a cell leads to
FORM_FIELDS = ("fiscal_year", "category", "agency")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePage:
    """A table of totals and its address. `names` are titles of vendors, technologies and agencies by id or code.

    `categories` are the technologies to choose from, by id. `problem` says why there is no table.
    `coverage` says which contracts were read completely, in sentences: what the totals can lack.
    """

    query: Query
    rows: Dimension
    columns: Dimension | None
    table: SpendingTable | None
    names: Mapping[str, str]
    categories: Mapping[str, str]
    problem: str = ""
    coverage: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownHeading:
    """A row or column: its title, its total, the address that narrows the table to it ("" if none), its bar."""

    title: str
    total: Total
    href: str
    percent: float


def render_compare(context: PageContext, page: ComparePage) -> bytes:
    """Return the page."""
    table = page.table or SpendingTable(rows=(), columns=(), cells={}, total=Total())
    rows, columns = table.rows[:MAX_ROWS], _shown_columns(page, table)
    most = max((row.total.dollars for row in table.rows), default=Decimal(0))
    years = table.columns if page.columns is Dimension.YEAR else table.rows if page.rows is Dimension.YEAR else ()
    amounts = [(int(each.code), each.total.dollars) for each in years if is_possible_year(each.code)]
    return context.render(
        "compare.html",
        page=page,
        table=table,
        row_title=TITLES[page.rows],
        column_title=TITLES[page.columns] if page.columns else "",
        columns=[_heading(page, page.columns, column, most) for column in columns] if page.columns else [],
        rows=[
            (_heading(page, page.rows, row, most), [_cell(page, table, row, column) for column in columns])
            for row in rows
        ],
        dimensions=TITLES,
        chart=years_chart(amounts),
        description=page.query.describe(page.names),
        note=overlap_note(page.rows, page.columns, table),
        other_params=[pair for pair in page.query.url_params() if pair[0] not in FORM_FIELDS],
        form={name: value for name, value in page.query.url_params() if name in FORM_FIELDS},
        csv=table_url(f"{COMPARE}.csv", page.query, page.rows, page.columns),
        search=_with_query(SEARCH, page.query.url_query()),
        actions=_with_query(f"{SEARCH}.csv", urlencode([*page.query.url_params(), ("rows", "actions")])),
    )


def overlap_note(rows: Dimension, columns: Dimension | None, table: SpendingTable) -> str:
    """Return a sentence on rows or columns that do not add up to the total, "" if all do."""
    overlapping = [
        f"{TITLES[dimension].lower()} {what}"
        for dimension, what, overlaps in (
            (rows, "rows", table.rows_overlap),
            (columns, "columns", table.columns_overlap),
        )
        if dimension and overlaps
    ]
    if not overlapping:
        return ""
    return (
        f"An action that matches two {' or '.join(overlapping)} counts in full in both, so these do not add up "
        "to their total. Totals count each action once."
    )


def title_of(dimension: Dimension, heading: Heading, names: Mapping[str, str]) -> str:
    """Return what a row or column is called; `names` are those of the site by id or code."""
    if not heading.code:
        return NO_VALUE.get(dimension, "not stated")
    if dimension is Dimension.CATEGORY:
        return names.get(heading.code) or category_label(heading.code)
    return heading.name if dimension in (Dimension.RECIPIENT, *OF_MATCHES) else names.get(heading.code) or heading.name


def table_url(path: str, query: Query, rows: Dimension, columns: Dimension | None) -> str:
    """Return the address of a table of totals."""
    dimensions = [("rows", rows), *([("columns", columns)] if columns else [])]
    return _with_query(path, urlencode([*query.url_params(), *dimensions]))


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _shown_columns(page: ComparePage, table: SpendingTable) -> Sequence[Heading]:
    """Return the newest years, or the largest of anything else."""
    return table.columns[-MAX_COLUMNS:] if page.columns is Dimension.YEAR else table.columns[:MAX_COLUMNS]


def _heading(page: ComparePage, dimension: Dimension, heading: Heading, most: Decimal) -> ShownHeading:
    return ShownHeading(
        title=title_of(dimension, heading, page.names),
        total=heading.total,
        href=_narrowed(page, {dimension: heading.code}),
        percent=share(heading.total.dollars, most),
    )


def _cell(page: ComparePage, table: SpendingTable, row: Heading, column: Heading) -> tuple[Total | None, str]:
    """Return the total of a cell and the address that narrows the table to it."""
    total = table.cells.get((row.code, column.code))
    chosen = {page.rows: row.code, **({page.columns: column.code} if page.columns else {})}
    return total, _narrowed(page, chosen) if total else ""


def _narrowed(page: ComparePage, chosen: Mapping[Dimension, str]) -> str:
    """Return the address of a table, or of a search if nothing is left to compare, of these rows and columns alone."""
    if not all(chosen.values()) or not set(chosen) <= set(FILTERS):
        return ""
    filters: dict[str, Any] = {
        FILTERS[dimension]: (int(code) if dimension is Dimension.YEAR else code.lower(),)
        for dimension, code in chosen.items()
    }
    query = replace(page.query, **filters)
    left = [each for each in NEXT if not getattr(query, FILTERS[each])]
    if len(left) < len(NEXT) - 1:
        return _with_query(SEARCH, query.url_query())
    return table_url(COMPARE, query, left[0], left[1])
