"""How the bytes of evidence are stored: compressed with zstd, with a dictionary once one is trained.

Responses of one source repeat the same field names and codes. A dictionary of what they share makes each about six
times smaller; without one, zstd gains nothing over zlib (docs/database.md).
"""

from __future__ import annotations

from functools import lru_cache

import zstandard
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.schema.tables import DictionaryRow, PayloadRow

LEVEL = 9


class PayloadError(Exception):
    """Stored bytes cannot be decompressed."""


def new_payload(session: Session, sha256: str, content_type: str, body: bytes) -> PayloadRow:
    """Return the row of a payload, compressed with the newest dictionary."""
    row = PayloadRow(sha256=sha256, size=len(body), content_type=content_type, body=b"")
    compress_payload(session, row, body, newest_dictionary(session))
    return row


def newest_dictionary(session: Session) -> int | None:
    """Return the id of the newest dictionary, `None` if there is none yet."""
    return session.scalar(select(func.max(col(DictionaryRow.id))))


def compress_payload(session: Session, row: PayloadRow, body: bytes, dictionary_id: int | None) -> None:
    """Set the compressed bytes of a payload's row."""
    dictionary = _load(session, dictionary_id)
    row.body = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary).compress(body)
    row.dictionary_id = dictionary_id


def payload_bytes(session: Session, row: PayloadRow) -> bytes | None:
    """Return the original bytes of a payload, `None` if they have been removed. Raises `PayloadError` for damage."""
    return decompress(session, row.body, row.size, row.dictionary_id) if row.body else None


def decompress(session: Session, body: bytes, size: int, dictionary_id: int | None) -> bytes:
    """Return the original bytes of a payload of this size. Raises `PayloadError` if body or dictionary are damaged."""
    try:
        if zstandard.frame_content_size(body) != size:  # before so much memory is taken
            raise PayloadError("its bytes have another size")
        return zstandard.ZstdDecompressor(dict_data=_load(session, dictionary_id)).decompress(body)
    except zstandard.ZstdError as error:
        raise PayloadError(f"its bytes cannot be decompressed ({error})") from error


def _load(session: Session, dictionary_id: int | None) -> zstandard.ZstdCompressionDict | None:
    if dictionary_id is None:
        return None
    row = session.get(DictionaryRow, dictionary_id)
    if row is None:
        raise PayloadError(f"its dictionary {dictionary_id} is missing")
    return prepare_dictionary(row.body)


@lru_cache(maxsize=8)
def prepare_dictionary(body: bytes) -> zstandard.ZstdCompressionDict:
    """Return a dictionary that is ready for use at `LEVEL`."""
    dictionary = zstandard.ZstdCompressionDict(body)
    dictionary.precompute_compress(level=LEVEL)
    return dictionary
