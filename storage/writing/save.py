"""Saving what a source said: the record, its actions, matches, events, links and evidence, all or nothing.

`save_record` is the way in for the pipeline. Saving the same record twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import Award, Document, Problem, Publication, Record, Removal
from storage.concerned import is_concerned
from storage.errors import describe_error, first_database_error, is_database_failure, storable_text
from storage.models import UNDECIDED, EventKind, MatchBand, record_subject
from storage.reading.records import BATCH_SIZE
from storage.reading.source_records import load_statements, source_record_rows
from storage.rows import award_row, publication_row, update_row
from storage.schema.payloads import new_payload
from storage.schema.tables import (
    ActionRow,
    EventRow,
    EvidenceRow,
    MatchRow,
    PayloadRow,
    QuarantineRow,
    RecordRow,
    ReviewDecisionRow,
    SourceRecordRow,
)
from storage.writing.actions import save_actions
from storage.writing.changes import Change, StoredState, award_changes, event_id, publication_changes, with_known_text
from storage.writing.events import PublishRule, Stored, days_late, save_event
from storage.writing.linking import find_corrections, link_award, link_publication
from storage.writing.milestones import counted_dollars, save_milestones
from storage.writing.publication import publish_changes
from storage.writing.renumbering import current_key, renumber, under_current_key, with_stored_actions, with_stored_ids
from storage.writing.reviews import apply_decisions
from storage.writing.source_records import merge_source_records, save_source_record

FindMatches = Callable[[Award | Publication], Sequence[MatchRow]]
NO_DAYS: Mapping[str, date] = MappingProxyType({})
MAX_KEY_LENGTH = 200  # in quarantine
# Differences in these do not make a record changed.
NOT_A_CHANGE = frozenset({"revision", "first_seen", "last_changed"})
MATCH_FIELDS = (
    *("vendor_name", "vendor_category", "score", "matcher_band", "band", "decision", "rule", "reason", "signals"),
    *("action_keys", "via_reseller", "priority", "clues", "is_topic", "watchlist_version"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What saving a record did: `events` is the number of new ones.

    `matches` are those of an award now. `counted` is what it added to the totals of vendors before, in dollars by
    vendor id (`counted_dollars`).
    `problem` says why the record is in quarantine instead of stored, "" if it is stored.
    """

    new: bool = False
    changed: bool = False
    matched: bool = False
    events: int = 0
    matches: Collection[MatchRow] = ()
    counted: Mapping[str, Decimal] = field(default_factory=dict)
    problem: str = ""


def save_record(
    session: Session,
    record: Record,
    find_matches: FindMatches,
    now: datetime,
    should_publish: PublishRule,
    *,
    since: date | None = None,
    history_until: Mapping[str, date] = NO_DAYS,
    read_until: date | None = None,
) -> Saved:
    """Store a record of any kind, and the milestones that an award reaches.

    One that cannot be stored goes into quarantine; those before it are kept.

    Args:
        session: a writing session; nothing is stored until it commits.
        record: an award or a publication to store, a removal to note, a problem to keep.
        find_matches: returns the match rows of an award or a publication; called once.
        now: when it was seen, UTC.
        should_publish: given the ids of the vendors concerned, whether feeds carry what is new.
        since: the first day on which an action is recent (`award_changes`); `None` if the age does not matter.
        history_until: for some vendors, the day before which an award's actions are history: feeds do not carry them.
        read_until: the last day that polls of the source had read before, `None` if this is no poll.

    Raises:
        sqlalchemy.exc.DBAPIError: the database failed (a full disk, a lost connection ...), not the record.
    """
    savepoint = session.begin_nested()
    try:
        saved = _save(
            session,
            record,
            find_matches,
            now,
            should_publish,
            since=since,
            history_until=history_until,
            read_until=read_until,
        )
        savepoint.commit()
    except Exception as error:
        cause = first_database_error(error)
        if is_database_failure(cause):
            raise cause from None
        savepoint.rollback()
        if isinstance(record, Problem) and not record.documents:
            raise
        return save_record(session, problem_with(record, cause), find_matches, now, should_publish, since=since)
    return saved


