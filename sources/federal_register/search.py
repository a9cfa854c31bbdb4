"""Searching the Federal Register for phrases, many at a time, to a provable end.

Facts, from the API's own code (github.com/usnationalarchives/federalregister-api-core) and its guides:
- `"a" | "b"` finds either phrase, word for word (federalregister.gov, Reader Aids, "Utilizing complex search terms";
  es_application_search.rb: `simple_query_string` with `quote_field_suffix: .exact`). A term without any of `|&!()` may
  also bring what is only related in meaning (`neural_search_appropriate?`), so that every term is put in brackets.
- "You can only paginate through the first 2000 results. If you wish to download more results, use the date range
  filters" (Developer Resources, REST API); at most 1,000 to a page, and a page size it does not like becomes 20.
- Without results neither `results` nor `total_pages` is there (api_controller.rb, `render_search`).
- The documents on public inspection are searched in the same way (`sources.federal_register.public_inspection`).
- `count` may be that of a wider search than the one whose results are given (`EsApplicationSearch#count`), and is
  never more than 10,000. When it says more than came, the search is read once more in the opposite order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import quote, urlencode, urlsplit

from sources.base import IncompleteResult
from sources.errors import SourceChanged
from sources.federal_register.document_parser import FIELDS, Row, document_key
from sources.federal_register.public_inspection import Inspection
from sources.fields import read_json
from sources.http.client import Client
from sources.records import Document, InvalidRecord

DOCUMENTS = "/api/v1/documents.json"
PAGE = 1000
TYPES = ("NOTICE", "PRORULE", "RULE")
PHRASES_AT_ONCE = 40  # each is a clause for each of six fields in the index's query
LONGEST_TERM = 1500  # characters of an address; with the fields it stays below 2,500
# What may stand in a phrase: the rest are operators, or end the phrase ("=" even within quotes).
NOT_IN_A_PHRASE = re.compile(r"[^\w.'&/,+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a search: a term and the days of publication, inclusive."""

    step: str
    since: date
    until: date
    term: str = ""

    def path(self, order: str) -> str:
        """Return what to ask for; `order` is "newest" or "oldest"."""
        query = [
            ("conditions[term]", self.term),
            ("conditions[publication_date][gte]", self.since.isoformat()),
            ("conditions[publication_date][lte]", self.until.isoformat()),
            *(("conditions[type][]", kind) for kind in TYPES),
            *(("fields[]", field) for field in FIELDS),
            ("order", order),
            ("per_page", str(PAGE)),
        ]
        return f"{DOCUMENTS}?{urlencode(query, quote_via=quote)}"

    def halves(self) -> tuple[Part, Part] | None:
        """Cut by days; `None` when it is one day."""
        if self.since >= self.until:
            return None
        middle = self.since + (self.until - self.since) // 2
        return replace(self, until=middle), replace(self, since=middle + timedelta(days=1))

    def check(self, row: Row) -> None:
        """Make sure that a row is of these days. Raises `InvalidRecord`."""
        value = str(row.get("publication_date"))
        try:
            published = date.fromisoformat(value)
        except ValueError as error:
            raise InvalidRecord(f"publication_date is no date: {value[:40]!r}") from error
        if not self.since <= published <= self.until:
            raise InvalidRecord(f"a condition was ignored: published {published}, not {self.since} to {self.until}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One row of an answer, and the answer."""

    key: str
    row: Row
    document: Document


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    found: Mapping[str, Found]
    count: int
    has_more: bool

    @property
    def is_whole(self) -> bool:
        return not self.has_more and self.count == len(self.found)


def terms(phrases: Iterable[str]) -> Iterator[str]:
    """Return search terms that together ask for every phrase, each short enough for an address."""
    gathered: list[str] = []
    for phrase in phrases:
        quoted = f'"{" ".join(NOT_IN_A_PHRASE.sub(" ", phrase).split())}"'
        if not any(character.isalnum() for character in quoted) or quoted in gathered:
            continue
        if gathered and (len(gathered) >= PHRASES_AT_ONCE or len(quote(_either([*gathered, quoted]))) > LONGEST_TERM):
            yield _either(gathered)
            gathered = []
        gathered.append(quoted)
    if gathered:
        yield _either(gathered)


def _either(quoted: Iterable[str]) -> str:
    return f"({' | '.join(quoted)})"


def found_in(client: Client, part: Part | Inspection) -> Iterator[Found | IncompleteResult]:
    """Read a part of a search whole, cutting it by days until each part is one page.

    A row may come more than once. An `IncompleteResult` follows the rows of a part that stayed short.
    Raises `SourceError`.
    """
    answer = _ask(client, part, "newest")
    if answer.has_more and (halves := part.halves()):
        for half in halves:
            yield from found_in(client, half)
        return
    yield from answer.found.values()
    if answer.is_whole:
        return
    again = _ask(client, part, "oldest")
    yield from (found for key, found in again.found.items() if key not in answer.found)
    received = len({*answer.found, *again.found})
    agrees = answer.found.keys() == again.found.keys() and not (answer.has_more or again.has_more)
    if not agrees and received < answer.count:
        yield IncompleteResult(step=part.step, expected=answer.count, received=received)


def _ask(client: Client, part: Part | Inspection, order: str) -> _Answer:
    document = client.get(part.path(order))
    answer = read_json(document, client.source)
    count, rows, pages = answer.get("count"), answer.get("results"), answer.get("total_pages")
    if isinstance(count, bool) or not isinstance(count, int):
        raise _changed(document, client, f"no count in {str(answer)[:200]}")
    if rows is None and pages is None:
        rows, pages = [], 0
    if not isinstance(rows, list) or isinstance(pages, bool) or not isinstance(pages, int):
        raise _changed(document, client, f"no results or no total_pages in {str(answer)[:200]}")
    found = [_found(client, row, document, part) for row in rows]
    has_more = pages > 1 or bool(answer.get("next_page_url"))
    return _Answer(found={one.key: one for one in found}, count=count, has_more=has_more)


def _found(client: Client, row: object, document: Document, part: Part | Inspection) -> Found:
    if not isinstance(row, dict):
        raise _changed(document, client, f"a row that is no object: {str(row)[:200]}")
    try:
        key = document_key(row)
        part.check(row)
    except InvalidRecord as error:
        raise _changed(document, client, f"{error} in {str(row)[:200]}") from error
    return Found(key=key, row=row, document=document)


def _changed(document: Document, client: Client, came_back: str) -> SourceChanged:
    return SourceChanged(client.source, f"GET {urlsplit(document.url).path}", came_back)
