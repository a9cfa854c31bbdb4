"""Saving what a source said: award, actions, matches, events and evidence, all or nothing.

Saving the same record twice changes nothing.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlmodel import col

from sources.records import Award, ContractAction, Document, Problem
from storage.changes import Before, Change, changes
from storage.reviewing import PUBLISHED, REJECTED, band_for
from storage.tables import ActionRow, AwardRow, EventRow, EvidenceRow, MatchRow, PayloadRow, QuarantineRow

# A re-poll alone does not make an award changed.
NOT_A_CHANGE = frozenset({"revision", "first_seen", "last_changed"})
MATCH_FACTS = (
    "vendor_name",
    "vendor_category",
    "score",
    "own_band",
    "band",
    "rule",
    "reason",
    "signals",
    "watchlist_version",
)

Tell = Callable[[Sequence[str]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What saving an award did: `events` is the number of new ones."""

    new: bool
    changed: bool
    matched: bool
    events: int


def save_award(session: Session, award: Award, matches: Sequence[MatchRow], now: datetime, tell: Tell) -> Saved:
    """Store an award with who it concerns, and what happened to it since it was last told of.

    Args:
        session: a writing session; nothing is stored until it commits.
        matches: rows for this award; their `first_seen` is kept from what is stored.
        now: when it was seen, UTC.
        tell: given the ids of the vendors concerned, whether feeds are to carry what is new.
    """
    stored = session.get(AwardRow, award.key)
    is_new = stored is None
    old_actions = _actions_of(session, award.key) if stored else {}
    old_matches = _matches_of(session, award.key) if stored else {}
    had_news = any(match.band == PUBLISHED for match in old_matches.values())
    before = Before(award=stored, actions=old_actions) if stored and had_news else None
    concerned = bool(old_matches or matches)
    happened = list(changes(before, award)) if concerned else []
    changed = _save_facts(session, stored, award, now)
    for action in award.actions:
        changed |= _save_action(session, old_actions.get(action.key), award.key, action, now)
    stored = session.get_one(AwardRow, award.key)
    for match in matches:
        match.band = band_for(session, match.vendor_id, stored, match.own_band)
        _save_match(session, old_matches.get(match.vendor_id), match)
    bands = {match.vendor_id: match.band for match in (*old_matches.values(), *matches)}
    published = sorted(vendor for vendor, band in bands.items() if band == PUBLISHED)
    waiting = sorted(vendor for vendor, band in bands.items() if band not in (PUBLISHED, REJECTED))
    news = bool(happened and (published or waiting)) and tell(published or waiting)
    events = sum(_save_event(session, award, change, now, news=news, published=bool(published)) for change in happened)
    save_evidence(session, award.source, award.key, award.documents)
    _solve(session, award, now)
    return Saved(new=is_new, changed=changed, matched=concerned, events=events)


def _save_event(session: Session, award: Award, change: Change, now: datetime, *, news: bool, published: bool) -> bool:
    """Insert an event; whether it is new. One that was kept untold is told when feeds are to carry it after all.

    News of a match that nobody has confirmed yet is held until somebody does.
    """
    told = news and change.tell and published
    stored = session.get(EventRow, change.id)
    if stored is None:
        row = EventRow(
            id=change.id,
            award_key=award.key,
            action_key=change.action_key,
            kind=change.kind.value,
            amount=change.amount,
            signed=change.signed,
            published=award.modified,
            before=change.before,
            after=change.after,
            earlier_actions=change.earlier_actions,
            told=told,
            held=news and change.tell and not published,
            first_seen=now,
        )
        session.add(row)
    elif told and not stored.told:
        stored.told, stored.held, stored.first_seen = True, False, now
        session.add(stored)
    return stored is None


def save_problem(session: Session, problem: Problem, now: datetime) -> None:
    """Put a record that could not be read into quarantine, with its evidence."""
    row = session.get(QuarantineRow, (problem.source, problem.key))
    if row is None:
        row = QuarantineRow(
            source=problem.source, record_key=problem.key, reason=problem.reason, first_seen=now, last_seen=now
        )
    row.reason, row.last_seen, row.solved_at = problem.reason.replace("\x00", ""), now, None
    session.add(row)
    save_evidence(session, problem.source, problem.key, problem.documents)


