"""Alerts on the website, for whoever may write: adding, changing and removing them, previews and deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session
from starlette.background import BackgroundTask

from feeds.pages.alerts import AlertForm, render_add, render_alert, render_alerts
from feeds.text import clean, one_line
from procurewatch.alerts.channels.channel import InvalidAddress, Refused, Undelivered
from procurewatch.alerts.channels.kinds import read_address
from procurewatch.alerts.messages import describe, make_message, subject_titles
from procurewatch.alerts.preview import preview, unsaved
from procurewatch.alerts.sending import send_due, send_test
from procurewatch.web.alerts.views import about_path, alert_view, change_alert, preview_view
from procurewatch.web.context import WebContext
from procurewatch.web.responses import HTML, see_other
from procurewatch.web.routes.review import PRIVATE, sign_in_page
from procurewatch.web.security.guard import RequestRejected
from procurewatch.web.security.login import Reviewer, form_of
from storage.alerts.deliveries import list_deliveries, load_delivery, replay_delivery
from storage.alerts.models import ChannelKind, Rhythm, Subscription
from storage.alerts.subscriptions import (
    add_subscription,
    list_subscriptions,
    load_subscription,
    remove_subscription,
)
from storage.database import server_time
from storage.reading.summaries import published_among
from storage.search.query import InvalidQuery, read_query

MAX_TITLE_LENGTH, MAX_DELIVERIES = 200, 20
# A mail has inline styles, and loads nothing.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
NO_SUCH_ALERT = "There is no such alert; /alerts lists them."

Form = Annotated[dict[str, str], Depends(form_of)]


def router(context: WebContext) -> APIRouter:
    """Return the routes of alerts."""
    routes = APIRouter(prefix="/alerts")
    _add_list_and_form(routes, context)
    _add_one_alert(routes, context)
    return routes


def _add_list_and_form(routes: APIRouter, context: WebContext) -> None:
    @routes.api_route("", methods=["GET", "HEAD"])
    def list_all(request: Request) -> Response:
        reviewer = context.reviewer(request)
        return _list_page(context, reviewer) if reviewer else sign_in_page(context, then="alerts")

    @routes.api_route("/add", methods=["GET", "HEAD"])
    def new(request: Request) -> Response:
        reviewer, query = context.reviewer(request), request.url.query
        if reviewer is None:
            return sign_in_page(context, depth=1, then=f"alerts/add?{query}" if query else "alerts/add")
        given = {name: value for name, value in request.query_params.items() if name in ("award", "rhythm")}
        rest = [pair for pair in request.query_params.multi_items() if pair[0] not in given]
        return _add_page(context, reviewer, {**given, "query": urlencode(rest)})

    @routes.post("/add")
    def add(request: Request, form: Form) -> Response:
        reviewer = context.access.require_reviewer(request, form)
        if form.get("do") == "preview":
            return _add_page(context, reviewer, form)
        return _add(context, reviewer, form)


def _add_one_alert(routes: APIRouter, context: WebContext) -> None:
    @routes.api_route("/{number:int}", methods=["GET", "HEAD"])
    def show(request: Request, number: int) -> Response:
        reviewer = context.reviewer(request)
        if reviewer is None:
            return sign_in_page(context, depth=1, then=f"alerts/{number}")
        return _alert_page(context, reviewer, number)

    @routes.post("/{number:int}")
    def change(request: Request, number: int, form: Form) -> Response:
        return _change(context, context.access.require_reviewer(request, form), number, form)

    @routes.api_route("/{number:int}/mail", methods=["GET", "HEAD"])
    def mail(request: Request, number: int) -> Response:
        if context.reviewer(request) is None:
            return sign_in_page(context, depth=2, then=f"alerts/{number}")
        content = _newest_mail(context, number)
        return Response(content, headers={**PRIVATE, "Content-Security-Policy": MAIL_POLICY}, media_type=HTML)


def _list_page(context: WebContext, reviewer: Reviewer) -> Response:
    with context.database.reading() as session:
        titles = subject_titles(context.app, session)
        views = [alert_view(context.app, session, each, titles) for each in list_subscriptions(session)]
    return _private(render_alerts(context.page_context(reviewer), views))


def _add_page(
    context: WebContext, reviewer: Reviewer, form: Mapping[str, str], *, problem: str = "", status: int = 200
) -> Response:
    """Return the page that adds an alert, filled in. Raises `RequestRejected` for what no alert can be about."""
    with context.database.reading() as session:
        found = _read_alert(context, session, form)
        view = AlertForm(
            about=describe(session, found, subject_titles(context.app, session)),
            href=about_path(found),
            query=found.query,
            award=found.award_key,
            address=clean(form.get("address", ""))[:1000],
            title=_title(form),
            rhythm=found.rhythm,
            problem=problem,
        )
        past = preview_view(preview(session, found, context.app.settings))
    return _private(render_add(context.page_context(reviewer, depth=1), view, past), status)


def _add(context: WebContext, reviewer: Reviewer, form: Mapping[str, str]) -> Response:
    """Store an alert and redirect to its page; the form again with what is wrong with its address."""
    try:
        kind, address = read_address(context.app, clean(form.get("address", "")))
    except InvalidAddress as error:
        line = str(error)
        return _add_page(context, reviewer, form, problem=f"{line[0].upper()}{line[1:]}.", status=400)
    with context.database.reading() as session:
        wanted = _read_alert(context, session, form)
    with context.database.writing() as session:
        added = add_subscription(
            session,
            channel=kind,
            address=address,
            rhythm=wanted.rhythm,
            now=server_time(session),
            query=None if wanted.award_key else wanted.search,
            award_key=wanted.award_key,
            title=_title(form),
        )
    return see_other(str(added.id))


def _read_alert(context: WebContext, session: Session, form: Mapping[str, str]) -> Subscription:
    """Return the alert that a form describes, not stored. Raises `RequestRejected` (400)."""
    try:
        rhythm = Rhythm(form.get("rhythm", "") or Rhythm.DAILY)
        query = read_query(parse_qsl(clean(form.get("query", ""))))
        context.feeds.get(session).check(query)
    except InvalidQuery as error:
        raise RequestRejected(400, f"{error}.") from None
    except ValueError:
        raise RequestRejected(400, "The rhythm is at-once, daily, weekly or monthly.") from None
    if not query.is_public:
        raise RequestRejected(400, "An alert is about published records; leave out band and decision.")
    award = clean(form.get("award", ""))
    if award and not published_among(session, [award]):
        raise RequestRejected(404, "No published record has this key.")
    alert = unsaved(None if award else query, award, now=server_time(session))
    return replace(alert, rhythm=rhythm, title=_title(form))


def _alert_page(
    context: WebContext, reviewer: Reviewer, number: int, *, notice: str = "", problem: str = ""
) -> Response:
    with context.database.reading() as session:
        found = _load(session, number)
        view = alert_view(context.app, session, found, subject_titles(context.app, session))
        past = preview_view(preview(session, found, context.app.settings))
        deliveries = list_deliveries(session, number, MAX_DELIVERIES)
    content = render_alert(
        context.page_context(reviewer, depth=1),
        view,
        past,
        deliveries,
        secret=found.secret if found.channel is ChannelKind.WEBHOOK else "",
        notice=notice,
        problem=problem,
    )
    return _private(content)


def _change(context: WebContext, reviewer: Reviewer, number: int, form: Mapping[str, str]) -> Response:
    """Do what a button of an alert's page says."""
    match form.get("do"):
        case "test":
            return _test(context, reviewer, number)
        case "remove":
            with context.database.writing() as session:
                _load(session, number)
                remove_subscription(session, number)
            return see_other("../alerts")
        case "replay":
            return _replay(context, number, form.get("delivery", ""))
        case _:
            with context.database.writing() as session:
                change_alert(session, _load(session, number), form)
            return see_other(str(number))


