"""The Federal Register: privacy notices, requests for information, rules and other notices of agencies.

Upstream: https://www.federalregister.gov/api/v1/documents.json (developers/documentation/api/v1). Access: open, no key.
Limits: none published; 1,000 results per page and 2,000 per search; one request a second, about sixty per poll. Lag:
none; a document is on public inspection for days before it is published, and a step of its own searches there. Both are
one record, whose state says so; its publication is an event. Corrections: a correction is a document of its own that
names the one it corrects; amended fields change the digest of a document's row. Caveats: the search covers the full
text but a result shows one passage, so only vendors in the title, the abstract or a shown passage are found; document
numbers were used twice before 2016 (the key then includes the day); a search for the beginning of a name finds whole
words only.

All phrases and names go into a few searches (`sources.federal_register.search`). A document that several of them find
is one record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from urllib.parse import quote, urlencode

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
from sources.errors import Refused, SourceError
from sources.federal_register.document_parser import (
    is_inspected,
    parse,
    phrases_in,
    phrases_of,
    revision_of,
    words_of,
)
from sources.federal_register.search import (
    DOCUMENTS,
    INSPECTED_DOCUMENTS,
    PAGE_SIZE,
    SearchHit,
    SearchSlice,
    search,
    terms,
)
from sources.fields import Fields, read_json
from sources.http.client import Client, RateLimit
from sources.records import Document, InvalidRecord, Payload, Problem, Record

EARLIEST = date(1994, 1, 1)
INSPECTION = "inspection"
MONTH = (date(2024, 5, 1), date(2024, 5, 31))  # more than twenty notices under the Privacy Act were published in it
ALWAYS_THERE = SearchSlice(step="control", term='("privacy act of 1974")', days=MONTH)


CODE = "github.com/usnationalarchives/federalregister-api-core, "
SMALL_PAGE = 20  # rows, which a page has whose size the API does not like


def _path(term: str, *more: tuple[str, str], of: str = DOCUMENTS) -> str:
    return f"{of}?{urlencode([('conditions[term]', term), *more], quote_via=quote)}"


def _in_the_month(term: str, *more: tuple[str, str]) -> str:
    days = zip(("gte", "lte"), MONTH, strict=True)
    return _path(term, *((f"conditions[publication_date][{name}]", str(day)) for name, day in days), *more)


def _nothing_found_has_no_results(client: Client) -> bool:
    answer = read_json(client.get(_in_the_month('("no such words in any document")')), client.source)
    return answer.get("count") == 0 and "results" not in answer and "total_pages" not in answer


def _page_is_as_long_as_asked(client: Client) -> bool:
    given = ("fields[]", "document_number"), ("per_page", str(PAGE_SIZE))
    rows = read_json(client.get(_in_the_month('("privacy act of 1974")', *given)), client.source).get("results")
    return isinstance(rows, list) and len(rows) > SMALL_PAGE


def _unknown_condition_is_refused(client: Client) -> bool:
    try:
        client.get(_in_the_month('("privacy act of 1974")', ("conditions[no_such_condition]", "1"), ("per_page", "2")))
    except Refused:
        return True
    return False


def _inspection_is_searched(client: Client) -> bool:
    fields = [("fields[]", name) for name in ("document_number", "filed_at")]
    try:
        document = client.get(_path('("notice")', *fields, ("per_page", "2"), of=INSPECTED_DOCUMENTS))
    except Refused:
        return False
    rows = read_json(document, client.source).get("results", [])
    return isinstance(rows, list) and all(
        isinstance(row, dict) and {"document_number", "filed_at"} <= row.keys() for row in rows
    )


ASSUMPTIONS = (
    Assumption(
        name="nothing-found",
        says="An answer that found nothing says so by a count of 0, and holds no results.",
        otherwise="An empty list of results is read as nothing found. Any other shape fails the step.",
        basis=CODE + "api_controller.rb, render_search",
        probe=_nothing_found_has_no_results,
    ),
    Assumption(
        name="page-of-1000",
        says="A page holds up to 1,000 rows.",
        otherwise="A search is cut by days until each part fits a page, which takes more requests.",
        basis=CODE + "es_application_search.rb, maximum_per_page",
        probe=_page_is_as_long_as_asked,
    ),
    Assumption(
        name="unknown-condition",
        says="A condition that the API does not know is refused.",
        otherwise="A row of another day fails the step, because a condition was ignored.",
        basis=CODE + "es_application_search.rb, validation_errors",
        probe=_unknown_condition_is_refused,
    ),
    Assumption(
        name="public-inspection",
        says="The documents on public inspection are searched by the same terms, and each says when it was filed.",
        otherwise="That step fails by itself. Documents are found on the day they are published.",
        basis=CODE + "public_inspection_documents_controller.rb",
        probe=_inspection_is_searched,
    ),
)


@dataclass(slots=True, kw_only=True)
class _Found:
    """One document: its row, the phrases found in it, and the responses that show them."""

    row: Fields
    phrases: set[str] = field(default_factory=set)
    documents: dict[str, Document] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _DocumentCollector:
    """The documents that the searches of a step have found, by key; `complete` unless a slice stayed short."""

    by_key: dict[str, _Found] = field(default_factory=dict)
    complete: bool = True

    def search(self, client: Client, part: SearchSlice, phrases: Sequence[str]) -> Iterator[Problem | IncompleteResult]:
        """Search for phrases and collect the documents that show one. `part` is without a term."""
        sought = words_of(phrases)
        for term in terms(phrases):
            for found in search(client, replace(part, term=term)):
                if isinstance(found, IncompleteResult):
                    self.complete = False
                    yield found
                    continue
                try:
                    shown = phrases_in(found.row, sought)
                except InvalidRecord as error:
                    documents = (found.document,)
                    yield Problem(source=client.source, key=found.key, reason=str(error), documents=documents)
                else:
                    self._add(found, shown)

    def _add(self, found: SearchHit, shown: set[str]) -> None:
        if shown:
            found_document = self.by_key.setdefault(found.key, _Found(row=found.row))
            found_document.phrases |= shown
            found_document.documents[found.document.url] = found.document


class FederalRegister(Source):
    """The source `federalregister`."""

    name = "federalregister"
    title = "Federal Register"
    base_url = "https://www.federalregister.gov"
    rate_limit = RateLimit(seconds_between=1.0, at_once=1)
    expected_rows = ExpectedRows(at_least=1, at_most=20_000)
    min_poll_interval = timedelta(hours=20)
    assumptions = ASSUMPTIONS

    def health_check(self, client: Client) -> bool:
        """Whether notices under the Privacy Act are found in May 2024, in a search like those of a poll."""
        return any(isinstance(found, SearchHit) for found in search(client, ALWAYS_THERE))

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a step for documents on public inspection, and one for those published in the poll's days."""
        phrases = _phrases(terms)
        part = "documents on public inspection"
        inspection = [FetchStep(key=INSPECTION, query={"phrases": phrases}, part=part)] if phrases else []
        return [*inspection, *_steps("published", terms, window.signed_since, window.until)]

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan a step for each year."""
        years = range(max(since, EARLIEST).year, until.year + 1)
        parts = [(max(since, date(year, 1, 1)), min(until, date(year, 12, 31))) for year in years]
        return [step for start, end in parts for step in _steps(f"year/{start.year}", terms, start, end)]

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Search for all phrases; give each document that shows one once. New ones are given even before an error."""
        given, collector = step.query["phrases"], _DocumentCollector()
        whole = SearchSlice(step=step.key, days=step.days if step.since else None)
        phrases = [str(phrase) for phrase in given] if isinstance(given, (list, tuple)) else []
        try:
            yield from collector.search(client, whole, phrases)
        except SourceError:
            collector.complete = False
            yield from self._changed_documents(client, collector, stored)
            raise
        yield from self._changed_documents(client, collector, stored)

    def _changed_documents(self, client: Client, collector: _DocumentCollector, stored: Stored) -> Iterator[Fetched]:
        """Give the documents found. None replaces a stored one that shows more, or a later state of it."""
        for key, found in collector.by_key.items():
            known = stored.stored_version(key)
            known_phrases = phrases_of(known.revision) if known else frozenset()
            revision = revision_of(found.row, found.phrases | known_phrases)
            is_earlier = known is not None and is_inspected(revision) and not is_inspected(known.revision)
            if known and (is_earlier or known.revision == revision):
                yield NotModified(key=key)
            elif not known or collector.complete:
                missing = sorted(known_phrases - found.phrases)
                if missing and not is_inspected(revision):
                    yield from self._add_passages(client, found, key, missing)
                revision = revision_of(found.row, found.phrases)
                yield Payload(source=self.name, key=key, revision=revision, documents=tuple(found.documents.values()))

    def _add_passages(self, client: Client, found: _Found, key: str, phrases: list[str]) -> Iterator[Fetched]:
        """Search again for phrases that an earlier run, with other search terms, has found in a document."""
        day = date.fromisoformat(str(found.row["publication_date"]))
        again = _DocumentCollector()
        yield from again.search(client, SearchSlice(step=key, days=(day, day)), phrases)
        if key in again.by_key:
            found.phrases |= again.by_key[key].phrases
            found.documents |= again.by_key[key].documents

    def parse(self, payload: Payload) -> list[Record]:
        """Read the rows of a document into a record, or into the problem that prevents it. Pure."""
        return [parse(payload)]


def _phrases(terms: SearchTerms) -> tuple[str, ...]:
    return tuple(sorted({*terms.names, *terms.phrases}))


def _steps(key: str, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
    phrases = _phrases(terms)
    start = max(since, EARLIEST)
    if not phrases or start > until:
        return []
    return [FetchStep(key=key, query={"phrases": phrases}, since=start, until=until, part="documents")]
