"""What happened, in one line: the title of an entry.

Titles describe and never judge. A name of a vendor stands in the sentence only where the record itself is what we
matched; the company that is paid is always named as the source writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from feeds.concern import through_reseller, told_matches
from feeds.text import money, one_line, plural, shorten, signed_money
from storage.stored import EventKind, StoredEvent, StoredRecord

NO_MONEY = "no money moved"
_LONGEST_NAME = 120

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
    suffix = f" ({'; '.join(_name(other) for other in others)})" if others else ""
    return one_line(_TITLES[event.kind](event) + suffix)


def buyer(award: StoredRecord) -> str:
    """Return who buys, as closely as the source says."""
    return _name(award.sub_agency_name or award.agency_name) or "A federal agency"


def recipient(award: StoredRecord) -> str:
    """Return who is paid, as the source writes it."""
    return _name(award.recipient_name) or "a recipient not named"


def amount_of(event: StoredEvent) -> Decimal | None:
    """Return what this event alone obligates; None when no source says."""
    if event.amount is None and event.action is not None:
        return event.action.obligation
    return event.amount


def amount_in_words(amount: Decimal | None) -> str:
    """Return a change of money with its sign, "no money moved" for zero."""
    if amount is None:
        return "amount not stated"
    return signed_money(amount) if amount else NO_MONEY


def _new_award(event: StoredEvent) -> str:
    award, via = event.record, through_reseller(event.record)
    if award.category == "idv":
        what = f"opens an ordering contract for {_name(via.vendor_name)}" if via else "opens an ordering contract"
        deed = f"{what} with {recipient(award)}"
    elif via:
        deed = f"buys {_name(via.vendor_name)} through {recipient(award)}"
    else:
        deed = f"buys from {recipient(award)}"
    return f"{buyer(award)} {deed}: {_first_amount(event)}{_history(event)}"


def _first_amount(event: StoredEvent) -> str:
    amount, award = amount_of(event), event.record
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
    amount = amount_of(event)
    if amount is not None and amount < 0:
        return f"{buyer(event.record)} takes back {money(-amount)}{_number(event)} from {_holding(event.record)}"
    return _deed(event, "modifies") + f": {amount_in_words(amount)}"


def _option(event: StoredEvent) -> str:
    deed = f"exercises an option{_number(event)} on {_holding(event.record)}"
    return f"{buyer(event.record)} {deed}: {amount_in_words(amount_of(event))}"


def _terminated(event: StoredEvent) -> str:
    reason = event.action.action_type_text.lower() if event.action else ""
    verb = next((verb for word, verb in _ENDINGS if word in reason), "terminates")
    return _deed(event, verb) + f": {amount_in_words(amount_of(event))}"


def _extended(event: StoredEvent) -> str:
    until = f" to {_name(event.after)}" if event.after else ""
    was = f" (was {_name(event.before)})" if event.before else ""
    amount = amount_of(event)
    return _deed(event, "extends") + until + was + (f": {signed_money(amount)}" if amount else "")


def _recipient_changed(event: StoredEvent) -> str:
    # Not "renamed": a contract can also pass to another company, and the source does not say which it was.
    before, after = _name(event.before) or "not stated", _name(event.after) or "not stated"
    return f"{buyer(event.record)} award {_name(event.record.piid)}: recipient changed from {before} to {after}"


def _description_changed(event: StoredEvent) -> str:
    return f"{buyer(event.record)}: description changed of {_holding(event.record)}"


def _corrected(event: StoredEvent) -> str:
    change = f": {_name(event.before) or 'nothing'} became {_name(event.after) or 'nothing'}"
    told = change if event.before or event.after else ""
    return f"{buyer(event.record)}: record corrected{_number(event)} of {_holding(event.record)}{told}"


def _withdrawn(event: StoredEvent) -> str:
    award = event.record
    vendor = _name(event.before) or "the vendor it was filed under"
    return f"{buyer(award)}: withdrawn, its award to {recipient(award)} does not concern {vendor}, as a reviewer found"


def _deed(event: StoredEvent, verb: str) -> str:
    return f"{buyer(event.record)} {verb}{_number(event)} {_holding(event.record)}"


def _holding(award: StoredRecord) -> str:
    via = through_reseller(award)
    if via:
        return f"its purchase of {_name(via.vendor_name)} through {recipient(award)}"
    return f"its award to {recipient(award)}"


def _number(event: StoredEvent) -> str:
    number = _name(event.action.modification) if event.action else ""
    return f" ({number})" if number.strip("0") else ""


def _name(text: str) -> str:
    return shorten(one_line(text), _LONGEST_NAME)


_TITLES: dict[EventKind, Callable[[StoredEvent], str]] = {
    EventKind.NEW_AWARD: _new_award,
    EventKind.MODIFIED: _modified,
    EventKind.OPTION_EXERCISED: _option,
    EventKind.TERMINATED: _terminated,
    EventKind.EXTENDED: _extended,
    EventKind.RECIPIENT_CHANGED: _recipient_changed,
    EventKind.DESCRIPTION_CHANGED: _description_changed,
    EventKind.CORRECTED: _corrected,
    EventKind.WITHDRAWN: _withdrawn,
}
