"""The Federal Register: what agencies give notice of - privacy notices, requests for information, rules.

Upstream: https://www.federalregister.gov/api/v1/documents.json (developers/documentation/api/v1). Access: open, no key.
Limits: none published; 1,000 results to a page and 2,000 to a search; we ask once a second, some sixty times a poll.
Lag: none; a document is on public inspection days before it is published, each working day, and asked for there by a
step of its own. It is one record: under public inspection its state says so, and that it was published is an event.
Corrections: a correction is a document of its own that names the one it corrects; fields of a document are amended in
place, which shows in a digest of its row.
Caveats: the search looks through the full text but a result shows one passage of it, so that of the vendors a document
names only those are told that stand in its title, its abstract or a passage shown; numbers of documents were given
twice before 2016 (the key then has the day); a name of which only the beginning is sought is found as a whole word
only.

All phrases and names are asked for in a few searches (`sources.federal_register.search`), and the rows that several of
them bring of one document are one record.
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
    Row,
    is_inspected,
    phrases_in,
    phrases_of,
    read_document,
    revision_of,
    words_of,
)
from sources.federal_register.public_inspection import INSPECTED_DOCUMENTS, Inspection, read_inspected
from sources.federal_register.search import DOCUMENTS, PAGE, Found, Part, found_in, terms
from sources.fields import read_json
from sources.http.client import Client, RateLimit
from sources.records import Document, InvalidRecord, Payload, Problem, Record

EARLIEST = date(1994, 1, 1)
INSPECTION = "inspection"
ALWAYS_THERE = Part(step="control", term='("privacy act of 1974")', since=date(2024, 5, 1), until=date(2024, 5, 31))


@dataclass(slots=True, kw_only=True)
class _Gathered:
    """What the searches of a step have shown of one document."""

    row: Row
    phrases: set[str] = field(default_factory=set)
    documents: dict[str, Document] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class _Gathering:
    """What the searches of a step have shown, by key; `complete` unless a part stayed short."""

    by_key: dict[str, _Gathered] = field(default_factory=dict)
    complete: bool = True

    def search(
        self, client: Client, part: Part | Inspection, phrases: Sequence[str]
    ) -> Iterator[Problem | IncompleteResult]:
        """Ask for phrases, and gather the documents that show one. `part` is without a term."""
        sought = words_of(phrases)
        for term in terms(phrases):
            for found in found_in(client, replace(part, term=term)):
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

    def _add(self, found: Found, shown: set[str]) -> None:
        if shown:
            gathered = self.by_key.setdefault(found.key, _Gathered(row=found.row))
            gathered.phrases |= shown
            gathered.documents[found.document.url] = found.document


CODE = "github.com/usnationalarchives/federalregister-api-core, "
MONTH = (date(2024, 5, 1), date(2024, 5, 31))  # more than twenty notices under the Privacy Act were published in it
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
    asked = ("fields[]", "document_number"), ("per_page", str(PAGE))
    rows = read_json(client.get(_in_the_month('("privacy act of 1974")', *asked)), client.source).get("results")
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
        otherwise="A row of another day than was asked for fails the step, since a condition was ignored.",
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
        return any(isinstance(found, Found) for found in found_in(client, ALWAYS_THERE))

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a step for what is on public inspection, and one for what was published in the days of new awards."""
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
        """Ask for all phrases; give each document that shows one once. What is new before a failure is given too."""
        asked, gathering = step.query["phrases"], _Gathering()
        phrases = [str(phrase) for phrase in asked] if isinstance(asked, (list, tuple)) else []
        try:
            yield from gathering.search(client, _part(step), phrases)
        except SourceError:
            gathering.complete = False
            yield from self._given(client, gathering, stored)
            raise
        yield from self._given(client, gathering, stored)

    def _given(self, client: Client, gathering: _Gathering, stored: Stored) -> Iterator[Fetched]:
        """Give what was gathered. A stored document is not replaced by one that shows less, or by an earlier state."""
        for key, found in gathering.by_key.items():
            known = stored.stored_version(key)
            told = phrases_of(known.revision) if known else frozenset()
            revision = revision_of(found.row, found.phrases | told)
            is_earlier = known is not None and is_inspected(revision) and not is_inspected(known.revision)
            if known and (is_earlier or known.revision == revision):
                yield NotModified(key=key)
            elif not known or gathering.complete:
                missing = sorted(told - found.phrases)
                if missing and not is_inspected(revision):
                    yield from self._add_passages(client, found, key, missing)
                revision = revision_of(found.row, found.phrases)
                yield Payload(source=self.name, key=key, revision=revision, documents=tuple(found.documents.values()))

    def _add_passages(self, client: Client, found: _Gathered, key: str, phrases: list[str]) -> Iterator[Fetched]:
        """Ask again for what an earlier search, of another interest, was shown of a document."""
        day = date.fromisoformat(str(found.row["publication_date"]))
        again = _Gathering()
        yield from again.search(client, Part(step=key, since=day, until=day), phrases)
        if key in again.by_key:
            found.phrases |= again.by_key[key].phrases
            found.documents |= again.by_key[key].documents

    def parse(self, payload: Payload) -> list[Record]:
        """Read the rows of a document into a record, or into the problem that prevents it. Pure."""
        inspected = INSPECTED_DOCUMENTS in payload.documents[0].url
        return [read_inspected(payload) if inspected else read_document(payload)]


def _part(step: FetchStep) -> Part | Inspection:
    """Return what a step searches, without a term."""
    if step.key == INSPECTION:
        return Inspection(step=step.key)
    since, until = step.days
    return Part(step=step.key, since=since, until=until)


def _phrases(terms: SearchTerms) -> tuple[str, ...]:
    return tuple(sorted({*terms.names, *terms.phrases}))


def _steps(key: str, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
    phrases = _phrases(terms)
    start = max(since, EARLIEST)
    if not phrases or start > until:
        return []
    return [FetchStep(key=key, query={"phrases": phrases}, since=start, until=until, part="documents")]
