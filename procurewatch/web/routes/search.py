"""The search page. A query that cannot be read returns the form with one line about what is wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from feeds.entries.matches import category_label
from feeds.pages.search import (
    FACET_TITLES,
    MAX_COUNTED,
    MAX_ENTRIES,
    Facet,
    FacetValue,
    SearchPage,
    SortLink,
    render_search,
)
from feeds.text import clean, excerpt
from feeds.urls import SEARCH
from procurewatch.query_coverage import query_coverage
from procurewatch.web.context import WebContext
from procurewatch.web.responses import HTML, body_of, page_response
from procurewatch.web.security.guard import SCRIPT_POLICY
from storage.errors import left_out
from storage.search.facets import FacetCount, count_by_facets
from storage.search.query import PARAMETERS, InvalidQuery, Query, Sort, read_query
from storage.search.search import count_events_since, find_records, may_lack_defense_awards, record_cursor
from storage.search.spending import has_stored_sums, total_of

PAGE_SIZE = 25
MAX_FACET_VALUES = 8
MAX_LABEL_LENGTH = 80
MONTH = timedelta(days=30)
FORM_FIELDS = ("q", "since", "until", "seen_since", "min_amount", "reseller")  # the others are facets
Params = Sequence[tuple[str, str]]


def router(context: WebContext) -> APIRouter:
    """Return the route of the search page."""
    routes = APIRouter()

    @routes.api_route("/search", methods=["GET", "HEAD"])
    def search(request: Request) -> Response:
        params = [(name, clean(value)) for name, value in request.query_params.multi_items()]
        is_reviewer = context.reviewer(request) is not None
        try:
            query = check_query(params, is_reviewer=is_reviewer)
            with context.database.reading() as session:
                context.feeds.get(session).check(query)
                response = _search_response(context, session, request, query, dict(params).get("after", ""))
        except InvalidQuery as error:
            facets = tuple(_valid_facets(context, params, is_reviewer=is_reviewer))
            page = SearchPage(form_values=_form_values(params), other_params=facets, problem=str(error))
            content = render_search(context.page_context(context.reviewer(request)), page, now=datetime.now(UTC))
            response = Response(content, 400, {"Cache-Control": "no-store"}, HTML)
        response.headers["Content-Security-Policy"] = SCRIPT_POLICY
        return response

    return routes


def check_query(params: Params, *, is_reviewer: bool, ignored: Collection[str] = ("after",)) -> Query:
    """Return the query of a URL. Raises `InvalidQuery`, also for what only a reviewer may search.

    `ignored` are the other parameters that the URL may have.
    """
    query = read_query(params, ignored=ignored)
    if not query.is_public and not is_reviewer:
        raise InvalidQuery("only a signed-in reviewer may ask for matches that are not published")
    return query


def _search_response(context: WebContext, session: Session, request: Request, query: Query, after: str) -> Response:
    """Return the page of a query. Raises `InvalidQuery` if `after` is not the cursor of a page."""
    reviewer = context.reviewer(request)

    def build() -> bytes:
        page = _search_page(context, session, query, after)
        return render_search(context.page_context(reviewer), page, now=datetime.now(UTC))

    if reviewer is None:
        return page_response(request, context.cached_page(session, ("search", query.url_params(), after), build))
    return page_response(request, body_of(build()), private=True)


def _search_page(context: WebContext, session: Session, query: Query, after: str) -> SearchPage:
    found = list(find_records(session, query, PAGE_SIZE + 1, after))
    shown = found[:PAGE_SIZE]
    total, counts = count_by_facets(session, query, MAX_COUNTED)
    titles, params = context.feeds.get(session).titles, query.url_params()
    return SearchPage(
        description=query.describe(titles),
        query=urlencode(params),
        feed_query=query.unsorted.url_query(),
        sorts=tuple(_sorts(query)),
        form_values=_form_values(params),
        other_params=tuple(pair for pair in params if pair[0] not in FORM_FIELDS),
        total=total,
        records=tuple(shown),
        facets=tuple(_facets(params, counts, titles, context.app.source_titles)),
        after=record_cursor(session, query, shown[-1]) if len(found) > len(shown) else "",
        spent=total_of(session, query) if total <= MAX_COUNTED or has_stored_sums(query) else None,
        entries_a_month=count_events_since(session, query, context.today - MONTH, MAX_ENTRIES + 1),
        coverage=tuple(query_coverage(session, context.app.watchlist, query)),
        may_lack_defense=may_lack_defense_awards(session, query),
        left_out=tuple(left_out(session)),
        is_first=not after,
        is_private=not query.is_public,
    )


def _sorts(query: Query) -> Iterator[SortLink]:
    for sort in Sort:
        params = urlencode(replace(query, sort=sort).url_params())
        yield SortLink(sort=sort, href=f"{SEARCH}?{params}" if params else SEARCH, is_chosen=sort is query.sort)


def _valid_facets(context: WebContext, params: Params, *, is_reviewer: bool) -> Iterator[tuple[str, str]]:
    """Give the facets of a query that are valid by themselves, so that correcting the form keeps them."""
    with context.database.reading() as session:
        for name, value in params:
            if name in PARAMETERS and name not in FORM_FIELDS:
                with suppress(InvalidQuery):
                    context.feeds.get(session).check(check_query([(name, value)], is_reviewer=is_reviewer))
                    yield name, value


def _form_values(params: Params) -> dict[str, str]:
    return {name: value for name, value in params if name in FORM_FIELDS}


def _facets(
    params: Params, counts: Mapping[str, Sequence[FacetCount]], titles: Mapping[str, str], sources: Mapping[str, str]
) -> Iterator[Facet]:
    for name, title in FACET_TITLES.items():
        labels = sources if name == "source" else titles
        valid = (count for count in counts[name] if _is_valid(name, count.value))
        values = tuple(_facet_value(params, name, count, labels) for count in islice(valid, MAX_FACET_VALUES))
        if len(values) > 1 or any(name == given for given, _ in params):
            yield Facet(title=title, values=values)


def _is_valid(name: str, value: str) -> bool:
    """Whether a query takes a value: what a source states may be invalid (a state that is none)."""
    try:
        read_query([(name, value)])
    except InvalidQuery:
        return False
    return True


def _facet_value(params: Params, name: str, count: FacetCount, labels: Mapping[str, str]) -> FacetValue:
    value = count.value.lower() if name == "agency" else count.value  # as `Query` normalizes it
    label = category_label(count.label) if name in ("category", "competition", "kind") else count.label
    return FacetValue(
        id=f"{name}-{count.value}",
        label=excerpt(labels.get(value) or label, MAX_LABEL_LENGTH),
        count=count.records,
        href=_toggle_url(params, (name, value)),
        is_chosen=(name, value) in params,
    )


def _toggle_url(params: Params, chosen: tuple[str, str]) -> str:
    """Return the URL of the search with a facet value added, or removed if it is there."""
    pairs = [pair for pair in params if pair != chosen]
    if len(pairs) == len(params):
        pairs = sorted([*pairs, chosen], key=lambda pair: (PARAMETERS.index(pair[0]), pair[1]))
    return f"{SEARCH}?{urlencode(pairs)}" if pairs else SEARCH
