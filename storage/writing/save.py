"""Saving what a source said: award or publication, actions, matches, events and evidence, all or nothing.

Saving the same record twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import Award, Problem, Publication, Record, Removal
from storage.faults import first_error, in_one_line, is_of_the_database, storable
from storage.models import EventKind, MatchBand, record_subject
from storage.reading.source_records import load_statements, source_record_rows
from storage.rows import award_row, publication_row
from storage.tables import ActionRow, EventRow, MatchRow, QuarantineRow, RecordRow, ReviewDecisionRow, SourceRecordRow
from storage.writing.actions import save_actions
from storage.writing.changes import Before, Change, changes, event_id
from storage.writing.corrections import corrections_with
from storage.writing.events import PublishRule, save_event
from storage.writing.evidence import save_evidence
from storage.writing.linking import link_award, link_publication
from storage.writing.publication_changes import publication_changes, with_known_text
from storage.writing.renumbering import renumber, under_current_key, with_stored_actions, with_stored_ids
from storage.writing.reviews import band_for
from storage.writing.source_records import keep_first_sighting, note_sighting, together

FindMatches = Callable[[Award | Publication], Sequence[MatchRow]]
LONGEST_KEY = 200  # characters, in quarantine
# A re-poll alone does not make a record changed.
NOT_A_CHANGE = frozenset({"revision", "first_seen", "last_changed"})
MATCH_FACTS = (
    "vendor_name",
    "vendor_category",
    "score",
    "matcher_band",
    "band",
    "rule",
    "reason",
    "signals",
    "watchlist_version",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What saving a record did: `events` is the number of new ones.

    `problem` says why the record is in quarantine instead of stored, "" if it is stored.
    """

    new: bool = False
    changed: bool = False
    matched: bool = False
    events: int = 0
    problem: str = ""


def save_record(session: Session, record: Record, find_matches: FindMatches, now: datetime, tell: PublishRule) -> Saved:
    """Store a record of any kind; one that cannot be stored is put in quarantine, and those before it are kept.

    Args:
        session: a writing session; nothing is stored until it commits.
        record: an award or a publication to store, a removal to note, a problem to keep.
        find_matches: returns the rows of whom an award or a publication concerns; called once.
        now: when it was seen, UTC.
        tell: given the ids of the vendors concerned, whether feeds are to carry what is new.

    Raises:
        sqlalchemy.exc.DBAPIError: the database failed (a full disk, a lost connection ...), not the record.
    """
    savepoint = session.begin_nested()
    try:
        saved = _save(session, record, find_matches, now, tell)
        savepoint.commit()
    except Exception as error:
        cause = first_error(error)
        if is_of_the_database(cause):
            raise cause from None
        savepoint.rollback()
        if isinstance(record, Problem) and not record.documents:
            raise
        return save_record(session, _problem_with(record, cause), find_matches, now, tell)
    return saved


def _save(session: Session, record: Record, find_matches: FindMatches, now: datetime, tell: PublishRule) -> Saved:
    match record:
        case Problem():
            save_problem(session, record, now)
            return Saved(problem=record.reason)
        case Removal():
            return save_removal(session, record, now, tell)
        case Award():
            return save_award(session, record, find_matches(record), now, tell)
        case Publication():
            return save_publication(session, record, find_matches(record), now, tell)


def _problem_with(record: Record, error: BaseException) -> Problem:
    """Return what is put in quarantine in place of a record: without its evidence, if not even that can be stored."""
    if isinstance(record, Problem):
        return replace(record, documents=())
    reason = f"it could not be stored: {in_one_line(error)}"
    return Problem(source=record.source, key=record.key, reason=reason, documents=record.documents)


def save_award(session: Session, award: Award, matches: Sequence[MatchRow], now: datetime, tell: PublishRule) -> Saved:
    """Store an award with who it concerns, and what happened to it since it was last told of.

    Args:
        session: a writing session; nothing is stored until it commits.
        matches: rows for this award; their `first_seen` is kept from what is stored.
        now: when it was seen, UTC.
        tell: given the ids of the vendors concerned, whether feeds are to carry what is new.
    """
    award = under_current_key(session, award)
    moved = renumber(session, award, now) if award.replaces else None
    award = with_stored_actions(session, award)
    for match in matches:
        match.record_key = award.key
    stored = session.get(RecordRow, award.key)
    old_actions = _actions_of(session, award.key) if stored else {}
    old_matches = _matches_of(session, award.key) if stored else {}
    before = _before(session, stored, old_actions, award.source) if stored and _is_published(old_matches) else None
    concerned = bool(old_matches or matches)
    renumbered = [replace(moved, tell=before is not None)] if moved and concerned else []
    happened = list(changes(before, award)) if concerned else []
    changed = _save_facts(session, stored, award, now)
    changed |= save_actions(session, award, old_actions, now)
    row = session.get_one(RecordRow, award.key)
    happened = [*renumbered, *with_stored_ids(session, award.key, happened)]
    events = _settle(session, row, _Dealings(old_matches, matches, happened, award.modified), now, tell)
    link_award(session, row, now)
    save_evidence(session, award.source, award.key, award.documents)
    for key in (award.key, *([award.replaces] if moved else []), *(action.key for action in award.actions)):
        _solve(session, award.source, key, now)
    return Saved(new=stored is None, changed=changed, matched=concerned, events=events)


