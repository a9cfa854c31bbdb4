"""What the source of SAM.gov's contract awards assumes of SAM.gov: each probe, and the way around what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

import pytest

from sources.base import Assumption, FetchStep, SearchTerms
from sources.errors import Blocked, SourceChanged, SourceError
from tests.sources.fakes import CountingQuota, Memory
from tests.sources.sam.records import SOURCE, client_of, fetched, piids, record
from tests.upstreams.sam_contract_awards import SEARCH, FaultySamContractAwards
from tests.upstreams.server import Answer, LoggedRequest

BY_NAME = {assumption.name: assumption for assumption in SOURCE.assumptions}
UEIS = ("ACMEACMEACME", "BEMABEMABEMA", "CEMACEMACEMA")
SINCE, UNTIL = date(2024, 1, 1), date(2026, 11, 23)


class OddWhenEmpty(FaultySamContractAwards):
    """SAM.gov, finding nothing in a shape of its own."""

    is_odd = False

    def _nothing(self, limit: str, offset: str) -> Answer:
        return Answer(body=b'{"noRecords": true}') if self.is_odd else super()._nothing(limit, offset)


@pytest.fixture
def server() -> Iterator[OddWhenEmpty]:
    with OddWhenEmpty() as fake_server:
        fake_server.requests_per_day = 1000
        yield fake_server


def header_is_not_read(server: OddWhenEmpty) -> None:
    server.reads_header = False


def empty_is_odd(server: OddWhenEmpty) -> None:
    server.is_odd = True


def offset_counts_records(server: OddWhenEmpty) -> None:
    server.counts_records = True


WRONG: dict[str, Callable[[OddWhenEmpty], None]] = {
    "header-key": header_is_not_read,
    "empty-search-shape": empty_is_odd,
    "offset-counts-pages": offset_counts_records,
}


def known(server: OddWhenEmpty) -> None:
    """Let the server hold what a probe asks for."""
    server.records = [record(f"D{n}", uei="SOMEBODYELSE", signed="2024-01-17") for n in range(510)]


def probed(server: OddWhenEmpty, assumption: Assumption, *, requests_per_day: int = 1) -> bool:
    with client_of(server.base_url, quota=CountingQuota(requests_per_day)) as client:
        return assumption.probe(client)


def test_each_assumption_can_be_wrong() -> None:
    assert set(WRONG) == set(BY_NAME)
    assert all(one.says and one.otherwise and one.basis for one in SOURCE.assumptions)


@pytest.mark.parametrize("name", BY_NAME)
def test_a_probe_takes_one_request(server: OddWhenEmpty, name: str) -> None:
    known(server)
    assert probed(server, BY_NAME[name]) is True
    WRONG[name](server)
    assert probed(server, BY_NAME[name], requests_per_day=2 if name == "header-key" else 1) is False


@pytest.mark.parametrize("name", BY_NAME)
def test_a_probe_with_a_refused_key_raises(server: OddWhenEmpty, name: str) -> None:
    with client_of(server.base_url, key="another") as client, pytest.raises(SourceError):
        BY_NAME[name].probe(client)


def test_too_few_records_to_probe_the_offset(server: OddWhenEmpty) -> None:
    server.records = [record(signed="2024-01-17")]
    with pytest.raises(SourceChanged, match="1 records of one day do not show"):
        probed(server, BY_NAME["offset-counts-pages"])


def uei_step() -> FetchStep:
    return uei_steps()[0]


def uei_steps() -> list[FetchStep]:
    """A backfill's steps for the recipients of `UEIS`."""
    return SOURCE.backfill_steps(SearchTerms(ueis=UEIS), SINCE, UNTIL)[: len(UEIS)]


def three(server: OddWhenEmpty) -> None:
    server.records += [record(f"P{n}", uei=uei, signed="2025-03-01") for n, uei in enumerate(UEIS)]


def test_each_uei_is_a_request(server: OddWhenEmpty) -> None:
    """Of several values with ~ between them the server takes the first alone."""
    three(server)
    server.first_of_list = True
    items = [item for step in uei_steps() for item in fetched(server.base_url, step, Memory())]
    assert piids(items) == ["P0", "P1", "P2"]
    assert [asked["awardeeUniqueEntityId"] for asked in server.asked(SEARCH)] == list(UEIS)


@pytest.mark.parametrize("knows", [True, False])
def test_pages_are_read_by_the_known_offset_rule(server: OddWhenEmpty, knows: bool) -> None:
    server.records = [record(f"P{n:04}", signed="2025-03-01") for n in range(250)]
    server.counts_records = True
    memory = Memory(notes={"assumption/offset-counts-pages": "does not hold"} if knows else {})
    items = fetched(server.base_url, uei_step(), memory)
    assert len(items) == (250 if knows else 103)  # with the shortfall, that says so


@pytest.mark.parametrize("name", BY_NAME)
def test_a_backfill_is_complete_without_an_assumption(server: OddWhenEmpty, name: str) -> None:
    known(server)
    three(server)
    WRONG[name](server)
    memory = Memory(notes={f"assumption/{name}": "does not hold"})
    items = [item for step in uei_steps() for item in fetched(server.base_url, step, memory)]
    assert piids(items) == ["P0", "P1", "P2"]


def test_an_unknown_empty_response_is_a_changed_source(server: OddWhenEmpty) -> None:
    server.is_odd = True
    with pytest.raises(SourceChanged, match="no awardSummary"):
        fetched(server.base_url, uei_step(), Memory())


def test_a_refused_key_is_sent_twice(server: OddWhenEmpty) -> None:
    with pytest.raises(Blocked):
        fetched(server.base_url, uei_step(), Memory(), key="another")
    assert len(server.requests) == 2


class Bare(FaultySamContractAwards):
    """SAM.gov with one answer to everything."""

    def answer(self, _: LoggedRequest) -> Answer:
        """Return a list where an object is expected."""
        return Answer(body=b'{"totalRecords": null, "awardSummary": []}')


def test_a_missing_count_is_a_changed_source() -> None:
    with Bare() as bare, pytest.raises(SourceChanged, match="totalRecords is no number"):
        fetched(bare.base_url, uei_step(), Memory())
