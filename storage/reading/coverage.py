"""Which contracts have been read completely: since when, of which watchlist entries and departments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.competition import PROCURED
from storage.models import MatchBand
from storage.possible_days import possible_days
from storage.reading.summaries import SummaryScope, keys_in_scope
from storage.schema.tables import CoverageRow, MatchRow, RecordRow

# The first day of fiscal year 2008: USAspending's search and its archives begin there.
FIRST_DAY = date(2007, 10, 1)
ARCHIVE = "archive"  # the name of the source of award archives
DAY = timedelta(days=1)
# Departments that publish contract actions 90 days after signing: Defense and the Army Corps of Engineers.
DEFENSE = ("097", "096")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ReadPeriod:
    """Days whose contracts were all read: the first and the last, `None` while polls continue it.

    `archive_until` is the last of the days that were read from award archives, `None` if none was.
    """

    since: date
    until: date | None
    archive_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What was read of some watchlist entries with an agency: `entries` is the number of those entries.

    `agency` is the code of a department, "" for all. `period` is the latest period, `None` if no period was read
    completely.
    """

    agency: str
    period: ReadPeriod | None
    entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCoverage:
    """Days whose contracts a source was read for completely: those of some watchlist entries, ("",) for all.

    `agency` is the code of a department, "" for all. `until` is `None` while polls continue it. `is_outdated`: the
    entries are now searched for under other names, so earlier contracts may be missing. `noted_at` is when the reading
    was last complete (UTC).
    """

    source: str
    agency: str
    since: date
    until: date | None
    is_outdated: bool
    vendor_ids: tuple[str, ...]
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EarliestAward:
    """The earliest stored contract or order of an agency that concerns a vendor: its key, number and date.

    `checked_since` is the first of the days from which on all contracts of both have been read, and are still read;
    `None` if there are none. Where that is after `FIRST_DAY`, there may be an earlier award.
    """

    vendor_id: str
    vendor_name: str
    agency_code: str
    agency_name: str
    key: str
    piid: str
    signed: date
    checked_since: date | None


def read_periods(session: Session, vendor_id: str, agencies: Collection[str]) -> list[ReadPeriod]:
    """Return the periods of which all contracts of a vendor with an agency were read, from any source, in order.

    `agencies`: the codes of the agency and of its department; none for all agencies together.
    """
    return _merged(_rows(session, (vendor_id,), agencies)[vendor_id])


def is_read_back(session: Session, vendor_id: str, agencies: Collection[str]) -> bool:
    """Return whether all contracts of a vendor with an agency since `FIRST_DAY` have been read, and are still read.

    `agencies`: the codes of the agency and of its department.
    """
    periods = read_periods(session, vendor_id, agencies)
    return any(period.since <= FIRST_DAY and period.until is None for period in periods)


def was_read(session: Session, vendor_ids: Collection[str], agencies: Collection[str], day: date) -> bool:
    """Return whether all contracts that an agency signed on a day with one of these vendors have been read.

    `agencies`: the codes of the agency and of its department.
    """
    return any(
        since <= day and (until is None or day <= until)
        for rows in _rows(session, vendor_ids, agencies).values()
        for _, since, until in rows
    )


def coverage_of(session: Session, vendor_ids: Collection[str], agencies: Collection[str] = ()) -> list[Coverage]:
    """Return what was read of some watchlist entries: one item for each latest period that some of them share.

    Those of which most was read come first. Departments of which more was read than of all agencies come after that.

    Args:
        agencies: the codes of one agency and of its department; none for all agencies.
    """
    found = _grouped(_rows(session, vendor_ids, agencies), vendor_ids, "")
    if agencies:
        return found
    query = select(col(CoverageRow.agency)).where(col(CoverageRow.vendor_id).in_((*vendor_ids, "")))
    for code in session.scalars(
        query.where(col(CoverageRow.agency) != "").distinct().order_by(col(CoverageRow.agency))
    ):
        of_department = _grouped(_rows(session, vendor_ids, (code,)), vendor_ids, code)
        known = {each.period for each in found}
        found += [each for each in of_department if each.period and each.period not in known]
    return found


def list_periods(session: Session, vendor_ids: Collection[str]) -> list[tuple[str, str, ReadPeriod]]:
    """Return all periods of watchlist entries: entry, department ("" for all) and period, in order."""
    codes = session.scalars(select(col(CoverageRow.agency)).distinct().order_by(col(CoverageRow.agency))).all()
    found = []
    for code in dict.fromkeys(("", *codes)):
        rows = _rows(session, vendor_ids, (code,))
        found += [(vendor_id, code, period) for vendor_id in vendor_ids for period in _merged(rows[vendor_id])]
    return sorted(found)


