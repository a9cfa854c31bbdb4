"""Keeps API keys out of logs, errors and stored URLs.

A key is sent to the source's own host only: as a header or, if the source does not read that, as a URL parameter.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from urllib.parse import quote

# httpx logs the URL of every request; httpcore logs, for debugging, the headers of every response.
REQUEST_LOGS = tuple(
    logging.getLogger(name) for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
)
# The messages of SAM.gov, of its gateway (api.data.gov) and of similar ones: no key, or an unknown one.
SAYS_NO_KEY = re.compile(
    rb"api[_ -]?key[_ -]?(missing|invalid|unauthorized|disabled|unverified|was not supplied)"
    rb"|(no|invalid|missing) api[_ -]?key",
    re.IGNORECASE,
)
MAX_MESSAGE_SIZE = 4096  # bytes: a longer body is not an error message
REFUSALS = frozenset({401, 403})


def says_no_key(body: bytes) -> bool:
    """Whether a response body says that the key is missing or not accepted."""
    return len(body) <= MAX_MESSAGE_SIZE and bool(SAYS_NO_KEY.search(body))


class SecretRedactor(logging.Filter):
    """A source's key and how it is sent; as a logging filter, removes the key from log lines.

    `in_url`: the key is sent as a URL parameter. `may_use_url`: it can be, as far as is known. `arrives`: a successful
    response has shown that the source reads it.

    Raises:
        ValueError: a header cannot contain the key. (httpx would quote the key in its error.)
    """

    def __init__(self, source: str, key_headers: Mapping[str, str], parameter: str = "") -> None:
        super().__init__()
        # Copied keys come with blanks.
        headers = {name: key.strip() for name, key in key_headers.items()}
        if not all(key.isascii() and key.isprintable() for key in headers.values()):
            raise ValueError(f"{source}: its key holds characters that no header can carry")
        keys = [key for key in headers.values() if key]
        forms = {form for key in keys for form in (key, quote(key), quote(key, safe=""))}
        longest_first = sorted(map(re.escape, forms), key=len, reverse=True)
        self._forms = re.compile("|".join(longest_first), re.IGNORECASE) if keys else None
        self._headers = headers
        self._parameter = f"{parameter}={quote(keys[0], safe='')}" if parameter and keys else ""
        self.may_use_url = bool(self._parameter)
        self.in_url = False
        self.arrives = False

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers for the source's own host."""
        return {} if self.in_url else self._headers

    def add_parameter(self, url: str) -> str:
        """Return a URL of the source's own host with the key added, if it is sent in the URL."""
        if not self.in_url:
            return url
        return f"{url}{'&' if '?' in url else '?'}{self._parameter}"

    def remove_parameter(self, url: str) -> str:
        """Return a URL without the key, which a redirect may have repeated."""
        if not self._parameter:
            return url
        return (
            url.replace(f"&{self._parameter}", "")
            .replace(f"?{self._parameter}&", "?")
            .removesuffix(f"?{self._parameter}")
        )

    def is_refused(self, status: int, body: bytes) -> bool:
        """Whether a response may mean that the key was not read. After a successful one, only its words can say so."""
        if says_no_key(body) and status < 500:
            return True
        if status in REFUSALS:
            return not self.arrives
        self.arrives = self.arrives or 200 <= status < 300
        return False

    def redact(self, text: str) -> str:
        """Return a text without the key: responses are stored as evidence and quoted in errors."""
        return self._forms.sub("[key]", text) if self._forms else text

    def filter(self, record: logging.LogRecord) -> bool:
        """Remove the key from a log line; keep every line."""
        message = record.getMessage()
        if (clean := self.redact(message)) != message:
            record.msg, record.args = clean, ()
        return True
