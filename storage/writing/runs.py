"""What runs store about their own work: checkpoints, failed steps, incidents, and the start of a vendor's feed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import MatchedAward
from storage.competition import PROCURED
from storage.concerned import concerns_all, concerns_event
from storage.models import MILESTONES, ON_REQUEST, EventKind, MatchBand
from storage.possible_days import possible_days
from storage.reading.contracts.expiring import SOON
from storage.reading.coverage import FIRST_DAY
from storage.reading.source_health import CLOCK_ERROR, MAX_SILENCE, NOT_POLLED, consecutive_failures
from storage.rows import update_row
from storage.schema.tables import (
    CheckpointRow,
    CoverageRow,
    EventRow,
    IncidentRow,
    MatchRow,
    RecordRow,
    RunRow,
    UnfinishedStepRow,
)
from storage.writing.changes import Change, event_id
from storage.writing.events import Stored, save_event
from storage.writing.publication import bump_publication_version, publish_changes

MIN_FAILURES = 3  # failed polls in a row that make an incident; or `MAX_SILENCE` without a good one


def load_checkpoint(session: Session, source: str, name: str) -> str | None:
    """Return the value of a checkpoint, `None` if there is none."""
    row = session.get(CheckpointRow, (source, name))
    return row.value if row else None


def load_checkpoints(session: Session, source: str, prefix: str) -> dict[str, str]:
    """Return the values of all checkpoints of a source whose names start with a prefix, by name."""
    query = select(CheckpointRow).where(
        col(CheckpointRow.source) == source, col(CheckpointRow.name).startswith(prefix, autoescape=True)
    )
    return {row.name: row.value for row in session.scalars(query)}


def save_checkpoint(session: Session, source: str, name: str, value: str, now: datetime) -> None:
    """Set a checkpoint in the session's transaction."""
    row = session.get(CheckpointRow, (source, name))
    if row is None:
        session.add(CheckpointRow(source=source, name=name, value=value, changed=now))
    elif row.value != value:
        row.value, row.changed = value, now


def delete_checkpoints(session: Session, source: str, prefix: str) -> None:
    """Delete all checkpoints of a source whose names start with a prefix."""
    for name in load_checkpoints(session, source, prefix):
        session.delete(session.get_one(CheckpointRow, (source, name)))


def save_coverage(session: Session, source: str, vendor_id: str, *, until: date, terms: str, now: datetime) -> None:
    """Note that all contracts of a vendor from `FIRST_DAY` until a day were read from a source.

    `terms` is a digest of what the source was searched for.
    """
    session.merge(
        CoverageRow(
            source=source, vendor_id=vendor_id, agency="", since=FIRST_DAY, until=until, terms=terms, noted_at=now
        )
    )
    bump_publication_version(session)


def begin_coverage(session: Session, source: str, terms: Mapping[str, str], since: date, now: datetime) -> None:
    """Note that polls read all contracts from a day on, of the vendors of which they do not yet.

    `terms` are digests of what the source is searched for, by vendor id.
    """
    query = select(col(CoverageRow.vendor_id)).where(col(CoverageRow.source) == source)
    read = session.scalars(query.where(col(CoverageRow.until).is_(None), col(CoverageRow.is_outdated).is_(False)))
    new = terms.keys() - set(read)
    for vendor_id in sorted(new):
        row = CoverageRow(
            source=source, vendor_id=vendor_id, agency="", since=since, terms=terms[vendor_id], noted_at=now
        )
        session.merge(row)
    if new:
        bump_publication_version(session)


def continue_coverage(session: Session, source: str, terms: Mapping[str, str], since: date, read_until: date) -> None:
    """Note which vendors' coverage a poll continues that reads the days from `since`.

    Args:
        terms: digests of what the source is searched for, by vendor id.
        read_until: the last day that polls have read: coverage that ends, because of other terms, ends there.
    """
    is_changed = False
    for row in session.scalars(select(CoverageRow).where(col(CoverageRow.source) == source)):
        is_same = row.vendor_id == "" or terms.get(row.vendor_id) == row.terms
        until = row.until
        if until is None and not is_same:
            until = read_until
        elif until is not None and is_same and until >= since:
            until = None
        is_changed |= update_row(row, {"until": until, "is_outdated": not is_same})
    if is_changed:
        bump_publication_version(session)


