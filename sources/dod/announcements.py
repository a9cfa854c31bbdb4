"""The Department of Defense's daily contract announcements: awards 90 days before USAspending and SAM.gov have them.

Upstream: https://www.war.gov/News/Contracts/, one page each business day at 17:00 Eastern, with a paragraph per
contract. An RSS index (`DesktopModules/ArticleCS/RSS.ashx`) lists the pages without their text. Access: open, no key.
The pages answer 403 to programs (seen May to October 2026), the index does not. A refused page is read from the
Internet Archive's copy, or from a file that somebody saves in a browser and imports; each record says which. Limits:
none documented; the index holds 500 pages at most. Lag: none; the archive's copies are one to three days late.
Corrections: a later page says "CORRECTION:" or "UPDATE:"; such a paragraph becomes a record of its own. A page is read
again for four days; an edit after that is missed. Caveats: only contracts of $7.5 million or more; the text is prose
(`sources.dod.paragraph`); some paragraphs name no contract number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote

import structlog

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
    StoredVersion,
)
from sources.dod.article import SOURCE, parse, read_article
from sources.dod.pages import (
    MAX_INDEX_SIZE,
    PAGE_TYPES,
    IndexItem,
    PageFetcher,
    blocked_error,
    read_index,
    read_index_since,
    snapshot,
)
from sources.errors import Blocked, SourceChanged
from sources.http.client import MAX_BODY_SIZE, Client, RateLimit
from sources.records import Document, Payload, Problem, Publication, Record

log = structlog.get_logger(__name__)

INDEX_SPAN = timedelta(days=690)  # always covered by an index of 500 business days
MAX_ARCHIVE_LAG = timedelta(days=10)  # how late the archive usually is at most
EDIT_WINDOW = timedelta(days=4)  # after publication, in which pages are edited
MAX_MISSING_PAGES = 3  # pages that the archive may lack at any time
FIRST_PARAGRAPHS = 3  # one of them is stored of every page that was read
POLL = "rss"
MISSING = "missing"  # the state that lists the pages that could not be read


SHORT_INDEX = 10  # pages that the index lists by default


def _index_is_long(client: Client) -> bool:
    return len(read_index(client, 3 * SHORT_INDEX)[0]) > SHORT_INDEX


def _pages_are_open(client: Client) -> bool:
    newest = read_index(client, SHORT_INDEX)[0][-1]
    try:
        client.get(newest.path, accept=PAGE_TYPES, follow_redirects=True)
    except Blocked:
        return False
    return True


def _archive_has_copies(client: Client) -> bool:
    oldest = read_index(client, SHORT_INDEX)[0][0]
    return bool(snapshot(client, oldest))


ASSUMPTIONS = (
    Assumption(
        name="long-index",
        says=f"The index lists as many pages as requested, up to {MAX_INDEX_SIZE}.",
        otherwise="Days that it does not reach are reported as missing. Import the pages of those days as files.",
        basis="A request for 1,000 on 3 July 2026 returned 500, back to 13 May 2024.",
        probe=_index_is_long,
    ),
    Assumption(
        name="open-pages",
        says="war.gov gives its pages of announcements to programs.",
        otherwise=(
            "The Internet Archive's copies are read, one to three days later. Pages saved in a browser can be imported."
        ),
        basis="From May to October 2026 the pages answered 403 to programs and the index did not.",
        probe=_pages_are_open,
    ),
    Assumption(
        name="archive-copies",
        says="The Internet Archive has a copy of a page within ten business days.",
        otherwise="A page that war.gov refuses is requested again by every poll. It can be imported.",
        basis="https://archive.org/help/wayback_api.php",
        probe=_archive_has_copies,
    ),
)


class Dod(Source):
    """The source `dod`."""

    name = "dod"
    title = "Department of Defense contract announcements"
    publisher = "U.S. Department of Defense, Contracts"
    base_url = "https://www.war.gov"
    rate_limit = RateLimit(seconds_between=2.0, at_once=1)
    expected_rows = ExpectedRows(at_least=1, at_most=100_000)
    extra_hosts: Mapping[str, str] = MappingProxyType(
        {"archive": "https://web.archive.org", "availability": "https://archive.org"}
    )
    min_poll_interval = timedelta(hours=4)
    import_notifies = True
    assumptions = ASSUMPTIONS
    reporting_delay = "Only contracts of $7.5 million or more are announced."

    def health_check(self, client: Client) -> bool:
        """Whether the index lists at least one page of contracts."""
        return bool(read_index(client, 10)[0])

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a poll: the pages of the window, from the index."""
        since = max(window.signed_since, window.until - INDEX_SPAN)
        return [_step(POLL, since, window.until)] if _has_terms(terms) else []

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan the history month by month, as far back as the index reaches: 500 business days."""
        steps: list[FetchStep] = []
        start = max(since, until - INDEX_SPAN)
        while _has_terms(terms) and start <= until:
            following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
            steps.append(_step(f"rss/{start:%Y-%m}", start, min(until, following - timedelta(days=1))))
            start = following
        return steps

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Give each page of a step's days: `NotModified` if it is stored, else a payload from war.gov or the archive.

        Raises:
            Blocked: war.gov refuses its pages and the archive has none of them.
        """
        since, until = step.days
        items, problems, uncovered = read_index_since(client, since, until)
        yield from problems
        if uncovered:
            yield IncompleteResult(step=step.key, expected=uncovered, received=0)
        missed_before = set(stored.get_state(MISSING).split()) if step.key == POLL else set()
        wanted = [item for item in items if since <= item.published.date() <= until or item.number in missed_before]
        pages = PageFetcher(client)
        missing: list[IndexItem] = []
        stored_pages = 0
        for item in wanted:
            known = _stored_key(stored, item)
            page = (
                (_read_if_edited(pages, item, stored, until) or NotModified(key=known)) if known else pages.read(item)
            )
            stored_pages += bool(known)
            if page is None:
                missing.append(item)
            else:
                yield page
        if step.key == POLL:
            _store_missing(stored, missed_before, missing)
        if missing:
            _report_missing(missing, pages, step, stored_pages=stored_pages)
        if missing and (step.key != POLL or _is_more_than_usual(missing, until)):
            yield IncompleteResult(step=step.key, expected=len(wanted), received=len(wanted) - len(missing))

    def parse(self, payload: Payload) -> list[Record]:
        """Read a page into a publication for each awardee of each announcement. Pure."""
        return parse(payload)

    def read_file(self, file: Path) -> Iterator[Fetched]:
        """Read a page that somebody saved in a browser; its records have the same keys as those from war.gov.

        Raises:
            SourceChanged: it is no page of contract announcements, or says neither its number nor its day.
        """
        url = f"file:{quote(file.name)}"
        if file.stat().st_size > MAX_BODY_SIZE:
            raise SourceChanged(self.name, url, f"larger than a page can be: {file.stat().st_size} bytes")
        document = Document(
            url=url, request="", retrieved_at=datetime.now(UTC), content_type="text/html", body=file.read_bytes()
        )
        article = read_article(document)
        if not article.number and article.day is None:
            raise SourceChanged(self.name, url, f"{article.title[:80]!r} says neither its number nor its day")
        if not article.number:
            log.warning("the page does not say its number; its day is the key", file=file.name, day=str(article.day))
        key = f"DOD_{article.number or article.day}"
        yield Payload(source=self.name, key=key, revision="", documents=(document,))


