"""The pages on a vendor, an agency, a technology and a recipient."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.matches import category_label
from feeds.pages.lists.records import ListLink
from feeds.pages.subject import (
    DEPARTMENT_CODE_LENGTH,
    MAX_SINCE,
    Breakdown,
    BuyingAgency,
    KnownAs,
    SubjectPage,
    render_subject,
)
from feeds.pages.timeline import TimelineItem, timeline_item
from feeds.urls import FeedKind, SubjectKind
from monitors.watchlist.model import Vendor
from procurewatch.web.context import WebContext, event_links, feed_row
from procurewatch.web.responses import ErrorResponse, page_response
from storage.models import StoredEvent
from storage.reading.contracts.expiring import awards_ending, count_ending
from storage.reading.contracts.purchases import competition_in, payees_of, vehicles_of
from storage.reading.coverage import earliest_awards, may_lack_defense
from storage.reading.summaries import (
    GroupBy,
    SpendRow,
    SummaryScope,
    awards_about,
    count_about,
    open_notices,
    publications_about,
    spending,
)
from storage.search.query import InvalidQuery, Query, read_query, refuse_mistyped
from storage.search.search import count_events_since, find_events
from storage.search.tokenize import tokenize

MAX_EVENTS = 8
MAX_DOCUMENTS = 5
MAX_EARLIEST = 500  # agencies that buy from one vendor
MONTH = timedelta(days=30)
MAX_AWARDS = 25
MAX_ROWS = 15  # of a breakdown

BREAKDOWNS = {
    GroupBy.AGENCY: ("Spending by agency", SubjectKind.AGENCY),
    GroupBy.VENDOR: ("What is bought", SubjectKind.VENDOR),
    GroupBy.RECIPIENT: ("Recipients", SubjectKind.RECIPIENT),
}

NARROWED = (SubjectKind.VENDOR, SubjectKind.CATEGORY)  # pages that can be narrowed to one agency


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A vendor, agency, technology or recipient: its page without the records, and how these are found.

    `query` finds its records and `feed` its entries, `None` if it has no feed. `groups` are what its spending is broken
    down by, besides the fiscal years.
    """

    page: SubjectPage
    scope: SummaryScope
    query: Query
    feed: Query | None
    groups: Sequence[GroupBy]


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowed:
    """What a page is narrowed to: the code of the buying agency, and the first day of its newest entries."""

    agency: str = ""
    seen_since: date | None = None


EVERYTHING = Narrowed()
Find = Callable[[WebContext, Session, str], Subject | None]


def router(context: WebContext) -> APIRouter:
    """Return the routes of the pages on vendors, agencies, technologies and recipients."""
    routes = APIRouter()
    for kind in FINDERS:
        routes.add_api_route(f"/{kind}/{{name}}.html", _page(context, kind), methods=["GET", "HEAD"], name=kind)
    return routes


class NoSuchSubject(Exception):
    """No stored record is about this vendor, agency, technology or recipient."""


def subject_page(  # noqa: PLR0917  only routes narrow a page
    context: WebContext,
    session: Session,
    kind: SubjectKind,
    name: str,
    narrowed: Narrowed = EVERYTHING,
    lists: tuple[ListLink, ...] = (),
) -> bytes:
    """Return the page of a subject; `name` is that in its path, `lists` lead to all its records.

    Raises:
        NoSuchSubject: no stored record is about it.
        InvalidQuery: it cannot be narrowed to that agency.
    """
    subject = FINDERS[kind](context, session, name)
    if subject is None:
        raise NoSuchSubject
    page = _filled(context, session, _narrow(context, session, subject, narrowed.agency), narrowed.seen_since)
    return render_subject(context.page_context(depth=1), replace(page, lists=lists), today=context.day_shown)


def _page(context: WebContext, kind: SubjectKind) -> Callable[[str, Request], Response]:
    def page(name: str, request: Request) -> Response:
        hour = datetime.now(UTC).hour  # open notices close during the day
        try:
            narrowed = _read_narrowed(request)
            with context.database.reading() as session:
                key = (kind, name, narrowed.agency, narrowed.seen_since)
                body = context.cached_page(
                    session, key, lambda: subject_page(context, session, kind, name, narrowed), depends_on=hour
                )
        except NoSuchSubject:
            return ErrorResponse(404, "Page not found.")
        except InvalidQuery as error:
            return ErrorResponse(400, str(error))
        return page_response(request, body)

    return page


