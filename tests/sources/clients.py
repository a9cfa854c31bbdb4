"""A client for tests of any source: it waits for nothing, and finds all hosts of the source at one address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sources.base import Source
from sources.errors import Blocked, QuotaUsedUp, SourceChanged, SourceError, Unreachable
from sources.http.client import Client, Quota, RateLimit, Timeouts
from tests.upstreams.faults import Fault

ERRORS: dict[Fault, type[SourceError]] = {
    Fault.TOO_MANY: QuotaUsedUp,
    Fault.TOO_MANY_DATE: QuotaUsedUp,
    Fault.TOO_MANY_HOUR: QuotaUsedUp,
    Fault.UNAVAILABLE: Unreachable,
    Fault.GATEWAY_TIMEOUT: Unreachable,
    Fault.SERVER_ERROR: Unreachable,
    Fault.EMPTY: Unreachable,
    Fault.RESET: Unreachable,
    Fault.CUT_TRANSFER: Unreachable,
    Fault.SLOW_DRIP: Unreachable,
    Fault.FORBIDDEN: Blocked,
    Fault.HTML_OK: SourceChanged,
    Fault.TRUNCATED_JSON: SourceChanged,
}
# One of each kind, for tests of what an adapter has given before the error.
SOME_FAULTS = (Fault.TOO_MANY_HOUR, Fault.RESET, Fault.HTML_OK)


@contextmanager
def client_for(
    source: Source,
    base_url: str,
    *,
    key: str = "",
    tries: int = 2,
    total: float = 30,
    quota: Quota | None = None,
    seconds_between: float = 0,
    sleep: Callable[[float], object] = lambda _seconds: None,
) -> Iterator[Client]:
    """Open a client of a source; `total` is how many seconds a response may take."""
    header = source.api_key_header
    with Client(
        source.name,
        base_url=base_url,
        rate_limit=RateLimit(seconds_between=seconds_between),
        timeouts=Timeouts(connect=10, read=10, total=total, tries=tries, first_wait=0.001),
        key_headers={header: key} if header and key else {},
        api_key_parameter=source.api_key_parameter,
        extra_hosts=dict.fromkeys(source.extra_hosts, base_url),
        quota=quota,
        sleep=sleep,
    ) as client:
        yield client


QUICK = Timeouts(connect=5, read=5, total=5, tries=3, first_wait=0.001)
FREE = RateLimit(seconds_between=0)


def client_at(base_url: str, *, timeouts: Timeouts = QUICK, rate_limit: RateLimit = FREE, **given: Any) -> Client:
    """A client of the source "example"; it waits for nothing unless `sleep` is given."""
    how = {"sleep": lambda _seconds: None, **given}
    return Client("example", base_url=base_url, rate_limit=rate_limit, timeouts=timeouts, **how)