def latest_run(session: Session, source: str, purpose: str) -> RunRow | None:
    """Return the latest run of a source for a purpose ("poll" ...), whether it has ended or not."""
    query = select(RunRow).where(col(RunRow.source) == source, col(RunRow.purpose) == purpose)
    return session.scalars(query.order_by(col(RunRow.id).desc())).first()


def save_failed_step(
    session: Session,
    source: str,
    key: str,
    *,
    part: str,
    query: Mapping[str, Any],
    days: tuple[date | None, date | None],
    quiet_for: Collection[str],
    reason: str,
    now: datetime,
) -> None:
    """Store that a step failed. One that had failed before keeps its first day and the time of its first failure."""
    since, until = days
    row = session.get(UnfinishedStepRow, (source, key, bool(quiet_for)))
    if row is None:
        row = UnfinishedStepRow(
            source=source, key=key, quiet=bool(quiet_for), part=part, query={}, failures=0, failed=now
        )
    elif row.since and since and row.until and until:
        since, until = min(row.since, since), max(row.until, until)
    row.part, row.query, row.since, row.until = part, dict(query), since, until
    row.quiet_for, row.reason, row.failures = sorted({*row.quiet_for, *quiet_for}), reason, row.failures + 1
    session.add(row)
    session.flush()


def delete_failed_step(session: Session, source: str, key: str, *, quiet: bool) -> None:
    """Delete a failed step that has succeeded."""
    row = session.get(UnfinishedStepRow, (source, key, quiet))
    if row is not None:
        session.delete(row)
        session.flush()


def update_incident(
    session: Session,
    source: str,
    *,
    good: bool,
    status: str,
    message: str,
    now: datetime,
    at_once: bool = False,
    silent: datetime | None = None,
) -> None:
    """Open, update or end a source's incident after a poll, whose own row is stored already.

    A source that is down may be up again at the next poll, so it takes several failures to open an incident. With
    `at_once` the first one does: the source answers, but a part of it was not read.

    `silent` is when the last good poll before this one began, if that was too long ago (`silent_since`): readers have
    seen that as an incident.
    """
    query = select(IncidentRow).where(col(IncidentRow.source) == source, col(IncidentRow.ended).is_(None))
    row = session.scalars(query).first()
    if good:
        if row is None and silent and session.get(IncidentRow, (source, silent)) is None:
            row = IncidentRow(source=source, began=silent, failures=0, status=NOT_POLLED, message="nothing polled it")
            session.add(row)
        if row is not None:
            row.ended = now
            bump_publication_version(session)
        return
    failed = consecutive_failures(session, source)
    if row is None:
        began = silent or (failed[-1].started if failed else now)
        if not at_once and not silent and len(failed) < MIN_FAILURES and now - began < MAX_SILENCE:
            return
        row = IncidentRow(source=source, began=began, failures=0, status="")
        session.add(row)
    if update_row(row, {"failures": len(failed), "status": status, "message": message}):
        bump_publication_version(session)


def publish_rematched(session: Session, newest: int, now: datetime) -> int:
    """Publish the newest events of the matches that rematches have found since the last call; return how many.

    `newest` is the number of events of each vendor.
    """
    vendors = session.scalars(select(col(MatchRow.vendor_id)).where(col(MatchRow.is_unpublished)).distinct())
    published = publish_newest(session, sorted(vendors), newest, now, rematched=True)
    session.execute(update(MatchRow).where(col(MatchRow.is_unpublished)).values(is_unpublished=False))
    return published


