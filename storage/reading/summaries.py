"""Summaries of one vendor, agency, technology or recipient: spending, purchases, publications.

Only records with a published match count. Spending is the sum of the obligations of the awards' actions. Amounts that
publications announce and totals that sources state are never added to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, or_, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.models import AWARDS, MatchBand, StoredRecord
from storage.reading.records import records_by_key
from storage.tables import ActionRow, EventRow, MatchRow, RecordRow, SearchRow

Code = ColumnElement[Any]


class GroupBy(StrEnum):
    """What spending is grouped by."""

    YEAR = "fiscal year"
    AGENCY = "agency"
    VENDOR = "vendor"
    RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryScope:
    """The records that a summary covers; each part that is set narrows them.

    `agency` is the code of a department or sub-agency. `recipients` are names as the source writes them, for records
    that state no UEI.
    """

    vendor: str = ""
    category: str = ""
    agency: str = ""
    ueis: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRow:
    """Dollars obligated in one group, and the number of awards. `code` is a year, agency code, vendor id or UEI."""

    code: str
    name: str
    dollars: Decimal
    awards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SellerRow:
    """A company paid for a vendor's products. `is_other`: it is not the vendor itself, but a reseller."""

    name: str
    uei: str
    is_other: bool
    awards: int
    dollars: Decimal


def keys_in_scope(subject: SummaryScope) -> Select[str]:
    """Return the query for the keys of the published records in a scope."""
    matched = select(col(MatchRow.record_key)).where(col(MatchRow.band) == MatchBand.PUBLISHED)
    if subject.vendor:
        matched = matched.where(col(MatchRow.vendor_id) == subject.vendor)
    if subject.category:
        matched = matched.where(col(MatchRow.vendor_category) == subject.category)
    if not (subject.agency or subject.ueis or subject.recipients):
        return matched
    if subject.agency:
        of_agency = or_(col(SearchRow.sub_agency_code) == subject.agency, col(SearchRow.department) == subject.agency)
        bought = select(col(SearchRow.record_key)).where(col(SearchRow.is_published).is_(True), of_agency)
        matched = bought.where(col(SearchRow.record_key).in_(matched)) if subject.vendor or subject.category else bought
    if not (subject.ueis or subject.recipients):
        return matched
    unnamed = col(RecordRow.recipient_uei) == ""
    by_name = unnamed & col(RecordRow.recipient_name).in_(subject.recipients)
    paid = or_(col(RecordRow.recipient_uei).in_(subject.ueis), by_name)
    return select(col(RecordRow.key)).where(col(RecordRow.key).in_(matched), paid)


def spending(session: Session, subject: SummaryScope, by: GroupBy, limit: int = 100) -> list[SpendRow]:
    """Return what was obligated by group: years in order, other groups by amount, largest first."""
    code, name = _group_columns(by)
    dollars, awards = func.sum(col(ActionRow.obligation)), func.count(col(ActionRow.award_key).distinct())
    query = select(code, name, dollars, awards).join(RecordRow, col(RecordRow.key) == col(ActionRow.award_key))
    if by is GroupBy.VENDOR:
        query = query.join(MatchRow, col(MatchRow.record_key) == col(RecordRow.key))
        query = query.where(col(MatchRow.band) == MatchBand.PUBLISHED)
    query = query.where(
        col(ActionRow.removed).is_(None),
        col(ActionRow.obligation).is_not(None),
        _is_award(),
        col(RecordRow.key).in_(keys_in_scope(subject)),
    ).group_by(code)
    order = code if by is GroupBy.YEAR else dollars.desc()
    rows = session.execute(query.order_by(order, code).limit(limit))
    return [
        SpendRow(code=str(row[0] or ""), name=str(row[1] or row[0] or ""), dollars=row[2] or Decimal(0), awards=row[3])
        for row in rows
    ]


