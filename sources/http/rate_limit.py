"""Rate limits per host, shared by all clients.

Every source has its own client, and `run` uses several at once. Requests to a host are counted together; if its clients
have different limits, the strictest one applies.
"""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many requests may be sent to a source.

    Two requests start at least `seconds_between` apart, and at most `at_once` are under way. At most `max_requests`
    start within `window_seconds`; 0 means no such limit.
    """

    seconds_between: float
    at_once: int = 1
    max_requests: int = 0
    window_seconds: float = 300.0


@dataclass(slots=True)
class _Host:
    """The limits of the clients that use a host, and when its latest requests started or will start."""

    limits: list[RateLimit] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)


class RateLimits:
    """The rate limits of all hosts, by host. Safe to share between threads. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def join(self, host: str, rate_limit: RateLimit) -> None:
        """Apply a limit to a host, until `leave`."""
        with self._lock:
            self._hosts.setdefault(host, _Host()).limits.append(rate_limit)

    def leave(self, host: str, rate_limit: RateLimit) -> None:
        """Stop applying a limit. Requests that were sent still count."""
        with self._lock:
            self._hosts[host].limits.remove(rate_limit)

    def reserve(self, host: str, rate_limit: RateLimit) -> float:
        """Reserve the next free start for a host; return the seconds until then. `rate_limit` applies as well."""
        with self._lock:
            known = self._hosts.setdefault(host, _Host())
            now = self._clock()
            limits = [*known.limits, rate_limit]
            start = max(_earliest(known.starts, one, now) for one in limits)
            oldest = now - max(one.window_seconds for one in limits)
            known.starts = [earlier for earlier in known.starts if earlier > oldest]
            insort(known.starts, start)
        return start - now


def _earliest(starts: list[float], rate_limit: RateLimit, now: float) -> float:
    """Return when one limit allows the next request; `starts` are in order."""
    start = now
    if starts and rate_limit.seconds_between:
        start = max(start, starts[-1] + rate_limit.seconds_between)
    if 0 < rate_limit.max_requests <= len(starts):
        start = max(start, starts[-rate_limit.max_requests] + rate_limit.window_seconds)
    return start


SHARED_LIMITS = RateLimits()
