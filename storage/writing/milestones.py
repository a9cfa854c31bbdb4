"""Milestones of an agency and a vendor: its first purchase on record, and the round sums that its obligations pass.

They are saved with the event that reaches them, in the same transaction, and are part of that event's entry. A first
purchase is published only if the agency's history with the vendor has been read back to fiscal year 2008, and no award
of it has a day of signing that cannot be true.

Contracts, orders and other transactions with a published match of a vendor count, each with its obligations to date
from one source, unless there is an amount warning. Publications repeat awards and do not count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session
from sqlmodel import col

from storage.competition import PROCURED
from storage.concerned import is_concerned
from storage.models import UNDECIDED, EventKind, MatchBand
from storage.possible_days import is_possible, possible_days
from storage.reading.coverage import FIRST_DAY, is_read_back
from storage.reading.summaries import dollars_of
from storage.schema.tables import EventRow, MatchRow, RecordRow
from storage.writing.changes import TAG, Change, event_id
from storage.writing.events import PublishRule, save_event
from storage.writing.publication import bump_publication_version, snapshot_events

ROUND_SUMS = tuple(Decimal(10) ** power * factor for power in (6, 7, 8, 9) for factor in (1, 5))


def counted_dollars(session: Session, row: RecordRow, matches: Iterable[MatchRow]) -> dict[str, Decimal]:
    """Return by vendor id what an award adds to the agency's total with each vendor that it concerns, in dollars.

    Of a match that concerns only some actions, only their obligations count.
    """
    if not _is_purchase(row):
        return {}
    obligated = Decimal(0) if row.amount_warning else row.obligated or Decimal(0)
    return {
        match.vendor_id: dollars_of(session, match.action_keys) if match.action_keys and obligated else obligated
        for match in matches
        if match.band == MatchBand.PUBLISHED and not match.is_topic
    }


def save_milestones(
    session: Session,
    row: RecordRow,
    matches: Iterable[MatchRow],
    *,
    before: Mapping[str, Decimal],
    now: datetime,
    should_publish: PublishRule,
) -> None:
    """Store the milestones that the events of an award published just now have reached, as parts of the main one.

    If the award turns out to be earlier than a published first purchase, an entry withdraws that.

    Args:
        matches: the award's matches as they are now.
        before: `counted_dollars` before the present changes.
        now: when the events were published, UTC.
        should_publish: given the ids of the vendors concerned, whether feeds carry what is new.
    """
    matches = sorted(matches, key=lambda match: match.vendor_id)
    counted = counted_dollars(session, row, matches)
    if not counted:
        return
    touched = _withdraw_first_purchases(session, row, counted, now)
    wanted = [match for match in matches if match.vendor_id in counted and should_publish([match.vendor_id])]
    events = _published_events(session, row.key, now) if wanted else []
    for match in wanted:
        own = [event for event in events if is_concerned(match, event.kind, event.action_key)]
        added = counted[match.vendor_id] - before.get(match.vendor_id, Decimal(0))
        for change in _reached(session, row, match, own, added) if own else ():
            part_of = own[0].id
            save_event(session, row.key, change, now, publish=True, vendor_id=match.vendor_id, part_of=part_of)
            touched.add(row.key)
    if touched:
        snapshot_events(session, touched)
        bump_publication_version(session)


def _is_purchase(row: RecordRow) -> bool:
    return row.category in PROCURED and row.sub_agency_code != "" and row.signed is not None


def _published_events(session: Session, record_key: str, now: datetime) -> list[EventRow]:
    """Return the events of an award that were published just now, the main one first."""
    query = select(EventRow).where(
        col(EventRow.record_key) == record_key,
        col(EventRow.is_published),
        col(EventRow.first_seen) == now,
        col(EventRow.vendor_id) == "",
    )
    return sorted(
        session.scalars(query),
        key=lambda row: (row.kind == EventKind.NEW_AWARD.value, row.amount or 0, row.signed or date.min, row.id),
        reverse=True,
    )


def _reached(
    session: Session, row: RecordRow, match: MatchRow, events: Sequence[EventRow], added: Decimal
) -> Iterator[Change]:
    """Yield the milestones of a vendor that an award reaches with these events, which add so many dollars."""
    main = events[0]
    if main.kind == EventKind.NEW_AWARD.value and _is_first_purchase(session, row, match.vendor_id):
        yield Change(
            id=event_id(row.key, "", EventKind.FIRST_PURCHASE, match.vendor_id, row.sub_agency_code),
            kind=EventKind.FIRST_PURCHASE,
            signed=row.signed,
            old_value=match.vendor_name,
            new_value=FIRST_DAY.isoformat(),
        )
    if main.is_first_sight:  # what an old award had before is new here, but did not happen now
        added = min(added, sum((event.amount or Decimal(0) for event in events), Decimal(0)))
    if added > 0:
        yield from _round_sum(session, row, match, main.signed, added)


def _is_first_purchase(session: Session, row: RecordRow, vendor_id: str) -> bool:
    """Whether an agency's whole history with a vendor has been read, and has no earlier award, also none undecided.

    An award whose day cannot be true may be earlier.
    """
    if not is_read_back(session, vendor_id, (row.agency_code, row.sub_agency_code)):
        return False
    pair = _of_pair(row, vendor_id, (MatchBand.PUBLISHED, *UNDECIDED))
    days = select(col(RecordRow.signed)).join(MatchRow, col(MatchRow.record_key) == col(RecordRow.key)).where(*pair)
    if not all(is_possible(day) for day in session.scalars(days)):
        return False
    is_told = bool(_first_purchases(session, row, [vendor_id]))
    return not is_told and _earliest(session, row, vendor_id, MatchBand.PUBLISHED, *UNDECIDED) == row.key


def _withdraw_first_purchases(session: Session, row: RecordRow, vendor_ids: Collection[str], now: datetime) -> set[str]:
    """Withdraw each of an agency's first purchases from these vendors if an award is earlier; return their awards."""
    touched = set()
    for event in _first_purchases(session, row, vendor_ids):
        key = _earliest(session, row, event.vendor_id, MatchBand.PUBLISHED)
        if key in (event.record_key, None):
            continue
        first = session.get_one(RecordRow, key)
        change = Change(
            id=event_id(event.record_key, "", EventKind.FIRST_PURCHASE_WITHDRAWN, event.id),
            kind=EventKind.FIRST_PURCHASE_WITHDRAWN,
            old_value=event.old_value,
            new_value=f"{first.piid or first.key}, signed {first.signed}",
        )
        save_event(session, event.record_key, change, now, publish=True, vendor_id=event.vendor_id)
        touched.add(event.record_key)
    return touched


