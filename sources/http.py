"""The one HTTP client: polite, patient and honest. No other module imports httpx.

It keeps each source's pace, retries what may pass by itself (no connection, 429, 502, 503, 504, an empty body) with
backoff and jitter, never repeats what was refused, and ends in a typed error. Keys travel in headers only.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

import httpx
import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError, Unreachable, excerpt
from sources.records import Document

log = structlog.get_logger(__name__)

PASSING_STATUSES = frozenset({429, 502, 503, 504})
LARGEST_BODY = 64 * 1024 * 1024
PLAIN = " !#$%&'*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How politely a source is asked: seconds between the starts of two requests, and how many may be under way."""

    seconds_between: float
    at_once: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a client waits, in seconds: to connect, for each read, for a whole answer, and between tries."""

    connect: float = 10.0
    read: float = 30.0
    whole_answer: float = 120.0
    tries: int = 5
    first_wait: float = 1.0
    longest_wait: float = 120.0


class _Passing(Exception):
    """An answer worth another try: what to raise if that was the last one, and how long the source asks to wait."""

    def __init__(self, final: SourceError, retry_after: float | None = None) -> None:
        super().__init__(final)
        self.final = final
        self.retry_after = retry_after


def user_agent(contact: str) -> str:
    """Return who we are and how to reach us. `contact` is an address from the settings, "" if none is set.

    What a header's comment cannot hold is percent-encoded, as an address on the web would have it.
    """
    return f"procurewatch/{version('procurewatch')} ({quote(contact.strip(), safe=PLAIN) or 'no contact set'})"


def checked_keys(source: str, key_headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers that hold keys, without the blanks that come with copying them.

    Raises:
        ValueError: a key cannot stand in a header. Found out on sending, it would stand in the error.
    """
    keys = {name: key.strip() for name, key in key_headers.items()}
    if not all(key.isascii() and key.isprintable() for key in keys.values()):
        raise ValueError(f"{source}: its key holds characters that no header can carry")
    return keys


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds a Retry-After header asks for (RFC 9110: seconds or a date); `None` if it says neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def read_json(document: Document, source: str) -> dict[str, object]:
    """Return the JSON object of an answer, its fractions as `Decimal`.

    Raises:
        SourceChanged: it is not a JSON object (an HTML page, half an answer).
    """
    try:
        answer = json.loads(document.body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError) as error:
        came_back = f"not JSON but {document.content_type or 'unnamed content'}: {excerpt(document.body)}"
        raise SourceChanged(source, document.url, came_back) from error
    if not isinstance(answer, dict):
        raise SourceChanged(source, document.url, f"not a JSON object: {excerpt(document.body)}")
    return answer


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


