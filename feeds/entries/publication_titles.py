"""What was published, in one line: titles of announcements, notices, subawards, uses of AI and documents."""

from __future__ import annotations

from feeds.entries.naming import buyer, name, recipient
from feeds.text import day, money, plural
from storage.models import StoredEvent, StoredRecord


def announced(event: StoredEvent) -> str:
    """Return the title of such an event."""
    record = event.record
    amount = next(iter(record.amounts), None)
    what = "an award"
    if amount:
        together = ", together with others" if amount.shared else ""
        what = f"{money(amount.dollars)} ({amount.meaning}{together})"
    verb = "corrects the announcement of" if record.corrects else "announces"
    return f"{buyer(record)} {verb} {what} for {recipient(record)}"


def new_notice(event: StoredEvent) -> str:
    """Return the title of such an event."""
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


def deadline_moved(event: StoredEvent) -> str:
    """Return the title of such an event."""
    was, now = name(event.before), name(event.after)
    due = f"answers now due {now}" if now else "answers no longer due by a stated day"
    return f"{buyer(event.record)}, {_notice(event.record)}: {due}" + (f" (before: {was})" if was else "")


def notice_withdrawn(event: StoredEvent) -> str:
    """Return the title of such an event."""
    return f"{buyer(event.record)}, {_notice(event.record)}: {name(event.after) or 'withdrawn'}"


def notice_changed(event: StoredEvent) -> str:
    """Return the title of such an event."""
    return f"{buyer(event.record)}, {_notice(event.record)}: amended"


def _notice(record: StoredRecord) -> str:
    kind = name(record.type_text) or "notice"
    return f"{kind}: {name(record.title) or name(record.description) or 'untitled'}"


def subawarded(event: StoredEvent) -> str:
    """Return the title of such an event."""
    record = event.record
    prime = next((value for label, value in record.facts if label.lower().startswith("prime")), "")
    through = f" under {name(prime)}'s award" if prime else ""
    amount = next(iter(record.amounts), None)
    sum_told = f": {money(amount.dollars)}" if amount and not record.doubt else ""
    return f"{buyer(record)}: subaward to {recipient(record)}{through}{sum_told}"


def use_case(event: StoredEvent) -> str:
    """Return the title of such an event."""
    record = event.record
    vendor = f" ({recipient(record)})" if record.recipient_name else ""
    return f"{buyer(record)} lists a use of AI: {name(record.title)}{vendor}"


def document(event: StoredEvent) -> str:
    """Return the title of such an event."""
    state = f" ({name(event.after)})" if event.after else ""
    return f"{buyer(event.record)}, {_notice(event.record)}{state}"
