"""The HTTP client of all sources. Only `sources.http.post` imports httpx besides.

It keeps each host's rate limit. It retries temporary failures (no connection, 429, 500, 502 to 504, 520 to 524, an
empty body) over a new connection, with backoff and jitter, never repeats a rejected request, and raises typed errors.
"""

from __future__ import annotations

import hashlib
import json
import math
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
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

from sources.errors import QuotaUsedUp, SourceChanged, Stopped, TooLarge, Unreachable
from sources.http.deadline import Deadline
from sources.http.decoding import ACCEPTED, decoded, is_readable
from sources.http.environment import describe_environment_fault
from sources.http.rate_limit import SHARED_LIMITS, RateLimit, RateLimits
from sources.http.redaction import REQUEST_LOGS, SecretRedactor
from sources.http.status import (
    NO_CONTENT,
    RETRY_STATUSES,
    SUCCESS_STATUSES,
    RawResponse,
    RetryableError,
    raise_for_status,
)
from sources.records import Document

__all__ = ["Client", "Downloaded", "OpenResponse", "Quota", "RateLimit", "Timeouts", "user_agent"]

log = structlog.get_logger(__name__)

JSON_TYPES = "application/json"
FORM_TYPE = "application/x-www-form-urlencoded"
MAX_BODY_SIZE = 64 * 1024 * 1024
MAX_FILE_SIZE = 8 * 1024 * 1024 * 1024
MAX_REDIRECTS = 5
PART_SIZE = 1024 * 1024  # of a file that is read while it comes: each part may take as long as a whole response
DATE_TIMEOUT = 8.0  # seconds, of `Client.server_date`
MAX_BACKOFF = 60.0  # seconds
OPEN_STATUSES = frozenset({200, 206, 416})
SAFE_CHARACTERS = " !#$%&'*+,/:;=?@[]~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a client waits, in seconds: to connect, for each read, for a whole response, and between tries.

    USAspending lets its index search for 90 seconds (ES_TIMEOUT in usaspending_api/settings.py) and sends nothing until
    then.
    """

    connect: float = 10.0
    read: float = 120.0
    total: float = 240.0
    tries: int = 5
    first_wait: float = 1.0
    max_retry_after: float = 120.0


class Quota(Protocol):
    """Counts the requests of an API key with a daily limit."""

    def consume(self, source: str, request: str) -> None:
        """Count one request before it is sent. Raises `QuotaUsedUp` when none is left."""

    def remaining(self) -> int:
        """Return how many requests are left until 00:00 UTC."""

    def exhaust(self) -> datetime:
        """Send no more requests until 00:00 UTC, which is returned: the source says that none is left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Downloaded:
    """A downloaded file. `url` contains no key; `size` is in bytes, `retrieved_at` in UTC."""

    url: str
    retrieved_at: datetime
    content_type: str
    sha256: str
    size: int
    file: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenResponse:
    """A response (200, 206 or 416) whose body is still coming. Header names are in lower case.

    `chunks` are the bytes as the server sends them, not decoded. Iterating raises `RetryableError`.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


def user_agent(contact: str) -> str:
    """Return the User-Agent header. `contact` is from the settings, "" if not set; it is percent-encoded as needed."""
    return (
        f"procurewatch/{version('procurewatch')} ({quote(contact.strip(), safe=SAFE_CHARACTERS) or 'no contact set'})"
    )


@dataclass(frozen=True, slots=True)
class _Request:
    """One request. `name` is its name in errors; a body of up to `max_bytes` bytes is written to `file`."""

    name: str
    method: str
    url: str
    tries: int
    body: str | None = None
    content_type: str = JSON_TYPES
    accept: str = JSON_TYPES
    follow_redirects: bool = False
    empty_statuses: frozenset[int] = frozenset()
    allow_404: bool = False
    file: Path | None = None
    max_bytes: int = MAX_FILE_SIZE
    headers: Mapping[str, str] = field(default_factory=dict)


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _moved(origin: httpx.URL, location: str) -> httpx.URL | None:
    """Return where a redirection leads, `None` if that is no address to follow.

    It must stay encrypted; on loopback it only has to stay there.
    """
    try:
        target = origin.join(location)
        is_local = _is_loopback(str(origin)) and _is_loopback(str(target))
    except (httpx.InvalidURL, ValueError):
        return None
    is_allowed = bool(location) and (target.scheme == "https" or (is_local and target.scheme == "http"))
    return target if is_allowed else None


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class Client:
    """Sends requests to one source. Use it as a context manager; threads may share it.

    `api_key_parameter` is the parameter of the address in which the key is sent when the source does not read it from
    its header. `sleep` waits for so many seconds and returns true when the program is to stop instead. `is_stopping`
    returns whether it is to stop, so that waiting for a response ends, too. `on_response` is called with the status of
    each response, 0 if none came, and the seconds until its headers had come.
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
        is_stopping: Callable[[], bool] = lambda: False,
        on_response: Callable[[int, float], object] = lambda _status, _seconds: None,
        limits: RateLimits = SHARED_LIMITS,
    ) -> None:
        self.source = source
        self.requests_sent = 0
        self._extra_hosts = dict(extra_hosts or {})
        self._quota = quota
        self._timeouts = timeouts or Timeouts()
        self._rate_limit = rate_limit
        self._sleep = sleep
        self._on_response = on_response
        self._limits = limits
        self._slots = threading.BoundedSemaphore(rate_limit.at_once)
        self._base_url = base_url.rstrip("/")
        self._keys = SecretRedactor(source, key_headers or {}, api_key_parameter)
        self._deadline = Deadline(is_stopping)
        try:
            self._http = httpx.Client(
                headers={"User-Agent": user_agent(contact), "Accept-Encoding": ACCEPTED},
                timeout=httpx.Timeout(self._timeouts.read, connect=self._timeouts.connect),
                # `_slots` limits them. The pool would wait for ever for one whose TLS failed behind a proxy.
                limits=httpx.Limits(max_connections=None),
                # A proxy of the environment cannot reach this machine's own loopback.
                trust_env=not _is_loopback(base_url),
            )
        except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
            reason = describe_environment_fault(error)
        else:
            return
        # Raised outside of the handler: httpx's error contains the address of the proxy, and perhaps a password.
        raise ValueError(f"{source}: {reason}")

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
        """How many requests the key may still make today; `None` if it has no quota."""
        return self._quota.remaining() if self._quota else None

    @property
    def key_in_url(self) -> bool:
        """Whether the key is sent in the URL, since the source does not read the header. May be set."""
        return self._keys.in_url

    @key_in_url.setter
    def key_in_url(self, value: bool) -> None:
        self._keys.in_url = value and self._keys.may_use_url

    @property
    def key_arrives(self) -> bool:
        """Whether a successful response has shown that the source reads the key as it is sent."""
        return self._keys.arrives

    def redact(self, text: str) -> str:
        """Return a text without the key."""
        return self._keys.redact(text)

    def wait(self, seconds: float) -> None:
        """Wait before a request that would come too soon, unless the rate limit allows requests without a pause.

        Raises:
            Stopped: the program is to stop.
        """
        if self._rate_limit.seconds_between:
            self._wait_or_stop("waiting", seconds)

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
        """Get a document.

        Args:
            path: below the source's URL, or below that of the extra host named `host`, which is never sent the key.
            accept: the content types to accept.
            follow_redirects: whether to follow redirects (over https); else a redirect means that the source changed.
            allow_204: whether 204 is a document (with the body b"") instead of a failure.
            allow_404: whether 404 with a body is a document instead of an error.

        Raises:
            SourceError: one of its subclasses.
        """
        request = replace(
            self._request("GET", path, host),
            accept=accept,
            follow_redirects=follow_redirects,
            empty_statuses=NO_CONTENT if allow_204 else frozenset(),
            allow_404=allow_404,
        )
        return cast(Document, self._send_with_retries(request))

    def post(self, path: str, body: Mapping[str, object], *, tries: int | None = None) -> Document:
        """Post a JSON body, with at most `tries` tries (`None`: as in the timeouts). Raises `SourceError`."""
        request = replace(self._request("POST", path), body=json.dumps(body, sort_keys=True))
        return cast(Document, self._send_with_retries(replace(request, tries=tries or request.tries)))

    def post_form(self, path: str, fields: Sequence[tuple[str, str]]) -> Document:
        """Post a form; the response may have no body. Raises `SourceError`."""
        request = replace(self._request("POST", path), body=urlencode(fields), content_type=FORM_TYPE, accept="*/*")
        return cast(Document, self._send_with_retries(replace(request, empty_statuses=SUCCESS_STATUSES)))

    def download(self, path: str, file: Path, *, host: str = "", max_bytes: int = MAX_FILE_SIZE) -> Downloaded:
        """Download a file to `file`, following redirects.

        Raises:
            TooLarge: it has more than `max_bytes` bytes. It is not retried.
            SourceError: another of its subclasses. The content of `file` is then incomplete.
        """
        request = replace(
            self._request("GET", path, host), accept="*/*", follow_redirects=True, file=file, max_bytes=max_bytes
        )
        return cast(Downloaded, self._send_with_retries(request))

    @contextmanager
    def opened(
        self, path: str, *, host: str = "", method: str = "GET", headers: Mapping[str, str] | None = None
    ) -> Iterator[OpenResponse]:
        """Send one request, following redirects, and give the response while its body is still coming.

        It is not retried: `sources.http.transfer` does that. `headers` are sent in addition (Range ...).

        Raises:
            RetryableError: a retry may succeed. It may come while the body is read.
            SourceError: one of its subclasses.
        """
        request = replace(self._request(method, path, host), accept="*/*", follow_redirects=True, headers=headers or {})
        with self._slots:
            self._take_turn(request)
            try:
                with self._exchange(request) as (url, response):
                    yield self._open_response(request, url, response)
            except httpx.HTTPError as error:
                reason = self._reason(error)
            else:
                return
        # Raised outside of the handler: httpx's error contains the URL.
        raise RetryableError(Unreachable(self.source, request.name, reason)) from None

    def _open_response(self, request: _Request, url: str, response: httpx.Response) -> OpenResponse:
        if response.status_code not in OPEN_STATUSES:
            self._check_status(request, self._read(request, url, response))
        return OpenResponse(
            url=url, status=response.status_code, headers=response.headers, chunks=self._chunks(response)
        )

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        """Yield the body. Each part of it must come within the time of a whole response; the reader's time is free."""
        size = 0
        self._deadline.begin(self._timeouts.total)
        for chunk in response.iter_raw():
            if self._deadline.left < 0:
                raise httpx.ReadTimeout("too late")
            size += len(chunk)
            if size >= PART_SIZE:
                size = 0
                self._deadline.begin(self._timeouts.total)
            given = time.monotonic()
            yield chunk
            self._deadline.ends += time.monotonic() - given

    def wait_to_retry(self, request: str, failures: int, error: RetryableError) -> None:
        """Wait before a request is repeated that has failed so many times in a row.

        Raises:
            SourceError: it has failed too often, or the program is to stop.
        """
        if failures >= self._timeouts.tries:
            raise error.final from None
        backoff = min(self._timeouts.first_wait * 2 ** (failures - 1), MAX_BACKOFF)
        seconds = backoff if error.retry_after is None else error.retry_after + 0.1
        log.info("trying again", source=self.source, after=failures, seconds=round(seconds, 1))
        self._wait_or_stop(request, seconds)

    def _request(self, method: str, path: str, host: str = "") -> _Request:
        base = self._extra_hosts[host].rstrip("/") if host else self._base_url
        return _Request(self._keys.redact(f"{method} {path}"), method, base + path, self._timeouts.tries)

    def _send_with_retries(self, request: _Request) -> Document | Downloaded:
        retrying = Retrying(
            retry=retry_if_exception_type(RetryableError),
            stop=stop_after_attempt(request.tries),
            wait=self._retry_wait,
            before_sleep=self._log_retry,
            sleep=lambda seconds: self._wait_or_stop(request.name, seconds),
            reraise=True,
        )
        try:
            answer: Document | Downloaded = retrying(self._send, request)
        except RetryableError as error:
            raise error.final from None
        return answer

    def _wait_or_stop(self, request: str, seconds: float) -> None:
        if self._sleep(seconds):
            raise Stopped(self.source, request, "the program is stopping; this request was not sent")

    def _retry_wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        requested = error.retry_after if isinstance(error, RetryableError) else None
        backoff = wait_exponential_jitter(
            multiplier=self._timeouts.first_wait, max=MAX_BACKOFF, jitter=self._timeouts.first_wait
        )
        return backoff(state) if requested is None else requested + 0.1

    def _log_retry(self, state: RetryCallState) -> None:
        log.info("trying again", source=self.source, after=state.attempt_number, seconds=round(state.upcoming_sleep, 1))

    def _send(self, request: _Request) -> Document | Downloaded:
        with self._slots:
            response = self._send_with_key(request)
        if isinstance(response, Downloaded):
            return response
        self._check_status(request, response)
        return Document(
            url=response.url,
            request=request.body or "",
            retrieved_at=datetime.now(UTC),
            content_type=response.headers.get("content-type", ""),
            body=response.body,
        )

    def _check_status(self, request: _Request, response: RawResponse | Downloaded) -> None:
        """Return if the response is one to read. Raises `RetryableError` or `SourceError`."""
        if isinstance(response, Downloaded):
            return
        if response.status == 429 and self._quota:  # a retry would cost one of tomorrow's requests
            raise self.quota_used_up(request.name, response.came_back, status=429)
        raise_for_status(
            response,
            empty_statuses=request.empty_statuses,
            allow_404=request.allow_404,
            max_retry_after=self._timeouts.max_retry_after,
        )

    def _send_with_key(self, request: _Request) -> RawResponse | Downloaded:
        """Send a request; if the source does not seem to read the key from the header, send it again with the URL."""
        response = self._send_in_turn(request)
        if isinstance(response, Downloaded):
            self._keys.arrives = True
            return response
        if not (self._keys.is_refused(response.status, response.body) and self._keys.may_use_url):
            return response
        self._keys.in_url = True
        try:
            again = self._send_in_turn(request)
        except BaseException:
            self._keys.in_url = False
            raise
        if isinstance(again, Downloaded):
            self._keys.arrives = True
        else:
            if again.status in RETRY_STATUSES:  # it says nothing about the key: the next try begins anew
                self._keys.in_url = False
                return again
            self._keys.in_url = not self._keys.is_refused(again.status, again.body)
        self._keys.may_use_url = False
        return again if self._keys.in_url else response

    def _send_in_turn(self, request: _Request) -> RawResponse | Downloaded:
        """Wait for the rate limit, then send. Raises `RetryableError` if there is no complete response."""
        self._take_turn(request)
        try:
            with self._exchange(request) as (url, response):
                return self._read(request, url, response)
        except httpx.HTTPError as error:
            reason = self._reason(error)
        # Raised outside of the handler: httpx's error contains the URL, and perhaps the key.
        raise RetryableError(Unreachable(self.source, request.name, reason))

    def _take_turn(self, request: _Request) -> None:
        """Count a request and wait until the rate limit allows it."""
        if self._quota:
            self._quota.consume(self.source, request.name)
        if wait := self._limits.reserve(_host(request.url), self._rate_limit):
            self._wait_or_stop(request.name, wait)
        self.requests_sent += 1

    def _reason(self, error: httpx.HTTPError) -> str:
        """Return why there is no complete response, without a key."""
        if self._deadline.left < 0:
            return f"ReadTimeout: the response took longer than {self._timeouts.total:g} seconds"
        return self._keys.redact(f"{type(error).__name__}: {error}".removesuffix(": "))

    @contextmanager
    def _exchange(self, request: _Request) -> Iterator[tuple[str, httpx.Response]]:
        """Send a request, follow redirects if that is allowed, and give the response and its URL, without a key.

        The response must be read within its time limit.
        """
        url = httpx.URL(request.url)
        home = url.host
        self._deadline.begin(self._timeouts.total)
        for _redirect in range(MAX_REDIRECTS):
            with closing(self._open(request, url)) as response:
                target = response.headers.get("location", "") if response.has_redirect_location else ""
                target = self._keys.remove_parameter(target)
                moved = _moved(url, target) if request.follow_redirects else None
                if moved is None:
                    yield self._keys.redact(str(url)), response
                    return
            url = moved
        raise httpx.TooManyRedirects(f"more than {MAX_REDIRECTS} redirects from {home}")

    def _open(self, request: _Request, url: httpx.URL) -> httpx.Response:
        """Send a request to an address, which a redirection may have named; the response is still to be read."""
        is_home = self._is_home(url)
        headers = {"Accept": request.accept, **request.headers} | (dict(self._keys.headers) if is_home else {})
        if request.body is not None:
            headers["Content-Type"] = request.content_type
        try:
            built = self._http.build_request(
                request.method,
                self._keys.add_parameter(str(url)) if is_home else url,
                content=request.body,
                headers=headers,
                extensions={"trace": self._deadline.watch},
            )
            return self._send_timed(built)
        except (httpx.InvalidURL, UnicodeError) as error:  # httpx checks where a redirection leads in any case
            raise httpx.RemoteProtocolError(f"an invalid address: {error}") from error

    def _send_timed(self, request: httpx.Request) -> httpx.Response:
        began, status = time.monotonic(), 0
        try:
            response = self._http.send(request, stream=True)
            status = response.status_code
        finally:
            self._on_response(status, time.monotonic() - began)
        return response

    def _is_home(self, url: httpx.URL) -> bool:
        return url.copy_with(raw_path=b"/") == httpx.URL(self._base_url).copy_with(raw_path=b"/")

    def _read(self, request: _Request, url: str, response: httpx.Response) -> RawResponse | Downloaded:
        headers = {name: self._keys.redact(value) for name, value in response.headers.items()}
        if request.file is not None and response.status_code == 200:
            return self._store(request, request.file, url, response)
        content = bytearray()
        for chunk in self._decoded(request, response):
            content += chunk
            if self._deadline.left < 0:
                raise httpx.ReadTimeout("too late")
            if len(content) > MAX_BODY_SIZE:
                raise httpx.DecodingError(f"the response is larger than {MAX_BODY_SIZE} bytes")
        if response.status_code in RETRY_STATUSES or not content.strip():
            # The server behind this connection may be failing: use a new one for the next request.
            response.extensions["network_stream"].close()
        body = self._keys.redact(content.decode("latin-1")).encode("latin-1")
        return RawResponse(
            source=self.source,
            request=request.name,
            url=url,
            status=response.status_code,
            headers=headers,
            body=body,
        )

    def _store(self, request: _Request, file: Path, url: str, response: httpx.Response) -> Downloaded:
        self._deadline.begin(math.inf)  # a large file may take long, as long as data keeps coming
        digest, size = hashlib.sha256(), 0
        announced = response.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > request.max_bytes:
            raise self._too_large(request)
        with file.open("wb") as target:
            for chunk in self._decoded(request, response):
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

    def _decoded(self, request: _Request, response: httpx.Response) -> Iterator[bytes]:
        """Yield a body without its Content-Encoding. Raises `SourceChanged` for one that was not asked for."""
        encoding = response.headers.get("content-encoding", "")
        if not is_readable(encoding):
            came_back = f"HTTP {response.status_code} encoded as {encoding[:80]!r}; only {ACCEPTED} is accepted"
            raise SourceChanged(self.source, request.name, came_back, status=response.status_code)
        try:
            yield from decoded(response.iter_raw(), encoding)
        except zlib.error as error:
            raise httpx.DecodingError(f"the compressed body cannot be read: {error}") from error

    def _too_large(self, request: _Request) -> TooLarge:
        return TooLarge(self.source, request.name, f"the file is larger than {request.max_bytes} bytes", status=200)

    def server_date(self, path: str = "/", *, host: str = "") -> datetime | None:
        """Return the server's time (UTC, whole seconds), `None` if it sends none. Any HTTP status will do.

        Sends one request without the key, so that no quota is used. Raises `Unreachable` if there is no response.
        """
        request = self._request("GET", path, host)
        try:
            with self._http.stream("GET", request.url, timeout=DATE_TIMEOUT) as response:
                date, age = response.headers.get("date", ""), response.headers.get("age", "")
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError) as error:
            reason = self._keys.redact(f"{type(error).__name__}: {error}".removesuffix(": "))
            raise Unreachable(self.source, request.name, reason) from error
        try:
            sent = parsedate_to_datetime(date)
            # A cache sends the Date of the cached response, and its age (RFC 9111, section 5.1).
            sent += timedelta(seconds=int(age) if age.isascii() and age.isdecimal() else 0)
        except (ValueError, OverflowError):
            return None
        return sent.astimezone(UTC) if sent.tzinfo else sent.replace(tzinfo=UTC)
