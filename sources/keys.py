"""The keys of a source: they travel in headers, to its own host alone, and are told to nobody."""

from __future__ import annotations

import logging
from collections.abc import Mapping

REQUEST_LOG = logging.getLogger("httpx")  # tells the address of every request


class Keys(logging.Filter):
    """A source's key headers; as a filter of a logger, what takes the keys out of what it tells.

    Raises:
        ValueError: a key cannot stand in a header. Found out on sending, it would stand in the error.
    """

    def __init__(self, source: str, key_headers: Mapping[str, str]) -> None:
        super().__init__()
        # Blanks come with copying a key.
        self.headers = {name: key.strip() for name, key in key_headers.items()}
        if not all(key.isascii() and key.isprintable() for key in self.headers.values()):
            raise ValueError(f"{source}: its key holds characters that no header can carry")

    def taken_out(self, text: str) -> str:
        """Return a text without the keys: what comes back is stored as evidence and quoted in errors."""
        for key in filter(None, self.headers.values()):
            text = text.replace(key, "[key]")
        return text

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the keys out of a line of the log; every line passes."""
        told = record.getMessage()
        if (clean := self.taken_out(told)) != told:
            record.msg, record.args = clean, ()
        return True