def _test(context: WebContext, reviewer: Reviewer, number: int) -> Response:
    with context.database.reading() as session:
        found = _load(session, number)
    try:
        answer = send_test(context.app, found)
    except (Undelivered, Refused) as failure:
        return _alert_page(context, reviewer, number, problem=f"The test was not accepted: {failure}")
    return _alert_page(context, reviewer, number, notice=f"The test was {answer}.")


def _replay(context: WebContext, number: int, delivery: str) -> Response:
    """Send a message again, after the response."""
    with context.database.writing() as session:
        _load(session, number)
        known = load_delivery(session, int(delivery)) if delivery.isdecimal() and len(delivery) < 19 else None
        if known is None or known.subscription_id != number:
            raise RequestRejected(404, "There is no such delivery of this alert.")
        replay_delivery(session, known.id, server_time(session))
    response = see_other(f"{number}#deliveries")
    response.background = BackgroundTask(send_due, context.app)
    return response


def _newest_mail(context: WebContext, number: int) -> str:
    """Return the newest message of an alert's preview as a mail. Raises `RequestRejected` (404) if there is none."""
    with context.database.reading() as session:
        found = _load(session, number)
        past = preview(session, found, context.app.settings).shown
        if not past:
            raise RequestRejected(404, "There would have been no message.")
        events, until = past[0].events, min(past[0].when, server_time(session))
        since = min(event.first_seen for event in events)
        return make_message(context.app, session, found, events, key="preview", since=since, until=until).html


def _load(session: Session, number: int) -> Subscription:
    """Return an alert. Raises `RequestRejected` (404)."""
    found = load_subscription(session, number) if number < 2**63 else None
    if found is None:
        raise RequestRejected(404, NO_SUCH_ALERT)
    return found


def _title(form: Mapping[str, str]) -> str:
    return one_line(form.get("title", ""))[:MAX_TITLE_LENGTH]


def _private(content: bytes, status: int = 200) -> Response:
    return Response(content, status, headers=PRIVATE, media_type=HTML)
