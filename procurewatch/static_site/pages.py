"""All files of the static site: each path with the function that builds it and a digest of what it is built from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache, partial
from itertools import chain
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from feeds import urls
from feeds.entries.entry import Entry, entry_for
from feeds.entries.render import favicon, icon, scripts, stylesheet
from feeds.entries.source_health import health_line
from feeds.formats.sitemap import MAX_URLS, write_robots, write_sitemap, write_sitemap_index
from feeds.pages.page_context import PageContext
from feeds.site import SiteFeeds
from feeds.urls import SINGLE_FEEDS, FeedFormat, SubjectKind
from procurewatch.named_feeds import NamedFeed
from procurewatch.static_site.inputs import SiteInputs
from procurewatch.static_site.lists import record_lists, subject_lists
from procurewatch.static_site.writing import SiteFile
from procurewatch.web.context import WebContext, feed_row
from procurewatch.web.routes.awards import award_feed, award_page, record_page
from procurewatch.web.routes.coverage import coverage_page
from procurewatch.web.routes.expiring import expiring_page
from procurewatch.web.routes.home import feed_list_page, home_page
from procurewatch.web.routes.site_files import BUILT, site_file
from procurewatch.web.routes.subjects import subject_page
from storage.reading.records import record_by_key
from storage.reading.source_health import load_health
from storage.search.feed_pages import feed_events
from storage.writing.renumbering import former_keys


def site_pages(context: WebContext, session: Session) -> Iterator[SiteFile]:
    """Yield every file of the site except its search index. `session` is read while the files are built."""
    inputs = SiteInputs(context, session)
    pages: list[str] = []
    for file in chain(
        _single_pages(context, session),
        _feeds(context, session, inputs),
        _subjects(context, session, inputs),
        _records(context, session, inputs),
        record_lists(context, session, inputs),
    ):
        yield file
        if file.path.endswith(".html") and file.is_indexed:
            pages.append(file.path)
    yield from _for_crawlers(context, pages)


def _for_crawlers(context: WebContext, pages: Sequence[str]) -> Iterator[SiteFile]:
    """Yield the sitemap, in parts if it is long, and robots.txt: both need the site's address."""
    base = context.base_url
    if not base:
        return
    addresses = [urls.site_url(base, "" if path == urls.INDEX else path) for path in sorted(pages)]
    parts = [addresses[first : first + MAX_URLS] for first in range(0, len(addresses), MAX_URLS)]
    if len(parts) == 1:
        yield SiteFile(urls.SITEMAP, partial(write_sitemap, addresses))
    else:
        paths = [f"sitemap-{number}.xml" for number in range(1, len(parts) + 1)]
        for path, part in zip(paths, parts, strict=True):
            yield SiteFile(path, partial(write_sitemap, part))
        yield SiteFile(urls.SITEMAP, partial(write_sitemap_index, [urls.site_url(base, path) for path in paths]))
    yield SiteFile(urls.ROBOTS, partial(write_robots, urls.site_url(base, urls.SITEMAP)))


def _single_pages(context: WebContext, session: Session) -> Iterator[SiteFile]:
    """Yield the files of which there is one. They are built each time."""
    yield SiteFile(urls.STYLESHEET, stylesheet)
    yield SiteFile(urls.ICON, icon)
    yield SiteFile(urls.FAVICON, favicon)
    if context.has_search:
        script = f"{urls.SCRIPTS}/{urls.SEARCH_SCRIPT}"
        yield SiteFile(script, lambda: scripts()[urls.SEARCH_SCRIPT])
        yield SiteFile(urls.SEARCH_PAGE, lambda: context.page_context().render("site_search.html"))
    health = [load_health(session, name, limit) for name, limit in context.app.silences.items()]
    line = health_line(health, context.app.source_titles)
    yield SiteFile(urls.MISSING, partial(_missing, context), is_indexed=False)
    yield SiteFile(urls.INDEX, lambda: home_page(context, session, line))
    yield SiteFile(urls.FEED_LIST, lambda: feed_list_page(context, session))
    yield SiteFile(urls.EXPIRING, lambda: expiring_page(context, session))
    yield SiteFile(urls.COVERAGE, lambda: coverage_page(context, session))
    for path in sorted(BUILT):
        if path != urls.OPML or context.base_url:  # feed readers need absolute URLs
            yield SiteFile(path, partial(site_file, context, session, path))


def _feeds(context: WebContext, session: Session, inputs: SiteInputs) -> Iterator[SiteFile]:
    for feed in context.feeds.get(session).by_stem.values():
        digest = inputs.of_feed(feed.kind, feed.slug, feed.title)
        entries = cache(partial(_entries, context, session, feed, inputs.now))  # the same in each format
        for fmt in FeedFormat:
            build = partial(_feed, context, feed, fmt, entries)
            yield SiteFile(urls.feed_path(feed.kind, feed.slug, fmt), build, digest)


def _entries(context: WebContext, session: Session, feed: NamedFeed, now: datetime) -> list[Entry]:
    link = partial(urls.permalink, context.base_url)
    events = feed_events(session, feed.query, context.app.settings.feed_entries, now)
    return [entry_for(event, link) for event in events]


def _feed(context: WebContext, feed: NamedFeed, fmt: FeedFormat, entries: Callable[[], Sequence[Entry]]) -> bytes:
    site = SiteFeeds(base_url=context.base_url, hub=context.app.settings.websub_hub)
    return site.feed(feed_row(feed.kind, feed.slug, feed.title), fmt, entries())


def _subjects(context: WebContext, session: Session, inputs: SiteInputs) -> Iterator[SiteFile]:
    """Yield the page of every vendor, agency and technology that has a feed, and of every recipient."""
    for feed in context.feeds.get(session).by_stem.values():
        if feed.kind in SINGLE_FEEDS:
            continue
        kind = SubjectKind(feed.kind)
        entry = context.app.watchlist.by_id.get(feed.slug) if kind is SubjectKind.VENDOR else None
        yield from _subject(context, session, inputs, kind, feed.slug, feed.title, entry)
    for slug, names in context.recipients.get(session).items():
        yield from _subject(context, session, inputs, SubjectKind.RECIPIENT, slug, names[0][0], names)


def _subject(  # noqa: PLR0917
    context: WebContext,
    session: Session,
    inputs: SiteInputs,
    kind: SubjectKind,
    slug: str,
    title: str,
    facts: object,
) -> Iterator[SiteFile]:
    """Yield the page of a subject and the lists of its records. `facts` are what it shows besides its records."""
    lists, files = subject_lists(context, session, inputs, kind, slug, title)
    path = urls.subject_path(kind, slug)
    build = partial(subject_page, context, session, kind, path.partition("/")[2].removesuffix(".html"), lists=lists)
    yield SiteFile(path, build, inputs.of_subject(kind, slug, title, facts, lists))
    yield from files


def _records(context: WebContext, session: Session, inputs: SiteInputs) -> Iterator[SiteFile]:
    """Yield the page and the feed of every published record, and for each former key a page that leads to it."""
    published = context.published.get(session)
    for key in (record.key for record in inputs.records if record.is_published):
        digest = inputs.of_record(key)
        yield SiteFile(urls.award_path(key), partial(_record, context, session, key), digest)
        yield from _record_feeds(context, session, key, key, digest)
    for old, new in former_keys(session).items():
        if new in published and old not in published:
            yield SiteFile(urls.award_path(old), partial(_moved, context, new), is_indexed=False)
            yield from _record_feeds(context, session, old, new, inputs.of_record(new))


def _record_feeds(context: WebContext, session: Session, name: str, key: str, digest: str) -> Iterator[SiteFile]:
    """Yield the feed of a record in each format. `name` is its key or a former one, to which readers are subscribed."""
    for fmt in FeedFormat:
        yield SiteFile(urls.award_feed_path(name, fmt), partial(_record_feed, context, session, key, fmt), digest)


def _record(context: WebContext, session: Session, key: str) -> bytes:
    page = record_page(session, key, context.app.source_titles)
    if page is None:
        raise LookupError(f"{key} is not stored")
    return award_page(context, session, page)


def _record_feed(context: WebContext, session: Session, key: str, fmt: FeedFormat) -> bytes:
    award = record_by_key(session, key)
    if award is None:
        raise LookupError(f"{key} is not stored")
    return award_feed(context, session, award, fmt)


def _missing(context: WebContext) -> bytes:
    """Return the page for addresses that are none. It is shown at any depth, so its links start at the host."""
    root = f"{urlsplit(context.base_url).path.rstrip('/')}/"
    frame = PageContext(folder=root, has_search=context.has_search, base_url=context.base_url)
    return frame.render("missing.html")


def _moved(context: WebContext, key: str) -> bytes:
    name = urls.award_path(key).partition("/")[2]
    return context.page_context(depth=1).render("moved.html", target=name)
