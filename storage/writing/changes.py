"""What happened to an award between what is stored and what its source says now. Pure: it only decides."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from urllib.parse import quote

from sources.records import Award, ContractAction
from storage.models import EventKind
from storage.reading.source_records import SourceStatement
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
ACTED = frozenset({EventKind.MODIFIED, EventKind.DEOBLIGATED, *KIND_BY_ACTION_TYPE.values()})


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The stored state of an award that was already told of: its row, its actions by key from whatever source.

    `said` is what the source that speaks now said the last time; `None` when it tells of the award for the first time.
    `others` is what the other sources say. `is_told` when feeds carry how the award began.
    """

    row: RecordRow
    actions: Mapping[str, ActionRow]
    said: SourceStatement | None
    others: Sequence[SourceStatement] = ()
    is_told: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that happened. `id` is for ever; `tell` is false for history a reader was not waiting for.

    `amount` in dollars, `signed` the action's date, `before` and `after` in words. `recurs` when the same can happen
    again (a value that changes to and fro): each time is an event of its own.
    """

    id: str
    kind: EventKind
    action_key: str = ""
    amount: Decimal | None = None
    signed: date | None = None
    old_value: str = ""
    new_value: str = ""
    earlier_actions: int = 0
    tell: bool = True
    recurs: bool = False


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
    history, untold. So is what a further source adds to the history of an award that another one told of. Every other
    action is news, whatever its date and amount: a source may list it weeks after it was signed.
    """
    if before is None:
        yield from _first_seen(award)
        return
    base = base_action(award)
    has_base = any(_is_base(row) for row in before.actions.values())
    for action in award.actions:
        stored = before.actions.get(action.key)
        if stored is not None:
            yield from _listed_again(before, award, action, stored)
        elif action is base and not has_base:
            yield _late_base(before, award, action)
        else:
            yield _acted(award, action, tell=_is_news(before, action))
    if before.said and not _is_older(award, before.said):
        yield from _award_changes(before.said, before.others, award)


def base_action(award: Award) -> ContractAction | None:
    """Return the action that made the award; `None` if the source does not list it."""
    return next((action for action in award.actions if _is_base(action)), None)


def _is_base(action: ContractAction | ActionRow) -> bool:
    return not action.modification.strip("0")  # assistance also has "00"


def _first_seen(award: Award) -> Iterator[Change]:
    base = base_action(award)
    later = [action for action in award.actions if action is not base]
    yield Change(
        id=event_id(award.key, "", EventKind.NEW_AWARD),
        kind=EventKind.NEW_AWARD,
        action_key=base.key if base else "",
        # Told of by a modification alone, nobody has said what the award began with.
        amount=base.obligation if base else None,
        signed=(base.signed if base else None) or award.signed,
        earlier_actions=len(later),
    )
    for action in later:
        yield _acted(award, action, tell=False)


def _late_base(before: Before, award: Award, base: ContractAction) -> Change:
    """Return the beginning of an award that was told of by a modification, without the amount it began with."""
    return Change(
        id=event_id(award.key, base.key, EventKind.NEW_AWARD),
        kind=EventKind.NEW_AWARD,
        action_key=base.key,
        amount=base.obligation,
        signed=base.signed or award.signed,
        earlier_actions=len(before.actions),
        tell=before.is_told or _is_news(before, base),
    )


def _listed_again(before: Before, award: Award, action: ContractAction, stored: ActionRow) -> Iterator[Change]:
    """Give what is new of an action that is stored already."""
    said = before.said
    if said is None:
        return
    if action.key not in said.actions and stored.source != award.source:
        # Another source brought it after this one had listed the award, perhaps as history: here it is news.
        if stored.first_seen > said.since and not _is_base(action):
            yield _acted(award, action, kind=_kind(stored))
        return
    was = said.actions.get(action.key, stored.obligation)  # one that the source had dropped may come back changed
    if was != action.obligation and not any(
        other.actions.get(action.key, was) == action.obligation for other in before.others
    ):
        yield _corrected(award, action, was)


