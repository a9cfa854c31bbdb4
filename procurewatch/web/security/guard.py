"""What every request must pass and every answer carries, so that the reading room can stand on the internet."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from functools import lru_cache
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from procurewatch.web.responses import problem_response
from procurewatch.web.security.rate_limit import Allowance

# Pages load nothing from elsewhere and hold no script of their own; a browser is to hold them to it. A page that needs
# more (review and search: our own scripts) says so itself.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
WITH_SCRIPT = f"{POLICY}; script-src 'self'; connect-src 'self'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_AS_SENT = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
LONGEST_ADDRESS = 8_000  # bytes of path and query
LONGEST_PARAMETER = 1_000  # characters of one parameter of the query
MOST_PARAMETERS = 60
LONGEST_NAME = 255  # characters of a host, or of an address
LARGEST_BODY = 64 * 1024  # bytes
SQL = "/sql"  # where SQL is asked
API = "/api/v1"  # where programs ask
LOOPBACK = frozenset({"localhost", "localhost.localdomain"})
MOST_KEPT = 1_000  # addresses that were read
FAILED = "This could not be answered: a fault of the program. Its operator finds it in the log."
BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Refused(Exception):
    """A request is not answered: the status, why in one line, and headers that the refusal needs."""

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.status, self.line, self.headers = status, line, headers or {}


class Guard:
    """Refuses what is too much or not meant for us, and sets the headers that an answer lacks."""

    def __init__(self, app: ASGIApp, *, host: str, requests_per_minute: int, proxies: Collection[str]) -> None:
        self._app = app
        self._host = host.lower()
        self._proxies = frozenset(proxies)
        self._allowance = Allowance(requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
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
                message["headers"] = headers + [header for header in _AS_SENT if header[0] not in given]
            await send(message)

        try:
            self._check(scope)
        except Refused as refused:
            is_program = str(scope["path"]).startswith(f"{API}/")
            # No page around the line: it would cost what the limits save, and its links may not be ours.
            plain = PlainTextResponse(f"{refused.line}\n", refused.status)
            response = problem_response(refused.status, refused.line) if is_program else plain
            response.headers.update(refused.headers)
            await response(scope, receive, send_safely)
            return
        try:
            await self._app(scope, receive, send_safely)
        except Exception:
            if not begun:
                await failed()(scope, receive, send_safely)
            raise  # for the log

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        self._check_host(headers.get("host", ""))
        client = client_of(scope, headers, self._proxies)
        if not self._allowance.hit(client):
            raise Refused(429, "Too many requests from your address; try again in a minute.", {"Retry-After": "60"})
        _check_sizes(scope, headers)

    def _check_host(self, given: str) -> None:
        """Refuse a name that is not ours: a page elsewhere could have pointed its own name at this machine."""
        name = host_name(given)
        if name == self._host or name in LOOPBACK or (len(name) <= LONGEST_NAME and _is_address(name)):
            return
        raise Refused(400, "This site is not served under that name; its operator sets the name with site_url.")


def failed(*_given: object) -> PlainTextResponse:
    """Return what is said when the program itself is at fault."""
    return PlainTextResponse(f"{FAILED}\n", 500)


def client_of(scope: Scope, headers: Headers, proxies: Collection[str]) -> str:
    """Return who asks: the address that connects, or what a trusted proxy says of whom it passes on.

    Of IPv6 the network counts (64 bits), since one client has all of its addresses.
    """
    peer = peer_of(scope)
    forwarded = ",".join(headers.getlist("x-forwarded-for"))  # a proxy may add a line of its own
    if peer in proxies and forwarded:
        peer = forwarded.rpartition(",")[2].strip()  # the last one is the proxy's own word
    return _client_at(peer) if len(peer) <= LONGEST_NAME else "unknown"


@lru_cache(MOST_KEPT)
def _client_at(given: str) -> str:
    try:
        address = ipaddress.ip_address(given.strip("[]"))
    except ValueError:
        return "unknown"
    if address.version == 6:
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def peer_of(scope: Scope) -> str:
    """Return the address that connects."""
    return str((scope.get("client") or ("", 0))[0])


def host_name(given: str) -> str:
    """Return the name in a Host header, without its port, in lower case."""
    if given.startswith("["):
        return given.partition("]")[0].lstrip("[").lower()
    return given.partition(":")[0].lower().rstrip(".")


@lru_cache(MOST_KEPT)
def _is_address(name: str) -> bool:
    """Whether it is an address and no name: nobody can point an address at another machine."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _check_sizes(scope: Scope, headers: Headers) -> None:
    query: bytes = scope.get("query_string", b"")
    if len(scope.get("raw_path") or b"") + len(query) > LONGEST_ADDRESS:
        raise Refused(414, f"The address is longer than {LONGEST_ADDRESS:,} bytes.")
    try:
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Refused(400, f"There are more than {MOST_PARAMETERS} parameters.") from None
    is_sql = str(scope["path"]).startswith(f"{SQL}/")  # a query may be as long as an address
    if not is_sql and any(len(name) > LONGEST_PARAMETER or len(value) > LONGEST_PARAMETER for name, value in pairs):
        raise Refused(400, f"A parameter is longer than {LONGEST_PARAMETER:,} characters.")
    length = headers.get("content-length", "0")
    if scope["method"] not in BODILESS and "transfer-encoding" in headers:
        raise Refused(411, "Send the body with its length.")
    if not length.isdigit() or int(length[:12]) > LARGEST_BODY:
        raise Refused(413, f"The body is larger than {LARGEST_BODY:,} bytes.")
