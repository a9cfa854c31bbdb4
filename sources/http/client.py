"""The one HTTP client: polite, patient and honest. No other module imports httpx.

It keeps each host's rate limit, retries what may pass by itself (no connection, 429, 500, 502 to 504, 520 to 524, an
empty body) over a new connection with backoff and jitter, never repeats what was refused, and ends in a typed error.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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

from sources.errors import QuotaUsedUp, Stopped, TooLarge, Unreachable, excerpt
from sources.http.deadline import Deadline
from sources.http.rate_limit import OF_THIS_PROGRAM, RateLimit, RateLimits
from sources.http.redaction import REQUEST_LOGS, Keys
from sources.http.status import NO_CONTENT, PASSING_STATUSES, TAKEN, Answer, Expected, Passing, judge
from sources.records import Document

__all__ = ["Client", "Downloaded", "Quota", "RateLimit", "Timeouts", "user_agent"]

log = structlog.get_logger(__name__)

JSON_TYPES = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
LARGEST_BODY = 64 * 1024 * 1024
LARGEST_FILE = 8 * 1024 * 1024 * 1024
MOST_MOVES = 5
DATE_TIMEOUT = 8.0  # seconds, of `Client.server_date`
PLAIN = " !#$%&'*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a client waits, in seconds: to connect, for each read, for a whole answer, and between tries.

    USAspending lets its index search for 90 seconds (ES_TIMEOUT in usaspending_api/settings.py), and is silent so long.
    """

    connect: float = 10.0
    read: float = 120.0
    total: float = 240.0
    tries: int = 5
    first_wait: float = 1.0
    max_retry_after: float = 120.0


class Quota(Protocol):
    """Counts the requests of a key that may make only so many a day."""

    def consume(self, source: str, request: str) -> None:
        """Count one request before it is sent. Raises `QuotaUsedUp` when there is none left."""

    def remaining(self) -> int:
        """Return how many requests are left until 00:00 UTC."""

    def exhaust(self) -> datetime:
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


def user_agent(contact: str) -> str:
    """Return who we are and how to reach us. `contact` is an address from the settings, "" if none is set.

    What a header's comment cannot hold is percent-encoded, as an address on the web would have it.
    """
    return f"procurewatch/{version('procurewatch')} ({quote(contact.strip(), safe=PLAIN) or 'no contact set'})"


@dataclass(frozen=True, slots=True)
class _Request:
    """One request: `name` is what errors call it, `file` where a body of up to `max_bytes` bytes goes."""

    name: str
    method: str
    url: str
    tries: int
    body: str | None = None
    content_type: str = JSON_TYPES
    accept: str = JSON_TYPES
    follow_redirects: bool = False
    expected: Expected = field(default_factory=Expected)
    file: Path | None = None
    max_bytes: int = LARGEST_FILE


