"""A timeout for a whole response, applied to every read from the connection, and an end to reading on request.

httpx has no such timeout: a server that sends one byte now and then, of the headers or of the body, would be read for
ever. So each read may take only what is left of the total time. A read waits in slices, because nothing else ends one
in another thread when the program is to stop.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpcore

MIN_TIMEOUT = 0.001  # zero would mean not to wait at all
SLICE = 1.0  # seconds


class Deadline(threading.local):
    """The deadline of this thread's current response; none before `begin`.

    `is_stopping` returns whether the program is to stop: then a read ends with an error.
    """

    ends = math.inf

    def __init__(self, is_stopping: Callable[[], bool]) -> None:
        self._is_stopping = is_stopping

    def begin(self, seconds: float) -> None:
        """Set the deadline to so many seconds from now; `math.inf` removes it."""
        self.ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds left, negative after the deadline."""
        return self.ends - time.monotonic()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Apply the deadline to a new connection. httpx calls this as its extension "trace"."""
        if not event.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        stream = info["return_value"]
        plain = stream.read

        def read(max_bytes: int, timeout: float | None = None) -> bytes:
            ends = min(self.ends, time.monotonic() + (math.inf if timeout is None else timeout))
            while not self._is_stopping():
                try:
                    content: bytes = plain(max_bytes, max(min(ends - time.monotonic(), SLICE), MIN_TIMEOUT))
                except httpcore.ReadTimeout:
                    if time.monotonic() >= ends:
                        raise
                else:
                    return content
            raise httpcore.ReadError("the program is stopping")

        stream.read = read
