"""FPDS, the Federal Procurement Data System: its ATOM feed, and archive files of it.

Upstream: https://www.fpds.gov/ezsearch/FEEDS/ATOM, templateName 1.5.3; records have versions 1.0 to 1.5. Access: open,
no key. Off unless enabled in the settings: the Treasury now uses the SAM Contract Awards API (data-act-broker-backend
228.0, 2026-11-03), and others reported that the feed would be retired on 2026-07-31. Archive files can be imported
either way. Limits: 10 entries per request, a start below 400,000, at most ten requests at once, daily use after 9:00
Eastern (FPDS's FAQ); one request a second here. Lag: days for civilian agencies; 90 days after signing for the
Department of Defense and the Army Corps of Engineers, with an older modification date, so a poll also searches by date
signed. Corrections: a changed record comes again with a later `modified`; deleted records have a feed of their own
(FEEDNAME=DELETED). Caveats: there is no total, only a link to the last page. A query has no OR, so every name, UEI and
phrase is a query. Changes of a stored award that contain neither its vendor nor a phrase are not found. `modified` has
no time zone (it is Washington's). An entry does not say that it was deleted: a file is taken for a DELETED feed if one
of its links says so or its name contains "deleted".

The evidence is an entry's XML, serialized by the parser. It holds user names of officials (createdBy, approvedBy),
which are not part of any record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from sources.base import (
    Assumption,
    DateWindow,
    ExpectedRows,
    Fetched,
    FetchStep,
    NotModified,
    SearchTerms,
    Source,
    Stored,
)
from sources.errors import Blocked, Refused, SourceChanged
from sources.fpds.entry_parser import DELETED_FEED, parse
from sources.fpds.feed import Entry, FeedLinks, NotAFeed, read_entries
from sources.fpds.files import ArchiveMember, archive_members
from sources.http.client import Client, RateLimit
from sources.paging import RowCounter, fiscal_years
from sources.records import CONTRACT_CATEGORIES, Award, Document, Payload, Problem, Record

FEED_PATH = "/ezsearch/FEEDS/ATOM"
XML_TYPE = "application/xml"
XML_TYPES = "application/atom+xml, application/xml, text/xml"
PAGE_SIZE = 10
MAX_ENTRIES = 400_000  # FPDS gives none beyond (the Broker's FPDS_MAX_RETURNED_ENTRIES)
YEARS_PER_STEP = 5
RETIRED = "; the feed may have been retired upstream (its records are now in the SAM Contract Awards API)"
# Signed on one day in 2012, and still there: https://www.fpds.gov/ezsearch/search.do?q=1B3G02670+4740+
OLD_PIID = "1B3G02670"
OLD_ORDER = f'AGENCY_CODE:"4740" PIID:"{OLD_PIID}"'


@dataclass(frozen=True, slots=True)
class _ResultPage:
    entries: list[Entry]
    links: FeedLinks
    document: Document


def _has_old_order(client: Client) -> bool:
    entries = _page(client, "PUBLIC", OLD_ORDER, 0).entries
    return any(entry.identity and entry.identity.piid == OLD_PIID for entry in entries)


def _answers(client: Client) -> bool:
    try:
        return _has_old_order(client)
    except (Blocked, Refused, SourceChanged):
        return False


class Fpds(Source):
    """The source `fpds`."""

    name = "fpds"
    title = "FPDS"
    publisher = "Federal Procurement Data System"
    lists_every = CONTRACT_CATEGORIES
    base_url = "https://www.fpds.gov"
    rate_limit = RateLimit(seconds_between=1.0, at_once=1)
    expected_rows = ExpectedRows(at_least=1, at_most=400_000)
    min_poll_interval = timedelta(hours=20)
    store_unmatched = False
    enabled_by_default = False
    import_notifies = False
    assumptions = (
        Assumption(
            name="live-feed",
            says="The live feed of FPDS still answers.",
            otherwise="A poll fails. Turn the source off and import archives, or read SAM.gov Contract Awards.",
            basis="Others said in 2026 that it was to be retired on 2026-07-31.",
            probe=_answers,
        ),
    )
    reporting_delay = (
        "Awards of the Department of Defense and the Army Corps of Engineers appear 90 days after they are signed."
    )

    def health_check(self, client: Client) -> bool:
        """Whether a purchase order of 2012 and its modifications are there."""
        return _has_old_order(client)

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a poll: what was deleted, what was signed, what has changed, by name, UEI and phrase."""
        signed_since = min(window.signed_since, window.acted_since or window.signed_since)
        signed = _steps("signed", terms, "SIGNED_DATE", signed_since, window.until)
        changed = _steps("changed", terms, "LAST_MOD_DATE", window.modified_since, window.until)
        if not changed:
            return []
        deleted = {"feed": "DELETED", "term": "", "date": "LAST_MOD_DATE"}
        since, until = window.modified_since, window.until
        last = FetchStep(key="deleted/all", query=deleted, since=since, until=until, part="deleted actions")
        return [*signed, *changed, last]

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan a whole history by the date signed, five fiscal years at a time, oldest first."""
        return [
            step
            for last, start, end in fiscal_years(since, until, YEARS_PER_STEP)
            for step in _steps(f"fy{last - YEARS_PER_STEP + 1}-{last}", terms, "SIGNED_DATE", start, end)
        ]

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Read all pages of one query, up to the one that FPDS links as the last."""
        rows = RowCounter()
        start = last = 0
        while start <= last:
            page = _page(client, str(step.query["feed"]), _query_text(step), start)
            last = max(last, _last(client, page, start))
            for entry in page.entries:
                rows.add(_distinct(entry))
                yield _changed_only(self._payload(entry, page.document.url, page.document.retrieved_at), stored)
            start += PAGE_SIZE
        expected = last + max(len(page.entries), 1 if last else 0)
        yield from rows.check(step.key, expected)

    def parse(self, payload: Payload) -> list[Record]:
        """Read an entry into an award with one action, a removal, or the problem that prevents it. Pure."""
        return [parse(payload)]

    def read_file(self, file: Path) -> Iterator[Fetched]:
        """Read a file of one or more feeds, or a ZIP archive of such files; each may be gzipped.

        After a part that is cut off or damaged the next ones are still read.

        Raises:
            SourceChanged: at the end, for the first part that is no FPDS feed or is incomplete.
            OSError: the file cannot be opened.
        """
        errors: list[str] = []
        others: list[str] = []
        try:
            for member in archive_members(file):
                if not member.is_feed:
                    others.append(member.name)
                    continue
                try:
                    yield from self._entries_of(member)
                except NotAFeed as error:
                    errors.append(f"{member.name}: {error}")
        except NotAFeed as error:
            errors.append(f"{file.name}: {error}")
        if others:
            more = f", like those of {len(others) - 1} more files in it" if len(others) > 1 else ""
            reason = f"left out: its name does not end in .xml or .atom{more}"
            yield Problem(source=self.name, key=others[0], reason=reason, documents=())
        if errors:
            more = f" (and {len(errors) - 1} more files in it)" if len(errors) > 1 else ""
            place, _, came_back = errors[0].partition(": ")
            raise SourceChanged(self.name, place, came_back + more)

    def _entries_of(self, member: ArchiveMember) -> Iterator[Payload | Problem]:
        now = datetime.now(UTC)
        named_deleted = "deleted" in member.name.lower()
        for entry in read_entries(member.blocks(), FeedLinks()):
            place = f"{member.name} {DELETED_FEED}" if entry.deleted or named_deleted else member.name
            yield self._payload(entry, f"{place} {entry.link}".rstrip(), now)

    def _payload(self, entry: Entry, url: str, read_at: datetime) -> Payload | Problem:
        """Return an entry as a payload of its own; its evidence is its own XML."""
        document = Document(url=url, request="", retrieved_at=read_at, content_type=XML_TYPE, body=entry.xml)
        if entry.identity is None:
            key = f"ENTRY_{document.sha256[:16].upper()}"
            return Problem(source=self.name, key=key, reason=entry.trouble, documents=(document,))
        identity = entry.identity
        return Payload(source=self.name, key=identity.award_key, revision=identity.modified, documents=(document,))


