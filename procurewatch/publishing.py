"""From what is stored to a site: the catalogue of feeds and pages, and its files on disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from feeds.layout import FeedKind
from feeds.site import Catalogue, FeedSpec, RecordPage, site_files
from monitors.vendor import Kind, Vendor, Watchlist
from sources.registry import SOURCES
from storage.database import Database
from storage.health import incidents_of
from storage.query import Query
from storage.reading import (
    actions_of,
    events_of,
    evidence_of,
    known_agencies,
    known_vendors,
    published_keys,
    records_by_key,
)
from storage.searching import find_events


def catalogue(database: Database, watchlist: Watchlist, *, base_url: str, entries: int) -> Catalogue:
    """Return all that can be published: feeds of everything, of each vendor, agency and technology category.

    A vendor of the watchlist has a feed before there is anything to tell, so that it can be subscribed to.

    Args:
        base_url: where the site will be found, "" when nobody knows.
        entries: the most entries in one feed.
    """
    with database.reading() as session:
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
        incidents = tuple(incidents_of(session))
    awards = {key: partial(_award_record, database, key) for key in keys}
    return Catalogue(
        base_url=base_url or None,
        feeds=tuple(feeds),
        awards=awards,
        incidents=incidents,
        source_titles={name: source.title for name, source in SOURCES.items()},
    )


def _title(vendor: Vendor) -> str:
    """Return what the feed of an entry is called: a topic stands among the vendors, and says so."""
    return vendor.name if vendor.kind is Kind.VENDOR else f"{vendor.name} (topic)"


def _award_record(database: Database, key: str) -> RecordPage:
    with database.reading() as session:
        return RecordPage(
            award=records_by_key(session, [key])[0],
            actions=tuple(actions_of(session, key)),
            evidence=tuple(evidence_of(session, key)),
            events=tuple(events_of(session, key)),
        )


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