def _group_columns(by: GroupBy) -> tuple[Code, Code]:
    if by is GroupBy.YEAR:
        signed = col(ActionRow.signed)
        # The fiscal year ends with September.
        year = func.extract("year", signed) + case((func.extract("month", signed) >= 10, 1), else_=0)
        return year, func.max(year)
    if by is GroupBy.AGENCY:
        part = func.nullif(col(RecordRow.sub_agency_code), "")
        named = func.nullif(col(RecordRow.sub_agency_name), "")
        return (
            func.coalesce(part, col(RecordRow.agency_code)),
            func.max(func.coalesce(named, col(RecordRow.agency_name))),
        )
    if by is GroupBy.VENDOR:
        return func.coalesce(col(MatchRow.vendor_id), ""), func.max(col(MatchRow.vendor_name))
    uei = func.nullif(col(RecordRow.recipient_uei), "")
    return func.coalesce(uei, col(RecordRow.recipient_name)), func.max(col(RecordRow.recipient_name))


def sellers_of(session: Session, vendor_id: str) -> list[SellerRow]:
    """Return who is paid for a vendor's products, most awards first.

    `dollars` is the sum of what the awards' sources state as obligated to date.
    """
    query = select(
        col(RecordRow.recipient_name),
        col(RecordRow.recipient_uei),
        col(RecordRow.obligated),
        col(MatchRow.via_reseller),
    ).join(MatchRow, col(MatchRow.record_key) == col(RecordRow.key))
    query = query.where(
        col(MatchRow.vendor_id) == vendor_id,
        col(MatchRow.band) == MatchBand.PUBLISHED,
        _is_award(),
        col(RecordRow.recipient_name) != "",
    )
    found: dict[tuple[str, bool], SellerRow] = {}
    for name, uei, obligated, is_other in session.execute(query):
        known = found.get((uei or name, is_other))
        found[uei or name, is_other] = SellerRow(
            name=name,
            uei=uei,
            is_other=is_other,
            awards=(known.awards if known else 0) + 1,
            dollars=(known.dollars if known else Decimal(0)) + (obligated or Decimal(0)),
        )
    return sorted(found.values(), key=lambda seller: (-seller.awards, seller.name))


def last_known_name(session: Session, vendor_id: str) -> str:
    """Return the name of a vendor in its matches, "" if it has none."""
    query = select(func.max(col(MatchRow.vendor_name))).where(col(MatchRow.vendor_id) == vendor_id)
    return session.scalar(query) or ""


def count_about(session: Session, subject: SummaryScope) -> tuple[int, int]:
    """Return the numbers of published awards and publications in a scope."""
    query = select(col(RecordRow.category), func.count()).where(col(RecordRow.key).in_(keys_in_scope(subject)))
    counts = {found[0]: found[1] for found in session.execute(query.group_by(col(RecordRow.category)))}
    awards = sum(count for category, count in counts.items() if category in AWARDS)
    return awards, sum(counts.values()) - awards


def open_notices(session: Session, subject: SummaryScope, now: datetime, limit: int = 20) -> list[StoredRecord]:
    """Return the notices whose deadline has not passed, nearest deadline first."""
    return _records(
        session,
        subject,
        col(RecordRow.category) == "notice",
        col(RecordRow.deadline) >= now,
        order=col(RecordRow.deadline).asc(),
        limit=limit,
    )


def publications_about(session: Session, subject: SummaryScope, category: str, limit: int = 20) -> list[StoredRecord]:
    """Return the publications of one category ("use-case", "document" ...), newest first."""
    order = col(RecordRow.published).desc().nulls_last()
    return _records(session, subject, col(RecordRow.category) == category, order=order, limit=limit)


def awards_about(session: Session, subject: SummaryScope, limit: int = 20) -> list[StoredRecord]:
    """Return the awards in a scope, newest signed first."""
    order = col(RecordRow.signed).desc().nulls_last()
    return _records(session, subject, _is_award(), order=order, limit=limit)


def _records(
    session: Session, subject: SummaryScope, *wanted: ColumnElement[bool], order: ColumnElement[Any], limit: int
) -> list[StoredRecord]:
    query = select(col(RecordRow.key)).where(col(RecordRow.key).in_(keys_in_scope(subject)), *wanted)
    return records_by_key(session, list(session.scalars(query.order_by(order, col(RecordRow.key)).limit(limit))))


