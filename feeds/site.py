"""Builds a site: each path with a function that returns its bytes. Writes no files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date
from functools import partial

from feeds import urls
from feeds.entries.entry import Entry, entry_for, in_feed_order
from feeds.entries.matches import published_matches
from feeds.entries.render import favicon, icon, stylesheet
from feeds.entries.source_health import incident_entries
from feeds.feed import AUTHOR, EPOCH, FeedMeta, feed_id
from feeds.formats.atom_rss import write_feed
from feeds.formats.opml import Outline, write_opml
from feeds.pages.award import RecordPage, render_award
from feeds.pages.feed_list import GROUPS, FeedRow, render_feed_list
from feeds.pages.index import render_index
from feeds.pages.page_context import PageContext
from feeds.urls import FeedFormat, FeedKind
from storage.models import StoredEvent, StoredRecord
from storage.reading.source_health import Incident

LATEST_ON_INDEX = 50

Writer = Callable[[], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSpec:
    """A feed with its events. `title` names the vendor, agency or category."""

    kind: FeedKind
    slug: str
    title: str
    events: tuple[StoredEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The input of a site.

    `feeds` are in the order of the list of feeds; one of them is of kind ALL. `awards` has for each award page, by its
    key, a function that loads the award; entries link only to these pages. `base_url` is the site's URL, "" if it is
    not known. `today` (UTC) is for the note on reporting delays. `hub` is the URL of a WebSub hub, "" without one.
    `has_subjects`: the site has pages of vendors, agencies and technologies.
    """

    base_url: str
    feeds: tuple[FeedSpec, ...]
    awards: Mapping[str, Callable[[], RecordPage]]
    today: date
    hub: str = ""
    has_subjects: bool = False
    incidents: tuple[Incident, ...] = ()
    source_titles: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """The site of a catalog. The same catalog always gives the same bytes."""

    catalog: Catalog
    _entries: dict[str, Entry] = field(default_factory=dict, repr=False)

    def files(self) -> Iterator[tuple[str, Writer]]:
        """Yield every path with the function that returns its bytes, award pages last."""
        yield urls.STYLESHEET, stylesheet
        yield urls.ICON, icon
        yield urls.FAVICON, favicon
        yield urls.INDEX, self._index
        yield urls.FEED_LIST, self._feed_list
        yield urls.ABOUT, self._about
        if self.catalog.base_url:  # feed readers need absolute URLs
            yield urls.OPML, self._opml
        for fmt in FeedFormat:
            yield f"{urls.HEALTH}.{fmt}", partial(self.health, fmt)
        for spec in self.catalog.feeds:
            for fmt in FeedFormat:
                yield urls.feed_path(spec.kind, spec.slug, fmt), partial(self.feed, spec, fmt)
        for key in self.catalog.awards:
            yield urls.award_path(key), partial(self._award, key)

    def feed(self, spec: FeedSpec, fmt: FeedFormat) -> bytes:
        """Return one feed in one format."""
        entries = in_feed_order(self._entry(event) for event in spec.events)
        return write_feed(fmt, self._meta(spec, fmt), entries)

    def health(self, fmt: FeedFormat) -> bytes:
        """Return the feed of source outages in one format."""
        home = self._home()
        meta = FeedMeta(
            id=feed_id(urls.HEALTH),
            title=f"{AUTHOR}: source outages",
            subtitle="When a source becomes unavailable, and when it is available again",
            self_url=self._url(f"{urls.HEALTH}.{fmt}") or None,
            html_url=home,
            updated=EPOCH,
            icon=self._url(urls.ICON),
            favicon=self._url(urls.FAVICON),
            about=self._url(urls.ABOUT),
        )
        entries = incident_entries(self.catalog.incidents, self.catalog.source_titles, home)
        return write_feed(fmt, meta, in_feed_order(entries))

    def _meta(self, spec: FeedSpec, fmt: FeedFormat) -> FeedMeta:
        return FeedMeta(
            id=feed_id(spec.kind, "" if spec.kind is FeedKind.ALL else spec.slug),
            title=f"{AUTHOR}: {spec.title}",
            subtitle=urls.FEED_SUBTITLE.format(spec.title),
            self_url=self._url(urls.feed_path(spec.kind, spec.slug, fmt)) or None,
            html_url=self._home(),
            updated=EPOCH,
            hub=self.catalog.hub if self.catalog.base_url else "",
            icon=self._url(urls.ICON),
            favicon=self._url(urls.FAVICON),
            about=self._url(urls.ABOUT),
        )

    def _url(self, path: str) -> str:
        return urls.site_url(self.catalog.base_url, path) if self.catalog.base_url else ""

    def _home(self) -> str:
        # RSS requires a link to a website. Without a site, link to the main source.
        return self._url(urls.INDEX) or urls.USASPENDING

    def _entry(self, event: StoredEvent) -> Entry:
        if event.id not in self._entries:
            self._entries[event.id] = entry_for(event, self._permalink)
        return self._entries[event.id]

    def _permalink(self, event: StoredEvent) -> str:
        has_page = event.record.key in self.catalog.awards
        return urls.permalink(self.catalog.base_url if has_page else "", event)

    def _index(self) -> bytes:
        everything = (event for spec in self.catalog.feeds if spec.kind is FeedKind.ALL for event in spec.events)
        entries = (entry_for(event, self._page_of) for event in everything)
        return render_index(
            PageContext(base_url=self.catalog.base_url),
            in_feed_order(entries)[:LATEST_ON_INDEX],
            next((_row(spec) for spec in self.catalog.feeds if spec.kind is FeedKind.ALL), None),
            today=self.catalog.today,
        )

    def _feed_list(self) -> bytes:
        rows = [_row(spec) for spec in self.catalog.feeds]
        return render_feed_list(PageContext(base_url=self.catalog.base_url), rows)

    def _about(self) -> bytes:
        return PageContext(base_url=self.catalog.base_url, served=self.catalog.has_subjects).render("about.html")

    def _page_of(self, event: StoredEvent) -> str:
        """Return the link from the index page to an event: its award's page, else the official page."""
        has_page = event.record.key in self.catalog.awards
        return urls.event_path(event) if has_page else urls.official_page(event.record)

    def _opml(self) -> bytes:
        outlines = []
        for row in map(_row, self.catalog.feeds):
            page = row.page if self.catalog.has_subjects else urls.INDEX
            atom, rss, json, html = (self._url(path) for path in (row.atom, row.rss, row.json, page))
            group = GROUPS[row.kind]
            outlines.append(
                Outline(title=row.title, group=group, atom_url=atom, rss_url=rss, json_url=json, html_url=html)
            )
        return write_opml(f"{AUTHOR}: all feeds", outlines)

    def _award(self, key: str) -> bytes:
        record = self.catalog.awards[key]()
        frame = PageContext(depth=1, base_url=self.catalog.base_url)
        feeds = [_row(spec) for spec in self.catalog.feeds if _covers(spec, record.award)]
        return render_award(frame, record, feeds)


def _row(spec: FeedSpec) -> FeedRow:
    seen = {event.id: event.first_seen.astimezone(UTC).date() for event in spec.events}
    newest = max(seen.values(), default=None)
    return FeedRow(kind=spec.kind, slug=spec.slug, title=spec.title, entries=len(seen), newest=newest)


def _covers(spec: FeedSpec, award: StoredRecord) -> bool:
    """Return whether an award belongs in a feed, even if its entries are no longer among the newest."""
    slugs = {
        FeedKind.ALL: {spec.slug},
        FeedKind.VENDOR: {match.vendor_id for match in published_matches(award)},
        FeedKind.AGENCY: {award.sub_agency_code, award.agency_code},
        FeedKind.CATEGORY: {match.category for match in published_matches(award)},
        FeedKind.EXPIRING: set(),
    }
    return spec.slug in slugs[spec.kind]


def site_files(catalog: Catalog) -> Iterator[tuple[str, Writer]]:
    """Yield every path of a catalog's site with the function that returns its bytes."""
    return Site(catalog).files()
