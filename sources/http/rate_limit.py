"""One rate limit per host, for the whole program.

Every source has a client of its own, and `run` uses several at once. A host counts requests, not clients: so the
requests to a host are counted together, and where its clients state different limits, the strictest one holds.
"""

from __future__ import annotations

import threading
import time
from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How fast a source may be asked.

    `seconds_between` lie between the starts of two requests, `at_once` requests may be under way. No more than
    `max_requests` start within `window_seconds`; 0 means that there is no such limit.
    """

    seconds_between: float
    at_once: int = 1
    max_requests: int = 0
    window_seconds: float = 300.0


@dataclass(slots=True)
class _Host:
    """The limits of the clients that use a host now, and the latest requests to it: when each started or will start."""

    paces: list[RateLimit] = field(default_factory=list)
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
            self._hosts.setdefault(host, _Host()).paces.append(rate_limit)

    def leave(self, host: str, rate_limit: RateLimit) -> None:
        """Apply a limit no more; the requests sent so far still count."""
        with self._lock:
            self._hosts[host].paces.remove(rate_limit)

    def reserve(self, host: str, rate_limit: RateLimit) -> float:
        """Reserve the next free start at a host; return the seconds until then. `rate_limit` applies as well."""
        with self._lock:
            known = self._hosts.setdefault(host, _Host())
            now = self._clock()
            paces = [*known.paces, rate_limit]
            start = max(_earliest(known.starts, one, now) for one in paces)
            oldest = now - max(one.window_seconds for one in paces)
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


OF_THIS_PROGRAM = RateLimits()
