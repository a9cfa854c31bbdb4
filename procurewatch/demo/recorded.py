"""USAspending as recorded in `awards.json.gz`: a source for the demo that sends no request.

The file is written by `scripts/build_demo_corpus.py`; its `origin` says where the records come from.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any

from sources.base import DateWindow, Fetched, FetchStep, NotModified, SearchTerms, Stored
from sources.http.client import Client
from sources.records import Document, Payload
from sources.usaspending.awards import Usaspending

FILE = "awards.json.gz"


@cache
def read_recording() -> Mapping[str, Any]:
    """Return the file's content: `origin`, `recorded` (ISO time, UTC) and `awards`, each with its documents."""
    content: dict[str, Any] = json.loads(gzip.decompress(resources.files(__package__).joinpath(FILE).read_bytes()))
    return content


class RecordedUsaspending(Usaspending):
    """The source `usaspending`, read from the recording whatever is searched for."""

    is_sample = True

    def health_check(self, client: Client) -> bool:  # noqa: ARG002
        """Return true: the file is always there."""
        return True

    def data_version(self, client: Client) -> str:  # noqa: ARG002
        """Return when the responses were recorded."""
        return str(read_recording()["recorded"])

    def poll_steps(self, terms: SearchTerms, window: DateWindow) -> list[FetchStep]:  # noqa: ARG002
        """Plan one step, which reads the whole file."""
        return [FetchStep(key="recorded", query={}, until=window.until, part="recorded awards")]

    def backfill_steps(self, terms: SearchTerms, since: date, until: date) -> list[FetchStep]:  # noqa: ARG002
        """Plan nothing: a poll reads the whole file."""
        return []

    def fetch(self, client: Client, step: FetchStep, stored: Stored) -> Iterator[Fetched]:  # noqa: ARG002
        """Give each recorded award, unless it is stored already."""
        for award in read_recording()["awards"]:
            if stored.stored_version(award["key"]):
                yield NotModified(key=award["key"])
            else:
                yield _payload(self.name, award)


def _payload(source: str, award: Mapping[str, Any]) -> Payload:
    documents = tuple(
        Document(
            url=f"{FILE}{document['path']}",
            request=document["request"],
            retrieved_at=datetime.fromisoformat(document["retrieved"]),
            content_type="application/json",
            body=document["body"].encode(),
        )
        for document in award["documents"]
    )
    return Payload(source=source, key=award["key"], revision=award["revision"], documents=documents)
