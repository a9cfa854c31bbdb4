"""What happened to an award or a publication between what is stored and what its source says now.

Pure: these functions decide, and store nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from sources.records import Award, ContractAction, Publication, PublicationKind
from storage.models import EventKind
from storage.possible_days import is_possible_end
from storage.reading.source_records import ActionStatement, SourceStatement
from storage.schema.tables import ActionRow, RecordRow

TAG = "tag:procurewatch,2026:"
WASHINGTON = ZoneInfo("America/New_York")

# FPDS "reason for modification" (data dictionary element 12C); any other reason is a plain modification.
KIND_BY_ACTION_TYPE = {
    "G": EventKind.OPTION_EXERCISED,
    "E": EventKind.TERMINATED,
    "F": EventKind.TERMINATED,
    "N": EventKind.TERMINATED,
    "X": EventKind.TERMINATED,
}
ACTION_KINDS = frozenset({EventKind.MODIFIED, EventKind.DEOBLIGATED, *KIND_BY_ACTION_TYPE.values()})
KIND_BY_PUBLICATION = {
    PublicationKind.ANNOUNCEMENT: EventKind.ANNOUNCED,
    PublicationKind.NOTICE: EventKind.NEW_NOTICE,
    PublicationKind.SUBAWARD: EventKind.SUBAWARDED,
    PublicationKind.USE_CASE: EventKind.USE_CASE,
    PublicationKind.DOCUMENT: EventKind.DOCUMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredState:
    """The stored state of an award with a published match: its row, and its actions by key from all sources.

    `said` is the last version of the source that lists the award now, `None` if it lists it for the first time.
    `others` are the versions of the other sources. `is_published` when feeds carry the award's first event.
    """

    row: RecordRow
    actions: Mapping[str, ActionRow]
    said: SourceStatement | None
    others: Sequence[SourceStatement]
    is_published: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that happened, with the permanent id of its event.

    `amount` is the action's own, `total` that of a vendor with an agency, both in dollars. `signed` is the action's
    date, `old_value` and `new_value` are in words. `is_first_sight`: it is the first news of an award that was not
    stored before. `is_news` is false for history, which is stored and not published. `recurs` when the same can happen
    again, as a value can change to and fro: each time is an event of its own.
    """

    id: str
    kind: EventKind
    action_key: str = ""
    amount: Decimal | None = None
    total: Decimal | None = None
    signed: date | None = None
    old_value: str = ""
    new_value: str = ""
    earlier_actions: int = 0
    is_first_sight: bool = False
    is_news: bool = True
    recurs: bool = False


def event_id(record_key: str, action_key: str, kind: EventKind, *values: str) -> str:
    """Return the tag: URI (RFC 4151) of an event: record, action, kind, and a digest of the values of what can recur.

    No host, run or time is part of it, so that the same event has the same id in every installation.
    """
    parts = [quote(record_key, safe=""), quote(action_key, safe="") or "award", kind.value]
    if values:
        parts.append(hashlib.sha256("\x1f".join(values).encode()).hexdigest()[:12])
    return TAG + "/".join(parts)


def award_changes(
    before: StoredState | None,
    award: Award,
    since: date | None = None,
    scopes: Sequence[Collection[str]] = ((),),
) -> Iterator[Change]:
    """Yield what happened to an award, in the order of its actions' dates.

    An award without a stored state is one news item, however many modifications it already has: those are history. So
    are the older actions that a further source adds. If such an award began before `since`, its actions since then are
    the news, and its beginning is history. Every other action is news, whatever its date and amount, because a source
    may list it weeks after it was signed.

    Args:
        before: the stored state; `None` if the award has no published match yet.
        since: the first day on which an action is recent; `None` if the age of an award does not matter.
        scopes: of each match, the keys of the actions that it concerns, none if it concerns the whole award.
    """
    if before is None:
        yield from _first_listed(award, since, scopes)
        return
    fields = list(_field_changes(before, award))
    described = {_folded(change) for change in fields if change.kind is EventKind.DESCRIPTION_CHANGED}
    base = _base_action(award)
    has_base = any(is_base(row) for row in before.actions.values())
    for action in award.actions:
        stored = before.actions.get(action.key)
        if stored is not None:
            # If the award's own description changes in the same way, that says it.
            yield from (each for each in _listed_again(before, award, action, stored) if _folded(each) not in described)
        elif action is base and not has_base:
            yield _late_base(before, award, action, since)
        else:
            yield _action_change(award, action, is_news=_is_news(before, action))
    yield from fields


