"""Build the static site from the database: the catalog of feeds and pages, and its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from feeds.pages.award import LinkedRecord, RecordPage
from feeds.site import Catalog, FeedSpec, site_files
from feeds.urls import FeedKind
from procurewatch.context import AppContext
from procurewatch.named_feeds import named_feeds
from sources.registry import SOURCES, publisher_of, sources_listing
from storage.database import Database
from storage.maintenance.files import remove_unfinished, unfinished
from storage.models import AWARDS
from storage.reading.records import actions_of, evidence_of, known_vendors, published_keys, records_by_key
from storage.reading.source_health import find_silences, list_incidents
from storage.reading.source_records import load_source_records
from storage.reading.summaries import orders_under, published_among
from storage.reading.timelines import linked_records, timeline_of
from storage.search.feed_pages import feed_events
from storage.writing.renumbering import former_keys

log = structlog.get_logger(__name__)

FEED_ORDER = list(FeedKind)


def build_catalog(app_context: AppContext, *, base_url: str, is_list: bool = False) -> Catalog:
    """Return the catalog of a site: its feeds and award pages.

    Args:
        base_url: the public URL of the site, "" if unknown.
        is_list: list only the feeds, without their events and without award pages, as the web server needs it.
    """
    watchlist, limit = app_context.watchlist, app_context.settings.feed_entries
    now = datetime.now(UTC)
    with app_context.database.reading() as session:
        feeds = [
            FeedSpec(
                kind=feed.kind,
                slug=feed.slug,
                title=feed.title,
                events=() if is_list else tuple(feed_events(session, feed.query, limit, now)),
            )
            for feed in named_feeds(session, watchlist, app_context.settings.feed_min_change)
        ]
        # Vendors with matches come first; most have none yet.
        matched = {vendor_id for vendor_id, _, _ in known_vendors(session)}
        feeds.sort(
            key=lambda spec: (FEED_ORDER.index(spec.kind), spec.kind is FeedKind.VENDOR and spec.slug not in matched)
        )
        keys = {} if is_list else _keys_of_pages(session)
        incidents = (*find_silences(session, app_context.silences), *list_incidents(session))
    awards = {
        name: partial(_award_record, app_context.database, app_context.source_titles, key) for name, key in keys.items()
    }
    return Catalog(
        base_url=base_url,
        feeds=tuple(feeds),
        awards=awards,
        today=now.date(),
        hub=app_context.settings.websub_hub,
        has_subjects=is_list,
        incidents=incidents,
        source_titles={name: source.title for name, source in SOURCES.items()},
    )


def _keys_of_pages(session: Session) -> dict[str, str]:
    """Return the key of the record on each page, by the key in the page's path: former keys lead to the same award."""
    keys = {key: key for key in published_keys(session)}
    return {**{old: new for old, new in former_keys(session).items() if new in keys}, **keys}


def record_page(session: Session, key: str, source_titles: Mapping[str, str]) -> RecordPage | None:
    """Return the contents of a record's page, or `None` if it is not stored."""
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
        sources=tuple(load_source_records(session, key)),
        source_titles=source_titles,
        publisher=publisher_of(award.source),
        complete_sources=sources_listing(award.category),
        linked=tuple(LinkedRecord(link=link, record=record, has_page=record.key in seen) for link, record in linked),
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


def write_site(site: Catalog, folder: Path, failed: list[str]) -> Iterator[Path]:
    """Write a site's files atomically; yield the path of each new or changed file.

    Unchanged files are not rewritten, so that the dates a web server sends stay correct. The paths of files that cannot
    be built, because of the data of one record, are added to `failed`; the others are written.

    Raises:
        OSError: the folder cannot be written.
        sqlalchemy.exc.DBAPIError: the database failed.
    """
    remove_unfinished(folder.rglob(".*.part"))  # of a build that was killed
    for path, write in site_files(site):
        target = folder / path
        try:
            content = write()
        except DBAPIError:
            raise
        except Exception:
            log.exception("file cannot be built", path=path)
            failed.append(path)
            continue
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = unfinished(target)
        try:
            temporary.write_bytes(content)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        yield target
