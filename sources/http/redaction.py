"""The key of a source: it goes to the source's own host alone, and appears in no log, error or evidence.

It travels in a header. Where a source does not read that header, it travels as a parameter of the address instead.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from urllib.parse import quote

# httpx logs the address of every request; httpcore logs, for debugging, the headers of every answer.
REQUEST_LOGS = tuple(
    logging.getLogger(name) for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
)
# The words of SAM.gov, of its gateway (api.data.gov) and of similar ones: there is no key, or it is not known.
SAYS_NO_KEY = re.compile(
    rb"api[_ -]?key[_ -]?(missing|invalid|unauthorized|disabled|unverified|was not supplied)"
    rb"|(no|invalid|missing) api[_ -]?key",
    re.IGNORECASE,
)
A_MESSAGE = 4096  # bytes: an answer longer than this is no message
REFUSALS = frozenset({401, 403})


def says_no_key(body: bytes) -> bool:
    """Whether an answer, whatever its status, says that the key is missing or not accepted."""
    return len(body) <= A_MESSAGE and bool(SAYS_NO_KEY.search(body))


class Keys(logging.Filter):
    """A source's key and the way it travels; as a filter of a logger, what takes the key out of its lines.

    `in_address`: the key travels as the parameter. `may_move`: it can, and it is not known to be refused there.
    `arrives`: a good answer has shown that it does.

    Raises:
        ValueError: a key cannot stand in a header. Found out on sending, it would stand in the error.
    """

    def __init__(self, source: str, key_headers: Mapping[str, str], parameter: str = "") -> None:
        super().__init__()
        # Blanks come with copying a key.
        headers = {name: key.strip() for name, key in key_headers.items()}
        if not all(key.isascii() and key.isprintable() for key in headers.values()):
            raise ValueError(f"{source}: its key holds characters that no header can carry")
        keys = [key for key in headers.values() if key]
        forms = {form for key in keys for form in (key, quote(key), quote(key, safe=""))}
        longest_first = sorted(map(re.escape, forms), key=len, reverse=True)
        self._forms = re.compile("|".join(longest_first), re.IGNORECASE) if keys else None
        self._headers = headers
        self._parameter = f"{parameter}={quote(keys[0], safe='')}" if parameter and keys else ""
        self.may_move = bool(self._parameter)
        self.in_address = False
        self.arrives = False

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers to send to the source's own host."""
        return {} if self.in_address else self._headers

    def addressed(self, url: str) -> str:
        """Return an address at the source's own host with the key in it, if that is how the key travels."""
        if not self.in_address:
            return url
        return f"{url}{'&' if '?' in url else '?'}{self._parameter}"

    def without_parameter(self, url: str) -> str:
        """Return an address without the key's parameter, which a redirection may have repeated."""
        if not self._parameter:
            return url
        return (
            url.replace(f"&{self._parameter}", "")
            .replace(f"?{self._parameter}&", "?")
            .removesuffix(f"?{self._parameter}")
        )

    def is_refused(self, status: int, body: bytes) -> bool:
        """Whether an answer may be due to a key that did not arrive. After a good answer, only its words can say so."""
        if says_no_key(body) and status < 500:
            return True
        if status in REFUSALS:
            return not self.arrives
        self.arrives = self.arrives or 200 <= status < 300
        return False

    def taken_out(self, text: str) -> str:
        """Return a text without the key: what comes back is stored as evidence and quoted in errors."""
        return self._forms.sub("[key]", text) if self._forms else text

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the key out of a line of the log; every line passes."""
        message = record.getMessage()
        if (clean := self.taken_out(message)) != message:
            record.msg, record.args = clean, ()
        return True
