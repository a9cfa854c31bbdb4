"""What happened, in one line: the title of an entry.

Titles describe and never judge. A name of a vendor stands in the sentence only where the record itself is what we
matched; the company that is paid is always named as the source writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from feeds.entries import publication_titles
from feeds.entries.matches import through_reseller, told_matches
from feeds.entries.naming import buyer, name, recipient
from feeds.text import money, one_line, plural, signed_money
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
        what = f"opens an ordering contract for {name(via.vendor_name)}" if via else "opens an ordering contract"
        deed = f"{what} with {recipient(award)}"
    elif via:
        deed = f"buys {name(via.vendor_name)} through {recipient(award)}"
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
    return _deed(event, "modifies") + f": {amount_in_words(amount)}{_kind_of_action(event)}"


def _kind_of_action(event: StoredEvent) -> str:
    """Return what kind of modification it is, where no amount says what it is for."""
    kind = name(event.action.action_type_text.lower()) if event.action and not amount_of(event) else ""
    return f" ({kind})" if kind else ""


def _option(event: StoredEvent) -> str:
    deed = f"exercises an option{_number(event)} on {_holding(event.record)}"
    return f"{buyer(event.record)} {deed}: {amount_in_words(amount_of(event))}"


def _terminated(event: StoredEvent) -> str:
    reason = event.action.action_type_text.lower() if event.action else ""
    verb = next((verb for word, verb in _ENDINGS if word in reason), "terminates")
    return _deed(event, verb) + f": {amount_in_words(amount_of(event))}"


def _extended(event: StoredEvent) -> str:
    until = f" to {name(event.after)}" if event.after else ""
    was = f" (was {name(event.before)})" if event.before else ""
    amount = amount_of(event)
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
    EventKind.ANNOUNCED: publication_titles.announced,
    EventKind.NEW_NOTICE: publication_titles.new_notice,
    EventKind.DEADLINE_MOVED: publication_titles.deadline_moved,
    EventKind.NOTICE_WITHDRAWN: publication_titles.notice_withdrawn,
    EventKind.NOTICE_CHANGED: publication_titles.notice_changed,
    EventKind.SUBAWARDED: publication_titles.subawarded,
    EventKind.USE_CASE: publication_titles.use_case,
    EventKind.DOCUMENT: publication_titles.document,
    EventKind.WITHDRAWN: _withdrawn,
}
