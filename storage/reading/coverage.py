"""What has been read back to the beginning: whether an award can be called an agency's first purchase from a vendor."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.tables import CoverageRow

# The first day of fiscal year 2008: USAspending's search and its archives begin there.
FIRST_DAY = date(2007, 10, 1)


def is_read_back(session: Session, vendor_id: str, agencies: Collection[str]) -> bool:
    """Return whether all contracts of a vendor with an agency since `FIRST_DAY` have been read, and are still read.

    `agencies`: the codes of the agency and of its department.
    """
    query = select(col(CoverageRow.source)).where(
        col(CoverageRow.vendor_id).in_((vendor_id, "")),
        col(CoverageRow.agency).in_((*agencies, "")),
        col(CoverageRow.since) <= FIRST_DAY,
        col(CoverageRow.until).is_(None),
    )
    return session.scalar(query.limit(1)) is not None
