"""The page of a search. A question that cannot be understood gets the form back, with what is wrong in one line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from urllib.parse import urlencode

from fastapi import Request, Response
from sqlalchemy.orm import Session
from starlette.routing import Route

from feeds.entries.matches import category_label
from feeds.pages.search import FACET_TITLES, MAX_COUNTED, MAX_ENTRIES, Facet, FacetValue, SearchPage, render_search
from feeds.text import clean, excerpt
from feeds.urls import SEARCH
from procurewatch.web.context import Room
from procurewatch.web.responses import HTML, answer, page_of
from procurewatch.web.security.guard import WITH_SCRIPT
from storage.search.facets import FacetCount, count_by_facets
from storage.search.query import PARAMETERS, InvalidQuery, Query, read_query
from storage.search.search import count_events_since, find_records, record_cursor

ON_A_PAGE = 25
VALUES_OF_A_FACET = 8
LONGEST_LABEL = 80  # characters of it
A_YEAR = timedelta(days=365)
OWN_FIELDS = ("q", "since", "until", "min_amount", "reseller")
Pairs = Sequence[tuple[str, str]]


def routes(room: Room) -> list[Route]:
    """Return the route of the search page."""

    def search(request: Request) -> Response:
        params = [(name, clean(value)) for name, value in request.query_params.multi_items()]
        after = dict(params).get("after", "")
        reviewer = room.reviewer(request)
        try:
            query = allowed_query(params, is_reviewer=reviewer is not None)
            with room.app_context.database.reading() as session:
                room.feeds.of(session).check(query)

                def build() -> bytes:
                    return render_search(room.frame(), answered(room, session, query, after), now=datetime.now(UTC))

                if reviewer is None:
                    kept = room.page(session, ("search", query.url_params(), after), build)
                    return _allowing_scripts(answer(request, kept))
                content = render_search(
                    room.frame(reviewer), answered(room, session, query, after), now=datetime.now(UTC)
                )
        except InvalidQuery as error:
            page = unanswered(params, str(error), _can_be_kept(room, params, is_reviewer=reviewer is not None))
            content = render_search(room.frame(reviewer), page, now=datetime.now(UTC))
            return _allowing_scripts(Response(content, 400, {"Cache-Control": "no-store"}, HTML))
        return _allowing_scripts(answer(request, page_of(content), private=True))

    return [Route("/search", search, methods=["GET", "HEAD"])]


def _allowing_scripts(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = WITH_SCRIPT
    return response


def allowed_query(params: Pairs, *, is_reviewer: bool) -> Query:
    """Return the question that an address asks. Raises `InvalidQuery`, also for what only a reviewer may ask."""
    query = read_query(params, besides=("after",))
    if not query.is_public and not is_reviewer:
        raise InvalidQuery("only a signed-in reviewer may ask for matches that are not published")
    return query


def answered(room: Room, session: Session, query: Query, after: str) -> SearchPage:
    """Return the page of a question. Raises `InvalidQuery` if `after` is not where a page ends."""
    found = list(find_records(session, query, ON_A_PAGE + 1, after))
    shown = found[:ON_A_PAGE]
    names, params = room.feeds.of(session).titles, query.url_params()
    total, counted = count_by_facets(session, query, MAX_COUNTED)
    return SearchPage(
        in_words=query.in_words(names),
        query=urlencode(params),
        given=_given(params),
        kept=tuple(pair for pair in params if pair[0] not in OWN_FIELDS),
        total=total,
        records=tuple(shown),
        facets=tuple(_facets(params, counted, names, room.app_context.source_titles)),
        after=record_cursor(shown[-1]) if len(found) > len(shown) else "",
        entries_a_year=count_events_since(session, query, room.today - A_YEAR, MAX_ENTRIES),
        is_first=not after,
    )


def unanswered(params: Pairs, problem: str, kept: Iterable[tuple[str, str]]) -> SearchPage:
    """Return the form as it was sent, with what is wrong. `kept` are the facets that can stay."""
    return SearchPage(
        in_words="",
        query="",
        given=_given(params),
        kept=tuple(kept),
        total=0,
        records=(),
        facets=(),
        after="",
        entries_a_year=0,
        is_first=True,
        problem=problem,
    )


def _can_be_kept(room: Room, params: Pairs, *, is_reviewer: bool) -> Iterator[tuple[str, str]]:
    """Give the facets that are not what is wrong: who corrects the form asks for them again."""
    with room.app_context.database.reading() as session:
        for name, value in params:
            if name in PARAMETERS and name not in OWN_FIELDS:
                with suppress(InvalidQuery):
                    room.feeds.of(session).check(allowed_query([(name, value)], is_reviewer=is_reviewer))
                    yield name, value


def _given(params: Pairs) -> dict[str, str]:
    return {name: value for name, value in params if name in OWN_FIELDS}


def _facets(
    params: Pairs, counted: Mapping[str, Sequence[FacetCount]], names: Mapping[str, str], sources: Mapping[str, str]
) -> Iterator[Facet]:
    for name, title in FACET_TITLES.items():
        known = sources if name == "source" else names
        askable = (each for each in counted[name] if _can_be_asked(name, each.value))
        values = tuple(_value(params, name, each, known) for each in islice(askable, VALUES_OF_A_FACET))
        if len(values) > 1 or any(name == given for given, _ in params):
            yield Facet(title=title, values=values)


@lru_cache(2_000)
def _can_be_asked(name: str, value: str) -> bool:
    """Whether a query takes a value: what a source states need not be one (a state that is none)."""
    try:
        read_query([(name, value)])
    except InvalidQuery:
        return False
    return True


def _value(params: Pairs, name: str, counted: FacetCount, names: Mapping[str, str]) -> FacetValue:
    value = counted.value.lower() if name == "agency" else counted.value  # as a query keeps it
    label = category_label(counted.label) if name in ("category", "competition", "kind") else counted.label
    return FacetValue(
        id=f"{name}-{counted.value}",
        label=excerpt(names.get(value) or label, LONGEST_LABEL),
        count=counted.records,
        href=_toggled(params, (name, value)),
        is_chosen=(name, value) in params,
    )


def _toggled(params: Pairs, chosen: tuple[str, str]) -> str:
    """Return the page with a value of a facet, or without it where it has it: in the order of all addresses."""
    pairs = [pair for pair in params if pair != chosen]
    if len(pairs) == len(params):
        pairs = sorted([*pairs, chosen], key=lambda pair: (PARAMETERS.index(pair[0]), pair[1]))
    return f"{SEARCH}?{urlencode(pairs)}" if pairs else SEARCH
