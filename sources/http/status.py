"""What an HTTP answer means: something to read, something to ask for again, or an error. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError, Unreachable, excerpt

# What is temporary in practice; 520 to 524 are Cloudflare's for an origin that does not answer.
PASSING_STATUSES = frozenset({429, 500, 502, 503, 504, *range(520, 525)})
NO_CONTENT = frozenset({204})
TAKEN = frozenset({200, 201, 202, 204})
A_DAY = 86_400.0
A_TIME = 1_000_000_000  # a Retry-After of this or more is a time in seconds since 1970, not a wait


class Passing(Exception):
    """An answer worth another try: what to raise if it was the last one, and the seconds the source asks to wait."""

    def __init__(self, final: SourceError, retry_after: float | None = None) -> None:
        super().__init__(final)
        self.final = final
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a caller takes as an answer: statuses without a body, and whether 404 with a body is one."""

    empty_statuses: frozenset[int] = frozenset()
    allow_404: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back for a request: `request` and `source` are what errors call them, header names are lower case."""

    source: str
    request: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to read in it."""
        return not self.body.strip()


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for, at most a day; `None` if it says nothing that can be read.

    It holds seconds or a date (RFC 9110), and in practice sometimes the seconds since 1970.
    """
    if value is None:
        return None
    if value.strip().isdecimal():
        number = float(value)
        wait = number - now.timestamp() if number >= A_TIME else number
    else:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        wait = (moment - now).total_seconds()
    return min(max(0.0, wait), A_DAY)


def judge(answer: Answer, expected: Expected, *, max_retry_after: float) -> None:
    """Return if the answer can be read.

    Raises:
        Passing: it is worth another try.
        SourceError: one of its leaves says what it means. So does a wait of more than `max_retry_after` seconds.
    """
    status = answer.status
    came_back = f"HTTP {status}: {excerpt(answer.body)}"
    if status in PASSING_STATUSES:
        raise _passing(answer, came_back, max_retry_after)
    kind: type[SourceError] | None = None
    if status in (401, 403):
        kind = Blocked
    elif status >= 500:
        kind = Unreachable
    elif status >= 400 and not (status == 404 and expected.allow_404 and not answer.is_empty):
        kind = Refused
    elif 300 <= status < 400:
        kind, came_back = SourceChanged, f"HTTP {status}: moved to {answer.headers.get('location', 'nowhere')}"
    if kind:
        raise kind(answer.source, answer.request, came_back, status=status, body_was_empty=answer.is_empty)
    if answer.is_empty and status not in expected.empty_statuses:
        reason = f"HTTP {status} with an empty body"
        raise Passing(Unreachable(answer.source, answer.request, reason, status=status, body_was_empty=True))


def _passing(answer: Answer, came_back: str, max_retry_after: float) -> Exception:
    now = datetime.now(UTC)
    wait = read_retry_after(answer.headers.get("retry-after"), now)
    kind = QuotaUsedUp if answer.status == 429 else Unreachable
    final = kind(
        answer.source,
        answer.request,
        came_back,
        status=answer.status,
        retry_at=None if wait is None else now + timedelta(seconds=wait),
        body_was_empty=answer.is_empty,
    )
    return final if wait is not None and wait > max_retry_after else Passing(final, wait)
