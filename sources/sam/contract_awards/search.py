"""Walking the pages of a search of SAM.gov's contract awards, and what is given of each record, from page or file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO

from sources.base import Fetched, Shortfall, Step, Stored, Unchanged
from sources.http.client import Client
from sources.records import Document, InvalidRecord, Payload
from sources.sam.api import ask
from sources.sam.contract_awards.json_stream import Answer, RawRecord
from sources.sam.contract_awards.queries import PAGE, path_of
from sources.sam.contract_awards.record_parser import identity_of, names_of, revision_of, state_of


def page(client: Client, filters: Mapping[str, str], *, offset: int = 0, limit: int = PAGE) -> Document | None:
    """Ask for a page, the first being 0; `None` when SAM.gov says that there is nothing. Raises `SourceError`."""
    path = path_of({**filters, "limit": str(limit), "offset": str(offset)})
    document = ask(client, path, may_be_empty=True)
    return document if document.body else None


def count(client: Client, filters: Mapping[str, str]) -> int:
    """Return how many records a search finds. Costs a request. Raises `SourceError`."""
    document = page(client, {**filters, "includeSections": "contractId"}, limit=1)
    return total_of(client, document) if document else 0


def answer_of(client: Client, document: Document) -> Answer:
    """Return a page, to be read once."""
    return Answer(BytesIO(document.body), client.source, document.url)


def total_of(client: Client, document: Document) -> int:
    """Return how many records the whole search has, by SAM.gov's count. Raises `SourceChanged`."""
    answer = answer_of(client, document)
    for _record in answer.records():
        pass
    return answer.total


def records_of(client: Client, document: Document | None) -> list[RawRecord]:
    """Return the records of a page, none of `None`. Raises `SourceChanged`."""
    return list(answer_of(client, document).records()) if document else []


class Sieve:
    """What one step gives of each record it reads."""

    def __init__(self, source: str, stored: Stored, step: Step) -> None:
        self.step = step.key
        self._source = source
        self._stored = stored
        self._deletions = step.query["label"] == "deleted"
        self._name = _loose(str(step.query.get("name", "")))
        # Stored awards of which this step has given something: what is stored of them is its own from then on.
        self._changing: set[str] = set()

    def item(self, record: RawRecord, origin: Document) -> Payload | Unchanged | None:
        """Return a record as a payload of its own bytes, or as unchanged; `None` if it is not what was looked for.

        `origin` says where it is from; its body is not used.
        """
        try:
            key = identity_of(record.fields).award_key
            if self._name and not any(self._name in _loose(name) for name in names_of(record.fields)):
                return None
            revision = revision_of(record.fields)
            if not self._deletions and self._is_known(key, revision, record):
                return Unchanged(key=key)
        except InvalidRecord:  # it is for `parse` to say why
            key, revision = f"UNREADABLE_{hashlib.sha256(record.body).hexdigest()[:16].upper()}", ""
        document = replace(origin, content_type="application/json", body=record.body)
        return Payload(source=self._source, key=key, revision=revision, documents=(document,))

    def _is_known(self, key: str, revision: str, record: RawRecord) -> bool:
        """Whether the action is stored, and its award no older than here. Raises `InvalidRecord`."""
        known = self._stored.held(key)
        if known is None:
            return False
        # Revisions here are times; that of another source is none, and says nothing.
        is_no_older = known.revision[4:5] == "-" and known.revision >= revision > ""
        if key not in self._changing and is_no_older and state_of(record.fields) in known.actions:
            return True
        self._changing.add(key)
        return False


def _loose(value: str) -> str:
    return "".join(character for character in value.upper() if character.isalnum())


def paged(
    client: Client, sieve: Sieve, filters: Mapping[str, str], first: Document, *, by_records: bool
) -> Iterator[Fetched]:
    """Read all pages of a search; as many distinct records as SAM.gov counts are the proof.

    `by_records`: an offset counts records instead of pages, as a probe has shown. Raises `SourceError`.
    """
    total = total_of(client, first)
    seen: set[bytes] = set()
    document: Document | None = first
    number = 0
    while document is not None:
        for record in answer_of(client, document).records():
            digest = hashlib.sha256(record.body).digest()
            if digest not in seen and (item := sieve.item(record, document)):
                yield item
            seen.add(digest)
        number += 1
        offset = number * PAGE if by_records else number
        document = page(client, filters, offset=offset) if number * PAGE < total else None
    if len(seen) < total:
        yield Shortfall(step=sieve.step, expected=total, received=len(seen))
