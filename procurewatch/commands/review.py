"""Commands for what a person decides: review, rematch."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from feeds.text import format_money
from monitors.matching.matcher import Matcher
from monitors.runs.pipeline import RunContext
from monitors.runs.rematch import rematch as run_rematch
from procurewatch.commands._common import read_vendor
from procurewatch.context import AppContext, open_app
from procurewatch.reviews import note_verdict, subject_of
from procurewatch.settings import Settings
from procurewatch.terminal import console, plain, stopping, table
from storage.models import StoredMatch, StoredRecord
from storage.reading.records import actions_of, find_by_identifier, is_pending_review, review_queue
from storage.writing.reviews import (
    Decision,
    InvalidVerdict,
    all_verdicts,
    forget,
    read_verdicts,
    take_in,
    write_verdicts,
)

review = typer.Typer(help="Decide what matches: confirm, reject, or reject for good.", invoke_without_command=True)

EXIT_NOTHING_FOUND = 1
QUESTION = "[c]onfirm  [r]eject  [n]ever this recipient for this vendor  [s]kip  [u]ndo  [q]uit"
ANSWERS = {"c": Decision.CONFIRMED, "r": Decision.REJECTED, "n": Decision.NEVER}

VendorOption = Annotated[str, typer.Option("--vendor", help="Only this vendor, by name or id.")]
NoteOption = Annotated[str, typer.Option("--note", help="Why; kept with the verdict, and told if feeds withdraw it.")]


@review.callback()
def queue(context: typer.Context, vendor: VendorOption = "") -> None:
    """Go through the matches that wait for a person, best first. Without a subcommand, asks at the terminal."""
    if context.invoked_subcommand:
        return
    settings: Settings = context.obj
    with open_app(settings) as app_context:
        vendor_id = read_vendor(vendor, app_context.watchlist).id if vendor else ""
        with app_context.database.reading() as session:
            waiting = review_queue(session, vendor_id)
        if not waiting:
            typer.echo("Nothing waits for review.")
            return
        _ask_all(app_context, waiting)


@review.command("list")
def list_queue(context: typer.Context, vendor: VendorOption = "") -> None:
    """List the matches that wait for a person."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        waiting = review_queue(session, read_vendor(vendor, app_context.watchlist).id if vendor else "")
    rows = [
        (match.vendor_name, f"{match.score:.2f}", award.piid, award.recipient_name, match.reason)
        for award, match in waiting
    ]
    columns = ("Vendor", "Score", "PIID", "Recipient", "Why")
    console().print(table(f"{len(rows)} matches wait for review", columns, rows, right=("Score",)))


@review.command("decide")
def decide_one(
    context: typer.Context,
    award: Annotated[str, typer.Argument(help="An award's key, PIID or usaspending.gov address.")],
    vendor: Annotated[str, typer.Argument(help="A vendor of the watchlist, by name or id.")],
    decision: Annotated[Decision, typer.Argument(help="confirmed, rejected, or never (this recipient).")],
    note: NoteOption = "",
) -> None:
    """Decide one match without being asked."""
    settings: Settings = context.obj
    with open_app(settings) as app_context:
        vendor_id = read_vendor(vendor, app_context.watchlist).id
        with app_context.database.writing() as session:
            found = find_by_identifier(session, award)
            matches = [(each, match) for each in found for match in each.matches if match.vendor_id == vendor_id]
            if len(matches) != 1:
                raise typer.BadParameter(
                    f"{len(matches)} stored matches of {award!r} with {vendor_id}; give the award's key"
                )
            told = note_verdict(session, matches[0][0], vendor_id, decision, who=getpass.getuser(), note=note)
    typer.echo(_told(told))


@review.command("export")
def export_verdicts(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="A file for colleagues, a verdict a line.")]
) -> None:
    """Write all verdicts to a file that others can import."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, app_context.database.reading() as session:
        lines = list(write_verdicts(all_verdicts(session)))
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    typer.echo(f"{len(lines)} verdicts in {file}")


@review.command("import")
def import_verdicts(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="A file that `review export` wrote.")]
) -> None:
    """Take in verdicts from a file: all or none. Where both have one on the same subject, the later counts."""
    settings: Settings = context.obj
    try:
        verdicts = list(read_verdicts(file.read_text(encoding="utf-8").splitlines()))
    except (InvalidVerdict, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file}: {error}") from error
    with open_app(settings) as app_context, app_context.database.writing() as session:
        taken, left = take_in(session, verdicts)
    typer.echo(f"{taken} verdicts taken in, {left} left as they were")


def rematch(context: typer.Context) -> None:
    """Match all stored awards anew, after the watchlist has changed; verdicts stay, feeds get only what is new."""
    settings: Settings = context.obj
    with open_app(settings) as app_context, stopping(app_context.stop):
        run_context = RunContext(
            database=app_context.database, matcher=Matcher(app_context.watchlist), stop=app_context.stop
        )
        report = run_rematch(run_context)
    changes = [(vendor, f"+{count}") for vendor, count in sorted(report.gained.items())]
    changes += [(vendor, f"-{count}") for vendor, count in sorted(report.lost.items())]
    if changes:
        console().print(table("Awards gained and lost", ("Vendor", "Awards"), changes, right=("Awards",)))
    typer.echo(f"{report.awards} awards matched anew; {_told(report.told)}")


def _told(count: int) -> str:
    return f"feeds gain {count} {'entry' if count == 1 else 'entries'}"


def _ask_all(app_context: AppContext, waiting: Sequence[tuple[StoredRecord, StoredMatch]]) -> None:
    out = console()
    done: list[tuple[StoredRecord, StoredMatch, Decision]] = []
    position = 0
    while position < len(waiting):
        award, match = waiting[position]
        with app_context.database.reading() as session:
            waits = is_pending_review(session, award.key, match.vendor_id)
        if not waits:  # decided with another one, about the same recipient
            position += 1
            continue
        _show(app_context, out, award, match, f"{position + 1} of {len(waiting)}")
        answer = typer.prompt(QUESTION, default="s", show_default=False).strip().lower()[:1]
        if answer == "q":
            break
        if answer == "u" and done:
            last_award, last_match, decision = done.pop()
            with app_context.database.writing() as session:
                forget(session, last_match.vendor_id, subject_of(last_award, decision), datetime.now(UTC))
            position = waiting.index((last_award, last_match))
            continue
        if answer in ANSWERS:
            with app_context.database.writing() as session:
                note_verdict(session, award, match.vendor_id, ANSWERS[answer], who=getpass.getuser())
            done.append((award, match, ANSWERS[answer]))
        elif answer != "s":
            continue
        position += 1
    typer.echo(f"{len(done)} decided, {len(waiting) - len(done)} still wait.")


def _show(app_context: AppContext, out: Console, award: StoredRecord, match: StoredMatch, place: str) -> None:
    amount = format_money(award.obligated) if award.obligated is not None else "amount not stated"
    out.print()
    out.print(plain(f"{place}: {match.vendor_name}?  {award.recipient_name}, {award.sub_agency_name}, {amount}"))
    out.print(plain(match.reason))
    with app_context.database.reading() as session:
        for action in actions_of(session, award.key)[:5]:
            out.print(plain(f"  {action.signed or 'not stated'}  {action.modification:>8}  {action.description}"))
    out.print(plain(f"  {award.url}"))