def _read_narrowed(request: Request) -> Narrowed:
    """Return what a URL narrows a page to. Raises `InvalidQuery` if a value is invalid."""
    wanted = ("agency", "seen_since")
    for name in request.query_params:
        refuse_mistyped(name, wanted)
    query = read_query([pair for pair in request.query_params.multi_items() if pair[0] in wanted])
    if len(query.agency) > 1:
        raise InvalidQuery("agency is given more than once")
    return Narrowed(agency="".join(query.agency).upper(), seen_since=query.seen_since)


def _narrow(context: WebContext, session: Session, subject: Subject, agency: str) -> Subject:
    """Return a subject narrowed to what one agency buys. Raises `InvalidQuery` if that cannot be."""
    if not agency:
        return subject
    if subject.page.kind not in NARROWED:
        raise InvalidQuery("only the pages of vendors and technologies can be narrowed to an agency")
    name = context.agencies.get(session).get(agency)
    if name is None:
        raise InvalidQuery(f"no records of agency {agency}; write the agency's code, as 7012")
    query = replace(subject.query, agency=(agency.lower(),))
    feed = replace(subject.feed, agency=(agency.lower(),)) if subject.feed else None
    page = replace(subject.page, buyer=BuyingAgency(code=agency, name=name or agency), search=query.url_query())
    groups = [by for by in subject.groups if by is not GroupBy.AGENCY]
    scope = replace(subject.scope, agency=agency)
    return replace(subject, page=page, scope=scope, query=query, feed=feed, groups=groups)


def _vendor(context: WebContext, session: Session, name: str) -> Subject | None:
    listed = next((each for each in context.app.watchlist.vendors if urls.matches_slug(each.id, name)), None)
    stored = next((each for each in context.vendors.get(session) if urls.matches_slug(each[0], name)), None)
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
        feed=feed_row(FeedKind.VENDOR, slug, title),
    )
    return Subject(page=page, scope=subject, query=query, feed=_feed(context, query), groups=[GroupBy.AGENCY])


def _agency(context: WebContext, session: Session, name: str) -> Subject | None:
    found = next((each for each in context.agencies.get(session).items() if urls.matches_slug(each[0], name)), None)
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
    groups = [*parts, GroupBy.VENDOR, GroupBy.RECIPIENT]
    return Subject(page=page, scope=subject, query=query, feed=_feed(context, query), groups=groups)


def _category(context: WebContext, session: Session, name: str) -> Subject | None:  # noqa: ARG001
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
    groups = [GroupBy.VENDOR, GroupBy.AGENCY, GroupBy.RECIPIENT]
    return Subject(page=page, scope=subject, query=query, feed=_feed(context, query), groups=groups)


def _recipient(context: WebContext, session: Session, name: str) -> Subject | None:
    recipients = context.recipients.get(session)
    slug = next((each for each in recipients if urls.matches_slug(each, name)), None)
    if slug is None:
        return None
    found = recipients[slug]
    title = found[0][0]
    ueis = tuple(dict.fromkeys(uei for _, uei in found if uei))
    subject = SummaryScope(ueis=ueis, recipients=tuple(one for one, uei in found if not uei))
    names = [KnownAs(kind="UEI", value=uei) for uei in ueis]
    names += [KnownAs(kind="Name as written", value=one) for one in dict.fromkeys(one for one, _ in found)]
    words = tokenize(title)
    query = Query(phrases=(" ".join(words),)) if len(words) > 1 else Query(words=tuple(words))
    page = SubjectPage(
        kind=SubjectKind.RECIPIENT,
        slug=slug,
        title=title,
        about="Recipient of the awards below. Another company may make the products.",
        search=query.url_query(),
        names=tuple(names),
    )
    return Subject(page=page, scope=subject, query=query, feed=None, groups=[GroupBy.VENDOR, GroupBy.AGENCY])


def _feed(context: WebContext, query: Query) -> Query:
    """Return the query of a subject's feed."""
    return replace(query, min_change=context.app.settings.feed_min_change)