def _distinct(entry: Entry) -> str:
    identity = entry.identity
    return f"{identity.action_key} {identity.modified}" if identity else hashlib.sha256(entry.xml).hexdigest()


def _changed_only(item: Payload | Problem, stored: Stored) -> Fetched:
    """Return `NotModified` for an action that is stored, and whose award is stored in the same revision."""
    known = stored.stored_version(item.key) if isinstance(item, Payload) else None
    if not isinstance(item, Payload) or known is None or not item.revision or known.revision != item.revision:
        return item
    award = parse(item)
    if not isinstance(award, Award):
        return item
    is_stored = {(a.modification, a.signed, a.obligation) for a in award.actions} <= known.actions
    is_stored &= {(a.modification, a.description) for a in award.actions} <= known.texts
    return NotModified(key=item.key) if is_stored else item


def _steps(label: str, terms: SearchTerms, date_field: str, start: date, end: date) -> list[FetchStep]:
    """Return a step for each name, UEI and phrase. Its key is a hash of the search, so it is the same on every run."""
    texts_by_field = {"VENDOR_NAME": terms.names, "VENDOR_UEI": terms.ueis, "DESCRIPTION_OF_REQUIREMENT": terms.phrases}
    steps: dict[str, FetchStep] = {}
    for field, texts in texts_by_field.items():
        for text in texts:
            term = f'{field}:"{_without_quotes(text)}"'
            key = f"{label}/{field.lower()}/{hashlib.sha256(term.encode()).hexdigest()[:16]}"
            query = {"feed": "PUBLIC", "term": term, "date": date_field}
            steps[key] = FetchStep(key=key, query=query, since=start, until=end, part=f"actions {label}")
    return list(steps.values())


