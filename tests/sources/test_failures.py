"""Every source's health check and probes against a fake server that fails: the right error, or no harm."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from sources.errors import Unreachable
from sources.registry import SOURCES
from tests.sources.clients import ERRORS, client_for
from tests.upstreams.every_source import FAKE_UPSTREAMS, FakeUpstream
from tests.upstreams.faults import Fault

PASSING = (Fault.UNAVAILABLE, Fault.RESET, Fault.CUT_TRANSFER, Fault.EMPTY, Fault.TOO_MANY)
# SAM.gov answers a search that finds nothing without a body, and refusals of a quota are final for the day.
NOT_RETRIED = (("samawards", Fault.EMPTY), ("samawards", Fault.TOO_MANY), ("samnotices", Fault.TOO_MANY))

# Probes to which a failing server is an answer.
ANSWERED = {"last-updated", "quoted-award-ids-fail", "clause-limit"}


def each_upstream_with(faults: Iterable[Fault], *exceptions: tuple[str, Fault]) -> pytest.MarkDecorator:
    pairs = [(fake, fault) for fault in faults for fake in FAKE_UPSTREAMS if (fake.source, fault) not in exceptions]
    return pytest.mark.parametrize(("fake", "fault"), pairs, ids=[f"{fake}-{fault}" for fake, fault in pairs])


@each_upstream_with(ERRORS, ("samawards", Fault.EMPTY))
def test_every_fault_raises_its_error(fake: FakeUpstream, fault: Fault) -> None:
    source, total = SOURCES[fake.source], 0.3 if fault is Fault.SLOW_DRIP else 30
    with fake.open() as server, client_for(source, server.base_url, key=fake.key, total=total) as client:
        server.drip_seconds = 0.2
        server.retry_after = 0
        server.play(fault)
        with pytest.raises(ERRORS[fault]) as raised:
            source.health_check(client)
    assert type(raised.value) is ERRORS[fault]
    assert "\n" not in str(raised.value)


@each_upstream_with(PASSING, *NOT_RETRIED)
def test_a_passing_fault_is_retried(fake: FakeUpstream, fault: Fault) -> None:
    source = SOURCES[fake.source]
    with fake.open() as server, client_for(source, server.base_url, key=fake.key) as client:
        server.retry_after = 0
        server.play(fault, times=1)
        assert source.health_check(client)


def probes() -> Iterator[Any]:
    for fake in FAKE_UPSTREAMS:
        for assumption in SOURCES[fake.source].assumptions:
            if assumption.name in ANSWERED:
                continue
            yield pytest.param(fake, assumption, id=f"{fake}-{assumption.name}")


@pytest.mark.parametrize(("fake", "assumption"), list(probes()))
def test_a_probe_of_an_unavailable_server_is_unreachable(fake: FakeUpstream, assumption: Any) -> None:
    with (
        fake.open() as server,
        client_for(SOURCES[fake.source], server.base_url, key=fake.key) as client,
        pytest.raises(Unreachable),
    ):
        server.play(Fault.UNAVAILABLE)
        assumption.probe(client)