def save_publication(
    session: Session, publication: Publication, matches: Sequence[MatchRow], now: datetime, tell: PublishRule
) -> Saved:
    """Store a publication with who it concerns, the awards it is about, and what changed in it. As `save_award`."""
    stored = session.get(RecordRow, publication.key)
    publication = with_known_text(stored, publication)
    old_matches = _matches_of(session, publication.key) if stored else {}
    concerned = bool(old_matches or matches)
    before = stored if _is_published(old_matches) else None
    happened = list(publication_changes(before, publication)) if concerned else []
    fresh = publication_row(publication, now)
    changed = _renew(session, stored, {name: getattr(fresh, name) for name in RecordRow.model_fields}, fresh, now)
    row = session.get_one(RecordRow, publication.key)
    whom = {*old_matches, *(match.vendor_id for match in matches)}
    if any(earlier is not row and whom <= concerned_by.keys() for earlier, concerned_by, _ in _corrected(session, row)):
        # Whom it concerns hears of it as the correction of the earlier announcement.
        happened = [replace(change, tell=change.tell and change.kind is not EventKind.ANNOUNCED) for change in happened]
    events = _settle(session, row, _Dealings(old_matches, matches, happened, publication.published), now, tell)
    for earlier, concerned_by, change in _corrected(session, row):
        events += _settle(session, earlier, _Dealings(concerned_by, (), [change], publication.published), now, tell)
    link_publication(session, row, publication.award_key, now)
    save_evidence(session, publication.source, publication.key, publication.documents)
    _solve(session, publication.source, publication.key, now)
    return Saved(new=stored is None, changed=changed, matched=concerned, events=events)


def save_matches(
    session: Session, row: RecordRow, record: Award | Publication, matches: Sequence[MatchRow], now: datetime
) -> int:
    """Store whom a stored record newly concerns, its facts as they are; return how many events that makes, untold."""
    old_matches = _matches_of(session, row.key)
    happened: Sequence[Change] = []
    if (old_matches or matches) and not _is_published(old_matches):
        happened = list(changes(None, record) if isinstance(record, Award) else publication_changes(None, record))
        happened = with_stored_ids(session, row.key, happened)
    published = row.modified or row.published
    return _settle(session, row, _Dealings(old_matches, matches, happened, published), now, lambda _vendors: False)


def save_removal(session: Session, removal: Removal, now: datetime, tell: PublishRule) -> Saved:
    """Note that a source has dropped a record or one of its actions, and tell of it; what it said stays stored."""
    row = session.get(RecordRow, removal.key)
    action = session.get(ActionRow, removal.action_key.upper()) if removal.action_key else None
    if row is None or (removal.action_key and action is None):
        return Saved()
    gone = removal.removed or now.date()
    sighting = session.get(SourceRecordRow, (removal.key, removal.source))
    if sighting is not None and sighting.modified and gone < sighting.modified:  # told of again since
        return Saved()
    if action is not None:
        action.removed = action.removed or gone
        session.add(action)
    elif sighting is not None:
        sighting.deleted_on, sighting.deletion_reason = sighting.deleted_on or gone, removal.reason
        session.add(sighting)
    change = Change(
        id=event_id(removal.key, removal.action_key.upper(), EventKind.DELETED, removal.source),
        kind=EventKind.DELETED,
        action_key=action.key if action else "",
        amount=action.obligation if action else None,
        signed=action.signed if action else row.signed,
        old_value=action.description if action else row.description,
        new_value=removal.reason,
    )
    old_matches = _matches_of(session, removal.key)
    happened = [change] if old_matches else []
    events = _settle(session, row, _Dealings(old_matches, (), happened, gone), now, tell)
    save_evidence(session, removal.source, removal.key, removal.documents)
    return Saved(changed=bool(events), matched=bool(old_matches), events=events)


def save_problem(session: Session, problem: Problem, now: datetime) -> None:
    """Put a record that could not be read into quarantine, with its evidence."""
    problem = replace(problem, key=storable(problem.key)[:LONGEST_KEY])
    row = session.get(QuarantineRow, (problem.source, problem.key))
    if row is None:
        row = QuarantineRow(
            source=problem.source, record_key=problem.key, reason=problem.reason, first_seen=now, last_seen=now
        )
    row.reason, row.last_seen, row.resolved_at = storable(problem.reason), now, None
    session.add(row)
    save_evidence(session, problem.source, problem.key, problem.documents)


@dataclass(frozen=True, slots=True)
class _Dealings:
    """What a record brings with it: whom it concerned and concerns, what happened, when its source published it."""

    old_matches: Mapping[str, MatchRow]
    matches: Sequence[MatchRow]
    happened: Sequence[Change]
    published: date | None


