"""The columns of an export, and its rows of records, actions and events. docs/exports.md describes the columns.

Amounts are US dollars, dates as the source states them, times UTC. Text is as the source wrote it: the writer of a file
format has to escape it.
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

BATCH_SIZE = 500  # records loaded at a time

# SAM.gov marks names and addresses that may only be passed on with attribution.
DUN_BRADSTREET = ("Source of the recipient's name and address", "D&B")
ATTRIBUTION = (
    "The recipient's name and address are D&B Open Data from Dun & Bradstreet, through SAM.gov: name the source when"
    " you quote them, and do not redistribute them in bulk."
)

Value = str | Decimal | date | datetime | int | float | None
Row = Mapping[str, Value]
ActionsOf = Callable[[Sequence[str]], Mapping[str, Sequence[StoredAction]]]
EventsOf = Callable[[Sequence[str]], Mapping[str, Sequence[StoredEvent]]]


class RowType(StrEnum):
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
COLUMNS: Mapping[RowType, Mapping[str, FieldType]] = {
    RowType.RECORDS: _RECORDS,
    RowType.ACTIONS: {
        "action_signed": FieldType.DATE,
        "modification": _TEXT,
        "action_obligation": FieldType.DOLLARS,
        "action_type": _TEXT,
        "action_description": _TEXT,
        "action_key": _TEXT,
        **_RECORDS,
    },
    RowType.EVENTS: {
        "event": _TEXT,
        "event_first_seen": FieldType.TIME,
        "event_signed": FieldType.DATE,
        "event_published": FieldType.DATE,
        "event_amount": FieldType.DOLLARS,
        "event_total": FieldType.DOLLARS,
        "old_value": _TEXT,
        "new_value": _TEXT,
        "event_action_key": _TEXT,
        "event_id": _TEXT,
        "event_part_of": _TEXT,
        **_RECORDS,
    },
}


def record_row(record: StoredRecord) -> Row:
    """Return the row of a record."""
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
    """Return the row of an action: its own columns, then those of its award."""
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
    """Return the row of an event: its own columns, then those of its record as it is now."""
    return {
        "event": event.kind.value,
        "event_first_seen": event.first_seen,
        "event_signed": event.signed,
        "event_published": event.published,
        "event_amount": event.amount,
        "event_total": event.total,
        "old_value": event.old_value,
        "new_value": event.new_value,
        "event_action_key": event.action.key if event.action else "",
        "event_id": event.id,
        "event_part_of": event.part_of,
        **of,
    }


def export_rows(
    kind: RowType, records: Iterable[StoredRecord], *, actions_of: ActionsOf, events_of: EventsOf
) -> Iterator[Row]:
    """Yield the rows of records in order, loading `BATCH_SIZE` records at a time.

    `actions_of` and `events_of` load the actions or events for a batch of record keys, if the rows need them.
    """
    for batch in in_batches(records):
        rows = {record.key: record_row(record) for record in batch}
        if kind is RowType.ACTIONS:
            actions = actions_of(list(rows))
            yield from (action_row(row, action) for key, row in rows.items() for action in actions.get(key, ()))
        elif kind is RowType.EVENTS:
            events = events_of(list(rows))
            yield from (event_row(row, event) for key, row in rows.items() for event in events.get(key, ()))
        else:
            yield from rows.values()


def in_batches(records: Iterable[StoredRecord], size: int = BATCH_SIZE) -> Iterator[list[StoredRecord]]:
    """Yield the records in lists of at most `size`."""
    left = iter(records)
    while batch := list(islice(left, size)):
        yield batch


def with_bands(
    records: Iterable[StoredRecord], bands: frozenset[str] = frozenset({MatchBand.PUBLISHED})
) -> Iterator[StoredRecord]:
    """Yield the records with only their matches in these bands, so that unpublished matches are not exported."""
    for record in records:
        yield replace(record, matches=tuple(match for match in record.matches if match.band in bands))


def attribution(record: StoredRecord) -> str:
    """Return the attribution that a record needs besides its source, or ""."""
    return ATTRIBUTION if DUN_BRADSTREET in record.facts else ""
