"""What an HTTP response means: a document, a reason to retry, or an error. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError, Unreachable, excerpt

# What is temporary in practice; 520 to 524 are Cloudflare's for an origin that does not respond.
RETRY_STATUSES = frozenset({429, 500, 502, 503, 504, *range(520, 525)})
NO_CONTENT = frozenset({204})
SUCCESS_STATUSES = frozenset({200, 201, 202, 204})
SECONDS_PER_DAY = 86_400.0
MIN_EPOCH_TIME = 1_000_000_000  # a Retry-After of this or more is in seconds since 1970, not a wait


class RetryableError(Exception):
    """A response worth a retry: `final` is the error to raise after the last one, `retry_after` the requested wait."""

    def __init__(self, final: SourceError, retry_after: float | None = None) -> None:
        super().__init__(final)
        self.final = final
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class RawResponse:
    """A response to a request of a source; `request` names it in errors, header names are in lower case."""

    source: str
    request: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_empty(self) -> bool:
        """Whether the body is empty or blank."""
        return not self.body.strip()

    @property
    def came_back(self) -> str:
        """The status and the beginning of the body, for errors."""
        return f"HTTP {self.status}: {excerpt(self.body)}"


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds to wait that a Retry-After header states, at most a day; `None` if it cannot be parsed.

    It holds seconds or a date (RFC 9110), and in practice sometimes the seconds since 1970.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        number = float(value)
        wait = number - now.timestamp() if number >= MIN_EPOCH_TIME else number
    else:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        wait = (moment - now).total_seconds()
    return min(max(0.0, wait), SECONDS_PER_DAY)


def raise_for_status(
    response: RawResponse, *, empty_statuses: frozenset[int], allow_404: bool, max_retry_after: float
) -> None:
    """Return if the response is one to read. A body may be empty with one of `empty_statuses`.

    Raises:
        RetryableError: a retry may succeed.
        SourceError: no retry can succeed, or it would have to wait longer than `max_retry_after` seconds.
    """
    status, moved = response.status, ""
    if status in RETRY_STATUSES:
        raise _retryable(response, max_retry_after)
    kind: type[SourceError] | None = None
    if status in (401, 403):
        kind = Blocked
    elif status >= 500:
        kind = Unreachable
    elif status >= 400 and not (status == 404 and allow_404 and not response.is_empty):
        kind = Refused
    elif 300 <= status < 400:
        kind, moved = SourceChanged, f"HTTP {status}: moved to {response.headers.get('location', 'nowhere')}"
    if kind:
        came_back = moved or response.came_back
        raise kind(response.source, response.request, came_back, status=status, body_was_empty=response.is_empty)
    if response.is_empty and status not in empty_statuses:
        reason = f"HTTP {status} with an empty body"
        raise RetryableError(Unreachable(response.source, response.request, reason, status=status, body_was_empty=True))


def _retryable(response: RawResponse, max_retry_after: float) -> Exception:
    now = datetime.now(UTC)
    wait = read_retry_after(response.headers.get("retry-after"), now)
    kind = QuotaUsedUp if response.status == 429 else Unreachable
    final = kind(
        response.source,
        response.request,
        response.came_back,
        status=response.status,
        retry_at=None if wait is None else now + timedelta(seconds=wait),
        body_was_empty=response.is_empty,
    )
    return final if wait is not None and wait > max_retry_after else RetryableError(final, wait)