def coverage_by_source(session: Session, vendor_ids: Collection[str]) -> list[SourceCoverage]:
    """Return what each source was read for: one item for watchlist entries with the same days, which are joined."""
    grouped: dict[tuple[str, bool, str, date, date | None], list[CoverageRow]] = defaultdict(list)
    for row in session.scalars(select(CoverageRow).where(col(CoverageRow.vendor_id).in_((*vendor_ids, "")))):
        grouped[row.source, row.is_outdated, row.agency, row.since, row.until].append(row)
    found: dict[tuple[object, ...], list[SourceCoverage]] = defaultdict(list)
    for (source, is_outdated, agency, since, until), rows in sorted(grouped.items(), key=lambda each: each[0][:4]):
        entries, noted_at = tuple(sorted(row.vendor_id for row in rows)), max(row.noted_at for row in rows)
        same = found[source, is_outdated, agency, entries]
        if same and (last := same[-1]).until and since <= last.until + DAY and (until is None or until > last.until):
            same[-1] = replace(last, until=until, noted_at=max(noted_at, last.noted_at))
            continue
        same.append(
            SourceCoverage(
                source=source,
                agency=agency,
                since=since,
                until=until,
                is_outdated=is_outdated,
                vendor_ids=entries,
                noted_at=noted_at,
            )
        )
    return [each for same in found.values() for each in same]


def department_of(session: Session, agency: str) -> str:
    """Return the code of a sub-agency's department, "" if no record states it."""
    query = select(col(RecordRow.agency_code)).where(col(RecordRow.sub_agency_code) == agency)
    return session.scalar(query.where(col(RecordRow.agency_code) != "").limit(1)) or ""


def may_lack_defense(session: Session, subject: SummaryScope) -> bool:
    """Return whether awards of `DEFENSE` that are not public yet may be missing among the records of a subject.

    They may if the subject is one of these departments or an agency of it, if it has awards of theirs, or none at all.
    """
    if subject.agency:
        return bool({subject.agency, department_of(session, subject.agency)} & {*DEFENSE})
    keys = keys_in_scope(subject)
    of_defense = select(col(RecordRow.key)).where(col(RecordRow.key).in_(keys), col(RecordRow.agency_code).in_(DEFENSE))
    return session.scalar(of_defense.limit(1)) is not None or session.scalar(keys.limit(1)) is None


def earliest_awards(session: Session, subject: SummaryScope, limit: int) -> list[EarliestAward]:
    """Return the earliest award of each vendor and agency, newest first.

    `subject` may narrow the vendors, technologies and agencies. It names no recipient: a vendor's earliest award may
    have been paid to another one. Awards whose day of signing cannot be true are left out.
    """
    vendor, agency, signed = col(MatchRow.vendor_id), col(RecordRow.sub_agency_code), col(RecordRow.signed)
    wanted = [col(MatchRow.band) == MatchBand.PUBLISHED, col(MatchRow.is_topic).is_(False)]
    wanted += [col(RecordRow.category).in_(PROCURED), agency != "", signed.between(*possible_days())]
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
            checked_since=_read_since(session, row.vendor_id, (row.sub_agency_code, row.agency_code)),
        )
        for row in session.execute(newest).all()
    ]


def _read_since(session: Session, vendor_id: str, agencies: Collection[str]) -> date | None:
    return next((each.since for each in read_periods(session, vendor_id, agencies) if each.until is None), None)


_Row = tuple[str, date, date | None]  # source, since, until


def _rows(session: Session, vendor_ids: Collection[str], agencies: Collection[str]) -> Mapping[str, Sequence[_Row]]:
    """Return the rows of each vendor, with those of all vendors."""
    query = select(
        col(CoverageRow.vendor_id), col(CoverageRow.source), col(CoverageRow.since), col(CoverageRow.until)
    ).where(
        col(CoverageRow.vendor_id).in_((*vendor_ids, "")),
        col(CoverageRow.agency).in_((*agencies, "")),
        col(CoverageRow.is_outdated).is_(False),
    )
    found: dict[str, list[_Row]] = defaultdict(list)
    for vendor_id, source, since, until in session.execute(query):
        found[vendor_id].append((source, since, until))
    return defaultdict(list, {vendor_id: [*found[vendor_id], *found[""]] for vendor_id in vendor_ids})


def _merged(rows: Iterable[_Row]) -> list[ReadPeriod]:
    """Return the periods of rows, joined where they touch."""
    periods: list[ReadPeriod] = []
    for source, since, until in sorted(rows, key=lambda row: row[1]):
        archived = until if source == ARCHIVE else None
        last = periods[-1] if periods else None
        if last is None or (last.until is not None and since > last.until + DAY):
            periods.append(ReadPeriod(since=since, until=until, archive_until=archived))
            continue
        ends = None if last.until is None or until is None else max(last.until, until)
        latest = max((day for day in (last.archive_until, archived) if day), default=None)
        periods[-1] = ReadPeriod(since=last.since, until=ends, archive_until=latest)
    return periods


def _grouped(rows: Mapping[str, Sequence[_Row]], vendor_ids: Collection[str], agency: str) -> list[Coverage]:
    counted: dict[ReadPeriod | None, int] = defaultdict(int)
    for vendor_id in vendor_ids:
        periods = _merged(rows[vendor_id])
        counted[periods[-1] if periods else None] += 1
    ordered = sorted(
        counted, key=lambda period: (period is None, period.since if period else date.max, -counted[period])
    )
    return [Coverage(agency=agency, period=period, entries=counted[period]) for period in ordered]
