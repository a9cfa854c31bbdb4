"""The one HTTP client: polite, patient and honest. No other module imports httpx.

It keeps each source's pace, retries what may pass by itself (no connection, 429, 502, 503, 504, an empty body) with
backoff and jitter, never repeats what was refused, and ends in a typed error. Keys travel in headers only.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, cast
from urllib.parse import quote, urlencode, urlsplit

import httpx
import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from sources.deadline import Deadline
from sources.errors import Blocked, QuotaUsedUp, Refused, SourceChanged, SourceError, Unreachable, excerpt
from sources.keys import REQUEST_LOG, Keys
from sources.records import Document

log = structlog.get_logger(__name__)

JSON_TYPES = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
NO_CONTENT = frozenset({204})
TAKEN = frozenset({200, 201, 202, 204})
PASSING_STATUSES = frozenset({429, 502, 503, 504})
LARGEST_BODY = 64 * 1024 * 1024
LARGEST_FILE = 8 * 1024 * 1024 * 1024
MOST_MOVES = 5
LOOK = 8.0  # seconds that a server has to show that it is there
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


class Meter(Protocol):
    """Counts the requests of a key that may make only so many a day."""

    def spend(self, source: str, request: str) -> None:
        """Count one request before it is sent. Raises `QuotaUsedUp` when there is none left."""

    def left(self) -> int:
        """Return how many requests are left until 00:00 UTC."""

    def stop(self) -> datetime:
        """The source itself says that none is left: send no more until 00:00 UTC, which is returned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A large file of an upstream, on disk. `url` holds no key; `size` in bytes; `retrieved_at` is UTC."""

    url: str
    retrieved_at: datetime
    content_type: str
    sha256: str
    size: int
    file: Path


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


@dataclass(frozen=True, slots=True)
class _Request:
    """One thing to ask: `name` is what errors call it, `file` where the body of a large answer goes."""

    name: str
    method: str
    url: str
    body: str | None = None
    content_type: str = JSON_TYPES
    accept: str = JSON_TYPES
    follow: bool = False
    empty_statuses: frozenset[int] = frozenset()
    may_be_missing: bool = False
    file: Path | None = None


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _may_move(origin: httpx.URL, target: httpx.URL) -> bool:
    """Whether a redirection stays encrypted; on loopback it only has to stay there."""
    return target.scheme == "https" or (_is_loopback(str(origin)) and _is_loopback(str(target)))


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
        also: Mapping[str, str] | None = None,
        meter: Meter | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.source = source
        self.requests_sent = 0
        self._also = dict(also or {})
        self._meter = meter
        self._patience = patience or Patience()
        self._pace = pace
        self._sleep = sleep
        self._places = threading.BoundedSemaphore(pace.at_once)
        self._turn = threading.Lock()
        self._next_start = 0.0
        self._base_url = base_url.rstrip("/")
        self._keys = Keys(source, key_headers or {})
        self._deadline = Deadline()
        self._http = httpx.Client(
            headers={"User-Agent": user_agent(contact)},
            timeout=httpx.Timeout(self._patience.read, connect=self._patience.connect),
            limits=httpx.Limits(max_connections=pace.at_once),
            # A proxy of the environment cannot reach this machine's own loopback.
            trust_env=not _is_loopback(base_url),
        )

    def __enter__(self) -> Self:
        REQUEST_LOG.addFilter(self._keys)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        REQUEST_LOG.removeFilter(self._keys)

    @property
    def requests_left(self) -> int | None:
        """How many requests the key may still make today; `None` when nobody counts."""
        return self._meter.left() if self._meter else None

    def get(
        self,
        path: str,
        *,
        at: str = "",
        accept: str = JSON_TYPES,
        follow: bool = False,
        may_be_empty: bool = False,
        may_be_missing: bool = False,
    ) -> Document:
        """Ask for a path. Raises a leaf of `SourceError`.

        Args:
            path: below the source's address, or below that of the other host which `at` names; keys stay at home.
            accept: the content types asked for.
            follow: whether a redirection is followed (over https); otherwise it means that the source has changed.
            may_be_empty: whether 204, no content, is an answer (its body is b"") and not a failure.
            may_be_missing: whether 404 is an answer, whose body says what is missing, and not a refusal.
        """
        request = replace(self._request("GET", path, at), accept=accept, follow=follow)
        request = replace(
            request, empty_statuses=NO_CONTENT if may_be_empty else frozenset(), may_be_missing=may_be_missing
        )
        return cast(Document, self._ask(request))

    def post(self, path: str, body: Mapping[str, object]) -> Document:
        """Send a JSON body to a path. Raises a leaf of `SourceError`."""
        request = replace(self._request("POST", path), body=json.dumps(body, sort_keys=True))
        return cast(Document, self._ask(request))

    def post_form(self, path: str, fields: Sequence[tuple[str, str]]) -> Document:
        """Send a form to a path; an answer without a body is one. Raises a leaf of `SourceError`."""
        request = replace(self._request("POST", path), body=urlencode(fields), content_type=FORM_TYPE, accept="*/*")
        return cast(Document, self._ask(replace(request, empty_statuses=TAKEN)))

    def download(self, path: str, file: Path, *, at: str = "") -> Downloaded:
        """Fetch a large file to disk, following redirections. What `file` held is overwritten.

        Raises:
            SourceError: one of its leaves; `file` is then not to be used.
        """
        request = replace(self._request("GET", path, at), accept="*/*", follow=True, file=file)
        return cast(Downloaded, self._ask(request))

    def _request(self, method: str, path: str, at: str = "") -> _Request:
        host = self._also[at].rstrip("/") if at else self._base_url
        return _Request(self._keys.taken_out(f"{method} {path}"), method, host + path)

    def _ask(self, request: _Request) -> Document | Downloaded:
        retrying = Retrying(
            retry=retry_if_exception_type(_Passing),
            stop=stop_after_attempt(self._patience.tries),
            wait=self._wait,
            before_sleep=self._announce,
            sleep=self._pause,
            reraise=True,
        )
        try:
            answer: Document | Downloaded = retrying(self._try_once, request)
        except _Passing as error:
            raise error.final from error.__cause__
        return answer

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

    def _try_once(self, request: _Request) -> Document | Downloaded:
        with self._places:
            if self._meter:
                self._meter.spend(self.source, request.name)
            self._await_turn()
            try:
                response, content = self._exchange(request)
            except httpx.HTTPError as error:
                reason = self._keys.taken_out(f"{type(error).__name__}: {error}".removesuffix(": "))
                if self._deadline.left < 0:
                    reason = f"ReadTimeout: the answer took longer than {self._patience.whole_answer:g} seconds"
                raise _Passing(Unreachable(self.source, request.name, reason)) from error
        if isinstance(content, Downloaded):
            return content
        self._judge(request, response, content)
        return Document(
            url=self._keys.taken_out(str(response.request.url)),
            request=request.body or "",
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

    def _exchange(self, request: _Request) -> tuple[httpx.Response, bytes | Downloaded]:
        """Send and read to the end, within the time and size a whole answer may take; follow where that is allowed."""
        url = httpx.URL(request.url)
        home = url.host
        self._deadline.begin(self._patience.whole_answer)
        for _move in range(MOST_MOVES):
            headers = {"Accept": request.accept} | (self._keys.headers if self._is_home(url) else {})
            if request.body is not None:
                headers["Content-Type"] = request.content_type
            with self._http.stream(
                request.method, url, content=request.body, headers=headers, extensions={"trace": self._deadline.watch}
            ) as response:
                target = response.headers.get("location", "") if response.has_redirect_location else ""
                if not (target and request.follow and _may_move(url, url.join(target))):
                    return response, self._read(request, response)
            url = url.join(target)
        raise httpx.TooManyRedirects(f"more than {MOST_MOVES} redirections from {home}")

    def _is_home(self, url: httpx.URL) -> bool:
        return url.copy_with(raw_path=b"/") == httpx.URL(self._base_url).copy_with(raw_path=b"/")

    def _read(self, request: _Request, response: httpx.Response) -> bytes | Downloaded:
        if request.file is not None and response.status_code == 200:
            return self._store(request.file, response)
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if self._deadline.left < 0:
                raise httpx.ReadTimeout("too late")
            if len(content) > LARGEST_BODY:
                raise httpx.DecodingError(f"the answer is larger than {LARGEST_BODY} bytes")
        return self._keys.taken_out(content.decode("latin-1")).encode("latin-1")

    def _store(self, file: Path, response: httpx.Response) -> Downloaded:
        self._deadline.begin(math.inf)  # a large file may take its time, as long as it keeps coming
        digest, size = hashlib.sha256(), 0
        with file.open("wb") as target:
            for chunk in response.iter_bytes():
                target.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                if size > LARGEST_FILE:
                    raise httpx.DecodingError(f"the file is larger than {LARGEST_FILE} bytes")
        return Downloaded(
            url=self._keys.taken_out(str(response.request.url)),
            retrieved_at=datetime.now(UTC),
            content_type=response.headers.get("content-type", ""),
            sha256=digest.hexdigest(),
            size=size,
            file=file,
        )

    def _judge(self, request: _Request, response: httpx.Response, content: bytes) -> None:
        """Return if the answer can be read; else raise what it means."""
        status = response.status_code
        came_back = f"HTTP {status}: {excerpt(content)}"
        if status in PASSING_STATUSES:
            self._judge_passing(request.name, response, came_back)
        if status in (401, 403):
            raise Blocked(self.source, request.name, came_back, status=status)
        if status >= 500:
            raise Unreachable(self.source, request.name, came_back, status=status)
        if status >= 400 and not (status == 404 and request.may_be_missing and content.strip()):
            raise Refused(self.source, request.name, came_back, status=status)
        if 300 <= status < 400:
            came_back = f"HTTP {status}: moved to {self._keys.taken_out(response.headers.get('location', 'nowhere'))}"
            raise SourceChanged(self.source, request.name, came_back, status=status)
        if not content.strip() and status not in request.empty_statuses:
            raise _Passing(Unreachable(self.source, request.name, f"HTTP {status} with an empty body", status=status))

    def _judge_passing(self, request: str, response: httpx.Response, came_back: str) -> None:
        now = datetime.now(UTC)
        status = response.status_code
        wait = read_retry_after(response.headers.get("retry-after"), now)
        retry_at = now + timedelta(seconds=min(wait, 366 * 86_400)) if wait is not None else None
        if status == 429 and self._meter:  # a try more would cost one of tomorrow's
            raise QuotaUsedUp(self.source, request, came_back, status=status, retry_at=self._meter.stop())
        kind = QuotaUsedUp if status == 429 else Unreachable
        final = kind(self.source, request, came_back, status=status, retry_at=retry_at)
        if wait is not None and wait > self._patience.longest_wait:
            raise final
        raise _Passing(final, wait)

    def server_date(self, path: str = "/", *, at: str = "") -> datetime | None:
        """Return the time at the server (UTC, whole seconds), `None` if it does not say. Any HTTP status is an answer.

        It is asked once, in a few seconds, and without a key, so that it costs nothing of a quota. The body is not
        read. Raises `Unreachable` when no answer comes.
        """
        request = self._request("GET", path, at)
        try:
            with self._http.stream("GET", request.url, timeout=LOOK) as response:
                date, age = response.headers.get("date", ""), response.headers.get("age", "")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            reason = self._keys.taken_out(f"{type(error).__name__}: {error}".removesuffix(": "))
            raise Unreachable(self.source, request.name, reason) from error
        try:
            sent = parsedate_to_datetime(date)
            # A cache gives the Date of the answer that it holds, and its age (RFC 9111, section 5.1).
            sent += timedelta(seconds=int(age) if age.isascii() and age.isdecimal() else 0)
        except (ValueError, OverflowError):
            return None
        return sent.astimezone(UTC) if sent.tzinfo else sent.replace(tzinfo=UTC)