def orders_under(session: Session, key: str, limit: int = 50) -> tuple[list[StoredRecord], int]:
    """Return the published orders under an award, newest first, and the number of stored ones."""
    total = session.scalar(select(func.count()).select_from(RecordRow).where(col(RecordRow.parent_key) == key)) or 0
    query = select(col(RecordRow.key)).where(col(RecordRow.parent_key) == key, _is_published())
    order = (col(RecordRow.signed).desc().nulls_last(), col(RecordRow.key))
    return records_by_key(session, list(session.scalars(query.order_by(*order).limit(limit)))), total


def published_among(session: Session, keys: Sequence[str]) -> frozenset[str]:
    """Return the keys whose records are published."""
    query = select(col(MatchRow.record_key)).where(
        col(MatchRow.band) == MatchBand.PUBLISHED, col(MatchRow.record_key).in_(keys)
    )
    return frozenset(session.scalars(query))


def published_recipients(session: Session) -> list[tuple[str, str]]:
    """Return the distinct (name, UEI) of recipients of published records."""
    query = select(col(RecordRow.recipient_name), col(RecordRow.recipient_uei)).where(
        _is_published(), col(RecordRow.recipient_name) != ""
    )
    return [(name, uei) for name, uei in session.execute(query.distinct().order_by(*query.selected_columns))]


def _is_award() -> ColumnElement[bool]:
    # lower() keeps the planner off the index of categories: nearly all records are awards.
    return func.lower(col(RecordRow.category)).in_(AWARDS)


def _is_published() -> ColumnElement[bool]:
    return col(RecordRow.key).in_(keys_in_scope(SummaryScope()))


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStats:
    """The number of entries of a feed, and when the newest was first seen (UTC)."""

    entries: int
    newest: datetime


def feed_stats(session: Session) -> dict[str, dict[str, FeedStats]]:
    """Return the statistics of feeds: under "vendor", "category" and "agency" by id or code, and under "all" by "".

    "agency" includes departments.
    """
    band, seen = col(MatchRow.band) == MatchBand.PUBLISHED, col(SearchRow.is_published).is_(True)
    vendors: Select[str, str] = select(col(MatchRow.record_key), col(MatchRow.vendor_id).label("heading"))
    categories: Select[str, str] = select(col(MatchRow.record_key), col(MatchRow.vendor_category).label("heading"))
    agencies: Select[str, str] = select(col(SearchRow.record_key), col(SearchRow.sub_agency_code).label("heading"))
    stats = {
        "vendor": _stats_by(session, vendors.where(band)),
        "category": _stats_by(session, categories.where(band).distinct()),
        "agency": _stats_by(session, agencies.where(seen)),
    }
    stats["all"] = {}
    if each := stats["agency"].values():  # a record is in exactly one, which may be that without a code
        stats["all"][""] = FeedStats(entries=sum(of.entries for of in each), newest=max(of.newest for of in each))
    departments: Select[str, str] = select(col(SearchRow.record_key), col(SearchRow.department).label("heading"))
    stats["agency"] |= _stats_by(session, departments.where(seen, col(SearchRow.department) != ""))
    return stats


def _stats_by(session: Session, headings: Select[str, str]) -> dict[str, FeedStats]:
    """Return the statistics by heading, from a query for (record, heading) without duplicates."""
    of = headings.subquery()
    entries, newest = func.count(col(EventRow.record_key)), func.max(col(EventRow.first_seen))
    # An outer join starts with the headings, so events are found by record in a covering index.
    published = and_(col(EventRow.record_key) == of.c.record_key, col(EventRow.is_published) != false())
    query = select(of.c.heading, entries, newest).join_from(of, EventRow, published, isouter=True)
    rows = session.execute(query.group_by(of.c.heading).having(entries > 0))
    return {heading: FeedStats(entries=count, newest=latest) for heading, count, latest in rows}
