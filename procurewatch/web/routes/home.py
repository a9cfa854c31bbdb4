"""The home page, the list of all feeds, and the health of the sources."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.matches import category_label
from feeds.entries.source_health import health_line
from feeds.pages.charts import is_possible_year
from feeds.pages.lists.feeds import FeedRow, render_feed_list
from feeds.pages.lists.home import Overview, render_index
from feeds.urls import FeedKind
from monitors.watchlist.model import Kind
from procurewatch.named_feeds import EXPIRING_TITLE
from procurewatch.web.context import WebContext, feed_row, latest_entries
from procurewatch.web.responses import page_response
from storage.reading.contracts.expiring import SOON, awards_ending
from storage.reading.records import count_matched
from storage.reading.source_health import load_health
from storage.reading.summaries import FeedStats, SummaryScope
from storage.search.query import Query
from storage.search.search import find_events, largest_awards
from storage.search.spending import Dimension, spending

MAX_LARGEST = 5

LATEST_ON_INDEX = 50


def router(context: WebContext) -> APIRouter:
    """Return the routes of the home page."""
    routes = APIRouter()

    @routes.api_route("/", methods=["GET", "HEAD"])
    @routes.api_route("/index.html", methods=["GET", "HEAD"])
    def home(request: Request) -> Response:
        with context.database.reading() as session:
            health = [load_health(session, name, limit) for name, limit in context.app.silences.items()]
            line = health_line(health, context.app.source_titles)
            body = context.cached_page(session, urls.INDEX, lambda: home_page(context, session, line), depends_on=line)
            return page_response(request, body)

    @routes.api_route(f"/{urls.FEED_LIST}", methods=["GET", "HEAD"])
    def feed_list(request: Request) -> Response:
        with context.database.reading() as session:
            body = context.cached_page(session, urls.FEED_LIST, lambda: feed_list_page(context, session))
            return page_response(request, body)

    return routes


def home_page(context: WebContext, session: Session, health: str) -> bytes:
    """Return the home page; `health` is one line on the state of the sources."""
    page_context = context.page_context()
    everything = Query(min_change=context.app.settings.feed_min_change)
    return render_index(
        page_context,
        latest_entries(session, find_events(session, everything, LATEST_ON_INDEX), page_context),
        feed_row(FeedKind.ALL, "all", "everything"),
        today=context.day_shown,
        overview=_overview(context, session),
        health=health,
    )


def feed_list_page(context: WebContext, session: Session) -> bytes:
    """Return the list of all feeds."""
    feeds = all_feeds(context, context.feed_stats.get(session), context.agencies.get(session))
    return render_feed_list(context.page_context(), feeds)


def _overview(context: WebContext, session: Session) -> Overview:
    watchlist, today = context.app.watchlist, context.today
    table = spending(session, Query(), Dimension.CATEGORY, Dimension.YEAR)
    this_year = today.year + (today.month >= 10)  # the fiscal year begins in October
    years = [int(year.code) for year in table.columns if is_possible_year(year.code)]
    fiscal_year = max((year for year in years if year <= this_year), default=this_year)
    first, last = date(fiscal_year - 1, 10, 1), date(fiscal_year, 9, 30)
    vendors = [vendor.id for vendor in watchlist.vendors if vendor.kind is Kind.VENDOR]
    watched = sorted({vendor.category for vendor in watchlist.vendors})
    return Overview(
        spending=table,
        categories={slug: watchlist.categories.get(slug) or category_label(slug) for slug in watched},
        vendors=count_matched(session, vendors),
        watched=len(vendors),
        fiscal_year=fiscal_year,
        largest=tuple(largest_awards(session, first, last, MAX_LARGEST)),
        ending=tuple(awards_ending(session, SummaryScope(), today, today + SOON, MAX_LARGEST)),
    )


def all_feeds(
    context: WebContext, stats: Mapping[str, Mapping[str, FeedStats]], agencies: Mapping[str, str]
) -> list[FeedRow]:
    """Return every feed; within a kind those with entries first."""
    categories = {vendor.category: category_label(vendor.category) for vendor in context.app.watchlist.vendors}
    titles = {
        FeedKind.VENDOR: context.vendor_titles,
        FeedKind.AGENCY: {code: name or code for code, name in agencies.items()},
        FeedKind.CATEGORY: {
            slug: context.app.watchlist.categories.get(slug, words) for slug, words in categories.items()
        },
        FeedKind.EXPIRING: {"expiring": EXPIRING_TITLE},
    }
    rows = [feed_row(FeedKind.ALL, "all", "everything", stats["all"].get(""))]
    for kind, named in titles.items():
        known = stats[kind]
        ordered = sorted((slug not in known, title.casefold(), slug) for slug, title in named.items())
        rows += [feed_row(kind, slug, named[slug], known.get(slug)) for _, _, slug in ordered]
    return rows