def _save(
    session: Session,
    record: Record,
    find_matches: FindMatches,
    now: datetime,
    should_publish: PublishRule,
    *,
    since: date | None,
    history_until: Mapping[str, date],
    read_until: date | None,
) -> Saved:
    match record:
        case Problem():
            save_problem(session, record, now)
            return Saved(problem=record.reason)
        case Removal():
            return save_removal(session, record, now, should_publish)
        case Award():
            matches = find_matches(record)
            saved = save_award(
                session,
                record,
                matches,
                now,
                should_publish,
                since=since,
                history_until=history_until,
                read_until=read_until,
            )
            if saved.matched and (saved.changed or saved.events):
                row = session.get_one(RecordRow, current_key(session, record.key))
                save_milestones(
                    session, row, saved.matches, before=saved.counted, now=now, should_publish=should_publish
                )
            return saved
        case Publication():
            return save_publication(session, record, find_matches(record), now, should_publish)


def problem_with(record: Record, error: BaseException) -> Problem:
    """Return what goes into quarantine in place of a record: without its evidence, if not even that can be stored."""
    if isinstance(record, Problem):
        return replace(record, documents=())
    reason = f"it could not be stored: {describe_error(error)}"
    return Problem(source=record.source, key=record.key, reason=reason, documents=record.documents)


def save_award(
    session: Session,
    award: Award,
    matches: Sequence[MatchRow],
    now: datetime,
    should_publish: PublishRule,
    *,
    since: date | None = None,
    history_until: Mapping[str, date] = NO_DAYS,
    read_until: date | None = None,
) -> Saved:
    """Store an award with its matches, and what happened to it since it was last published, as events.

    Args:
        session: a writing session; nothing is stored until it commits.
        matches: rows for this award; their `first_seen` is kept from what is stored.
        now: when it was seen, UTC.
        should_publish: given the ids of the vendors concerned, whether feeds carry what is new.
        since: the first day on which an action is recent (`award_changes`); `None` if the age does not matter.
        history_until: for some vendors, the day before which the award's actions are history.
        read_until: the last day that polls of the source had read before, `None` if this is no poll.
    """
    award = under_current_key(session, award)
    renumbered = renumber(session, award, now) if award.replaces else None
    award = with_stored_actions(session, award)
    stored = session.get(RecordRow, award.key)
    old_actions, old_matches = _load_actions(session, award.key), _load_matches(session, award.key)
    has_matches = bool(old_matches or matches)
    counted = counted_dollars(session, stored, old_matches.values()) if stored else {}
    for match in matches:
        match.record_key = award.key
        match.action_keys = _action_keys(session, old_matches.get(match.vendor_id), match, award)
    before = None
    if stored and _any_published(old_matches):
        before = _stored_state(session, stored, old_actions, award.source)
    scopes = _scopes(old_matches, matches)
    changes: Sequence[Change] = list(award_changes(before, award, since, scopes)) if has_matches else []
    if stored:
        changes = [replace(change, is_first_sight=False) for change in changes]
    changes = _without_history(changes, {*old_matches, *(match.vendor_id for match in matches)}, history_until)

    fresh = award_row(award, now)
    if stored is None:
        _insert(session, fresh)
    is_touched = save_source_record(session, fresh, award, now) or bool(renumbered)
    is_changed = stored is None or _update_record(
        stored, merge_source_records(source_record_rows(session, award.key)), now
    )
    touched = save_actions(session, award, old_actions, now)
    is_changed |= bool(touched)

    row = session.get_one(RecordRow, award.key)
    changes = with_stored_ids(session, award.key, changes)
    if renumbered and has_matches:
        changes = [replace(renumbered, is_news=before is not None), *changes]
    update = _Update(old_matches, matches, changes, award.modified, read_until)
    outcome = _save_matches_and_events(session, row, update, now, should_publish)
    is_touched |= link_award(session, row, now)
    is_touched |= save_evidence(session, award.source, award.key, award.documents)
    keys = (award.key, *([award.replaces] if renumbered else []), *(action.key for action in award.actions))
    _close_quarantine(session, award.source, keys, now)
    if is_changed or is_touched or outcome.is_changed:
        publish_changes(session, {award.key, *touched})
    return Saved(
        new=stored is None,
        changed=is_changed,
        matched=has_matches,
        events=outcome.events,
        matches=_by_vendor(old_matches, matches).values(),
        counted=counted,
    )


