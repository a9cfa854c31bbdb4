"""From what is stored to a site: the catalogue of feeds and pages, and its files on disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from feeds.layout import FeedKind
from feeds.record_page import Linked, RecordPage
from feeds.site import Catalogue, FeedSpec, site_files
from monitors.vendor import Kind, Vendor
from procurewatch.desk import Desk
from storage.database import Database
from storage.query import Query
from storage.reading import (
    actions_of,
    evidence_of,
    known_agencies,
    known_vendors,
    published_keys,
    records_by_key,
)
from storage.searching import find_events
from storage.stored import AWARDS
from storage.subjects import orders_under, published_among
from storage.timelines import linked_records, sources_of, timeline_of


def catalogue(desk: Desk, *, base_url: str) -> Catalogue:
    """Return all that can be published: feeds of everything, of each vendor, agency and technology category.

    A vendor of the watchlist has a feed before there is anything to tell, so that it can be subscribed to.

    Args:
        base_url: where the site will be found, "" when nobody knows.
    """
    watchlist, entries = desk.watchlist, desk.settings.feed_entries
    with desk.database.reading() as session:
        vendors = {vendor.id: _title(vendor) for vendor in watchlist.vendors}
        vendors.update((vendor_id, name) for vendor_id, name, _ in known_vendors(session) if vendor_id not in vendors)
        feeds = [
            FeedSpec(
                kind=FeedKind.ALL, slug="all", title="everything", events=tuple(find_events(session, Query(), entries))
            )
        ]
        of_vendors = [
            FeedSpec(
                kind=FeedKind.VENDOR,
                slug=vendor_id,
                title=name,
                events=tuple(find_events(session, Query(vendor=(vendor_id,)), entries)),
            )
            for vendor_id, name in sorted(vendors.items(), key=lambda vendor: vendor[1].casefold())
        ]
        # Those with something to read come first; of hundreds most have nothing yet.
        feeds += sorted(of_vendors, key=lambda spec: not spec.events)
        for code, name in known_agencies(session):
            events = tuple(find_events(session, Query(agency=(code.lower(),)), entries))
            feeds.append(FeedSpec(kind=FeedKind.AGENCY, slug=code, title=name or code, events=events))
        for category in sorted({vendor.category for vendor in watchlist.vendors}):
            events = tuple(find_events(session, Query(category=(category,)), entries))
            title = watchlist.categories.get(category, category)
            feeds.append(FeedSpec(kind=FeedKind.CATEGORY, slug=category, title=title, events=events))
        keys = published_keys(session)
    awards = {key: partial(_award_record, desk.database, desk.source_titles, key) for key in keys}
    today = datetime.now(UTC).date()
    return Catalogue(base_url=base_url or None, feeds=tuple(feeds), awards=awards, today=today)


def _title(vendor: Vendor) -> str:
    """Return what the feed of an entry is called: a topic stands among the vendors, and says so."""
    return vendor.name if vendor.kind is Kind.VENDOR else f"{vendor.name} (topic)"


def record_page(session: Session, key: str, source_titles: Mapping[str, str]) -> RecordPage | None:
    """Return all that a record's page shows, `None` if it is not stored."""
    found = records_by_key(session, [key])
    if not found:
        return None
    award = found[0]
    linked = linked_records(session, key)
    orders, stored = orders_under(session, key) if award.category in AWARDS else ([], 0)
    parent = next(iter(records_by_key(session, [award.parent_key])), None) if award.parent_key else None
    seen = published_among(session, [award.parent_key, *(record.key for _, record in linked)])
    return RecordPage(
        award=award,
        actions=tuple(actions_of(session, key)),
        evidence=tuple(evidence_of(session, key)),
        events=tuple(timeline_of(session, key)),
        sources=tuple(sources_of(session, key)),
        source_titles=source_titles,
        linked=tuple(Linked(link=link, record=record, has_page=record.key in seen) for link, record in linked),
        parent=parent,
        parent_has_page=award.parent_key in seen,
        orders=tuple(orders),
        orders_stored=stored,
    )


def _award_record(database: Database, source_titles: Mapping[str, str], key: str) -> RecordPage:
    with database.reading() as session:
        page = record_page(session, key, source_titles)
    if page is None:
        raise LookupError(f"{key} is no longer stored")
    return page


def write_site(site: Catalogue, folder: Path) -> Iterator[Path]:
    """Write a site's files, each whole or not at all; give the path of each that was new or changed.

    A file that is as it should be is left alone, so that a web server's dates stay true.
    """
    for path, write in site_files(site):
        target = folder / path
        content = write()
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".procurewatch-")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            temporary.chmod(0o644)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        yield target