def _has_terms(terms: SearchTerms) -> bool:
    return bool(terms.names or terms.ueis or terms.phrases)


def _step(key: str, since: date, until: date) -> FetchStep:
    return FetchStep(key=key, query={}, since=since, until=until, part="pages of announcements")


def _stored_key(stored: Stored, item: IndexItem) -> str:
    """Return the key of a stored record of a page, "" if there is none. All records of a page are stored together."""
    keys = (f"{item.key}_{number}_1" for number in range(1, FIRST_PARAGRAPHS + 1))
    return next((key for key in keys if stored.stored_version(key)), "")


def _read_if_edited(pages: PageFetcher, item: IndexItem, stored: Stored, until: date) -> Payload | Problem | None:
    """Return a recent page if it has been edited since it was stored, else `None`.

    A record's key holds the position of its paragraph. If paragraphs have moved, or most of them differ, the page is a
    problem for a person to look at: the changes do not concern the awards that the keys name.
    """
    page = pages.read_current(item) if until - item.published.date() <= EDIT_WINDOW else None
    records = [record for record in parse(page) if isinstance(record, Publication)] if page else []
    changed = [record for record in records if _is_changed(stored.stored_version(record.key), record)]
    if page is None or not changed:
        return None
    if len(changed) > max(1, len(records) // 2) or _paragraphs_moved(changed, item, stored):
        reason = f"the page was edited, and {len(changed)} of its {len(records)} records are not where they were"
        return Problem(source=page.source, key=page.key, reason=reason, documents=page.documents)
    return page


def _paragraphs_moved(changed: Sequence[Publication], item: IndexItem, stored: Stored) -> bool:
    """Whether a changed record has the revision, a digest of its text, that is stored for a paragraph next to it."""
    beside = [(record, int(record.key.split("_")[2]) + step) for record in changed for step in (-1, 1)]
    known = [(record, stored.stored_version(f"{item.key}_{number}_1")) for record, number in beside]
    return any(there is not None and there.revision == record.revision for record, there in known)


def _is_changed(known: StoredVersion | None, record: Publication) -> bool:
    return known is None or known.revision not in ("", record.revision)


def _report_missing(missing: list[IndexItem], pages: PageFetcher, step: FetchStep, *, stored_pages: int) -> None:
    """Raise or log why pages are missing beyond the archive's usual lag. `held` is how many pages are stored."""
    if pages.failure:
        raise pages.failure
    if step.key != POLL:  # a backfill goes on with the next month, and repeats this one later
        log.warning("pages cannot be read", source=SOURCE, step=step.key, reason=str(blocked_error(missing, pages)))
    elif pages.count == 0 and (not stored_pages or len(missing) > MAX_MISSING_PAGES):
        raise blocked_error(missing, pages)


def _is_more_than_usual(missing: list[IndexItem], until: date) -> bool:
    """Whether more pages are missing, or for longer, than the archive usually lags."""
    return len(missing) > MAX_MISSING_PAGES or any(until - item.published.date() > MAX_ARCHIVE_LAG for item in missing)


def _store_missing(stored: Stored, before: set[str], missing: list[IndexItem]) -> None:
    """Store which pages could not be read, so that later polls ask for them, however old they are."""
    now = {item.number for item in missing}
    if now != before:
        stored.set_state(MISSING, " ".join(sorted(now)))