def save_publication(
    session: Session, publication: Publication, matches: Sequence[MatchRow], now: datetime, should_publish: PublishRule
) -> Saved:
    """Store a publication with its matches, links to awards, and what changed in it as events. As `save_award`."""
    stored = session.get(RecordRow, publication.key)
    publication = with_known_text(stored, publication)
    old_matches = _load_matches(session, publication.key)
    has_matches = bool(old_matches or matches)
    before = stored if _any_published(old_matches) else None
    changes = list(publication_changes(before, publication)) if has_matches else []

    fresh = publication_row(publication, now)
    if stored is None:
        _insert(session, fresh)
    is_changed = stored is None or _update_record(stored, fresh.model_dump(), now)

    row = session.get_one(RecordRow, publication.key)
    vendors = {*old_matches, *(match.vendor_id for match in matches)}
    corrected = [each for each in _corrections(session, row) if each.earlier is not row]
    if any(vendors <= each.matches.keys() for each in corrected):
        # Readers get it as a correction of the earlier announcement, so it is not announced again.
        changes = [
            replace(change, is_news=change.is_news and change.kind is not EventKind.ANNOUNCED) for change in changes
        ]
    update = _Update(old_matches, matches, changes, publication.published)
    outcome = _save_matches_and_events(session, row, update, now, should_publish)
    touched = {publication.key} if is_changed or outcome.is_changed else set()
    events = outcome.events
    for each in _corrections(session, row):
        update = _Update(each.matches, (), [each.change], publication.published)
        outcome = _save_matches_and_events(session, each.earlier, update, now, should_publish)
        events += outcome.events
        touched |= {each.earlier.key} if outcome.is_changed else set()
    if link_publication(session, row, publication.award_key, now):
        touched.add(publication.key)
    if save_evidence(session, publication.source, publication.key, publication.documents):
        touched.add(publication.key)
    _close_quarantine(session, publication.source, [publication.key], now)
    publish_changes(session, touched)
    return Saved(new=stored is None, changed=is_changed, matched=has_matches, events=events)


def save_matches(
    session: Session, row: RecordRow, record: Award | Publication, matches: Sequence[MatchRow], now: datetime
) -> int:
    """Store new matches of a stored record, whose facts stay; return how many events that makes, unpublished."""
    old_matches = _load_matches(session, row.key)
    for match in matches:
        match.action_keys = _action_keys(session, old_matches.get(match.vendor_id), match)
    changes: Sequence[Change] = []
    if (old_matches or matches) and not _any_published(old_matches):
        if isinstance(record, Award):
            found = award_changes(None, record, scopes=_scopes(old_matches, matches))
        else:
            found = publication_changes(None, record)
        changes = with_stored_ids(session, row.key, list(found))
    update = _Update(old_matches, matches, changes, row.modified or row.published)
    counted = counted_dollars(session, row, old_matches.values())
    outcome = _save_matches_and_events(session, row, update, now, lambda _vendors: False)
    if outcome.is_changed:
        now_stored = _by_vendor(old_matches, matches).values()
        save_milestones(session, row, now_stored, before=counted, now=now, should_publish=lambda _vendors: False)
        publish_changes(session, {row.key})
    return outcome.events


