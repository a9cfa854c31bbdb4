"""Commands that read what is stored: search, show, export."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer
from sqlalchemy.orm import Session

from feeds.text import money, one_line
from procurewatch.commands.asking import Given, asked, asks
from procurewatch.desk import opened
from procurewatch.settings import Settings
from procurewatch.terminal import AWARD_COLUMNS, award_rows, console, plain, table
from storage.exporting import WRITERS, Row, action_rows, award_row
from storage.reading import actions_of, evidence_of, find_by_identifier
from storage.searching import count_records, find_records
from storage.stored import StoredRecord

NOTHING = 1


class Format(StrEnum):
    """What an export is written as."""

    CSV = "csv"
    JSON = "json"


class Rows(StrEnum):
    """What a row of an export is."""

    AWARDS = "awards"
    ACTIONS = "actions"


@asks
def search(
    context: typer.Context,
    given: Given,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The most records to list.")] = 50,
) -> None:
    """List what is stored, newest first, with why each is here. Exit code 1 if there is nothing."""
    settings: Settings = context.obj
    with opened(settings) as desk, desk.database.reading() as session:
        query = asked(given, desk.watchlist)
        total = count_records(session, query)
        rows = list(award_rows(find_records(session, query, limit)))
    if not rows:
        typer.echo("procurewatch: nothing stored answers to that", err=True)
        raise typer.Exit(NOTHING)
    shown = f"{total} awards" if total == len(rows) else f"{len(rows)} of {total} awards (--limit shows more)"
    console().print(table(shown, AWARD_COLUMNS, rows, right=("Obligated",)))


def show(
    context: typer.Context,
    award: Annotated[str, typer.Argument(help="An award's key, PIID or usaspending.gov address.")],
) -> None:
    """Show one award: facts, actions, why it matched, and the evidence."""
    settings: Settings = context.obj
    with opened(settings) as desk, desk.database.reading() as session:
        found = find_by_identifier(session, award)
        if not found:
            typer.echo(one_line(f"procurewatch: no award {award!r} is stored"), err=True)
            raise typer.Exit(NOTHING)
        for each in found:
            _show_award(session, each)


@asks
def export(
    context: typer.Context,
    given: Given,
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.CSV,
    rows: Annotated[Rows, typer.Option(help="One row an award, or one an action.")] = Rows.AWARDS,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; standard output if left out.")] = None,
) -> None:
    """Write stored awards as CSV or JSON, with official links, dollars and reasons."""
    settings: Settings = context.obj
    with opened(settings) as desk, desk.database.reading() as session, whole_output(output) as out:
        query = asked(given, desk.watchlist)
        count = WRITERS[form](_rows(session, find_records(session, query), rows), out)
    if not count:
        typer.echo("procurewatch: nothing stored answers to that", err=True)
        raise typer.Exit(NOTHING)
    if output:
        typer.echo(f"{count} rows in {output}", err=True)


def _rows(session: Session, awards: Iterable[StoredRecord], rows: Rows) -> Iterator[Row]:
    for award in awards:
        if rows is Rows.ACTIONS:
            yield from action_rows(award, actions_of(session, award.key))
        else:
            yield award_row(award)


@contextmanager
def whole_output(file: Path | None) -> Iterator[TextIO]:
    """Give standard output, or a file that appears only when it is whole."""
    if file is None:
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # a text stream of the terminal
        yield sys.stdout
        return
    temporary = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            yield out
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def _show_award(session: Session, award: StoredRecord) -> None:
    out = console()
    facts = ((name.replace("_", " "), "" if value is None else str(value)) for name, value in award_row(award).items())
    out.print(table(award.key, ("Fact", "As the source has it"), [fact for fact in facts if fact[1]]))
    actions = (
        (
            action.modification,
            str(action.signed or "not stated"),
            money(action.obligation) if action.obligation is not None else "not stated",
            action.action_type_text,
            action.description,
        )
        for action in actions_of(session, award.key)
    )
    out.print(table("Actions", ("Mod", "Signed", "Obligation", "Kind", "Description"), actions, right=("Obligation",)))
    for match in award.matches:
        out.print(plain(f"{match.vendor_name} ({match.band}, score {match.score:.2f}): {match.reason}"))
    evidence = (
        (each.sha256, f"{each.retrieved_at:%Y-%m-%d %H:%M} UTC", each.url) for each in evidence_of(session, award.key)
    )
    out.print(table("Evidence", ("sha256", "Retrieved", "From"), evidence))