@dataclass(frozen=True, slots=True)
class _Exchanged:
    """An answer that has been read: `url` is where it came from, without a key."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes | Downloaded

    @property
    def body(self) -> bytes:
        """What was read into memory."""
        return b"" if isinstance(self.content, Downloaded) else self.content


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _may_move(origin: httpx.URL, target: httpx.URL) -> bool:
    """Whether a redirection stays encrypted; on loopback it only has to stay there."""
    return target.scheme == "https" or (_is_loopback(str(origin)) and _is_loopback(str(target)))


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class Client:
    """Asks one source. Use as a context manager; safe to share between threads.

    `api_key_parameter` is the parameter of the address in which the key is sent when the source does not read it from
    its header. `sleep` waits for so many seconds and returns true when the program is to stop instead.
    """

    def __init__(
        self,
        source: str,
        *,
        base_url: str,
        rate_limit: RateLimit,
        contact: str = "",
        timeouts: Timeouts | None = None,
        key_headers: Mapping[str, str] | None = None,
        api_key_parameter: str = "",
        extra_hosts: Mapping[str, str] | None = None,
        quota: Quota | None = None,
        sleep: Callable[[float], object] = time.sleep,
        limits: RateLimits = OF_THIS_PROGRAM,
    ) -> None:
        self.source = source
        self.requests_sent = 0
        self._extra_hosts = dict(extra_hosts or {})
        self._quota = quota
        self._timeouts = timeouts or Timeouts()
        self._rate_limit = rate_limit
        self._sleep = sleep
        self._limits = limits
        self._places = threading.BoundedSemaphore(rate_limit.at_once)
        self._base_url = base_url.rstrip("/")
        self._keys = Keys(source, key_headers or {}, api_key_parameter)
        self._deadline = Deadline()
        try:
            self._http = httpx.Client(
                headers={"User-Agent": user_agent(contact)},
                timeout=httpx.Timeout(self._timeouts.read, connect=self._timeouts.connect),
                limits=httpx.Limits(max_connections=rate_limit.at_once),
                # A proxy of the environment cannot reach this machine's own loopback.
                trust_env=not _is_loopback(base_url),
            )
        except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
            # Not quoted: the address of a proxy may hold a password.
            reason = "a proxy or certificate variable of the environment cannot be used"
            raise ValueError(f"{source}: {reason}; `procurewatch doctor` says which") from error

    def __enter__(self) -> Self:
        for logger in REQUEST_LOGS:
            logger.addFilter(self._keys)
        for host in self._hosts:
            self._limits.join(host, self._rate_limit)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        for host in self._hosts:
            self._limits.leave(host, self._rate_limit)
        for logger in REQUEST_LOGS:
            logger.removeFilter(self._keys)

    @property
    def _hosts(self) -> set[str]:
        return {_host(url) for url in (self._base_url, *self._extra_hosts.values())}

    @property
    def requests_remaining(self) -> int | None:
        """How many requests the key may still make today; `None` when nobody counts."""
        return self._quota.remaining() if self._quota else None

    @property
    def key_in_address(self) -> bool:
        """Whether the key travels in the address, since the source does not read the header; set to begin so."""
        return self._keys.in_address

    @key_in_address.setter
    def key_in_address(self, value: bool) -> None:
        self._keys.in_address = value and self._keys.may_move

    @property
    def key_arrives(self) -> bool:
        """Whether a good answer has shown that the key arrives in the way in which it travels."""
        return self._keys.arrives

    def wait(self, seconds: float) -> None:
        """Wait before a request that would come too soon, unless the rate limit asks for no time between two.

        Raises:
            Stopped: the program is to stop.
        """
        if self._rate_limit.seconds_between:
            self._pause("waiting", seconds)

    def quota_used_up(self, request: str, came_back: str, *, status: int | None = None) -> QuotaUsedUp:
        """Return the error that the source's quota is used up, and send nothing more today if the key has a quota."""
        retry_at = self._quota.exhaust() if self._quota else None
        return QuotaUsedUp(self.source, request, came_back, status=status, retry_at=retry_at)

    def get(
        self,
        path: str,
        *,
        host: str = "",
        accept: str = JSON_TYPES,
        follow_redirects: bool = False,
        allow_204: bool = False,
        allow_404: bool = False,
    ) -> Document:
        """Ask for a path. Raises a leaf of `SourceError`.

        Args:
            path: below the source's address, or below that of the other host which `host` names; keys stay at home.
            accept: the content types asked for.
            follow_redirects: whether a redirection is followed (over https); else it means that the source has changed.
            allow_204: whether 204, no content, is an answer (its body is b"") and not a failure.
            allow_404: whether 404 is an answer, whose body says what is missing, and not a refusal.
        """
        empty = NO_CONTENT if allow_204 else frozenset()
        expected = Expected(empty_statuses=empty, allow_404=allow_404)
        request = replace(
            self._request("GET", path, host), accept=accept, follow_redirects=follow_redirects, expected=expected
        )
        return cast(Document, self._ask(request))

    def post(self, path: str, body: Mapping[str, object], *, tries: int | None = None) -> Document:
        """Send a JSON body to a path, `tries` times at most (`None`: as the client's timeouts say).

        Raises:
            SourceError: one of its leaves.
        """
        request = replace(self._request("POST", path), body=json.dumps(body, sort_keys=True))
        return cast(Document, self._ask(replace(request, tries=tries or request.tries)))

    def post_form(self, path: str, fields: Sequence[tuple[str, str]]) -> Document:
        """Send a form to a path; an answer without a body is one. Raises a leaf of `SourceError`."""
        request = replace(self._request("POST", path), body=urlencode(fields), content_type=FORM_TYPE, accept="*/*")
        return cast(Document, self._ask(replace(request, expected=Expected(empty_statuses=TAKEN))))

    def download(self, path: str, file: Path, *, host: str = "", max_bytes: int = LARGEST_FILE) -> Downloaded:
        """Fetch a large file to disk, following redirections. What `file` held is overwritten.

        Raises:
            TooLarge: it has more than `max_bytes` bytes. It is not read further, and not asked for again.
            SourceError: another of its leaves; `file` is then not to be used.
        """
        request = replace(
            self._request("GET", path, host), accept="*/*", follow_redirects=True, file=file, max_bytes=max_bytes
        )
        return cast(Downloaded, self._ask(request))

    def _request(self, method: str, path: str, host: str = "") -> _Request:
        base = self._extra_hosts[host].rstrip("/") if host else self._base_url
        return _Request(self._keys.taken_out(f"{method} {path}"), method, base + path, self._timeouts.tries)

    def _ask(self, request: _Request) -> Document | Downloaded:
        retrying = Retrying(
            retry=retry_if_exception_type(Passing),
            stop=stop_after_attempt(request.tries),
            wait=self._wait,
            before_sleep=self._announce,
            sleep=lambda seconds: self._pause(request.name, seconds),
            reraise=True,
        )
        try:
            answer: Document | Downloaded = retrying(self._try_once, request)
        except Passing as error:
            raise error.final from None
        return answer

    def _pause(self, request: str, seconds: float) -> None:
        if self._sleep(seconds):
            raise Stopped(self.source, request, "the program was asked to stop before this request was sent")

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, Passing) else None
        backoff = wait_exponential_jitter(
            multiplier=self._timeouts.first_wait, max=60, jitter=self._timeouts.first_wait
        )
        return backoff(state) if asked is None else asked + 0.1

    def _announce(self, state: RetryCallState) -> None:
        log.info("trying again", source=self.source, after=state.attempt_number, seconds=round(state.upcoming_sleep, 1))

    def _try_once(self, request: _Request) -> Document | Downloaded:
        with self._places:
            exchanged = self._exchange_with_key(request)
        if isinstance(exchanged.content, Downloaded):
            return exchanged.content
        if exchanged.status == 429 and self._quota:  # a try more would cost one of tomorrow's
            came_back = f"HTTP 429: {excerpt(exchanged.body)}"
            raise self.quota_used_up(request.name, came_back, status=429)
        answer = Answer(
            source=self.source,
            request=request.name,
            status=exchanged.status,
            headers=exchanged.headers,
            body=exchanged.body,
        )
        judge(answer, request.expected, max_retry_after=self._timeouts.max_retry_after)
        return Document(
            url=exchanged.url,
            request=request.body or "",
            retrieved_at=datetime.now(UTC),
            content_type=exchanged.headers.get("content-type", ""),
            body=exchanged.body,
        )

    def _exchange_with_key(self, request: _Request) -> _Exchanged:
        """Send a request; once more, with the key in the address, if the key does not seem to arrive in its header."""
        exchanged = self._exchange_in_turn(request)
        if not (self._keys.is_refused(exchanged.status, exchanged.body) and self._keys.may_move):
            return exchanged
        self._keys.in_address = True
        try:
            again = self._exchange_in_turn(request)
        except BaseException:
            self._keys.in_address = False
            raise
        if again.status in PASSING_STATUSES:  # it says nothing about the key: the next try begins anew
            self._keys.in_address = False
            return again
        self._keys.may_move = False
        self._keys.in_address = not self._keys.is_refused(again.status, again.body)
        return again if self._keys.in_address else exchanged

    def _exchange_in_turn(self, request: _Request) -> _Exchanged:
        """Wait for the turn of a request, then send it. Raises `Passing` if no whole answer comes."""
        if self._quota:
            self._quota.consume(self.source, request.name)
        if wait := self._limits.reserve(_host(request.url), self._rate_limit):
            self._pause(request.name, wait)
        self.requests_sent += 1
        try:
            return self._exchange(request)
        except httpx.HTTPError as error:
            reason = self._keys.taken_out(f"{type(error).__name__}: {error}".removesuffix(": "))
        if self._deadline.left < 0:
            reason = f"ReadTimeout: the answer took longer than {self._timeouts.total:g} seconds"
        # Outside of the handler, so that the error does not lead to the one of httpx, which knows the address sent.
        raise Passing(Unreachable(self.source, request.name, reason))

    def _exchange(self, request: _Request) -> _Exchanged:
        """Send and read to the end, within the time and size a whole answer may take; follow where that is allowed."""
        url = httpx.URL(request.url)
        home = url.host
        self._deadline.begin(self._timeouts.total)
        for _move in range(MOST_MOVES):
            is_home = self._is_home(url)
            headers = {"Accept": request.accept} | (dict(self._keys.headers) if is_home else {})
            if request.body is not None:
                headers["Content-Type"] = request.content_type
            with self._http.stream(
                request.method,
                self._keys.addressed(str(url)) if is_home else url,
                content=request.body,
                headers=headers,
                extensions={"trace": self._deadline.watch},
            ) as response:
                target = response.headers.get("location", "") if response.has_redirect_location else ""
                target = self._keys.without_parameter(target)
                if not (target and request.follow_redirects and _may_move(url, url.join(target))):
                    return self._read(request, self._keys.taken_out(str(url)), response)
            url = url.join(target)
        raise httpx.TooManyRedirects(f"more than {MOST_MOVES} redirections from {home}")

    def _is_home(self, url: httpx.URL) -> bool:
        return url.copy_with(raw_path=b"/") == httpx.URL(self._base_url).copy_with(raw_path=b"/")

    def _read(self, request: _Request, url: str, response: httpx.Response) -> _Exchanged:
        headers = {name: self._keys.taken_out(value) for name, value in response.headers.items()}
        if request.file is not None and response.status_code == 200:
            stored = self._store(request, request.file, url, response)
            return _Exchanged(url, response.status_code, headers, stored)
        content = bytearray()
        for chunk in response.iter_bytes():
            content += chunk
            if self._deadline.left < 0:
                raise httpx.ReadTimeout("too late")
            if len(content) > LARGEST_BODY:
                raise httpx.DecodingError(f"the answer is larger than {LARGEST_BODY} bytes")
        if response.status_code in PASSING_STATUSES or not content.strip():
            # The server behind this connection may be failing: the next request uses a new one.
            response.extensions["network_stream"].close()
        body = self._keys.taken_out(content.decode("latin-1")).encode("latin-1")
        return _Exchanged(url, response.status_code, headers, body)

    def _store(self, request: _Request, file: Path, url: str, response: httpx.Response) -> Downloaded:
        self._deadline.begin(math.inf)  # a large file may take its time, as long as it keeps coming
        digest, size = hashlib.sha256(), 0
        announced = response.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > request.max_bytes:
            raise self._too_large(request)
        with file.open("wb") as target:
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > request.max_bytes:
                    raise self._too_large(request)
                target.write(chunk)
                digest.update(chunk)
        return Downloaded(
            url=url,
            retrieved_at=datetime.now(UTC),
            content_type=response.headers.get("content-type", ""),
            sha256=digest.hexdigest(),
            size=size,
            file=file,
        )

    def _too_large(self, request: _Request) -> TooLarge:
        return TooLarge(self.source, request.name, f"the file is larger than {request.max_bytes} bytes", status=200)

    def server_date(self, path: str = "/", *, host: str = "") -> datetime | None:
        """Return the time at the server (UTC, whole seconds), `None` if it does not say. Any HTTP status is an answer.

        It is asked once, in a few seconds, and without a key, so that it costs nothing of a quota. The body is not
        read. Raises `Unreachable` when no answer comes.
        """
        request = self._request("GET", path, host)
        try:
            with self._http.stream("GET", request.url, timeout=DATE_TIMEOUT) as response:
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
