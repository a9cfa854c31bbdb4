"""Summaries of one vendor, agency, technology or recipient: spending, purchases, publications.

Only records with a published match count. Spending is the sum of the obligations of the awards' actions that a match
in scope concerns. Amounts that publications announce and totals that sources state are never added to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Select,
    String,
    and_,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from storage.concerned import concerns_action, concerns_all, concerns_event
from storage.models import AWARDS, ON_REQUEST, EventKind, MatchBand, StoredRecord
from storage.reading.events import is_small_change
from storage.reading.records import records_by_key
from storage.schema.tables import ActionRow, EventRow, MatchRow, RecordRow, SearchRow


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


def keys_in_scope(subject: SummaryScope) -> Select[str]:
    """Return the query for the keys of the published records in a scope."""
    matched = select(col(MatchRow.record_key)).where(*_matches_in_scope(subject))
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


def _matches_in_scope(subject: SummaryScope) -> list[ColumnElement[bool]]:
    """Return the conditions on a match: it is published, and of the scope's vendor and technology."""
    conditions = [col(MatchRow.band) == MatchBand.PUBLISHED]
    if subject.vendor:
        conditions.append(col(MatchRow.vendor_id) == subject.vendor)
    if subject.category:
        conditions.append(col(MatchRow.vendor_category) == subject.category)
    return conditions


def spending(session: Session, subject: SummaryScope, groups: Sequence[GroupBy]) -> dict[GroupBy, list[SpendRow]]:
    """Return what was obligated by each kind of group: years in order, other groups by amount, largest first.

    One statement reads the actions once for all kinds, because a department may have tens of thousands.
    """
    actions = obligations(subject).cte("obligations")
    found: dict[GroupBy, list[SpendRow]] = {by: [] for by in groups}
    for kind, code, name, dollars, awards in session.execute(union_all(*(_sums(actions, by) for by in groups))):
        row = SpendRow(code=code or "", name=name or code or "", dollars=dollars, awards=awards)
        found[GroupBy(kind)].append(row)
    for by, rows in found.items():
        rows.sort(key=lambda row: (-row.dollars if by is not GroupBy.YEAR else 0, row.code))
    return found


def obligations(subject: SummaryScope) -> Select[*tuple[Any, ...]]:
    """Return the query for the obligations of the awards in a scope: one row per action."""
    signed = col(ActionRow.signed)
    # The fiscal year ends with September.
    year = func.extract("year", signed) + case((func.extract("month", signed) >= 10, 1), else_=0)
    sub_agency = func.nullif(col(RecordRow.sub_agency_code), "")
    sub_agency_name = func.nullif(col(RecordRow.sub_agency_name), "")
    uei = func.nullif(col(RecordRow.recipient_uei), "")
    query: Select[*tuple[Any, ...]] = select(
        col(ActionRow.award_key),
        col(ActionRow.key),
        col(ActionRow.obligation).label("dollars"),
        cast(year, String).label("year"),
        func.coalesce(sub_agency, col(RecordRow.agency_code)).label("agency"),
        func.coalesce(sub_agency_name, col(RecordRow.agency_name)).label("agency_name"),
        func.coalesce(uei, col(RecordRow.recipient_name)).label("recipient"),
        col(RecordRow.recipient_name),
    ).join(RecordRow, col(RecordRow.key) == col(ActionRow.award_key))
    of_award = col(MatchRow.record_key) == col(ActionRow.award_key)
    is_concerned = exists().where(of_award, *_matches_in_scope(subject), concerns_action(col(ActionRow.key)))
    return query.where(
        is_concerned.correlate(ActionRow),
        col(ActionRow.removed).is_(None),
        col(ActionRow.obligation).is_not(None),
        _is_award(),
        col(RecordRow.key).in_(keys_in_scope(subject)),
    )


def _sums(actions: CTE, by: GroupBy) -> Select[*tuple[Any, ...]]:
    """Return the query for (kind of group, code, name, dollars, awards) of one kind of group."""
    code, name = {
        GroupBy.YEAR: (actions.c.year, actions.c.year),
        GroupBy.AGENCY: (actions.c.agency, actions.c.agency_name),
        GroupBy.VENDOR: (col(MatchRow.vendor_id), col(MatchRow.vendor_name)),
        GroupBy.RECIPIENT: (actions.c.recipient, actions.c.recipient_name),
    }[by]
    dollars, awards = func.sum(actions.c.dollars), func.count(actions.c.award_key.distinct())
    query = select(literal(by.value), code, func.max(name), dollars, awards).select_from(actions).group_by(code)
    if by is not GroupBy.VENDOR:
        return query
    of_award = (col(MatchRow.record_key) == actions.c.award_key) & (col(MatchRow.band) == MatchBand.PUBLISHED)
    return query.join(MatchRow, of_award & concerns_action(actions.c.key))


