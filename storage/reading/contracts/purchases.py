"""How a vendor's or an agency's purchases were made: paid to whom, under which contracts, and whether competed.

Only awards with a published match in scope count. Dollars are the obligations of their actions that it concerns
(`storage.reading.summaries.obligations`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.competition import FAIR_OPPORTUNITY, PROCURED
from storage.models import StoredRecord
from storage.reading.records import records_by_key
from storage.reading.summaries import SummaryScope, obligations, published_among
from storage.schema.tables import MatchRow, RecordRow, SearchRow


@dataclass(frozen=True, slots=True, kw_only=True)
class PayeeRow:
    """A company that is paid. `awards` and `dollars` of awards through it as a reseller are counted apart."""

    name: str
    uei: str
    is_reseller: bool
    awards: int
    dollars: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRow:
    """A parent contract (IDV, agreement) with the orders under it; `key` and `piid` are "" for awards without one.

    `holder` is who is paid for the orders. `record` is the parent's own, `None` if it is not stored; `has_page` if it
    is published.
    """

    key: str
    piid: str
    holder: str
    record: StoredRecord | None
    has_page: bool
    awards: int
    dollars: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CompetitionRow:
    """Contracts and orders with the same answer to "was it competed?": a value of `Competition`, and the reason.

    `reason` is in the source's words: why not, else the extent competed; "" if the source does not say.
    """

    competition: str
    reason: str
    awards: int
    dollars: Decimal


def payees_of(session: Session, subject: SummaryScope) -> list[PayeeRow]:
    """Return who is paid in a vendor's scope, most dollars first: the vendor itself, and resellers of its products."""
    paid = obligations(subject).cte("paid")
    name, uei = func.max(paid.c.recipient_name), func.max(col(RecordRow.recipient_uei))
    is_reseller = col(MatchRow.via_reseller)
    of_award = (col(MatchRow.record_key) == paid.c.award_key) & (col(MatchRow.vendor_id) == subject.vendor)
    query = (
        select(name, uei, is_reseller, func.count(paid.c.award_key.distinct()), func.sum(paid.c.dollars))
        .select_from(paid)
        .join(RecordRow, col(RecordRow.key) == paid.c.award_key)
        .join(MatchRow, of_award)
        .where(paid.c.recipient != "")
        .group_by(paid.c.recipient, is_reseller)
    )
    rows = [
        PayeeRow(name=name, uei=uei, is_reseller=is_reseller, awards=awards, dollars=dollars)
        for name, uei, is_reseller, awards, dollars in session.execute(query)
    ]
    return sorted(rows, key=lambda row: (-row.dollars, row.name, row.is_reseller))


def vehicles_of(session: Session, subject: SummaryScope, limit: int) -> tuple[list[VehicleRow], int]:
    """Return the parent contracts of orders, most dollars first, at most `limit`, and the number of all.

    Awards without a parent are one row, which is always the last.
    """
    paid = obligations(subject).cte("paid")
    key, piid = col(RecordRow.parent_key), col(RecordRow.parent_piid)
    query = (
        select(
            *(key, piid, func.max(col(RecordRow.recipient_name)), func.count(col(RecordRow.recipient_name).distinct())),
            *(func.count(paid.c.award_key.distinct()), func.sum(paid.c.dollars)),
        )
        .select_from(paid)
        .join(RecordRow, col(RecordRow.key) == paid.c.award_key)
        .where(col(RecordRow.category).in_(PROCURED))
        .group_by(key, piid)
    )
    found = sorted(session.execute(query).all(), key=lambda row: (row[1] == "", -row[5], row[0], row[1]))
    ordered, direct = [row for row in found if row[1]], [row for row in found if not row[1]]
    shown = [*ordered[:limit], *direct]
    keys = [row[0] for row in shown if row[0]]
    stored = {record.key: record for record in records_by_key(session, keys)}
    published = published_among(session, keys)
    rows = [
        VehicleRow(
            key=key,
            piid=piid,
            holder=holder if holders == 1 else "",
            record=stored.get(key),
            has_page=key in published,
            awards=awards,
            dollars=dollars,
        )
        for key, piid, holder, holders, awards, dollars in shown
    ]
    return rows, len(ordered)


def competition_in(session: Session, subject: SummaryScope) -> list[CompetitionRow]:
    """Return how the contracts and orders of a scope were competed, most dollars first."""
    paid = obligations(subject).cte("paid")
    fair, why_not = col(RecordRow.fair_opportunity_code), col(RecordRow.not_competed_reason)
    is_exception = (fair != "") & fair.not_in(FAIR_OPPORTUNITY)
    reason = case(
        (is_exception, col(RecordRow.fair_opportunity)), (why_not != "", why_not), else_=col(RecordRow.extent_competed)
    )
    competition = col(SearchRow.competition)
    query = (
        select(competition, reason, func.count(paid.c.award_key.distinct()), func.sum(paid.c.dollars))
        .select_from(paid)
        .join(RecordRow, col(RecordRow.key) == paid.c.award_key)
        .join(SearchRow, col(SearchRow.record_key) == paid.c.award_key)
        .where(col(RecordRow.category).in_(PROCURED))
        .group_by(competition, reason)
    )
    rows = [
        CompetitionRow(competition=competition, reason=reason, awards=awards, dollars=dollars)
        for competition, reason, awards, dollars in session.execute(query)
    ]
    return sorted(rows, key=lambda row: (-row.dollars, row.competition, row.reason))
