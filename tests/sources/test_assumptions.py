"""Each assumption about an upstream: its probe says whether it holds, and costs a request or two.

The assumptions about USAspending are in tests/procurewatch/doctor/test_assumptions.py.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sources.errors import SourceChanged, SourceError
from sources.registry import SOURCES
from tests.sources.clients import client_for
from tests.sources.dod.articles import july
from tests.sources.fakes import CountingQuota
from tests.sources.sam.contract_awards import record
from tests.upstreams import sam_contract_awards, sam_opportunities
from tests.upstreams.ai_inventory import FakeAiInventory
from tests.upstreams.federal_register import RECORDED, FakeFederalRegister, document
from tests.upstreams.fpds import Fpds
from tests.upstreams.public_inspection import filed
from tests.upstreams.sam_contract_awards import FakeSamContractAwards
from tests.upstreams.sam_opportunities import SamOpportunities, notice
from tests.upstreams.usaspending.archive import FakeArchive

KEYS = {"samawards": sam_contract_awards.KEY, "samnotices": sam_opportunities.KEY}


def federal_register(wrong: str) -> FakeFederalRegister:
    may = [document(f"2024-2{n:04}", "2024-05-06", "Privacy Act of 1974") for n in range(30)]
    return FakeFederalRegister([*RECORDED, *may], [filed("2026-1", "2026-10-08T12:45:00Z", "Notice")], wrong=wrong)


def fpds(wrong: str) -> Fpds:
    server = Fpds()
    if wrong:
        server.actions.clear()
    return server


def contract_awards(wrong: str, count: int = 510) -> FakeSamContractAwards:
    records = [record(f"D{n}", uei="SOMEBODYELSE", signed="2024-01-17") for n in range(count)]
    return FakeSamContractAwards(records, wrong=wrong)


def archives(wrong: str) -> FakeArchive:
    year = "2024" if not wrong else "2023"
    return FakeArchive({f"FY{year}_All_Contracts_Full_20261106.zip": b""})


def opportunities(wrong: str, count: int = 40) -> SamOpportunities:
    today = datetime.now(UTC).date()
    days = [today - number % 10 * timedelta(days=1) for number in range(count)]
    return SamOpportunities([notice(n, postedDate=day.isoformat()) for n, day in enumerate(days)], wrong=wrong)


SERVERS: dict[str, Callable[[str], Any]] = {
    "aiinventory": lambda wrong: FakeAiInventory(wrong=wrong),
    "archive": archives,
    "dod": july,
    "federalregister": federal_register,
    "fpds": fpds,
    "samawards": contract_awards,
    "samnotices": opportunities,
}
ASSUMPTIONS = [(name, assumption.name) for name in SERVERS for assumption in SOURCES[name].assumptions]


def probe(source: str, assumption: str, server: Any, *, requests_per_day: int = 2, key: str = "") -> bool:
    quota = CountingQuota(requests_per_day)
    given = key or KEYS.get(source, "")
    (asked,) = [one for one in SOURCES[source].assumptions if one.name == assumption]
    with server, client_for(SOURCES[source], server.base_url, key=given, tries=1, quota=quota) as client:
        return asked.probe(client)


def test_every_source_with_assumptions_has_a_server() -> None:
    at_usaspending = {"usaspending", "assistance", "subawards"}
    assert set(SERVERS) == {name for name, source in SOURCES.items() if source.assumptions} - at_usaspending


@pytest.mark.parametrize(("source", "assumption"), ASSUMPTIONS)
def test_a_probe_reports_whether_its_assumption_holds(source: str, assumption: str) -> None:
    others = [name for of, name in ASSUMPTIONS if of == source and name != assumption]
    for wrong in ("", *others):
        if wrong == "header-key":
            continue  # without its header a key costs every request twice
        assert probe(source, assumption, SERVERS[source](wrong), requests_per_day=2 if source == "dod" else 1)
    assert not probe(source, assumption, SERVERS[source](assumption))


@pytest.mark.parametrize("source", SERVERS)
def test_an_assumption_says_what_the_program_does_if_it_is_wrong(source: str) -> None:
    assert all(one.says and one.otherwise and one.basis for one in SOURCES[source].assumptions)


@pytest.mark.parametrize(("source", "assumption"), [each for each in ASSUMPTIONS if each[0] in KEYS])
def test_a_probe_with_a_refused_key_raises(source: str, assumption: str) -> None:
    with pytest.raises(SourceError):
        probe(source, assumption, SERVERS[source](""), key="another")


@pytest.mark.parametrize(
    ("source", "server", "message"),
    [
        ("samawards", lambda: contract_awards("", count=1), "1 records of one day do not show"),
        ("samnotices", lambda: opportunities("", count=20), "20 notices in fifteen days do not show"),
    ],
)
def test_too_few_records_to_probe_the_offset(source: str, server: Callable[[], Any], message: str) -> None:
    with pytest.raises(SourceChanged, match=message):
        probe(source, "offset-counts-pages", server())
