"""The page that compares spending, and the same table as CSV."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from feeds import urls
from feeds.pages.compare import ComparePage, render_compare
from feeds.text import clean
from procurewatch.exports.csv_json import csv_bytes
from procurewatch.query_coverage import coverage_notes
from procurewatch.totals.rows import COLUMNS, table_rows
from procurewatch.web.context import WebContext
from procurewatch.web.responses import HTML, ErrorResponse, body_of, page_response
from storage.search.query import InvalidQuery, Query
from storage.search.spending import Dimension, read_table, spending

CSV = "text/csv; charset=utf-8; header=present"
Table = tuple[Query, Dimension, Dimension | None]


def router(context: WebContext) -> APIRouter:
    """Return the routes of the page and its CSV file."""
    routes = APIRouter()

    @routes.api_route(f"/{urls.COMPARE}", methods=["GET", "HEAD"])
    def compare(request: Request) -> Response:
        try:
            asked = public_table(request)
            with context.database.reading() as session:
                context.feeds.get(session).check(asked[0])
                key = (urls.COMPARE, asked[0].url_params(), *asked[1:])
                body = context.cached_page(session, key, lambda: compare_page(context, session, asked))
            return page_response(request, body)
        except InvalidQuery as error:
            with context.database.reading() as session:
                asked = (Query(), Dimension.CATEGORY, Dimension.YEAR)
                content = compare_page(context, session, asked, problem=str(error))
            return Response(content, 400, {"Cache-Control": "no-store"}, HTML)

    @routes.api_route(f"/{urls.COMPARE}.csv", methods=["GET", "HEAD"])
    def compare_csv(request: Request) -> Response:
        try:
            query, rows, columns = public_table(request)
            with context.database.reading() as session:
                feeds = context.feeds.get(session)
                feeds.check(query)
                table = spending(session, query, rows, columns)
        except InvalidQuery as error:
            return ErrorResponse(400, str(error))
        content = b"".join(csv_bytes(COLUMNS, table_rows(table, rows, columns, feeds.titles)))
        response = page_response(request, body_of(content), CSV)
        response.headers["Content-Disposition"] = 'attachment; filename="procurewatch-totals.csv"'
        return response

    return routes


def public_table(request: Request) -> Table:
    """Return the query and the dimensions of a URL. Raises `InvalidQuery`, also for what is not published."""
    asked = read_table((name, clean(value)) for name, value in request.query_params.multi_items())
    if not asked[0].is_public:
        raise InvalidQuery("totals are of published matches only; leave band and decision out")
    return asked


def compare_page(context: WebContext, session: Session, asked: Table, *, problem: str = "") -> bytes:
    """Return the page of a table; without one if there is a problem."""
    query, rows, columns = asked
    watchlist = context.app.watchlist
    page = ComparePage(
        query=query,
        rows=rows,
        columns=columns,
        table=None if problem else spending(session, query, rows, columns),
        names=context.feeds.get(session).titles,
        categories={
            slug: watchlist.categories.get(slug, slug) for slug in sorted({each.category for each in watchlist.vendors})
        },
        problem=problem,
        coverage=() if problem else tuple(coverage_notes(session, watchlist, query)),
    )
    return render_compare(context.page_context(), page)
