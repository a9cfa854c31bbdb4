"""What has been read back to the beginning: whether an award can be called an agency's first purchase from a vendor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.competition import PROCURED
from storage.models import MatchBand
from storage.reading.summaries import SummaryScope
from storage.tables import CoverageRow, MatchRow, RecordRow

# The first day of fiscal year 2008: USAspending's search and its archives begin there.
FIRST_DAY = date(2007, 10, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EarliestAward:
    """The earliest stored contract or order of an agency that concerns a vendor: its key, number and date.

    `checked_since` is the first of the days for which all contracts of both have been read, `None` if they have not.
    """

    vendor_id: str
    vendor_name: str
    agency_code: str
    agency_name: str
    key: str
    piid: str
    signed: date
    checked_since: date | None


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


def earliest_awards(session: Session, subject: SummaryScope, limit: int) -> list[EarliestAward]:
    """Return the earliest award of each vendor and agency, newest first.

    `subject` may narrow the vendors, technologies and agencies. It names no recipient: a vendor's earliest award may
    have been paid to another one.
    """
    vendor, agency, signed = col(MatchRow.vendor_id), col(RecordRow.sub_agency_code), col(RecordRow.signed)
    wanted = [col(MatchRow.band) == MatchBand.PUBLISHED, col(MatchRow.is_topic).is_(False), signed.is_not(None)]
    wanted += [col(RecordRow.category).in_(PROCURED), agency != ""]
    if subject.vendor:
        wanted.append(vendor == subject.vendor)
    if subject.category:
        wanted.append(col(MatchRow.vendor_category) == subject.category)
    if subject.agency:
        wanted.append(or_(agency == subject.agency, col(RecordRow.agency_code) == subject.agency))
    place = func.row_number().over(partition_by=(vendor, agency), order_by=(signed, col(RecordRow.key)))
    names = (col(MatchRow.vendor_name), col(RecordRow.sub_agency_name), col(RecordRow.agency_code))
    ordered = (
        select(vendor, agency, *names, col(RecordRow.key), col(RecordRow.piid), signed, place.label("place"))
        .join(RecordRow, col(RecordRow.key) == col(MatchRow.record_key))
        .where(*wanted)
        .subquery()
    )
    newest = select(ordered).where(ordered.c.place == 1).order_by(ordered.c.signed.desc(), ordered.c.key).limit(limit)
    return [
        EarliestAward(
            vendor_id=row.vendor_id,
            vendor_name=row.vendor_name,
            agency_code=row.sub_agency_code,
            agency_name=row.sub_agency_name or row.sub_agency_code,
            key=row.key,
            piid=row.piid,
            signed=row.signed,
            checked_since=FIRST_DAY
            if is_read_back(session, row.vendor_id, (row.sub_agency_code, row.agency_code))
            else None,
        )
        for row in session.execute(newest).all()
    ]
