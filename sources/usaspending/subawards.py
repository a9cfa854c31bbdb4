"""Subawards of USAspending: companies that are paid under another company's award, and appear nowhere else.

Upstream: https://api.usaspending.gov, API v2, from what prime recipients report (once to FSRS, now to SAM.gov). Access:
open, no key. Limits: none documented; shared with the other sources of USAspending. Lag: as long as the prime recipient
takes to report it, by the end of the following month; so it is polled once a week. Corrections: in place, and nothing
says when: no date of a report is in the API (only its bulk files have one), and the last-modified date that a subaward
can be searched by is its prime award's. A poll therefore looks back by the subaward's own date. Caveats: amounts are
typed in by the prime recipient and may be larger than the prime award or the digits of a number; one that is reported
again may be cumulative; a name search looks at the recipient itself and not at its parent company; the count leaves out
subawards whose prime award is not linked, which the search gives; the search's cursor breaks ties by the prime award
(`sources.usaspending.search`).

For subawards that match the watchlist the detail of the prime award is fetched too, to check their amounts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from sources.base import (
    DateWindow,
    ExpectedRows,
    FailedStep,
    Fetched,
    FetchStep,
    IncompleteResult,
    NotModified,
    SearchTerms,
    Stored,
)
from sources.errors import Refused
from sources.http.client import Client
from sources.paging import fiscal_years
from sources.records import Document, InvalidRecord, Payload, Problem, Publication, Record
from sources.usaspending import plan
from sources.usaspending.assumptions import SUBAWARD_ASSUMPTIONS
from sources.usaspending.award_fetcher import row_digest, row_matches
from sources.usaspending.batches import TextBatches
from sources.usaspending.filters import EARLIEST, SUBAWARD_TYPES, detail_path, text_filter
from sources.usaspending.plan import Search, search_of
from sources.usaspending.prime_awards import UsaspendingSource
from sources.usaspending.search import SUBAWARDS, SearchHit, Slice, get, search_slice
from sources.usaspending.subaward_parser import parse, subaward_key

TEXT_FIELDS = ("Sub-Awardee Name", "Sub-Award Description")
GROUP = "subawards"


class Subawards(UsaspendingSource):
    """The source `subawards`."""

    name = "subawards"
    title = "USAspending subawards"
    expected_rows = ExpectedRows(at_least=0, at_most=200_000)
    min_poll_interval = timedelta(days=6, hours=12)
    reporting_delay = "A subaward appears when the prime recipient reports it, which may be months after it was made."
    assumptions = SUBAWARD_ASSUMPTIONS

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a poll: subawards made in the days that a poll, or on a sweep the sweep, looks back."""
        since = min(window.signed_since, window.acted_since or window.signed_since)
        return _steps("made", terms, since, window.until)

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan a whole history, one fiscal year at a time, by the date of the subaward."""
        years = fiscal_years(max(since, EARLIEST), until)
        return [step for year, start, end in years for step in _steps(f"fy{year}", terms, start, end)]

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Give each subaward that a step finds once: not modified, as a payload, or why it cannot be identified."""
        primes, query = _PrimeAwardCache(client), search_of(step)
        for found in _search(client, step, query, stored):
            if isinstance(found, (IncompleteResult, FailedStep)):
                yield found
                continue
            payloads, problems = _group_by_subaward(found, query, client.source)
            yield from problems
            for payload in payloads:
                known = stored.stored_version(payload.key)
                if known and known.revision == payload.revision:
                    yield NotModified(key=payload.key)
                else:
                    yield _with_prime(payload, primes, stored)

    def parse(self, payload: Payload) -> Sequence[Record]:
        """Parse a payload into a subaward, or into the problem that prevents it. Pure."""
        return [parse(payload)]


def _steps(label: str, terms: SearchTerms, start: date, end: date) -> list[FetchStep]:
    return [
        *plan.name_steps(label, GROUP, GROUP, terms, (start, end)),
        *plan.text_steps(label, GROUP, (GROUP, "keywords"), terms.phrases, (start, end)),
    ]


class _PrimeAwardCache:
    """The details of prime awards, each fetched once in a step."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, tuple[Document, ...]] = {}

    def documents(self, key: str) -> tuple[Document, ...]:
        """Return the detail of an award, nothing if there is none. Raises `SourceError`."""
        if key not in self._known:
            self._known[key] = self._fetch(key)
        return self._known[key]

    def _fetch(self, key: str) -> tuple[Document, ...]:
        try:
            response = get(self._client, detail_path(key))
        except Refused as error:
            if error.status != 404:
                raise
            return ()
        response.require("generated_unique_award_id", str)
        return (response.document,)


def _search(
    client: Client, step: FetchStep, query: Search, stored: Stored
) -> Iterator[list[SearchHit] | IncompleteResult | FailedStep]:
    """Search under contracts, then under assistance: the API does not search both together."""

    def find(texts: list[str]) -> Iterator[list[SearchHit] | IncompleteResult]:
        for group, types in SUBAWARD_TYPES.items():
            part = Slice(
                step=step.key,
                filters=text_filter(query.filter, texts),
                start=step.days[0],
                end=step.days[1],
                date_type=query.date_type,
                types=types,
                groups=(group,),
                index=SUBAWARDS,
            )
            yield from (found for found in search_slice(client, part) if found)

    return TextBatches(client, stored, step, query).search(find)


def _group_by_subaward(hits: Sequence[SearchHit], query: Search, source: str) -> tuple[list[Payload], list[Problem]]:
    """Return the subawards that rows are about, and problems for rows that cannot be identified."""
    by_key: dict[str, list[SearchHit]] = {}
    problems: list[Problem] = []
    for hit in hits:
        row = {**hit.row, "Recipient Name": hit.row.get("Sub-Awardee Name")}
        if not row_matches(row, query, TEXT_FIELDS):
            continue
        try:
            by_key.setdefault(subaward_key(hit.row), []).append(hit)
        except InvalidRecord as error:
            name = f"SUBAWARD_{row_digest(hit.row).upper()}"
            problems.append(Problem(source=source, key=name, reason=str(error), documents=(hit.document,)))
    return [_payload(key, found, source) for key, found in by_key.items()], problems


def _payload(key: str, hits: Sequence[SearchHit], source: str) -> Payload:
    """Return the payload of one subaward. If several rows are about it, they differ in the amount only."""
    digests = sorted({row_digest(hit.row) for hit in hits})
    revision = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
    documents = {hit.document.sha256: hit.document for hit in hits}
    return Payload(source=source, key=key, revision=revision, documents=tuple(documents.values()))


def _with_prime(payload: Payload, primes: _PrimeAwardCache, stored: Stored) -> Payload:
    """Add the prime award's detail to a subaward that matches the watchlist."""
    record = parse(payload)
    if not isinstance(record, Publication) or not record.award_key or not stored.matches_watchlist(record):
        return payload
    return replace(payload, documents=(*payload.documents, *primes.documents(record.award_key)))
