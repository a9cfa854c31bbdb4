"""USAspending: what the federal government has awarded, and how it changed.

Upstream: https://api.usaspending.gov, API v2. Access: open, no key. Limits: none documented; users report empty replies
at a hundred calls in thirty seconds (issue 4459 of usaspending-api), so we ask about once a second. Lag: nightly loads;
DoD awards arrive about 90 days late, and any award may arrive months after it was signed. Corrections: amounts are
revised in place, which shows in the search row. Caveats: unknown filters are ignored with status 200; the transaction
search loses and repeats rows between pages (`sources.usaspending_search`).

A poll asks three ways: by recipient (names and UEIs, where the API also looks at the parent company), by phrase (which
finds what is bought through resellers), and for changes of what is already held. Every award that is new or changed is
then read whole: its detail, and all its transactions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from types import MappingProxyType
from urllib.parse import quote

from sources.contract import (
    Fetched,
    HeldRecord,
    Interest,
    Quota,
    RowBounds,
    Shortfall,
    Step,
    Stored,
    Unchanged,
    Window,
)
from sources.errors import Refused, SourceChanged
from sources.http import Client, Pace
from sources.reading import read_json
from sources.records import Document, InvalidRecord, Payload, Problem, Record, dollars
from sources.usaspending_award import LONGEST_IDENTIFIER, day, parse, text
from sources.usaspending_queries import (
    ALL_TYPES,
    AWARD_DATES,
    AWARD_TYPES,
    EARLIEST,
    TRANSACTION_DATES,
    Row,
    text_filter,
    time_filter,
)
from sources.usaspending_search import Slice, award_rows, taken, transaction_rows

TRANSACTIONS = "/api/v2/transactions/"
MOST_TRANSACTIONS = 5000  # rows a page of transactions/ may hold
MOST_PAGES = 100  # no award has half a million transactions: its pages have no end
TEXTS_AT_ONCE = 100  # names or phrases in one search: a clause each in the index's query
PIIDS_AT_ONCE = 250
HELD_GROUPS = {"contracts": "contract", "idvs": "idv"}


class Usaspending:
    """The source `usaspending`."""

    name = "usaspending"
    title = "USAspending"
    base_url = "https://api.usaspending.gov"
    needs_key: str | None = None
    pace = Pace(seconds_between=0.8, at_once=1)
    expects = RowBounds(at_least=1, at_most=200_000)
    also: Mapping[str, str] = MappingProxyType({})
    quota: Quota | None = None
    rests = timedelta(0)
    keeps_all = True
    on_by_default = True
    delay = "Awards of the Department of Defense appear 90 days after they are signed, and any award may come late."

    def control(self, client: Client) -> bool:
        """Whether the list of departments, which is never empty, names Homeland Security (code 070)."""
        path = "/api/v2/references/toptier_agencies/"
        rows = taken(read_json(client.get(path), self.name), "results", list, client, path)
        return any(isinstance(row, dict) and row.get("toptier_code") == "070" for row in rows)

    def poll_steps(self, interest: Interest, window: Window) -> list[Step]:
        """Plan a poll: new by date signed, changed by last-modified date, held, named in a transaction's text.

        On a sweep (`window.acted_since`) also whatever acted since then, however late it arrived.
        """
        until = window.until
        steps = _award_steps("signed", "date_signed", interest, window.signed_since, until)
        steps += _award_steps("modified", "last_modified_date", interest, window.modified_since, until)
        if window.acted_since:
            steps += _award_steps("acted", "action_date", interest, window.acted_since, until)
            steps += _text_steps("texts", "action_date", interest, window.acted_since, until)
        else:
            steps += _text_steps("texts", "last_modified_date", interest, window.modified_since, until)
        return steps + _held_steps(interest, window.modified_since, until)

    def backfill_steps(self, interest: Interest, since: date, until: date) -> list[Step]:
        """Plan a whole history, a fiscal year at a time, by the date of each award's latest action.

        By that date every award is in just one year, and an award signed before the search begins is still found.
        """
        awards: list[Step] = []
        texts: list[Step] = []  # last: what the award search has brought need not be fetched for its texts
        start = max(since, EARLIEST)
        while start <= until:
            end = min(date(start.year + (start.month >= 10), 9, 30), until)
            label = f"fy{end.year + (end.month >= 10)}"
            awards += _award_steps(label, "action_date", interest, start, end)
            texts += _text_steps(label, "action_date", interest, start, end)
            # An award that has passed to another company since is found only by its earlier transactions.
            names = (*interest.names, *interest.ueis)
            texts += _steps(label, "transactions", "recipient_search_text", names, ("action_date", start, end))
            start = end + timedelta(days=1)
        return awards + texts

    def fetch(self, client: Client, step: Step, stored: Stored) -> Iterator[Fetched]:
        """Walk one search; give each award once: unchanged, or whole, or the reason it could not be had.

        The unchanged ones come last: a transaction that is held says nothing of the award's next one.
        """
        query = step.query
        given: set[str] = set()
        unchanged: dict[str, None] = {}
        for row in self._rows(client, step):
            if isinstance(row, Shortfall):
                yield row
                continue
            key = text(row, "generated_internal_id")
            if key.upper() in given or not _is_meant(row, query):
                continue
            known = stored.held(key.upper())
            if known and _is_unchanged(row, known, query):
                unchanged[key.upper()] = None
            else:
                given.add(key.upper())
                yield _whole(client, key, _revision(row, query))
        yield from (Unchanged(key=key) for key in unchanged if key not in given)

    def parse(self, payload: Payload) -> list[Record]:
        """Read a payload into an award, or into the problem that prevents it. Pure."""
        return [parse(payload)]

    def _rows(self, client: Client, step: Step) -> Iterator[Row | Shortfall]:
        query = step.query
        filters = text_filter(str(query["filter"]), _texts(query))
        start, end = date.fromisoformat(str(query["start"])), date.fromisoformat(str(query["end"]))
        date_type, group = str(query["date_type"]), str(query["group"])
        if group == "transactions":
            part = Slice(step=step.key, filters=filters, start=start, end=end, date_type=date_type, types=ALL_TYPES)
            return transaction_rows(client, part)
        return award_rows(client, step.key, group, {**filters, **time_filter(start, end, date_type, AWARD_DATES)})


def _texts(query: Mapping[str, object]) -> list[str]:
    texts = query["texts"]
    return [str(text) for text in texts] if isinstance(texts, (list, tuple)) else []


def _steps(
    label: str, group: str, filter_name: str, texts: Sequence[str], period: tuple[str, date, date]
) -> list[Step]:
    """Return one step for every so many texts, none if there are no texts."""
    at_once = PIIDS_AT_ONCE if filter_name == "award_ids" else TEXTS_AT_ONCE
    date_type, start, end = period
    common = {
        "group": group,
        "filter": filter_name,
        "date_type": date_type,
        "start": max(start, EARLIEST).isoformat(),
        "end": end.isoformat(),
    }
    return [
        Step(
            key=f"{label}/{group}/{filter_name}/{first // at_once + 1}",
            query={**common, "texts": tuple(texts[first : first + at_once])},
        )
        for first in range(0, len(texts), at_once)
    ]


def _award_steps(label: str, date_type: str, interest: Interest, start: date, end: date) -> list[Step]:
    period = (date_type, start, end)
    steps: list[Step] = []
    for group in AWARD_TYPES:
        steps += _steps(label, group, "recipient_search_text", (*interest.names, *interest.ueis), period)
        steps += _steps(label, group, "keywords", interest.phrases, period)
    return steps


def _text_steps(label: str, date_type: str, interest: Interest, start: date, end: date) -> list[Step]:
    if date_type not in TRANSACTION_DATES:
        raise ValueError(f"USAspending's transactions have no date type {date_type!r}")
    return _steps(label, "transactions", "keywords", interest.phrases, (date_type, start, end))


def _held_steps(interest: Interest, start: date, end: date) -> list[Step]:
    steps: list[Step] = []
    for group, category in HELD_GROUPS.items():
        quoted = [f'"{piid}"' for piid in interest.held_piids.get(category, ())]
        steps += _steps("held", group, "award_ids", quoted, ("last_modified_date", start, end))
    return steps


def _loose(value: object) -> str:
    return "".join(character for character in str(value).upper() if character.isalnum())


def _is_meant(row: Row, query: Mapping[str, object]) -> bool:
    """Whether a row of a keyword search really holds a phrase, in a name or a description.

    `keywords` is a prefix search that also looks at industry and product codes, so that "CLEAR" brings in clearance
    services. Compared by letters and digits alone, since the API's own comparison is loose. Rows found by recipient
    are always meant: the parent that was matched is not in the row.
    """
    if query["filter"] != "keywords":
        return True
    words = _loose(f"{row.get('Recipient Name')} {row.get('Description')} {row.get('Transaction Description')}")
    return any(_loose(text) in words for text in _texts(query))


def _revision(row: Row, query: Mapping[str, object]) -> str:
    """Return a digest of an award's search row, which changes when the award does; "" for a transaction's row."""
    if query["group"] == "transactions":
        return ""
    facts = json.dumps({name: str(value) for name, value in row.items()}, sort_keys=True)
    return hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()[:16]


def _is_unchanged(row: Row, known: HeldRecord, query: Mapping[str, object]) -> bool:
    if query["group"] != "transactions":
        return known.revision == _revision(row, query)
    try:
        action = (text(row, "Mod"), day(row, "Action Date"), dollars(row.get("Transaction Amount")))
    except InvalidRecord:
        return False
    return action in known.actions


def _whole(client: Client, key: str, revision: str) -> Payload | Problem:
    """Fetch an award's detail and every page of its transactions. Raises `SourceError`, but for a 404."""
    if not 0 < len(key) <= LONGEST_IDENTIFIER:
        reason = f"a search row without the key of an award: {key[:80]!r}"
        return Problem(source=client.source, key=key[:LONGEST_IDENTIFIER].upper(), reason=reason, documents=())
    try:
        documents = [client.get(f"/api/v2/awards/{quote(key, safe='')}/"), *_transactions(client, key)]
    except Refused as error:
        if error.status != 404:
            raise
        return Problem(source=client.source, key=key.upper(), reason=str(error), documents=())
    return Payload(source=client.source, key=key.upper(), revision=revision, documents=tuple(documents))


def _transactions(client: Client, key: str) -> Iterator[Document]:
    number, more = 1, True
    while more:
        body = {"award_id": key, "limit": MOST_TRANSACTIONS, "page": number, "sort": "action_date", "order": "asc"}
        document = client.post(TRANSACTIONS, body)
        yield document
        answer = read_json(document, client.source)
        page = taken(answer, "page_metadata", dict, client, TRANSACTIONS)
        more = taken(page, "hasNext", bool, client, TRANSACTIONS)
        number += 1
        if more and number > MOST_PAGES:
            raise SourceChanged(client.source, f"POST {TRANSACTIONS}", f"pages without end for {key}")
