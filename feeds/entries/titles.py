"""What happened, in one line: the title of an entry.

Titles describe and never judge. A name of a vendor stands in the sentence only where the record itself is what we
matched; the company that is paid is always named as the source writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from feeds.entries.matches import buyer, name, recipient, through_reseller, told_matches
from feeds.text import day, money, one_line, plural, signed_money
from storage.models import EventKind, StoredEvent, StoredRecord

NO_MONEY = "no money moved"

# The words of FPDS's reasons for modification that end an award, and how a sentence says them.
_ENDINGS = (
    ("convenience", "terminates for convenience"),
    ("default", "terminates for default"),
    ("cause", "terminates for cause"),
    ("cancel", "cancels"),
)


def title_for(event: StoredEvent) -> str:
    """Return what happened, who did it and to whom, with the amount of this event alone."""
    mentioned = through_reseller(event.record)
    others = [match.vendor_name for match in told_matches(event.record) if match is not mentioned]
    suffix = f" ({'; '.join(name(other) for other in others)})" if others else ""
    doubt = f" (doubtful: {name(event.record.doubt)})" if event.record.doubt else ""
    return one_line(_TITLES[event.kind](event) + suffix + doubt)


def amount_in_words(amount: Decimal | None) -> str:
    """Return a change of money with its sign, "no money moved" for zero."""
    if amount is None:
        return "amount not stated"
    return signed_money(amount) if amount else NO_MONEY


def _new_award(event: StoredEvent) -> str:
    award, via = event.record, through_reseller(event.record)
    if award.category == "idv":
        what = f"opens an ordering contract for {name(via.vendor_name)}" if via else "opens an ordering contract"
        deed = f"{what} with {recipient(award)}"
    elif via:
        deed = f"buys {name(via.vendor_name)} through {recipient(award)}"
    else:
        deed = f"buys from {recipient(award)}"
    return f"{buyer(award)} {deed}: {_first_amount(event)}{_history(event)}"


def _first_amount(event: StoredEvent) -> str:
    amount, award = event.amount, event.record
    if amount:
        return money(amount)
    if award.category == "idv" and award.ceiling:
        return f"ceiling {money(award.ceiling)}"
    if amount is None and award.obligated is not None:
        return f"{money(award.obligated)} obligated to date"
    return amount_in_words(amount)


def _history(event: StoredEvent) -> str:
    earlier = event.earlier_actions
    return f"; already had {plural(earlier, 'modification')} when first seen" if earlier > 0 else ""


def _modified(event: StoredEvent) -> str:
    amount = event.amount
    if amount is not None and amount < 0:
        return f"{buyer(event.record)} takes back {money(-amount)}{_number(event)} from {_holding(event.record)}"
    return _deed(event, "modifies") + f": {amount_in_words(amount)}{_kind_of_action(event)}"


def _kind_of_action(event: StoredEvent) -> str:
    """Return what kind of modification it is, where no amount says what it is for."""
    kind = name(event.action.action_type_text.lower()) if event.action and not event.amount else ""
    return f" ({kind})" if kind else ""


def _option(event: StoredEvent) -> str:
    deed = f"exercises an option{_number(event)} on {_holding(event.record)}"
    return f"{buyer(event.record)} {deed}: {amount_in_words(event.amount)}"


def _terminated(event: StoredEvent) -> str:
    reason = event.action.action_type_text.lower() if event.action else ""
    verb = next((verb for word, verb in _ENDINGS if word in reason), "terminates")
    return _deed(event, verb) + f": {amount_in_words(event.amount)}"


def _extended(event: StoredEvent) -> str:
    until = f" to {name(event.after)}" if event.after else ""
    was = f" (was {name(event.before)})" if event.before else ""
    amount = event.amount
    return _deed(event, "extends") + until + was + (f": {signed_money(amount)}" if amount else "")


def _ceiling_raised(event: StoredEvent) -> str:
    return _deed(event, "raises the ceiling of") + f" from {name(event.before)} to {name(event.after)}"


def _deleted(event: StoredEvent) -> str:
    what = f"action{_number(event)} of {_holding(event.record)}" if event.action else f"{_holding(event.record)}"
    return f"{buyer(event.record)}: the source dropped {what}; what it said is kept"


def _first_purchase(event: StoredEvent) -> str:
    technology = f", and its first of {name(event.after.replace('-', ' '))}" if event.after else ""
    return f"{buyer(event.record)}: first purchase on record from {name(event.before)}{technology}"


def _round_sum(event: StoredEvent) -> str:
    passed = money(Decimal(event.after)) if event.after else "a round sum"
    return f"{buyer(event.record)} has obligated more than {passed} to {name(event.before)}"


def _recipient_renamed(event: StoredEvent) -> str:
    before, after = name(event.before) or "not stated", name(event.after) or "not stated"
    return f"{buyer(event.record)} award {name(event.record.piid)}: recipient renamed from {before} to {after}"


def _recipient_changed(event: StoredEvent) -> str:
    # Not "renamed": the identifier changed too, so that the contract may have passed to another company.
    before, after = name(event.before) or "not stated", name(event.after) or "not stated"
    return f"{buyer(event.record)} award {name(event.record.piid)}: recipient changed from {before} to {after}"


def _description_changed(event: StoredEvent) -> str:
    return f"{buyer(event.record)}: description changed of {_holding(event.record)}"


def _renumbered(event: StoredEvent) -> str:
    change = f"award key changed from {name(event.before)} to {name(event.after)}"
    return f"{buyer(event.record)} award {name(event.record.piid)}: {change}"


def _corrected(event: StoredEvent) -> str:
    if event.record.is_publication:
        return f"{buyer(event.record)}: announcement of {recipient(event.record)} corrected: {name(event.after)}"
    change = f": {name(event.before) or 'nothing'} became {name(event.after) or 'nothing'}"
    told = change if event.before or event.after else ""
    return f"{buyer(event.record)}: record corrected{_number(event)} of {_holding(event.record)}{told}"


def _withdrawn(event: StoredEvent) -> str:
    award = event.record
    vendor = name(event.before) or "the vendor it was filed under"
    return f"{buyer(award)}: withdrawn, its award to {recipient(award)} does not concern {vendor}, as a reviewer found"


def _deed(event: StoredEvent, verb: str) -> str:
    return f"{buyer(event.record)} {verb}{_number(event)} {_holding(event.record)}"


def _holding(award: StoredRecord) -> str:
    via = through_reseller(award)
    if via:
        return f"its purchase of {name(via.vendor_name)} through {recipient(award)}"
    return f"its award to {recipient(award)}"


def _number(event: StoredEvent) -> str:
    number = name(event.action.modification) if event.action else ""
    return f" ({number})" if number.strip("0") else ""


def _announced(event: StoredEvent) -> str:
    record = event.record
    amount = next(iter(record.amounts), None)
    what = "an award"
    if amount:
        together = ", together with others" if amount.shared else ""
        what = f"{money(amount.dollars)} ({amount.meaning}{together})"
    verb = "corrects the announcement of" if record.corrects else "announces"
    return f"{buyer(record)} {verb} {what} for {recipient(record)}"


def _new_notice(event: StoredEvent) -> str:
    record = event.record
    paid = f", to {recipient(record)}" if record.recipient_name else ""
    return f"{buyer(record)}, {_notice(record)}{paid}{_time_left(event)}"


def _time_left(event: StoredEvent) -> str:
    due = event.record.deadline
    if due is None:
        return ""
    days = (due - event.first_seen).days
    left = f", {plural(days, 'day')} left when first seen" if days >= 0 else ", past when first seen"
    return f"; answers due {day(due.date())}{left}"


def _deadline_moved(event: StoredEvent) -> str:
    was, now = name(event.before), name(event.after)
    due = f"answers now due {now}" if now else "answers no longer due by a stated day"
    return f"{buyer(event.record)}, {_notice(event.record)}: {due}" + (f" (before: {was})" if was else "")


def _notice_withdrawn(event: StoredEvent) -> str:
    return f"{buyer(event.record)}, {_notice(event.record)}: {name(event.after) or 'withdrawn'}"


def _notice_changed(event: StoredEvent) -> str:
    return f"{buyer(event.record)}, {_notice(event.record)}: amended"


def _notice(record: StoredRecord) -> str:
    kind = name(record.type_text) or "notice"
    return f"{kind}: {name(record.title) or name(record.description) or 'untitled'}"


def _subawarded(event: StoredEvent) -> str:
    record = event.record
    prime = next((value for label, value in record.facts if label.lower().startswith("prime")), "")
    through = f" under {name(prime)}'s award" if prime else ""
    amount = next(iter(record.amounts), None)
    sum_told = f": {money(amount.dollars)}" if amount and not record.doubt else ""
    return f"{buyer(record)}: subaward to {recipient(record)}{through}{sum_told}"


def _use_case(event: StoredEvent) -> str:
    record = event.record
    vendor = f" ({recipient(record)})" if record.recipient_name else ""
    return f"{buyer(record)} lists a use of AI: {name(record.title)}{vendor}"


def _document(event: StoredEvent) -> str:
    state = f" ({name(event.after)})" if event.after else ""
    return f"{buyer(event.record)}, {_notice(event.record)}{state}"


_TITLES: dict[EventKind, Callable[[StoredEvent], str]] = {
    EventKind.NEW_AWARD: _new_award,
    EventKind.MODIFIED: _modified,
    EventKind.DEOBLIGATED: _modified,
    EventKind.OPTION_EXERCISED: _option,
    EventKind.CEILING_RAISED: _ceiling_raised,
    EventKind.DELETED: _deleted,
    EventKind.FIRST_PURCHASE: _first_purchase,
    EventKind.ROUND_SUM: _round_sum,
    EventKind.TERMINATED: _terminated,
    EventKind.EXTENDED: _extended,
    EventKind.RECIPIENT_RENAMED: _recipient_renamed,
    EventKind.RECIPIENT_CHANGED: _recipient_changed,
    EventKind.DESCRIPTION_CHANGED: _description_changed,
    EventKind.RENUMBERED: _renumbered,
    EventKind.CORRECTED: _corrected,
    EventKind.ANNOUNCED: _announced,
    EventKind.NEW_NOTICE: _new_notice,
    EventKind.DEADLINE_MOVED: _deadline_moved,
    EventKind.NOTICE_WITHDRAWN: _notice_withdrawn,
    EventKind.NOTICE_CHANGED: _notice_changed,
    EventKind.SUBAWARDED: _subawarded,
    EventKind.USE_CASE: _use_case,
    EventKind.DOCUMENT: _document,
    EventKind.WITHDRAWN: _withdrawn,
}
