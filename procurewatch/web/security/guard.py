"""Checks every request (host, rate limit, sizes), and sets the security headers of every response."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import parse_qsl

import structlog
from sqlalchemy.exc import DBAPIError
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from feeds import urls
from procurewatch.web.responses import ErrorResponse, problem_response
from procurewatch.web.security.addresses import Proxies, peer_address
from procurewatch.web.security.rate_limit import RateLimiter
from storage.errors import describe_error, explain_database_error, is_damage, is_unavailable

log = structlog.get_logger(__name__)

# Pages load nothing from other sites and have no inline scripts. Review and search set `SCRIPT_POLICY` themselves.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SCRIPT_POLICY = f"{POLICY}; script-src 'self'; connect-src 'self'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_RAW_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
MAX_URL_LENGTH = 8_000  # bytes of path and query
MAX_PARAMETER_LENGTH = 1_000  # characters of one parameter of the query
MAX_PARAMETERS = 60
MAX_NAME_LENGTH = 255  # characters of a host
MAX_BODY_BYTES = 64 * 1024  # bytes
# A feed reader that imports every feed requests each at once, with its icon: FreshRSS sent 765 requests in 35 seconds.
FILES_PER_REQUEST = 10
FILE_SUFFIXES = (".atom", ".rss", ".json", ".opml", ".ico", ".svg", ".css", ".js", ".txt")
SQL = f"/{urls.SQL.rstrip('/')}"
API = f"/{urls.API}"
LOOPBACK = frozenset({"localhost", "localhost.localdomain"})
SERVER_ERROR = "Internal server error. The operator finds the details in the log."
DAMAGED = "The database of this site is damaged. Its operator finds in the log what to do."
UNAVAILABLE = "The database of this site is not available at the moment; try again in a minute."
RETRY_SECONDS = "30"
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestRejected(Exception):
    """A request is rejected: the status, the reason in one line, and headers of the response."""

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.status, self.line, self.headers = status, line, headers or {}


class RequestGuard:
    """Middleware that rejects requests and sets the headers that a response lacks."""

    def __init__(self, app: ASGIApp, *, host: str, requests_per_minute: int, proxies: Proxies) -> None:
        self._app = app
        self._host = host.lower()
        self._proxies = proxies
        self._has_warned = False
        self._rate_limiter = RateLimiter(requests_per_minute)
        self._file_limiter = RateLimiter(requests_per_minute * FILES_PER_REQUEST)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or reject it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        begun = False

        async def send_safely(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                given = {name for name, _ in headers}
                message["headers"] = headers + [header for header in _RAW_HEADERS if header[0] not in given]
            await send(message)

        try:
            self._check(scope)
        except RequestRejected as rejected:
            is_program = str(scope["path"]).startswith(f"{API}/")
            # Plain text: rendering a page would cost what the limits save.
            plain = PlainTextResponse(f"{rejected.line}\n", rejected.status)
            response = problem_response(rejected.status, rejected.line) if is_program else plain
            response.headers.update(rejected.headers)
            await response(scope, receive, send_safely)
            return
        try:
            await self._app(scope, receive, send_safely)
        except Exception as error:
            if not begun:
                await server_error(error)(scope, receive, send_safely)
            if not _is_logged(error):
                raise  # for the log

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers.getlist("host"))
        client = self._proxies.client(scope, headers)
        limiter = self._file_limiter if _is_file(str(scope["path"])) else self._rate_limiter
        if not limiter.allow(client):
            raise RequestRejected(
                429, "Too many requests from your address; try again in a minute.", {"Retry-After": "60"}
            )
        scope.setdefault("state", {})["client"] = client  # for the limits of single pages
        if not self._has_warned and "x-forwarded-for" in headers and peer_address(scope) not in self._proxies:
            self._has_warned = True
            log.warning("X-Forwarded-For is ignored, because trusted_proxies does not name the proxy", peer=client)
        _check_sizes(scope, headers)

    def _check_host(self, given: list[str]) -> None:
        """Reject other host names, because another site may point its own name at this machine (DNS rebinding)."""
        if len(given) > 1:
            raise RequestRejected(400, "The request has more than one Host header.")
        name = host_name("".join(given))
        if name == self._host or name in LOOPBACK or (len(name) <= MAX_NAME_LENGTH and _is_address(name)):
            return
        raise RequestRejected(400, "This site is not served under that name; its operator sets the name with site_url.")


def _is_file(path: str) -> bool:
    """Whether a path is that of a feed, an icon or a list of feeds, which cost little: no search, no page."""
    return path.endswith(FILE_SUFFIXES) and not path.startswith((f"{API}/", f"{SQL}/", "/search."))


def _is_logged(error: Exception) -> bool:
    """Log an error in one line if that says what to do."""
    if is_unavailable(error):
        log.warning("the database is not available", reason=describe_error(error))
        return True
    if isinstance(error, DBAPIError) and is_damage(error):
        log.error(explain_database_error(error))
        return True
    return False


def server_error(*arguments: object) -> ErrorResponse:
    """Return the response to an unexpected exception, the last argument."""
    status, line, headers = explain_failure(arguments[-1])
    return ErrorResponse(status, line, headers)


def explain_failure(error: object) -> tuple[int, str, dict[str, str]]:
    """Return the status of the response to an unexpected exception, one line, and headers."""
    if isinstance(error, Exception) and is_unavailable(error):
        return 503, UNAVAILABLE, {"Retry-After": RETRY_SECONDS}
    return 500, DAMAGED if isinstance(error, DBAPIError) and is_damage(error) else SERVER_ERROR, {}


def host_name(given: str) -> str:
    """Return the host name of a Host header without its port, in lower case."""
    if given.startswith("["):
        return given.partition("]")[0].lstrip("[").lower()
    return given.partition(":")[0].lower().rstrip(".")


def _is_address(name: str) -> bool:
    """Whether a host is an IP address, which no DNS record can point at another machine."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_sizes(scope: Scope, headers: Headers) -> None:
    query: bytes = scope.get("query_string", b"")
    if len(scope.get("raw_path") or b"") + len(query) > MAX_URL_LENGTH:
        raise RequestRejected(414, f"The address is longer than {MAX_URL_LENGTH:,} bytes.")
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        raise RequestRejected(400, f"There are more than {MAX_PARAMETERS} parameters.") from None
    is_sql = str(scope["path"]).startswith(f"{SQL}/")  # SQL may be as long as a URL
    if not is_sql and any(
        len(name) > MAX_PARAMETER_LENGTH or len(value) > MAX_PARAMETER_LENGTH for name, value in pairs
    ):
        raise RequestRejected(400, f"A parameter is longer than {MAX_PARAMETER_LENGTH:,} characters.")
    length = headers.get("content-length", "0")
    if scope["method"] not in BODILESS and "transfer-encoding" in headers:
        raise RequestRejected(411, "Send the body with its length.")
    if not length.isdigit() or int(length[:12]) > MAX_BODY_BYTES:
        raise RequestRejected(413, f"The body is larger than {MAX_BODY_BYTES:,} bytes.")
