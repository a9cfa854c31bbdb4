"""One rate limit per host, whoever asks it, and an end to waiting when the program is to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from sources.errors import Stopped
from sources.http.client import Client, RateLimit
from sources.http.rate_limit import SHARED_LIMITS, RateLimits
from tests.sources.clients import FREE, client_at
from tests.sources.scripted_server import Script, ScriptedServer
from tests.upstreams.server import Answer, LoggedRequest


class Clock:
    """A clock that is moved by waiting."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def starts_of(paces: Sequence[RateLimit], *, joined: Sequence[RateLimit] = (), host: str = "http://a") -> list[float]:
    """When requests start, one after the other, each as soon as it may."""
    clock = Clock()
    limits = RateLimits(clock)
    for rate_limit in joined:
        limits.join(host, rate_limit)
    starts = []
    for rate_limit in paces:
        clock.wait(limits.reserve(host, rate_limit))
        starts.append(clock.now - 1000)
    return starts


def test_without_a_rate_limit_nothing_waits() -> None:
    assert starts_of([FREE] * 2000) == [0] * 2000


def test_requests_are_spaced_by_the_interval() -> None:
    assert starts_of([RateLimit(seconds_between=0.5)] * 4) == [0, 0.5, 1.0, 1.5]


def test_elapsed_time_counts_toward_the_interval() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    for rate_limit in (RateLimit(seconds_between=5), RateLimit(seconds_between=0, max_requests=1, window_seconds=5)):
        limits.reserve("http://a", rate_limit)
        clock.wait(60)
        assert limits.reserve("http://a", rate_limit) == 0
        clock.wait(60)


def test_requests_per_window_are_limited() -> None:
    starts = starts_of([RateLimit(seconds_between=0, max_requests=3, window_seconds=100)] * 8)
    assert starts == [0, 0, 0, 100, 100, 100, 200, 200]


def test_the_limit_of_usaspending() -> None:
    starts = starts_of([RateLimit(seconds_between=0.5, max_requests=500)] * 1500)
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(starts))
    assert all(later - earlier >= 300 for earlier, later in zip(starts, starts[500:], strict=False))
    assert starts[499] < 250  # what is not used up is not waited for


def test_the_strictest_limit_of_a_host_applies() -> None:
    slow, few = RateLimit(seconds_between=10), RateLimit(seconds_between=0, max_requests=2, window_seconds=60)
    assert starts_of([FREE] * 3, joined=[slow]) == [0, 10, 20]
    assert starts_of([FREE] * 3, joined=[slow, few]) == [0, 10, 60]
    assert starts_of([slow, FREE, slow]) == [0, 0, 10]


def test_a_closed_client_keeps_its_requests_and_drops_its_limit() -> None:
    clock = Clock()
    limits = RateLimits(clock)
    slow = RateLimit(seconds_between=10)
    limits.join("http://a", slow)
    assert limits.reserve("http://a", slow) == 0
    limits.leave("http://a", slow)
    assert limits.reserve("http://a", FREE) == 0
    assert limits.reserve("http://a", slow) == 10
    assert limits.reserve("http://b", slow) == 0


def client(server: ScriptedServer, rate_limit: RateLimit, limits: RateLimits, **how: Any) -> Client:
    return client_at(server.base_url, rate_limit=rate_limit, limits=limits, **how)


def test_clients_in_threads_share_the_limit_of_a_host() -> None:
    moments: list[float] = []

    class Noting(ScriptedServer):
        def answer(self, request: LoggedRequest) -> Answer:
            moments.append(time.monotonic())
            return super().answer(request)

    paces = [RateLimit(seconds_between=0.05), RateLimit(seconds_between=0.01), FREE]
    limits = RateLimits()
    with Noting() as server:
        clients = [client(server, rate_limit, limits, sleep=time.sleep) for rate_limit in paces]
        ready = threading.Barrier(len(clients))

        def poll(asking: Client) -> None:
            with asking:
                ready.wait()  # all have joined
                for _ in range(4):
                    asking.get("/x")
                ready.wait()  # and none leaves before the last one is done

        with ThreadPoolExecutor(3) as pool:
            list(pool.map(poll, clients))
    assert len(moments) == 12
    assert max(moments) - min(moments) > 11 * 0.05 - 0.03


def test_each_host_of_a_client_has_its_own_limit() -> None:
    waits: list[float] = []
    rate_limit = RateLimit(seconds_between=100)
    with ScriptedServer() as home, ScriptedServer() as other:
        with client(
            home, rate_limit, RateLimits(), sleep=waits.append, extra_hosts={"other": other.base_url}
        ) as asking:
            asking.get("/x")
            asking.get("/x", host="other")
            assert waits == []
            asking.get("/y", host="other")
        assert [round(wait) for wait in waits] == [100]


@pytest.mark.parametrize(
    "rate_limit", [RateLimit(seconds_between=3600), RateLimit(seconds_between=0, max_requests=1, window_seconds=3600)]
)
def test_stopping_ends_a_waiting_request(rate_limit: RateLimit) -> None:
    stop = threading.Event()
    with ScriptedServer() as server, client(server, rate_limit, RateLimits(), sleep=stop.wait) as asking:
        asking.get("/x")
        threading.Timer(0.1, stop.set).start()
        begun = time.monotonic()
        with pytest.raises(Stopped, match="is stopping"):
            asking.get("/x")
        assert time.monotonic() - begun < 10
        assert len(server.requests) == 1


def test_stopping_ends_retries() -> None:
    stop = threading.Event()
    stop.set()
    bad = Script(status=503, headers={"Retry-After": "5"}, body=b"")
    with ScriptedServer(bad) as server, client(server, FREE, RateLimits(), sleep=stop.wait) as asking:
        with pytest.raises(Stopped):
            asking.get("/x")
        assert len(server.requests) == 1


def test_clients_of_one_process_share_limits() -> None:
    waits: list[float] = []
    slow = RateLimit(seconds_between=1000)
    with ScriptedServer() as server:
        for _ in range(2):
            with Client("a", base_url=server.base_url, rate_limit=slow, sleep=waits.append) as asking:
                asking.get("/x")
        assert [round(wait, -1) for wait in waits] == [1000]
        host = server.base_url.rstrip("/")
    assert SHARED_LIMITS.reserve(host, slow) > 1990
