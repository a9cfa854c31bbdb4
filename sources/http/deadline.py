"""A timeout for a whole response, applied to every read from the connection.

httpx has no such timeout: a server that sends one byte now and then, of the headers or of the body, would be read for
ever. So each read may take only what is left of the total time.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import Any

MIN_TIMEOUT = 0.001  # zero would mean not to wait at all


class Deadline(threading.local):
    """The deadline of this thread's current response; none before `begin`."""

    ends = math.inf

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
            limit = math.inf if timeout is None else timeout
            wait = max(min(self.left, limit), MIN_TIMEOUT)
            content: bytes = plain(max_bytes, None if math.isinf(wait) else wait)
            return content

        stream.read = read
