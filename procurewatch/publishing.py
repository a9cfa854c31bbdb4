"""From what is stored to a site: the catalogue of feeds and pages, and its files on disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from feeds.layout import FeedKind
from feeds.site import Catalogue, FeedSpec, RecordPage, site_files
from monitors.vendor import Watchlist
from procurewatch.named_feeds import named_feeds
from sources.registry import SOURCES
from storage.database import Database
from storage.health import incidents_of
from storage.reading import (
    actions_of,
    events_of,
    evidence_of,
    published_keys,
    records_by_key,
)
from storage.searching import find_events

ORDER = list(FeedKind)


def catalogue(database: Database, watchlist: Watchlist, *, base_url: str, entries: int, hub: str = "") -> Catalogue:
    """Return all that can be published: feeds of everything, of each vendor, agency and technology category.

    Args:
        base_url: where the site will be found, "" when nobody knows.
        entries: the most entries in one feed.
        hub: the address of a WebSub hub, "" without one.
    """
    with database.reading() as session:
        feeds = [
            FeedSpec(
                kind=feed.kind,
                slug=feed.slug,
                title=feed.title,
                events=tuple(find_events(session, feed.query, entries)),
            )
            for feed in named_feeds(session, watchlist)
        ]
        # Vendors with something to read come first; of hundreds most have nothing yet.
        feeds.sort(key=lambda spec: (ORDER.index(spec.kind), spec.kind is FeedKind.VENDOR and not spec.events))
        keys = published_keys(session)
        incidents = tuple(incidents_of(session))
    awards = {key: partial(_award_record, database, key) for key in keys}
    return Catalogue(
        base_url=base_url or None,
        feeds=tuple(feeds),
        awards=awards,
        hub=hub,
        incidents=incidents,
        source_titles={name: source.title for name, source in SOURCES.items()},
    )


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
