"""What happened to an award between what is stored and what its source says now. Pure: it only decides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import quote

from sources.records import Award, ContractAction
from storage.sightings import Said
from storage.stored import EventKind
from storage.tables import ActionRow, RecordRow

TAG = "tag:procurewatch,2026:"

# FPDS "reason for modification" (data dictionary element 12C); any other reason is a plain modification.
KIND_BY_ACTION_TYPE = {
    "G": EventKind.OPTION_EXERCISED,
    "E": EventKind.TERMINATED,
    "F": EventKind.TERMINATED,
    "N": EventKind.TERMINATED,
    "X": EventKind.TERMINATED,
}
BASE_MODIFICATIONS = ("0", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The stored state of an award that was already told of: its row, its actions by key from whatever source.

    `said` is what the source that speaks now said the last time; `None` when it tells of the award for the first time.
    """

    row: RecordRow
    actions: Mapping[str, ActionRow]
    said: Said | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that happened. `id` is for ever; `tell` is false for history a reader was not waiting for.

    `amount` in dollars, `signed` the action's date, `before` and `after` in words.
    """

    id: str
    kind: EventKind
    action_key: str = ""
    amount: Decimal | None = None
    signed: date | None = None
    before: str = ""
    after: str = ""
    earlier_actions: int = 0
    tell: bool = True


def event_id(record_key: str, action_key: str, kind: EventKind, *values: str) -> str:
    """Return the tag: URI (RFC 4151) of an event: award, action, kind, and a digest of the values of what can recur.

    No host, run or time is part of it, so that the same event has the same id in every installation.
    """
    parts = [quote(record_key, safe=""), quote(action_key, safe="") or "award", kind.value]
    if values:
        parts.append(hashlib.sha256("\x1f".join(values).encode()).hexdigest()[:12])
    return TAG + "/".join(parts)


def changes(before: Before | None, award: Award) -> Iterator[Change]:
    """Give what happened, in the order of the actions' dates.

    An award not told of before is one news item, however many modifications it already has; those are kept as its
    history, untold. So is what a further source adds to the history of an award that another one told of.
    """
    if before is None:
        yield from _first_seen(award)
        return
    said = before.said
    newest = max((row.signed for row in before.actions.values() if row.signed), default=None)
    has_base = any(row.modification in BASE_MODIFICATIONS for row in before.actions.values())
    for action in award.actions:
        stored = before.actions.get(action.key)
        if stored is None and not has_base and action.modification in BASE_MODIFICATIONS:
            continue  # the award was told of by a modification that came first
        if stored is None:
            is_newer = newest is None or action.signed is None or action.signed > newest
            yield _acted(award, action, tell=said is not None or is_newer)
        elif said and action.key in said.actions and said.actions[action.key] != action.obligation:
            yield _corrected(award, action, said.actions[action.key])
    if said and not _is_older(award, said):
        yield from _award_changes(before.row, said, award)


def base_action(award: Award) -> ContractAction | None:
    """Return the action that made the award; `None` if the source does not list it."""
    return next((action for action in award.actions if action.modification in BASE_MODIFICATIONS), None)


def _first_seen(award: Award) -> Iterator[Change]:
    base = base_action(award)
    later = [action for action in award.actions if action is not base]
    yield Change(
        id=event_id(award.key, "", EventKind.NEW_AWARD),
        kind=EventKind.NEW_AWARD,
        action_key=base.key if base else "",
        # Told of by a modification alone, nobody has said what the award began with.
        amount=base.obligation if base else None if award.is_partial else award.obligated,
        signed=(base.signed if base else None) or award.signed,
        earlier_actions=len(later),
    )
    for action in later:
        yield _acted(award, action, tell=False)


def _acted(award: Award, action: ContractAction, *, tell: bool) -> Change:
    kind = KIND_BY_ACTION_TYPE.get(action.action_type, EventKind.MODIFIED)
    if kind is EventKind.MODIFIED and action.obligation is not None and action.obligation < 0:
        kind = EventKind.DEOBLIGATED
    return Change(
        id=event_id(award.key, action.key, kind),
        kind=kind,
        action_key=action.key,
        amount=action.obligation,
        signed=action.signed,
        tell=tell,
    )


def _corrected(award: Award, action: ContractAction, was: Decimal | None) -> Change:
    before, after = _money(was), _money(action.obligation)
    return Change(
        id=event_id(award.key, action.key, EventKind.CORRECTED, before, after, *_state(award)),
        kind=EventKind.CORRECTED,
        action_key=action.key,
        amount=action.obligation,
        signed=action.signed,
        before=before,
        after=after,
    )


def _is_older(award: Award, said: Said) -> bool:
    """Whether a source that tells an award action by action speaks of an earlier one than it did before."""
    if not award.is_partial:
        return False
    latest = max((action.signed for action in award.actions if action.signed), default=None)
    return bool(latest and said.latest and latest < said.latest)


def _award_changes(row: RecordRow, said: Said, award: Award) -> Iterator[Change]:
    """Give what changed in what a source says of an award, but for what another source has told already."""
    was_end = said.facts.get("ends")
    if was_end and award.ends and award.ends > was_end and row.ends != award.ends:
        yield _changed(award, EventKind.EXTENDED, was_end.isoformat(), award.ends.isoformat())
    was_ceiling = said.facts.get("ceiling")
    if was_ceiling is not None and award.ceiling and award.ceiling > was_ceiling and row.ceiling != award.ceiling:
        yield _changed(award, EventKind.CEILING_RAISED, _money(was_ceiling), _money(award.ceiling))
    was_name, was_uei = said.facts.get("recipient_name", ""), said.facts.get("recipient_uei", "")
    if _folded(award.recipient.name) not in (_folded(was_name), _folded(row.recipient_name)) or (
        was_name and not award.recipient.name
    ):
        is_same = was_uei and was_uei == award.recipient.uei
        kind = EventKind.RECIPIENT_RENAMED if is_same else EventKind.RECIPIENT_CHANGED
        yield _changed(award, kind, was_name, award.recipient.name)
    was_text = said.facts.get("description", "")
    # One that tells action by action gives each its own text: that is no change of the award's.
    if not award.is_partial and _folded(award.description) not in (_folded(was_text), _folded(row.description)):
        yield _changed(award, EventKind.DESCRIPTION_CHANGED, was_text, award.description)


def _changed(award: Award, kind: EventKind, before: str, after: str) -> Change:
    latest = award.actions[-1]
    identifier = event_id(award.key, "", kind, before, after, *_state(award))
    return Change(id=identifier, kind=kind, signed=latest.signed, before=before, after=after)


def _state(award: Award) -> tuple[str, ...]:
    """Return which state of the award said so, if it is known: a value can change to and fro, and each time is news."""
    return (award.modified.isoformat(),) if award.modified else ()


def _folded(text: str) -> str:
    return " ".join(text.split()).upper()


def _money(amount: Decimal | None) -> str:
    if amount is None:
        return "not stated"
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"
