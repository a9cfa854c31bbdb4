"""Searching SAM.gov's notices, page by page, to a provable end.

`offset` counts pages from 0. A page past the end holds one arbitrary notice, and `totalRecords` does not change
(measured in August 2026). So `totalRecords` gives the number of pages, and notices posted on other days are not
counted. Fewer notices than `totalRecords` are an incomplete result.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from sources.base import IncompleteResult
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged
from sources.fields import Fields, read_json
from sources.http.client import Client
from sources.records import Document
from sources.sam.api import NO_DATA, request_document

SEARCH = "/opportunities/v2/search"
PAGE_SIZE = 1000  # the most notices a page may hold; without a limit it holds one
ROWS = re.compile(r'"opportunitiesData"\s*:\s*\[')
BETWEEN_ROWS = re.compile(r"[\s,]*")
DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Search:
    """A search for notices posted between two days, inclusive; `filters` are further parameters."""

    since: date
    until: date
    filters: Mapping[str, str] | None = None

    def path(self, *, offset: int = 0, limit: int = PAGE_SIZE) -> str:
        """Return the path of one page. SAM.gov requires both days, at most a year apart."""
        days = {"postedFrom": f"{self.since:%m/%d/%Y}", "postedTo": f"{self.until:%m/%d/%Y}"}
        return f"{SEARCH}?{urlencode({**days, **(self.filters or {}), 'limit': limit, 'offset': offset})}"

    def holds(self, row: Row) -> bool:
        """Whether a notice belongs to the search: it was posted in its days, or its day cannot be read."""
        posted = str(row.fields.get("postedDate"))[:10]
        return not DAY.fullmatch(posted) or self.since.isoformat() <= posted <= self.until.isoformat()


@dataclass(frozen=True, slots=True)
class Row:
    """One notice of a search: its id, its fields, and its own bytes of the response."""

    notice_id: str
    fields: Fields
    document: Document


@dataclass(frozen=True, slots=True)
class ResultPage:
    """One page of a search: the total of notices, how many the page holds, and those that belong to the search."""

    total: int
    size: int
    rows: tuple[Row, ...]
    document: Document | None


def can_spend(client: Client, leave: int) -> bool:
    """Whether a request may be made if `leave` requests must remain today."""
    return client.requests_remaining is None or client.requests_remaining > leave


def requests_reserved(client: Client) -> QuotaUsedUp:
    """Return the error that today's remaining requests are reserved."""
    midnight = datetime.combine(datetime.now(UTC).date() + timedelta(days=1), time(), UTC)
    reason = (
        f"{client.requests_remaining} requests are left today, and are reserved for the next poll and other sources"
    )
    return QuotaUsedUp(client.source, f"GET {SEARCH}", reason, retry_at=midnight)


def page_of(
    client: Client, search: Search, *, offset: int = 0, limit: int = PAGE_SIZE, leave: int = 0, is_proof: bool = False
) -> ResultPage:
    """Request one page. With `is_proof` it always has its document, even when nothing is found.

    Raises:
        Blocked: 404 although not for lack of results: SAM.gov's response to an unknown key.
        QuotaUsedUp: only the requests that must remain are left.
        SourceError: any other error of the client.
    """
    if not can_spend(client, leave):
        raise requests_reserved(client)
    try:
        document = request_document(client, search.path(offset=offset, limit=limit), allow_404=is_proof)
    except Refused as error:
        if error.status != 404:
            raise
        if NO_DATA.decode() in error.came_back.lower():
            return ResultPage(0, 0, (), None)
        raise Blocked(client.source, error.request, error.came_back, status=404) from error
    page = _read(client, document)
    return replace(page, rows=tuple(row for row in page.rows if page.total and search.holds(row)))


def _read(client: Client, document: Document) -> ResultPage:
    try:
        answer = read_json(document, client.source)
    except SourceChanged:
        if NO_DATA in document.body.lower()[:1000]:
            return ResultPage(0, 0, (), document)
        raise
    total, listed = answer.get("totalRecords"), answer.get("opportunitiesData")
    if isinstance(total, str) and total.isdecimal() and total.isascii():
        total = int(total)
    if total == 0 and listed is None:
        listed = []
    if not isinstance(total, int) or isinstance(total, bool) or not isinstance(listed, list):
        if NO_DATA in document.body.lower()[:1000]:
            return ResultPage(0, 0, (), document)
        came_back = f"no totalRecords or opportunitiesData in {str(answer)[:200]}"
        raise SourceChanged(client.source, f"GET {SEARCH}", came_back)
    rows = tuple(_rows(client, document))
    if [row.fields for row in rows] != listed:
        raise SourceChanged(client.source, f"GET {SEARCH}", f"{len(listed)} notices that cannot be told apart")
    return ResultPage(total, len(rows), rows, document)


def _rows(client: Client, document: Document) -> Iterator[Row]:
    """Split a response into its notices, so that each has only its own bytes as evidence."""
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


def pages(
    client: Client, step: str, search: Search, *, leave: int, by_records: bool
) -> Iterator[ResultPage | IncompleteResult]:
    """Give the pages of a search, each notice once, then an incomplete result if notices are missing.

    `by_records`: a probe has shown that `offset` counts notices instead of pages. Raises `SourceError`.
    """
    seen: set[str] = set()
    number = size = 0
    is_last = False
    while not is_last:
        page = page_of(client, search, offset=number * size if by_records else number, leave=leave)
        size = size or page.size
        new = {row.notice_id: row for row in page.rows if row.notice_id not in seen}
        yield replace(page, rows=tuple(new.values()))
        seen |= set(new)
        number += 1
        is_last = not new or number * size >= page.total
    if len(seen) < page.total:
        yield IncompleteResult(step=step, expected=page.total, received=len(seen))
