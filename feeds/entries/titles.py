"""Titles of entries: what happened, in one line.

Titles describe and never judge. They name the recipient as the source writes it, and a vendor only where the record
itself matched.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from feeds.entries.matches import buyer_label, published_matches, recipient_label, reseller_match, shorten_name
from feeds.text import NOT_STATED, format_date, format_money, format_signed_money, one_line, pluralize
from storage.models import EventKind, StoredEvent, StoredRecord

ZERO_DOLLARS = "no funds obligated"

# Words in FPDS's reasons for modification that end an award, and the verb of the title.
_TERMINATIONS = (
    ("convenience", "terminates for convenience"),
    ("default", "terminates for default"),
    ("cause", "terminates for cause"),
    ("cancel", "cancels"),
)


def title_for(event: StoredEvent) -> str:
    """Return what happened, who did it and to whom, with the amount of this event alone."""
    reseller = reseller_match(event.record)
    others = [match.vendor_name for match in published_matches(event.record) if match is not reseller]
    suffix = f" ({'; '.join(shorten_name(other) for other in others)})" if others else ""
    warning = f" (amount warning: {shorten_name(event.record.amount_warning)})" if event.record.amount_warning else ""
    return one_line(f"{buyer_label(event.record)}{_TITLES[event.kind](event)}{suffix}{warning}")


def describe_amount(amount: Decimal | None) -> str:
    """Return a change of obligations with its sign."""
    if amount is None:
        return "amount not stated"
    return format_signed_money(amount) if amount else ZERO_DOLLARS


# Each function below returns what follows the buyer in the title.


def _new_award(event: StoredEvent) -> str:
    award, via = event.record, reseller_match(event.record)
    vendor, payee = shorten_name(via.vendor_name) if via else "", recipient_label(award)
    if award.category == "idv":
        deed = f"awards an ordering contract (IDV){' for ' + vendor if vendor else ''} to {payee}"
    else:
        deed = f"buys {vendor} through {payee}" if vendor else f"buys from {payee}"
    earlier = event.earlier_actions
    history = f"; already had {pluralize(earlier, 'modification')} when first seen" if earlier > 0 else ""
    return f" {deed}: {_first_amount(event)}{history}"


def _first_amount(event: StoredEvent) -> str:
    amount, award = event.amount, event.record
    if amount:
        return format_money(amount)
    if award.category == "idv" and award.ceiling:
        return f"ceiling {format_money(award.ceiling)}"
    if amount is None and award.obligated is not None:
        return f"{format_money(award.obligated)} obligated to date"
    return describe_amount(amount)


def _modified(event: StoredEvent) -> str:
    if event.amount is not None and event.amount < 0:
        return f" de-obligates {format_money(-event.amount)}{_number(event)} from {_purchase(event.record)}"
    reason = event.action.action_type_text.lower() if event.action and not event.amount else ""
    return _deed(event, "modifies") + f": {describe_amount(event.amount)}" + _in_brackets(reason)


def _option(event: StoredEvent) -> str:
    return f" exercises an option{_number(event)} on {_purchase(event.record)}: {describe_amount(event.amount)}"


def _terminated(event: StoredEvent) -> str:
    reason = event.action.action_type_text.lower() if event.action else ""
    verb = next((verb for word, verb in _TERMINATIONS if word in reason), "terminates")
    return _deed(event, verb) + f": {describe_amount(event.amount)}"


def _extended(event: StoredEvent) -> str:
    until = f" to {shorten_name(event.new_value)}" if event.new_value else ""
    was = f" (was {shorten_name(event.old_value)})" if event.old_value else ""
    amount = f": {format_signed_money(event.amount)}" if event.amount else ""
    return _deed(event, "extends") + until + was + amount


def _deleted(event: StoredEvent) -> str:
    what = f"action{_number(event)} of " if event.action else ""
    return f": the source deleted {what}{_purchase(event.record)}; our copy is kept"


def _first_purchase(event: StoredEvent) -> str:
    technology = f", and its first of {shorten_name(event.new_value.replace('-', ' '))}" if event.new_value else ""
    return f": first purchase on record from {shorten_name(event.old_value)}{technology}"


def _round_sum(event: StoredEvent) -> str:
    threshold = format_money(Decimal(event.new_value)) if event.new_value else "a round sum"
    return f" has obligated more than {threshold} to {shorten_name(event.old_value)}"


def _corrected(event: StoredEvent) -> str:
    if event.record.is_publication:
        return f": announcement of {recipient_label(event.record)} corrected: {shorten_name(event.new_value)}"
    before, after = (shorten_name(value) or "nothing" for value in (event.old_value, event.new_value))
    change = f": {before} became {after}" if event.old_value or event.new_value else ""
    return f": record corrected{_number(event)} of {_purchase(event.record)}{change}"


def _withdrawn(event: StoredEvent) -> str:
    vendor = shorten_name(event.old_value) or "the vendor it was matched to"
    return f": withdrawn, because a reviewer found that {_purchase(event.record)} does not concern {vendor}"


def _announced(event: StoredEvent) -> str:
    record = event.record
    amount = next(iter(record.amounts), None)
    what = "an award"
    if amount:
        shared = ", shared with others" if amount.shared else ""
        what = f"{format_money(amount.dollars)} ({amount.meaning}{shared})"
    verb = "corrects the announcement of" if record.corrects else "announces"
    return f" {verb} {what} for {recipient_label(record)}"


def _new_notice(event: StoredEvent) -> str:
    record = event.record
    awardee = f", to {recipient_label(record)}" if record.recipient_name else ""
    return f", {_notice(record)}{awardee}{_time_left(event)}"


def _time_left(event: StoredEvent) -> str:
    due = event.record.deadline
    if due is None:
        return ""
    days = (due - event.first_seen).days
    left = f", {pluralize(days, 'day')} left when first seen" if days >= 0 else ", past when first seen"
    return f"; responses due {format_date(due.date())}{left}"


def _deadline_moved(event: StoredEvent) -> str:
    due = f"responses now due {shorten_name(event.new_value)}" if event.new_value else "response deadline removed"
    was = f" (was {shorten_name(event.old_value)})" if event.old_value else ""
    return f", {_notice(event.record)}: {due}{was}"


def _subawarded(event: StoredEvent) -> str:
    record = event.record
    prime = next((value for label, value in record.facts if label.lower().startswith("prime")), "")
    under = f" under {shorten_name(prime)}'s award" if prime else ""
    amount = next(iter(record.amounts), None)
    dollars = f": {format_money(amount.dollars)}" if amount and not record.amount_warning else ""
    return f": subaward to {recipient_label(record)}{under}{dollars}"


def _use_case(event: StoredEvent) -> str:
    record = event.record
    vendor = recipient_label(record) if record.recipient_name else ""
    return f" lists an AI use case: {shorten_name(record.title)}{_in_brackets(vendor)}"


def _notice(record: StoredRecord) -> str:
    kind = shorten_name(record.type_text) or "notice"
    return f"{kind}: {shorten_name(record.title) or shorten_name(record.description) or 'untitled'}"


def _deed(event: StoredEvent, verb: str) -> str:
    return f" {verb}{_number(event)} {_purchase(event.record)}"


def _purchase(award: StoredRecord) -> str:
    via = reseller_match(award)
    if via:
        return f"its purchase of {shorten_name(via.vendor_name)} through {recipient_label(award)}"
    return f"its award to {recipient_label(award)}"


def _award(event: StoredEvent) -> str:
    return f" award {shorten_name(event.record.piid)}"


def _change(event: StoredEvent) -> str:
    old, new = (shorten_name(value) or NOT_STATED for value in (event.old_value, event.new_value))
    return f"from {old} to {new}"


def _number(event: StoredEvent) -> str:
    number = shorten_name(event.action.modification) if event.action else ""
    return f" ({number})" if number.strip("0") else ""


def _in_brackets(text: str) -> str:
    short = shorten_name(text)
    return f" ({short})" if short else ""


_TITLES: dict[EventKind, Callable[[StoredEvent], str]] = {
    EventKind.NEW_AWARD: _new_award,
    EventKind.MODIFIED: _modified,
    EventKind.DEOBLIGATED: _modified,
    EventKind.OPTION_EXERCISED: _option,
    EventKind.CEILING_RAISED: lambda event: f"{_deed(event, 'raises the ceiling of')} {_change(event)}",
    EventKind.DELETED: _deleted,
    EventKind.FIRST_PURCHASE: _first_purchase,
    EventKind.ROUND_SUM: _round_sum,
    EventKind.TERMINATED: _terminated,
    EventKind.EXTENDED: _extended,
    EventKind.RECIPIENT_RENAMED: lambda event: f"{_award(event)}: recipient renamed {_change(event)}",
    # The UEI changed too, so another company may hold the contract now.
    EventKind.RECIPIENT_CHANGED: lambda event: f"{_award(event)}: recipient changed {_change(event)}",
    EventKind.DESCRIPTION_CHANGED: lambda event: f": description changed of {_purchase(event.record)}",
    EventKind.RENUMBERED: lambda event: f"{_award(event)}: award key changed {_change(event)}",
    EventKind.CORRECTED: _corrected,
    EventKind.WITHDRAWN: _withdrawn,
    EventKind.ANNOUNCED: _announced,
    EventKind.NEW_NOTICE: _new_notice,
    EventKind.DEADLINE_MOVED: _deadline_moved,
    EventKind.NOTICE_WITHDRAWN: lambda event: (
        f", {_notice(event.record)}: {shorten_name(event.new_value) or 'withdrawn'}"
    ),
    EventKind.NOTICE_CHANGED: lambda event: f", {_notice(event.record)}: amended",
    EventKind.SUBAWARDED: _subawarded,
    EventKind.USE_CASE: _use_case,
    EventKind.DOCUMENT: lambda event: f", {_notice(event.record)}{_in_brackets(event.new_value)}",
}
