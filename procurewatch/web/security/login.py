"""Sign-in of reviewers, with a token or by a header of a trusted reverse proxy, and protection against CSRF.

A cookie (HttpOnly, SameSite=Strict) names the reviewer's session, which the server stores in memory. Every form carries
a signed CSRF token bound to that session, so that no other site can send a form in the reviewer's name.
"""

from __future__ import annotations

import hmac
import secrets
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from feeds.text import one_line, shorten
from procurewatch.settings import Settings
from procurewatch.web.security.addresses import Proxies, peer_address
from procurewatch.web.security.guard import RequestRejected
from procurewatch.web.security.rate_limit import RateLimiter

COOKIE = "procurewatch_reviewer"
HOURS = 12
SECONDS = HOURS * 3600
SIGN_INS_PER_MINUTE = 10
MAX_NAME_LENGTH = 80
NOT_SIGNED_IN = "Sign in at /review first."
BAD_FORM = "The form has expired; load the page again and send it from there."
TURNED_OFF = "Reviewing over the web is turned off; its operator turns it on with web_token or web_user_header."


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A signed-in reviewer. `csrf` is the token that their forms must carry."""

    name: str
    csrf: str


class Access:
    """Identifies reviewers. Sessions are stored in memory, so that a restart signs everybody out."""

    def __init__(self, settings: Settings, *, is_https: bool) -> None:
        self._token = settings.web_token.get_secret_value() if settings.web_token else ""
        self._header = settings.web_user_header
        self._proxies = Proxies(settings.trusted_proxies)
        self._is_https = is_https
        self._sessions: dict[str, tuple[str, float]] = {}  # the reviewer's name and when it ends, by session
        self._csrf = URLSafeTimedSerializer(secrets.token_bytes(32), salt="form")
        self._sign_ins = RateLimiter(SIGN_INS_PER_MINUTE)

    @property
    def has_token(self) -> bool:
        """Whether reviewers can sign in with a token."""
        return bool(self._token)

    @property
    def is_on(self) -> bool:
        """Whether reviewing over the web is turned on."""
        return bool(self._token or self._header)

    def reviewer(self, request: Request) -> Reviewer | None:
        """Return the signed-in reviewer, `None` for a reader."""
        known = self._identify(request)
        return Reviewer(known[1], self._csrf.dumps(known[0])) if known else None

    def require_reviewer(self, request: Request, form: dict[str, str]) -> Reviewer:
        """Return the reviewer who sent a form. Raises `RequestRejected` (403) without sign-in or CSRF token."""
        if not self.is_on:
            raise RequestRejected(403, TURNED_OFF)
        known = self._identify(request)
        if known is None:
            raise RequestRejected(403, NOT_SIGNED_IN)
        try:
            token = self._csrf.loads(form.get("csrf", ""), max_age=SECONDS)
        except BadData:
            raise RequestRejected(403, BAD_FORM) from None
        if not hmac.compare_digest(str(token), known[0]):
            raise RequestRejected(403, BAD_FORM)
        return Reviewer(known[1], form["csrf"])

    def sign_in(self, request: Request, response: Response, form: dict[str, str]) -> None:
        """Set the session cookie. Raises `RequestRejected`: 403 for a wrong token, 429 after too many tries."""
        if not self._token:
            raise RequestRejected(403, TURNED_OFF)
        if not self._sign_ins.allow(request.state.client):
            raise RequestRejected(429, "Too many tries; wait a minute.", {"Retry-After": "60"})
        if not hmac.compare_digest(form.get("token", "").strip().encode(), self._token.encode()):
            raise RequestRejected(403, "Wrong token. Try again.")
        name = shorten(one_line(form.get("name", "")), MAX_NAME_LENGTH) or "reviewer"
        session, now = secrets.token_urlsafe(32), time.monotonic()
        self._sessions = {key: known for key, known in self._sessions.items() if known[1] > now}
        self._sessions[session] = (name, now + SECONDS)
        response.set_cookie(
            COOKIE, session, max_age=SECONDS, httponly=True, samesite="strict", secure=self._is_https, path="/"
        )

    def sign_out(self, request: Request, response: Response) -> None:
        """End the session, also for a copy of the cookie, and delete the cookie."""
        self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        response.delete_cookie(COOKIE, path="/")

    def _identify(self, request: Request) -> tuple[str, str] | None:
        """Return the session that CSRF tokens are bound to, and the reviewer's name."""
        if self._header and peer_address(request.scope) in self._proxies:
            named = shorten(one_line(request.headers.get(self._header, "")), MAX_NAME_LENGTH)
            if named:
                return f"user:{named}", named
        if not self._token:
            return None
        session = request.cookies.get(COOKIE, "")
        name, ends = self._sessions.get(session, ("", 0.0))
        return (f"session:{session}", name) if ends > time.monotonic() else None


async def form_of(request: Request) -> dict[str, str]:
    """Parse a URL-encoded form; of equal names the last counts. Raises `RequestRejected` (400)."""
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise RequestRejected(400, "The form cannot be read.") from None
