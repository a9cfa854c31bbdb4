"""Commands that read stored records: search, show."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from feeds.text import format_money, format_time, pluralize
from procurewatch.command_line.query_options import QueryOptions, query_from_options, with_query_options
from procurewatch.command_line.terminal import (
    AWARD_COLUMNS,
    award_rows,
    console,
    fail_if_left_out,
    fail_without_matches,
    plain,
    read_awards,
    table,
)
from procurewatch.context import open_app
from procurewatch.query_coverage import coverage_notes
from procurewatch.settings import Settings
from storage.models import StoredRecord
from storage.reading.export_rows import EXPORT_COLUMNS, RowType, record_row
from storage.reading.records import actions_of, evidence_of
from storage.schema.fields import FieldType
from storage.search.search import count_records, find_records
from storage.search.spending import EVERYTHING, load_found_actions, total_of

ABBREVIATIONS = frozenset({"cage", "duns", "id", "naics", "piid", "psc", "uei"})


@with_query_options
def search(
    context: typer.Context,
    options: QueryOptions,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Maximum number of records to list.")] = 50,
) -> None:
    """List stored records, newest first, with the reason for each match. Exit code 1 if no record matches."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        query = query_from_options(options, app_context.watchlist, session)
        count, total = count_records(session, query), total_of(session, query)
        notes = coverage_notes(session, app_context.watchlist, query)
        rows = list(award_rows(find_records(session, query, limit)))
        if not rows:
            fail_without_matches(session, notes)
        found = pluralize(count, "record")
        shown = found if count == len(rows) else f"{len(rows)} of {found} (--limit shows more)"
        console().print(table(shown, AWARD_COLUMNS, rows, right=("Obligated",)))
        if total.actions:
            of = f"{pluralize(total.actions, 'contract action')} of {pluralize(total.awards, 'award')}"
            console().print(f"\n{format_money(total.dollars)} obligated by {of}.", style="bold")
        for note in notes:
            console().print(plain(note))
        fail_if_left_out(session)


def show(
    context: typer.Context,
    award: Annotated[str, typer.Argument(help="An award's key, PIID or usaspending.gov address.")],
) -> None:
    """Show one award: fields, actions, why it matched, and the evidence."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        for each in read_awards(session, award):
            _show_award(session, each)


def _show_award(session: Session, award: StoredRecord) -> None:
    out, actions = console(), actions_of(session, award.key)
    stated = record_row(award, load_found_actions(session, EVERYTHING, [award.key]).get(award.key, ()))
    fields = [(_label(name), _shown(name, value)) for name, value in stated.items() if value not in (None, "")]
    out.print(table(award.key, ("Field", "Value"), fields))
    listed = (
        (
            action.modification,
            str(action.signed or "not stated"),
            format_money(action.obligation) if action.obligation is not None else "not stated",
            action.action_type_text,
            action.description,
        )
        for action in actions
    )
    out.print(table("Actions", ("Mod", "Signed", "Obligation", "Kind", "Description"), listed, right=("Obligation",)))
    for match in award.matches:
        out.print(plain(f"{match.vendor_name} ({match.band}, score {match.score:.2f}): {match.reason}"))
    evidence = (
        (each.sha256, f"{each.retrieved_at:%Y-%m-%d %H:%M} UTC", each.url) for each in evidence_of(session, award.key)
    )
    out.print(table("Evidence", ("sha256", "Retrieved", "From"), evidence))


def _label(column: str) -> str:
    """Return the name of a column of exports in words."""
    return " ".join(word.upper() if word in ABBREVIATIONS else word for word in column.split("_"))


def _shown(column: str, value: object) -> str:
    if isinstance(value, Decimal) and EXPORT_COLUMNS[RowType.RECORDS][column].type is FieldType.DOLLARS:
        return format_money(value)
    return format_time(value) if isinstance(value, datetime) else str(value)