def dollars_of(session: Session, action_keys: Sequence[str]) -> Decimal:
    """Return what these actions obligate in all, in dollars, without those that their source deleted."""
    query = select(func.sum(col(ActionRow.obligation)))
    query = query.where(col(ActionRow.key).in_(action_keys), col(ActionRow.removed).is_(None))
    return session.scalar(query) or Decimal(0)


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


def feed_stats(session: Session, min_change: Decimal = Decimal(0)) -> dict[str, dict[str, FeedStats]]:
    """Return the statistics of feeds: under "vendor", "category" and "agency" by id or code, under "all" by "".

    Under "expiring" is the feed of contracts that end soon, by its name.

    "agency" includes departments. `min_change` is that of the feeds' queries.
    """
    whole = and_(col(MatchRow.band) == MatchBand.PUBLISHED, concerns_all())
    vendors = select(col(MatchRow.record_key), col(MatchRow.vendor_id)).where(whole)
    categories = select(col(MatchRow.record_key), col(MatchRow.vendor_category)).where(whole).distinct()
    agencies = select(
        col(SearchRow.record_key), col(SearchRow.sub_agency_code), col(SearchRow.department), literal("").label("all")
    )
    by_agency = _stats_by(session, agencies.where(col(SearchRow.is_published).is_(True)), min_change)
    by_vendor, by_category = (_stats_by(session, each, min_change) for each in (vendors, categories))
    _add_single_actions(session, by_vendor, by_category, min_change)
    return {
        "vendor": by_vendor,
        "category": by_category,
        "all": {"": by_agency.pop("")} if by_agency else {},
        "expiring": _expiring_stats(session),
        "agency": by_agency,
    }


def _expiring_stats(session: Session) -> dict[str, FeedStats]:
    query = select(func.count(), func.max(col(EventRow.first_seen)))
    query = query.where(col(EventRow.kind) == EventKind.EXPIRING.value, col(EventRow.is_published).is_(True))
    entries, newest = session.execute(query).one()
    return {EventKind.EXPIRING.value: FeedStats(entries=entries, newest=newest)} if entries else {}


def _add_single_actions(
    session: Session, by_vendor: dict[str, FeedStats], by_category: dict[str, FeedStats], min_change: Decimal
) -> None:
    """Add the entries of matches that concern single actions to the statistics."""
    same = aliased(MatchRow)
    is_covered = exists().where(  # another match in the category concerns the whole record
        col(same.record_key) == col(MatchRow.record_key),
        col(same.vendor_category) == col(MatchRow.vendor_category),
        col(same.band) == MatchBand.PUBLISHED,
        col(same.action_keys) == [],
    )
    columns = (col(EventRow.id), col(EventRow.first_seen), col(MatchRow.vendor_id), col(MatchRow.vendor_category))
    query = select(*columns, is_covered.correlate(MatchRow))
    query = query.join_from(MatchRow, EventRow, col(MatchRow.record_key) == col(EventRow.record_key))
    query = query.where(
        col(MatchRow.band) == MatchBand.PUBLISHED, ~concerns_all(), concerns_event(), _has_entry(min_change)
    )
    counted: set[tuple[str, str]] = set()
    for event_id, seen, vendor_id, category, is_counted in session.execute(query):
        _add_entry(by_vendor, vendor_id, seen)
        if not is_counted and (event_id, category) not in counted:
            counted.add((event_id, category))
            _add_entry(by_category, category, seen)


def _add_entry(stats: dict[str, FeedStats], heading: str, seen: datetime) -> None:
    known = stats.get(heading, FeedStats(entries=0, newest=seen))
    stats[heading] = FeedStats(entries=known.entries + 1, newest=max(known.newest, seen))


def _has_entry(min_change: Decimal) -> ColumnElement[bool]:
    is_asked_for = col(EventRow.kind).in_(ON_REQUEST)
    has_entry = and_(col(EventRow.is_published) != false(), col(EventRow.part_of) == "", not_(is_asked_for))
    return and_(has_entry, not_(is_small_change(min_change))) if min_change else has_entry


def _stats_by(session: Session, headings: Select[*tuple[Any, ...]], min_change: Decimal) -> dict[str, FeedStats]:
    """Return the statistics by heading, from a query for records and their headings without duplicates."""
    of = headings.subquery()
    columns = list(of.c)[1:]
    entries, newest = func.count(col(EventRow.record_key)), func.max(col(EventRow.first_seen))
    # An outer join starts with the headings, so events are found by record in a covering index.
    published = and_(col(EventRow.record_key) == of.c.record_key, _has_entry(min_change))
    query = select(entries, newest, *columns).join_from(of, EventRow, published, isouter=True)
    stats: dict[str, FeedStats] = {}
    for count, latest, *names in session.execute(query.group_by(*columns).having(entries > 0)):
        for heading in set(names):
            known = stats.get(heading, FeedStats(entries=0, newest=latest))
            stats[heading] = FeedStats(entries=known.entries + count, newest=max(known.newest, latest))
    return stats
