"""A write-only file whose content is taken out piece by piece, for libraries that want a file to write to."""

from __future__ import annotations

import io


class StreamBuffer(io.RawIOBase):
    """A file to write to from front to back; `take` returns what was written since it was last called."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._written = 0

    def writable(self) -> bool:
        """Return `True`: `io` and pyarrow ask for it."""
        return True

    def write(self, content: object) -> int:
        """Append bytes, or any object with a buffer."""
        size = len(memoryview(content).cast("B"))  # type: ignore[arg-type]
        self._buffer += content  # type: ignore[arg-type]
        self._written += size
        return size

    def tell(self) -> int:
        """Return how many bytes were written in all."""
        return self._written

    def take(self) -> bytes:
        """Return the bytes written since the last call, and clear the buffer."""
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken
