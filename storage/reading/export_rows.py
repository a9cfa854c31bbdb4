"""What an export holds: its columns, and the rows of records, actions and events.

docs/exports.md says of each column what it means and where it comes from. Amounts are US dollars, dates as the source
states them, times UTC. Text is as the source wrote it: what writes a file makes it harmless there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice

from storage.fields import RECORD_FIELDS, FieldType
from storage.models import MatchBand, StoredAction, StoredEvent, StoredRecord

BATCH_SIZE = 500  # records read together

# SAM.gov marks so the names and addresses that it may hand on only with a word on whose they are.
DUN_BRADSTREET = ("Source of the recipient's name and address", "D&B")
ATTRIBUTION = (
    "The recipient's name and address are D&B Open Data from Dun & Bradstreet, through SAM.gov: name the source when"
    " you quote them, and do not redistribute them in bulk."
)

Value = str | Decimal | date | datetime | int | float | None
Row = Mapping[str, Value]
ActionsOf = Callable[[Sequence[str]], Mapping[str, Sequence[StoredAction]]]
EventsOf = Callable[[Sequence[str]], Mapping[str, Sequence[StoredEvent]]]


class RowsOf(StrEnum):
    """What a row of an export is."""

    RECORDS = "records"
    ACTIONS = "actions"
    EVENTS = "events"


_TEXT = FieldType.TEXT
_RECORDS = {
    "vendor": _TEXT,
    "matched_because": _TEXT,
    "score": FieldType.SCORE,
    "band": _TEXT,
    **{field.public_name: field.type for field in RECORD_FIELDS},
    "attribution": _TEXT,
    "record_key": _TEXT,
    "official_page": _TEXT,
}
COLUMNS: Mapping[RowsOf, Mapping[str, FieldType]] = {
    RowsOf.RECORDS: _RECORDS,
    RowsOf.ACTIONS: {
        "action_signed": FieldType.DATE,
        "modification": _TEXT,
        "action_obligation": FieldType.DOLLARS,
        "action_type": _TEXT,
        "action_description": _TEXT,
        "action_key": _TEXT,
        **_RECORDS,
    },
    RowsOf.EVENTS: {
        "event": _TEXT,
        "event_first_seen": FieldType.TIME,
        "event_signed": FieldType.DATE,
        "event_published": FieldType.DATE,
        "event_amount": FieldType.DOLLARS,
        "old_value": _TEXT,
        "new_value": _TEXT,
        "event_action_key": _TEXT,
        "event_id": _TEXT,
        **_RECORDS,
    },
}


def record_row(record: StoredRecord) -> Row:
    """Return a record as one row: who, why, the facts, and where they can be checked."""
    best = record.matches[0] if record.matches else None
    return {
        "vendor": "; ".join(match.vendor_name for match in record.matches),
        "matched_because": best.reason if best else "",
        "score": best.score if best else None,
        "band": best.band if best else "",
        **{field.public_name: _value(getattr(record, field.name)) for field in RECORD_FIELDS},
        "attribution": attribution(record),
        "record_key": record.key,
        "official_page": record.url,
    }


def _value(value: Value | tuple[str, ...]) -> Value:
    return "; ".join(value) if isinstance(value, tuple) else value


def action_row(of: Row, action: StoredAction) -> Row:
    """Return an action as one row: the action's facts first, then its award's row."""
    return {
        "action_signed": action.signed,
        "modification": action.modification,
        "action_obligation": action.obligation,
        "action_type": action.action_type_text or action.action_type,
        "action_description": action.description,
        "action_key": action.key,
        **of,
    }


def event_row(of: Row, event: StoredEvent) -> Row:
    """Return an event as one row: what happened first, then its record's row, as the record is now."""
    return {
        "event": event.kind.value,
        "event_first_seen": event.first_seen,
        "event_signed": event.signed,
        "event_published": event.published,
        "event_amount": event.amount,
        "old_value": event.old_value,
        "new_value": event.new_value,
        "event_action_key": event.action.key if event.action else "",
        "event_id": event.id,
        **of,
    }


def rows_of(
    kind: RowsOf, records: Iterable[StoredRecord], *, actions_of: ActionsOf, events_of: EventsOf
) -> Iterator[Row]:
    """Give the rows of records in their order, a few hundred records in memory at a time.

    `actions_of` and `events_of` return those of a few hundred records by their keys; only the one needed is called.
    """
    for batch in in_batches(records):
        rows = {record.key: record_row(record) for record in batch}
        if kind is RowsOf.ACTIONS:
            actions = actions_of(list(rows))
            yield from (action_row(row, action) for key, row in rows.items() for action in actions.get(key, ()))
        elif kind is RowsOf.EVENTS:
            events = events_of(list(rows))
            yield from (event_row(row, event) for key, row in rows.items() for event in events.get(key, ()))
        else:
            yield from rows.values()


def in_batches(records: Iterable[StoredRecord], size: int = BATCH_SIZE) -> Iterator[list[StoredRecord]]:
    """Give the records in lists of at most `size`."""
    left = iter(records)
    while batch := list(islice(left, size)):
        yield batch


def with_bands(
    records: Iterable[StoredRecord], bands: frozenset[str] = frozenset({MatchBand.PUBLISHED})
) -> Iterator[StoredRecord]:
    """Give the records with only those of their matches that are in these bands: what is not published stays here."""
    for record in records:
        yield replace(record, matches=tuple(match for match in record.matches if match.band in bands))


def attribution(record: StoredRecord) -> str:
    """Return whom to name beside a record's source, "" for nobody."""
    return ATTRIBUTION if DUN_BRADSTREET in record.facts else ""
