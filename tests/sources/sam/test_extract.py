"""The history of a vendor at SAM.gov: pages where that is little, an extract where it is much."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date

import pytest

from sources.base import Fetched, FetchStep, IncompleteResult, SearchTerms
from sources.errors import Blocked, SourceChanged
from sources.sam.contract_awards.extract import ExtractNotReady
from sources.sam.contract_awards.search import period, searchable
from tests.sources.clients import ERRORS, SOME_FAULTS
from tests.sources.fakes import Memory
from tests.sources.sam.contract_awards import SOURCE, Json, client_of, fetched, piids, record
from tests.upstreams.faults import Fault
from tests.upstreams.sam_contract_awards import DOWNLOAD, SEARCH, FaultySamContractAwards
from tests.upstreams.server import Answer, LoggedRequest

SINCE, UNTIL = date(2024, 1, 1), date(2026, 11, 23)


@pytest.fixture
def server() -> Iterator[FaultySamContractAwards]:
    with FaultySamContractAwards() as fake_server:
        fake_server.requests_per_day = 1000
        yield fake_server


def step_of(kind: str = "uei", **terms: tuple[str, ...]) -> FetchStep:
    """The one step of a backfill of a kind."""
    given = SearchTerms(**(terms or {"ueis": ("ACMEACMEACME",)}))  # type: ignore[arg-type]
    (step,) = (step for step in SOURCE.backfill_steps(given, SINCE, UNTIL) if step.key.startswith(f"{kind}/"))
    return step


def many(number: int, **fields: str) -> list[Json]:
    return [record(f"P{n:04}", signed="2025-03-01", **fields) for n in range(number)]  # type: ignore[arg-type]


def test_a_backfill_searches_ueis_parents_and_names() -> None:
    terms = SearchTerms(names=("ACME", "AT&T"), ueis=tuple(f"UEI{n:09}" for n in range(2)), phrases=("DRONE",))
    steps = SOURCE.backfill_steps(terms, date(2015, 6, 1), UNTIL)
    first = steps[:6]
    assert [step.key.partition("/")[0] for step in first] == ["uei", "uei", "parent", "parent", "name", "name"]
    assert [step.query["filters"] for step in first[:3:2]] == [
        {"awardeeUniqueEntityId": terms.ueis[0]},
        {"ultimateParentUniqueEntityId": terms.ueis[0]},
    ]
    assert [step.days for step in steps[::6]] == [
        (date(2015, 6, 1), date(2015, 12, 31)),
        (date(2016, 1, 1), date(2023, 12, 31)),
        (date(2024, 1, 1), UNTIL),
    ]
    assert len({step.key for step in steps}) == len(steps) == 18
    fewer = SOURCE.backfill_steps(SearchTerms(names=("AT&T",)), date(2015, 6, 1), UNTIL)
    assert {step.key for step in fewer} < {step.key for step in steps}  # no matter what else is asked for


@pytest.mark.parametrize(("rows", "requests"), [(1, 1), (100, 1), (101, 2), (200, 2), (300, 3)])
def test_few_records_are_read_page_by_page(server: FaultySamContractAwards, rows: int, requests: int) -> None:
    server.records = many(rows)
    assert len(piids(fetched(server.base_url, step_of(), Memory()))) == rows
    assert [asked["offset"] for asked in server.asked(SEARCH)] == [str(n) for n in range(requests)]
    assert len(server.requests) == requests


def test_many_records_are_read_as_an_extract(server: FaultySamContractAwards) -> None:
    server.records = many(301)
    memory = Memory()
    server.ready_after = 1
    with pytest.raises(ExtractNotReady):
        fetched(server.base_url, step_of(), memory)
    assert len(piids(fetched(server.base_url, step_of(), memory))) == 301
    assert (len(server.asked(SEARCH)), len(server.submissions), len(server.asked(DOWNLOAD))) == (2, 1, 2)


@pytest.mark.parametrize("nothing", ["200", "204"])
@pytest.mark.parametrize("as_numbers", [False, True])
def test_an_empty_result_is_no_error(server: FaultySamContractAwards, nothing: str, as_numbers: bool) -> None:
    server.nothing, server.as_numbers = nothing, as_numbers
    assert fetched(server.base_url, step_of(), Memory()) == []
    with client_of(server.base_url) as client:
        assert SOURCE.health_check(client) is False
    assert len(server.requests) == 2


def test_counts_may_be_numbers(server: FaultySamContractAwards) -> None:
    server.as_numbers, server.records = True, many(101)
    assert len(piids(fetched(server.base_url, step_of(), Memory()))) == 101
    assert len(server.requests) == 2


def test_evidence_of_a_page_is_the_record_and_the_url(server: FaultySamContractAwards) -> None:
    server.records = many(1)
    (item,) = fetched(server.base_url, step_of(), Memory())
    (document,) = item.documents  # type: ignore[union-attr]
    assert document.url.endswith("&limit=100&offset=0")
    assert document.request == ""
    assert document.body == json.dumps(server.records[0]).encode()


def test_a_name_with_an_ampersand_is_searched_by_its_longest_part(
    server: FaultySamContractAwards,
) -> None:
    server.records = [
        record("P1", name="JOHNSON & JOHNSON HEALTH"),
        record("P2", name="JOHNSON CONTROLS"),
        record("P3", name="JOHNSON AND SON", parent_uei="X"),
    ]
    step = step_of("name", names=("JOHNSON & JOHNSON",))
    assert piids(fetched(server.base_url, step, Memory())) == ["P1"]
    assert server.asked(SEARCH)[0]["awardeeLegalBusinessName"] == "JOHNSON"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("ACME", "ACME"),
        ("AT&T", "AT T"),
        ("AT&T MOBILITY", "T MOBILITY"),
        ("BLACK | WHITE {SYSTEMS}^\\", "SYSTEMS"),
        ("L3", "L3"),
        ("YAHOO! ~ [X]", "YAHOO X"),
        ("O'REILLY MEDIA", "REILLY MEDIA"),
        ('THE "BEST" <SOFTWARE>; INC', "SOFTWARE"),
        ("&&&", ""),
        ("", ""),
    ],
)
def test_the_searchable_part_of_a_name(name: str, sent: str) -> None:
    assert searchable(name) == sent
    steps = SOURCE.backfill_steps(SearchTerms(names=(name,)), SINCE, UNTIL)
    assert len(steps) == bool(sent)


def test_an_invalid_uei_is_not_sent() -> None:
    assert SOURCE.backfill_steps(SearchTerms(ueis=("SHORT", "WITH SPACES!")), SINCE, UNTIL) == []


@pytest.mark.parametrize("fault", [*SOME_FAULTS, Fault.EMPTY])
def test_pages_before_a_failed_page_are_read(server: FaultySamContractAwards, fault: Fault) -> None:
    server.records = many(150)
    server.play(fault, on=SEARCH, after=1)
    given = []
    with client_of(server.base_url) as client, pytest.raises(ERRORS[fault]):
        for item in SOURCE.fetch(client, step_of(), Memory()):
            given.append(item)  # noqa: PERF402
    assert len(given) >= 100


def test_missing_rows_are_an_incomplete_result(server: FaultySamContractAwards) -> None:
    class Cheat(FaultySamContractAwards):
        renaming = (b'"totalRecords": "150"', b'"totalRecords": "190"')

    with Cheat(many(150)) as cheat:
        cheat.play(Fault.RENAMED_FIELD, on=SEARCH, times=None)
        items = fetched(cheat.base_url, step_of(), Memory())
    assert len(items) == 151
    assert items[-1] == IncompleteResult(step=step_of().key, expected=190, received=150)


def test_repeated_rows_are_read_once(server: FaultySamContractAwards) -> None:
    class Repeating(FaultySamContractAwards):
        renaming = (b'"P0150"', b'"P0000"')

    with Repeating(many(160)) as repeating:
        repeating.play(Fault.RENAMED_FIELD, on=SEARCH, times=None)
        items = fetched(repeating.base_url, step_of(), Memory())
    assert items[-1] == IncompleteResult(step=step_of().key, expected=160, received=159)
    assert len(items) == 160


def test_a_range_ends_after_it_begins() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        period(UNTIL, SINCE)


UEIS = ("ACMEACMEACME", "BEMABEMABEMA", "CEMACEMACEMA")


def fetched_by_uei(server: FaultySamContractAwards, memory: Memory) -> list[Fetched]:
    """Read the backfill of three recipients, each with one record."""
    server.records += [record(f"P{n}", uei=uei, signed="2025-03-01") for n, uei in enumerate(UEIS)]
    steps = SOURCE.backfill_steps(SearchTerms(ueis=UEIS), SINCE, UNTIL)[: len(UEIS)]
    return [item for step in steps for item in fetched(server.base_url, step, memory)]


def test_each_uei_is_a_request(server: FaultySamContractAwards) -> None:
    """Of several values with ~ between them the server takes the first alone."""
    server.first_of_list = True
    assert piids(fetched_by_uei(server, Memory())) == ["P0", "P1", "P2"]
    assert [asked["awardeeUniqueEntityId"] for asked in server.asked(SEARCH)] == list(UEIS)


@pytest.mark.parametrize("name", [assumption.name for assumption in SOURCE.assumptions])
def test_a_backfill_is_complete_without_an_assumption(name: str) -> None:
    memory = Memory(notes={f"assumption/{name}": "does not hold"})
    with FaultySamContractAwards(many(250, uei="SOMEBODYELSE"), wrong=name) as server:
        server.requests_per_day = 1000
        assert piids(fetched_by_uei(server, memory)) == ["P0", "P1", "P2"]


@pytest.mark.parametrize("knows", [True, False])
def test_pages_are_read_by_the_known_offset_rule(server: FaultySamContractAwards, knows: bool) -> None:
    server.records, server.counts_records = many(250), True
    memory = Memory(notes={"assumption/offset-counts-pages": "does not hold"} if knows else {})
    items = fetched(server.base_url, step_of(), memory)
    assert len(items) == (250 if knows else 103)  # with the shortfall, that says so


def test_an_unknown_empty_response_is_a_changed_source(server: FaultySamContractAwards) -> None:
    server.nothing = "odd"
    with pytest.raises(SourceChanged, match="no awardSummary"):
        fetched(server.base_url, step_of(), Memory())


def test_a_refused_key_is_sent_twice(server: FaultySamContractAwards) -> None:
    with pytest.raises(Blocked):
        fetched(server.base_url, step_of(), Memory(), key="another")
    assert len(server.requests) == 2


def test_a_missing_count_is_a_changed_source() -> None:
    class Bare(FaultySamContractAwards):
        def answer(self, _: LoggedRequest) -> Answer:
            return Answer(body=b'{"totalRecords": null, "awardSummary": []}')

    with Bare() as bare, pytest.raises(SourceChanged, match="totalRecords is no number"):
        fetched(bare.base_url, step_of(), Memory())