def _first_purchases(session: Session, row: RecordRow, vendor_ids: Collection[str]) -> list[EventRow]:
    """Return the published first purchases of an award's agency from these vendors that are not withdrawn."""
    kinds = (EventKind.FIRST_PURCHASE.value, EventKind.FIRST_PURCHASE_WITHDRAWN.value)
    query = select(EventRow).where(
        col(EventRow.kind).in_(kinds), col(EventRow.is_published), col(EventRow.vendor_id).in_(vendor_ids)
    )
    events = session.scalars(query).all() if vendor_ids else ()
    withdrawn = {(event.record_key, event.vendor_id) for event in events if event.kind == kinds[1]}
    return [
        event
        for event in events
        if (event.record_key, event.vendor_id) not in withdrawn
        and session.get_one(RecordRow, event.record_key).sub_agency_code == row.sub_agency_code
    ]


def _earliest(session: Session, row: RecordRow, vendor_id: str, *bands: MatchBand) -> str | None:
    """Return the key of the earliest award of an award's agency for a vendor with a match in one of these bands.

    Awards whose day of signing cannot be true are left out.
    """
    query = select(col(RecordRow.key)).join(MatchRow, col(MatchRow.record_key) == col(RecordRow.key))
    query = query.where(*_of_pair(row, vendor_id, bands), col(RecordRow.signed).between(*possible_days()))
    return session.scalar(query.order_by(col(RecordRow.signed), col(RecordRow.key)).limit(1))


def _round_sum(
    session: Session, row: RecordRow, match: MatchRow, signed: date | None, added: Decimal
) -> Iterator[Change]:
    """Yield the largest round sum that an agency's total with a vendor has passed by what was added, once ever."""
    total = _total(session, row, match.vendor_id)
    passed = [limit for limit in ROUND_SUMS if total - added < limit <= total]
    if not passed:
        return
    parts = (EventKind.ROUND_SUM.value, match.vendor_id, row.sub_agency_code)
    ids = {limit: TAG + "/".join(quote(part, safe="") for part in (*parts, f"{limit:f}")) for limit in ROUND_SUMS}
    same_or_larger = [ids[limit] for limit in ROUND_SUMS if limit >= passed[-1]]
    if session.scalar(select(col(EventRow.id)).where(col(EventRow.id).in_(same_or_larger)).limit(1)):
        return
    yield Change(
        id=ids[passed[-1]],
        kind=EventKind.ROUND_SUM,
        total=total,
        signed=signed,
        old_value=match.vendor_name,
        new_value=f"{passed[-1]:f}",
    )


def _total(session: Session, row: RecordRow, vendor_id: str) -> Decimal:
    """Return what an award's agency has obligated to a vendor in all, in dollars."""
    query = select(col(RecordRow.obligated), col(MatchRow.action_keys))
    query = query.join(MatchRow, col(MatchRow.record_key) == col(RecordRow.key))
    query = query.where(*_of_pair(row, vendor_id, [MatchBand.PUBLISHED]), col(RecordRow.amount_warning) == "")
    counted = (
        dollars_of(session, action_keys) if action_keys else obligated or Decimal(0)
        for obligated, action_keys in session.execute(query).all()
    )
    return sum(counted, Decimal(0))


def _of_pair(row: RecordRow, vendor_id: str, bands: Sequence[MatchBand]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that select the purchases of an award's agency from a vendor, with their matches."""
    return (
        col(MatchRow.vendor_id) == vendor_id,
        col(MatchRow.band).in_(bands),
        col(RecordRow.category).in_(PROCURED),
        col(RecordRow.sub_agency_code) == row.sub_agency_code,
        col(RecordRow.signed).is_not(None),
    )
