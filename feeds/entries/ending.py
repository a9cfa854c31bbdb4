"""Contracts and orders that end: when, and what is left of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from feeds.text import NOT_STATED, format_end, format_money, pluralize
from storage.models import StoredRecord

NO_OPTIONS = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingAward:
    """A contract or order with its last day, with the options exercised so far.

    `left` says how long that is from today, "" on a page that is not made for one day. `options` says until when and
    for how much the options run that are not exercised.
    """

    record: StoredRecord
    ends: str
    left: str
    options: str


def ending_award(record: StoredRecord, today: date | None) -> EndingAward:
    """Return a record that ends; `today` is `None` on a page that is not made for one day."""
    days = (record.ends - today).days if record.ends and today else None
    left = "" if days is None else "ends today" if days == 0 else f"in {pluralize(days, 'day')}"
    return EndingAward(record=record, ends=format_end(record.ends), left=left, options=options_left(record))


def options_left(record: StoredRecord) -> str:
    """Return the options of a contract that are not exercised: until when they run, and for how much."""
    if record.ends is None or record.may_end is None:
        return NOT_STATED
    until = f"until {format_end(record.may_end)}" if record.may_end > record.ends else ""
    base, ceiling = record.exercised, record.ceiling
    # The money of an ordering contract is in its orders.
    is_order = record.category in ("contract", "other-transaction") and not record.amount_warning
    more = ceiling - base if is_order and base is not None and ceiling is not None else Decimal(0)
    dollars = format_money(more) if more > 0 else ""
    return ", ".join(filter(None, (until, dollars))) or NO_OPTIONS
