"""The time that one whole answer may take, kept on every read from the connection.

A read timeout alone ends nothing: a server that sends a byte now and then, be it of the head or of the body, is read
for ever. So each read gets only what is left of the whole answer's time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import Any

SHORTEST = 0.001  # zero would mean: do not wait at all


class Deadline(threading.local):
    """When the answer under way in this thread must be there. Without `begin` it may take for ever."""

    ends = math.inf

    def begin(self, seconds: float) -> None:
        """Give the next answer so many seconds from now; `math.inf` lifts the deadline."""
        self.ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds left, negative when it is past."""
        return self.ends - time.monotonic()

    def watch(self, event: str, told: Mapping[str, Any]) -> None:
        """Keep the deadline on a connection, from when it is made: what httpx calls as its extension "trace"."""
        if not event.endswith(("connect_tcp.complete", "start_tls.complete")):
            return
        stream = told["return_value"]
        plain = stream.read

        def read(max_bytes: int, timeout: float | None = None) -> bytes:
            timeouts = math.inf if timeout is None else timeout
            wait = max(min(self.left, timeouts), SHORTEST)
            content: bytes = plain(max_bytes, None if math.isinf(wait) else wait)
            return content

        stream.read = read
