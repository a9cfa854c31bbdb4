"""The columns of an export, and its rows of records, actions and events. docs/exports.md describes the columns.

Amounts are US dollars, dates as the source states them, times UTC. Text is as the source wrote it: the writer of a file
format has to escape it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import islice
from typing import Any

from sqlalchemy.orm import Session

from storage.errors import each_alone
from storage.models import MatchBand, StoredAction, StoredEvent, StoredRecord
from storage.possible_days import fiscal_year_of, is_possible
from storage.schema.fields import RECORD_FIELDS, FieldType

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
_Loaded = tuple[StoredRecord, Sequence[Any]]  # a record with its actions, or with its events


class RowType(StrEnum):
    """What a row of an export is."""

    RECORDS = "records"
    ACTIONS = "actions"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """The type and the meaning of a column; docs/exports.md and the data dictionary of an export have both."""

    type: FieldType
    meaning: str


def _text(meaning: str) -> ExportColumn:
    return ExportColumn(FieldType.TEXT, meaning)


# What the API and the SQL views call `obligated` repeats in each row of an award.
_FIELDS = {
    {"obligated": "award_obligated_total"}.get(each.public_name, each.public_name): each for each in RECORD_FIELDS
}
_MATCHES = {
    "vendor": _text("the matching entries of the watchlist, best match first, separated by semicolons"),
    "vendor_id": _text("their ids on the watchlist, in the same order"),
    "entry_kind": _text("what each of them is, in the same order: vendor or topic"),
    "category": _text("the technology of each of them, in the same order"),
    "reseller": _text("the recipient, if it is not the vendor but sells its products"),
    "matched_because": _text("the reason for the best match, in one sentence that quotes the record"),
    "score": ExportColumn(FieldType.SCORE, "score of the best match, 0 to 1"),
    "band": _text("band of the best match: published, review, name-only, rejected"),
}
SHARED_COLUMNS = {
    **_MATCHES,
    **{name: ExportColumn(field.type, field.meaning) for name, field in _FIELDS.items()},
    "award_obligated_total": ExportColumn(
        FieldType.DOLLARS,
        "obligated to date, over all actions of the award, as its source states: never add it up, US dollars",
    ),
    "attribution": _text("an attribution that SAM.gov requires for name and address data from D&B"),
    "record_key": _text("key of the record; for awards, USAspending's key"),
    "official_page": _text("URL of the official page"),
}
_YEAR_OF = "federal fiscal year of {}: 2024 began on 2023-10-01"
EXPORT_COLUMNS: Mapping[RowType, Mapping[str, ExportColumn]] = {
    RowType.RECORDS: {
        "fiscal_year": ExportColumn(FieldType.COUNT, _YEAR_OF.format("signed, or else published")),
        "obligated_by_actions": ExportColumn(
            FieldType.DOLLARS,
            "dollars obligated by the award's actions that the search finds: this column can be added up, US dollars",
        ),
        "actions": ExportColumn(FieldType.COUNT, "the number of those actions"),
        **SHARED_COLUMNS,
    },
    RowType.ACTIONS: {
        "fiscal_year": ExportColumn(FieldType.COUNT, _YEAR_OF.format("action_signed")),
        "action_signed": ExportColumn(FieldType.DATE, "date on which the action was signed"),
        "modification": _text("number of the modification; 0 or empty for the base award"),
        "action_obligation": ExportColumn(
            FieldType.DOLLARS,
            "dollars obligated by this action, negative if de-obligated: this column can be added up, US dollars",
        ),
        "action_type": _text("kind of modification"),
        "action_description": _text("description of this action, in the source's words"),
        "action_key": _text("key of the action"),
        **SHARED_COLUMNS,
    },
    RowType.EVENTS: {
        "fiscal_year": ExportColumn(FieldType.COUNT, _YEAR_OF.format("event_signed, or else event_published")),
        "event": _text("kind of event: new-award, extended, terminated ..."),
        "event_first_seen": ExportColumn(FieldType.TIME, "when Procurewatch first saw it; the order of feeds, UTC"),
        "event_signed": ExportColumn(FieldType.DATE, "date signed"),
        "event_published": ExportColumn(FieldType.DATE, "date on which the source published it"),
        "event_amount": ExportColumn(FieldType.DOLLARS, "dollars obligated by its action alone, US dollars"),
        "event_total": ExportColumn(
            FieldType.DOLLARS,
            "for a round sum, dollars that the agency has obligated to the vendor in all: never add totals up",
        ),
        "old_value": _text("the value before"),
        "new_value": _text("the value after"),
        "event_action_key": _text("key of its action"),
        "event_id": _text("its permanent id in the feeds"),
        "event_part_of": _text(
            "for a milestone, the event_id of the entry that includes it; empty if it has an entry of its own"
        ),
        **SHARED_COLUMNS,
    },
}
COLUMNS: Mapping[RowType, Mapping[str, FieldType]] = {
    kind: {name: column.type for name, column in columns.items()} for kind, columns in EXPORT_COLUMNS.items()
}


def record_row(record: StoredRecord, actions: Sequence[StoredAction]) -> Row:
    """Return the row of a record; `actions` are those of the award that the search finds."""
    amounts = [action.obligation for action in actions if action.obligation is not None]
    return {
        "fiscal_year": record.fiscal_year,
        "obligated_by_actions": sum(amounts, Decimal(0)) if not record.is_publication else None,
        "actions": len(actions) if not record.is_publication else None,
        **_of_record(record),
    }


def _of_record(record: StoredRecord) -> Row:
    """Return the columns that every type of row has."""
    best = record.matches[0] if record.matches else None
    return {
        "vendor": _joined(match.vendor_name for match in record.matches),
        "vendor_id": _joined(match.vendor_id for match in record.matches),
        "entry_kind": _joined(match.entry_kind for match in record.matches),
        "category": _joined(match.category for match in record.matches),
        "reseller": record.recipient_name if any(match.via_reseller for match in record.matches) else "",
        "matched_because": best.reason if best else "",
        "score": best.score if best else None,
        "band": best.band if best else "",
        **{name: _value(getattr(record, field.name)) for name, field in _FIELDS.items()},
        "attribution": attribution(record),
        "record_key": record.key,
        "official_page": record.url,
    }


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(texts)


def _value(value: Value | tuple[str, ...]) -> Value:
    return "; ".join(value) if isinstance(value, tuple) else value


def action_row(of: Row, action: StoredAction) -> Row:
    """Return the row of an action: its own columns, then those of its award."""
    return {
        "fiscal_year": action.fiscal_year,
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
    day = event.signed or event.published
    return {
        "fiscal_year": fiscal_year_of(day) if is_possible(day) else None,
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
    session: Session,
    kind: RowType,
    records: Iterable[StoredRecord],
    *,
    actions_of: ActionsOf,
    events_of: EventsOf,
    check: Callable[[Row], object] = len,
) -> Iterator[Row]:
    """Yield the rows of records in order, loading `BATCH_SIZE` records at a time.

    A record is left out (`storage.errors.left_out`) if its actions or events cannot be read, or if a row of it fails
    the check.

    Args:
        actions_of: loads the actions that a search finds, for a batch of record keys.
        events_of: loads the events of such a batch.
        check: raises an exception for a row that the format cannot have.
    """

    def load(batch: Sequence[StoredRecord]) -> list[_Loaded]:
        keys = [record.key for record in batch]
        related: Mapping[str, Sequence[Any]] = events_of(keys) if kind is RowType.EVENTS else actions_of(keys)
        return [(record, related.get(record.key, ())) for record in batch]

    def rows_of(loaded: Sequence[_Loaded]) -> Iterator[Row]:
        for record, related in loaded:
            for row in _rows_of(kind, record, related):
                check(row)
                yield row

    for batch in in_batches(records):
        for one in each_alone(session, batch, load, lambda record: record.key):
            yield from each_alone(session, [one], rows_of, lambda loaded: loaded[0].key)


def _rows_of(kind: RowType, record: StoredRecord, related: Sequence[Any]) -> Iterator[Row]:
    """Yield the rows of a record with the events or actions that belong to it."""
    if kind is RowType.RECORDS:
        yield record_row(record, related)
    elif kind is RowType.ACTIONS:
        yield from _action_rows(record, related)
    else:
        of = _of_record(record)
        yield from (event_row(of, event) for event in related)


def _action_rows(record: StoredRecord, actions: Sequence[StoredAction]) -> Iterator[Row]:
    """Yield the rows of an award's actions, each with the matches that concern it."""
    of = _of_record(record)
    for action in actions:
        concerned = as_concerned(record, action)
        yield action_row(of if concerned is record else _of_record(concerned), action)


def as_concerned(record: StoredRecord, action: StoredAction) -> StoredRecord:
    """Return an award with only the matches that concern one of its actions; the same one if all of them do."""
    matches = tuple(each for each in record.matches if not each.action_keys or action.key in each.action_keys)
    return record if len(matches) == len(record.matches) else replace(record, matches=matches)


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
