"""Titles of entries, short enough to scan: vendor, amount, buyer, and what happened.

    Skydio · $529,706 · ICE via Atlantic Diving Supply · new order

Titles describe and never judge. A vendor is named only where the record itself matched; whoever else is paid is named
beside the buyer. Amounts have no cents here; the text of the entry has them, and the full names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from feeds.entries.matches import (
    buyer_name,
    is_topic,
    payee_name,
    published_matches,
    reseller_match,
    shorten_name,
)
from feeds.entries.names import is_same_company
from feeds.text import NOT_STATED, format_date, format_dollars, format_round_dollars, one_line, pluralize, shorten
from storage.models import MILESTONES, EventKind, StoredEvent, StoredRecord

ZERO_DOLLARS = "no funds obligated"
SEPARATOR = " \N{MIDDLE DOT} "

_LONGEST_SUBJECT, _LONGEST_PAYEE, _LONGEST_WORDS = 44, 32, 70
# Words in FPDS's reasons for modification that end an award, and what the title says.
_TERMINATIONS = (
    ("convenience", "terminated for convenience"),
    ("default", "terminated for default"),
    ("cause", "terminated for cause"),
    ("cancel", "canceled"),
)
_MONEY = re.compile(r"([-\N{MINUS SIGN}]?)\$([\d,]+\.\d\d)")
_NEW = {"idv": "new ordering contract", "assistance": "new grant"}


def title_for(event: StoredEvent) -> str:
    """Return who is paid for what, how much by this event alone, by whom, and what happened.

    The award's number follows where nothing else tells two titles apart: if there is no amount, or only cents, or if an
    earlier entry has the same amount.
    """
    record, amount = event.record, _AMOUNTS.get(event.kind, _own_amount)(event)
    if record.amount_warning:
        amount = f"{amount} (amount warning)" if amount else "amount warning"
    parts = [_subject(event), amount, _buyer(event), _DEEDS[event.kind](event) + _first_sight(event)]
    parts += [_milestone(milestone, subject_names(event)) for milestone in event.milestones]
    if event.amount is None or abs(event.amount) < 1 or event.has_twin:
        parts.append(_record_number(record))
    return one_line(SEPARATOR.join(filter(None, parts)))


def _record_number(record: StoredRecord) -> str:
    """Return the number of an award or publication; that of a Federal Register document is the end of its key."""
    facts = {label.casefold(): value for label, value in record.facts}
    own = record.key.rpartition("_")[2] if record.category == "document" else facts.get("use case id", "")
    return shorten_name(record.piid or record.solicitation or own)


def _subject(event: StoredEvent) -> str:
    """Return the vendors that matched, else the topics, else whoever is paid or the record's own title."""
    named = subject_names(event)
    first, *others = named or [payee_name(event.record) or shorten_name(event.record.title) or "a recipient not named"]
    subject = shorten(first, _LONGEST_SUBJECT)
    for place, other in enumerate(others):
        longer = f"{subject}, {other}"
        if len(longer) > _LONGEST_SUBJECT:
            return f"{subject} +{len(others) - place}"
        subject = longer
    return subject


def subject_names(event: StoredEvent) -> list[str]:
    """Return the vendors that an event is about, best match first; the topics if no vendor matched."""
    if event.kind in _OF_ONE_VENDOR and event.old_value:
        return [shorten_name(event.old_value)]
    matches = published_matches(event.record)
    vendors = [match for match in matches if not is_topic(match)]
    return [shorten_name(match.vendor_name) for match in vendors or matches]


def _milestone(milestone: StoredEvent, named: list[str]) -> str:
    """Return what else an entry says; of which vendor, if the title names several."""
    vendor = shorten_name(milestone.old_value) if len(named) > 1 else ""
    if milestone.kind is EventKind.FIRST_PURCHASE:
        return f"first purchase of {vendor} on record" if vendor else "first purchase on record"
    return f"total for {vendor} {_passed(milestone)}" if vendor else f"total {_passed(milestone)}"


def _passed(milestone: StoredEvent) -> str:
    return (
        f"passed {format_round_dollars(Decimal(milestone.new_value))}" if milestone.new_value else "passed a round sum"
    )


def _first_sight(event: StoredEvent) -> str:
    """Return that the award itself was not stored before this modification, with its year; "" if it was."""
    if not event.is_first_sight:
        return ""
    signed = event.record.signed
    return f", award{f' of {signed.year}' if signed else ''} seen for the first time"