def publish_newest(
    session: Session, vendor_ids: Iterable[str], newest: int, now: datetime, *, rematched: bool = False
) -> int:
    """Publish the newest events, by date signed, of vendors whose baseline was just stored; return how many.

    Milestones are not among them. Feeds order the events as first seen now.

    Args:
        newest: how many events of each vendor.
        rematched: only of the matches that a rematch has found (`publish_rematched`).
    """
    wanted: set[str] = set()
    possible = col(EventRow.signed).between(*possible_days())
    for vendor_id in vendor_ids:
        query = (
            select(col(EventRow.id))
            .join(MatchRow, col(MatchRow.record_key) == col(EventRow.record_key))
            .where(col(MatchRow.vendor_id) == vendor_id, col(MatchRow.band) == MatchBand.PUBLISHED)
            .where(col(EventRow.kind).not_in((*MILESTONES, *ON_REQUEST)), concerns_event())
            .order_by(possible.desc().nulls_last(), col(EventRow.signed).desc().nulls_last(), col(EventRow.id))
            .limit(newest)
        )
        if rematched:
            query = query.where(col(MatchRow.is_unpublished))
        wanted.update(session.scalars(query))
    unpublished = select(EventRow).where(col(EventRow.id).in_(wanted), col(EventRow.is_published).is_(False))
    rows = session.scalars(unpublished).all()
    for row in rows:
        row.is_published, row.first_seen = True, now
    publish_changes(session, {row.record_key for row in rows})
    return len(rows)


def publish_expiring(session: Session, now: datetime) -> int:
    """Publish an event for each contract or order that ends within `SOON` and has none for that day; return how many.

    They are in the feed of contracts that end soon, in the order in which they came within that time. The end of an
    award is no news for a match that concerns only some of its actions.
    """
    today = now.date()
    is_published = (col(MatchRow.record_key) == col(RecordRow.key)) & (col(MatchRow.band) == MatchBand.PUBLISHED)
    query = select(RecordRow).where(
        col(RecordRow.ends).between(today, today + SOON),
        col(RecordRow.category).in_(PROCURED),
        exists().where(is_published, concerns_all()),
    )
    published = set()
    for row in session.scalars(query.order_by(col(RecordRow.ends), col(RecordRow.key))).all():
        ends = str(row.ends)
        change = Change(
            id=event_id(row.key, "", EventKind.EXPIRING, ends),
            kind=EventKind.EXPIRING,
            signed=row.signed,
            new_value=ends,
        )
        if save_event(session, row.key, change, now, publish=True) is Stored.NEW:
            published.add(row.key)
    publish_changes(session, published)
    return len(published)


def correct_future_times(session: Session, now: datetime) -> int:
    """Date what was first seen more than a day from now to now; return the number of events.

    A clock that was ahead has dated it so. It would be the newest of every feed until that day comes. Call it when the
    present clock can be trusted.
    """
    limit = now + CLOCK_ERROR
    ahead = (col(EventRow.is_published).in_((True, False)), col(EventRow.first_seen) > limit)
    keys = session.scalars(select(col(EventRow.record_key)).where(*ahead)).all()
    if not keys:
        return 0
    concerned = col(RecordRow.key).in_(select(col(EventRow.record_key)).where(*ahead))
    for name in ("first_seen", "last_changed"):
        is_ahead = col(getattr(RecordRow, name)) > limit
        session.execute(update(RecordRow).where(concerned, is_ahead).values({name: now}))
    session.execute(update(EventRow).where(*ahead).values(first_seen=now))
    publish_changes(session, set(keys))
    return len(keys)


def load_matched_awards(
    session: Session, vendor_id: str = "", *, active_since: date | None = None
) -> dict[str, tuple[MatchedAward, ...]]:
    """Return the stored awards with a match that is not rejected, by category.

    Args:
        vendor_id: only of this watchlist entry, "" for all.
        active_since: only awards that ran on that day or later, or changed, or do not say when.
    """
    matched = select(col(MatchRow.record_key)).where(col(MatchRow.band) != MatchBand.REJECTED)
    if vendor_id:
        matched = matched.where(col(MatchRow.vendor_id) == vendor_id)
    query = select(col(RecordRow.category), col(RecordRow.key), col(RecordRow.piid))
    query = query.where(col(RecordRow.key).in_(matched), col(RecordRow.piid) != "").order_by(col(RecordRow.key))
    if active_since:
        days = (col(RecordRow.modified), col(RecordRow.may_end), col(RecordRow.ends))
        query = query.where(or_(*(day >= active_since for day in days), *(day.is_(None) for day in days[:1])))
    found: dict[str, list[MatchedAward]] = {}
    for category, key, piid in session.execute(query):
        found.setdefault(category, []).append(MatchedAward(key, piid))
    return {category: tuple(awards) for category, awards in found.items()}
