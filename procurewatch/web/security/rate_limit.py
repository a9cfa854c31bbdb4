"""How much each client may ask in a minute."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable

WINDOW_SECONDS = 60.0


class Allowance:
    """Lets each client through so many times in any minute. Safe to share between threads.

    What it remembers is bounded by what was let through in the last minute. Libraries that do this in memory start a
    thread for nearly every request, which took a third of the time of a short answer.
    """

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = a_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._let_through: OrderedDict[str, deque[float]] = OrderedDict()  # who came last stands last

    def hit(self, client: str) -> bool:
        """Count a request, if it may be answered; whether it may."""
        with self._lock:
            now = self._clock()
            self._forget(now - WINDOW_SECONDS)
            times = self._let_through.setdefault(client, deque(maxlen=self._most))
            if len(times) == self._most and times[0] > now - WINDOW_SECONDS:
                return False
            times.append(now)
            self._let_through.move_to_end(client)
            return True

    def _forget(self, before: float) -> None:
        """Forget clients that were last let through before a moment."""
        while self._let_through:
            client, times = next(iter(self._let_through.items()))
            if times[-1] > before:
                return
            del self._let_through[client]
