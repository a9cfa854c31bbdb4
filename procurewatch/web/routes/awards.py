"""The pages of awards and publications, and the evidence to download."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.matches import category_label, published_matches
from feeds.pages.award import ReviewChoice, render_award
from feeds.pages.feed_list import FeedRow
from feeds.urls import FeedKind
from procurewatch.exports.redaction import remove_user_names
from procurewatch.site_build import record_page
from procurewatch.web.context import WebContext, feed_row
from procurewatch.web.responses import ErrorResponse, body_of, page_response
from storage.models import StoredRecord
from storage.reading.records import load_payload
from storage.reading.summaries import published_among
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
        choices = review_choices(page.award) if reviewer else ()
        content = render_award(context.page_context(reviewer, depth=1), page, feeds_for(context, page.award), choices)
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


def feeds_for(context: WebContext, award: StoredRecord) -> list[FeedRow]:
    """Return the feeds that include a record's events."""
    matches = published_matches(award)
    titles = context.app.watchlist.categories
    rows = [feed_row(FeedKind.VENDOR, match.vendor_id, match.vendor_name) for match in matches]
    agencies = ((award.sub_agency_code, award.sub_agency_name), (award.agency_code, award.agency_name))
    rows += [feed_row(FeedKind.AGENCY, code, name or code) for code, name in agencies if code]
    rows += [
        feed_row(FeedKind.CATEGORY, category, titles.get(category) or category_label(category))
        for category in dict.fromkeys(match.category for match in matches)
    ]
    return [*rows, feed_row(FeedKind.ALL, "all", "everything")]
