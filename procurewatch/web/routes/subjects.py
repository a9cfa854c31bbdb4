"""The pages on a vendor, an agency, a technology and a recipient."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.matches import category_label
from feeds.pages.subject import Breakdown, KnownAs, SubjectPage, render_subject
from feeds.pages.timeline import TimelineItem, timeline_item
from feeds.urls import FeedKind, SubjectKind
from monitors.watchlist.model import Vendor
from procurewatch.web.context import WebContext, feed_row
from procurewatch.web.responses import ErrorResponse, page_response
from storage.models import StoredEvent
from storage.reading.coverage import earliest_awards, may_lack_defense
from storage.reading.records import known_agencies, known_vendors
from storage.reading.summaries import (
    GroupBy,
    SpendRow,
    SummaryScope,
    awards_about,
    count_about,
    open_notices,
    publications_about,
    published_recipients,
    sellers_of,
    spending,
)
from storage.search.query import Query
from storage.search.search import find_events
from storage.search.tokenize import tokenize

MAX_EVENTS = 8
MAX_AWARDS = 25
MAX_ROWS = 15  # of a breakdown
DEPARTMENT_CODE_LENGTH = 3  # the Treasury's; codes of sub-agencies have four characters

BREAKDOWNS = {
    GroupBy.AGENCY: ("Spending by agency", SubjectKind.AGENCY),
    GroupBy.VENDOR: ("What is bought", SubjectKind.VENDOR),
    GroupBy.RECIPIENT: ("Who is paid", SubjectKind.RECIPIENT),
}

Find = Callable[[WebContext, Session, str], SubjectPage | None]


def router(context: WebContext) -> APIRouter:
    """Return the routes of the pages on vendors, agencies, technologies and recipients."""
    routes = APIRouter()
    for kind, find in FINDERS.items():
        routes.add_api_route(f"/{kind}/{{name}}.html", _page(context, kind, find), methods=["GET", "HEAD"], name=kind)
    return routes


class NoSuchSubject(Exception):
    """No stored record is about this vendor, agency, technology or recipient."""


def _page(context: WebContext, kind: SubjectKind, find: Find) -> Callable[[str, Request], Response]:
    def page(name: str, request: Request) -> Response:
        page_context, hour = context.page_context(depth=1), datetime.now(UTC).hour  # open notices close during the day
        with context.database.reading() as session:

            def build() -> bytes:
                found = find(context, session, name)
                if found is None:
                    raise NoSuchSubject
                return render_subject(page_context, found, today=context.today)

            try:
                body = context.cached_page(session, (kind, name), build, depends_on=hour)
            except NoSuchSubject:
                return ErrorResponse(404, "There is no such page; / lists all feeds and their pages.")
        return page_response(request, body)

    return page


def _vendor(context: WebContext, session: Session, name: str) -> SubjectPage | None:
    listed = next((each for each in context.app.watchlist.vendors if urls.matches_slug(each.id, name)), None)
    stored = next((each for each in known_vendors(session) if urls.matches_slug(each[0], name)), None)
    slug = listed.id if listed else stored[0] if stored else None
    if slug is None:
        return None
    title = context.vendor_titles.get(slug) or (stored[1] if stored else slug)
    category = listed.category if listed else stored[2] if stored else ""
    technology = context.app.watchlist.categories.get(category) or category_label(category)
    subject, query = SummaryScope(vendor=slug), Query(vendor=(slug,))
    page = SubjectPage(
        kind=SubjectKind.VENDOR,
        slug=slug,
        title=title,
        about=f"On the watchlist under {technology}.",
        search=query.url_query(),
        names=tuple(_known_as(listed)) if listed else (),
        sources=listed.sources if listed else (),
        note=listed.note if listed else "",
        sellers=tuple(sellers_of(session, slug)),
        feed=feed_row(FeedKind.VENDOR, slug, title),
    )
    return _filled(context, page, session, subject, _feed(context, query), [GroupBy.AGENCY])


def _agency(context: WebContext, session: Session, name: str) -> SubjectPage | None:
    found = next((each for each in known_agencies(session) if urls.matches_slug(each[0], name)), None)
    if found is None:
        return None
    code, title = found
    subject, query = SummaryScope(agency=code), Query(agency=(code.lower(),))
    is_department = len(code) == DEPARTMENT_CODE_LENGTH
    parts = [GroupBy.AGENCY] if is_department else []
    page = SubjectPage(
        kind=SubjectKind.AGENCY,
        slug=code,
        title=title or code,
        about=f"Department, with all its parts; code {code}." if is_department else f"Buying agency, code {code}.",
        search=query.url_query(),
        feed=feed_row(FeedKind.AGENCY, code, title or code),
    )
    return _filled(context, page, session, subject, _feed(context, query), [*parts, GroupBy.VENDOR, GroupBy.RECIPIENT])


def _category(context: WebContext, session: Session, name: str) -> SubjectPage | None:
    known = {
        **{vendor.category: "" for vendor in context.app.watchlist.vendors},
        **context.app.watchlist.categories,
    }
    slug = next((each for each in known if urls.matches_slug(each, name)), None)
    if slug is None:
        return None
    title = known[slug] or category_label(slug)
    subject, query = SummaryScope(category=slug), Query(category=(slug,))
    page = SubjectPage(
        kind=SubjectKind.CATEGORY,
        slug=slug,
        title=title,
        about="All watchlist entries under this technology.",
        search=query.url_query(),
        feed=feed_row(FeedKind.CATEGORY, slug, title),
    )
    return _filled(
        context, page, session, subject, _feed(context, query), [GroupBy.VENDOR, GroupBy.AGENCY, GroupBy.RECIPIENT]
    )


def _recipient(context: WebContext, session: Session, name: str) -> SubjectPage | None:
    found = [each for each in published_recipients(session) if urls.matches_slug(urls.recipient_slug(*each), name)]
    if not found:
        return None
    title = found[0][0]
    ueis = tuple(dict.fromkeys(uei for _, uei in found if uei))
    subject = SummaryScope(ueis=ueis, recipients=tuple(one for one, uei in found if not uei))
    names = [KnownAs(kind="UEI", value=uei) for uei in ueis]
    names += [KnownAs(kind="Name as written", value=one) for one in dict.fromkeys(one for one, _ in found)]
    words = tokenize(title)
    query = Query(phrases=(" ".join(words),)) if len(words) > 1 else Query(words=tuple(words))
    page = SubjectPage(
        kind=SubjectKind.RECIPIENT,
        slug=name,
        title=title,
        about="Paid by the awards below; what they buy may be made by others.",
        search=query.url_query(),
        names=tuple(names),
    )
    return _filled(context, page, session, subject, None, [GroupBy.VENDOR, GroupBy.AGENCY])


def _feed(context: WebContext, query: Query) -> Query:
    """Return the query of a subject's feed."""
    return replace(query, min_change=context.app.settings.feed_min_change)