def _is_news(before: Before, action: ContractAction) -> bool:
    """Whether an action that is not stored yet is news: not if a further source tells what was before we watched."""
    if before.said is not None or action.signed is None:
        return True
    latest = max((row.signed for row in before.actions.values() if row.signed), default=date.min)
    return action.signed >= min(latest, before.row.first_seen.date())


def _acted(award: Award, action: ContractAction, *, tell: bool = True, kind: EventKind | None = None) -> Change:
    kind = kind or _kind(action)
    return Change(
        id=event_id(award.key, action.key, kind),
        kind=kind,
        action_key=action.key,
        amount=action.obligation,
        signed=action.signed,
        tell=tell,
    )


def _kind(action: ContractAction | ActionRow) -> EventKind:
    kind = KIND_BY_ACTION_TYPE.get(action.action_type, EventKind.MODIFIED)
    is_taken_back = action.obligation is not None and action.obligation < 0
    return EventKind.DEOBLIGATED if kind is EventKind.MODIFIED and is_taken_back else kind


def _corrected(award: Award, action: ContractAction, was: Decimal | None) -> Change:
    before, after = _money(was), _money(action.obligation)
    return Change(
        id=event_id(award.key, action.key, EventKind.CORRECTED, before, after, *_state(award)),
        kind=EventKind.CORRECTED,
        action_key=action.key,
        amount=action.obligation,
        signed=action.signed,
        old_value=before,
        new_value=after,
        recurs=True,
    )


def _is_older(award: Award, said: SourceStatement) -> bool:
    """Whether a source that tells an award action by action speaks of an earlier one than it did before."""
    if not award.is_partial:
        return False
    latest = max((action.signed for action in award.actions if action.signed), default=None)
    return bool(latest and said.latest and latest < said.latest)


def _award_changes(said: SourceStatement, others: Sequence[SourceStatement], award: Award) -> Iterator[Change]:
    """Give what changed in what a source says of an award, but for what another source has told already."""
    was_end = said.facts.get("ends")
    if was_end and award.ends and award.ends > was_end and not _is_said(others, "ends", award.ends):
        yield _changed(award, EventKind.EXTENDED, was_end.isoformat(), award.ends.isoformat())
    was_ceiling, ceiling = said.facts.get("ceiling"), award.ceiling
    if was_ceiling is not None and ceiling and ceiling > was_ceiling and not _is_said(others, "ceiling", ceiling):
        yield _changed(award, EventKind.CEILING_RAISED, _money(was_ceiling), _money(ceiling))
    was_name, was_uei = said.facts.get("recipient_name", ""), said.facts.get("recipient_uei", "")
    name = award.recipient.name
    if _folded(name) != _folded(was_name) and not _is_said(others, "recipient_name", name):
        is_same = was_uei and was_uei == award.recipient.uei
        kind = EventKind.RECIPIENT_RENAMED if is_same else EventKind.RECIPIENT_CHANGED
        yield _changed(award, kind, was_name, name)
    was_text, text = said.facts.get("description", ""), award.description
    # One that tells action by action gives each its own text: that is no change of the award's.
    if not award.is_partial and _folded(text) != _folded(was_text) and not _is_said(others, "description", text):
        yield _changed(award, EventKind.DESCRIPTION_CHANGED, was_text, text)


def _is_said(others: Sequence[SourceStatement], name: str, value: object) -> bool:
    """Whether another source states this value already."""
    stated = [other.facts[name] for other in others if name in other.facts]
    if isinstance(value, str):
        return _folded(value) in map(_folded, stated)
    return value in stated


def _changed(award: Award, kind: EventKind, before: str, after: str) -> Change:
    latest = award.actions[-1]
    identifier = event_id(award.key, "", kind, before, after, *_state(award))
    return Change(id=identifier, kind=kind, signed=latest.signed, old_value=before, new_value=after, recurs=True)


def _state(award: Award) -> tuple[str, ...]:
    """Return which state of the award said so, if its source dates it."""
    return (award.modified.isoformat(),) if award.modified else ()


def _folded(text: str) -> str:
    return " ".join(text.split()).upper()


def _money(amount: Decimal | None) -> str:
    if amount is None:
        return "not stated"
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"
