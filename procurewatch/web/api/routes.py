"""The JSON API at /api/v1: the query language of the pages, cursor paging, errors as problem+json (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, TypeAdapter
from sqlalchemy.orm import Session
from starlette.exceptions import HTTPException

from feeds import urls
from feeds.text import clean
from feeds.urls import FeedFormat, FeedKind
from procurewatch.context import disabled_reason
from procurewatch.exports.api_json import (
    Action,
    Agency,
    Category,
    CoveredPeriod,
    Event,
    EventsPage,
    EventWithRecord,
    Incident,
    Link,
    Problem,
    Record,
    RecordDetail,
    RecordsPage,
    SourceStatus,
    Spending,
    UncheckedPart,
    WatchlistEntry,
    event_values,
    evidence_of_record,
    record_values,
    source_record,
    spending_of,
)
from procurewatch.query_coverage import coverage_notes
from procurewatch.web.api.parameters import DEFAULT_LIMIT, MAX_LIMIT, PAGING, query_parameters, table_parameters
from procurewatch.web.context import WebContext
from procurewatch.web.responses import (
    CROSS_ORIGIN,
    JSON,
    PROBLEM_JSON,
    body_of,
    page_response,
    preflight,
    problem_response,
)
from procurewatch.web.security.guard import API, explain_failure
from sources.registry import SOURCES
from storage.errors import left_out
from storage.models import StoredRecord
from storage.reading.coverage import list_periods
from storage.reading.events import events_of
from storage.reading.records import actions_of, evidence_of, record_by_key
from storage.reading.source_health import load_health
from storage.reading.source_records import load_source_records
from storage.reading.summaries import published_among
from storage.reading.timelines import public_links
from storage.search.facets import count_by_facets
from storage.search.query import PARAMETERS, InvalidQuery, Query, read_query
from storage.search.search import count_records, event_cursor, find_events, find_records, record_cursor
from storage.search.spending import read_table, spending
from storage.writing.renumbering import current_key

ABOUT = (
    "Published records of federal purchases of surveillance technology. Amounts are US dollars as strings with two "
    "decimals, dates are ISO 8601, times are UTC. Amounts of different sources are never added up. Paths, names and "
    "meanings of version 1 do not change; new members may be added."
)


PUBLIC_ONLY = "the API returns published matches only; band and decision are for reviewers"


class Forbidden(InvalidQuery):
    """A query that only a reviewer may send."""


class _Api(FastAPI):
    """The API; its OpenAPI document is made when it is first asked for, because that takes longer than all else."""

    def openapi(self) -> dict[str, Any]:
        """Return the document, with the media types of errors."""
        if self.openapi_schema is None:
            _set_problem_types(super().openapi())
        return super().openapi()


def make_api(context: WebContext) -> FastAPI:
    """Return the application to mount at `guard.API`; openapi.json describes it."""
    api = _Api(
        title="Procurewatch",
        version="1",
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": urlsplit(context.base_url).path.rstrip("/") + API}],
        root_path_in_servers=False,  # that of the request lacks the path of the site's URL
    )
    api.add_exception_handler(InvalidQuery, _invalid_query)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(Exception, _server_error)
    parameters, is_sorted = {"parameters": query_parameters()}, {"parameters": query_parameters(is_sorted=True)}
    _route(api, "/records", lambda request: _records(context, request), RecordsPage, "Search records", is_sorted)
    _route(api, "/records/{key:path}", lambda request: _record(context, request), RecordDetail, "One record", KEY)
    _route(api, "/events", lambda request: _events(context, request), EventsPage, "Search events", parameters)
    _route(
        api,
        "/vendors",
        lambda request: _list_response(request, _vendors(context)),
        list[WatchlistEntry],
        "The watchlist",
    )
    _route(api, "/agencies", lambda request: _list_response(request, _agencies(context)), list[Agency], "Agencies")
    _route(
        api,
        "/categories",
        lambda request: _list_response(request, _categories(context)),
        list[Category],
        "Technologies",
    )
    _route(
        api,
        "/sources",
        lambda request: _list_response(request, _sources(context)),
        list[SourceStatus],
        "Health of the sources",
    )
    _route(
        api,
        "/coverage",
        lambda request: _list_response(request, _coverage(context)),
        list[CoveredPeriod],
        "Contracts that were read completely",
    )
    _route(
        api,
        "/spending",
        lambda request: _spending(context, request),
        Spending,
        "Totals",
        {"parameters": table_parameters()},
    )
    return api


ERROR_STATUSES = (400, 403, 404, 414, 429, 503)
KEY = {"parameters": [{"name": "key", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}]}


def _route(  # noqa: PLR0917  a line each, as a table
    api: FastAPI,
    path: str,
    handler: Callable[[Request], Response],
    model: Any,
    title: str,
    more: dict[str, Any] | None = None,
) -> None:
    """Add a route for GET, which OpenAPI describes, for HEAD and for OPTIONS."""

    def endpoint(request: Request) -> Response:
        return handler(request)

    problems: dict[int | str, dict[str, Any]] = {
        status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in ERROR_STATUSES
    }
    api.add_api_route(
        path,
        endpoint,
        methods=["GET"],
        response_model=model,
        summary=title,
        operation_id=title.lower().replace(" ", "_"),
        responses={304: {"description": "Not Modified"}, **problems},
        openapi_extra=more,
    )
    api.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
    api.add_api_route(path, preflight, methods=["OPTIONS"], include_in_schema=False)


def _set_problem_types(document: dict[str, Any]) -> None:
    """Set the media type of errors in the OpenAPI document; FastAPI has one type for all responses."""
    for path in document["paths"].values():
        for operation in path.values():
            for status in ERROR_STATUSES:
                content = operation["responses"][str(status)]["content"]
                content[PROBLEM_JSON] = content.pop(JSON)


def _records(context: WebContext, request: Request) -> Response:
    query, limit, after = _read_request(request)
    with context.database.reading() as session:
        found = list(find_records(session, query, limit + 1, after))
        total = None if after else count_records(session, query)
        coverage = [] if after else coverage_notes(session, context.app.watchlist, query)
        shown = found[:limit]
        following = record_cursor(session, query, shown[-1]) if len(found) > limit else ""
        missing = list(left_out(session))
    page = RecordsPage(
        total=total,
        coverage=coverage,
        left_out=missing,
        next=_next(context, request, following) if following else None,
        records=[Record.model_validate(record_values(record, context.base_url)) for record in shown],
    )
    return _model_response(request, page)


def _spending(context: WebContext, request: Request) -> Response:
    query, rows, columns = read_table(request.query_params.multi_items())
    if not query.is_public:
        raise Forbidden(PUBLIC_ONLY)
    with context.database.reading() as session:
        table = spending(session, query, rows, columns)
        coverage = coverage_notes(session, context.app.watchlist, query)
    return _model_response(request, spending_of(table, coverage))


def _events(context: WebContext, request: Request) -> Response:
    query, limit, after = _read_request(request)
    with context.database.reading() as session:
        found = find_events(session, query, limit + 1, after)
        missing = list(left_out(session))
    shown = found[:limit]
    events = [
        {
            **event_values(event, context.base_url),
            "record": record_values(event.record, context.base_url),
            "milestones": [event_values(part, context.base_url) for part in event.milestones],
        }
        for event in shown
    ]
    page = EventsPage(
        left_out=missing,
        next=_next(context, request, event_cursor(shown[-1])) if len(found) > limit else None,
        events=[EventWithRecord.model_validate(facts) for facts in events],
    )
    return _model_response(request, page)


def _record(context: WebContext, request: Request) -> Response:
    given = str(request.path_params["key"])
    with context.database.reading() as session:
        # PostgreSQL rejects control characters, which no key has.
        key = current_key(session, given) if given == clean(given) else ""
        record = record_by_key(session, key)
        if record is None or not published_among(session, [key]):
            raise HTTPException(404, "no published record has this key; /api/v1/records finds those that are")
        detail = _detail(session, record, context.base_url)
    return _model_response(request, detail)


def _detail(session: Session, record: StoredRecord, base_url: str) -> RecordDetail:
    events = [Event.model_validate(event_values(event, base_url)) for event in events_of(session, record.key)]
    more = {
        "actions": [Action.model_validate(action) for action in actions_of(session, record.key)],
        "events": events,
        "links": [Link.model_validate(link) for link in public_links(session, record.key)],
        "source_records": [source_record(each) for each in load_source_records(session, record.key)],
        "evidence": [evidence_of_record(evidence, base_url) for evidence in evidence_of(session, record.key)],
    }
    detail: RecordDetail = RecordDetail.model_validate({**record_values(record, base_url), **more})
    return detail


def _vendors(context: WebContext) -> list[WatchlistEntry]:
    counts = _counts(context, "vendor")
    return [
        WatchlistEntry(
            id=vendor.id,
            name=vendor.name,
            kind=vendor.kind.value,
            category=vendor.category,
            records=counts.get(vendor.id, ("", 0))[1],
            feed=_feed(context, FeedKind.VENDOR, vendor.id),
        )
        for vendor in context.app.watchlist.vendors
    ]


def _agencies(context: WebContext) -> list[Agency]:
    return [
        Agency(code=code, name=name, records=count, feed=_feed(context, FeedKind.AGENCY, code))
        for code, (name, count) in _counts(context, "agency").items()
    ]


def _categories(context: WebContext) -> list[Category]:
    counts = _counts(context, "category")
    vendors = context.app.watchlist.vendors
    return [
        Category(
            id=category,
            title=context.app.watchlist.categories.get(category, category),
            vendors=sum(vendor.category == category for vendor in vendors),
            records=counts.get(category, ("", 0))[1],
            feed=_feed(context, FeedKind.CATEGORY, category),
        )
        for category in sorted({vendor.category for vendor in vendors})
    ]


def _coverage(context: WebContext) -> list[CoveredPeriod]:
    with context.database.reading() as session:
        periods = list_periods(session, [vendor.id for vendor in context.app.watchlist.vendors])
    return [
        CoveredPeriod(
            vendor_id=vendor_id,
            agency=agency,
            since=period.since,
            until=period.until,
            archive_until=period.archive_until,
        )
        for vendor_id, agency, period in periods
    ]


def _sources(context: WebContext) -> list[SourceStatus]:
    with context.database.reading() as session:
        limits = context.app.silences
        health = [
            (source, load_health(session, source.name, limits.get(source.name, timedelta.max)))
            for source in SOURCES.values()
        ]
    return [
        SourceStatus(
            source=source.name,
            title=source.title,
            asked=not disabled_reason(context.app.settings, source),
            last_polled=how.last_run,
            last_status=how.last_status,
            last_good=how.last_good,
            newest=how.newest,
            quarantined=how.quarantined,
            not_checked=[UncheckedPart.model_validate(part) for part in how.unfinished],
            incident=Incident.model_validate(how.incident) if how.incident else None,
        )
        for source, how in health
    ]


def _counts(context: WebContext, facet: str) -> dict[str, tuple[str, int]]:
    """Return the label and number of published records of each value of a facet, most records first."""
    with context.database.reading() as session:
        _, counted = count_by_facets(session, Query())
        names = context.agencies.get(session) if facet == "agency" else {}
    return {each.value: (names.get(each.value, each.label), each.records) for each in counted[facet]}


def _feed(context: WebContext, kind: FeedKind, slug: str) -> str:
    return urls.site_url(context.base_url, urls.feed_path(kind, slug, FeedFormat.ATOM))


def _read_request(request: Request) -> tuple[Query, int, str]:
    """Return the query, the limit and the cursor of a request. Raises `InvalidQuery`."""
    params = request.query_params.multi_items()
    own = {name: [value for given, value in params if given == name] for name in PAGING}
    for name, values in own.items():
        if len(values) > 1:
            raise InvalidQuery(f"{name} is given more than once")
    query = read_query(params, ignored=PAGING)
    if not query.is_public:
        raise Forbidden(PUBLIC_ONLY)
    return query, _limit("".join(own["limit"])), "".join(own["after"])


def _limit(given: str) -> int:
    if not given:
        return DEFAULT_LIMIT
    if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= MAX_LIMIT):
        raise InvalidQuery(f"limit is a number from 1 to {MAX_LIMIT}")
    return int(given)


def _next(context: WebContext, request: Request, after: str) -> str:
    """Return the URL of the next page."""
    own = {*PARAMETERS, *PAGING} - {"after"}
    params = [(name, value) for name, value in request.query_params.multi_items() if name in own]
    path = f"{API.strip('/')}/{request.url.path.rpartition('/')[2]}"
    return f"{urls.site_url(context.base_url, path)}?{urlencode([*params, ('after', after)])}"


def _list_response(request: Request, answers: Sequence[BaseModel]) -> Response:
    return _json_response(request, TypeAdapter(list[Any]).dump_json(list(answers)))


def _model_response(request: Request, model: BaseModel) -> Response:
    return _json_response(request, model.model_dump_json().encode())


def _json_response(request: Request, content: bytes) -> Response:
    response = page_response(request, body_of(content), JSON)
    response.headers.update(CROSS_ORIGIN)
    return response


def _invalid_query(_request: Request, error: Exception) -> Response:
    return problem_response(403 if isinstance(error, Forbidden) else 400, str(error))


def _server_error(_request: Request, error: Exception) -> Response:
    return problem_response(*explain_failure(error))


def _http_error(_request: Request, error: Exception) -> Response:
    status, headers = getattr(error, "status_code", 500), getattr(error, "headers", None)
    lines = {
        404: "there is no such path; /api/v1/openapi.json lists all",
        405: "the API is read-only",
    }
    detail = str(getattr(error, "detail", ""))
    return problem_response(
        status, lines.get(status, detail) if detail == HTTPStatus(status).phrase else detail, headers
    )
