"""Reading USAspending's awards whole: which search rows are meant and new, then all that is known of those."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from sources.contract import Fetched, HeldRecord, Shortfall, Stored, Unchanged
from sources.errors import Refused, SourceChanged
from sources.http import Client
from sources.reading import read_json
from sources.records import Document, InvalidRecord, Payload, Problem, dollars
from sources.usaspending_award import LONGEST_IDENTIFIER, day, text
from sources.usaspending_plan import Query, texts_of
from sources.usaspending_queries import Row
from sources.usaspending_search import taken

TRANSACTIONS = "/api/v2/transactions/"
MOST_TRANSACTIONS = 5000  # rows a page of transactions/ may hold
MOST_PAGES = 100  # no award has half a million transactions: its pages have no end
NAMED_IN = ("Recipient Name", "Description", "Transaction Description")


def whole_awards(client: Client, rows: Iterable[Row | Shortfall], query: Query, stored: Stored) -> Iterator[Fetched]:
    """Give each award of a search once: unchanged, or whole, or the reason it could not be had. Raises `SourceError`.

    The unchanged ones come last: a transaction that is held says nothing of the award's next one.
    """
    given: set[str] = set()
    unchanged: dict[str, None] = {}
    for row in rows:
        if isinstance(row, Shortfall):
            yield row
            continue
        key = text(row, "generated_internal_id")
        if key.upper() in given or not is_meant(row, query, NAMED_IN):
            continue
        known = stored.held(key.upper())
        if known and _is_unchanged(row, known, query):
            unchanged[key.upper()] = None
        else:
            given.add(key.upper())
            yield _whole(client, key, _revision(row, query))
    yield from (Unchanged(key=key) for key in unchanged if key not in given)


def is_meant(row: Row, query: Query, named_in: Sequence[str]) -> bool:
    """Whether a row of a keyword search really holds a phrase, in a name or a description.

    `keywords` is a prefix search that also looks at industry and product codes, so that "CLEAR" brings in clearance
    services. Compared by letters and digits alone, since the API's own comparison is loose. Rows found by recipient
    are always meant: the parent that was matched is not in the row.
    """
    if query["filter"] != "keywords":
        return True
    words = _loose(" ".join(str(row.get(name)) for name in named_in))
    return any(_loose(text) in words for text in texts_of(query))


def row_digest(row: Row) -> str:
    """Return 16 hex digits that change when what a search row says does."""
    facts = json.dumps({name: str(value) for name, value in row.items()}, sort_keys=True)
    return hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()[:16]


def detail_path(key: str) -> str:
    """Return the path of an award's detail."""
    return f"/api/v2/awards/{quote(key, safe='')}/"


def _loose(value: object) -> str:
    return "".join(character for character in str(value).upper() if character.isalnum())


def _revision(row: Row, query: Query) -> str:
    """Return a digest of an award's search row, which changes when the award does; "" for a transaction's row."""
    return "" if query["group"] == "transactions" else row_digest(row)


def _is_unchanged(row: Row, known: HeldRecord, query: Query) -> bool:
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
        documents = [client.get(detail_path(key)), *_transactions(client, key)]
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
