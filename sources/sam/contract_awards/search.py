"""Searching SAM.gov's contract awards page by page.

Facts: GSA, open.gsa.gov/api/contract-awards (`_apidocs/contract-awards.md` of GSA/open-gsa-redesign, v1.0), its "Query
String Parameters", "Key Features" and "HTTP Response Codes".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from io import BytesIO
from urllib.parse import urlencode

from sources.base import Fetched, FetchStep, NotModified, Stored
from sources.http.client import Client
from sources.paging import RowCounter
from sources.records import Document, InvalidRecord, Payload
from sources.sam.api import request_document
from sources.sam.contract_awards.json_stream import RawRecord, RecordStream
from sources.sam.contract_awards.record_parser import action_state, action_text, identity_of, names_of, revision_of

SEARCH = "/contract-awards/v1/search"
DOWNLOAD = "/contract-awards/v1/download"

PAGE = 100
MAX_EXTRACTED = 1_000_000

# Refused by SAM.gov, or dropped by the firewall in front of it (seen in 2026).
UNSEARCHABLE = re.compile(r"[&|{}^\\'\"<>;]")
OPERATORS = re.compile(r"[~!\[\]]")  # or, not, and the brackets of a range
UEI = re.compile(r"[A-Z0-9]{12}")
MIN_FRAGMENT_LENGTH = 4


def period(since: date, until: date) -> str:
    """Return inclusive days in the API's notation. Raises `ValueError` if the range ends before it begins."""
    if until < since:
        raise ValueError(f"the range ends ({until}) before it begins ({since})")
    return f"[{since:%m/%d/%Y},{until:%m/%d/%Y}]"


def searchable(name: str) -> str:
    """Return the part of a name that can be searched for, "" if there is none.

    SAM.gov refuses `&`, `|`, `{`, `}`, `^` and the backslash, and does not answer quotes and angle brackets. How a
    partial search treats a gap is not documented. So a name with any of these is searched for by its longest piece, and
    the caller compares the whole name. A piece of fewer than four characters would match far too much: then all pieces
    are sent, with spaces between them.
    """
    pieces = [" ".join(piece.split()) for piece in UNSEARCHABLE.split(OPERATORS.sub(" ", name))]
    longest = max(pieces, key=len)
    return longest if len(longest) >= MIN_FRAGMENT_LENGTH or len(pieces) == 1 else " ".join(filter(None, pieces))


def page(client: Client, filters: Mapping[str, str], *, offset: int = 0, limit: int = PAGE) -> Document | None:
    """Request a page, the first being 0; `None` when there are no records. Raises `SourceError`."""
    path = f"{SEARCH}?{urlencode({**filters, 'limit': limit, 'offset': offset})}"
    document = request_document(client, path, allow_204=True)
    return document if document.body else None


def count(client: Client, filters: Mapping[str, str]) -> int:
    """Return how many records a search finds, at the cost of a request. Raises `SourceError`."""
    document = page(client, {**filters, "includeSections": "contractId"}, limit=1)
    return total_of(client, document) if document else 0


def record_stream(client: Client, document: Document) -> RecordStream:
    """Return the records of a page, to be read once."""
    return RecordStream(BytesIO(document.body), client.source, document.url)


def total_of(client: Client, document: Document) -> int:
    """Return SAM.gov's count of records for the whole search. Raises `SourceChanged`."""
    answer = record_stream(client, document)
    for _record in answer.records():
        pass
    return answer.total


def records_of(client: Client, document: Document | None) -> list[RawRecord]:
    """Return the records of a page. Raises `SourceChanged`."""
    return list(record_stream(client, document).records()) if document else []


class RecordFilter:
    """Decides what a step gives of each record it reads: a payload, `NotModified` or nothing."""

    def __init__(self, source: str, stored: Stored, step: FetchStep) -> None:
        self.step = step.key
        self._source = source
        self._stored = stored
        self._deletions = step.query["label"] == "deleted"
        self._name = _letters_and_digits(str(step.query.get("name", "")))
        # Stored awards of which this step has given something: what is stored of them is its own from then on.
        self._changing: set[str] = set()

    def item(self, record: RawRecord, origin: Document) -> Payload | NotModified | None:
        """Return a record as a payload or as `NotModified`; `None` if its names do not match the step.

        `origin` says where the record is from; its body is not used.
        """
        try:
            key = identity_of(record.fields).award_key
            if self._name and not any(self._name in _letters_and_digits(name) for name in names_of(record.fields)):
                return None
            revision = revision_of(record.fields)
            if not self._deletions and self._is_known(key, revision, record):
                return NotModified(key=key)
        except InvalidRecord:  # it is for `parse` to say why
            key, revision = f"UNREADABLE_{hashlib.sha256(record.body).hexdigest()[:16].upper()}", ""
        document = replace(origin, content_type="application/json", body=record.body)
        return Payload(source=self._source, key=key, revision=revision, documents=(document,))

    def _is_known(self, key: str, revision: str, record: RawRecord) -> bool:
        """Whether the action is stored, in a version of its award that is not older. Raises `InvalidRecord`."""
        known = self._stored.stored_version(key)
        if known is None:
            return False
        # Revisions here are times; that of another source is none, and says nothing.
        is_no_older = known.revision[4:5] == "-" and known.revision >= revision > ""
        is_stored = action_state(record.fields) in known.actions and action_text(record.fields) in known.texts
        if key not in self._changing and is_no_older and is_stored:
            return True
        self._changing.add(key)
        return False


def _letters_and_digits(value: str) -> str:
    return "".join(character for character in value.upper() if character.isalnum())


def read_all_pages(
    client: Client, record_filter: RecordFilter, filters: Mapping[str, str], first: Document, *, by_records: bool
) -> Iterator[Fetched]:
    """Read all pages of a search, and compare the number of distinct records with SAM.gov's count.

    `by_records`: a probe has shown that `offset` counts records instead of pages. Raises `SourceError`.
    """
    total, rows = total_of(client, first), RowCounter()
    document: Document | None = first
    number = 0
    while document is not None:
        for record in record_stream(client, document).records():
            if rows.add(hashlib.sha256(record.body).digest()) and (item := record_filter.item(record, document)):
                yield item
        number += 1
        offset = number * PAGE if by_records else number
        document = page(client, filters, offset=offset) if number * PAGE < total else None
    yield from rows.check(record_filter.step, total)