def _base_action(award: Award) -> ContractAction | None:
    """Return the action that made the award; `None` if the source does not list it."""
    return next((action for action in award.actions if is_base(action)), None)


def is_base(action: ContractAction | ActionRow) -> bool:
    """Return whether an action is the one that made the award."""
    return not action.modification.strip("0")  # assistance also has "00"


def _first_listed(award: Award, since: date | None, scopes: Iterable[Collection[str]]) -> Iterator[Change]:
    base = _base_action(award)
    later = [action for action in award.actions if action is not base]
    news = {change for scope in scopes for change in _first_news(award, base, since, scope)}
    if base or None in news:
        yield Change(
            id=event_id(award.key, "", EventKind.NEW_AWARD),
            kind=EventKind.NEW_AWARD,
            action_key=base.key if base else "",
            # Without the base action no source has stated the amount that the award began with.
            amount=base.obligation if base else None,
            signed=(base.signed if base else None) or award.signed,
            earlier_actions=len(later),
            is_news=None in news,
        )
    for action in later:
        is_news = action.key in news
        yield replace(_action_change(award, action, is_news=is_news), is_first_sight=is_news)


def _first_news(
    award: Award, base: ContractAction | None, since: date | None, scope: Collection[str]
) -> Iterable[str | None]:
    """Return what is news for a match when an award is first listed: keys of modifications, `None` for the award."""
    later = [action for action in award.actions if action is not base and (not scope or action.key in scope)]
    recent = [action.key for action in later if since is None or (action.signed and action.signed >= since)]
    if scope and (base is None or base.key not in scope):
        return recent or _latest(later)
    began = (base.signed if base else None) or award.signed
    if since is None or not later or (base and (began is None or began >= since)):
        return [None]
    if not recent and award.modified and award.modified >= since:
        return _latest(later)
    return recent or [None]


def _latest(actions: Sequence[ContractAction]) -> list[str]:
    """Return the key of the action that was signed last."""
    return [max(actions, key=lambda action: action.signed or date.min).key] if actions else []


def _late_base(before: StoredState, award: Award, base: ContractAction, since: date | None) -> Change:
    """Return the beginning of an award of which only modifications were listed before.

    It is history if a further source adds it to an award that began before `since`.
    """
    signed = base.signed or award.signed
    if since is None:
        is_news = _is_news(before, base)
    else:
        is_news = signed is None or signed >= since or (before.said is not None and not award.is_partial)
    return Change(
        id=event_id(award.key, base.key, EventKind.NEW_AWARD),
        kind=EventKind.NEW_AWARD,
        action_key=base.key,
        amount=base.obligation,
        signed=signed,
        earlier_actions=len(before.actions),
        is_news=before.is_published or is_news,
    )


def _listed_again(before: StoredState, award: Award, action: ContractAction, stored: ActionRow) -> Iterator[Change]:
    """Yield what is new about an action that is stored already."""
    said = before.said
    if said is None:
        return
    if action.key not in said.actions and stored.source != award.source:
        # Another source added it after this one had listed the award, perhaps as history. From this source it is news.
        if stored.first_seen > said.since and not is_base(action):
            yield _action_change(award, action, kind=_kind(stored))
        return
    # A deleted action may come back with another amount.
    old = said.actions.get(action.key) or ActionStatement.of(stored)
    new = ActionStatement.of(action)
    others = [other.actions[action.key] for other in before.others if action.key in other.actions]
    if old.obligation != new.obligation and new.obligation not in [other.obligation for other in others]:
        amounts = _format_money(old.obligation), _format_money(new.obligation)
        yield _action_changed(award, action, EventKind.CORRECTED, *amounts)
    if old.signed != new.signed and new.signed not in [other.signed for other in others]:
        days = _format_signed(old.signed), _format_signed(new.signed)
        yield _action_changed(award, action, EventKind.CORRECTED, *days)
    texts = {fold_text(each.description) for each in (old, *others)}
    if fold_text(new.description) not in texts:
        yield _action_changed(award, action, EventKind.DESCRIPTION_CHANGED, old.description, new.description)