def _query_text(step: FetchStep) -> str:
    """Return a step in FPDS's query language: the search term and the days."""
    return f"{step.query['term']} {step.query['date']}:{_days(*step.days)}".strip()


def _without_quotes(text: str) -> str:
    """Return a text without quotes: no way to escape them is documented."""
    return " ".join(text.replace('"', " ").replace("\\", " ").split())


def _days(start: date, end: date) -> str:
    return f"[{start:%Y/%m/%d},{end:%Y/%m/%d}]"


def _page(client: Client, feed: str, query: str, start: int) -> _ResultPage:
    """Fetch ten entries. Raises `SourceError`, which says where the feed may have been retired."""
    path = f"{FEED_PATH}?FEEDNAME={feed}&templateName=1.5.3&q={quote(query, safe='')}&start={start}"
    try:
        document = client.get(path, accept=XML_TYPES)
        links = FeedLinks()
        return _ResultPage(list(read_entries([document.body], links)), links, document)
    except Blocked as error:
        raise Blocked(error.source, error.request, error.came_back + RETIRED, status=error.status) from error
    except (Refused, SourceChanged) as error:
        raise SourceChanged(error.source, error.request, error.came_back + RETIRED, status=error.status) from error
    except NotAFeed as error:
        raise SourceChanged(client.source, f"GET {path}", f"{error}{RETIRED}") from error


def _last(client: Client, page: _ResultPage, start: int) -> int:
    """Return where the last page starts. Raises `SourceChanged` when the links cannot be what FPDS gives."""
    last, following = page.links.last, page.links.next
    trouble = ""
    if len(page.entries) > PAGE_SIZE or page.links.feeds != 1:
        trouble = f"{len(page.entries)} entries on a page of {PAGE_SIZE}"
    elif last is None and following is not None:
        trouble = "a next page but no last one: nothing would prove that everything was read"
    elif last is not None and (last % PAGE_SIZE or last >= MAX_ENTRIES):
        trouble = f"a last page that starts at {last}: FPDS gives the first {MAX_ENTRIES} only, by tens"
    if trouble:
        raise SourceChanged(client.source, f"GET {FEED_PATH} (start={start})", trouble)
    return last or 0
