"""Limits of connections: how many, how long a request may take to arrive, and how slowly a response may be read."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from procurewatch.web.security.addresses import UNKNOWN, Proxies, normalize_address

TOO_MANY = b"Too many connections; close some, or try again in a minute.\n"
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 60\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\n\r\n%s" % (len(TOO_MANY), TOO_MANY)
)


@dataclass(frozen=True)
class ConnectionLimits:
    """Limits of the connections of a server. `proxies` connect for many clients: only the total limits them.

    A request must arrive within `request_seconds`. A response must be read at `bytes_per_second` on average; a reader
    may fall `patience_seconds` behind that.
    """

    proxies: Proxies
    total: int = 500
    per_client: int = 50
    request_seconds: float = 20
    bytes_per_second: float = 16 * 1024
    patience_seconds: float = 30
    open_by_client: Counter[str] = field(default_factory=Counter)

    def protocol(self) -> Any:
        """Return what makes the protocol of each connection, for `uvicorn.Config(http=...)`."""
        return partial(LimitedProtocol, self)


class LimitedProtocol(H11Protocol):
    """uvicorn's HTTP protocol with these limits. h11 limits the size of the headers."""

    def __init__(self, limits: ConnectionLimits, **given: Any) -> None:
        super().__init__(**given)
        self._limits = limits
        self._client_address = ""
        self._arriving: asyncio.TimerHandle | None = None
        self._reading: asyncio.TimerHandle | None = None
        self._patience = limits.patience_seconds
        self._paused = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Count the connection, or refuse it."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # so that `pause_writing` limits also the end of a response
        self._client_address = normalize_address(self.client[0]) if self.client else UNKNOWN
        counts, limits = self._limits.open_by_client, self._limits
        counts[self._client_address] += 1
        is_one_client = not self.client or self.client[0] not in limits.proxies
        if (is_one_client and counts[self._client_address] > limits.per_client) or counts.total() > limits.total:
            transport.write(REFUSAL)
            transport.close()
        else:
            self._arriving = self.loop.call_later(limits.request_seconds, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        counts = self._limits.open_by_client
        counts[self._client_address] -= 1
        if not counts[self._client_address]:
            del counts[self._client_address]
        self._stop(self._arriving)
        self._stop(self._reading)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a part of a request, and limit the time in which the rest must arrive."""
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._stop(self._arriving)
            self._arriving = None
        elif self._arriving is None:
            self._arriving = self.loop.call_later(self._limits.request_seconds, self.transport.abort)

    def pause_writing(self) -> None:
        """Limit the time in which the client must read what has been written."""
        super().pause_writing()
        self._paused = self.loop.time()
        self._patience += self.transport.get_write_buffer_size() / self._limits.bytes_per_second
        self._reading = self.loop.call_later(self._patience, self.transport.abort)

    def resume_writing(self) -> None:
        """Note that the client has read it."""
        super().resume_writing()
        self._stop(self._reading)
        self._patience = min(self._limits.patience_seconds, self._patience - (self.loop.time() - self._paused))

    @staticmethod
    def _stop(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()
