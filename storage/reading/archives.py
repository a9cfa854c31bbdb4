"""Award archives that were read, and what is stored from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.reading.source_records import ActionStatement
from storage.schema.tables import (
    ActionRow,
    ArchiveFileRow,
    CoverageRow,
    EvidenceRow,
    QuarantineRow,
    RenumberedRow,
    SourceRecordRow,
)


def archive_files(session: Session, *, complete: bool = False) -> Sequence[ArchiveFileRow]:
    """Return the archives of which something was read, or those that were read completely, oldest first."""
    query = select(ArchiveFileRow).order_by(col(ArchiveFileRow.published), col(ArchiveFileRow.name))
    return session.scalars(query.where(col(ArchiveFileRow.is_complete)) if complete else query).all()


def has_evidence(session: Session, record_key: str, url: str, sha256: str) -> bool:
    """Return whether a record, or one in quarantine, has evidence with a URL and a hash."""
    return session.get(EvidenceRow, (record_key, sha256, url)) is not None


def has_unreadable(session: Session, source: str, url: str) -> bool:
    """Return whether records of a source whose evidence has a URL that begins so are still in quarantine."""
    found = (
        select(col(QuarantineRow.record_key))
        .join(EvidenceRow, col(EvidenceRow.record_key) == col(QuarantineRow.record_key))
        .where(col(QuarantineRow.source) == source, col(QuarantineRow.resolved_at).is_(None))
        .where(col(EvidenceRow.url).startswith(url, autoescape=True))
    )
    return session.scalar(found.limit(1)) is not None


def listed_actions(
    session: Session, source: str, url: str, since: date, until: date, *, other_url: str = ""
) -> dict[str, str]:
    """Return the award of each action that a source has listed, by action key, of awards read from some URLs.

    Actions that were removed are left out, and those of awards whose key was corrected: a file may list them under the
    former keys.

    Args:
        url: what the URLs of the evidence begin with.
        since: the first day on which the actions were signed.
        until: the last one.
        other_url: awards are left out that were also read from other URLs that begin so; "" for none.
    """
    read = select(col(EvidenceRow.record_key)).where(col(EvidenceRow.url).startswith(url, autoescape=True))
    if other_url:
        evidence = col(EvidenceRow.url)
        others = select(col(EvidenceRow.record_key)).where(
            evidence.startswith(other_url, autoescape=True), ~evidence.startswith(url, autoescape=True)
        )
        read = read.where(col(EvidenceRow.record_key).not_in(others))
    rows = select(SourceRecordRow).where(
        col(SourceRecordRow.source) == source,
        col(SourceRecordRow.record_key).in_(read),
        col(SourceRecordRow.record_key).not_in(select(col(RenumberedRow.new_key))),
    )
    found = {}
    for row in session.scalars(rows):
        for key, stated in row.actions.items():
            signed = ActionStatement.from_json(stated).signed
            if signed and since <= signed <= until:
                found[key] = row.record_key
    removed = select(col(ActionRow.key)).where(col(ActionRow.removed).is_not(None))
    for key in session.scalars(removed):
        found.pop(key, None)
    return found


def covered_vendors(session: Session, source: str, terms: Mapping[str, str]) -> dict[str, date]:
    """Return the entries of the watchlist that a source was read for, as they are now: `terms` are their digests.

    Each has the first day that was read.
    """
    query = select(col(CoverageRow.vendor_id), col(CoverageRow.terms), func.min(col(CoverageRow.since)))
    query = query.where(col(CoverageRow.source) == source).group_by(col(CoverageRow.vendor_id), col(CoverageRow.terms))
    return {vendor_id: since for vendor_id, digest, since in session.execute(query) if terms.get(vendor_id) == digest}