def _before(session: Session, stored: RecordRow, actions: Mapping[str, ActionRow], source: str) -> Before:
    """Return the stored state of an award that a source speaks of now."""
    said = load_statements(session, stored, {key: row.obligation for key, row in actions.items()})
    own = said.pop(source, None)
    begun = select(col(EventRow.id)).where(col(EventRow.record_key) == stored.key, col(EventRow.is_published))
    is_told = session.scalar(begun.where(col(EventRow.kind) == EventKind.NEW_AWARD.value).limit(1)) is not None
    return Before(row=stored, actions=actions, said=own, others=tuple(said.values()), is_told=is_told)


def _settle(session: Session, row: RecordRow, dealings: _Dealings, now: datetime, tell: PublishRule) -> int:
    """Save the matches of a record and what happened to it; return how many events are new.

    News of a match that nobody has confirmed yet is held until somebody does.
    """
    for match in dealings.matches:
        match.band = band_for(session, match.vendor_id, row, match.matcher_band)
        _save_match(session, dealings.old_matches.get(match.vendor_id), match)
    bands = {match.vendor_id: match.band for match in (*dealings.old_matches.values(), *dealings.matches)}
    published = sorted(vendor for vendor, band in bands.items() if band == MatchBand.PUBLISHED)
    waiting = sorted(vendor for vendor, band in bands.items() if band not in (MatchBand.PUBLISHED, MatchBand.REJECTED))
    news = bool(dealings.happened and (published or waiting)) and tell(published or waiting)
    told, held = news and bool(published), news and not published
    saved = [
        save_event(session, row.key, change, now, published=dealings.published, told=told, held=held)
        for change in dealings.happened
    ]
    return sum(saved)


def _corrected(session: Session, row: RecordRow) -> list[tuple[RecordRow, Mapping[str, MatchRow], Change]]:
    """Return the announcements that concern somebody and are corrected by, or as, this one."""
    found = [(earlier, _matches_of(session, earlier.key), change) for earlier, change in corrections_with(session, row)]
    return [each for each in found if _is_published(each[1])]


def _is_published(matches: Mapping[str, MatchRow]) -> bool:
    return any(match.band == MatchBand.PUBLISHED for match in matches.values())


def _actions_of(session: Session, record_key: str) -> dict[str, ActionRow]:
    rows = session.scalars(select(ActionRow).where(col(ActionRow.award_key) == record_key))
    return {row.key: row for row in rows}


def _matches_of(session: Session, record_key: str) -> dict[str, MatchRow]:
    rows = session.scalars(select(MatchRow).where(col(MatchRow.record_key) == record_key))
    return {row.vendor_id: row for row in rows}


def _save_facts(session: Session, stored: RecordRow | None, award: Award, now: datetime) -> bool:
    """Note what the source says, and renew the award's own row from what all say; whether that changed."""
    fresh = award_row(award, now)
    if stored is None:
        session.add(fresh)
        session.flush()
        note_sighting(session, fresh, award, now)
        return True
    keep_first_sighting(session, stored, now)
    note_sighting(session, fresh, award, now)
    session.flush()
    return _renew(session, stored, together(source_record_rows(session, award.key)), fresh, now)


def _renew(
    session: Session, stored: RecordRow | None, facts: Mapping[str, Any], fresh: RecordRow, now: datetime
) -> bool:
    """Insert or update a record's own row; whether its facts changed."""
    if stored is None:
        session.add(fresh)
        session.flush()
        return True
    differing = [name for name in sorted(set(facts) - NOT_A_CHANGE) if getattr(stored, name) != facts[name]]
    for name in differing:
        setattr(stored, name, facts[name])
    if facts["revision"]:
        stored.revision = facts["revision"]
    if differing:
        stored.last_changed = now
    session.add(stored)
    return bool(differing)


def _save_match(session: Session, stored: MatchRow | None, match: MatchRow) -> None:
    if stored is None:
        session.add(match)
        return
    for name in MATCH_FACTS:
        if getattr(stored, name) != getattr(match, name):
            setattr(stored, name, getattr(match, name))
    session.add(stored)


def in_quarantine(session: Session, source: str, key: str) -> bool:
    """Whether a record could not be read or stored, and has not been since."""
    row = session.get(QuarantineRow, (source, key))
    return row is not None and row.resolved_at is None


def _solve(session: Session, source: str, key: str, now: datetime) -> None:
    row = session.get(QuarantineRow, (source, key))
    if row is not None and row.resolved_at is None:
        row.resolved_at = now
        session.add(row)


def drop_matches(session: Session, record_key: str, vendor_ids: Iterable[str]) -> set[str]:
    """Drop matches that no longer hold, but for those a reviewer has decided on; return the vendors dropped."""
    dropped = set()
    for vendor_id in sorted(vendor_ids):
        if session.get(ReviewDecisionRow, (vendor_id, record_subject(record_key))) is None:
            session.delete(session.get_one(MatchRow, (record_key, vendor_id)))
            dropped.add(vendor_id)
    session.flush()
    return dropped
