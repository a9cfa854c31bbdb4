"""What happened to an award between what is stored and what its source says now. Pure: it only decides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import quote

from sources.records import Award, ContractAction
from storage.stored import EventKind
from storage.tables import ActionRow, AwardRow

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
    """The stored state of an award that was already told of."""

    award: AwardRow
    actions: Mapping[str, ActionRow]


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


def event_id(award_key: str, action_key: str, kind: EventKind, *values: str) -> str:
    """Return the tag: URI (RFC 4151) of an event: award, action, kind, and a digest of the values of what can recur.

    No host, run or time is part of it, so that the same event has the same id in every installation.
    """
    parts = [quote(award_key, safe=""), quote(action_key, safe="") or "award", kind.value]
    if values:
        parts.append(hashlib.sha256("\x1f".join(values).encode()).hexdigest()[:12])
    return TAG + "/".join(parts)


def changes(before: Before | None, award: Award) -> Iterator[Change]:
    """Give what happened, in the order of the actions' dates.

    An award not told of before is one news item, however many modifications it already has; those are kept as its
    history, untold.
    """
    if before is None:
        yield from _first_seen(award)
        return
    for action in award.actions:
        stored = before.actions.get(action.key)
        if stored is None:
            yield _acted(award, action, tell=True)
        elif stored.obligation != action.obligation:
            yield _corrected(award, action, stored)
    yield from _award_changes(before.award, award)


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
        amount=base.obligation if base else award.obligated,
        signed=(base.signed if base else None) or award.signed,
        earlier_actions=len(later),
    )
    for action in later:
        yield _acted(award, action, tell=False)


def _acted(award: Award, action: ContractAction, *, tell: bool) -> Change:
    kind = KIND_BY_ACTION_TYPE.get(action.action_type, EventKind.MODIFIED)
    return Change(
        id=event_id(award.key, action.key, kind),
        kind=kind,
        action_key=action.key,
        amount=action.obligation,
        signed=action.signed,
        tell=tell,
    )


def _corrected(award: Award, action: ContractAction, stored: ActionRow) -> Change:
    before, after = _money(stored.obligation), _money(action.obligation)
    return Change(
        id=event_id(award.key, action.key, EventKind.CORRECTED, before, after, *_state(award)),
        kind=EventKind.CORRECTED,
        action_key=action.key,
        amount=action.obligation,
        signed=action.signed,
        before=before,
        after=after,
    )


def _award_changes(stored: AwardRow, award: Award) -> Iterator[Change]:
    if stored.ends and award.ends and award.ends > stored.ends:
        yield _changed(award, EventKind.EXTENDED, stored.ends.isoformat(), award.ends.isoformat())
    if _folded(stored.recipient_name) != _folded(award.recipient.name):
        yield _changed(award, EventKind.RECIPIENT_CHANGED, stored.recipient_name, award.recipient.name)
    if _folded(stored.description) != _folded(award.description):
        yield _changed(award, EventKind.DESCRIPTION_CHANGED, stored.description, award.description)


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
