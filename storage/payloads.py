"""How the bytes of evidence are stored: compressed with zlib."""

from __future__ import annotations

import zlib

from sqlalchemy.orm import Session

from storage.tables import PayloadRow


class PayloadError(Exception):
    """Stored bytes cannot be decompressed."""


def payload_bytes(session: Session, row: PayloadRow) -> bytes:  # noqa: ARG001
    """Return the original bytes of a payload. Raises `PayloadError` if they are damaged."""
    try:
        return zlib.decompress(row.body)
    except zlib.error as error:
        raise PayloadError(f"its bytes cannot be decompressed ({error})") from error
