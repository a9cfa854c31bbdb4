"""Builds a site: each path with a function that returns its bytes. Writes no files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial

from feeds import urls
from feeds.entries.entry import Entry, entry_for, in_feed_order
from feeds.entries.matches import published_matches
from feeds.entries.render import icon, stylesheet
from feeds.entries.source_health import incident_entries
from feeds.feed import EPOCH, FeedMeta, feed_id
from feeds.formats.atom_rss import write_feed
from feeds.formats.opml import Outline, write_opml
from feeds.pages.award import RecordPage, render_award
from feeds.pages.index import GROUPS, FeedRow, render_index
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
    key, a function that loads the award; entries link only to these pages. `base_url` is the site's URL, None if it is
    not known. `today` (UTC) is for the note on reporting delays. `epoch` dates feeds without entries. `hub` is the URL
    of a WebSub hub, "" without one. `has_subjects`: the site has pages of vendors, agencies and technologies.
    """

    title: str = "Procurewatch"
    base_url: str | None
    feeds: tuple[FeedSpec, ...]
    awards: Mapping[str, Callable[[], RecordPage]]
    today: date
    epoch: datetime = EPOCH
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
        yield urls.INDEX, self._index
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
        base, home = self.catalog.base_url, self._home()
        meta = FeedMeta(
            id=feed_id(urls.HEALTH),
            title=f"{self.catalog.title}: source outages",
            subtitle="When a source becomes unavailable, and when it is available again",
            self_url=urls.site_url(base, f"{urls.HEALTH}.{fmt}") if base else None,
            html_url=home,
            updated=self.catalog.epoch,
        )
        entries = incident_entries(self.catalog.incidents, self.catalog.source_titles, home)
        return write_feed(fmt, meta, in_feed_order(entries))

    def _meta(self, spec: FeedSpec, fmt: FeedFormat) -> FeedMeta:
        everything = spec.kind is FeedKind.ALL
        return FeedMeta(
            id=feed_id(spec.kind, "" if everything else spec.slug),
            title=f"{self.catalog.title}: {spec.title}",
            subtitle=urls.FEED_SUBTITLE.format(spec.title),
            self_url=self._address(spec, fmt),
            html_url=self._home(),
            updated=self.catalog.epoch,
            hub=self.catalog.hub if self.catalog.base_url else "",
        )

    def _address(self, spec: FeedSpec, fmt: FeedFormat) -> str | None:
        base = self.catalog.base_url
        return urls.site_url(base, urls.feed_path(spec.kind, spec.slug, fmt)) if base is not None else None

    def _home(self) -> str:
        # RSS requires a link to a website. Without a site, link to the main source.
        base = self.catalog.base_url
        return urls.site_url(base, urls.INDEX) if base is not None else urls.USASPENDING

    def _entry(self, event: StoredEvent) -> Entry:
        if event.id not in self._entries:
            self._entries[event.id] = entry_for(event, self._permalink)
        return self._entries[event.id]

    def _permalink(self, event: StoredEvent) -> str:
        has_page = event.record.key in self.catalog.awards
        return urls.permalink(self.catalog.base_url if has_page else None, event)

    def _index(self) -> bytes:
        everything = (event for spec in self.catalog.feeds if spec.kind is FeedKind.ALL for event in spec.events)
        entries = (entry_for(event, self._page_of) for event in everything)
        return render_index(
            PageContext(site=self.catalog.title),
            [_row(spec) for spec in self.catalog.feeds],
            in_feed_order(entries)[:LATEST_ON_INDEX],
            today=self.catalog.today,
        )

    def _page_of(self, event: StoredEvent) -> str:
        """Return the link from the index page to an event: its award's page, else the official page."""
        has_page = event.record.key in self.catalog.awards
        return urls.event_path(event) if has_page else urls.official_page(event.record)

    def _opml(self) -> bytes:
        base = self.catalog.base_url
        outlines = [
            Outline(
                title=spec.title,
                group=GROUPS[spec.kind],
                atom_url=self._address(spec, FeedFormat.ATOM) or urls.feed_path(spec.kind, spec.slug, FeedFormat.ATOM),
                rss_url=self._address(spec, FeedFormat.RSS) or urls.feed_path(spec.kind, spec.slug, FeedFormat.RSS),
                json_url=self._address(spec, FeedFormat.JSON) or urls.feed_path(spec.kind, spec.slug, FeedFormat.JSON),
                html_url=urls.site_url(base, self._page(spec)) if base is not None else urls.INDEX,
            )
            for spec in self.catalog.feeds
        ]
        return write_opml(f"{self.catalog.title}: all feeds", outlines)

    def _page(self, spec: FeedSpec) -> str:
        """Return the path of a feed's page. A static site has only the index page."""
        return urls.feed_page(spec.kind, spec.slug) if self.catalog.has_subjects else urls.INDEX

    def _award(self, key: str) -> bytes:
        record = self.catalog.awards[key]()
        frame = PageContext(site=self.catalog.title, depth=1, base_url=self.catalog.base_url or "")
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
    }
    return spec.slug in slugs[spec.kind]


def site_files(catalog: Catalog) -> Iterator[tuple[str, Writer]]:
    """Yield every path of a catalog's site with the function that returns its bytes."""
    return Site(catalog).files()
