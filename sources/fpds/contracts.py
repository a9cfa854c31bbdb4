"""FPDS, the Federal Procurement Data System: its ATOM feed, and above all the archives of it that people hold.

Upstream: https://www.fpds.gov/ezsearch/FEEDS/ATOM, templateName 1.5.3; records of versions 1.0 to 1.5 come mixed.
Access: open, no key. Off unless it is enabled in the settings: the Treasury has left the feed for the SAM Contract
Awards API (data-act-broker-backend 228.0, 2026-11-03), and others say that it was to be retired on 2026-07-31. Files
can be read whatever has become of it. Limits: 10 entries a request, a start below 400,000, at most ten requests at
once, daily use after 9:00 Eastern (FPDS's FAQ); we ask once a second. Lag: civilian actions within days; those of the
Department of Defense and the Army Corps of Engineers 90 days after they are signed, with the modification date they had
long before, so a poll also asks by the date signed. Corrections: a changed record comes again with a later `modified`;
what was deleted stands in a feed of its own (FEEDNAME=DELETED). Caveats: there is no total, only a link to the last
page; a query has no OR, so every name, UEI and phrase is a query; changes of a held award that neither names its vendor
nor a phrase are not asked for; `modified` has no zone (Washington's clock). Nothing in an entry says that it was
deleted: a file is taken for a DELETED feed when a link of the feed says so, or the file's name holds the word
"deleted".

The XML of an entry is kept as the parser writes it again: its text, order and white space, with the namespaces that the
feed declared. It holds user names of officials (createdBy, approvedBy), which are not taken into any record.
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
    IncompleteResult,
    NotModified,
    SearchTerms,
    Source,
    Stored,
)
from sources.errors import Blocked, Refused, SourceChanged
from sources.fpds.entry_parser import DELETED_FEED, parse
from sources.fpds.feed import Entry, Links, NotAFeed, read_entries
from sources.fpds.files import Part, parts_of
from sources.http.client import Client, RateLimit
from sources.records import Award, Document, Payload, Problem, Record

FEED_PATH = "/ezsearch/FEEDS/ATOM"
XML_TYPE = "application/xml"
XML_TYPES = "application/atom+xml, application/xml, text/xml"
PAGE = 10
MOST_ENTRIES = 400_000  # FPDS gives none beyond (the Broker's FPDS_MAX_RETURNED_ENTRIES)
YEARS_AT_ONCE = 5
RETIRED = "; the feed may have been retired upstream (its records are now in the SAM Contract Awards API)"
# Signed on one day in 2012, and still there: https://www.fpds.gov/ezsearch/search.do?q=1B3G02670+4740+
CONTROL = 'AGENCY_CODE:"4740" PIID:"1B3G02670"'


@dataclass(frozen=True, slots=True)
class _Page:
    entries: list[Entry]
    links: Links
    document: Document


def _answers(client: Client) -> bool:
    """Whether the feed gives what has been in it since 2012. Raises `SourceError` where it cannot be reached."""
    try:
        entries = _page(client, "PUBLIC", CONTROL, 0).entries
    except (Blocked, Refused, SourceChanged):
        return False
    return any(entry.identity and entry.identity.piid == "1B3G02670" for entry in entries)


class Fpds(Source):
    """The source `fpds`."""

    name = "fpds"
    title = "FPDS"
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
        entries = _page(client, "PUBLIC", CONTROL, 0).entries
        return any(entry.identity and entry.identity.piid == "1B3G02670" for entry in entries)

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
        steps: list[FetchStep] = []
        start = since
        while start <= until:
            fiscal_year = start.year + (start.month >= 10)
            last_year = fiscal_year - fiscal_year % YEARS_AT_ONCE + YEARS_AT_ONCE - 1
            end = min(date(last_year, 9, 30), until)
            steps += _steps(f"fy{last_year - YEARS_AT_ONCE + 1}-{last_year}", terms, "SIGNED_DATE", start, end)
            start = end + timedelta(days=1)
        return steps

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Walk one query from its first page to the one that FPDS calls the last."""
        seen: set[str] = set()
        start = last = 0
        while start <= last:
            page = _page(client, str(step.query["feed"]), _question(step), start)
            last = max(last, _last(client, page, start))
            for entry in page.entries:
                seen.add(_distinct(entry))
                yield _known_or_new(self._given(entry, page.document.url, page.document.retrieved_at), stored)
            start += PAGE
        expected = last + max(len(page.entries), 1 if last else 0)
        if len(seen) < expected:
            yield IncompleteResult(step=step.key, expected=expected, received=len(seen))

    def parse(self, payload: Payload) -> list[Record]:
        """Read an entry into an award with one action, a removal, or the problem that prevents it. Pure."""
        return [parse(payload)]

    def read_file(self, file: Path) -> Iterator[Fetched]:
        """Read a file of one or more feeds, or a ZIP archive of such files; each may be gzipped.

        A part that breaks off or is damaged does not keep the next ones from being read.

        Raises:
            SourceChanged: at the end, for the first part that is not what FPDS publishes, or not whole.
            OSError: the file cannot be opened.
        """
        troubles: list[str] = []
        try:
            for part in parts_of(file):
                if not part.is_feed:
                    reason = "left out: its name does not end in .xml or .atom"
                    yield Problem(source=self.name, key=part.name, reason=reason, documents=())
                    continue
                try:
                    yield from self._entries_of(part)
                except NotAFeed as error:
                    troubles.append(f"{part.name}: {error}")
        except NotAFeed as error:
            troubles.append(f"{file.name}: {error}")
        if troubles:
            more = f" (and {len(troubles) - 1} more files in it)" if len(troubles) > 1 else ""
            place, _, came_back = troubles[0].partition(": ")
            raise SourceChanged(self.name, place, came_back + more)

    def _entries_of(self, part: Part) -> Iterator[Payload | Problem]:
        now = datetime.now(UTC)
        named_deleted = "deleted" in part.name.lower()
        for entry in read_entries(part.blocks(), Links()):
            place = f"{part.name} {DELETED_FEED}" if entry.deleted or named_deleted else part.name
            yield self._given(entry, f"{place} {entry.link}".rstrip(), now)

    def _given(self, entry: Entry, url: str, read_at: datetime) -> Payload | Problem:
        """Return an entry as a payload of its own; its evidence is its own XML."""
        document = Document(url=url, request="", retrieved_at=read_at, content_type=XML_TYPE, body=entry.xml)
        if entry.identity is None:
            key = f"ENTRY_{document.sha256[:16].upper()}"
            return Problem(source=self.name, key=key, reason=entry.trouble, documents=(document,))
        identity = entry.identity
        return Payload(source=self.name, key=identity.key, revision=identity.modified, documents=(document,))


