"""Searching the Federal Register for phrases, many at a time, to a provable end.

Facts, from the API's own code (github.com/usnationalarchives/federalregister-api-core) and its guides:
- `"a" | "b"` finds either phrase, word for word (federalregister.gov, Reader Aids, "Utilizing complex search terms";
  es_application_search.rb: `simple_query_string` with `quote_field_suffix: .exact`). A term without any of `|&!()` may
  also bring what is only related in meaning (`neural_search_appropriate?`), so that every term is put in brackets.
- "You can only paginate through the first 2000 results. If you wish to download more results, use the date range
  filters" (Developer Resources, REST API); at most 1,000 to a page, and a page size it does not like becomes 20.
- Without results neither `results` nor `total_pages` is there (api_controller.rb, `render_search`).
- `/api/v1/public-inspection-documents.json` searches the documents on public inspection with the same terms and types,
  but not by day (es_public_inspection_document_search.rb). Its answers may be a day old (`cache_for 1.day`). A document
  is there from its filing until its issue is complete (public_inspection_document.rb, `indexable`).
- `count` may be that of a wider search than the one whose results are given (`EsApplicationSearch#count`), and is
  never more than 10,000. When it says more than came, the search is read once more in the opposite order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import quote, urlencode, urlsplit

from sources.base import IncompleteResult
from sources.errors import SourceChanged
from sources.federal_register.document_parser import FIELDS, INSPECTED_FIELDS, document_key
from sources.fields import Fields, read_json
from sources.http.client import Client
from sources.paging import read_in_parts, split_days
from sources.records import Document, InvalidRecord

DOCUMENTS = "/api/v1/documents.json"
INSPECTED_DOCUMENTS = "/api/v1/public-inspection-documents.json"
PAGE_SIZE = 1000  # some 200 documents are on public inspection on any day
TYPES = ("NOTICE", "PRORULE", "RULE")
MAX_PHRASES = 40  # each is a clause for each of six fields in the index's query
MAX_TERM_LENGTH = 1500  # characters of an address; with the fields it stays below 2,500
# What may stand in a phrase: the rest are operators, or end the phrase ("=" even within quotes).
NOT_IN_A_PHRASE = re.compile(r"[^\w.'&/,+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchSlice:
    """A search for a term: documents published on some days, inclusive, or without days those on public inspection."""

    step: str
    days: tuple[date, date] | None
    term: str = ""

    def path(self, order: str) -> str:
        """Return the path of the first page; `order` is "newest" or "oldest", for published documents only."""
        query = [("conditions[term]", self.term), *(("conditions[type][]", kind) for kind in TYPES)]
        if self.days:
            names = ("conditions[publication_date][gte]", "conditions[publication_date][lte]")
            query += [*zip(names, map(str, self.days), strict=True), ("order", order)]
        query += [("fields[]", field) for field in (FIELDS if self.days else INSPECTED_FIELDS)]
        address = DOCUMENTS if self.days else INSPECTED_DOCUMENTS
        return f"{address}?{urlencode([*query, ('per_page', str(PAGE_SIZE))], quote_via=quote)}"

    def split(self) -> list[SearchSlice]:
        """Split it by days; nothing if it covers one day or none."""
        return [replace(self, days=days) for days in split_days(*self.days)] if self.days else []

    def check(self, row: Fields) -> None:
        """Raise `InvalidRecord` if a row does not belong to the search."""
        if self.days is None:
            if "filed_at" not in row:
                raise InvalidRecord("filed_at is missing")
            return
        value = str(row.get("publication_date"))
        try:
            published = date.fromisoformat(value)
        except ValueError as error:
            raise InvalidRecord(f"publication_date is no date: {value[:40]!r}") from error
        since, until = self.days
        if not since <= published <= until:
            raise InvalidRecord(f"a condition was ignored: published {published}, not {since} to {until}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """One row of a response, the key of its document, and the response."""

    key: str
    row: Fields
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    hits: Mapping[str, SearchHit]
    count: int
    has_more: bool

    @property
    def is_whole(self) -> bool:
        return not self.has_more and self.count == len(self.hits)


def terms(phrases: Iterable[str]) -> Iterator[str]:
    """Return search terms that together cover every phrase, each short enough for a URL."""
    group: list[str] = []
    for phrase in phrases:
        quoted = f'"{" ".join(NOT_IN_A_PHRASE.sub(" ", phrase).split())}"'
        if not any(character.isalnum() for character in quoted) or quoted in group:
            continue
        if group and (len(group) >= MAX_PHRASES or len(quote(_any_of([*group, quoted]))) > MAX_TERM_LENGTH):
            yield _any_of(group)
            group = []
        group.append(quoted)
    if group:
        yield _any_of(group)


def _any_of(quoted: Iterable[str]) -> str:
    return f"({' | '.join(quoted)})"


def search(client: Client, whole: SearchSlice) -> Iterator[SearchHit | IncompleteResult]:
    """Read a search, cutting it by days until each slice is one page.

    A document may come more than once. An `IncompleteResult` follows the rows of a slice that stayed short.
    Raises `SourceError`.
    """

    def read(part: SearchSlice) -> tuple[_Page, bool]:
        page = _request(client, part, "newest")
        return page, page.has_more

    for part, page, _ in read_in_parts(whole, read, SearchSlice.split):
        yield from page.hits.values()
        if not page.is_whole:
            yield from _read_again(client, part, page)


def _read_again(client: Client, part: SearchSlice, page: _Page) -> Iterator[SearchHit | IncompleteResult]:
    """Read a slice in the opposite order; give new rows, and an incomplete result if rows are still missing."""
    again = _request(client, part, "oldest")
    yield from (hit for key, hit in again.hits.items() if key not in page.hits)
    received = len({*page.hits, *again.hits})
    agrees = page.hits.keys() == again.hits.keys() and not (page.has_more or again.has_more)
    if not agrees and received < page.count:
        yield IncompleteResult(step=part.step, expected=page.count, received=received)


def _request(client: Client, part: SearchSlice, order: str) -> _Page:
    document = client.get(part.path(order))
    answer = read_json(document, client.source)
    count, rows, pages = answer.get("count"), answer.get("results"), answer.get("total_pages")
    if isinstance(count, bool) or not isinstance(count, int):
        raise _changed(document, client, f"no count in {str(answer)[:200]}")
    if rows is None and pages is None:
        rows, pages = [], 0
    if not isinstance(rows, list) or isinstance(pages, bool) or not isinstance(pages, int):
        raise _changed(document, client, f"no results or no total_pages in {str(answer)[:200]}")
    hits = [_hit(client, row, document, part) for row in rows]
    has_more = pages > 1 or bool(answer.get("next_page_url"))
    return _Page(hits={hit.key: hit for hit in hits}, count=count, has_more=has_more)


def _hit(client: Client, row: object, document: Document, part: SearchSlice) -> SearchHit:
    if not isinstance(row, dict):
        raise _changed(document, client, f"a row that is no object: {str(row)[:200]}")
    try:
        key = document_key(row)
        part.check(row)
    except InvalidRecord as error:
        raise _changed(document, client, f"{error} in {str(row)[:200]}") from error
    return SearchHit(key=key, row=row, document=document)


def _changed(document: Document, client: Client, came_back: str) -> SourceChanged:
    return SourceChanged(client.source, f"GET {urlsplit(document.url).path}", came_back)
