"""Bytes of evidence: what is removed from the store, and the dictionary with which the rest is compressed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

import zstandard
from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from storage.database import Database
from storage.schema.payloads import (
    LEVEL,
    PayloadError,
    compress_payload,
    newest_dictionary,
    payload_bytes,
    prepare_dictionary,
)
from storage.schema.tables import (
    DictionaryRow,
    EventRow,
    EvidenceRow,
    LinkRow,
    MatchRow,
    PayloadRow,
    QuarantineRow,
    RecordRow,
)

MIN_PAYLOADS = 200  # fewer do not show what responses have in common
MAX_SAMPLES = 2_000
MAX_SAMPLE_SIZE = 16 * 1024  # bytes of one payload
MAX_MEASURED = 300  # samples with which dictionaries are compared
DICTIONARY_SIZES = (8 * 1024, 16 * 1024, 32 * 1024, 64 * 1024)
TRAIN_AGAIN_AT = 10  # times as many payloads as the newest dictionary was trained for
BATCH_SIZE = 500  # payloads in one transaction


def remove_unneeded(database: Database, unmatched_before: datetime | None) -> int:
    """Remove payloads that belong to no record, and the bytes of others that concern nobody; return how many.

    A record concerns somebody if it has a match (rejected ones included), an event, a link or a place in quarantine, or
    is the parent of such a record. Its payloads stay. Of others the hash, URL and time stay.

    Args:
        unmatched_before: remove bytes of records that concern nobody if they were received before (UTC), none if it is
            `None`.
    """
    of_payload = col(EvidenceRow.sha256) == col(PayloadRow.sha256)
    with database.writing() as session:
        connection = session.connection()
        removed = connection.execute(delete(PayloadRow).where(~exists().where(of_payload))).rowcount
        if unmatched_before is not None:
            is_needed = or_(col(EvidenceRow.retrieved_at) >= unmatched_before, _concerns_somebody())
            unneeded = and_(func.length(col(PayloadRow.body)) > 0, ~exists().where(of_payload, is_needed))
            emptied = update(PayloadRow).where(unneeded).values(body=b"", dictionary_id=None)
            removed += connection.execute(emptied).rowcount
    return removed


def _concerns_somebody() -> ColumnElement[bool]:
    key = col(EvidenceRow.record_key)
    child, match = aliased(RecordRow), aliased(MatchRow)
    return or_(
        exists().where(col(MatchRow.record_key) == key),
        exists().where(col(EventRow.record_key) == key),
        exists().where(or_(col(LinkRow.record_key) == key, col(LinkRow.award_key) == key)),
        exists().where(col(QuarantineRow.record_key) == key),
        exists().where(col(child.parent_key) == key, col(match.record_key) == col(child.key)),
    )


def train_dictionary(database: Database) -> bool:
    """Train a dictionary on the stored payloads if there is none, or many more payloads than for the newest one."""
    with database.writing() as session:
        stored = select(PayloadRow).where(func.length(col(PayloadRow.body)) > 0)
        count = session.scalar(select(func.count()).select_from(stored.subquery())) or 0
        newest = session.scalars(select(DictionaryRow).order_by(col(DictionaryRow.id).desc()).limit(1)).first()
        if count < (TRAIN_AGAIN_AT * newest.payloads if newest else MIN_PAYLOADS):
            return False
        # The order of their hashes is random, so that these are a sample of all.
        rows = session.scalars(stored.order_by(col(PayloadRow.sha256)).limit(MAX_SAMPLES))
        body = best_dictionary([sample for row in rows if (sample := _sample(session, row))])
        session.add(DictionaryRow(body=body, payloads=count, trained_at=datetime.now(UTC)))
        return True


def best_dictionary(samples: Sequence[bytes]) -> bytes:
    """Return the dictionary with which one half of the samples becomes smallest, made of the other half.

    How good a trained dictionary is depends on its size in a way that cannot be foretold, and zstd trains none on
    samples that hardly differ. Samples themselves are a dictionary, too.
    """
    trained: list[bytes | bytearray | memoryview[int]] = list(samples[::2])
    candidates = [b"".join(samples[::2])[: DICTIONARY_SIZES[-1]]]
    for size in DICTIONARY_SIZES:
        with suppress(zstandard.ZstdError):
            candidates.append(zstandard.train_dictionary(size, trained).as_bytes())
    return min(candidates, key=lambda body: _compressed_size(samples[1::2][:MAX_MEASURED], body))


def _compressed_size(samples: Sequence[bytes], dictionary: bytes) -> int:
    compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=prepare_dictionary(dictionary))
    return sum(len(compressor.compress(sample)) for sample in samples)


def _sample(session: Session, row: PayloadRow) -> bytes:
    try:
        return (payload_bytes(session, row) or b"")[:MAX_SAMPLE_SIZE]
    except PayloadError:
        return b""  # `check` names it


def compress_again(database: Database) -> None:
    """Compress all payloads with the newest dictionary, and delete dictionaries that none needs any more."""
    last: str | None = ""
    while last is not None:
        with database.writing() as session:
            last = _compress_batch(session, newest_dictionary(session), last)
    with database.writing() as session:
        unused = ~exists().where(col(PayloadRow.dictionary_id) == col(DictionaryRow.id))
        is_older = col(DictionaryRow.id) != newest_dictionary(session)
        session.execute(delete(DictionaryRow).where(unused, is_older))


def _compress_batch(session: Session, dictionary_id: int | None, after: str) -> str | None:
    """Compress payloads in the order of their hashes; return the last one, `None` at the end."""
    other = col(PayloadRow.dictionary_id).is_distinct_from(dictionary_id)
    query = select(PayloadRow).where(other, func.length(col(PayloadRow.body)) > 0, col(PayloadRow.sha256) > after)
    last = None
    for row in session.scalars(query.order_by(col(PayloadRow.sha256)).limit(BATCH_SIZE)).all():
        last = row.sha256
        try:
            body = payload_bytes(session, row)
        except PayloadError:
            continue  # `check` names it
        if body is not None and hashlib.sha256(body).hexdigest() == row.sha256:
            compress_payload(session, row, body, dictionary_id)
    return last if last and last > after else None  # a damaged index gives them in no order