class Client:
    """Asks one source. Use as a context manager; safe to share between threads."""

    def __init__(
        self,
        source: str,
        *,
        base_url: str,
        pace: Pace,
        contact: str = "",
        patience: Patience | None = None,
        key_headers: Mapping[str, str] | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.source = source
        self.requests_sent = 0
        self._patience = patience or Patience()
        self._pace = pace
        self._sleep = sleep
        self._places = threading.BoundedSemaphore(pace.at_once)
        self._turn = threading.Lock()
        self._next_start = 0.0
        loopback = urlsplit(base_url).hostname in ("127.0.0.1", "localhost", "::1")
        keys = checked_keys(source, key_headers or {})
        self._keys = tuple(keys.values())
        self._http = httpx.Client(
            base_url=base_url,
            headers={"User-Agent": user_agent(contact), "Accept": "application/json", **keys},
            timeout=httpx.Timeout(self._patience.read, connect=self._patience.connect),
            limits=httpx.Limits(max_connections=pace.at_once),
            # A proxy of the environment cannot reach this machine's own loopback.
            trust_env=not loopback,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str) -> Document:
        """Ask for a path. Raises a leaf of `SourceError`."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, object]) -> Document:
        """Send a JSON body to a path. Raises a leaf of `SourceError`."""
        return self._ask("POST", path, json.dumps(body, sort_keys=True))

    def _ask(self, method: str, path: str, body: str | None) -> Document:
        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=stop_after_attempt(self._patience.tries),
            wait=self._wait,
            before_sleep=self._announce,
            sleep=self._pause,
            reraise=True,
        )
        try:
            document: Document = retrying(self._try_once, method, path, body)
        except _Passing as error:
            raise error.final from error.__cause__
        return document

    def _pause(self, seconds: float) -> None:
        self._sleep(seconds)

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, _Passing) else None
        backoff = wait_exponential_jitter(
            multiplier=self._patience.first_wait, max=60, jitter=self._patience.first_wait
        )
        return backoff(state) if asked is None else asked + 0.1

    def _announce(self, state: RetryCallState) -> None:
        log.info("trying again", source=self.source, after=state.attempt_number, seconds=round(state.upcoming_sleep, 1))

    def _try_once(self, method: str, path: str, body: str | None) -> Document:
        request = f"{method} {path}"
        with self._places:
            self._await_turn()
            try:
                response, content = self._exchange(method, path, body)
            except httpx.HTTPError as error:
                reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                raise _Passing(Unreachable(self.source, request, reason)) from error
        self._judge(request, response, content)
        return Document(
            url=str(response.request.url),
            request=body or "",
            retrieved_at=datetime.now(UTC),
            content_type=response.headers.get("content-type", ""),
            body=content,
        )

    def _await_turn(self) -> None:
        with self._turn:
            now = time.monotonic()
            start = max(now, self._next_start)
            self._next_start = start + self._pace.seconds_between
            self.requests_sent += 1
        if start > now:
            self._pause(start - now)

    def _exchange(self, method: str, path: str, body: str | None) -> tuple[httpx.Response, bytes]:
        """Send and read to the end, within the time and size a whole answer may take."""
        headers = {"Content-Type": "application/json"} if body is not None else None
        deadline = time.monotonic() + self._patience.whole_answer
        content = bytearray()
        with self._http.stream(method, path, content=body, headers=headers) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout(f"the answer took longer than {self._patience.whole_answer:g} seconds")
                if len(content) > LARGEST_BODY:
                    raise httpx.DecodingError(f"the answer is larger than {LARGEST_BODY} bytes")
        return response, self._without_keys(content.decode("latin-1")).encode("latin-1")

    def _without_keys(self, text: str) -> str:
        """Take out a key that a source repeats: what comes back is stored as evidence and quoted in errors."""
        for key in filter(None, self._keys):
            text = text.replace(key, "[key]")
        return text

    def _judge(self, request: str, response: httpx.Response, content: bytes) -> None:
        """Return if the answer can be read; else raise what it means."""
        status = response.status_code
        came_back = f"HTTP {status}: {excerpt(content)}"
        if status in PASSING_STATUSES:
            self._judge_passing(request, response, came_back)
        if status in (401, 403):
            raise Blocked(self.source, request, came_back, status=status)
        if status >= 500:
            raise Unreachable(self.source, request, came_back, status=status)
        if status >= 400:
            raise Refused(self.source, request, came_back, status=status)
        if status >= 300:
            came_back = f"HTTP {status}: moved to {self._without_keys(response.headers.get('location', 'nowhere'))}"
            raise SourceChanged(self.source, request, came_back, status=status)
        if not content.strip():
            raise _Passing(Unreachable(self.source, request, f"HTTP {status} with an empty body", status=status))

    def _judge_passing(self, request: str, response: httpx.Response, came_back: str) -> None:
        now = datetime.now(UTC)
        status = response.status_code
        wait = read_retry_after(response.headers.get("retry-after"), now)
        retry_at = now + timedelta(seconds=min(wait, 366 * 86_400)) if wait is not None else None
        kind = QuotaUsedUp if status == 429 else Unreachable
        final = kind(self.source, request, came_back, status=status, retry_at=retry_at)
        if wait is not None and wait > self._patience.longest_wait:
            raise final
        raise _Passing(final, wait)
