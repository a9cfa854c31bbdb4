"""What is stored about award archives: which files were read, and which contracts that covers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.rows import update_row
from storage.schema.tables import ArchiveFileRow, CoverageRow
from storage.writing.publication import bump_publication_version


def save_archive_file(session: Session, name: str, facts: Mapping[str, Any], now: datetime) -> None:
    """Store what is known about an archive, by the names of the columns; what is not given stays as it was."""
    row = session.get(ArchiveFileRow, name)
    if row is None:
        session.add(ArchiveFileRow(name=name, read_at=now, **facts))
    else:
        update_row(row, {**facts, "read_at": now})
    session.flush()


def save_archive_coverage(
    session: Session,
    source: str,
    terms: Mapping[str, str],
    *,
    agency: str,
    since: date,
    until: date,
    now: datetime,
) -> None:
    """Note that all contracts of a department, "" for all, between two days were read from archives.

    `terms`: for each entry of the watchlist, a digest of what the archives were searched for.
    """
    for vendor_id, digest in terms.items():
        session.merge(
            CoverageRow(
                source=source,
                vendor_id=vendor_id,
                agency=agency,
                since=since,
                until=until,
                terms=digest,
                is_outdated=False,
                noted_at=now,
            )
        )
    session.flush()
    bump_publication_version(session)


def note_changed_terms(session: Session, source: str, terms: Mapping[str, str]) -> None:
    """Mark what archives cover for entries of the watchlist that have changed since, or that it has no more.

    `terms`: the digests of the entries as they are now.
    """
    of_source = col(CoverageRow.source) == source
    vendor, written, outdated = col(CoverageRow.vendor_id), col(CoverageRow.terms), col(CoverageRow.is_outdated)
    is_changed = False
    for vendor_id, digest, was_outdated in session.execute(
        select(vendor, written, outdated).where(of_source).distinct()
    ):
        is_outdated = terms.get(vendor_id) != digest
        if is_outdated != was_outdated:
            rows = update(CoverageRow).where(of_source, vendor == vendor_id, written == digest)
            session.execute(rows.values(is_outdated=is_outdated))
            is_changed = True
    if is_changed:
        bump_publication_version(session)


def extend_archive_coverage(
    session: Session, source: str, terms: Mapping[str, str], *, agency: str, read_until: date, until: date
) -> None:
    """Note that the changes up to the day `until` were read too, of entries that were read up to `read_until` or later.

    An entry that has changed since, so that its digest in `terms` is another one, is not covered any further.
    """
    rows = select(CoverageRow).where(col(CoverageRow.source) == source, col(CoverageRow.agency) == agency)
    for row in session.scalars(rows.where(col(CoverageRow.until) >= read_until, col(CoverageRow.until) < until)):
        if terms.get(row.vendor_id) == row.terms:
            row.until = until
    session.flush()
    bump_publication_version(session)