def _buyer(event: StoredEvent) -> str:
    """Return the buyer, and who is paid if that is not the vendor itself."""
    record, named = event.record, subject_names(event)
    buyer, payee = buyer_name(record), payee_name(record)
    parts = [part for name in named for part in name.rstrip(")").split(" (")]
    resold = reseller_match(record) is not None
    if not payee or not named or (not resold and any(is_same_company(part, payee) for part in parts)):
        return buyer
    return f"{buyer} {'via' if resold else 'from'} {shorten(payee, _LONGEST_PAYEE)}"


# Each function below returns the amount of an event, "" if it has none.


def _own_amount(event: StoredEvent) -> str:
    return "" if event.amount is None else format_dollars(event.amount)


def _first_amount(event: StoredEvent) -> str:
    amount, award = event.amount, event.record
    if amount:
        return format_dollars(amount)
    if award.category == "idv" and award.ceiling:
        return f"ceiling {format_dollars(award.ceiling)}"
    if amount is None and award.obligated is not None:
        return _obligated_to_date(award)
    return "amount not stated" if amount is None else format_dollars(amount)


def _obligated_to_date(award: StoredRecord) -> str:
    return "" if award.obligated is None else f"{format_dollars(award.obligated)} obligated to date"


def _stated_amount(event: StoredEvent) -> str:
    """Return the amount that a publication states, with what it stands for."""
    amount = next(iter(event.record.amounts), None)
    if amount is None:
        return ""
    meaning = "" if amount.meaning in ("announced", "awarded", "subawarded") else f" {amount.meaning}"
    return f"{format_dollars(amount.dollars)}{meaning}{' shared' if amount.shared else ''}"


def _new_value(event: StoredEvent) -> str:
    return _whole_dollars(event.new_value) if _MONEY.fullmatch(event.new_value) else _own_amount(event)


_AMOUNTS: dict[EventKind, Callable[[StoredEvent], str]] = {
    EventKind.NEW_AWARD: _first_amount,
    EventKind.ANNOUNCED: _stated_amount,
    EventKind.SUBAWARDED: lambda event: "" if event.record.amount_warning else _stated_amount(event),
    EventKind.CORRECTED: _new_value,
    EventKind.CEILING_RAISED: _new_value,
    EventKind.EXPIRING: lambda event: _obligated_to_date(event.record),
    EventKind.ROUND_SUM: lambda event: "" if event.total is None else f"{format_dollars(event.total)} in all",
}


# Each function below returns what happened.


def _new_award(event: StoredEvent) -> str:
    award, earlier = event.record, event.earlier_actions
    new = _NEW.get(award.category) or ("new order" if award.parent_piid else "new contract")
    return new + (f", first seen with {pluralize(earlier, 'modification')}" if earlier > 0 else "")


def _expiring(event: StoredEvent) -> str:
    award = event.record
    what = "ordering contract" if award.category == "idv" else "order" if award.parent_piid else "contract"
    return f"{what} ends {_words(event.new_value)}"


def _modified(event: StoredEvent) -> str:
    reason = one_line(event.action.action_type_text.lower()) if event.action and not event.amount else ""
    return f"modified{_number(event)}" + (f": {shorten(reason, _LONGEST_WORDS)}" if reason else "")


def _terminated(event: StoredEvent) -> str:
    reason = event.action.action_type_text.lower() if event.action else ""
    return next((words for word, words in _TERMINATIONS if word in reason), "terminated") + _number(event)


def _extended(event: StoredEvent) -> str:
    until = f" to {_words(event.new_value)}" if event.new_value else ""
    was = f", was {_words(event.old_value)}" if event.old_value else ""
    return f"extended{until}{was}"


def _deleted(event: StoredEvent) -> str:
    return f"modification{_number(event)} deleted by the source" if event.action else "deleted by the source"


def _corrected(event: StoredEvent) -> str:
    if event.record.is_publication:
        return f"announcement corrected: {_words(event.new_value)}"
    before, now = (_words(_whole_dollars(value)) for value in (event.old_value, event.new_value))
    if now and not _MONEY.fullmatch(event.new_value):
        return f"corrected{_number(event)}: {now}" + (f", was {before.removeprefix('signed ')}" if before else "")
    return f"corrected{_number(event)}" + (f", was {before}" if before else "")


