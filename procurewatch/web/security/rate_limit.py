"""A rate limit per client."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0


class RateLimiter:
    """Allows each client a number of requests in any minute. Thread-safe.

    It stores the times of the last minute only. The in-memory libraries tried start a thread for nearly every request,
    which took a third of the time of a short response.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._times: OrderedDict[str, deque[float]] = OrderedDict()  # the latest client last

    def allow(self, client: str) -> bool:
        """Return whether a client may send a request now, and count it if so."""
        with self._lock:
            now = self._clock()
            self._forget(now - WINDOW_SECONDS)
            times = self._times.setdefault(client, deque(maxlen=self._limit))
            if len(times) == self._limit and times[0] > now - WINDOW_SECONDS:
                return False
            times.append(now)
            self._times.move_to_end(client)
            return True

    def _forget(self, before: float) -> None:
        """Forget clients whose latest request was before a moment."""
        while self._times:
            client, times = next(iter(self._times.items()))
            if times[-1] > before:
                return
            del self._times[client]
