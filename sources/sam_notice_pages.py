"""Walking SAM.gov's search of notices to a provable end.

What `offset` counts is not established: the documentation says pages, GSA's own client (srt-fbo-scraper) counts
records. So the second page tells it: asked for with offset 1, it repeats the first where records are counted. The
answer is noted for later runs, and found out anew when it no longer holds. Each notice is given once; fewer than
`totalRecords` says is a shortfall.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from sources.contract import Shortfall, Stored
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged
from sources.http import Client
from sources.reading import read_json
from sources.records import Document
from sources.sam_notice import NO_DATA
from sources.sam_notice_parts import Fields

SEARCH = "/opportunities/v2/search"
PAGE = 1000  # the most notices a page may hold; without a limit it holds one
MOST_PAGES = 100
OFFSET = "offset"  # the note that says what an offset counts
RECORDS, PAGES = "records", "pages"
ROWS = re.compile(r'"opportunitiesData"\s*:\s*\[')
BETWEEN_ROWS = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Row:
    """One notice of a search: its id, its fields, and its own part of the answer, byte for byte."""

    notice_id: str
    fields: Fields
    document: Document


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a search, and how many notices it says there are."""

    total: int
    rows: tuple[Row, ...]
    document: Document | None


def posted_between(since: date, until: date) -> dict[str, object]:
    """Return the two parameters without which SAM.gov refuses; their range may be a year."""
    return {"postedFrom": f"{since:%m/%d/%Y}", "postedTo": f"{until:%m/%d/%Y}"}


def is_spare(client: Client, leave: int) -> bool:
    """Whether a request may be made if so many must be left of today's."""
    return client.requests_left is None or client.requests_left > leave


def ask(client: Client, query: Mapping[str, object], *, leave: int = 0, is_one: bool = False) -> Page:
    """Ask for one page. A search for one notice (`is_one`) always has its document: the evidence that it is gone.

    Raises:
        Blocked: 404 for a reason other than that nothing was found: so SAM.gov answers to a key it does not know.
        QuotaUsedUp: the requests of today that must be left are all that is left.
        SourceError: as the client does.
    """
    if not is_spare(client, leave):
        midnight = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time(), UTC)
        told = f"{client.requests_left} requests are left today, and are kept for the next poll and other sources"
        raise QuotaUsedUp(client.source, f"GET {SEARCH}", told, retry_at=midnight)
    try:
        document = client.get(f"{SEARCH}?{urlencode(query)}", may_be_missing=is_one)
    except Refused as error:
        if error.status != 404:
            raise
        if NO_DATA.decode() in error.came_back.lower():
            return Page(0, (), None)
        raise Blocked(client.source, error.request, error.came_back, status=404) from error
    return _page(client, document)


def _page(client: Client, document: Document) -> Page:
    try:
        answer = read_json(document, client.source)
    except SourceChanged:
        if NO_DATA in document.body.lower()[:1000]:
            return Page(0, (), document)
        raise
    total, listed = answer.get("totalRecords"), answer.get("opportunitiesData")
    if isinstance(total, str) and total.isdecimal() and total.isascii():
        total = int(total)
    if not isinstance(total, int) or isinstance(total, bool) or not isinstance(listed, list):
        if NO_DATA in document.body.lower()[:1000]:
            return Page(0, (), document)
        told = f"no totalRecords or opportunitiesData in {str(answer)[:200]}"
        raise SourceChanged(client.source, f"GET {SEARCH}", told)
    rows = tuple(_rows(client, document))
    if [row.fields for row in rows] != listed or len(rows) > total:
        raise SourceChanged(client.source, f"GET {SEARCH}", f"{len(rows)} notices where {total} are said to be")
    return Page(total, rows, document)


def _rows(client: Client, document: Document) -> Iterator[Row]:
    """Cut an answer into its notices, so that the evidence of one is not the evidence of a thousand."""
    decoder = json.JSONDecoder(parse_float=Decimal)
    body = document.body.decode("utf-8", "replace")
    start = ROWS.search(body)
    place = start.end() if start else len(body)
    while True:
        place = _after(BETWEEN_ROWS, body, place)
        if not body.startswith("{", place):
            return
        fields, end = decoder.raw_decode(body, place)
        notice_id = fields.get("noticeId")
        if not isinstance(notice_id, str) or not notice_id:
            raise SourceChanged(client.source, f"GET {SEARCH}", f"a notice without noticeId: {str(fields)[:200]}")
        yield Row(notice_id, fields, replace(document, body=body[place:end].encode("utf-8", "replace")))
        place = end


def _after(pattern: re.Pattern[str], body: str, place: int) -> int:
    match = pattern.match(body, place)
    return match.end() if match else place


def notices(
    client: Client, step: str, window: Mapping[str, object], stored: Stored, *, leave: int
) -> Iterator[Row | Shortfall]:
    """Give each notice of a search once, then the shortfall if there is one. Raises `SourceError`."""
    seen: set[str] = set()
    total = 0
    for page in _pages(client, window, stored, seen, leave):
        total = page.total
        for row in page.rows:
            if row.notice_id not in seen:
                seen.add(row.notice_id)
                yield row
    if len(seen) < total:
        yield Shortfall(step=step, expected=total, received=len(seen))


def _pages(client: Client, window: Mapping[str, object], stored: Stored, seen: set[str], leave: int) -> Iterator[Page]:
    """Give the pages of a search until all notices are `seen`, which the caller sees to, or none is new."""
    page = ask(client, {**window, "limit": PAGE, "offset": 0}, leave=leave)
    yield page
    total, stride = page.total, len(page.rows)
    counts = stored.note(OFFSET) or PAGES
    is_sure = False
    number = 1
    while len(seen) < total and stride:
        offset = number * stride if counts == RECORDS else number
        page = ask(client, {**window, "limit": PAGE, "offset": offset}, leave=leave)
        total = page.total if page.rows else total
        repeated = sum(row.notice_id in seen for row in page.rows)
        yield replace(page, total=total)
        misread = not page.rows if counts == RECORDS else repeated * 2 > len(page.rows)
        if number == 1 and misread and not is_sure:
            counts, is_sure = PAGES if counts == RECORDS else RECORDS, True
            stored.keep_note(OFFSET, counts)
        elif repeated == len(page.rows):
            return
        else:
            number += 1
        if number > MOST_PAGES:
            raise SourceChanged(client.source, f"GET {SEARCH}", "pages without end")
