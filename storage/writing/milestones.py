"""Milestones: an agency's first purchase from a vendor, and the round sums that its obligations pass.

They are computed at the end of a run from everything stored, so the order in which awards arrive does not matter.
Contracts, orders and other transactions with a published match count, each with its obligations to date from one
source, unless there is an amount warning. Publications repeat awards and do not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import AwardCategory
from storage.models import EventKind, MatchBand
from storage.tables import EventRow, MatchRow, RecordRow
from storage.writing.changes import TAG, Change
from storage.writing.events import PublishRule, save_event
from storage.writing.publication import publish_changes

CATEGORIES = tuple(kind.value for kind in AwardCategory if kind is not AwardCategory.ASSISTANCE)
ROUND_SUMS = tuple(Decimal(10) ** power * factor for power in (6, 7, 8, 9) for factor in (1, 5))


@dataclass(slots=True)
class _Purchases:
    """An agency's purchases from a vendor: the first and the latest award, and all obligations in dollars."""

    vendor_id: str
    vendor_name: str
    category: str
    agency: str
    first: tuple[date, str]
    latest: tuple[date, str]
    total: Decimal


def save_milestones(session: Session, now: datetime, should_publish: PublishRule, topics: Collection[str] = ()) -> int:
    """Store the milestones that have been reached as events, each once; return how many are new.

    Args:
        now: when this is found, UTC.
        should_publish: given the id of the vendor, whether feeds carry it.
        topics: ids of watchlist entries that are no vendors: nothing is bought from them.
    """
    bought = _purchases(session)
    first_of_category: dict[tuple[str, str], tuple[date, str]] = {}
    for pair in bought:
        key = (pair.category, pair.agency)
        first_of_category[key] = min(first_of_category.get(key, pair.first), pair.first)
    new = 0
    touched = set()
    for pair in (pair for pair in bought if pair.vendor_id not in topics):
        is_new_technology = first_of_category[(pair.category, pair.agency)] == pair.first
        for record_key, change in _reached(session, pair, is_new_technology=is_new_technology):
            publish = should_publish([pair.vendor_id])
            save_event(session, record_key, change, now, publish=publish, vendor_id=pair.vendor_id)
            touched.add(record_key)
            new += 1
    publish_changes(session, touched)
    return new


def _purchases(session: Session) -> list[_Purchases]:
    """Add up the purchases of each agency from each vendor."""
    record, match = RecordRow, MatchRow
    query = select(
        col(match.vendor_id),
        col(match.vendor_name),
        col(match.vendor_category),
        col(record.sub_agency_code),
        col(record.signed),
        col(record.key),
        col(record.obligated),
        col(record.amount_warning),
    ).join(record, col(record.key) == col(match.record_key))
    query = query.where(col(match.band) == MatchBand.PUBLISHED, col(record.category).in_(CATEGORIES))
    query = query.where(col(record.sub_agency_code) != "", col(record.signed).is_not(None))
    found: dict[tuple[str, str], _Purchases] = {}
    for vendor_id, name, category, agency, signed, key, obligated, warning in session.execute(query):
        when = (signed or date.min, key)
        pair = found.setdefault(
            (vendor_id, agency), _Purchases(vendor_id, name, category, agency, when, when, Decimal(0))
        )
        pair.first, pair.latest = min(pair.first, when), max(pair.latest, when)
        pair.total += obligated if obligated and not warning else 0
    return [found[key] for key in sorted(found)]


def _reached(session: Session, pair: _Purchases, *, is_new_technology: bool) -> Iterator[tuple[str, Change]]:
    """Yield the milestones that a vendor and an agency have newly reached, each with the award it belongs to."""
    first = _id(EventKind.FIRST_PURCHASE, pair.vendor_id, pair.agency)
    if session.get(EventRow, first) is None:
        after = pair.category if is_new_technology else ""
        signed, key = pair.first
        yield (
            key,
            Change(id=first, kind=EventKind.FIRST_PURCHASE, signed=signed, old_value=pair.vendor_name, new_value=after),
        )
    reached = [limit for limit in ROUND_SUMS if pair.total >= limit]
    ids = {limit: _id(EventKind.ROUND_SUM, pair.vendor_id, pair.agency, f"{limit:f}") for limit in reached}
    new = [limit for limit in reached if session.get(EventRow, ids[limit]) is None]
    signed, key = pair.latest
    for limit in new:
        yield (
            key,
            Change(
                id=ids[limit],
                kind=EventKind.ROUND_SUM,
                total=pair.total,
                signed=signed,
                old_value=pair.vendor_name,
                new_value=f"{limit:f}",
                is_news=limit == new[-1],  # of several passed at once only the largest is news
            ),
        )


def _id(kind: EventKind, *parts: str) -> str:
    return TAG + "/".join([kind.value, *(quote(part, safe="") for part in parts)])
