"""Keeping raw payloads: each content once, with where and when each was first received."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

from sqlalchemy.orm import Session

from sources.records import Document
from storage.tables import EvidenceRow, PayloadRow


def save_evidence(session: Session, source: str, record_key: str, documents: Sequence[Document]) -> None:
    """Keep the payloads of a record. Saving the same ones again changes nothing."""
    for document in documents:
        sha256 = document.sha256
        if session.get(PayloadRow, sha256) is None:
            body = zlib.compress(document.body, 6)
            row = PayloadRow(sha256=sha256, size=len(document.body), content_type=document.content_type, body=body)
            session.add(row)
            session.flush()
        if session.get(EvidenceRow, (record_key, sha256, document.url)) is None:
            session.add(
                EvidenceRow(
                    record_key=record_key,
                    sha256=sha256,
                    url=document.url,
                    source=source,
                    request=document.request,
                    retrieved_at=document.retrieved_at,
                )
            )
