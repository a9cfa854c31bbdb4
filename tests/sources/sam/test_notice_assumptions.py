"""What the source of SAM.gov's notices assumes of SAM.gov: the probe of each, and a poll when it does not hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from sources.base import Assumption
from sources.errors import Blocked, SourceChanged
from sources.records import Payload
from tests.sources.clients import client_for
from tests.sources.fakes import CountingQuota
from tests.sources.sam.adapters import SOURCE, TERMS, TODAY, memory, poll, publications
from tests.upstreams.sam_opportunities import KEY, FaultySamOpportunities, Json, notice

DAY = timedelta(days=1)
BY_NAME = {assumption.name: assumption for assumption in SOURCE.assumptions}


@pytest.fixture
def server() -> Iterator[FaultySamOpportunities]:
    with FaultySamOpportunities() as server:
        yield server


def header_is_not_read(server: FaultySamOpportunities) -> None:
    server.reads_header = False


def offset_counts_notices(server: FaultySamOpportunities) -> None:
    server.counts_records = True


def ids_are_ignored(server: FaultySamOpportunities) -> None:
    server.ignored.add("noticeid")


def numbers_are_ignored(server: FaultySamOpportunities) -> None:
    server.ignored.add("solnum")


WRONG: dict[str, Callable[[FaultySamOpportunities], None]] = {
    "header-key": header_is_not_read,
    "offset-counts-pages": offset_counts_notices,
    "notice-id-search": ids_are_ignored,
    "solicitation-search": numbers_are_ignored,
}


def posted_lately(count: int) -> list[Json]:
    today = datetime.now(UTC).date()
    return [notice(number, postedDate=(today - number % 10 * DAY).isoformat()) for number in range(count)]


def probed(server: FaultySamOpportunities, assumption: Assumption, *, requests_per_day: int = 1) -> bool:
    with client_for(SOURCE, server.base_url, key=KEY, quota=CountingQuota(requests_per_day), tries=1) as client:
        return assumption.probe(client)


def test_each_assumption_can_be_wrong() -> None:
    assert set(WRONG) == set(BY_NAME)
    assert all(one.says and one.otherwise and one.basis for one in SOURCE.assumptions)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_probe_takes_one_request(server: FaultySamOpportunities, name: str) -> None:
    server.notices = posted_lately(40)
    assert probed(server, BY_NAME[name]) is True
    WRONG[name](server)
    assert probed(server, BY_NAME[name], requests_per_day=2 if name == "header-key" else 1) is False


def test_too_few_notices_to_probe_the_offset(server: FaultySamOpportunities) -> None:
    server.notices = posted_lately(20)
    with pytest.raises(SourceChanged, match="20 notices in fifteen days do not show"):
        probed(server, BY_NAME["offset-counts-pages"])


@pytest.mark.parametrize("name", BY_NAME)
def test_a_poll_is_complete_without_an_assumption(server: FaultySamOpportunities, name: str) -> None:
    server.notices = [notice(number, postedDate=TODAY.isoformat()) for number in range(25)]
    server.notices[3]["title"] = "Clearview AI licences"
    server.most = 10
    WRONG[name](server)
    stored = memory()
    stored.notes[f"assumption/{name}"] = "does not hold"
    items = poll(server, stored)
    assert sum(isinstance(item, Payload) for item in items) == len(items) == 25
    assert [record.title for record in publications(items) if "Clear" in record.title] == ["Clearview AI licences"]


@pytest.mark.parametrize("unknown_key", [200, 401, 403, 404])
def test_an_ignored_key_header_is_remembered(server: FaultySamOpportunities, unknown_key: int) -> None:
    server.reads_header, server.unknown_key = False, unknown_key
    server.notices = [notice(1, postedDate=TODAY.isoformat())]
    stored = memory()
    items = poll(server, stored)
    assert stored.notes["assumption/header-key"] == "does not hold"
    assert ["api_key" in request.path for request in server.requests] == [False, True]
    again = poll(server, stored)
    assert ["api_key" in request.path for request in server.requests] == [False, True, True]
    documents = [item.documents[0] for item in (*items, *again) if isinstance(item, Payload)]
    assert len(documents) == 2
    assert not any(KEY in repr(document) for document in documents)


def test_a_working_header_is_the_only_key_sent(server: FaultySamOpportunities) -> None:
    server.notices = [notice(1, postedDate=TODAY.isoformat())]
    stored = memory()
    poll(server, stored)
    assert "assumption/header-key" not in stored.notes
    assert not any("api_key" in urlsplit(request.path).query for request in server.requests)


def test_a_refused_key_is_blocked(server: FaultySamOpportunities) -> None:
    stored = memory()
    with client_for(SOURCE, server.base_url, key="another") as client, pytest.raises(Blocked):
        list(SOURCE.fetch(client, SOURCE.backfill_steps(TERMS, TODAY, TODAY)[0], stored))
    assert stored.notes == {}
    assert len(server.requests) == 2
