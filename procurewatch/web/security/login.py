"""Who may review: a person with the token, or one whom a trusted reverse proxy names; and that they meant it.

A signed cookie (HttpOnly, SameSite=Strict) says who is signed in; every form carries a signed word that belongs to that
person alone, so that no page elsewhere can send one in their name.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl

from fastapi import Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

from feeds.text import one_line, shorten
from procurewatch.settings import Settings
from procurewatch.web.security.guard import Refused, client_of, peer_of
from procurewatch.web.security.rate_limit import Allowance

COOKIE = "procurewatch_reviewer"
HOURS = 12
SECONDS = HOURS * 3600
TRIES_A_MINUTE = 10
LONGEST_NAME = 80
NOT_SIGNED_IN = "Sign in at /review first."
BAD_FORM = "The form's own word is missing or old; load the page again and send it from there."
TURNED_OFF = "Reviewing over the web is turned off; its operator turns it on with web_token or web_user_header."


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Who is signed in. `csrf` is the word that their forms must send back."""

    name: str
    csrf: str


class Access:
    """Tells reviewers from readers. What it signs with is made anew at every start: then all are signed out."""

    def __init__(self, settings: Settings, *, is_https: bool) -> None:
        self._token = settings.web_token.get_secret_value() if settings.web_token else ""
        self._header = settings.web_user_header
        self._proxies = frozenset(settings.trusted_proxies)
        self._is_https = is_https
        secret = secrets.token_bytes(32)
        self._sessions = URLSafeTimedSerializer(secret, salt="session")
        self._words = URLSafeTimedSerializer(secret, salt="form")
        self._tries = Allowance(TRIES_A_MINUTE)

    @property
    def has_token(self) -> bool:
        """Whether one can sign in with a token."""
        return bool(self._token)

    @property
    def is_on(self) -> bool:
        """Whether anybody can review over the web."""
        return bool(self._token or self._header)

    def reviewer(self, request: Request) -> Reviewer | None:
        """Return who is signed in, `None` for a reader."""
        known = self._known(request)
        return Reviewer(known[1], self._words.dumps(known[0])) if known else None

    def checked(self, request: Request, form: dict[str, str]) -> Reviewer:
        """Return who sent a form. Raises `Refused` (403) if nobody is signed in, or the form is not from our page."""
        if not self.is_on:
            raise Refused(403, TURNED_OFF)
        known = self._known(request)
        if known is None:
            raise Refused(403, NOT_SIGNED_IN)
        try:
            word = self._words.loads(form.get("csrf", ""), max_age=SECONDS)
        except BadData:
            raise Refused(403, BAD_FORM) from None
        if not hmac.compare_digest(str(word), known[0]):
            raise Refused(403, BAD_FORM)
        return Reviewer(known[1], form["csrf"])

    def sign_in(self, request: Request, response: Response, form: dict[str, str]) -> None:
        """Set the cookie of who knows the token. Raises `Refused`: 403 for a wrong one, 429 after too many."""
        if not self._token:
            raise Refused(403, TURNED_OFF)
        client = client_of(request.scope, request.headers, self._proxies)
        if not self._tries.hit(client):
            raise Refused(429, "Too many tries; wait a minute.", {"Retry-After": "60"})
        if not hmac.compare_digest(form.get("token", "").strip().encode(), self._token.encode()):
            raise Refused(403, "That is not the token.")
        name = shorten(one_line(form.get("name", "")), LONGEST_NAME) or "reviewer"
        session = self._sessions.dumps([secrets.token_urlsafe(16), name])
        response.set_cookie(
            COOKIE, session, max_age=SECONDS, httponly=True, samesite="strict", secure=self._is_https, path="/"
        )

    def _known(self, request: Request) -> tuple[str, str] | None:
        """Return (what forms are bound to, name) of who is signed in."""
        if self._header and peer_of(request.scope) in self._proxies:
            named = shorten(one_line(request.headers.get(self._header, "")), LONGEST_NAME)
            if named:
                return f"user:{named}", named
        if not self._token:
            return None
        try:
            session, name = self._sessions.loads(request.cookies.get(COOKIE, ""), max_age=SECONDS)
        except (BadData, ValueError, TypeError):
            return None
        return f"session:{session}", str(name)


async def form_of(request: Request) -> dict[str, str]:
    """Read a form as a browser sends one without files; the last of equal names counts. Raises `Refused` (400)."""
    body = await request.body()
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))
    except ValueError:
        raise Refused(400, "The form cannot be read.") from None
