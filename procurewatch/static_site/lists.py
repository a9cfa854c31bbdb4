"""Lists of all records, and of those of each subject, by fiscal year: what a site of files has instead of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

from sqlalchemy.orm import Session

from feeds import urls
from feeds.pages.lists.records import (
    ListLink,
    RecordList,
    render_list_of_lists,
    render_recipients,
    render_record_list,
)
from feeds.urls import SubjectKind
from procurewatch.static_site.inputs import SiteInputs
from procurewatch.static_site.writing import SiteFile
from procurewatch.web.context import WebContext
from procurewatch.web.routes.subjects import MAX_AWARDS
from storage.possible_days import fiscal_year_of, is_possible
from storage.reading.records import ShownRecord, records_by_key

PER_PAGE = 500
RECIPIENTS_PER_PAGE = 1_000
ALL = ("All records", urls.RECORDS)
NO_DATE = "no date"


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a list: the link to it, and the keys of its records."""

    link: ListLink
    keys: tuple[str, ...]


def record_lists(context: WebContext, session: Session, inputs: SiteInputs) -> Iterator[SiteFile]:
    """Yield the lists of all records and all recipients, and the page that leads to them."""
    years = pages_by_year(published(inputs.records), urls.list_path)
    yield from _list_files(context, session, inputs, ALL, years)
    recipients = _recipients(context, session, inputs)
    total = len(recipients)
    pages = [
        ListLink(
            name=f"recipients {first + 1:,} to {min(first + RECIPIENTS_PER_PAGE, total):,}",
            path=urls.list_path("recipients", first // RECIPIENTS_PER_PAGE + 1),
            count=min(RECIPIENTS_PER_PAGE, total - first),
        )
        for first in range(0, total, RECIPIENTS_PER_PAGE)
    ]
    for number, page in enumerate(pages):
        own = recipients[number * RECIPIENTS_PER_PAGE : (number + 1) * RECIPIENTS_PER_PAGE]
        frame = context.page_context(depth=1)
        yield SiteFile(page.path, partial(render_recipients, frame, own, pages, page.name))
    frame, links = context.page_context(depth=1), [_of_year(name, own) for name, own in years.items()]
    yield SiteFile(urls.RECORDS, partial(render_list_of_lists, frame, links, pages))


def subject_lists(  # noqa: PLR0917  as its page
    context: WebContext, session: Session, inputs: SiteInputs, kind: SubjectKind, slug: str, title: str
) -> tuple[tuple[ListLink, ...], Iterator[SiteFile]]:
    """Return the links to the lists of a subject's records, and the files of these; none if its page shows all."""
    records = published(inputs.subjects.get((kind, slug), ()))
    if len(records) <= MAX_AWARDS and all(record.is_award for record in records):
        return (), iter(())
    years = pages_by_year(records, partial(urls.subject_list_path, kind, slug))
    links = tuple(_of_year(name, pages) for name, pages in years.items())
    return links, _list_files(context, session, inputs, (title, urls.subject_path(kind, slug)), years)


def published(records: Sequence[ShownRecord]) -> list[ShownRecord]:
    """Return the records that have a page."""
    return [record for record in records if record.is_published]


def pages_by_year(records: Sequence[ShownRecord], path: Callable[[str, int], str]) -> Mapping[str, list[ListPage]]:
    """Return the pages of a list by fiscal year, newest first; records without a day that can be true come last."""
    found: dict[str, list[ListPage]] = {}
    dated = sorted(records, key=_year, reverse=True)  # stable: the order within a year stays
    for year, group in groupby(dated, key=_year):
        keys = [record.key for record in group]
        name = f"fiscal year {year}" if year else NO_DATE
        for number, first in enumerate(range(0, len(keys), PER_PAGE), start=1):
            own = tuple(keys[first : first + PER_PAGE])
            link = ListLink(name=f"page {number}", path=path(str(year or "undated"), number), count=len(own))
            found.setdefault(name, []).append(ListPage(link, own))
    return found


def _year(record: ShownRecord) -> int:
    return fiscal_year_of(record.day) if is_possible(record.day) else 0


def _of_year(name: str, pages: Sequence[ListPage]) -> ListLink:
    """Return the link to the first page of a year, with the number of records on all of its pages."""
    return ListLink(name=name, path=pages[0].link.path, count=sum(page.link.count for page in pages))


def _list_files(
    context: WebContext,
    session: Session,
    inputs: SiteInputs,
    about: tuple[str, str],
    years: Mapping[str, list[ListPage]],
) -> Iterator[SiteFile]:
    links = tuple(_of_year(name, pages) for name, pages in years.items())
    for name, pages in years.items():
        own = tuple(page.link for page in pages)
        for page in pages:
            build = partial(_build_list, context, session, about, name, page, links, own)
            yield SiteFile(page.link.path, build, inputs.of_records(page.keys, about, name, links, own))


def _build_list(  # noqa: PLR0917  each is one part of the page
    context: WebContext,
    session: Session,
    about: tuple[str, str],
    name: str,
    page: ListPage,
    years: tuple[ListLink, ...],
    pages: tuple[ListLink, ...],
) -> bytes:
    records = tuple(records_by_key(session, page.keys))
    shown = RecordList(about=about, name=name, records=records, years=years, pages=pages)
    return render_record_list(context.page_context(depth=page.link.path.count("/")), shown)


def _recipients(context: WebContext, session: Session, inputs: SiteInputs) -> list[ListLink]:
    """Return all recipients by name, with the paths of their pages."""
    links = [
        ListLink(
            name=names[0][0],
            path=urls.subject_path(SubjectKind.RECIPIENT, slug),
            count=len(published(inputs.subjects[SubjectKind.RECIPIENT, slug])),
        )
        for slug, names in context.recipients.get(session).items()
    ]
    return sorted(links, key=lambda link: (link.name.casefold(), link.path))
