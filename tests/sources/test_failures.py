"""Every source's health check and probes against a fake server that fails: the right error, or no harm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sources.errors import Unreachable
from sources.registry import SOURCES
from tests.sources.clients import ERRORS, client_for
from tests.upstreams.every_source import WORLDS, World
from tests.upstreams.faults import Fault

PASSING = (Fault.UNAVAILABLE, Fault.RESET, Fault.CUT_TRANSFER, Fault.EMPTY, Fault.TOO_MANY)
# SAM.gov answers a search that finds nothing without a body, and refusals of a quota are final for the day.
EXCEPTIONS = {("samawards", Fault.EMPTY), ("samawards", Fault.TOO_MANY), ("samnotices", Fault.TOO_MANY)}

# Probes to which a failing server is an answer.
ANSWERED = {"last-updated", "quoted-award-ids-fail", "clause-limit"}

each_world = pytest.mark.parametrize("world", WORLDS, ids=str)


@each_world
@pytest.mark.parametrize("fault", ERRORS)
def test_every_fault_ends_in_its_error(world: World, fault: Fault) -> None:
    source, total = SOURCES[world.source], 0.3 if fault is Fault.SLOW_DRIP else 30
    if (world.source, fault) == ("samawards", Fault.EMPTY):
        pytest.skip("an empty response finds nothing")
    with world.open() as server, client_for(source, server.base_url, key=world.key, total=total) as client:
        server.drip_seconds = 0.2
        server.retry_after = 0
        server.play(fault)
        with pytest.raises(ERRORS[fault]) as raised:
            source.health_check(client)
    assert type(raised.value) is ERRORS[fault]
    assert "\n" not in str(raised.value)


@each_world
@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_passes_is_waited_out(world: World, fault: Fault) -> None:
    if (world.source, fault) in EXCEPTIONS:
        pytest.skip("it is not tried again")
    source = SOURCES[world.source]
    with world.open() as server, client_for(source, server.base_url, key=world.key) as client:
        server.retry_after = 0
        server.play(fault, times=1)
        assert source.health_check(client)


def probes() -> Iterator[Any]:
    for world in WORLDS:
        for assumption in SOURCES[world.source].assumptions:
            if assumption.name in ANSWERED:
                continue
            yield pytest.param(world, assumption, id=f"{world}-{assumption.name}")


@pytest.mark.parametrize(("world", "assumption"), list(probes()))
def test_a_probe_that_cannot_tell_says_so(world: World, assumption: Any) -> None:
    with (
        world.open() as server,
        client_for(SOURCES[world.source], server.base_url, key=world.key) as client,
        pytest.raises(Unreachable),
    ):
        server.play(Fault.UNAVAILABLE)
        assumption.probe(client)