def delete_matches(session: Session, record_key: str, vendor_ids: Iterable[str]) -> set[str]:
    """Delete matches that no longer hold, except those a reviewer decided on; return the vendors deleted."""
    deleted = set()
    for vendor_id in sorted(vendor_ids):
        if session.get(ReviewDecisionRow, (vendor_id, record_subject(record_key))) is None:
            session.delete(session.get_one(MatchRow, (record_key, vendor_id)))
            deleted.add(vendor_id)
    if deleted:
        publish_changes(session, {record_key})
    return deleted


def save_removal(session: Session, removal: Removal, now: datetime, should_publish: PublishRule) -> Saved:
    """Note that a source has deleted a record or one of its actions, as an event; what it said stays stored."""
    row = session.get(RecordRow, removal.key)
    action = session.get(ActionRow, removal.action_key.upper()) if removal.action_key else None
    if row is None or (removal.action_key and action is None):
        return Saved()
    deleted_on = removal.removed or now.date()
    source_record = session.get(SourceRecordRow, (removal.key, removal.source))
    if source_record and source_record.modified and deleted_on < source_record.modified:
        return Saved()  # the source has listed it again since
    is_touched = False
    if action is not None:
        is_touched = update_row(action, {"removed": action.removed or deleted_on})
    elif source_record is not None:
        deletion = {"deleted_on": source_record.deleted_on or deleted_on, "deletion_reason": removal.reason}
        is_touched = update_row(source_record, deletion)
    old_matches = _load_matches(session, removal.key)
    changes = [_deletion(row, action, removal)] if old_matches else []
    update = _Update(old_matches, (), changes, deleted_on)
    outcome = _save_matches_and_events(session, row, update, now, should_publish)
    is_touched |= save_evidence(session, removal.source, removal.key, removal.documents)
    if is_touched or outcome.is_changed:
        publish_changes(session, {removal.key})
    return Saved(changed=bool(outcome.events), matched=bool(old_matches), events=outcome.events)


def _deletion(row: RecordRow, action: ActionRow | None, removal: Removal) -> Change:
    return Change(
        id=event_id(removal.key, removal.action_key.upper(), EventKind.DELETED, removal.source),
        kind=EventKind.DELETED,
        action_key=action.key if action else "",
        amount=action.obligation if action else None,
        signed=action.signed if action else row.signed,
        old_value=action.description if action else row.description,
        new_value=removal.reason,
    )


def save_problem(session: Session, problem: Problem, now: datetime) -> None:
    """Put a record that could not be read or stored into quarantine, with its evidence."""
    problem = replace(problem, key=storable_text(problem.key)[:MAX_KEY_LENGTH])
    row = session.get(QuarantineRow, (problem.source, problem.key))
    if row is None:
        row = QuarantineRow(
            source=problem.source, record_key=problem.key, reason=problem.reason, first_seen=now, last_seen=now
        )
    row.reason, row.last_seen, row.resolved_at = storable_text(problem.reason), now, None
    session.add(row)
    if save_evidence(session, problem.source, problem.key, problem.documents):
        publish_changes(session, {problem.key})


def is_quarantined(session: Session, source: str, key: str) -> bool:
    """Whether a record could not be read or stored, and has not been since."""
    row = session.get(QuarantineRow, (source, key))
    return row is not None and row.resolved_at is None


def save_evidence(session: Session, source: str, record_key: str, documents: Sequence[Document]) -> bool:
    """Keep the raw payloads of a record, each content once; return whether any is new."""
    is_changed = False
    for document in documents:
        sha256 = document.sha256
        stored = session.get(PayloadRow, sha256)
        if stored is None or not stored.body:  # or its bytes were removed
            payload = new_payload(session, sha256, document.content_type, document.body)
            if stored is None:
                session.add(payload)
            else:
                session.merge(payload)
            session.flush()
        if session.get(EvidenceRow, (record_key, sha256, document.url)) is None:
            row = EvidenceRow(
                record_key=record_key,
                sha256=sha256,
                url=document.url,
                source=source,
                request=document.request,
                retrieved_at=document.retrieved_at,
            )
            session.add(row)
            is_changed = True
    return is_changed


