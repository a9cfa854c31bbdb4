"""A file that hands on what is written to it: for writers that want a file where bytes are wanted as they are made."""

from __future__ import annotations

import io


class Spout(io.RawIOBase):
    """A file to write to, front to back; `take` returns what was written since it was last called."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, content: object) -> int:
        """Keep a copy of the bytes until they are taken."""
        part = bytes(content)  # type: ignore[call-overload]  # anything with a buffer
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        """Return how many bytes were written, taken or not."""
        return self._written

    def take(self) -> bytes:
        """Return what was written and not yet taken, and forget it."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