def _ceiling_raised(event: StoredEvent) -> str:
    before = _whole_dollars(event.old_value)
    return "ceiling raised" + (f" from {_words(before)}" if before else "")


def _announced(event: StoredEvent) -> str:
    return "announcement corrected" if event.record.corrects else "announced"


def _new_notice(event: StoredEvent) -> str:
    return _notice(event) + _time_left(event)


def _time_left(event: StoredEvent) -> str:
    due = event.record.deadline
    if due is None:
        return ""
    days = (due - event.first_seen).days
    left = f" ({pluralize(days, 'day')} left)" if days >= 0 else " (past)"
    return f", due {format_date(due.date())}{left}"


def _deadline_moved(event: StoredEvent) -> str:
    due = f"now due {_words(event.new_value)}" if event.new_value else "deadline removed"
    was = f", was {_words(event.old_value)}" if event.old_value else ""
    return f"{_notice(event)}: {due}{was}"


def _subawarded(event: StoredEvent) -> str:
    prime = next((value for label, value in event.record.facts if label.lower().startswith("prime")), "")
    return "subaward" + (f" under {_words(prime)}'s award" if prime else "")


def _notice(event: StoredEvent) -> str:
    record = event.record
    title = _words(record.title) or _words(record.description) or "untitled"
    return f"{_words(record.type_text) or 'notice'}: {title}"


def _changed(what: str, event: StoredEvent) -> str:
    old, new = (_words(value) or NOT_STATED for value in (event.old_value, event.new_value))
    return f"{what} changed from {old} to {new}"


def _number(event: StoredEvent) -> str:
    number = shorten_name(event.action.modification) if event.action else ""
    return f" {number}" if number.strip("0") else ""


def _whole_dollars(text: str) -> str:
    """Return a text whose amounts have no cents."""
    return _MONEY.sub(lambda found: format_dollars(Decimal(found[2].replace(",", "")) * (-1 if found[1] else 1)), text)


def _words(text: str) -> str:
    return shorten(one_line(text), _LONGEST_WORDS)


_OF_ONE_VENDOR = (*MILESTONES, EventKind.FIRST_PURCHASE_WITHDRAWN, EventKind.WITHDRAWN)
_DEEDS: dict[EventKind, Callable[[StoredEvent], str]] = {
    EventKind.NEW_AWARD: _new_award,
    EventKind.MODIFIED: _modified,
    EventKind.DEOBLIGATED: lambda event: f"de-obligated{_number(event)}",
    EventKind.OPTION_EXERCISED: lambda event: f"option exercised{_number(event)}",
    EventKind.CEILING_RAISED: _ceiling_raised,
    EventKind.DELETED: _deleted,
    EventKind.FIRST_PURCHASE: lambda _event: "first purchase on record",
    EventKind.FIRST_PURCHASE_WITHDRAWN: lambda event: f"not the first purchase: an earlier one is {event.new_value}",
    EventKind.ROUND_SUM: lambda event: f"total {_passed(event)}",
    EventKind.EXPIRING: _expiring,
    EventKind.TERMINATED: _terminated,
    EventKind.EXTENDED: _extended,
    EventKind.RECIPIENT_RENAMED: lambda event: _changed("recipient's name", event),
    # The UEI changed too, so another company may hold the contract now.
    EventKind.RECIPIENT_CHANGED: lambda event: _changed("recipient", event),
    EventKind.DESCRIPTION_CHANGED: lambda event: (
        f"description changed{_number(event)} {format_date(event.first_seen.date())}"
    ),
    EventKind.RENUMBERED: lambda _event: "award key changed",
    EventKind.CORRECTED: _corrected,
    EventKind.WITHDRAWN: lambda _event: "match withdrawn by a reviewer",
    EventKind.ANNOUNCED: _announced,
    EventKind.NEW_NOTICE: _new_notice,
    EventKind.DEADLINE_MOVED: _deadline_moved,
    EventKind.NOTICE_WITHDRAWN: lambda event: f"{_notice(event)}: {_words(event.new_value) or 'withdrawn'}",
    EventKind.NOTICE_CHANGED: lambda event: f"{_notice(event)}: amended {format_date(event.first_seen.date())}",
    EventKind.SUBAWARDED: _subawarded,
    EventKind.USE_CASE: lambda event: f"AI use case: {_words(event.record.title)}",
    EventKind.DOCUMENT: lambda event: _notice(event) + (f" ({_words(event.new_value)})" if event.new_value else ""),
}