def save_evidence(session: Session, source: str, record_key: str, documents: Sequence[Document]) -> None:
    """Keep raw payloads, each content once, with where and when each was first received."""
    for document in documents:
        sha256 = document.sha256
        if session.get(PayloadRow, sha256) is None:
            body = zlib.compress(document.body, 6)
            row = PayloadRow(sha256=sha256, size=len(document.body), content_type=document.content_type, body=body)
            session.add(row)
            session.flush()
        if session.get(EvidenceRow, (record_key, sha256, document.url)) is None:
            session.add(
                EvidenceRow(
                    record_key=record_key,
                    sha256=sha256,
                    url=document.url,
                    source=source,
                    request=document.request,
                    retrieved_at=document.retrieved_at,
                )
            )


def _actions_of(session: Session, award_key: str) -> dict[str, ActionRow]:
    rows = session.scalars(select(ActionRow).where(col(ActionRow.award_key) == award_key))
    return {row.key: row for row in rows}


def _matches_of(session: Session, award_key: str) -> dict[str, MatchRow]:
    rows = session.scalars(select(MatchRow).where(col(MatchRow.award_key) == award_key))
    return {row.vendor_id: row for row in rows}


def _save_facts(session: Session, stored: AwardRow | None, award: Award, now: datetime) -> bool:
    """Insert or update the award's own row; whether facts changed."""
    fresh = award_row(award, now)
    if stored is None:
        session.add(fresh)
        session.flush()
        return True
    names = set(AwardRow.model_fields) - NOT_A_CHANGE
    differing = [name for name in sorted(names) if getattr(stored, name) != getattr(fresh, name)]
    for name in differing:
        setattr(stored, name, getattr(fresh, name))
    if award.revision:
        stored.revision = award.revision
    if differing:
        stored.last_changed = now
    session.add(stored)
    return bool(differing)


def award_row(award: Award, now: datetime) -> AwardRow:
    """Return the row of an award first seen now."""
    return AwardRow(
        key=award.key,
        source=award.source,
        revision=award.revision,
        category=award.category.value,
        type_text=award.type_text,
        piid=award.piid,
        parent_piid=award.parent_piid,
        parent_key=award.parent_key,
        description=award.description,
        recipient_name=award.recipient.name,
        recipient_uei=award.recipient.uei,
        recipient_cage=award.recipient.cage,
        recipient_state=award.recipient.state,
        recipient_parent_name=award.recipient.parent_name,
        recipient_parent_uei=award.recipient.parent_uei,
        agency_code=award.awarding.code,
        agency_name=award.awarding.name,
        sub_agency_code=award.awarding.sub_code,
        sub_agency_name=award.awarding.sub_name,
        office=award.awarding.office,
        funding_agency_name=award.funding.name,
        funding_sub_agency_name=award.funding.sub_name,
        obligated=award.obligated,
        exercised=award.exercised,
        ceiling=award.ceiling,
        signed=award.signed,
        starts=award.starts,
        ends=award.ends,
        may_end=award.may_end,
        modified=award.modified,
        psc=award.psc,
        psc_text=award.psc_text,
        naics=award.naics,
        naics_text=award.naics_text,
        solicitation=award.solicitation,
        extent_competed=award.extent_competed,
        place=award.place,
        url=award.url,
        first_seen=now,
        last_changed=now,
    )


def _save_action(
    session: Session, stored: ActionRow | None, award_key: str, action: ContractAction, now: datetime
) -> bool:
    """Insert or update an action; whether anything changed."""
    facts: dict[str, Any] = {
        "modification": action.modification,
        "signed": action.signed,
        "obligation": action.obligation,
        "description": action.description,
        "action_type": action.action_type,
        "action_type_text": action.action_type_text,
    }
    if stored is None:
        session.add(ActionRow(key=action.key, award_key=award_key, first_seen=now, **facts))
        return True
    if all(getattr(stored, name) == value for name, value in facts.items()):
        return False
    for name, value in facts.items():
        setattr(stored, name, value)
    session.add(stored)
    return True


def _save_match(session: Session, stored: MatchRow | None, match: MatchRow) -> None:
    if stored is None:
        session.add(match)
        return
    for name in MATCH_FACTS:
        if getattr(stored, name) != getattr(match, name):
            setattr(stored, name, getattr(match, name))
    session.add(stored)


def _solve(session: Session, award: Award, now: datetime) -> None:
    row = session.get(QuarantineRow, (award.source, award.key))
    if row is not None and row.solved_at is None:
        row.solved_at = now
        session.add(row)