def _filled(context: WebContext, session: Session, subject: Subject, seen_since: date | None) -> SubjectPage:
    """Return the page of a subject with everything stored about it."""
    page, scope = subject.page, subject.scope
    awards, publications = count_about(session, scope)
    if awards or publications:  # most vendors of the watchlist have none, and each part takes a query
        page = _with_records(session, _with_purchases(context, session, subject), scope)
    page = replace(
        page,
        awards_in_all=awards,
        publications_in_all=publications,
        coverage=context.coverage(session, _entries(context, scope), scope.agency),
        may_lack_defense=may_lack_defense(session, scope),
    )
    return _with_entries(context, session, page, subject.feed, seen_since) if subject.feed else page


def _with_records(session: Session, page: SubjectPage, scope: SummaryScope) -> SubjectPage:
    """Return the page of a subject with its awards and publications."""
    has_earliest = page.kind is not SubjectKind.RECIPIENT
    earliest = earliest_awards(session, scope, MAX_EARLIEST if scope.vendor else MAX_EVENTS) if has_earliest else []
    return replace(
        page,
        earliest=tuple(earliest[:MAX_EVENTS]),
        first=min(earliest, key=lambda award: award.signed, default=None) if scope.vendor else None,
        notices=tuple(open_notices(session, scope, datetime.now(UTC))),
        documents=tuple(publications_about(session, scope, "document", MAX_DOCUMENTS)),
        use_cases=tuple(publications_about(session, scope, "use-case")),
        awards=tuple(awards_about(session, scope, MAX_AWARDS)),
    )


def _with_purchases(context: WebContext, session: Session, subject: Subject) -> SubjectPage:
    """Return the page of a subject with its spending: when, by whom, to whom, under which contracts, how competed."""
    scope = subject.scope
    spent = spending(session, scope, [GroupBy.YEAR, *subject.groups])
    vehicles, vehicles_in_all = vehicles_of(session, scope, MAX_ROWS)
    return replace(
        subject.page,
        by_year=tuple(spent[GroupBy.YEAR]),
        breakdowns=tuple(_breakdown(context, by, spent[by]) for by in subject.groups),
        payees=tuple(payees_of(session, scope)) if scope.vendor else (),
        vehicles=tuple(vehicles),
        vehicles_in_all=vehicles_in_all,
        competition=tuple(competition_in(session, scope)),
        ending=tuple(awards_ending(session, scope, context.today, limit=MAX_ROWS)),
        ending_in_all=count_ending(session, scope, context.today),
    )


def _with_entries(
    context: WebContext, session: Session, page: SubjectPage, feed: Query, seen_since: date | None
) -> SubjectPage:
    """Return the page with its newest entries: all since a day, if one is given, and otherwise the newest few."""
    month_ago = context.today - MONTH
    limit = MAX_SINCE if seen_since else MAX_EVENTS
    return replace(
        page,
        newest=_timeline(session, find_events(session, replace(feed, seen_since=seen_since), limit)),
        seen_since=seen_since,
        recent_since=month_ago,
        recent_entries=count_events_since(session, feed, month_ago, MAX_SINCE + 1),
    )


def _entries(context: WebContext, subject: SummaryScope) -> list[str]:
    """Return the ids of the watchlist entries that a subject covers."""
    if subject.vendor:
        return [subject.vendor]
    wanted = subject.category
    return [entry.id for entry in context.app.watchlist.vendors if not wanted or entry.category == wanted]


def _timeline(session: Session, events: Sequence[StoredEvent]) -> tuple[TimelineItem, ...]:
    link = event_links(session, events, "../")
    return tuple(timeline_item(event, link(event)) for event in events)


def _breakdown(context: WebContext, by: GroupBy, rows: Sequence[SpendRow]) -> Breakdown:
    title, kind = BREAKDOWNS[by]
    shown = rows[:MAX_ROWS]
    if by is GroupBy.VENDOR:  # titles tell topics from vendors
        shown = [replace(row, name=context.vendor_titles.get(row.code, row.name)) for row in shown]
    return Breakdown(title=title, kind=kind, rows=tuple(shown))


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
