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

from sources.base import Fetched, Interest, RowBounds, Shortfall, Source, Step, Stored, Unchanged, Window
from sources.errors import SourceError
from sources.federal_register.assumptions import ASSUMPTIONS
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
from sources.federal_register.search import Found, Part, found_in, terms
from sources.http.client import Client, Pace
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

    def search(self, client: Client, part: Part | Inspection, phrases: Sequence[str]) -> Iterator[Problem | Shortfall]:
        """Ask for phrases, and gather the documents that show one. `part` is without a term."""
        sought = words_of(phrases)
        for term in terms(phrases):
            for found in found_in(client, replace(part, term=term)):
                if isinstance(found, Shortfall):
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


class FederalRegister(Source):
    """The source `federalregister`."""

    name = "federalregister"
    title = "Federal Register"
    base_url = "https://www.federalregister.gov"
    pace = Pace(seconds_between=1.0, at_once=1)
    expects = RowBounds(at_least=1, at_most=20_000)
    rests = timedelta(hours=20)
    assumptions = ASSUMPTIONS

    def control(self, client: Client) -> bool:
        """Whether notices under the Privacy Act are found in May 2024, in a search like those of a poll."""
        return any(isinstance(found, Found) for found in found_in(client, ALWAYS_THERE))

    def poll_steps(self, interest: Interest, window: Window) -> list[Step]:
        """Plan a step for what is on public inspection, and one for what was published in the days of new awards."""
        phrases = _phrases(interest)
        part = "documents on public inspection"
        inspection = [Step(key=INSPECTION, query={"phrases": phrases}, part=part)] if phrases else []
        return [*inspection, *_steps("published", interest, window.signed_since, window.until)]

    def backfill_steps(self, interest: Interest, since: date, until: date) -> list[Step]:
        """Plan a step for each year."""
        years = range(max(since, EARLIEST).year, until.year + 1)
        parts = [(max(since, date(year, 1, 1)), min(until, date(year, 12, 31))) for year in years]
        return [step for start, end in parts for step in _steps(f"year/{start.year}", interest, start, end)]

    def fetch(self, client: Client, step: Step, stored: Stored) -> Iterator[Fetched]:
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
            known = stored.held(key)
            told = phrases_of(known.revision) if known else frozenset()
            revision = revision_of(found.row, found.phrases | told)
            is_earlier = known is not None and is_inspected(revision) and not is_inspected(known.revision)
            if known and (is_earlier or known.revision == revision):
                yield Unchanged(key=key)
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


def _part(step: Step) -> Part | Inspection:
    """Return what a step searches, without a term."""
    if step.key == INSPECTION:
        return Inspection(step=step.key)
    since, until = step.days
    return Part(step=step.key, since=since, until=until)


def _phrases(interest: Interest) -> tuple[str, ...]:
    return tuple(sorted({*interest.names, *interest.phrases}))


def _steps(key: str, interest: Interest, since: date, until: date) -> list[Step]:
    phrases = _phrases(interest)
    start = max(since, EARLIEST)
    if not phrases or start > until:
        return []
    return [Step(key=key, query={"phrases": phrases}, since=start, until=until, part="documents")]