class _Update(NamedTuple):
    """The stored and the new matches of a record, what happened to it, and when its source published that.

    `read_until` is the last day that polls of the source had read before, `None` if this is no poll.
    """

    old_matches: Mapping[str, MatchRow]
    matches: Sequence[MatchRow]
    changes: Sequence[Change]
    published: date | None
    read_until: date | None = None


class _Outcome(NamedTuple):
    """How many events are new, and whether any match or event changed."""

    events: int
    is_changed: bool


class _Correction(NamedTuple):
    """An announcement that was corrected, its matches, and the correction."""

    earlier: RecordRow
    matches: Mapping[str, MatchRow]
    change: Change


def _save_matches_and_events(
    session: Session, row: RecordRow, update: _Update, now: datetime, should_publish: PublishRule
) -> _Outcome:
    """Save the matches of a record and its changes as events.

    An event is published if a published match concerns it. If none does but one that may still be, it waits with it.
    """
    is_changed = False
    for match in update.matches:
        apply_decisions(session, match, row)
        is_changed |= _save_match(session, update.old_matches.get(match.vendor_id), match)
    matches = _by_vendor(update.old_matches, update.matches)
    is_news = cache(lambda vendors: bool(vendors) and should_publish(list(vendors)))
    stored = []
    for change in update.changes:
        published = _concerned(matches.values(), [MatchBand.PUBLISHED], change)
        vendors = published or _concerned(matches.values(), UNDECIDED, change)
        publish = is_news(vendors)
        stored.append(
            save_event(
                session,
                row.key,
                change,
                now,
                published=update.published,
                publish=publish and bool(published),
                pending_review=publish and not published,
                days_late=days_late(session, row, change, vendors, read_until=update.read_until, now=now),
            )
        )
    is_changed |= any(each is not Stored.UNCHANGED for each in stored)
    return _Outcome(stored.count(Stored.NEW), is_changed)


def _concerned(matches: Iterable[MatchRow], bands: Collection[MatchBand], change: Change) -> tuple[str, ...]:
    """Return the ids of the vendors whose matches in these bands concern a change, in order."""
    of_band = (match for match in matches if match.band in bands)
    concerned = (match for match in of_band if is_concerned(match, change.kind, change.action_key))
    return tuple(sorted(match.vendor_id for match in concerned))


def _without_history(
    changes: Sequence[Change], vendors: Collection[str], history_until: Mapping[str, date]
) -> Sequence[Change]:
    """Return changes, of which those before the day of every vendor are no news."""
    first = min((history_until[vendor] for vendor in vendors if vendor in history_until), default=None)
    if first is None:
        return changes
    return [replace(each, is_news=each.is_news and not (each.signed and each.signed < first)) for each in changes]


def _scopes(old_matches: Mapping[str, MatchRow], matches: Iterable[MatchRow]) -> list[list[str]]:
    """Return, of each match of an award, the actions that it concerns."""
    found = _by_vendor(old_matches, matches)
    return [found[vendor_id].action_keys for vendor_id in sorted(found)]


def _by_vendor(old_matches: Mapping[str, MatchRow], matches: Iterable[MatchRow]) -> dict[str, MatchRow]:
    """Return the matches of a record as they are now, by vendor id."""
    return {**old_matches, **{match.vendor_id: match for match in matches}}


