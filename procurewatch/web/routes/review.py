"""Review on the website: the queue, decisions and undoing them. Every form works without a script."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from feeds import urls
from feeds.pages.review import (
    LikeMatches,
    PastDecision,
    PendingGroup,
    PendingMatch,
    ReviewPage,
    pending_match,
    render_review,
    render_sign_in,
)
from feeds.text import clean, one_line
from procurewatch.reviews import describe_effect, describe_subject, record_decision, review_subject
from procurewatch.web.context import WebContext
from procurewatch.web.responses import HTML, ErrorResponse, see_other
from procurewatch.web.security.guard import SCRIPT_POLICY, RequestRejected
from procurewatch.web.security.login import Reviewer, form_of
from storage.database import server_time
from storage.models import MatchBand
from storage.reading.records import actions_of, record_by_key, records_by_key
from storage.reading.review_queue import PendingReview, count_pending_reviews, review_queue
from storage.reading.summaries import published_among
from storage.search.review_subjects import ReviewGroup, group_reviews, is_about
from storage.writing.reviews import Decision, ReviewDecision, delete_decision, latest_decisions, preview_decision

QUEUE_SIZE = 25
MAX_PAST_DECISIONS = 6
MAX_NOTE_LENGTH = 500  # characters of a note, and of a public reason
# The pages that a sign-in may lead to, besides the review.
PAGE_AFTER = re.compile(r"alerts(/add(\?[\w%&=+.*~-]*)?|/[0-9]{1,18})?", re.ASCII)
PRIVATE = {"Cache-Control": "private, no-store"}

Form = Annotated[dict[str, str], Depends(form_of)]


def router(context: WebContext) -> APIRouter:
    """Return the routes of the review."""
    routes = APIRouter(prefix="/review")

    @routes.api_route("", methods=["GET", "HEAD"])
    def queue(request: Request, vendor: str = "") -> Response:
        reviewer = context.reviewer(request)
        if reviewer is None:
            return sign_in_page(context)
        with context.database.reading() as session:
            page = review_page(context, session, clean(vendor))
        content = render_review(context.page_context(reviewer), page)
        return Response(content, headers={**PRIVATE, "Content-Security-Policy": SCRIPT_POLICY}, media_type=HTML)

    @routes.post("/sign-in")
    def sign_in(request: Request, form: Form) -> Response:
        then = _page_after(form)
        response = see_other(f"../{then or 'review'}")
        try:
            context.access.sign_in(request, response, form)
        except RequestRejected as error:
            return _sign_in_again(context, request, error, form.get("name", ""), then)
        return response

    @routes.post("/sign-out")
    def sign_out(request: Request, form: Form) -> Response:
        context.access.require_reviewer(request, form)
        response = see_other("../review")
        context.access.sign_out(request, response)
        return response

    @routes.post("/decide")
    def decide(request: Request, form: Form) -> Response:
        reviewer = context.access.require_reviewer(request, form)
        with context.database.writing() as session:
            response = decide_match(session, reviewer, form)
        response.background = BackgroundTask(context.app.announce)
        return response

    @routes.post("/undo")
    def undo(request: Request, form: Form) -> Response:
        context.access.require_reviewer(request, form)
        with context.database.writing() as session:
            delete_decision(
                session, clean(form.get("vendor", "")), clean(form.get("subject", "")), server_time(session)
            )
        return back_to_queue(form, "1")

    return routes


def sign_in_page(context: WebContext, *, depth: int = 0, then: str = "") -> Response:
    """Return the sign-in page; with 403 if there is no token to sign in with.

    `depth` is the number of folders in the page's path. `then` is the path of the page to go to, "" for the review.
    """
    content = render_sign_in(context.page_context(depth=depth), has_token=context.access.has_token, then=then)
    return Response(content, 200 if context.access.has_token else 403, headers=PRIVATE, media_type=HTML)


def _page_after(form: dict[str, str]) -> str:
    """Return the path of the page that a sign-in leads to, "" for the review; never one of another site."""
    then = form.get("then", "")
    return then if PAGE_AFTER.fullmatch(then) else ""


def _sign_in_again(context: WebContext, request: Request, error: RequestRejected, name: str, then: str) -> Response:
    """Return the form with what was wrong, for a program one line."""
    if "text/html" not in request.headers.get("accept", ""):
        raise error
    content = render_sign_in(
        context.page_context(depth=1),
        has_token=context.access.has_token,
        problem=error.line,
        name=name,
        then=then,
    )
    return Response(content, error.status, headers={**PRIVATE, **error.headers}, media_type=HTML)


def review_page(context: WebContext, session: Session, vendor: str) -> ReviewPage:
    """Return the pending matches (of one vendor, if its id is given) and the latest decisions."""
    queue = review_queue(session, vendor)
    groups = group_reviews(queue)
    last = latest_decisions(session, MAX_PAST_DECISIONS)
    return ReviewPage(
        waiting=tuple(_pending_group(session, group) for group in groups[:QUEUE_SIZE]),
        total=len(queue),
        groups=len(groups),
        name_only=count_pending_reviews(session, vendor, MatchBand.NAME_ONLY),
        decided=tuple(_decided(context, session, review) for review in last),
        vendor=vendor,
        vendor_name=context.vendor_titles.get(vendor, vendor),
    )


def _pending_group(session: Session, group: ReviewGroup) -> PendingGroup:
    def shown(pending: PendingReview) -> PendingMatch:
        return pending_match(pending, actions_of(session, pending.record.key))

    if not group.subject:
        return PendingGroup(first=shown(group.first), like=None)
    effect = preview_decision(session, group.first.match.vendor_id, group.subject, Decision.CONFIRMED)
    like = LikeMatches(
        subject=group.subject,
        about=describe_subject(group.subject, group.first.record.recipient_name),
        effect=describe_effect(effect),
        others=tuple(map(shown, group.members[1:])),
    )
    return PendingGroup(first=shown(group.first), like=like)


def _decided(context: WebContext, session: Session, review: ReviewDecision) -> PastDecision:
    kind, _, what = review.subject.partition(":")
    found = next(iter(records_by_key(session, [what])), None) if kind == "record" else None
    about = found.recipient_name if found else describe_subject(review.subject)
    return PastDecision(
        vendor_id=review.vendor_id,
        vendor_name=context.vendor_titles.get(review.vendor_id, review.vendor_id),
        subject=review.subject,
        about=about,
        decision=review.decision.value,
        decided_by=review.decided_by,
        decided_at=review.decided_at,
    )


def decide_match(session: Session, reviewer: Reviewer, form: dict[str, str]) -> Response:
    """Save a decision about a match or its group, and redirect back to the form.

    Raises `RequestRejected` if there is no such match, or if the group is not about it.
    """
    key, vendor, subject = (clean(form.get(name, "")) for name in ("record", "vendor", "subject"))
    try:
        decision = Decision(form.get("group") or form.get("decision", ""))
    except ValueError:
        raise RequestRejected(400, "Decide confirmed, rejected or never.") from None
    record = record_by_key(session, key)
    if record is None or all(match.vendor_id != vendor for match in record.matches):
        raise RequestRejected(404, "No such match is stored.")
    if not form.get("group"):
        subject = review_subject(record, decision)
    elif not is_about(session, subject, key):
        raise RequestRejected(400, "The decision is not about this match.")
    note, public_reason = (one_line(form.get(name, ""))[:MAX_NOTE_LENGTH] for name in ("note", "public_reason"))
    record_decision(session, subject, vendor, decision, reviewer=reviewer.name, note=note, public_reason=public_reason)
    session.flush()
    if form.get("back") == "record" and published_among(session, [key]):
        return see_other(f"../{urls.award_path(key)}")
    return back_to_queue(form, form.get("at", "1"))


def back_to_queue(form: dict[str, str], at: str) -> Response:
    """Redirect to the queue, at an item of it."""
    only = clean(form.get("only", ""))
    query = f"?{urlencode({'vendor': only})}" if only else ""
    place = at if at.isdigit() and len(at) < 5 else "1"
    return see_other(f"../review{query}#item-{place}")


def rejected(_request: Request, error: Exception) -> Response:
    """Return the response to a rejected request."""
    if not isinstance(error, RequestRejected):
        raise error
    return ErrorResponse(error.status, error.line, error.headers)
