"""The page of contracts and orders that end soon."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.ending import ending_award
from feeds.urls import FeedKind
from procurewatch.named_feeds import EXPIRING_TITLE
from procurewatch.web.context import WebContext, feed_row
from procurewatch.web.responses import page_response
from storage.reading.contracts.expiring import SOON, awards_ending, count_ending
from storage.reading.summaries import SummaryScope
from storage.search.query import Query

MAX_AWARDS = 200
MAX_COUNTED = 1_000  # above which the page says more than
EXPORTS = {"csv": "CSV", "parquet": "Parquet", "sqlite3": "SQLite"}


def router(context: WebContext) -> APIRouter:
    """Return the route of the page."""
    routes = APIRouter()

    @routes.api_route(f"/{urls.EXPIRING}", methods=["GET", "HEAD"])
    def expiring(request: Request) -> Response:
        with context.database.reading() as session:
            body = context.cached_page(session, urls.EXPIRING, lambda: expiring_page(context, session))
            return page_response(request, body)

    return routes


def expiring_page(context: WebContext, session: Session) -> bytes:
    """Return the page: the contracts and orders that end within `SOON`, the first to end first."""
    page_context, today = context.page_context(), context.today
    until, everything = today + SOON, SummaryScope()
    records = awards_ending(session, everything, today, until, MAX_AWARDS)
    search = Query(ends_since=today, ends_until=until).url_query()
    return page_context.render(
        "expiring.html",
        awards=[ending_award(record, today if page_context.served else None) for record in records],
        in_all=count_ending(session, everything, today, until, MAX_COUNTED + 1),
        most=MAX_COUNTED,
        today=today,
        until=until,
        days=SOON.days,
        feed=feed_row(FeedKind.EXPIRING, "expiring", EXPIRING_TITLE),
        search=search,
        exports=[(title, f"{urls.SEARCH}.{end}?{search}") for end, title in EXPORTS.items()],
    )