def _distinct(entry: Entry) -> str:
    identity = entry.identity
    return f"{identity.action_key} {identity.modified}" if identity else hashlib.sha256(entry.xml).hexdigest()


def _known_or_new(item: Payload | Problem, stored: Stored) -> Fetched:
    """Return `NotModified` for an action that is stored in the very state that was last told of its award."""
    known = stored.stored_version(item.key) if isinstance(item, Payload) else None
    if not isinstance(item, Payload) or known is None or not item.revision or known.revision != item.revision:
        return item
    award = parse(item)
    if isinstance(award, Award) and {(a.modification, a.signed, a.obligation) for a in award.actions} <= known.actions:
        return NotModified(key=item.key)
    return item


def _steps(label: str, terms: SearchTerms, date_field: str, start: date, end: date) -> list[FetchStep]:
    """Return a step for each name, UEI and phrase; its key is made of what it asks and not of its place in a list."""
    texts_by_field = {"VENDOR_NAME": terms.names, "VENDOR_UEI": terms.ueis, "DESCRIPTION_OF_REQUIREMENT": terms.phrases}
    steps: dict[str, FetchStep] = {}
    for field, texts in texts_by_field.items():
        for text in texts:
            term = f'{field}:"{_quotable(text)}"'
            key = f"{label}/{field.lower()}/{hashlib.sha256(term.encode()).hexdigest()[:16]}"
            query = {"feed": "PUBLIC", "term": term, "date": date_field}
            steps[key] = FetchStep(key=key, query=query, since=start, until=end, part=f"actions {label}")
    return list(steps.values())


def _question(step: FetchStep) -> str:
    """Return a step in FPDS's query language: what is sought, and the days."""
    return f"{step.query['term']} {step.query['date']}:{_days(*step.days)}".strip()


def _quotable(text: str) -> str:
    """Return a text that can stand between quotes: no escape is documented."""
    return " ".join(text.replace('"', " ").replace("\\", " ").split())


def _days(start: date, end: date) -> str:
    return f"[{start:%Y/%m/%d},{end:%Y/%m/%d}]"


def _page(client: Client, feed: str, query: str, start: int) -> _Page:
    """Fetch ten entries. Raises `SourceError`; what may mean that FPDS is no more says so."""
    path = f"{FEED_PATH}?FEEDNAME={feed}&templateName=1.5.3&q={quote(query, safe='')}&start={start}"
    try:
        document = client.get(path, accept=XML_TYPES)
        links = Links()
        return _Page(list(read_entries([document.body], links)), links, document)
    except Blocked as error:
        raise Blocked(error.source, error.request, error.came_back + RETIRED, status=error.status) from error
    except (Refused, SourceChanged) as error:
        raise SourceChanged(error.source, error.request, error.came_back + RETIRED, status=error.status) from error
    except NotAFeed as error:
        raise SourceChanged(client.source, f"GET {path}", f"{error}{RETIRED}") from error


def _last(client: Client, page: _Page, start: int) -> int:
    """Return where the last page starts. Raises `SourceChanged` when the links cannot be what FPDS gives."""
    last, following = page.links.last, page.links.next
    trouble = ""
    if len(page.entries) > PAGE or page.links.feeds != 1:
        trouble = f"{len(page.entries)} entries on a page of {PAGE}"
    elif last is None and following is not None:
        trouble = "a next page but no last one: nothing would prove that everything was read"
    elif last is not None and (last % PAGE or last >= MOST_ENTRIES):
        trouble = f"a last page that starts at {last}: FPDS gives the first {MOST_ENTRIES} only, by tens"
    if trouble:
        raise SourceChanged(client.source, f"GET {FEED_PATH} (start={start})", trouble)
    return last or 0
