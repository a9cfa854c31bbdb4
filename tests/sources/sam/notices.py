"""What the tests of SAM.gov's notices need: a client with the key, and a program's memory that grows as it reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sources.base import DateWindow, Fetched, FetchStep, SearchTerms, StoredVersion
from sources.http.client import Client, Quota
from sources.records import Payload, Publication, Record, Removal
from sources.sam.opportunities.opportunities import SamOpportunities
from tests.sources.clients import client_for
from tests.sources.fakes import Memory
from tests.upstreams.sam_opportunities import KEY
from tests.upstreams.sam_opportunities import SamOpportunities as FakeServer

SOURCE = SamOpportunities()
TODAY = date(2026, 2, 3)
TERMS = SearchTerms(names=("CLEARVIEW",))


def is_clearview(record: Record) -> bool:
    """Whom the watchlist of these tests means."""
    return isinstance(record, Publication) and "CLEARVIEW" in record.description.upper()


def memory() -> Memory:
    """The memory of a program whose watchlist names Clearview."""
    return Memory(wanted=is_clearview)


def poll_of(today: date = TODAY, since: date | None = None) -> list[FetchStep]:
    """The steps of a poll on a day, that looks back to `since`."""
    window = DateWindow(until=today, signed_since=since or today, modified_since=since or today)
    return SOURCE.poll_steps(TERMS, window)


def walk(client: Client, steps: Sequence[FetchStep], stored: Memory) -> list[Fetched]:
    """Walk steps as a run does: what is read is remembered if it concerns somebody or is held already."""
    items: list[Fetched] = []
    for step in steps:
        for item in SOURCE.fetch(client, step, stored):
            items.append(item)
            remember(item, stored)
    return items


def remember(item: Fetched, stored: Memory) -> None:
    """Store what a run would store."""
    if not isinstance(item, Payload):
        return
    for record in SOURCE.parse(item):
        if isinstance(record, Publication) and (record.key in stored.records or is_clearview(record)):
            stored.records[record.key] = StoredVersion(key=record.key, revision=record.revision)


def poll(
    server: FakeServer,
    stored: Memory,
    today: date = TODAY,
    *,
    since: date | None = None,
    quota: Quota | None = None,
) -> list[Fetched]:
    """One whole poll."""
    with client_for(SOURCE, server.base_url, key=KEY, quota=quota) as client:
        return walk(client, poll_of(today, since), stored)


def read(items: Sequence[Fetched]) -> list[Record]:
    """The records of what was fetched."""
    return [record for item in items if isinstance(item, Payload) for record in SOURCE.parse(item)]


def publications(items: Sequence[Fetched]) -> list[Publication]:
    """The publications of what was fetched."""
    return [record for record in read(items) if isinstance(record, Publication)]


def removals(items: Sequence[Fetched]) -> list[Removal]:
    """The removals of what was fetched."""
    return [record for record in read(items) if isinstance(record, Removal)]
