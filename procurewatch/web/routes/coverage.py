"""The page that says what was read completely, from which source, and since when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.source_health import describe_trouble
from feeds.pages.lists.coverage import ALL, ArchiveRow, CoverageView, SourceRow, year_ranges, year_rows
from procurewatch.web.context import WebContext
from procurewatch.web.responses import page_response
from sources.registry import SOURCES
from storage.reading.archives import archive_files
from storage.reading.coverage import coverage_by_source, list_periods
from storage.reading.source_health import first_good_poll, load_health
from storage.schema.tables import ArchiveFileRow


def router(context: WebContext) -> APIRouter:
    """Return the route of the page."""
    routes = APIRouter()

    @routes.api_route(f"/{urls.COVERAGE}", methods=["GET", "HEAD"])
    def coverage(request: Request) -> Response:
        with context.database.reading() as session:
            sources = _sources(context, session)  # polls that find nothing change no publication
            body = context.cached_page(
                session, urls.COVERAGE, lambda: coverage_page(context, session), depends_on=sources
            )
            return page_response(request, body)

    return routes


def coverage_page(context: WebContext, session: Session) -> bytes:
    """Return the page."""
    entries = [vendor.id for vendor in context.app.watchlist.vendors]
    periods = list_periods(session, entries)
    in_all = {(entry, period) for entry, code, period in periods if code == ALL}
    more = {code for entry, code, period in periods if code != ALL and (entry, period) not in in_all}
    agencies = [ALL, *sorted(more)]
    by_source = coverage_by_source(session, entries)
    view = CoverageView(
        sources=_sources(context, session),
        agencies=agencies,
        years=year_rows(periods, agencies, entries, context.today),
        entries=len(entries),
        by_source=by_source,
        archives=_archives(archive_files(session, complete=True)),
    )
    titles = {name: source.title for name, source in SOURCES.items()}
    names = context.agencies.get(session)
    return context.page_context().render(
        "coverage.html", view=view, source_titles=titles, entry_titles=context.vendor_titles, agency_names=names
    )


def _sources(context: WebContext, session: Session) -> list[SourceRow]:
    found = []
    for name, limit in context.app.silences.items():
        health = load_health(session, name, limit)
        found.append(
            SourceRow(
                title=context.app.source_titles[name],
                first_good=first_good_poll(session, name),
                last_good=health.last_good,
                newest=health.newest,
                problem=describe_trouble(health),
                delay=SOURCES[name].reporting_delay,
            )
        )
    return found


def _archives(files: Sequence[ArchiveFileRow]) -> list[ArchiveRow]:
    grouped: dict[tuple[str, str], list[ArchiveFileRow]] = defaultdict(list)
    for file in files:
        if file.fiscal_year and not file.is_delta:
            grouped[file.kind, file.agency].append(file)
    return [
        ArchiveRow(
            kind=kind,
            agency=agency,
            years=year_ranges(file.fiscal_year or 0 for file in own),
            read_at=max(file.read_at for file in own),
        )
        for (kind, agency), own in sorted(grouped.items())
    ]