def _action_keys(session: Session, stored: MatchRow | None, match: MatchRow, award: Award | None = None) -> list[str]:
    """Return the actions that a match concerns from now on: feeds keep every entry that they have.

    A source that lists an award action by action does not show the texts by which a match concerns the whole award,
    unless it states the award's own text: then what was found with fewer actions counts only where it is published.
    """
    if stored is None or not match.action_keys:
        return match.action_keys
    is_whole = award is None or not award.is_partial or award.has_own_text
    if not stored.action_keys and not is_whole:
        return []
    known = set(stored.action_keys)
    if not known or (award and award.has_own_text):
        query = select(col(EventRow.action_key)).where(col(EventRow.record_key) == match.record_key)
        published = set(session.scalars(query.where(col(EventRow.is_published))))
        known = known & published if known else published
    return sorted({*match.action_keys, *known})


def _save_match(session: Session, stored: MatchRow | None, match: MatchRow) -> bool:
    """Insert or update a match; return whether anything changed."""
    # Only what is bought matched, not the recipient: somebody else sells the vendor's product. A topic has no vendor.
    fields = [str(signal["field"]) for signal in match.signals]
    resold = bool(fields) and not any(field.startswith("recipient") for field in fields)
    match.via_reseller = resold and not match.is_topic
    if stored is None:
        session.add(match)
        return True
    return update_row(stored, {name: getattr(match, name) for name in MATCH_FIELDS})


def _corrections(session: Session, row: RecordRow) -> list[_Correction]:
    """Return the corrections that this announcement makes or receives, of announcements with a published match."""
    found = (
        _Correction(earlier, _load_matches(session, earlier.key), change)
        for earlier, change in find_corrections(session, row)
    )
    return [each for each in found if _any_published(each.matches)]


def _stored_state(session: Session, stored: RecordRow, actions: Mapping[str, ActionRow], source: str) -> StoredState:
    """Return the stored state of an award, as the source that lists it now and the other sources left it."""
    said = load_statements(session, stored.key)
    own = said.pop(source, None)
    # Without its kind: SQLite would find the events of all awards by that first.
    query = select(col(EventRow.kind)).where(col(EventRow.record_key) == stored.key, col(EventRow.is_published))
    is_published = EventKind.NEW_AWARD.value in set(session.scalars(query))
    return StoredState(row=stored, actions=actions, said=own, others=tuple(said.values()), is_published=is_published)


def _any_published(matches: Mapping[str, MatchRow]) -> bool:
    return any(match.band == MatchBand.PUBLISHED for match in matches.values())


def _load_actions(session: Session, record_key: str) -> dict[str, ActionRow]:
    rows = session.scalars(select(ActionRow).where(col(ActionRow.award_key) == record_key))
    return {row.key: row for row in rows}


def _load_matches(session: Session, record_key: str) -> dict[str, MatchRow]:
    rows = session.scalars(select(MatchRow).where(col(MatchRow.record_key) == record_key))
    return {row.vendor_id: row for row in rows}


def _insert(session: Session, row: RecordRow) -> None:
    session.add(row)
    session.flush()  # other rows refer to it


def _update_record(row: RecordRow, fields: Mapping[str, Any], now: datetime) -> bool:
    """Update a record's row; return whether anything changed but its revision."""
    row.revision = fields["revision"] or row.revision
    is_changed = update_row(row, {name: value for name, value in fields.items() if name not in NOT_A_CHANGE})
    if is_changed:
        row.last_changed = now
    return is_changed


def _close_quarantine(session: Session, source: str, keys: Iterable[str], now: datetime) -> None:
    """Mark what was quarantined under these keys as resolved."""
    quarantined = select(QuarantineRow).where(
        col(QuarantineRow.source) == source, col(QuarantineRow.resolved_at).is_(None)
    )
    wanted = list(keys)
    for first in range(0, len(wanted), BATCH_SIZE):
        some = wanted[first : first + BATCH_SIZE]
        for row in session.scalars(quarantined.where(col(QuarantineRow.record_key).in_(some))):
            row.resolved_at = now