def _is_news(before: StoredState, action: ContractAction) -> bool:
    """Whether a new action is news: not if a further source adds what happened before the award was watched."""
    if before.said is not None or action.signed is None:
        return True
    latest = max((row.signed for row in before.actions.values() if row.signed), default=date.min)
    return action.signed >= min(latest, before.row.first_seen.date())


def _action_change(
    award: Award, action: ContractAction, *, is_news: bool = True, kind: EventKind | None = None
) -> Change:
    kind = kind or _kind(action)
    return Change(
        id=event_id(award.key, action.key, kind),
        kind=kind,
        action_key=action.key,
        amount=action.obligation,
        signed=action.signed,
        is_news=is_news,
    )


def _kind(action: ContractAction | ActionRow) -> EventKind:
    kind = KIND_BY_ACTION_TYPE.get(action.action_type, EventKind.MODIFIED)
    is_deobligation = action.obligation is not None and action.obligation < 0
    return EventKind.DEOBLIGATED if kind is EventKind.MODIFIED and is_deobligation else kind


def _action_changed(award: Award, action: ContractAction, kind: EventKind, old_value: str, new_value: str) -> Change:
    return Change(
        id=event_id(award.key, action.key, kind, old_value, new_value, *_version(award)),
        kind=kind,
        action_key=action.key,
        amount=action.obligation,
        signed=action.signed,
        old_value=old_value,
        new_value=new_value,
        recurs=True,
    )


def _is_older(award: Award, said: SourceStatement) -> bool:
    """Whether a source that lists an award action by action lists an earlier one than it did before."""
    if not award.is_partial:
        return False
    latest = max((action.signed for action in award.actions if action.signed), default=None)
    return bool(latest and said.latest and latest < said.latest)


def _field_changes(before: StoredState, award: Award) -> Iterator[Change]:
    """Yield what changed in a source's version of an award, except values that another source stated before."""
    said, others = before.said, before.others
    if said is None or _is_older(award, said):
        return
    old_end, end = said.facts.get("ends"), award.ends
    if old_end and is_possible_end(end) and end > old_end and not _is_stated(others, "ends", end):
        yield _field_change(award, EventKind.EXTENDED, old_end.isoformat(), end.isoformat())
    old_ceiling, ceiling = said.facts.get("ceiling"), award.ceiling
    if old_ceiling is not None and ceiling and ceiling > old_ceiling and not _is_stated(others, "ceiling", ceiling):
        yield _field_change(award, EventKind.CEILING_RAISED, _format_money(old_ceiling), _format_money(ceiling))
    old_name, old_uei = said.facts.get("recipient_name", ""), said.facts.get("recipient_uei", "")
    name = award.recipient.name
    if fold_text(name) != fold_text(old_name) and not _is_stated(others, "recipient_name", name):
        is_same_company = old_uei and old_uei == award.recipient.uei
        kind = EventKind.RECIPIENT_RENAMED if is_same_company else EventKind.RECIPIENT_CHANGED
        yield _field_change(award, kind, old_name, name)
    old_text, text = said.facts.get("description", ""), award.description
    # A source that lists an award action by action gives each its own text: the award's text has not changed. Another
    # source describes an award in the words of its first action, which may have been added now.
    added = {fold_text(action.description) for action in award.actions if action.key not in before.actions}
    is_known = award.is_partial or fold_text(text) in {fold_text(old_text), *added}
    if not is_known and not _is_stated(others, "description", text):
        yield _field_change(award, EventKind.DESCRIPTION_CHANGED, old_text, text)


def _is_stated(others: Sequence[SourceStatement], name: str, value: object) -> bool:
    """Whether another source states this value already."""
    stated = [other.facts[name] for other in others if name in other.facts]
    if isinstance(value, str):
        return fold_text(value) in map(fold_text, stated)
    return value in stated


def _field_change(award: Award, kind: EventKind, old_value: str, new_value: str) -> Change:
    identifier = event_id(award.key, "", kind, old_value, new_value, *_version(award))
    signed = award.actions[-1].signed
    return Change(id=identifier, kind=kind, signed=signed, old_value=old_value, new_value=new_value, recurs=True)


