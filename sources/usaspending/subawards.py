"""Subawards on USAspending: companies that are paid under somebody else's contract or grant, and appear nowhere else.

Upstream: https://api.usaspending.gov, API v2, from what prime recipients report (once to FSRS, now to SAM.gov). Access:
open, no key. Limits: none documented; shared with the other sources of USAspending. Lag: as long as the prime recipient
takes to report it, by the end of the following month; so it is read once a week. Corrections: in place, and nothing
says when: no date of a report is in the API (only its bulk files have one), and the last-modified date that a subaward
can be searched by is its prime award's. A poll therefore looks back by the subaward's own date. Caveats: amounts are
typed in by the prime recipient and may be larger than the prime award or the digits of a number; one that is reported
again may be cumulative; a name search looks at the recipient itself and not at its parent company; the count leaves out
subawards whose prime award is not linked, which the search gives; the search's cursor breaks ties by the prime award
(`sources.usaspending.search`).

The prime award's own detail, against which an amount is held, is read for what concerns somebody.
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
    Source,
    Stored,
)
from sources.errors import Refused
from sources.fields import read_json
from sources.http.client import Client
from sources.records import Document, InvalidRecord, Payload, Problem, Publication, Record
from sources.usaspending import plan
from sources.usaspending.assumptions import SUBAWARD_ASSUMPTIONS
from sources.usaspending.award_fetcher import detail_path, is_meant, row_digest
from sources.usaspending.batches import Lists
from sources.usaspending.filters import RATE_LIMIT, SUBAWARD_TYPES, text_filter
from sources.usaspending.plan import Search, fiscal_years, search_of
from sources.usaspending.search import SUBAWARDS, Found, Slice, knows_homeland_security, last_updated, leaves, taken
from sources.usaspending.subaward_parser import parse, subaward_key

NAMED_IN = ("Sub-Awardee Name", "Sub-Award Description")
GROUP = "subawards"
MADE = "subawards"


class Subawards(Source):
    """The source `subawards`."""

    name = "subawards"
    title = "USAspending subawards"
    publisher = "USAspending.gov"
    base_url = "https://api.usaspending.gov"
    rate_limit = RATE_LIMIT
    expected_rows = ExpectedRows(at_least=0, at_most=200_000)
    min_poll_interval = timedelta(days=6, hours=12)
    reporting_delay = "A subaward appears when the prime recipient reports it, which may be months after it was made."
    assumptions = SUBAWARD_ASSUMPTIONS

    def health_check(self, client: Client) -> bool:
        """Whether the list of departments, which is never empty, names Homeland Security."""
        return knows_homeland_security(client)

    def data_version(self, client: Client) -> str:
        """Return the day of the newest data, which moves with the nightly load."""
        return last_updated(client)

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:
        """Plan a poll: subawards made in the days a poll looks back for what is new, or a sweep for what is late."""
        since = min(window.signed_since, window.acted_since or window.signed_since)
        return _searches("made", terms, since, window.until)

    def is_wanted(self, step: FetchStep, terms: SearchTerms) -> bool:
        """Whether one of a step's texts is still looked for."""
        return plan.is_wanted(step, terms)

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:
        """Plan a whole history, a fiscal year at a time, by the date of the subaward."""
        return [
            step for label, start, end in fiscal_years(since, until) for step in _searches(label, terms, start, end)
        ]

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:
        """Walk one search; give each subaward once: unchanged, or as a payload, or the reason it cannot be read."""
        primes, search = _Primes(client), search_of(step)
        for leaf in _leaves(client, step, search, stored):
            if isinstance(leaf, (IncompleteResult, FailedStep)):
                yield leaf
                continue
            payloads, problems = _subawards_of(leaf, search, client.source)
            yield from problems
            for payload in payloads:
                known = stored.stored_version(payload.key)
                if known and known.revision == payload.revision:
                    yield NotModified(key=payload.key)
                else:
                    yield _with_prime(payload, primes, stored)

    def parse(self, payload: Payload) -> Sequence[Record]:
        """Read a payload into a subaward, or into the problem that prevents it. Pure."""
        return [parse(payload)]


def _searches(label: str, terms: SearchTerms, start: date, end: date) -> list[FetchStep]:
    return [
        *plan.by_name(label, MADE, GROUP, terms, (start, end)),
        *plan.steps(label, MADE, (GROUP, "keywords"), terms.phrases, (start, end)),
    ]


class _Primes:
    """The details of prime awards, each asked for once in a step."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, tuple[Document, ...]] = {}

    def documents(self, key: str) -> tuple[Document, ...]:
        """Return the detail of an award, nothing if it is not there. Raises `SourceError`."""
        if key not in self._known:
            self._known[key] = self._ask(key)
        return self._known[key]

    def _ask(self, key: str) -> tuple[Document, ...]:
        path = detail_path(key)
        try:
            document = self._client.get(path)
        except Refused as error:
            if error.status != 404:
                raise
            return ()
        taken(read_json(document, self._client.source), "generated_unique_award_id", str, self._client, path)
        return (document,)


def _leaves(
    client: Client, step: FetchStep, search: Search, stored: Stored
) -> Iterator[list[Found] | IncompleteResult | FailedStep]:
    """Read a search whole, under contracts and under assistance, which the API does not search together."""

    def found(texts: list[str]) -> Iterator[list[Found] | IncompleteResult]:
        for group, types in SUBAWARD_TYPES.items():
            part = Slice(
                step=step.key,
                filters=text_filter(search.filter, texts),
                start=step.days[0],
                end=step.days[1],
                date_type=search.date_type,
                types=types,
                groups=(group,),
                listing=SUBAWARDS,
            )
            yield from (leaf for leaf in leaves(client, part) if leaf)

    return Lists(client, stored, step, search).found(found)


def _subawards_of(found: Sequence[Found], search: Search, source: str) -> tuple[list[Payload], list[Problem]]:
    """Return the subawards in rows, and the rows that cannot be identified."""
    by_key: dict[str, list[Found]] = {}
    problems: list[Problem] = []
    for item in found:
        row = {**item.row, "Recipient Name": item.row.get("Sub-Awardee Name")}
        if not is_meant(row, search, NAMED_IN):
            continue
        try:
            by_key.setdefault(subaward_key(item.row), []).append(item)
        except InvalidRecord as error:
            name = f"SUBAWARD_{row_digest(item.row).upper()}"
            problems.append(Problem(source=source, key=name, reason=str(error), documents=(item.document,)))
    return [_payload(key, items, source) for key, items in by_key.items()], problems


def _payload(key: str, found: Sequence[Found], source: str) -> Payload:
    """Return what several rows say of one subaward: they differ in no more than the amount."""
    digests = sorted({row_digest(item.row) for item in found})
    revision = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
    documents = {item.document.sha256: item.document for item in found}
    return Payload(source=source, key=key, revision=revision, documents=tuple(documents.values()))


def _with_prime(payload: Payload, primes: _Primes, stored: Stored) -> Payload:
    """Add the prime award's detail to what concerns somebody."""
    record = parse(payload)
    if not isinstance(record, Publication) or not stored.matches_watchlist(record):
        return payload
    if not record.award_key:
        return payload
    return replace(payload, documents=(*payload.documents, *primes.documents(record.award_key)))
