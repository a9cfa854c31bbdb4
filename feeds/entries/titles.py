"""What happened, in one line: the title of an entry.

Titles describe and never judge. A name of a vendor stands in the sentence only where the record itself is what we
matched; the company that is paid is always named as the source writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from feeds.entries.matches import buyer_label, published_matches, recipient_label, reseller_match, shorten_name
from feeds.text import NOT_STATED, format_date, format_money, format_signed_money, one_line, pluralize
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
    mentioned = reseller_match(event.record)
    others = [match.vendor_name for match in published_matches(event.record) if match is not mentioned]
    suffix = f" ({'; '.join(shorten_name(other) for other in others)})" if others else ""
    doubt = f" (doubtful: {shorten_name(event.record.amount_warning)})" if event.record.amount_warning else ""
    return one_line(_TITLES[event.kind](event) + suffix + doubt)


def describe_amount(amount: Decimal | None) -> str:
    """Return a change of money with its sign, "no money moved" for zero."""
    if amount is None:
        return "amount not stated"
    return format_signed_money(amount) if amount else NO_MONEY


def _new_award(event: StoredEvent) -> str:
    award, via = event.record, reseller_match(event.record)
    if award.category == "idv":
        what = (
            f"opens an ordering contract for {shorten_name(via.vendor_name)}" if via else "opens an ordering contract"
        )
        deed = f"{what} with {recipient_label(award)}"
    elif via:
        deed = f"buys {shorten_name(via.vendor_name)} through {recipient_label(award)}"
    else:
        deed = f"buys from {recipient_label(award)}"
    return f"{buyer_label(award)} {deed}: {_first_amount(event)}{_history(event)}"


def _first_amount(event: StoredEvent) -> str:
    amount, award = event.amount, event.record
    if amount:
        return format_money(amount)
    if award.category == "idv" and award.ceiling:
        return f"ceiling {format_money(award.ceiling)}"
    if amount is None and award.obligated is not None:
        return f"{format_money(award.obligated)} obligated to date"
    return describe_amount(amount)


def _history(event: StoredEvent) -> str:
    earlier = event.earlier_actions
    return f"; already had {pluralize(earlier, 'modification')} when first seen" if earlier > 0 else ""


def _modified(event: StoredEvent) -> str:
    amount = event.amount
    if amount is not None and amount < 0:
        deed = f"takes back {format_money(-amount)}{_number(event)} from {_holding(event.record)}"
        return f"{buyer_label(event.record)} {deed}"
    return _deed(event, "modifies") + f": {describe_amount(amount)}{_kind_of_action(event)}"


def _kind_of_action(event: StoredEvent) -> str:
    """Return what kind of modification it is, where no amount says what it is for."""
    kind = shorten_name(event.action.action_type_text.lower()) if event.action and not event.amount else ""
    return f" ({kind})" if kind else ""


def _option(event: StoredEvent) -> str:
    deed = f"exercises an option{_number(event)} on {_holding(event.record)}"
    return f"{buyer_label(event.record)} {deed}: {describe_amount(event.amount)}"


def _terminated(event: StoredEvent) -> str:
    reason = event.action.action_type_text.lower() if event.action else ""
    verb = next((verb for word, verb in _ENDINGS if word in reason), "terminates")
    return _deed(event, verb) + f": {describe_amount(event.amount)}"


def _extended(event: StoredEvent) -> str:
    until = f" to {shorten_name(event.new_value)}" if event.new_value else ""
    was = f" (was {shorten_name(event.old_value)})" if event.old_value else ""
    amount = event.amount
    return _deed(event, "extends") + until + was + (f": {format_signed_money(amount)}" if amount else "")


def _ceiling_raised(event: StoredEvent) -> str:
    return (
        _deed(event, "raises the ceiling of")
        + f" from {shorten_name(event.old_value)} to {shorten_name(event.new_value)}"
    )


def _deleted(event: StoredEvent) -> str:
    what = f"action{_number(event)} of {_holding(event.record)}" if event.action else f"{_holding(event.record)}"
    return f"{buyer_label(event.record)}: the source dropped {what}; what it said is kept"


def _first_purchase(event: StoredEvent) -> str:
    technology = f", and its first of {shorten_name(event.new_value.replace('-', ' '))}" if event.new_value else ""
    return f"{buyer_label(event.record)}: first purchase on record from {shorten_name(event.old_value)}{technology}"


def _round_sum(event: StoredEvent) -> str:
    passed = format_money(Decimal(event.new_value)) if event.new_value else "a round sum"
    return f"{buyer_label(event.record)} has obligated more than {passed} to {shorten_name(event.old_value)}"


def _recipient_renamed(event: StoredEvent) -> str:
    return _recipient(event, "renamed")


def _recipient_changed(event: StoredEvent) -> str:
    # The UEI changed too, so another company may hold the contract now.
    return _recipient(event, "changed")


def _recipient(event: StoredEvent, verb: str) -> str:
    before, after = shorten_name(event.old_value) or NOT_STATED, shorten_name(event.new_value) or NOT_STATED
    return f"{_award(event)}: recipient {verb} from {before} to {after}"


def _description_changed(event: StoredEvent) -> str:
    return f"{buyer_label(event.record)}: description changed of {_holding(event.record)}"


def _renumbered(event: StoredEvent) -> str:
    change = f"award key changed from {shorten_name(event.old_value)} to {shorten_name(event.new_value)}"
    return f"{_award(event)}: {change}"


def _award(event: StoredEvent) -> str:
    return f"{buyer_label(event.record)} award {shorten_name(event.record.piid)}"


def _corrected(event: StoredEvent) -> str:
    if event.record.is_publication:
        corrected = f"announcement of {recipient_label(event.record)} corrected: {shorten_name(event.new_value)}"
        return f"{buyer_label(event.record)}: {corrected}"
    change = f": {shorten_name(event.old_value) or 'nothing'} became {shorten_name(event.new_value) or 'nothing'}"
    told = change if event.old_value or event.new_value else ""
    return f"{buyer_label(event.record)}: record corrected{_number(event)} of {_holding(event.record)}{told}"


def _withdrawn(event: StoredEvent) -> str:
    award = event.record
    vendor = shorten_name(event.old_value) or "the vendor it was filed under"
    finding = f"its award to {recipient_label(award)} does not concern {vendor}, as a reviewer found"
    return f"{buyer_label(award)}: withdrawn, {finding}"


def _deed(event: StoredEvent, verb: str) -> str:
    return f"{buyer_label(event.record)} {verb}{_number(event)} {_holding(event.record)}"


def _holding(award: StoredRecord) -> str:
    via = reseller_match(award)
    if via:
        return f"its purchase of {shorten_name(via.vendor_name)} through {recipient_label(award)}"
    return f"its award to {recipient_label(award)}"


def _number(event: StoredEvent) -> str:
    number = shorten_name(event.action.modification) if event.action else ""
    return f" ({number})" if number.strip("0") else ""


def _announced(event: StoredEvent) -> str:
    record = event.record
    amount = next(iter(record.amounts), None)
    what = "an award"
    if amount:
        together = ", together with others" if amount.shared else ""
        what = f"{format_money(amount.dollars)} ({amount.meaning}{together})"
    verb = "corrects the announcement of" if record.corrects else "announces"
    return f"{buyer_label(record)} {verb} {what} for {recipient_label(record)}"


def _new_notice(event: StoredEvent) -> str:
    record = event.record
    paid = f", to {recipient_label(record)}" if record.recipient_name else ""
    return f"{buyer_label(record)}, {_notice(record)}{paid}{_time_left(event)}"


def _time_left(event: StoredEvent) -> str:
    due = event.record.deadline
    if due is None:
        return ""
    days = (due - event.first_seen).days
    left = f", {pluralize(days, 'day')} left when first seen" if days >= 0 else ", past when first seen"
    return f"; answers due {format_date(due.date())}{left}"


def _deadline_moved(event: StoredEvent) -> str:
    was, now = shorten_name(event.old_value), shorten_name(event.new_value)
    due = f"answers now due {now}" if now else "answers no longer due by a stated day"
    return f"{buyer_label(event.record)}, {_notice(event.record)}: {due}" + (f" (before: {was})" if was else "")


def _notice_withdrawn(event: StoredEvent) -> str:
    return f"{buyer_label(event.record)}, {_notice(event.record)}: {shorten_name(event.new_value) or 'withdrawn'}"


def _notice_changed(event: StoredEvent) -> str:
    return f"{buyer_label(event.record)}, {_notice(event.record)}: amended"


def _notice(record: StoredRecord) -> str:
    kind = shorten_name(record.type_text) or "notice"
    return f"{kind}: {shorten_name(record.title) or shorten_name(record.description) or 'untitled'}"


def _subawarded(event: StoredEvent) -> str:
    record = event.record
    prime = next((value for label, value in record.facts if label.lower().startswith("prime")), "")
    through = f" under {shorten_name(prime)}'s award" if prime else ""
    amount = next(iter(record.amounts), None)
    sum_told = f": {format_money(amount.dollars)}" if amount and not record.amount_warning else ""
    return f"{buyer_label(record)}: subaward to {recipient_label(record)}{through}{sum_told}"


def _use_case(event: StoredEvent) -> str:
    record = event.record
    vendor = f" ({recipient_label(record)})" if record.recipient_name else ""
    return f"{buyer_label(record)} lists a use of AI: {shorten_name(record.title)}{vendor}"


def _document(event: StoredEvent) -> str:
    state = f" ({shorten_name(event.new_value)})" if event.new_value else ""
    return f"{buyer_label(event.record)}, {_notice(event.record)}{state}"


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
