"""Decompresses a response while it is read, in pieces of bounded size.

httpx decompresses each chunk that comes at once, however large the result, and once more for each further encoding
that the response names: 10 kB of `gzip, gzip` took 3.9 GB.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

ACCEPTED = "gzip"  # what requests accept
PIECE = 64 * 1024
NOT_ENCODED = frozenset({"", "identity"})
GZIP = frozenset({"gzip", "x-gzip"})
_GZIP_BITS = zlib.MAX_WBITS | 16


def is_readable(encoding: str) -> bool:
    """Return whether `decoded` reads a body with this Content-Encoding: none or one gzip."""
    return encoding.strip().lower() in NOT_ENCODED | GZIP


def decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield a body without its Content-Encoding, which `is_readable`. A piece from gzip has at most `PIECE` bytes.

    Raises:
        zlib.error: the body is damaged or cut off.
    """
    return _decompressed(chunks) if encoding.strip().lower() in GZIP else iter(chunks)


def _decompressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    member = None  # a gzip stream may have several (RFC 1952)
    for chunk in chunks:
        rest = chunk
        while rest:
            member = member or zlib.decompressobj(_GZIP_BITS)
            yield member.decompress(rest, PIECE)
            rest = member.unconsumed_tail
            if member.eof:
                rest, member = member.unused_data, None
    if member:
        yield member.flush()
        if not member.eof:
            raise zlib.error("the compressed body is cut off")
