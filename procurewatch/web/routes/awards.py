"""The pages of awards and publications, and the evidence to download."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.entry import entry_for
from feeds.entries.matches import category_label, published_matches, record_label
from feeds.pages.award import LinkedRecord, RecordPage, ReviewChoice, render_award
from feeds.pages.lists.feeds import FeedRow, RecordFeed
from feeds.site import SiteFeeds
from feeds.text import one_line
from feeds.urls import FEED_TYPES, FeedFormat, FeedKind
from procurewatch.exports.redaction import remove_user_names
from procurewatch.web.context import WebContext, feed_row
from procurewatch.web.responses import CROSS_ORIGIN, ErrorResponse, body_of, body_response, page_response, preflight
from procurewatch.web.routes.feeds import FEED_HEADERS, MAX_AGE_SECONDS
from procurewatch.web.security.login import Reviewer
from sources.registry import publisher_of, sources_listing
from storage.alerts.due import award_events
from storage.models import AWARDS, StoredRecord
from storage.reading.records import actions_of, evidence_of, load_payload, record_by_key, records_by_key
from storage.reading.source_records import load_source_records
from storage.reading.summaries import orders_under, published_among
from storage.reading.timelines import linked_records, timeline_of
from storage.search.feed_pages import MAX_ENTRIES
from storage.writing.renumbering import current_key

# Evidence is untrusted: browsers are told to save it, and never to run it.
EVIDENCE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "public, max-age=31536000, immutable",
}


def router(context: WebContext) -> APIRouter:
    """Return the routes of records and their evidence."""
    routes = APIRouter()

    _add_feeds(routes, context)

    @routes.api_route("/awards/{name}", methods=["GET", "HEAD"])
    def record(name: str, request: Request) -> Response:
        with context.database.reading() as session:
            key = record_key(context, session, name.removesuffix(".html")) if name.endswith(".html") else None
            page = record_page(session, key, context.app.source_titles) if key else None
            if page is None:
                return ErrorResponse(404, "No published record has this page; /search finds those that are stored.")
            if (path := urls.award_path(page.award.key)) != f"awards/{name}":
                return RedirectResponse(f"../{path}", status_code=302)  # the source has changed the record's key
            reviewer = context.reviewer(request)
            content = award_page(context, session, page, reviewer)
        return page_response(request, body_of(content), private=reviewer is not None)

    @routes.api_route("/evidence/{sha256}", methods=["GET", "HEAD"])
    def evidence(sha256: str) -> Response:
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            return ErrorResponse(404, "Evidence is named by its SHA-256: 64 hexadecimal digits.")
        with context.database.reading() as session:
            body = load_payload(session, sha256)
        if body is None:
            return ErrorResponse(404, "No evidence with this SHA-256 is stored.")
        shared = remove_user_names(body)
        name = f"{sha256}.bin" if shared == body else f"{sha256}-without-user-names.bin"
        headers = {
            **EVIDENCE_HEADERS,
            "ETag": f'"{sha256}"',
            "Content-Disposition": f'attachment; filename="{name}"',
        }
        return Response(shared, headers=headers, media_type="application/octet-stream")

    return routes


def _add_feeds(routes: APIRouter, context: WebContext) -> None:
    def feed(name: str, request: Request) -> Response:
        fmt = FeedFormat(request.url.path.rpartition(".")[2])
        with context.database.reading() as session:
            key = record_key(context, session, name)
            found = record_by_key(session, key) if key else None
            if found is None:
                return ErrorResponse(404, "No published record has this feed; /search finds those that are stored.")
            if (path := urls.award_feed_path(found.key, fmt)) != f"awards/{name}.{fmt}":
                return RedirectResponse(f"../{path}", status_code=302, headers=CROSS_ORIGIN)
            body = body_of(award_feed(context, session, found, fmt))
        headers = {**FEED_HEADERS, "Cache-Control": f"public, max-age={MAX_AGE_SECONDS}"}
        return body_response(request, body, f"{FEED_TYPES[fmt]}; charset=utf-8", headers)

    for fmt in FeedFormat:
        routes.add_api_route(f"/awards/{{name}}.{fmt}", feed, methods=["GET", "HEAD"])
        routes.add_api_route(f"/awards/{{name}}.{fmt}", preflight, methods=["OPTIONS"])


def award_page(context: WebContext, session: Session, page: RecordPage, reviewer: Reviewer | None = None) -> bytes:
    """Return the page of a record; a reviewer can decide its matches there."""
    choices = review_choices(page.award) if reviewer else ()
    return render_award(context.page_context(reviewer, depth=1), page, feeds_for(context, session, page.award), choices)


def award_feed(context: WebContext, session: Session, award: StoredRecord, fmt: FeedFormat) -> bytes:
    """Return the feed of one record: its events, and those of the publications that are linked with it."""
    link = partial(urls.permalink, context.base_url)
    entries = [entry_for(event, link) for event in award_events(session, award.key, MAX_ENTRIES)]
    return SiteFeeds(base_url=context.base_url).record_feed(own_feed(award), fmt, entries, urls.official_page(award))


def own_feed(award: StoredRecord) -> RecordFeed:
    """Return the feed of one record, for the list of its feeds."""
    kind = category_label(award.category) if award.is_publication else "award"
    title = one_line(f"{kind} {award.piid or award.solicitation}")
    return RecordFeed(key=award.key, title=f"{title}, {record_label(award)}")


def record_page(session: Session, key: str, source_titles: Mapping[str, str]) -> RecordPage | None:
    """Return the contents of a record's page, or `None` if it is not stored."""
    award = record_by_key(session, key)
    if award is None:
        return None
    linked = linked_records(session, key)
    orders, stored = orders_under(session, key) if award.category in AWARDS else ([], 0)
    parent = next(iter(records_by_key(session, [award.parent_key])), None) if award.parent_key else None
    seen = published_among(session, [award.parent_key, *(record.key for _, record in linked)])
    return RecordPage(
        award=award,
        actions=tuple(actions_of(session, key)),
        evidence=tuple(evidence_of(session, key)),
        events=tuple(timeline_of(session, key)),
        sources=tuple(load_source_records(session, key)),
        source_titles=source_titles,
        publisher=publisher_of(award.source),
        complete_sources=sources_listing(award.category),
        linked=tuple(LinkedRecord(link=link, record=record, has_page=record.key in seen) for link, record in linked),
        parent=parent,
        parent_has_page=award.parent_key in seen,
        orders=tuple(orders),
        orders_stored=stored,
    )


def record_key(context: WebContext, session: Session, name: str) -> str | None:
    """Return the key of the published record whose page has this name, `None` if there is none."""
    if urls.award_page_name(name) == name:
        known = [key for key in (name, current_key(session, name)) if published_among(session, [key])]
        return known[0] if known else None
    return context.award_pages.get(session).get(name)


def review_choices(award: StoredRecord) -> tuple[ReviewChoice, ...]:
    """Return the matches of a record for a reviewer to decide."""
    return tuple(
        ReviewChoice(vendor_id=match.vendor_id, vendor_name=match.vendor_name, band=match.band)
        for match in award.matches
    )


def feeds_for(context: WebContext, session: Session, award: StoredRecord) -> list[FeedRow | RecordFeed]:
    """Return the record's own feed, and those that include its events.

    An entry that left the watchlist may leave no feed for these.
    """
    matches = published_matches(award)
    titles = context.app.watchlist.categories
    rows = [feed_row(FeedKind.VENDOR, match.vendor_id, match.vendor_name) for match in matches]
    agencies = ((award.sub_agency_code, award.sub_agency_name), (award.agency_code, award.agency_name))
    rows += [feed_row(FeedKind.AGENCY, code, name or code) for code, name in agencies if code]
    rows += [
        feed_row(FeedKind.CATEGORY, category, titles.get(category) or category_label(category))
        for category in dict.fromkeys(match.category for match in matches)
    ]
    stems = context.feeds.get(session).by_stem
    known = [row for row in rows if row.atom.removesuffix(f".{FeedFormat.ATOM}") in stems]
    return [own_feed(award), *known, feed_row(FeedKind.ALL, "all", "everything")]