def _filled(  # noqa: PLR0917  each is one part of the page
    context: WebContext,
    page: SubjectPage,
    session: Session,
    subject: SummaryScope,
    feed: Query | None,
    groups: Sequence[GroupBy],
) -> SubjectPage:
    """Return the page with everything stored about its subject.

    Args:
        feed: the query of its feed, if it has one.
        groups: what its spending is broken down by, besides the fiscal years.
    """
    spent = spending(session, subject, [GroupBy.YEAR, *groups])
    awards, publications = count_about(session, subject)
    now = datetime.now(UTC)
    has_earliest = page.kind is not SubjectKind.RECIPIENT
    return replace(
        page,
        awards_in_all=awards,
        publications_in_all=publications,
        by_year=tuple(spent[GroupBy.YEAR]),
        breakdowns=tuple(_breakdown(by, spent[by]) for by in groups),
        earliest=tuple(earliest_awards(session, subject, MAX_EVENTS)) if has_earliest else (),
        coverage=context.coverage(session, _entries(context, subject), subject.agency),
        may_lack_defense=may_lack_defense(session, subject),
        notices=tuple(open_notices(session, subject, now)),
        use_cases=tuple(publications_about(session, subject, "use-case")),
        newest=_timeline(find_events(session, feed, MAX_EVENTS)) if feed else (),
        awards=tuple(awards_about(session, subject, MAX_AWARDS)),
    )


def _entries(context: WebContext, subject: SummaryScope) -> list[str]:
    """Return the ids of the watchlist entries that a subject covers."""
    if subject.vendor:
        return [subject.vendor]
    wanted = subject.category
    return [entry.id for entry in context.app.watchlist.vendors if not wanted or entry.category == wanted]


def _timeline(events: Iterable[StoredEvent]) -> tuple[TimelineItem, ...]:
    return tuple(timeline_item(event, f"../{urls.event_path(event)}") for event in events)


def _breakdown(by: GroupBy, rows: Sequence[SpendRow]) -> Breakdown:
    title, kind = BREAKDOWNS[by]
    return Breakdown(title=title, kind=kind, rows=tuple(rows[:MAX_ROWS]))


def _known_as(vendor: Vendor) -> Iterator[KnownAs]:
    """Give every name, identifier and product of a watchlist entry."""
    kinds = {
        "Legal name": vendor.legal_names,
        "Former name": vendor.former_names,
        "Trades as": vendor.dba_names,
        "Also written": vendor.aliases,
        "Parent": vendor.parents,
        "Subsidiary": vendor.subsidiaries,
    }
    for kind, names in kinds.items():
        yield from (KnownAs(kind=kind, value=known.name, years=known.years) for known in names)
    yield from (KnownAs(kind="UEI", value=uei) for uei in vendor.ueis)
    yield from (KnownAs(kind="CAGE", value=cage) for cage in vendor.cages)
    yield from (KnownAs(kind="Words in descriptions", value=product.phrase) for product in vendor.products)
    yield from (KnownAs(kind="Known reseller", value=reseller) for reseller in vendor.resellers)


FINDERS: dict[SubjectKind, Find] = {
    SubjectKind.VENDOR: _vendor,
    SubjectKind.AGENCY: _agency,
    SubjectKind.CATEGORY: _category,
    SubjectKind.RECIPIENT: _recipient,
}
