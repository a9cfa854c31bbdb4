"""What each page is built from, as digests: a page whose digest is the same as in the last build is not built again."""

from __future__ import annotations

import functools
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable

from sqlalchemy.orm import Session

from feeds import urls
from feeds.urls import SINGLE_FEEDS, FeedKind, SubjectKind
from procurewatch.web.context import WebContext
from storage.reading.coverage import list_periods
from storage.reading.records import ShownRecord, digest_records, linked_keys, parent_keys, shown_records
from storage.search.feed_pages import count_recent_events

PROGRAM = ("feeds", "storage", "procurewatch", "monitors", "sources")  # packages whose code and templates make pages


class SiteInputs:
    """Digests of what pages are built from, read in one session."""

    def __init__(self, context: WebContext, session: Session) -> None:
        self.now = datetime.now(UTC)
        settings = context.app.settings
        self._site = digest_of(
            program_digest(),
            context.base_url,
            context.has_search,
            settings.feed_entries,
            settings.feed_min_change,
            settings.websub_hub,
            sorted(context.app.source_titles.items()),
            sorted(context.app.watchlist.categories.items()),
            sorted({vendor.category for vendor in context.app.watchlist.vendors}),
        )
        self._limit = settings.feed_entries
        self._records = digest_records(session)
        self._recent = count_recent_events(session, self.now)
        self.records = shown_records(session)
        self._related: dict[str, set[str]] = defaultdict(set)
        self._parents = parent_keys(session)
        for one, other in (*self._parents.items(), *linked_keys(session)):
            self._related[one].add(other)
            self._related[other].add(one)
        watched = [(vendor.id, vendor.category) for vendor in context.app.watchlist.vendors]
        self._periods = list_periods(session, [vendor_id for vendor_id, _ in watched])
        names = context.agencies.get(session)
        departments = sorted((code, names.get(code)) for code in {code for _, code, _ in self._periods})
        self._coverage = digest_of(watched, self._periods, departments)
        self.subjects = _by_subject(self.records)

    def of_record(self, key: str) -> str:
        """Return the digest of a record's page: the record and those it is shown with."""
        related = sorted({key, *self._related[key]})
        return digest_of(self._site, *((each, self._records.get(each, 0)) for each in related))

    def of_records(self, keys: Iterable[str], *others: object) -> str:
        """Return the digest of a page that lists records; `others` are what else it is built from."""
        digests = ((key, self._records.get(key, 0)) for key in keys)
        return digest_of(self._site, *digests, *others)

    def of_feed(self, kind: FeedKind, slug: str, title: str) -> str:
        """Return the digest of a feed, "" for one that is not of a subject.

        Time alone changes a feed only if it has more than its usual number of entries.
        """
        if kind in SINGLE_FEEDS:
            return ""
        records = self.subjects.get((SubjectKind(kind), slug), ())
        recent = sum(self._recent.get(record.key, 0) for record in records)
        return self.of_records((record.key for record in records), kind, title, recent > self._limit and recent)

    def of_subject(self, kind: SubjectKind, slug: str, *others: object) -> str:
        """Return the digest of a subject's page: its records, and which of its notices and contracts have not ended."""
        records = self.subjects.get((kind, slug), ())
        opened = [record.key for record in records if record.deadline and record.deadline >= self.now]
        running = [record.key for record in records if record.ends and record.ends >= self.now.date()]
        is_vendor = kind is SubjectKind.VENDOR
        periods = [each for each in self._periods if each[0] == slug] if is_vendor else self._coverage
        parents = [self._parents.get(record.key, "") for record in records]  # the page names contract vehicles
        shown = (*(record.key for record in records), *parents)
        return self.of_records(shown, kind, slug, opened, running, periods, *others)


def digest_of(*parts: object) -> str:
    """Return a digest of values, whose `repr` says all about them."""
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(repr(part).encode("utf-8", "surrogatepass") + b"\0")
    return found.hexdigest()


@functools.cache
def program_digest() -> str:
    """Return a digest of the program's code, templates and assets."""
    return digest_of(version("procurewatch"), *(digest_folder(files(package)) for package in PROGRAM))


def digest_folder(folder: Traversable) -> str:
    """Return a digest of the names and contents of all files in a folder, apart from compiled code."""
    parts: list[object] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name != "__pycache__":
            parts += [entry.name, digest_folder(entry) if entry.is_dir() else entry.read_bytes()]
    return digest_of(*parts)


def _by_subject(records: Sequence[ShownRecord]) -> dict[tuple[SubjectKind, str], list[ShownRecord]]:
    """Return the records about each subject, by its kind and slug, in their order."""
    found: dict[tuple[SubjectKind, str], list[ShownRecord]] = defaultdict(list)
    for record in records:
        for vendor in record.vendors:
            found[SubjectKind.VENDOR, vendor].append(record)
        for category in record.categories:
            found[SubjectKind.CATEGORY, category].append(record)
        for code in {record.agency, record.department} - {""}:
            found[SubjectKind.AGENCY, code].append(record)
        if record.recipient_name:
            slug = urls.recipient_slug(record.recipient_name, record.recipient_uei)
            found[SubjectKind.RECIPIENT, slug].append(record)
    return found