def _version(award: Award) -> tuple[str, ...]:
    """Return the award's last-modified date, which is part of an event's id.

    If a value changes from A to B, back to A and to B again, the second B is a new event.
    """
    return (award.modified.isoformat(),) if award.modified else ()


def publication_changes(before: RecordRow | None, publication: Publication) -> Iterator[Change]:
    """Yield what happened to a publication; `before` is its row if a match of it is published."""
    if before is None:
        kind = KIND_BY_PUBLICATION[publication.kind]
        yield Change(
            id=event_id(publication.key, "", kind),
            kind=kind,
            amount=_first_amount(publication),
            signed=publication.signed,
            new_value=publication.state if kind is EventKind.DOCUMENT else "",
        )
        return
    if publication.kind is PublicationKind.DOCUMENT and before.state and not publication.state:
        # Public inspection is over.
        yield _publication_change(publication, EventKind.DOCUMENT, before.state, "published")
        return
    if before.deadline != publication.deadline:
        old, new = _format_deadline(before.deadline), _format_deadline(publication.deadline)
        yield _publication_change(publication, EventKind.DEADLINE_MOVED, old, new)
    if publication.state and before.state != publication.state:
        yield _publication_change(publication, EventKind.NOTICE_WITHDRAWN, before.state, publication.state)
    # A text that is fetched later completes the stored one; that is no change.
    if fold_text(before.description) not in fold_text(publication.description):
        kind = EventKind.NOTICE_CHANGED if publication.kind is PublicationKind.NOTICE else EventKind.DESCRIPTION_CHANGED
        yield _publication_change(publication, kind, before.description, publication.description)
    elif publication.kind is PublicationKind.NOTICE:
        yield from _amendment(before, publication)


def _amendment(before: RecordRow, notice: Publication) -> Iterator[Change]:
    """Yield what an amendment of a notice changed other than the text, as one event."""
    old_urls = {attachment["url"] for attachment in before.attachments}
    new_urls = {attachment.url for attachment in notice.attachments}
    if before.type_text != notice.type_text:
        yield _publication_change(notice, EventKind.NOTICE_CHANGED, before.type_text, notice.type_text)
    elif old_urls != new_urls:
        old, new = _count_attachments(len(old_urls)), _count_attachments(len(new_urls))
        yield _publication_change(notice, EventKind.NOTICE_CHANGED, old, new)


def _count_attachments(count: int) -> str:
    return "1 attachment" if count == 1 else f"{count} attachments"


def _publication_change(publication: Publication, kind: EventKind, old_value: str, new_value: str) -> Change:
    version = publication.published.isoformat() if publication.published else ""
    identifier = event_id(publication.key, "", kind, old_value, new_value, version)
    return Change(id=identifier, kind=kind, signed=publication.signed, old_value=old_value, new_value=new_value)


def with_known_text(before: RecordRow | None, publication: Publication) -> Publication:
    """Return a notice with its stored text if it comes without one: the text is fetched later, if at all."""
    if before is None or publication.description != publication.title:
        return publication
    text = before.description.removeprefix(before.title)
    return replace(publication, description=publication.title + text) if text.startswith("\n\n") else publication


def _folded(change: Change) -> tuple[EventKind, str, str]:
    return change.kind, fold_text(change.old_value), fold_text(change.new_value)


def fold_text(text: str) -> str:
    """Return a text in upper case with single spaces, to compare it with another one."""
    return " ".join(text.split()).upper()


def _first_amount(publication: Publication) -> Decimal | None:
    """Return the first amount of a publication that awardees do not share; `None` if it has an amount warning."""
    if publication.amount_warning:
        return None
    return next((amount.dollars for amount in publication.amounts if not amount.shared), None)


def _format_deadline(moment: datetime | None) -> str:
    """Return a deadline in Washington's time, "" when there is none."""
    return moment.astimezone(WASHINGTON).strftime("%Y-%m-%d %H:%M %Z") if moment else ""


def _format_signed(signed: date | None) -> str:
    return f"signed {signed}" if signed else "not stated"


def _format_money(amount: Decimal | None) -> str:
    if amount is None:
        return "not stated"
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"
