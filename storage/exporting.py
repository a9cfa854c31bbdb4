"""Exports for a spreadsheet or a script: the columns a journalist needs, a row at a time.

Amounts are US dollars, dates ISO 8601, times UTC.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TextIO

from storage.stored import StoredAction, StoredRecord

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), full-width forms included.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")

Value = str | Decimal | date | datetime | int | float | None
Row = Mapping[str, Value]

AWARD_FACTS = (
    "piid",
    "parent_piid",
    "type_text",
    "recipient_name",
    "recipient_uei",
    "recipient_parent_name",
    "recipient_parent_uei",
    "agency_name",
    "sub_agency_name",
    "office",
    "funding_agency_name",
    "obligated",
    "exercised",
    "ceiling",
    "signed",
    "starts",
    "ends",
    "may_end",
    "description",
    "psc",
    "psc_text",
    "naics",
    "naics_text",
    "solicitation",
    "extent_competed",
    "place",
)


def award_row(award: StoredRecord) -> Row:
    """Return an award as one row: who, why, the facts, and where they can be checked."""
    best = award.matches[0] if award.matches else None
    return {
        "vendor": "; ".join(match.vendor_name for match in award.matches),
        "matched_because": best.reason if best else "",
        "score": best.score if best else None,
        "band": best.band if best else "",
        **{name: getattr(award, name) for name in AWARD_FACTS},
        "source": award.source,
        "source_modified": award.modified,
        "first_seen": award.first_seen,
        "record_key": award.key,
        "official_page": award.url,
    }


def action_rows(award: StoredRecord, actions: Iterable[StoredAction]) -> Iterator[Row]:
    """Give a row for each action of an award: the action's facts first, then those of its award."""
    for action in actions:
        yield {
            "action_signed": action.signed,
            "modification": action.modification,
            "action_obligation": action.obligation,
            "action_type": action.action_type_text or action.action_type,
            "action_description": action.description,
            "action_key": action.key,
            **award_row(award),
        }


def write_csv(rows: Iterable[Row], out: TextIO) -> int:
    """Write rows as CSV with a header; return how many. Text that a spreadsheet would run is defused with a quote."""
    writer = None
    count = 0
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(out, fieldnames=list(row))
            writer.writeheader()
        writer.writerow({name: _cell(value) for name, value in row.items()})
        count += 1
    return count


def write_json(rows: Iterable[Row], out: TextIO) -> int:
    """Write rows as a JSON array, a row a line; return how many. Amounts are strings, lest a reader round them."""
    count = 0
    out.write("[")
    for row in rows:
        out.write(",\n" if count else "\n")
        json.dump({name: _json_value(value) for name, value in row.items()}, out, ensure_ascii=False)
        count += 1
    out.write("\n]\n")
    return count


WRITERS: dict[str, Callable[[Iterable[Row], TextIO], int]] = {"csv": write_csv, "json": write_json}


def _json_value(value: Value) -> str | int | float | None:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _cell(value: Value) -> str:
    """Return the cell of a value; numbers stay numbers, text cannot be taken for a formula."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(_json_value(value))
    return f"'{value}" if value.lstrip(" ").startswith(FORMULA_STARTS) else value
