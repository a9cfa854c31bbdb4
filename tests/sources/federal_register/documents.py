"""What the tests of the adapter of the Federal Register need: a client in a hurry, steps, fetching."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from sources.base import DateWindow, Fetched, FetchStep, SearchTerms, StoredVersion
from sources.errors import SourceError
from sources.federal_register.documents import FederalRegister
from sources.records import Payload, Publication
from tests.sources.clients import client_for
from tests.sources.fakes import Memory
from tests.upstreams.federal_register import FakeFederalRegister

SOURCE = FederalRegister()
DAY = date(2024, 5, 7)


def step_for(*phrases: str, since: str = "2024-01-01", until: str = "2026-12-31") -> FetchStep:
    """The step of a poll over published documents."""
    return steps_for(*phrases, since=since, until=until)[-1]


def steps_for(*phrases: str, since: str = "2024-01-01", until: str = "2026-12-31") -> list[FetchStep]:
    """The steps of a poll: what is on public inspection, and what was published."""
    days = DateWindow(until=date.fromisoformat(until), signed_since=date.fromisoformat(since), modified_since=DAY)
    return SOURCE.poll_steps(SearchTerms(phrases=phrases), days)


def fetched(server: FakeFederalRegister, step: FetchStep, stored: Memory | None = None) -> list[Fetched]:
    """Walk a step to its end."""
    with client_for(SOURCE, server.base_url) as client:
        return list(SOURCE.fetch(client, step, stored or Memory()))


def walked(server: FakeFederalRegister, step: FetchStep, stored: Memory) -> tuple[list[Fetched], type[SourceError]]:
    """What a walk gave before it ended, and the kind of error that ended it."""
    given: list[Fetched] = []
    with client_for(SOURCE, server.base_url) as client, pytest.raises(SourceError) as ended:
        given.extend(SOURCE.fetch(client, step, stored))
    return given, ended.type


def publications(items: Sequence[Fetched]) -> dict[str, Publication]:
    """The records of what was fetched, by key; all must be readable."""
    records = [record for item in items if isinstance(item, Payload) for record in SOURCE.parse(item)]
    assert all(isinstance(record, Publication) for record in records), records
    return {record.key: record for record in records if isinstance(record, Publication)}


def remembering(items: Sequence[Fetched]) -> Memory:
    """The memory of a program that has stored what was fetched."""
    return Memory(
        records={key: StoredVersion(key=key, revision=one.revision) for key, one in publications(items).items()}
    )
