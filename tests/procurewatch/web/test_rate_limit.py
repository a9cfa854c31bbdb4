"""How much a client may ask: any minute, not each minute of the clock, and nobody else's share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from procurewatch.web.security.rate_limit import RateLimiter


class Clock:
    """Tells the time it is set to, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_client_has_a_limit_per_minute() -> None:
    clock = Clock()
    allowance = RateLimiter(3, clock)
    asked = []
    for now in (0, 20, 40, 50, 59.9, 60, 79.9, 80, 81):
        clock.now = 1000 + now
        asked.append(allowance.allow("a"))
    assert asked == [True, True, True, False, False, True, False, True, False]


def test_each_client_has_its_own_limit() -> None:
    allowance = RateLimiter(1, Clock())
    assert [allowance.allow(client) for client in ("a", "b", "a", "b", "c")] == [True, True, False, False, True]


def test_old_requests_are_forgotten() -> None:
    clock = Clock()
    allowance = RateLimiter(2, clock)
    for number in range(10_000):
        clock.now += 0.1
        allowance.allow(f"client {number}")
    assert len(allowance._times) <= 601
    clock.now += 61
    assert allowance.allow("last")
    assert len(allowance._times) == 1


def test_refused_requests_do_not_count() -> None:
    clock = Clock()
    allowance = RateLimiter(1, clock)
    assert allowance.allow("a")
    for _ in range(100):
        clock.now += 0.5
        assert not allowance.allow("a")
    clock.now = 1060
    assert allowance.allow("a")


def test_threads_share_the_limit() -> None:
    allowance = RateLimiter(100, Clock())
    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(lambda _: allowance.allow("a"), range(1000))) == 100
